"""Bayesian optimization with a Gaussian process."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.linalg import cho_solve, cholesky, solve_triangular
from scipy.optimize import minimize
from scipy.special import erfcx, ndtr, ndtri

from tunesmith.exceptions import SpaceError
from tunesmith.samplers import Suggestion
from tunesmith.samplers.qmc import QMCSampler
from tunesmith.samplers.threads import one_thread
from tunesmith.space import Space
from tunesmith.space.cube import Cube, are_among
from tunesmith.trial import History

Array = NDArray[np.float64]

_APART = 0.25
"""Squared distance on a column that is active in one of two trials only."""

_MOST = 160
"""Trials that the kernel's parameters are fitted to at most; predictions are made from all."""


@dataclass(frozen=True)
class GPSampler:
    """Suggests where a Gaussian process expects the largest improvement.

    The process has a Matérn kernel with a lengthscale for each column: over whole numbers and
    ordered values by their distance, over categories by whether they are the same. Its parameters
    are fitted to the trials, under weak priors that keep few trials from switching columns off.
    Scores below the median count by their rank, so that one disaster does not flatten the rest.
    The search keeps to a box around the best trial, which grows as it succeeds and shrinks as it
    fails. Trials whose results are not known yet are taken to do as is expected of them.

    Parameters
    ----------
    n_startup : int, default=5
        Trials that are taken from a Sobol sequence first.

    Raises
    ------
    SpaceError
        If `n_startup` is not above 0.

    References
    ----------
    D. R. Jones, M. Schonlau, W. J. Welch, "Efficient global optimization of expensive black-box
    functions", J. Global Optimization 13 (1998), equation 15 (expected improvement);
    S. Ament et al., "Unexpected improvements to expected improvement", NeurIPS 2023, equation 9
    (its logarithm); D. Eriksson et al., "Scalable global optimization via local Bayesian
    optimization", NeurIPS 2019, section 3 (the box); X. Song et al., "The Vizier Gaussian process
    bandit algorithm", arXiv:2408.11527 (2024), section 3.2 (half-ranks).

    Examples
    --------
    >>> import numpy as np
    >>> from tunesmith.samplers.gp import GPSampler
    >>> from tunesmith.space import Float, Space
    >>> from tunesmith.trial import History
    >>> space = Space.read({"x": Float(0, 1)})
    >>> x = np.array([0.0, 0.3, 0.5, 0.8, 1.0])
    >>> params, known = tuple({"x": v} for v in x), np.ones(5, dtype=bool)
    >>> history = History(5, params, x[:, None], -((x - 0.62) ** 2)[:, None], known)
    >>> suggestion = GPSampler().suggest(space, history, np.random.default_rng(0))
    >>> bool(abs(suggestion.params["x"] - 0.62) < 0.1)
    True
    """

    n_startup: int = 5
    adaptive: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if self.n_startup < 1:
            raise SpaceError(f"n_startup has to be above 0, got {self.n_startup}")

    def suggest(self, space: Space, history: History, rng: Generator) -> Suggestion:
        """Return the place where the expected improvement is largest.

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
        scored = ~np.isnan(history.values)
        if history.number < self.n_startup or scored.sum() < 2 or not space.n_dimensions:
            return QMCSampler().suggest(space, history, rng)
        with one_thread():
            place = _promising(space, history, rng)
        return Suggestion(space.decode(np.where(np.isnan(place), rng.random(len(place)), place)))


def _promising(space: Space, history: History, rng: Generator) -> Array:
    cube, scored = space.cube, ~np.isnan(history.values)
    failed = history.known & ~scored
    values = np.where(failed, np.nanmin(history.values), history.values)
    seen = scored | failed
    outputs = _standardised(_half_ranked(values[seen]))
    process = _fitted(_Columns(cube), history.encoded[seen], outputs)
    process = process.given(history.encoded[~seen])
    best = history.encoded[seen][np.argmax(outputs)]
    search = _Search(cube, process, history.encoded, best, _side(values[seen], space), rng)
    return search.run()


class _Columns:
    """Squared distances of places, column by column."""

    def __init__(self, cube: Cube) -> None:
        self._kept = np.flatnonzero(cube.encoded)
        self._ordered = cube.ordered[self._kept]

    @property
    def n(self) -> int:
        return len(self._kept)

    def squares(self, a: Array, b: Array) -> Array:
        """Return distances of shape (n_columns, len(a), len(b)).

        On a column that is active in neither they are 0.
        """
        left, right = a[:, self._kept].T[:, :, None], b[:, self._kept].T[:, None, :]
        difference = left - right
        far = np.where(self._ordered[:, None, None], difference**2, np.abs(difference) > 1e-9)
        one, other = np.isnan(left), np.isnan(right)
        return np.where(one | other, np.where(one & other, 0.0, _APART), far)


@dataclass(frozen=True)
class _Process:
    """A Gaussian process that has seen some trials.

    Parameters
    ----------
    columns : _Columns
    places : ndarray of shape (n, n_dimensions)
    outputs : ndarray of shape (n,)
    theta : ndarray of shape (n_columns + 2,)
        Logarithms of the lengthscales, of the variance, and of that of the noise.
    """

    columns: _Columns
    places: Array
    outputs: Array
    theta: Array

    def __post_init__(self) -> None:
        covariance = _matern(self.columns.squares(self.places, self.places), self.theta)
        covariance[np.diag_indices_from(covariance)] += np.exp(self.theta[-1]) + 1e-8
        factor = cholesky(covariance, lower=True)
        object.__setattr__(self, "_factor", factor)
        object.__setattr__(self, "_weights", cho_solve((factor, True), self.outputs))

    def predict(self, places: Array) -> tuple[Array, Array]:
        """Return means and standard deviations without noise, both of shape (len(places),)."""
        cross = _matern(self.columns.squares(self.places, places), self.theta)
        mean = cross.T @ self._weights  # type: ignore[attr-defined]
        solved = solve_triangular(self._factor, cross, lower=True)  # type: ignore[attr-defined]
        variance = np.exp(self.theta[-2]) - (solved**2).sum(axis=0)
        return mean, np.sqrt(np.maximum(variance, 1e-12))

    def given(self, pending: Array) -> _Process:
        """Return the process that has seen pending trials do as it expects of them."""
        if not len(pending):
            return self
        places = np.concatenate([self.places, pending])
        outputs = np.concatenate([self.outputs, self.predict(pending)[0]])
        return _Process(self.columns, places, outputs, self.theta)


def _matern(squares: Array, theta: Array) -> Array:
    """Matérn kernel with smoothness 5/2."""
    r2 = np.tensordot(np.exp(-2 * theta[:-2]), squares, axes=1)
    root = np.sqrt(5 * r2)
    return np.asarray(np.exp(theta[-2] - root) * (1 + root + 5 / 3 * r2))


def _fitted(columns: _Columns, places: Array, outputs: Array) -> _Process:
    """Fit the kernel's parameters: the mode of their posterior."""
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
    return _Process(columns, places, outputs, theta)


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


