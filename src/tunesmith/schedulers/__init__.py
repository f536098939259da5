"""Say how much to spend on a trial, and when to stop. One file each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from tunesmith.evaluation.verdicts import Continue, Judge, Stop, Verdict
from tunesmith.trial import History

__all__ = [
    "Continue",
    "Decision",
    "Done",
    "Judge",
    "Scheduler",
    "Start",
    "Stop",
    "Verdict",
]


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

    @property
    def adaptive(self) -> bool:
        """False where it looks at no results."""

    def next(self, history: History) -> Decision:
        """Return the next decision. Pure: equal histories give equal decisions."""

    def judge(self, history: History) -> Judge | None:
        """Return what judges the trial that is started now; None where none is to be stopped.

        Pure. It is all that a judgement knows of other trials, so it is the same wherever and
        whenever the trial runs. It is pickled and sent to a worker: better small.
        """
