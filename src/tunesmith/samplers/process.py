"""Gaussian processes over the unit cube of a space."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_solve, cholesky, solve_triangular
from scipy.optimize import minimize
from scipy.special import ndtri

from tunesmith.space.cube import Cube

Array = NDArray[np.float64]

_APART = 0.15
"""Squared distance of where a column is not active from the middle of its values."""

_LARGE = 1e100
"""Values whose squares may be too large for a float."""

_MOST = 160
"""Trials that the kernel's parameters are fitted to at most; predictions are made from all."""


class Columns:
    """Squared distances of places, column by column.

    Ordered columns have the distance in the cube; categories that of the user, or 1 from each
    other. Where a column is not active is a point above the middle of its values. So distances are
    those of points in a Euclidean space, without which a kernel of them would be none.

    Parameters
    ----------
    cube : Cube
        The columns; those without an encoding are left out.
    """

    def __init__(self, cube: Cube) -> None:
        self._cube = cube
        self._kept = np.flatnonzero(cube.encoded)

    @property
    def n(self) -> int:
        """Number of columns."""
        return len(self._kept)

    def squares(self, a: Array, b: Array) -> Array:
        """Return squared distances of shape (n_columns, len(a), len(b)).

        On a column that is active in neither they are 0.
        """
        squares = np.empty((self.n, len(a), len(b)))
        for place in range(self.n):
            squares[place] = self._squares(place, a, b)
        return squares

    def weighted(self, a: Array, b: Array, weights: Array) -> Array:
        """Return the sum of squared distances over the columns, of shape (len(a), len(b)).

        Parameters
        ----------
        weights : ndarray of shape (n_columns,)
            What each column counts.
        """
        everywhere = ~(np.isnan(a).any(axis=0) | np.isnan(b).any(axis=0))
        plain = (everywhere & self._cube.ordered)[self._kept]
        columns, scale = self._kept[plain], np.sqrt(weights[plain])
        left, right = a[:, columns] * scale, b[:, columns] * scale
        total = (left**2).sum(axis=1)[:, None] + (right**2).sum(axis=1) - 2 * left @ right.T
        np.maximum(total, 0.0, out=total)
        for place in map(int, np.flatnonzero(~plain)):
            total += weights[place] * self._squares(place, a, b)
        return np.asarray(total)

    def _squares(self, place: int, a: Array, b: Array) -> Array:
        column = int(self._kept[place])
        left, right = a[:, column], b[:, column]
        if self._cube.ordered[column]:
            far = (left[:, None] - right) ** 2
        else:
            first, second = (self._numbers(column, side) for side in (left, right))
            distances = self._cube.distances[column]
            if distances is None:
                far = (first[:, None] != second).astype(float)
            else:
                far = distances[np.ix_(first, second)] ** 2
        one, other = np.isnan(left)[:, None], np.isnan(right)[None, :]
        if not (one.any() or other.any()):
            return np.asarray(far)
        far = np.where(one, self._from_inactive(column, right)[None, :], far)
        far = np.where(other, self._from_inactive(column, left)[:, None], far)
        return np.where(one & other, 0.0, far)

    def _from_inactive(self, column: int, places: Array) -> Array:
        """Return squared distances of places on a column from where it is not active."""
        if self._cube.ordered[column]:
            return (places - 0.5) ** 2 + _APART
        # From the middle of points, by their distances from each other.
        distances, edges = self._cube.distances[column], self._cube.edges[column]
        if distances is None:
            assert edges is not None
            return np.full(len(places), 0.5 - 0.5 / (len(edges) - 1) + _APART)
        squares = distances**2
        middle = squares.mean(axis=0) - squares.mean() / 2
        return np.asarray(middle[self._numbers(column, places)] + _APART)

    def _numbers(self, column: int, places: Array) -> NDArray[np.intp]:
        return self._cube.cells(column, np.nan_to_num(places))


@dataclass(frozen=True)
class Process:
    """A Gaussian process that has seen some trials.

    Parameters
    ----------
    columns : Columns
    places : ndarray of shape (n, n_dimensions)
    outputs : ndarray of shape (n,)
    theta : ndarray of shape (n_columns + 2,)
        Logarithms of the lengthscales, of the variance, and of that of the noise.
    """

    columns: Columns
    places: Array
    outputs: Array
    theta: Array

    def __post_init__(self) -> None:
        covariance = self._covariance(self.places)
        covariance[np.diag_indices_from(covariance)] += np.exp(self.theta[-1]) + 1e-8
        factor = cholesky(covariance, lower=True)
        object.__setattr__(self, "_factor", factor)
        object.__setattr__(self, "_weights", cho_solve((factor, True), self.outputs))

    def predict(self, places: Array) -> tuple[Array, Array]:
        """Return means and standard deviations without noise, both of shape (len(places),)."""
        cross = self._covariance(places)
        mean = cross.T @ self._weights  # type: ignore[attr-defined]
        solved = solve_triangular(self._factor, cross, lower=True)  # type: ignore[attr-defined]
        variance = np.exp(self.theta[-2]) - (solved**2).sum(axis=0)
        return mean, np.sqrt(np.maximum(variance, 1e-12))

    def _covariance(self, places: Array) -> Array:
        weights = np.exp(-2 * self.theta[:-2])
        return _matern(self.columns.weighted(self.places, places, weights), self.theta[-2])

    def given(self, pending: Array) -> Process:
        """Return the process that has seen pending trials do as it expects of them."""
        if not len(pending):
            return self
        places = np.concatenate([self.places, pending])
        outputs = np.concatenate([self.outputs, self.predict(pending)[0]])
        return Process(self.columns, places, outputs, self.theta)


