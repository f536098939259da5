"""Say how much to spend on a trial, and when to stop. One file each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from tunesmith.trial import History


@dataclass(frozen=True, slots=True)
class Start:
    """Start a new trial."""


@dataclass(frozen=True, slots=True)
class Done:
    """Start no more trials."""


Decision = Start | Done


@runtime_checkable
class Scheduler(Protocol):
    """Says what to do next."""

    def next(self, history: History) -> Decision:
        """Return the next decision. Pure: equal histories give equal decisions."""
