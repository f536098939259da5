"""The default: a mixture of samplers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from numpy.random import Generator

from tunesmith.samplers import Sampler, Suggestion
from tunesmith.samplers.distinct import DistinctSampler
from tunesmith.samplers.evolution import EvolutionSampler
from tunesmith.samplers.gp import GPSampler
from tunesmith.samplers.tpe import TPESampler
from tunesmith.space import Space
from tunesmith.trial import History

_FEW = 300
"""Trials up to which a Gaussian process takes well under a tenth of a second."""

_EVERY = 4
_FROM = 10


@dataclass(frozen=True)
class AutoSampler:
    """Suggests by `GPSampler`, `TPESampler` and `EvolutionSampler` in turn.

    The first five trials are points of a Sobol sequence. Then a Gaussian process suggests, but
    from the tenth trial on Parzen estimators take every fourth turn: they leave the box in which
    it searches, and find the better one of several valleys or models. After 300 trials, where the
    process gets slow, its turns are those of differential evolution or, with several scores, of
    Parzen estimators. No point is suggested twice, see `DistinctSampler`.

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
        return DistinctSampler(_whose_turn(history)).suggest(space, history, rng)


def _whose_turn(history: History) -> Sampler:
    if history.number >= _FROM and history.number % _EVERY == 0:
        return TPESampler()
    if history.number < _FEW:
        return GPSampler()
    return EvolutionSampler() if history.n_objectives == 1 else TPESampler()