def _half_ranked(values: Array) -> Array:
    """Replace values below the median by normal quantiles of their ranks.

    These are scaled by how far the better half lies from the median.
    """
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


def _standardised(values: Array) -> Array:
    spread = values.std()
    return np.asarray((values - values.mean()) / (spread if spread > 0 else 1.0))


def _side(values: Array, space: Space) -> float:
    """Return the side of the box, by how the trials so far have gone."""
    patience = max(3, space.n_dimensions // 2)
    side, best, successes, failures = 0.4, -np.inf, 0, 0
    for value in values:
        better = value > best
        best = max(best, value)
        successes, failures = (successes + 1, 0) if better else (0, failures + 1)
        if successes == 2:
            side, successes = min(2 * side, 1.6), 0
        elif failures == patience:
            side, failures = side / 2, 0
        if side < 2**-7:
            side = 0.8
    return side


@dataclass(frozen=True)
class _Search:
    """Looks for the place where the expected improvement is largest, near the best one so far.

    Parameters
    ----------
    cube : Cube
    process : _Process
    places : ndarray of shape (n_trials, n_dimensions)
        Where trials have been started.
    best : ndarray of shape (n_dimensions,)
        The best of them.
    side : float
        Of the box around it.
    rng : numpy.random.Generator
    """

    cube: Cube
    process: _Process
    places: Array
    best: Array
    side: float
    rng: Generator

    def run(self) -> Array:
        """Return a place; one without a trial, if any is found."""
        best = np.where(np.isnan(self.best), 0.5, self.best)
        around = np.tile(best, (256, 1))
        found = np.concatenate([self._in_box(best, 512), self._moved(around, 0.1)])
        found, gain = self._judged(found)
        for width in (0.05, 0.02, 0.007):
            top = np.argsort(-gain, kind="stable")[:6]
            near, its_gain = self._judged(self._moved(np.repeat(found[top], 16, axis=0), width))
            found, gain = np.concatenate([found[top], near]), np.concatenate([gain[top], its_gain])
        return np.asarray(found[np.argmax(gain)])

    def _judged(self, found: Array) -> tuple[Array, Array]:
        snapped = self.cube.snap(found)
        gain = _log_improvement(*self.process.predict(snapped), self._target)
        gain[are_among(snapped, self.places)] = -np.inf
        return snapped, gain

    @cached_property
    def _target(self) -> float:
        return float(self.process.predict(self.places)[0].max())

    def _in_box(self, best: Array, n: int) -> Array:
        """Draw places from the box; values that can be counted mostly stay what they are."""
        places = self.rng.random((n, len(best)))
        kept = self.rng.random(places.shape) < 0.7
        for column, edges in enumerate(self.cube.edges):
            if self.cube.ordered[column]:
                reach = self._reach(column)
                low, high = max(0.0, best[column] - reach), min(1.0, best[column] + reach)
                places[:, column] = low + (high - low) * places[:, column]
            if edges is not None:
                places[kept[:, column], column] = best[column]
        return places

    def _reach(self, column: int) -> float:
        """Return how far the box goes on a column: to the next cell at least."""
        edges = self.cube.edges[column]
        return self.side / 2 if edges is None else max(self.side / 2, 1.5 / (len(edges) - 1))

    def _moved(self, places: Array, width: float) -> Array:
        """Move some columns of places at random."""
        places = np.where(np.isnan(places), self.rng.random(places.shape), places)
        moves = self.rng.random(places.shape) < max(2 / places.shape[1], 0.3)
        steps = self.rng.normal(size=places.shape)
        anew = self.rng.random(places.shape)
        for column, edges in enumerate(self.cube.edges):
            least = 0.0 if edges is None else 1 / (len(edges) - 1)
            moved = places[:, column] + steps[:, column] * max(width, least)
            if not self.cube.ordered[column]:
                moved = anew[:, column]
            places[:, column] = np.where(moves[:, column], np.clip(moved, 0, 1), places[:, column])
        return places


def _log_improvement(mean: Array, deviation: Array, target: float) -> Array:
    """Return the logarithm of the expected improvement (Ament et al., equation 9)."""
    z = (mean - target) / deviation
    near = np.maximum(z, -1.0)
    density = np.exp(-0.5 * near**2) / np.sqrt(2 * np.pi)
    direct = np.log(density + near * ndtr(near))
    far = np.minimum(z, -1.0)
    tail = np.log1p(far * erfcx(-far / np.sqrt(2)) * np.sqrt(np.pi / 2))
    # Beyond a million deviations the sum in `tail` is rounding alone.
    tail = np.where(far > -1e6, tail, -2 * np.log(-far))
    tail += -0.5 * far**2 - 0.5 * np.log(2 * np.pi)
    return np.asarray(np.log(deviation) + np.where(z > -1, direct, tail))
