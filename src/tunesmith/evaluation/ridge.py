"""Ridge regression: one singular value decomposition serves every alpha, equal to rounding.

With X = U S Vᵀ after centring, the coefficients for alpha are V (S / (S² + alpha)) Uᵀ y
(Hastie, Tibshirani and Friedman, The Elements of Statistical Learning, equation 3.47).
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import svd
from sklearn.linear_model import Ridge, RidgeClassifier

from tunesmith.evaluation.families import (
    Kept,
    adopt,
    fit_alone,
    learned,
    rounding_family_of,
)
from tunesmith.trial import Work

_CONDITION = 1e7
"""Of XᵀX + alpha; beyond it an alpha is fitted alone. Rounding is 1e-16 times as much."""


@dataclass(frozen=True)
class Decomposition:
    """What every alpha's coefficients are made from.

    Parameters
    ----------
    state : mapping
        What the first fit has learned: all but the coefficients is the same for every alpha.
    singular : ndarray of shape (rank,)
        Singular values of the centred, weighted X.
    right : ndarray of shape (rank, n_features)
        Its right singular vectors.
    projected : ndarray of shape (rank, n_targets)
        The centred, weighted y in terms of the left ones.
    X_mean : ndarray of shape (n_features,)
        Zero where there is no intercept.
    y_mean : ndarray of shape (n_targets,)
        Likewise.
    """

    state: Mapping[str, Any]
    singular: NDArray[np.float64]
    right: NDArray[np.float64]
    projected: NDArray[np.float64]
    X_mean: NDArray[np.float64]
    y_mean: NDArray[np.float64]

    @classmethod
    def of(cls, estimator: Any, X: Any, y: Any, weights: Any) -> Decomposition:
        """Decompose the data of a fitted estimator."""
        X = np.asarray(X, dtype=np.float64)
        if isinstance(estimator, RidgeClassifier):
            y = estimator._label_binarizer.transform(y)
        y = np.asarray(y, dtype=np.float64).reshape(len(X), -1)
        X_mean, y_mean = np.zeros(X.shape[1]), np.zeros(y.shape[1])
        if estimator.fit_intercept:
            X_mean = np.average(X, axis=0, weights=weights)
            y_mean = np.average(y, axis=0, weights=weights)
        X, y = X - X_mean, y - y_mean
        if weights is not None:
            root = np.sqrt(np.broadcast_to(weights, len(X)))[:, np.newaxis]
            X, y = X * root, y * root
        left, singular, right = svd(X, full_matrices=False, overwrite_a=True)
        return cls(learned(estimator), singular, right, left.T @ y, X_mean, y_mean)

    def is_sound(self, alpha: float) -> bool:
        """Whether rounding cannot show: scikit-learn squares the condition, and so must we."""
        squares = self.singular**2 + alpha
        return bool(squares.max() <= _CONDITION * squares.min())

    def put_into(self, estimator: Any) -> None:
        """Give an estimator the coefficients for its alpha."""
        adopt(estimator, self.state)
        shrunk = self.singular / (self.singular**2 + estimator.alpha)
        coef = (self.right.T @ (shrunk[:, np.newaxis] * self.projected)).T
        estimator.coef_ = coef.reshape(self.state["coef_"].shape)
        if estimator.fit_intercept:
            intercept = self.y_mean - coef @ self.X_mean
            scalar = np.ndim(self.state["intercept_"]) == 0
            estimator.intercept_ = intercept[0] if scalar else intercept


class _Alphas:
    """Fits that differ in alpha."""

    free = frozenset({"alpha"})
    whole = False

    def rank(self, estimator: Any) -> float:
        """Return 0: any order will do."""
        return 0.0

    def cost(self, estimator: Any) -> float:
        """Return 1: all take as long."""
        return 1.0

    def fit(
        self, estimator: Any, X: Any, y: Any, params: Mapping[str, Any], kept: Kept | None
    ) -> tuple[Kept, Work]:
        """Solve by the decomposition that is kept, or make it."""
        if kept is not None and kept.budget and kept.value.is_sound(estimator.alpha):
            start = time.perf_counter()
            kept.value.put_into(estimator)
            return kept, Work(seconds_saved=max(0, kept.seconds - time.perf_counter() + start))
        start = time.perf_counter()
        fit_alone(estimator, X, y, params)
        seconds = time.perf_counter() - start
        if kept is not None:
            return kept, Work(fits=1)
        if not _is_plain(X) or params.keys() - {"sample_weight"}:
            return Kept(None, seconds, budget=0), Work(fits=1)
        whole = Decomposition.of(estimator, X, y, params.get("sample_weight"))
        # The first fit is made as the others are, or the order of candidates would matter.
        if whole.is_sound(estimator.alpha):
            whole.put_into(estimator)
        return Kept(whole, seconds), Work(fits=1)


def _is_plain(X: Any) -> bool:
    """Whether X is a matrix that is solved in double precision."""
    kinds = "biuf"
    return isinstance(X, np.ndarray) and X.dtype.kind in kinds and X.dtype != np.float32


@rounding_family_of.register(Ridge)
@rounding_family_of.register(RidgeClassifier)
def _ridge(estimator: Any) -> _Alphas | None:
    alone = (
        type(estimator) not in (Ridge, RidgeClassifier)
        or estimator.solver not in ("auto", "svd", "cholesky")
        or estimator.positive
        or not estimator.copy_X
        or getattr(estimator, "class_weight", None) is not None
        or not isinstance(estimator.alpha, Real)
        or not float(estimator.alpha) > 0
    )
    return None if alone else _Alphas()
