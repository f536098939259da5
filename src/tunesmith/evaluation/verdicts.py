"""What a judge says of a trial that is under way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from tunesmith.trial import Reports


@dataclass(frozen=True, slots=True)
class Continue:
    """Go on with the trial."""


@dataclass(frozen=True, slots=True)
class Stop:
    """End the trial: it does badly."""


Verdict = Continue | Stop


@runtime_checkable
class Judge(Protocol):
    """Says whether a trial is to go on; goes with its job to a worker, pickled."""

    def __call__(self, reports: Reports) -> Verdict:
        """Judge a trial by what it has reported, to be maximised. Pure."""
