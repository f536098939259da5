"""Candidates given in advance."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from numpy.random import Generator

from tunesmith.exceptions import SpaceError
from tunesmith.samplers import Suggestion
from tunesmith.space import Space
from tunesmith.trial import History


@dataclass(frozen=True)
class FixedSampler:
    """Suggests given candidates, in their order.

    Parameters
    ----------
    candidates : iterable of mapping of str to object
        The parameters of each trial; kept as a tuple. They need not be in the space that
        is searched.

    Examples
    --------
    >>> import numpy as np
    >>> from tunesmith.samplers.fixed import FixedSampler
    >>> from tunesmith.space import Space
    >>> from tunesmith.trial import History
    >>> nothing = np.empty((1, 0))
    >>> history = History(1, ({"C": 1},), nothing, nothing, np.zeros(1, dtype=bool))
    >>> sampler = FixedSampler([{"C": 1}, {"C": 10}])
    >>> sampler.suggest(Space.read({}), history, np.random.default_rng(0)).params
    {'C': 10}
    """

    candidates: Iterable[Mapping[str, Any]]
    adaptive: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if isinstance(self.candidates, Mapping | str) or not isinstance(self.candidates, Iterable):
            raise SpaceError(
                f"candidates have to be a list of dicts, got {type(self.candidates).__name__}; "
                "for a single candidate, write a list of one dict"
            )
        candidates = tuple(self.candidates)
        for number, candidate in enumerate(candidates):
            if not isinstance(candidate, Mapping):
                raise SpaceError(
                    f"candidates have to be dicts of parameters, but candidate {number} is "
                    f"{candidate!r} (of type {type(candidate).__name__})"
                )
        # Copied, so that a caller's later change to a dict does not reach the search.
        object.__setattr__(self, "candidates", tuple(dict(c) for c in candidates))

    def suggest(self, space: Space, history: History, rng: Generator) -> Suggestion:
        """Return candidate ``history.number``.

        Parameters
        ----------
        space : Space
            Not looked at.
        history : History
            Only its `number` is looked at.
        rng : numpy.random.Generator
            Not used.

        Returns
        -------
        Suggestion
            The candidate, a dict of its own.

        Raises
        ------
        SpaceError
            If there are not as many candidates.
        """
        candidates: tuple[Mapping[str, Any], ...] = self.candidates  # type: ignore[assignment]
        if history.number >= len(candidates):
            raise SpaceError(
                f"there are {len(candidates)} candidates, and all have been suggested; "
                "ask for fewer trials or give more candidates"
            )
        return Suggestion(dict(candidates[history.number]))
