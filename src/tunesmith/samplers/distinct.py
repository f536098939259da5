"""No point twice."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from tunesmith.samplers import Sampler, Suggestion
from tunesmith.space import Space
from tunesmith.space.cube import are_among, is_among
from tunesmith.trial import History

_DRAWS = 256


@dataclass(frozen=True)
class DistinctSampler:
    """Suggests what another sampler does, but no point twice before all have been.

    In place of a point that has been suggested comes a random one. Where points cannot be counted,
    nothing is changed.

    Parameters
    ----------
    sampler : Sampler
        The other one.

    Examples
    --------
    >>> import numpy as np
    >>> from tunesmith.samplers.distinct import DistinctSampler
    >>> from tunesmith.samplers.random import RandomSampler
    >>> from tunesmith.space import Space
    >>> from tunesmith.trial import History
    >>> space = Space.read({"a": ["x", "y"]})
    >>> history = History(
    ...     1, ({"a": "x"},), np.array([[0.25]]), np.array([[1.0]]), np.array([True])
    ... )
    >>> sampler = DistinctSampler(RandomSampler())
    >>> {sampler.suggest(space, history, np.random.default_rng(n)).params["a"] for n in range(9)}
    {'y'}
    """

    sampler: Sampler

    @property
    def adaptive(self) -> bool:
        """As the sampler."""
        return self.sampler.adaptive

    def suggest(self, space: Space, history: History, rng: Generator) -> Suggestion:
        """Return what the sampler suggests, or a random point.

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
        suggestion = self.sampler.suggest(space, history, rng)
        if space.size == math.inf or not len(history.encoded):
            return suggestion
        if not is_among(space.encode(suggestion.params), history.encoded):
            return suggestion
        return _new(space, history, rng) or suggestion


def _new(space: Space, history: History, rng: Generator) -> Suggestion | None:
    """Return a point that has not been suggested; None if there is none."""
    drawn = space.cube.snap(rng.random((_DRAWS, space.n_dimensions)))
    for place in drawn[~are_among(drawn, history.encoded)]:
        params = space.decode(np.where(np.isnan(place), 0.5, place))
        if space.allows(params):
            return Suggestion(params)
    # Few are left: at most some times as many as there are trials.
    start = int(rng.integers(int(space.size)))
    for step in range(min(int(space.size), 100 * (len(history.encoded) + 1))):
        params = space.point((start + step) % int(space.size))
        if not is_among(space.encode(params), history.encoded):
            return Suggestion(params)
    return None
