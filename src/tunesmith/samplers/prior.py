"""Where the user thinks that good values are."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from tunesmith.samplers import Suggestion
from tunesmith.samplers.qmc import QMCSampler
from tunesmith.space import Space
from tunesmith.space.cube import Cube
from tunesmith.trial import History

Array = NDArray[np.float64]

_SPREAD = 0.15
"""Standard deviation of a belief, as a part of the range."""

_DOUBT = 0.1
"""Weight of the even density that is mixed into each belief."""

_WEIGHT = 10.0

_DRAWS = 100


def start(space: Space, history: History, rng: Generator) -> Suggestion:
    """Return a trial of those that are made before a sampler can learn.

    They are points of a Sobol sequence. Where the user has named values that are thought good,
    these are the first trial, and every other one is drawn from around them.

    Parameters
    ----------
    space : Space
        The space to search.
    history : History
        Only its `number` and its `seed` are looked at.
    rng : numpy.random.Generator
        Where all randomness comes from.

    Returns
    -------
    Suggestion
        The trial.
    """
    cube, number = space.cube, history.number
    if all(prior is None for prior in cube.prior) or (number and number % 2 == 0):
        return QMCSampler().suggest(space, history, rng)
    for _ in range(_DRAWS):
        place = draw(cube, 1, rng)[0]
        if number == 0:
            place = _middle(cube, place)
        params = space.decode(place)
        if space.allows(params):
            return Suggestion(params)
    return Suggestion(space.sample(rng))


def draw(cube: Cube, n: int, rng: Generator) -> Array:
    """Draw places from the beliefs of a cube, of shape (n, n_dimensions); none of them NaN."""
    places = rng.random((n, len(cube.prior)))
    for column, prior in enumerate(cube.prior):
        u, believed = places[:, column], rng.random(n) >= _DOUBT
        if isinstance(prior, float):
            low, high = ndtr(-prior / _SPREAD), ndtr((1 - prior) / _SPREAD)
            near = prior + _SPREAD * ndtri(low + u * (high - low))
            places[:, column] = np.where(believed, np.clip(near, 0, 1), u)
        elif prior is not None:
            edges = cube.edges[column]
            assert edges is not None
            number = np.searchsorted(np.cumsum(prior)[:-1], u, side="right")
            places[:, column] = np.where(believed, (edges[number] + edges[number + 1]) / 2, u)
    return places


def pull(cube: Cube, places: Array, n_known: int) -> Array:
    """Return what the beliefs add to the logarithm of an acquisition.

    It fades as trials come in, so that a belief that is wrong is outweighed.

    Parameters
    ----------
    cube : Cube
        The columns.
    places : ndarray of shape (n, n_dimensions)
        NaN where a column is not active.
    n_known : int
        Trials with results.

    Returns
    -------
    ndarray of shape (n,)

    References
    ----------
    C. Hvarfner et al., "PiBO: augmenting acquisition functions with user beliefs for Bayesian
    optimization", ICLR 2022, equation 6.
    """
    total = np.zeros(len(places))
    for column, prior in enumerate(cube.prior):
        if prior is None:
            continue
        at = places[:, column]
        active = ~np.isnan(at)
        total[active] += np.log(_density(cube, column, prior, at[active]))
    return np.asarray(_WEIGHT / max(n_known, 1) * total)


def _density(cube: Cube, column: int, prior: Array | float, at: Array) -> Array:
    if isinstance(prior, float):
        inside = ndtr((1 - prior) / _SPREAD) - ndtr(-prior / _SPREAD)
        normal = np.exp(-0.5 * ((at - prior) / _SPREAD) ** 2) / np.sqrt(2 * np.pi) / _SPREAD
        return np.asarray(_DOUBT + (1 - _DOUBT) * normal / inside)
    edges = cube.edges[column]
    assert edges is not None
    number = cube.cells(column, at)
    return np.asarray(_DOUBT + (1 - _DOUBT) * prior[number] / np.diff(edges)[number])


def _middle(cube: Cube, place: Array) -> Array:
    """Return a place with the values that are thought best, where any are named."""
    place = place.copy()
    for column, prior in enumerate(cube.prior):
        if isinstance(prior, float):
            place[column] = prior
        elif prior is not None:
            edges = cube.edges[column]
            assert edges is not None
            likely = int(np.argmax(prior))
            place[column] = (edges[likely] + edges[likely + 1]) / 2
    return place
