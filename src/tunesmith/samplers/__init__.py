"""Say what to try next. One file each; a sampler is one pure function of what is known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from numpy.random import Generator
from numpy.typing import NDArray

from tunesmith.space import Space
from tunesmith.trial import History


@dataclass(frozen=True, slots=True)
class Suggestion:
    """What a sampler suggests.

    Parameters
    ----------
    params : mapping of str to object
        Parameters of the new trial.
    state : mapping of str to ndarray
        What the next call may start from; stored with the trial.
    """

    params: Mapping[str, Any]
    state: Mapping[str, NDArray[Any]] = field(default_factory=dict)


@runtime_checkable
class Sampler(Protocol):
    """Says what to try next."""

    @property
    def adaptive(self) -> bool:
        """False where the sequence needs no results (grid, random)."""

    def suggest(self, space: Space, history: History, rng: Generator) -> Suggestion:
        """Return the parameters of trial ``history.number``.

        Pure: the same space, history and generator state give the same suggestion.
        """
