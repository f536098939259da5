"""Every trial gets its whole budget."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tunesmith.schedulers import Decision, Done, Start
from tunesmith.trial import History


@dataclass(frozen=True, slots=True)
class FullScheduler:
    """Start `n_trials` trials and stop none of them.

    Parameters
    ----------
    n_trials : int
        Number of trials.

    Examples
    --------
    >>> from tunesmith.schedulers.full import FullScheduler
    >>> FullScheduler(n_trials=3)
    FullScheduler(n_trials=3)
    """

    n_trials: int
    adaptive: ClassVar[bool] = False

    def next(self, history: History) -> Decision:
        """Return `Start` until `n_trials` trials are started, then `Done`."""
        return Start() if history.number < self.n_trials else Done()

    def judge(self, history: History) -> None:
        """Return None."""
