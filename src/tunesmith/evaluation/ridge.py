"""Ridge regression: one eigendecomposition serves every alpha, equal to rounding.

With XᵀX = V Λ Vᵀ after centring, the coefficients for alpha are V (Λ + alpha)⁻¹ Vᵀ Xᵀ y; with
XXᵀ = U Λ Uᵀ they are Xᵀ U (Λ + alpha)⁻¹ Uᵀ y (Hastie, Tibshirani and Friedman, The Elements of
Statistical Learning, equations 3.44 and 18.3). The smaller of the two is decomposed.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray
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
"""Of Λ + alpha; beyond it an alpha is fitted alone. Rounding is 1e-16 times as much."""


@dataclass(frozen=True)
class Decomposition:
    """What every alpha's coefficients are made from.

    Parameters
    ----------
    state : mapping
        What the first fit has learned: all but the coefficients is the same for every alpha.
    values : ndarray of shape (n_values,)
        Λ, of the centred, weighted X.
    basis : ndarray of shape (n_features, n_values)
        V, or Xᵀ U.
    projected : ndarray of shape (n_values, n_targets)
        Vᵀ Xᵀ y, or Uᵀ y.
    X_mean : ndarray of shape (n_features,)
        Zero where there is no intercept.
    y_mean : ndarray of shape (n_targets,)
        Likewise.
    """

    state: Mapping[str, Any]
    values: NDArray[np.float64]
    basis: NDArray[np.float64]
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
        if X.shape[1] <= X.shape[0]:
            values, basis = np.linalg.eigh(X.T @ X)
            projected = basis.T @ (X.T @ y)
        else:
            values, vectors = np.linalg.eigh(X @ X.T)
            basis, projected = X.T @ vectors, vectors.T @ y
        return cls(learned(estimator), values, basis, projected, X_mean, y_mean)

    def is_sound(self, alpha: float) -> bool:
        """Whether rounding cannot show."""
        shifted = self.values + alpha
        return bool(shifted.max() <= _CONDITION * shifted.min())

    def put_into(self, estimator: Any) -> None:
        """Give an estimator the coefficients for its alpha."""
        adopt(estimator, self.state)
        shrunk = self.projected / (self.values + estimator.alpha)[:, np.newaxis]
        coef = (self.basis @ shrunk).T
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
