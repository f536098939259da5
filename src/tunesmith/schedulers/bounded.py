"""Another scheduler, up to a number of trials."""

from __future__ import annotations

from dataclasses import dataclass

from tunesmith.schedulers import Decision, Done, Judge, Scheduler
from tunesmith.trial import History


@dataclass(frozen=True, slots=True)
class BoundedScheduler:
    """Do what a scheduler says, but start no more than `n_trials` trials.

    Parameters
    ----------
    scheduler : Scheduler
        Says what to do.
    n_trials : int
        Number of trials at most.

    Examples
    --------
    >>> from tunesmith.schedulers.bounded import BoundedScheduler
    >>> from tunesmith.schedulers.full import FullScheduler
    >>> BoundedScheduler(FullScheduler(n_trials=10), n_trials=3)
    BoundedScheduler(scheduler=FullScheduler(n_trials=10), n_trials=3)
    """

    scheduler: Scheduler
    n_trials: int

    @property
    def adaptive(self) -> bool:
        """Whether the scheduler looks at results."""
        return self.scheduler.adaptive

    def next(self, history: History) -> Decision:
        """Return what the scheduler says, or `Done` after `n_trials` trials."""
        return self.scheduler.next(history) if history.number < self.n_trials else Done()

    def judge(self, history: History) -> Judge | None:
        """Return the scheduler's judge."""
        return self.scheduler.judge(history)
