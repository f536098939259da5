"""The tree-structured Parzen estimator."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from tunesmith.exceptions import SpaceError
from tunesmith.samplers import Suggestion
from tunesmith.samplers.fronts import ranking
from tunesmith.samplers.prior import draw, pull, start
from tunesmith.samplers.threads import one_thread
from tunesmith.space import Space
from tunesmith.space.cube import Cube, is_among
from tunesmith.trial import History

_BELIEF = 10
"""Trials after which half of the places come from what the user believes."""

Places = NDArray[np.float64]

_MOST = 256
"""Trials a density is made of at most, so that a suggestion takes no longer as they go on."""


@dataclass(frozen=True)
class TPESampler:
    """Suggests what is likely among good trials and unlikely among the others.

    Trials are split into good and bad ones, a kernel density is put on each of the two sets, and
    of some places drawn from the good one that is taken where the ratio of the two is highest.

    The densities are multivariate: a kernel spans all columns. A column that is not active in a
    trial is spread evenly in its kernel, so that what a choice opens is modelled among the trials
    that have opened it. Trials whose results are not known yet count as bad, which keeps workers
    apart; so do failed ones.

    Of several objectives, trials of the first fronts are good, and in the last of these fronts
    those that add most to the volume it dominates. Trials that break an outcome constraint come
    after all that keep them, by how much they break. Where the user has named values that are
    thought good, some of the places are drawn from around these, fewer as trials come in.

    Parameters
    ----------
    n_startup : int, default=10
        Trials that are drawn at random first.
    n_candidates : int, default=48
        Places to choose from.

    Raises
    ------
    SpaceError
        If a number is not above 0.

    References
    ----------
    J. Bergstra et al., "Algorithms for hyper-parameter optimization", NeurIPS 2011, section 4;
    S. Falkner et al., "BOHB", ICML 2018, section 3.1 (one kernel over all columns);
    S. Watanabe, "Tree-structured Parzen estimator: understanding its algorithm components and
    their roles for better empirical performance", arXiv:2304.11127 (2023), section 3;
    Y. Ozaki et al., "Multiobjective tree-structured Parzen estimator", J. Artificial Intelligence
    Research 73 (2022), section 4 (fronts and volumes); S. Watanabe, F. Hutter, "c-TPE", IJCAI 2023
    (constraints).

    Examples
    --------
    >>> import numpy as np
    >>> from tunesmith.samplers.tpe import TPESampler
    >>> from tunesmith.space import Float, Space
    >>> from tunesmith.trial import History
    >>> space = Space.read({"x": Float(0, 1)})
    >>> x = np.linspace(0, 1, 21)
    >>> params, known = tuple({"x": v} for v in x), np.ones(21, dtype=bool)
    >>> history = History(21, params, x[:, None], -np.abs(x - 0.7)[:, None], known)
    >>> suggestion = TPESampler().suggest(space, history, np.random.default_rng(0))
    >>> bool(abs(suggestion.params["x"] - 0.7) < 0.2)
    True
    """

    n_startup: int = 10
    n_candidates: int = 48
    adaptive: ClassVar[bool] = True

    def __post_init__(self) -> None:
        for name in ("n_startup", "n_candidates"):
            if getattr(self, name) < 1:
                raise SpaceError(f"{name} has to be above 0, got {getattr(self, name)}")

    def suggest(self, space: Space, history: History, rng: Generator) -> Suggestion:
        """Return the most promising of some places.

        Parameters
        ----------
        space : Space
            The space to search.
        history : History
            What is known.
        rng : numpy.random.Generator
            Where all randomness comes from.

        Returns
        -------
        Suggestion
            The place.
        """
        cube, places = space.cube, history.encoded
        believes = any(prior is not None for prior in cube.prior)
        ranked = ranking(history)
        if len(ranked) < self.n_startup or not space.n_dimensions:
            return start(space, history, rng) if believes else Suggestion(space.sample(rng))
        n_good = _n_good(len(ranked))
        is_bad = np.ones(len(places), dtype=bool)
        is_bad[ranked[:n_good]] = False
        good = _Density(cube, places[ranked[:n_good]])
        bad = _Density(cube, _thinned(places[is_bad]))
        drawn = good.draw(self.n_candidates, rng)
        if believes:
            n_believed = round(self.n_candidates * _BELIEF / (_BELIEF + len(ranked)))
            drawn[:n_believed] = draw(cube, n_believed, rng)
        drawn = cube.snap(drawn)
        with one_thread():
            gain = good.log(drawn) - bad.log(drawn)
        if believes:
            gain += pull(cube, drawn, len(ranked))
        best = _first(space, drawn[np.argsort(-gain, kind="stable")], places, rng)
        if best is None:
            return Suggestion(space.sample(rng))
        return Suggestion(space.decode(best))


def _first(space: Space, ranked: Places, tried: Places, rng: Generator) -> Places | None:
    """Return the first of some places that is new and allowed; else the first allowed one."""
    # What has no place of its own is drawn; what is not active is not looked at.
    filled = np.where(np.isnan(ranked), rng.random(ranked.shape), ranked)
    second = None
    for place, full in zip(ranked, filled, strict=True):
        if space.constraints and not space.allows(space.decode(full)):
            continue
        if not is_among(place, tried):
            return np.asarray(full)
        second = full if second is None else second
    return second


class _Density:
    """A mixture of one kernel for each trial, and of an even one over the whole cube.

    Parameters
    ----------
    cube : Cube
        The columns.
    centres : ndarray of shape (n_trials, n_dimensions)
        Places of the trials; NaN where not active.
    """

    def __init__(self, cube: Cube, centres: Places) -> None:
        self._cube, self._centres = cube, centres
        n, d = len(centres), max(1, int(cube.encoded.sum()))
        # Scott's rule, from a fifth of the range; never so narrow that nothing else is tried.
        self._width = max(0.2 * max(n, 1) ** (-1 / (d + 4)), 1 / min(100, 1 + n))
        self._n = n
        continuous = np.array([edges is None for edges in cube.edges], dtype=bool)
        self._smooth = continuous & cube.ordered & cube.encoded

    def draw(self, n: int, rng: Generator) -> Places:
        """Return places of shape (n, n_dimensions), with values where nothing is active too."""
        chosen = rng.integers(self._n + 1, size=n)
        places = rng.random((n, len(self._cube.edges)))
        kernels = chosen < self._n
        for column, centres, spread in self._columns(chosen[kernels]):
            u = places[kernels, column]
            places[kernels, column] = np.where(np.isnan(centres), u, spread.quantile(u, centres))
        return places

    def log(self, places: Places) -> NDArray[np.float64]:
        """Return the logarithm of the density at places, of shape (n,).

        On a column of cells it is their probability over their width.
        """
        log_kernels = np.zeros((len(places), self._n + 1))
        smooth = self._smooth
        log_kernels[:, :-1] = _log_normals(
            places[:, smooth], self._centres[:, smooth], self._width
        )
        for column, centres, spread in self._columns(slice(None)):
            if not smooth[column]:
                at = places[:, [column]]
                log = spread.log(at, centres)
                log_kernels[:, :-1] += np.where(np.isnan(at) | np.isnan(centres), 0.0, log)
        most = log_kernels.max(axis=1, keepdims=True)
        return np.asarray(most[:, 0] + np.log(np.exp(log_kernels - most).mean(axis=1)))

    def _columns(self, rows: object) -> Iterator[tuple[int, Places, _Normal | _Category]]:
        for column, edges in enumerate(self._cube.edges):
            if not self._cube.encoded[column]:
                continue
            centres = self._centres[rows, column]  # type: ignore[index]
            if self._cube.ordered[column]:
                yield column, centres, _Normal(self._width, edges)
            else:
                assert edges is not None
                yield column, centres, _Category(self._n, edges, self._cube.distances[column])


@dataclass(frozen=True)
class _Normal:
    """A normal kernel, cut off at the ends of the unit interval."""

    width: float
    edges: NDArray[np.float64] | None

    def quantile(self, u: Places, centres: Places) -> Places:
        low, high = ndtr(-centres / self.width), ndtr((1 - centres) / self.width)
        return np.asarray(np.clip(centres + self.width * ndtri(low + u * (high - low)), 0, 1))

    def log(self, at: Places, centres: Places) -> Places:
        assert self.edges is not None
        inside = ndtr((1 - centres) / self.width) - ndtr(-centres / self.width)
        number = np.searchsorted(self.edges[1:-1], at, side="right")
        low, high = self.edges[number], self.edges[number + 1]
        mass = ndtr((high - centres) / self.width) - ndtr((low - centres) / self.width)
        return np.asarray(np.log(np.maximum(mass, 1e-300)) - np.log(inside * (high - low)))


def _log_normals(at: Places, centres: Places, width: float) -> Places:
    """Return logarithms of kernels over continuous columns, of shape (len(at), len(centres)).

    It is the sum over the columns that are active in both, written as one product of matrices.
    """
    here, there = ~np.isnan(at), ~np.isnan(centres)
    inside = ndtr((1 - centres) / width) - ndtr(-centres / width)
    norms = np.log(width * np.sqrt(2 * np.pi) * inside)
    a, b = np.where(here, at, 0.0) / width, np.where(there, centres, 0.0) / width
    left = np.concatenate([a**2, here, -2 * a], axis=1)
    right = np.concatenate([there, b**2 + 2 * np.where(there, norms, 0.0), b], axis=1)
    return np.asarray(-0.5 * (left @ right.T))


@dataclass(frozen=True)
class _Category:
    """A kernel that gives part of its weight to the centre's cell, and spreads the rest.

    It is spread evenly, or more of it over the cells that the user says are near.
    """

    n: int
    edges: NDArray[np.float64]
    distances: NDArray[np.float64] | None

    @property
    def _spread(self) -> float:
        """The part that is spread, as if each category had been seen once among all trials."""
        n_cells = len(self.edges) - 1
        return n_cells / (n_cells + self.n)

    @cached_property
    def _mass(self) -> NDArray[np.float64]:
        """What each cell gets of the kernel of each, of shape (n_cells, n_cells)."""
        assert self.distances is not None
        near = np.exp(-0.5 * (self.distances / max(0.5 * self._spread, 0.1)) ** 2)
        near *= np.diff(self.edges)
        near *= self._spread / near.sum(axis=1, keepdims=True)
        near[np.diag_indices(len(near))] += 1 - self._spread
        return near

    def quantile(self, u: Places, centres: Places) -> Places:
        own = self._cells(centres)
        if self.distances is None:
            low, kept = self._spread * self.edges[own], 1 - self._spread
            high = self._spread * self.edges[own + 1] + kept
            others = self._cells(np.where(u <= low, u, u - kept) / self._spread)
            number = np.where((low < u) & (u <= high), own, others)
        else:
            ends = np.cumsum(self._mass, axis=1)[own]
            number = np.minimum((u[:, None] > ends).sum(axis=1), len(self.edges) - 2)
        return np.asarray((self.edges[number] + self.edges[number + 1]) / 2)

    def log(self, at: Places, centres: Places) -> Places:
        cells, own = self._cells(at), self._cells(centres)
        widths = np.diff(self.edges)[cells]
        if self.distances is None:
            return np.asarray(np.log(self._spread + (1 - self._spread) * (cells == own) / widths))
        return np.asarray(np.log(self._mass[own, cells] / widths))

    def _cells(self, places: Places) -> NDArray[np.intp]:
        return np.searchsorted(self.edges[1:-1], np.nan_to_num(places), side="right")


def _n_good(n: int) -> int:
    return min(int(np.ceil(0.1 * n)), 25)


def _thinned(places: Places) -> Places:
    """Leave as many of the places as a density is made of, evenly over time."""
    if len(places) <= _MOST:
        return places
    return np.asarray(places[np.linspace(0, len(places) - 1, _MOST).round().astype(int)])
