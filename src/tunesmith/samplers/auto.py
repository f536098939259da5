"""The default: a mixture of samplers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.random import Generator

from tunesmith.samplers import Sampler, Suggestion
from tunesmith.samplers.evolution import EvolutionSampler
from tunesmith.samplers.gp import GPSampler
from tunesmith.samplers.tpe import TPESampler
from tunesmith.space import Space
from tunesmith.space.cube import are_among, is_among
from tunesmith.trial import History

_FEW = 300
"""Trials up to which a Gaussian process takes well under a tenth of a second."""

_EVERY = 4
_FROM = 10

_DRAWS = 256


@dataclass(frozen=True)
class AutoSampler:
    """Suggests by `GPSampler`, `TPESampler` and `EvolutionSampler` in turn.

    The first five trials are points of a Sobol sequence. Then a Gaussian process suggests, but
    from the tenth trial on Parzen estimators take every fourth turn: they leave the box in which
    it searches, and find the better one of several valleys or models. After 300 trials, where the
    process gets slow, its turns are those of differential evolution or, with several scores, of
    Parzen estimators. Where the values can be counted, no point is suggested twice before all
    have been.

    Examples
    --------
    >>> import numpy as np
    >>> from tunesmith.samplers.auto import AutoSampler
    >>> from tunesmith.space import Space
    >>> from tunesmith.trial import History
    >>> space = Space.read({"a": ["x", "y"]})
    >>> history = History(
    ...     1, ({"a": "x"},), np.array([[0.25]]), np.array([[1.0]]), np.array([True])
    ... )
    >>> AutoSampler().suggest(space, history, np.random.default_rng(0)).params
    {'a': 'y'}
    """

    adaptive: ClassVar[bool] = True

    def suggest(self, space: Space, history: History, rng: Generator) -> Suggestion:
        """Return what the sampler whose turn it is suggests.

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
            The point.
        """
        suggestion = _whose_turn(history).suggest(space, history, rng)
        if space.size == math.inf or history.number == 0:
            return suggestion
        if not is_among(space.encode(suggestion.params), history.encoded):
            return suggestion
        return _new(space, history, rng) or suggestion


def _whose_turn(history: History) -> Sampler:
    if history.number >= _FROM and history.number % _EVERY == 0:
        return TPESampler()
    if history.number < _FEW:
        return GPSampler()
    return EvolutionSampler() if history.n_objectives == 1 else TPESampler()


def _new(space: Space, history: History, rng: Generator) -> Suggestion | None:
    """Return a point that has not been suggested; None if there is none."""
    drawn = space.cube.snap(rng.random((_DRAWS, space.n_dimensions)))
    for place in drawn[~are_among(drawn, history.encoded)]:
        params = space.decode(np.where(np.isnan(place), 0.5, place))
        if space.allows(params):
            return Suggestion(params)
    # Few are left: at most some times as many as there are trials.
    start = int(rng.integers(int(space.size)))
    for step in range(min(int(space.size), 100 * (history.number + 1))):
        params = space.point((start + step) % int(space.size))
        if not is_among(space.encode(params), history.encoded):
            return Suggestion(params)
    return None