def _matern(r2: Array, log_variance: float) -> Array:
    """Matérn kernel with smoothness 5/2, of squared distances in lengthscales."""
    root = np.sqrt(5 * r2)
    return np.asarray(np.exp(log_variance - root) * (1 + root + 5 / 3 * r2))


def fitted(columns: Columns, places: Array, outputs: Array) -> Process:
    """Return the process whose kernel's parameters are the mode of their posterior.

    Parameters
    ----------
    columns : Columns
    places : ndarray of shape (n, n_dimensions)
    outputs : ndarray of shape (n,)
        Of mean 0 and deviation 1 or so.
    """
    chosen = _telling(outputs)
    squares, y = columns.squares(places[chosen], places[chosen]), outputs[chosen]
    start = np.concatenate([np.full(columns.n, np.log(0.6)), [0.0, np.log(1e-2)]])
    bounds = [(-4.0, 4.0)] * columns.n + [(-5.0, 5.0), (np.log(1e-6), 2.0)]
    found = minimize(
        _loss,
        start,
        args=(squares, y),
        jac=True,
        method="L-BFGS-B",
        bounds=bounds,
        options={"maxiter": 40},
    )
    theta = found.x if np.all(np.isfinite(found.x)) else start
    return Process(columns, places, outputs, theta)


def _telling(outputs: Array) -> NDArray[np.intp]:
    """Choose the trials to fit to: all, or the best ones, and of the others some over time."""
    n = len(outputs)
    if n <= _MOST:
        return np.arange(n)
    order = np.argsort(-outputs, kind="stable")
    best, others = order[: _MOST // 2], np.sort(order[_MOST // 2 :])
    some = others[np.linspace(0, len(others) - 1, _MOST - len(best)).round().astype(int)]
    return np.sort(np.concatenate([best, some]))


def _loss(theta: Array, squares: Array, y: Array) -> tuple[float, Array]:
    """Return the negative logarithm of the posterior, and its gradient."""
    n, noise, scale = len(y), np.exp(theta[-1]), np.exp(theta[-2])
    inverse_squares = np.exp(-2 * theta[:-2])
    r2 = np.tensordot(inverse_squares, squares, axes=1)
    root = np.sqrt(5 * r2)
    decay = scale * np.exp(-root)
    kernel = decay * (1 + root + 5 / 3 * r2)
    try:
        factor = cholesky(kernel + (noise + 1e-8) * np.eye(n), lower=True)
    except np.linalg.LinAlgError:
        return 1e25, np.zeros_like(theta)
    weights = cho_solve((factor, True), y)
    loss = 0.5 * y @ weights + np.log(np.diag(factor)).sum()
    pull = 0.5 * (cho_solve((factor, True), np.eye(n)) - np.outer(weights, weights))
    slopes = 5 / 3 * decay * (1 + root) * pull
    gradient = np.empty_like(theta)
    gradient[:-2] = inverse_squares * np.tensordot(squares, slopes, axes=2)
    gradient[-2] = (pull * kernel).sum()
    gradient[-1] = noise * np.trace(pull)
    # Lengthscales of about one; variance Gamma(2, 1); noise Gamma(1.1, 30).
    loss += 0.1 * (np.exp(2 * theta[:-2]) + inverse_squares).sum()
    gradient[:-2] += 0.2 * (np.exp(2 * theta[:-2]) - inverse_squares)
    loss += scale - 2 * theta[-2] + 30 * noise - 1.1 * theta[-1]
    gradient[-2] += scale - 2
    gradient[-1] += 30 * noise - 1.1
    return float(loss), gradient


def half_ranked(values: Array) -> Array:
    """Return values less their median, those below it as normal quantiles of their ranks.

    These are scaled by how far the better half lies from the median (Song et al., section 3.2).
    """
    largest = np.abs(values).max(initial=0.0)
    if largest > _LARGE:
        values = values / largest
    median = np.median(values)
    above = values[values >= median] - median
    spread = np.sqrt(np.mean(above**2))
    if not spread > 0:
        return values - median
    ranks = np.argsort(np.argsort(-values, kind="stable"), kind="stable")
    quantiles = ndtri(1 - (ranks + 0.5) / len(values))
    return np.asarray(
        np.where(values >= median, values - median, spread * np.minimum(quantiles, 0))
    )


def standardised(values: Array) -> Array:
    """Return values of mean 0 and deviation 1, or all 0."""
    spread = values.std()
    return np.asarray((values - values.mean()) / (spread if spread > 0 else 1.0))
