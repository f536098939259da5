"""Covariance matrix adaptation."""

from __future__ import annotations

import math
from dataclasses import dataclass
from importlib import import_module
from typing import Any, ClassVar

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from tunesmith.exceptions import SpaceError
from tunesmith.samplers import Suggestion
from tunesmith.samplers.fronts import ranking
from tunesmith.samplers.prior import start
from tunesmith.space import Space
from tunesmith.space.cube import Cube, is_among
from tunesmith.trial import History

Array = NDArray[np.float64]

_SPREAD = 0.2
"""Standard deviation at the start, as a part of the range."""

_PACE = 0.3
"""Weight of the newest generation in the frequencies of categories."""

_ASKED = 25
"""Places drawn to find one that is new and allowed."""

_NARROW = 1e-6
"""Standard deviation, as a part of the range, below which the distribution has converged."""

_WORST = 1e30


@dataclass(frozen=True)
class CMAESSampler:
    """Draws from a normal distribution that moves, stretches and turns towards good trials.

    The trials whose results are known are cut, in order of their numbers, into generations, and
    these are told to an optimiser from the library ``cmaes``; then it is asked once. So nothing is
    kept between suggestions, and trials from elsewhere count like its own. One that lies far out
    is told of as if it were nearer.

    Columns of cells (whole numbers, steps, ordered categories) keep a margin, so that a neighbour
    of the best value is always tried now and then. Categories are drawn as frequently as they have
    been among the better half of each generation. Once the distribution has converged, the search
    begins again elsewhere, with generations of twice the size.

    Parameters
    ----------
    population_size : int or None, default=None
        Trials of a generation, at least 4. None: ``4 + 3 log(n)`` in *n* dimensions, at least 6.

    Raises
    ------
    SpaceError
        If `population_size` is below 4.

    Notes
    -----
    A column that is not active in a trial is drawn from the distribution when the trial is told
    of, so that it is neither moved nor narrowed by it; the place of a whole number within its cell
    is, too.

    References
    ----------
    N. Hansen, "The CMA evolution strategy: a tutorial", arXiv:1604.00772 (2016), equations 38 to
    47;
    R. Hamano et al., "CMA-ES with margin", GECCO 2022, section 4 (cells);
    R. Hamano et al., "CatCMA: stochastic optimization for mixed-category problems", GECCO 2024
    (categories, in a simpler form);
    A. Auger and N. Hansen, "A restart CMA evolution strategy with increasing population size",
    CEC 2005;
    N. Hansen, "Injecting external solutions into CMA-ES", arXiv:1110.4181 (2011), equation 4.

    Examples
    --------
    >>> from tunesmith.samplers.cmaes import CMAESSampler
    >>> CMAESSampler(population_size=10)
    CMAESSampler(population_size=10)
    """

    population_size: int | None = None
    adaptive: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if self.population_size is not None and self.population_size < 4:
            raise SpaceError(
                f"population_size has to be at least 4, or None, got {self.population_size}"
            )

    def suggest(self, space: Space, history: History, rng: Generator) -> Suggestion:
        """Return a place drawn from the distribution.

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

        Raises
        ------
        SpaceError
            If there are several objectives.
        ImportError
            If the library ``cmaes`` is not installed.
        """
        if history.n_objectives > 1:
            raise SpaceError(
                f"the sampler 'cmaes' maximises one score, and there are {history.n_objectives}; "
                "write sampler='evolution', 'tpe', 'gp' or 'auto'"
            )
        _library()
        known = np.flatnonzero(history.known)
        search = _Search(space.cube, history.seed, self.population_size)
        if len(known) < search.size or not space.n_dimensions:
            return start(space, history, rng)
        costs = _costs(history)
        while len(known) >= search.size:
            generation, known = known[: search.size], known[search.size :]
            search.tell(history.encoded[generation], costs[generation])
        search.reseed(rng)
        place = _new(space, search, history.encoded, rng)
        return Suggestion(space.sample(rng) if place is None else space.decode(place))


