"""Leases: who is at which trial, for as long as it says so."""

from __future__ import annotations

import math
import numbers
import operator
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from tunesmith.exceptions import StorageError


@dataclass(frozen=True, slots=True)
class Lease:
    """A driver's word that it is at a trial.

    Parameters
    ----------
    study : str
        Name of the study.
    trial : int
        Number of the trial.
    holder : str
        The driver: a text that is unique to it.
    seconds : float or None
        For how long the lease holds from each time it is renewed; None for ever.
    """

    study: str
    trial: int
    holder: str
    seconds: float | None

    @property
    def length(self) -> float:
        """The seconds, infinite for ever."""
        return math.inf if self.seconds is None else self.seconds


def leases_of(study: str, trials: Iterable[int], holder: str, seconds: Any) -> list[Lease]:
    """Return leases on trials, each once.

    Raises
    ------
    StorageError
        If a number is none, or `seconds` is neither above 0 nor None.
    """
    if seconds is not None:
        real = isinstance(seconds, numbers.Real) and not isinstance(seconds, bool)
        if not real or not 0 < seconds < math.inf:
            raise StorageError(f"a lease lasts for seconds above 0 or None, not {seconds!r}.")
        seconds = float(seconds)
    return [
        Lease(study, operator.index(trial), holder, seconds) for trial in dict.fromkeys(trials)
    ]


class LeaseBook:
    """The leases of studies that live as long as their process."""

    def __init__(self) -> None:
        self._until: dict[tuple[str, int], tuple[str, float]] = {}

    def claim(self, wanted: Iterable[Lease]) -> list[Lease]:
        """Enter those leases that no other holder keeps from being; return them."""
        now = time.monotonic()
        got = []
        for lease in wanted:
            holder, until = self._until.get((lease.study, lease.trial), (lease.holder, now))
            if holder == lease.holder or until <= now:
                got.append(lease)
                self._until[lease.study, lease.trial] = lease.holder, now + lease.length
        return got

    def renew(self, leases: Iterable[Lease]) -> list[Lease]:
        """Let those leases begin anew that have not been taken over; return them."""
        return self.claim(self._held(leases))

    def release(self, leases: Iterable[Lease]) -> None:
        """End those leases that have not been taken over."""
        for lease in self._held(leases):
            del self._until[lease.study, lease.trial]

    def leased(self, study: str) -> dict[int, str]:
        """Return the holders of a study's trials, by number."""
        now = time.monotonic()
        return {
            trial: holder
            for (name, trial), (holder, until) in self._until.items()
            if name == study and until > now
        }

    def _held(self, leases: Iterable[Lease]) -> list[Lease]:
        nobody = (None, 0.0)
        return [x for x in leases if self._until.get((x.study, x.trial), nobody)[0] == x.holder]
