"""Bayesian optimization with a Gaussian process."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from tunesmith.exceptions import SpaceError
from tunesmith.samplers import Suggestion
from tunesmith.samplers.acquisition import Improvement
from tunesmith.samplers.fronts import fronts, ranking
from tunesmith.samplers.prior import pull, start
from tunesmith.samplers.process import Columns, Process, fitted, half_ranked, standardised
from tunesmith.samplers.threads import one_thread
from tunesmith.space import Space
from tunesmith.space.cube import are_among
from tunesmith.trial import History

Array = NDArray[np.float64]

_WHOLE = 2.0
"""Side of a box that is the whole cube, wherever its centre is."""

_OBJECTIVES = 3
"""Scores up to which the volume that they gain is computed; more are weighed into one."""


@dataclass(frozen=True)
class GPSampler:
    """Suggests where a Gaussian process expects the largest improvement.

    The process has a Matérn kernel with a lengthscale for each column: over whole numbers and
    ordered values by their distance, over categories by whether they are the same. Its parameters
    are fitted to the trials, under weak priors that keep few trials from switching columns off.
    Scores below the median count by their rank, so that one disaster does not flatten the rest.
    The search keeps to a box around the best trial, which grows as it succeeds and shrinks as it
    fails. Trials whose results are not known yet are taken to do as is expected of them.

    Of two or three objectives each has a process, and the volume that their front dominates is to
    grow; of more, one is made by weighing them at random for each trial. Outcome constraints have
    processes as well, and the probability that they are kept is a factor. Where the user has named
    values that are thought good, trials start from there, and are drawn to them less and less.

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
    bandit algorithm", arXiv:2408.11527 (2024), section 3.2 (half-ranks). What is taken for several
    objectives, constraints and beliefs is named where it is computed: `acquisition`, `prior`.

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
        scored = ~np.isnan(history.objectives).any(axis=1)
        if history.number < self.n_startup or scored.sum() < 2 or not space.n_dimensions:
            return start(space, history, rng)
        with one_thread():
            place = _promising(space, _weighed(history, rng), rng)
        if place is None:
            return Suggestion(space.sample(rng))
        return Suggestion(space.decode(np.where(np.isnan(place), rng.random(len(place)), place)))


def _weighed(history: History, rng: Generator) -> History:
    """Return a history with one score, where there are more than can be had at once.

    They are scaled and weighed at random (J. Knowles, "ParEGO", IEEE Transactions on Evolutionary
    Computation 10 (2006), equation 2).
    """
    n = history.n_objectives
    if n <= _OBJECTIVES:
        return history
    values = history.objectives
    low, high = np.nanmin(values, axis=0), np.nanmax(values, axis=0)
    lost = (high - values) / np.where(high > low, high - low, 1.0)
    weighed = rng.dirichlet(np.ones(n)) * lost
    score = -(weighed.max(axis=1) + 0.05 * weighed.sum(axis=1))
    return replace(history, scores=score[:, None])


def _promising(space: Space, history: History, rng: Generator) -> Array | None:
    objectives = history.objectives
    scored = ~np.isnan(objectives).any(axis=1)
    failed = history.known & ~scored
    seen = scored | failed
    values = np.where(failed[:, None], np.nanmin(objectives[scored], axis=0), objectives)[seen]
    places, pending = history.encoded[seen], history.encoded[~seen]
    columns = Columns(space.cube)
    scores = [
        fitted(columns, places, standardised(half_ranked(column))).given(pending)
        for column in values.T
    ]
    limits, zeros = _limits(columns, history)
    allowed = (scored & history.feasible) | (~seen & (len(limits) == 0))
    worth = Improvement(scores, limits, zeros, history.encoded[allowed])
    best = ranking(history)
    if history.n_objectives == 1:
        centres = history.encoded[best[:1]]
        side = _side(_improved(values[:, 0], history.feasible[seen]), space)
    else:
        keep = history.feasible[best]
        best = best[keep] if keep.any() else best[:1]
        centres = history.encoded[best[fronts(objectives[best]) == 0]]
        side = _WHOLE
    return _Search(space, worth, history.encoded, int(seen.sum()), centres, side, rng).run()


