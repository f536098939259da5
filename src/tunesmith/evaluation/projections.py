"""Principal components: the first n of a full decomposition, for every n.

The solvers "full" and "covariance_eigh" decompose the whole whatever `n_components` is, so the
components of a smaller number are the first of a larger one, to the bit. The other solvers look
for so many components only, and are left alone.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.utils._set_output import _get_output_config

from tunesmith.evaluation.families import Kept, adopt, learned, projection_of


@dataclass(frozen=True)
class _Whole:
    """All components of some data.

    Parameters
    ----------
    fitted : PCA
        With all of them.
    left, singular : ndarray or None
        The left singular vectors, shape (n_samples, rank), and the singular values.
    """

    fitted: PCA
    left: NDArray[Any] | None
    singular: NDArray[Any]

    def put_into(self, pca: Any) -> None:
        """Have a PCA learn as many components as it is to have."""
        n = pca.n_components
        state = learned(self.fitted)
        first = {name: np.array(state[name][:n]) for name in _BY_COMPONENT}
        adopt(pca, {**state, **first, "n_components_": n, "noise_variance_": self._noise(n)})

    def _noise(self, n: int) -> Any:
        variances = self.fitted.explained_variance_
        if n == len(variances):
            return 0.0
        if self.left is None:  # summed up in the order of the eigenvalues, which ascends
            variances = np.flip(np.flip(variances).copy())
        return np.mean(variances[n:])


_BY_COMPONENT = (
    "components_",
    "explained_variance_",
    "explained_variance_ratio_",
    "singular_values_",
)


class Components:
    """Fits of a PCA that differ in the number of components."""

    free = frozenset({"n_components"})

    def fit_transform(self, pca: Any, X: Any, kept: Kept | None) -> tuple[Any, Kept] | None:
        """Fit a PCA and project the data, as it does alone.

        Parameters
        ----------
        pca : PCA
            Not fitted.
        X : ndarray of shape (n_samples, n_features)
            Training data.
        kept : Kept or None
            What an earlier fit to the same data has left.

        Returns
        -------
        (ndarray, Kept) or None
            The projections, and what to leave to others; None where the solver is one that
            looks for so many components only.
        """
        solver = _solver(pca, X)
        if solver is None:
            return None
        if kept is None:
            start = time.perf_counter()
            given = {**pca.get_params(), "n_components": min(X.shape), "svd_solver": solver}
            fitted = PCA(**given)
            left, singular, *_ = fitted._fit(X)
            kept = Kept(_Whole(fitted, left, singular), time.perf_counter() - start)
        whole: _Whole = kept.value
        whole.put_into(pca)
        if whole.left is None:
            return pca._transform(X, np, x_is_centered=False), kept
        projected = whole.left.copy(order="K")[:, : pca.n_components_]
        if pca.whiten:
            projected *= sqrt(len(X) - 1)
        else:
            projected *= whole.singular[: pca.n_components_]
        return projected, kept


def _solver(pca: Any, X: Any) -> str | None:
    """Return the solver that a PCA will choose, if it decomposes the whole."""
    if not (isinstance(X, np.ndarray) and X.ndim == 2 and X.dtype == np.float64):
        return None
    if _get_output_config("transform", pca)["dense"] != "default":
        return None
    n, (n_samples, n_features) = pca.n_components, X.shape
    if not (isinstance(n, int | np.integer) and 1 <= n <= min(X.shape)):
        return None
    if pca.svd_solver == "covariance_eigh" and n_samples < n_features:
        return None  # the variances beyond the last component would be missing
    if pca.svd_solver != "auto":
        return pca.svd_solver if pca.svd_solver in ("full", "covariance_eigh") else None
    if n_features <= 1000 and n_samples >= 10 * n_features:
        return "covariance_eigh"
    return "full" if max(X.shape) <= 500 or n >= 0.8 * min(X.shape) else None


@projection_of.register(PCA)
def _components(pca: Any) -> Components | None:
    return Components() if type(pca) is PCA and pca.copy else None