def _new(space: Space, search: _Search, tried: Array, rng: Generator) -> Array | None:
    """Return a place that is allowed and has not been tried."""
    for _ in range(_ASKED):
        place = search.draw(rng)
        if is_among(space.cube.snap(place[None])[0], tried):
            continue
        if not space.constraints or space.allows(space.decode(place)):
            return place
    return None


def _costs(history: History) -> Array:
    """Return what is minimised: scores, then what breaks constraints, then what has failed.

    Trials that come later do not change it for those before, so that a replay repeats itself.
    """
    costs = np.full(len(history.encoded), 3 * _WORST)
    ranked = ranking(history)
    costs[ranked] = _WORST * (1 + np.arange(len(ranked)) / max(1, len(ranked)))
    kept = ranked[history.feasible[ranked]]
    costs[kept] = -np.clip(history.objectives[kept, 0], -_WORST / 2, _WORST / 2)
    return costs


class _Search:
    """An optimiser, the frequencies of categories, and how to begin again.

    Parameters
    ----------
    cube : Cube
        The columns.
    seed : int
        Where all randomness of the replay comes from.
    size : int or None
        Trials of the first generations.
    """

    def __init__(self, cube: Cube, seed: int, size: int | None) -> None:
        self._cube = cube
        wide = np.array([edges is None or len(edges) > 2 for edges in cube.edges], dtype=bool)
        self._numeric = np.flatnonzero(cube.ordered & cube.encoded & wide)
        self._unordered = np.flatnonzero(~cube.ordered & cube.encoded & wide).tolist()
        self._rng = np.random.default_rng(seed)
        n = len(self._numeric) + len(self._unordered)
        self.size = max(6, 4 + int(3 * math.log(max(1, n)))) if size is None else size
        priors = [cube.prior[column] for column in self._numeric]
        self._begin(np.array([p if isinstance(p, float) else 0.5 for p in priors]))

    def tell(self, places: Array, costs: Array) -> None:
        """Learn from a generation; begin again, with larger ones, where no more is to be learnt.

        Parameters
        ----------
        places : ndarray of shape (size, n_dimensions)
            NaN where a column is not active.
        costs : ndarray of shape (size,)
        """
        best = np.argsort(costs, kind="stable")[: self.size // 2]
        for column in self._unordered:
            self._count(column, places[best, column])
        if self._normal is None:
            return
        told = self._normal.told(places[:, self._numeric], self._rng)
        self._normal.optimizer.tell(list(zip(told, costs.tolist(), strict=True)))
        if self._normal.converged():
            self.size *= 2
            self._begin(self._rng.random(len(self._numeric)))

    def reseed(self, rng: Generator) -> None:
        """Let what is drawn from here on come from another generator."""
        if self._normal is not None:
            self._normal.optimizer.reseed_rng(_seed(rng))

    def draw(self, rng: Generator) -> Array:
        """Draw a place, of shape (n_dimensions,), with values where nothing is active too."""
        place = rng.random(len(self._cube.edges))
        for column, likely in self._frequencies.items():
            edges = self._cube.edges[column]
            assert edges is not None
            number = rng.choice(len(likely), p=likely)
            place[column] = (edges[number] + edges[number + 1]) / 2
        if self._normal is not None:
            place[self._numeric] = np.clip(self._normal.optimizer.ask()[0], 0, 1)
        return place

    def _begin(self, mean: Array) -> None:
        self._frequencies = {column: self._expected(column) for column in self._unordered}
        self._normal = None
        if len(mean):
            edges = [self._cube.edges[column] for column in self._numeric]
            self._normal = _Normal(edges, mean, self.size, _seed(self._rng))

    def _expected(self, column: int) -> Array:
        """Return how frequent categories are before anything is known."""
        edges, prior = self._cube.edges[column], self._cube.prior[column]
        assert edges is not None
        return prior if isinstance(prior, np.ndarray) else np.asarray(np.diff(edges))

    def _count(self, column: int, places: Array) -> None:
        """Move the frequencies of categories towards those among some places."""
        numbers = self._cube.cells(column, places[~np.isnan(places)])
        if not len(numbers):
            return
        likely = self._frequencies[column]
        found = np.bincount(numbers, minlength=len(likely)) / len(numbers)
        # None gets lost: one of a generation is expected to differ in one of the columns.
        least = 1 / (self.size * max(1, len(self._unordered)) * len(likely))
        likely = np.maximum((1 - _PACE) * likely + _PACE * found, least)
        self._frequencies[column] = likely / likely.sum()


class _Normal:
    """The optimiser of the columns that are ordered.

    Parameters
    ----------
    edges : list of ndarray of shape (n_cells + 1,), or None
        For each column where its cells begin and end; None where it is continuous.
    mean : ndarray of shape (n,)
        Where it begins.
    size : int
        Trials of a generation.
    seed : int
    """

    def __init__(self, edges: list[Array | None], mean: Array, size: int, seed: int) -> None:
        self._edges = edges
        # The library knows cells of one width; others count as if there were none.
        steps = np.array([0.0 if e is None or not _even(e) else e[1] - e[0] for e in edges])
        bounds = np.column_stack([steps / 2, 1 - steps / 2])
        self._margin = steps > 0
        self.optimizer = _library().CMAwM(
            mean=np.clip(mean, *bounds.T),
            sigma=_SPREAD,
            bounds=bounds,
            steps=steps,
            population_size=size,
            seed=seed,
        )

    def told(self, places: Array, rng: Generator) -> Array:
        """Return places as if they had been drawn from the distribution.

        Within a cell, and where a column is not active, a place is drawn; what lies far out is
        brought nearer.
        """
        strategy = self.optimizer._cma
        mean, sigma = strategy._mean, strategy._sigma
        deviation = sigma * np.sqrt(np.diag(strategy._C))
        low, high = places.copy(), places.copy()
        for column, edges in enumerate(self._edges):
            if edges is not None:
                low[:, column], high[:, column] = self._cell(column, edges, places[:, column])
        missing = np.isnan(places)
        low[missing], high[missing] = -np.inf, np.inf
        drawn = mean + deviation * _between(
            (low - mean) / deviation, (high - mean) / deviation, rng.random(places.shape)
        )
        axes, lengths = strategy._eigen_decomposition()
        away = np.linalg.norm((drawn - mean) @ axes / lengths, axis=1) / sigma
        n = len(mean)
        near = np.minimum(1.0, (math.sqrt(n) + 2 * n / (n + 2)) / np.maximum(away, 1e-300))
        return np.asarray(mean + (drawn - mean) * near[:, None])

    def converged(self) -> bool:
        """Tell whether there is nothing more to be learnt."""
        strategy = self.optimizer._cma
        widest = strategy._sigma * math.sqrt(np.diag(strategy._C).max())
        return bool(widest < _NARROW or self.optimizer.should_stop())

    def _cell(self, column: int, edges: Array, at: Array) -> tuple[Array, Array]:
        """Return between which places of the optimiser's the cells lie in which `at` is."""
        number = np.searchsorted(edges[1:-1], np.nan_to_num(at), side="right")
        if not self._margin[column]:
            return edges[number], edges[number + 1]
        mean, wide = self.optimizer._cma._mean[column], self.optimizer._A[column]
        ends = np.concatenate([[-np.inf], edges[1:-1], [np.inf]])
        ends = mean + (ends - mean) / wide
        return ends[number], ends[number + 1]


def _between(low: Array, high: Array, u: Array) -> Array:
    """Draw from a standard normal distribution between two ends, which may be equal."""
    # In the upper tail its quantiles would be rounded away.
    turned = low > 0
    a, b = np.where(turned, -high, low), np.where(turned, -low, high)
    p, q = ndtr(a), ndtr(b)
    drawn = np.clip(ndtri(np.maximum(p + u * (q - p), 1e-300)), a, b)
    return np.asarray(np.where(turned, -drawn, drawn))


def _even(edges: Array) -> bool:
    return bool(np.allclose(np.diff(edges), 1 / (len(edges) - 1), rtol=1e-6, atol=0))


def _seed(rng: Generator) -> int:
    return int(rng.integers(2**32))


def _library() -> Any:
    try:
        return import_module("cmaes")
    except ImportError as error:
        raise ImportError(
            "the sampler 'cmaes' needs the library cmaes: pip install 'tunesmith[cmaes]'"
        ) from error
