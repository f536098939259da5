"""Nearest neighbours: one search with the largest k serves every smaller one.

The first k of K neighbours are the k nearest, with the same distances to the bit. Which of
several equally distant points come first, and which of them are among the k at all, depends on
k; a prediction is made from a longer search only where that cannot change it.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.neighbors._base import _get_weights
from sklearn.utils.extmath import weighted_mode

from tunesmith.evaluation.families import Kept, adopt, family_of, fit_alone, learned
from tunesmith.evaluation.stages import size_of
from tunesmith.trial import Work

_CLEAR = 1e-9
"""A lead that no order of summation can turn around."""

_LEVEL = 1e-12
"""Distances this close are level: trees prune by bounds that are rounded."""


@dataclass(frozen=True)
class Search:
    """The neighbours of each row of some data.

    Parameters
    ----------
    X : ndarray of shape (n_queries, n_features)
        The data, which nobody may write to.
    distances : ndarray of shape (n_queries, k)
        Ascending.
    indices : ndarray of shape (n_queries, k)
        Of the neighbours among the training data.
    """

    X: NDArray[Any]
    distances: NDArray[np.float64]
    indices: NDArray[np.intp]

    @property
    def k(self) -> int:
        """The number of neighbours."""
        return int(self.indices.shape[1])

    def unlike_at(self, k: int, y: NDArray[Any]) -> NDArray[np.bool_]:
        """Return the rows in which it matters which points at one distance are among the first k.

        Parameters
        ----------
        k : int
            Less than what the search holds.
        y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            Of the training data.

        Returns
        -------
        ndarray of shape (n_queries,), dtype bool
            True too where points beyond those of the search may be at that distance.
        """
        last, first_out = self.distances[:, k - 1], self.distances[:, k]
        rows = np.flatnonzero(_level(last, first_out))
        level = _level(self.distances[rows], first_out[rows, np.newaxis])
        unlike = _differ(y[self.indices[rows]], y[self.indices[rows, k]][:, np.newaxis])
        found = np.zeros(len(last), dtype=bool)
        found[rows] = (level & unlike).any(axis=1) | level[:, -1]
        return found

    def unlike_within(self, k: int, y: NDArray[Any]) -> NDArray[np.bool_]:
        """Return the rows in which the order of points at one distance may matter as well.

        The parameters and what is returned are those of `unlike_at`.
        """
        level = _level(self.distances[:, 1:k], self.distances[:, : k - 1])
        rows = np.flatnonzero(level.any(axis=1))
        targets = y[self.indices[rows, :k]]
        found = self.unlike_at(k, y)
        found[rows] |= (level[rows] & _differ(targets[:, 1:], targets[:, :-1])).any(axis=1)
        return found


def _level(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.bool_]:
    return np.asarray(np.abs(one - other) <= _LEVEL * np.abs(other))


def _differ(one: NDArray[Any], other: NDArray[Any]) -> NDArray[np.bool_]:
    """Compare targets, of one output or several, neighbour by neighbour."""
    unlike = one != other
    return np.asarray(unlike if unlike.ndim == 2 else unlike.any(axis=2))


@dataclass
class Memory:
    """What a fitted estimator leaves to the others of its family.

    Parameters
    ----------
    state : mapping
        What it has learned.
    k : int
        Its number of neighbours.
    """

    state: Mapping[str, Any]
    k: int
    searches: list[Search] = field(default_factory=list)

    @property
    def nbytes(self) -> int:
        """What it holds beside the data, in bytes."""
        found = sum(each.distances.nbytes + each.indices.nbytes for each in self.searches)
        return size_of(self.state) + found

    def search(self, estimator: Any, X: Any) -> Search | None:
        """Return one neighbour more than an estimator asks for; None where that is not kept.

        Parameters
        ----------
        estimator : estimator object
            Fitted.
        X : object
            Told apart by identity, and so only where it cannot be written to.
        """
        if not isinstance(X, np.ndarray) or X.flags.writeable:
            return None
        wanted = estimator.n_neighbors + 1
        if wanted > estimator.n_samples_fit_:
            return None
        for search in self.searches:
            if search.X is X and search.k >= wanted:
                return search
        search = Search(X, *type(estimator).kneighbors(estimator, X, n_neighbors=wanted))
        self.searches = [other for other in self.searches if other.X is not X][-_HELD:]
        self.searches.append(search)
        return search


_HELD = 3


class _Family:
    """Fits that differ in the number of neighbours and in their weights."""

    free = frozenset({"n_neighbors", "weights"})
    whole = False

    def rank(self, estimator: Any) -> float:
        """Return minus the number of neighbours: the longest search first."""
        return -float(estimator.n_neighbors)

    def cost(self, estimator: Any) -> float:
        """Return 1: the search is what takes long."""
        return 1.0

    def fit(
        self, estimator: Any, X: Any, y: Any, params: Mapping[str, Any], kept: Kept | None
    ) -> tuple[Kept, Work]:
        """Take what is learned from the data alone; have predictions made from long searches."""
        if kept is None or not _alike(estimator, kept.value):
            start = time.perf_counter()
            fit_alone(estimator, X, y, params)
            memory = Memory(learned(estimator), estimator.n_neighbors)
            seconds, work = time.perf_counter() - start, Work(fits=1)
        else:
            memory, seconds = kept.value, kept.seconds
            adopt(estimator, memory.state)
            work = Work(seconds_saved=seconds)
        kind = _Classifier if isinstance(estimator, KNeighborsClassifier) else _Regressor
        vars(estimator)["predict"] = kind(estimator, memory).predict
        if kind is _Classifier:
            vars(estimator)["predict_proba"] = _Classifier(estimator, memory).predict_proba
        # Anew each time, because searches have been added since.
        return Kept(memory, seconds, nbytes=memory.nbytes), work


def _alike(estimator: Any, memory: Memory) -> bool:
    """Whether an estimator would choose the same algorithm; "auto" looks at half the samples."""
    half = memory.state["n_samples_fit_"] // 2
    return bool(
        estimator.algorithm != "auto" or (estimator.n_neighbors < half) == (memory.k < half)
    )


@dataclass(frozen=True)
class _Regressor:
    """Predictions of one regressor."""

    own: Any
    memory: Memory

    def predict(self, X: Any) -> Any:
        """Predict as the class does, from the search that is kept."""
        search, k = self.memory.search(self.own, X), self.own.n_neighbors
        if search is None or (search.unlike_within(k, self.own._y)).any():
            return type(self.own).predict(self.own, X)
        return _with_neighbours(self.own, search, k, X)


@dataclass(frozen=True)
class _Classifier:
    """Predictions of one classifier."""

    own: Any
    memory: Memory

    def predict(self, X: Any) -> Any:
        """Predict as the class does, from the search that is kept."""
        search = self._search(X)
        if search is None:
            return type(self.own).predict(self.own, X)
        k, labels, uniform = self.own.n_neighbors, self.own._y, self.own.weights == "uniform"
        doubtful = search.unlike_at(k, labels) if uniform else search.unlike_within(k, labels)
        weights = _get_weights(search.distances, self.own.weights)
        for row in np.flatnonzero(doubtful).tolist():
            if not _leads(search, row, k, labels, None if uniform else weights[row]):
                return type(self.own).predict(self.own, X)
        classes: NDArray[Any] = self.own.classes_
        if uniform:
            return classes[np.argmax(self._votes(search, k), axis=1)]
        mode, _ = weighted_mode(labels[search.indices[:, :k]], weights[:, :k], axis=1)
        return classes.take(np.asarray(mode.ravel(), dtype=np.intp))

    def predict_proba(self, X: Any) -> Any:
        """Give the probabilities that the class gives, from the search that is kept."""
        search, k = self._search(X), self.own.n_neighbors
        # Within a class, equal distances add equal weights in whatever order.
        if search is None or search.unlike_at(k, self.own._y).any():
            return type(self.own).predict_proba(self.own, X)
        votes = self._votes(search, k)
        return votes / votes.sum(axis=1)[:, np.newaxis]

    def _search(self, X: Any) -> Search | None:
        return None if self.own.outputs_2d_ else self.memory.search(self.own, X)

    def _votes(self, search: Search, k: int) -> NDArray[np.float64]:
        """Add up votes neighbour by neighbour, as ``predict_proba`` does."""
        labels = self.own._y[search.indices[:, :k]]
        weights = _get_weights(search.distances[:, :k], self.own.weights)
        votes = np.zeros((len(labels), len(self.own.classes_)))
        rows = np.arange(len(labels))
        for at in range(k):
            votes[rows, labels[:, at]] += 1.0 if weights is None else weights[:, at]
        return votes


def _leads(
    search: Search, row: int, k: int, labels: NDArray[Any], weights: NDArray[Any] | None
) -> bool:
    """Whether one class leads in a row, whichever of the points at one distance are taken."""
    distances, targets = search.distances[row], labels[search.indices[row]]
    edge = _level(distances, distances[k])
    if not edge[k - 1]:
        edge[:] = False
    elif edge[-1]:  # who comes after is not known
        return False
    given = np.ones(len(distances)) if weights is None else weights
    n_classes = int(labels.max()) + 1
    sure = np.zeros(n_classes)
    np.add.at(sure, targets[:k][~edge[:k]], given[:k][~edge[:k]])
    weight, seats = given[k - 1], int(edge[:k].sum())
    held = np.bincount(targets[edge], minlength=n_classes)
    least = sure + weight * np.maximum(0, seats - (held.sum() - held))
    most = sure + weight * np.minimum(seats, held)
    leader = int(np.argmax(least))
    rival = np.delete(most, leader).max(initial=0.0)
    return bool(least[leader] - rival > _CLEAR * least[leader])


def _with_neighbours(estimator: Any, search: Search, k: int, X: Any) -> Any:
    """Predict by the class' own method, which is given the neighbours that are known."""

    def kneighbors(X: Any, return_distance: bool = True) -> Any:
        distances, indices = search.distances[:, :k].copy(), search.indices[:, :k].copy()
        return (distances, indices) if return_distance else indices

    vars(estimator)["kneighbors"] = kneighbors
    try:
        return type(estimator).predict(estimator, X)
    finally:
        del vars(estimator)["kneighbors"]


@family_of.register(KNeighborsClassifier)
@family_of.register(KNeighborsRegressor)
def _neighbours(estimator: Any) -> _Family | None:
    known = type(estimator) in (KNeighborsClassifier, KNeighborsRegressor)
    plain = estimator.weights in ("uniform", "distance") and isinstance(estimator.metric, str)
    whole = isinstance(estimator.n_neighbors, int | np.integer) and estimator.n_neighbors > 0
    return _Family() if known and plain and whole and estimator.metric != "precomputed" else None