def _limits(columns: Columns, history: History) -> tuple[list[Process], Array]:
    """Return a process for each outcome constraint, and what 0 is to it.

    Violations far from 0 are drawn in (D. Eriksson, M. Poloczek, "Scalable constrained Bayesian
    optimization", AISTATS 2021, section 3).
    """
    if history.violations is None:
        return [], np.empty(0)
    processes, zeros = [], []
    told = np.isfinite(history.violations).all(axis=1)
    if not told.any():
        return [], np.empty(0)
    for column in history.violations[told].T:
        size = np.abs(column).mean() or 1.0
        drawn_in = np.sign(column) * np.log1p(np.abs(column) / size)
        spread = drawn_in.std() or 1.0
        outputs = (drawn_in - drawn_in.mean()) / spread
        processes.append(fitted(columns, history.encoded[told], outputs))
        zeros.append(-drawn_in.mean() / spread)
    return processes, np.array(zeros)


def _improved(values: Array, feasible: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Tell which trials were better than all before."""
    values = np.where(feasible, values, -np.inf)
    best = np.maximum.accumulate(values)
    return np.asarray(values > np.concatenate([[-np.inf], best[:-1]]))


def _side(improved: NDArray[np.bool_], space: Space) -> float:
    """Return the side of the box, by how the trials so far have gone."""
    patience = max(3, space.n_dimensions // 2)
    side, successes, failures = 0.4, 0, 0
    for better in improved:
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
    space : Space
    worth : Improvement
    places : ndarray of shape (n_trials, n_dimensions)
        Where trials have been started.
    n_known : int
        How many of them have results.
    centres : ndarray of shape (n, n_dimensions)
        The best of them.
    side : float
        Of the box around the first of these.
    rng : numpy.random.Generator
    """

    space: Space
    worth: Improvement
    places: Array
    n_known: int
    centres: Array
    side: float
    rng: Generator

    def run(self) -> Array | None:
        """Return a place without a trial at which the constraints hold; None if none is found."""
        centres = np.where(np.isnan(self.centres), 0.5, self.centres)
        around = centres[np.arange(256) % len(centres)]
        drawn = [self._in_box(centres[0], 512), self._moved(around, 0.1)]
        if self.space.constraints:
            anywhere = [self.space.encode(self.space.sample(self.rng)) for _ in range(32)]
            drawn.append(np.where(np.isnan(anywhere), 0.5, anywhere))
        found, gain = self._judged(np.concatenate(drawn))
        for width in (0.05, 0.02, 0.007):
            top = np.argsort(-gain, kind="stable")[:6]
            near, its_gain = self._judged(self._moved(np.repeat(found[top], 16, axis=0), width))
            found, gain = np.concatenate([found[top], near]), np.concatenate([gain[top], its_gain])
        best_found = int(np.argmax(gain))
        return None if gain[best_found] == -np.inf else found[best_found]

    def _judged(self, found: Array) -> tuple[Array, Array]:
        cube = self.space.cube
        snapped = cube.snap(found)
        gain = self.worth(snapped) + pull(cube, snapped, self.n_known)
        gain[are_among(snapped, self.places) | ~self._allowed(snapped)] = -np.inf
        return snapped, gain

    def _allowed(self, places: Array) -> NDArray[np.bool_]:
        return self.space.allowed(np.where(np.isnan(places), 0.5, places))

    def _in_box(self, best: Array, n: int) -> Array:
        """Draw places from the box; values that can be counted mostly stay what they are."""
        places = self.rng.random((n, len(best)))
        kept = self.rng.random(places.shape) < 0.7
        for column, edges in enumerate(self.space.cube.edges):
            if self.space.cube.ordered[column]:
                reach = self._reach(column)
                low, high = max(0.0, best[column] - reach), min(1.0, best[column] + reach)
                places[:, column] = low + (high - low) * places[:, column]
            if edges is not None:
                places[kept[:, column], column] = best[column]
        return places

    def _reach(self, column: int) -> float:
        """Return how far the box goes on a column: to the next cell at least."""
        edges = self.space.cube.edges[column]
        return self.side / 2 if edges is None else max(self.side / 2, 1.5 / (len(edges) - 1))

    def _moved(self, places: Array, width: float) -> Array:
        """Move some columns of places at random."""
        places = np.where(np.isnan(places), self.rng.random(places.shape), places)
        moves = self.rng.random(places.shape) < max(2 / places.shape[1], 0.3)
        steps = self.rng.normal(size=places.shape)
        anew = self.rng.random(places.shape)
        for column, edges in enumerate(self.space.cube.edges):
            least = 0.0 if edges is None else 1 / (len(edges) - 1)
            moved = places[:, column] + steps[:, column] * max(width, least)
            if not self.space.cube.ordered[column]:
                moved = anew[:, column]
            places[:, column] = np.where(moves[:, column], np.clip(moved, 0, 1), places[:, column])
        return places
