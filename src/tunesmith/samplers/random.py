"""Independent random draws."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from numpy.random import Generator

from tunesmith.samplers import Suggestion
from tunesmith.space import Space
from tunesmith.trial import History


@dataclass(frozen=True)
class RandomSampler:
    """Draws each trial from the space, independently of all others.

    Values follow the dimensions' own distributions: `Float` and `Int` evenly over their
    range or its logarithm, `Categorical` by its weights, the dicts of a list and the keys
    of a `Choice` equally often. Alone, it may repeat points of a small space.

    Examples
    --------
    >>> import numpy as np
    >>> from tunesmith.samplers.random import RandomSampler
    >>> from tunesmith.space import Float, Space
    >>> from tunesmith.trial import History
    >>> nothing = np.empty((0, 1))
    >>> history = History(0, (), nothing, nothing, np.empty(0, dtype=bool))
    >>> space = Space.read({"C": Float(0.01, 100, log=True)})
    >>> suggestion = RandomSampler().suggest(space, history, np.random.default_rng(0))
    >>> suggestion.params in space
    True
    """

    adaptive: ClassVar[bool] = False

    def suggest(self, space: Space, history: History, rng: Generator) -> Suggestion:
        """Return a random point of the space.

        Parameters
        ----------
        space : Space
            The space to draw from.
        history : History
            Not looked at.
        rng : numpy.random.Generator
            Where all randomness comes from.

        Returns
        -------
        Suggestion
            The point.
        """
        return Suggestion(space.sample(rng))
