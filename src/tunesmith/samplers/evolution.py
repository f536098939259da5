"""Evolution: differential for one score, NSGA-II for several."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import Any, ClassVar

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from tunesmith.exceptions import SpaceError
from tunesmith.samplers import Suggestion
from tunesmith.samplers.fronts import crowding, excess, ranking
from tunesmith.samplers.prior import start
from tunesmith.space import Space
from tunesmith.space.cube import Cube, is_among
from tunesmith.trial import History

Array = NDArray[np.float64]

_RATES = (0.1, 0.9)
"""Crossover rates: few columns at a time, or most of them together."""

_STEPS = (0.4, 0.9)
"""Between which lies the part of a difference that is added."""

_ELITE = 0.15

_CROSSED = 0.9
_LIKE_PARENTS, _LIKE_ITSELF = 15.0, 20.0
"""Indices of the distributions of crossover and mutation: larger, and children are closer."""

_ASKED = 25
"""Children to find one among that is new and allowed."""


@dataclass(frozen=True)
class EvolutionSampler:
    """Breeds trials from good ones: for long searches whose trials cost little.

    Of one score this is differential evolution. The population has places; the trial of number
    *n* competes for place *n* modulo `population_size`, which the best of its competitors holds.
    The next child for that place is made from its holder, moved towards one of the best and by
    the difference of two others.

    Of several scores it is NSGA-II with all trials for an archive. Parents are the first fronts,
    and of the last of these those that add most to its volume, which the library ``moocore``
    finds (with more than three scores: those that are least crowded). Two are drawn by
    tournaments, crossed and mutated.

    So nothing is kept between suggestions, and trials from elsewhere count like its own. Trials
    that break outcome constraints come after all that keep them.

    Parameters
    ----------
    population_size : int or None, default=None
        Places, at least 5. None: 10 and 3 for each dimension, at most 60; with several scores 50.

    Raises
    ------
    SpaceError
        If `population_size` is below 5.

    References
    ----------
    R. Storn, K. Price, "Differential evolution", J. Global Optimization 11 (1997), equations 3 to
    6; J. Zhang, A. C. Sanderson, "JADE", IEEE Transactions on Evolutionary Computation 13 (2009),
    equation 4 (towards one of the best);
    K. Deb et al., "A fast and elitist multiobjective genetic algorithm: NSGA-II", IEEE
    Transactions on Evolutionary Computation 6 (2002), section III; N. Beume et al., "SMS-EMOA",
    European J. Operational Research 181 (2007), section 3 (volumes);
    K. Deb, R. B. Agrawal, "Simulated binary crossover", Complex Systems 9 (1995), equation 7.

    Examples
    --------
    >>> from tunesmith.samplers.evolution import EvolutionSampler
    >>> EvolutionSampler(population_size=20)
    EvolutionSampler(population_size=20)
    """

    population_size: int | None = None
    adaptive: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if self.population_size is not None and self.population_size < 5:
            raise SpaceError(
                f"population_size has to be at least 5, or None, got {self.population_size}"
            )

    def suggest(self, space: Space, history: History, rng: Generator) -> Suggestion:
        """Return a child of the population.

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
            The child.

        Raises
        ------
        ImportError
            If there are several scores, and the library ``moocore`` is not installed.
        """
        single, cube = history.n_objectives == 1, space.cube
        size = self.population_size or (min(60, 10 + 3 * space.n_dimensions) if single else 50)
        ranked = ranking(history) if single else _by_volume(history, size)
        if len(ranked) < size or not space.n_dimensions:
            return start(space, history, rng)
        breed: Callable[[], Array]
        if single:
            members = _holders(ranked, size)
            places = _filled(cube, history.encoded[members], rng)
            (held,) = np.nonzero(members % size == history.number % size)
            target = int(held[0]) if len(held) else int(rng.integers(len(members)))
            breed = lambda: _moved(cube, places, target, rng)  # noqa: E731
        else:
            places = _filled(cube, history.encoded[ranked], rng)
            breed = lambda: _crossed(cube, places, rng)  # noqa: E731
        for child in _children(breed):
            if is_among(cube.snap(child[None])[0], history.encoded):
                continue
            params = space.decode(child)
            if space.allows(params):
                return Suggestion(params)
        return Suggestion(space.sample(rng))


def _children(breed: Callable[[], Array]) -> Iterator[Array]:
    for _ in range(_ASKED):
        yield breed()


# One score


def _holders(ranked: NDArray[np.intp], size: int) -> NDArray[np.intp]:
    """Return which trial holds each place, the best one first."""
    _, first = np.unique(ranked % size, return_index=True)
    return ranked[np.sort(first)]


def _moved(cube: Cube, places: Array, target: int, rng: Generator) -> Array:
    """Return a child of one holder, moved by others; the best ones are first in `places`."""
    n, n_columns = places.shape
    own = places[target]
    best = places[rng.integers(max(2, round(_ELITE * n)))]
    first, second = places[rng.choice(n, 2, replace=False)]
    step = rng.uniform(*_STEPS)
    child = own + step * (best - own) + step * (first - second)
    # What would leave the cube goes half the way from the holder to its face.
    child = np.where(child < 0, own / 2, np.where(child > 1, (own + 1) / 2, child))
    unordered = np.flatnonzero(~cube.ordered)
    child[unordered] = _picked((own, best, first), unordered, rng)
    child = _mutated(cube, child, unordered, rng)
    crossed = rng.random(n_columns) < rng.choice(_RATES)
    crossed[rng.integers(n_columns)] = True
    return np.where(crossed, child, own)


# Several scores


def _by_volume(history: History, size: int) -> NDArray[np.intp]:
    """Return the trials that are parents, the best one first."""
    library = _library()
    objectives = history.objectives
    scored = np.flatnonzero(~np.isnan(objectives).any(axis=1))
    if len(scored) < size:
        return scored
    values, over = objectives[scored], excess(history, scored)
    number = np.zeros(len(scored))
    fine = over == 0
    if fine.any():
        number[fine] = library.pareto_rank(values[fine], maximise=True)
    adds = np.zeros(len(scored))
    last = np.sort(number[fine])[min(size, int(fine.sum())) - 1] if fine.any() else 0
    for front in np.unique(number[fine & (number <= last)]):
        members = np.flatnonzero(fine & (number == front))
        adds[members] = _adds(library, values[members])
    return scored[np.lexsort((-adds, number, over))][:size]


def _adds(library: Any, values: Array) -> Array:
    if values.shape[1] > 3:
        return crowding(values)
    low, high = values.min(axis=0), values.max(axis=0)
    scaled = (values - low) / np.where(high > low, high - low, 1.0)
    reference = np.full(values.shape[1], -0.1)
    return np.asarray(library.hv_contributions(scaled, ref=reference, maximise=True))


def _crossed(cube: Cube, places: Array, rng: Generator) -> Array:
    """Return a child of two parents, each the better one of two."""
    n_columns = places.shape[1]
    mother, father = places[rng.integers(len(places), size=(2, 2)).min(axis=1)]
    u = rng.random(n_columns)
    power = 1 / (_LIKE_PARENTS + 1)
    spread = np.where(u < 0.5, (2 * u) ** power, (2 * (1 - u)) ** -power)
    child = (mother + father + rng.choice([-1.0, 1.0]) * spread * (mother - father)) / 2
    unordered = np.flatnonzero(~cube.ordered)
    child[unordered] = _picked((mother, father), unordered, rng)
    crossed = rng.random(n_columns) < 0.5 if rng.random() < _CROSSED else np.zeros(n_columns, bool)
    child = np.clip(np.where(crossed, child, mother), 0, 1)
    return _mutated(cube, child, np.arange(n_columns), rng)


# Both


def _picked(parents: tuple[Array, ...], columns: NDArray[np.intp], rng: Generator) -> Array:
    """Return for each column the place of a random one of the parents."""
    return np.stack(parents)[rng.integers(len(parents), size=len(columns)), columns]


def _mutated(cube: Cube, child: Array, columns: NDArray[np.intp], rng: Generator) -> Array:
    """Return a child of whose columns one, on average, is changed."""
    changed = columns[rng.random(len(columns)) < 1 / len(child)]
    u = rng.random(len(changed))
    power = 1 / (_LIKE_ITSELF + 1)
    shift = np.where(u < 0.5, (2 * u) ** power - 1, 1 - (2 * (1 - u)) ** power)
    near = np.clip(child[changed] + shift, 0, 1)
    mutant = child.copy()
    mutant[changed] = np.where(cube.ordered[changed], near, u)
    return mutant


def _filled(cube: Cube, places: Array, rng: Generator) -> Array:
    """Return places with random values where a column is not active, and within each cell.

    Without the latter whole numbers that differ by one would never be a step apart.
    """
    full = np.where(np.isnan(places), rng.random(places.shape), places)
    for column, edges in enumerate(cube.edges):
        if edges is not None and cube.ordered[column]:
            number = cube.cells(column, full[:, column])
            low, high = edges[number], edges[number + 1]
            full[:, column] = low + (high - low) * rng.random(len(full))
    return full


def _library() -> Any:
    try:
        return import_module("moocore")
    except ImportError as error:
        raise ImportError(
            "the sampler 'evolution' needs the library moocore where there are several scores: "
            "pip install 'tunesmith[multiobjective]'"
        ) from error
