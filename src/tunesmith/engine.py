"""The loop of every search: ask, submit, record.

Decisions (start a trial) are numbered, and the order of knowledge is fixed by the
window `in_flight`: decision *k*, and what judges its trial on the way, sees the results
of decisions 0 … *k* − `in_flight` and the parameters of those between. Results that
happen to arrive early are not looked at, so neither timing nor the number of workers can
change the answer. Without a window, a trial is started whenever a worker would be idle,
and knows all there is.

The splits of a trial run at once, unless a scheduler judges it: then one after another, in
their order, and after each the mean score so far is judged. The splits that a trial is stopped
before are pruned.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue

import numpy as np

from tunesmith.evaluation import Evaluator
from tunesmith.evaluation.plan import plan
from tunesmith.executors import Executor
from tunesmith.samplers import Sampler
from tunesmith.schedulers import Done, Scheduler, Stop
from tunesmith.space import Space
from tunesmith.storage import Recorder
from tunesmith.trial import History, Job, Ledger, Outcome, State


def wide_enough(workers: int, n_splits: int) -> int:
    """Return how many trials have to be in flight, so that workers are busy to the end of each.

    Parameters
    ----------
    workers : int
        How many evaluations run at once.
    n_splits : int
        Evaluations of each trial.

    Returns
    -------
    int
        1 for one worker; for more, as many as make four evaluations for each, and 2 at least.
    """
    return 1 if workers == 1 else max(2, math.ceil(4 * workers / n_splits))


class _TimeUp(Exception):
    """The deadline passed while evaluations were missing."""


@dataclass
class Engine:
    """Runs trials until the scheduler is done or time is up.

    Parameters
    ----------
    space, sampler, scheduler
        Say what to try, and when to stop. The space is the one given: a ledger may tell in its
        histories how it has grown.
    evaluator, executor
        Say what an evaluation is, and run it somewhere.
    ledger, recorder
        Take in all that comes out, and keep it.
    observe : callable
        Called with each `Outcome` and, when it completes a trial, the trial's mean
        score, otherwise None.
    in_flight : int or None
        See above; None for no window. Of no effect where neither sampler nor scheduler is
        adaptive.
    deadline : float
        When to stop, on the clock of ``time.monotonic``.
    """

    space: Space
    sampler: Sampler
    scheduler: Scheduler
    evaluator: Evaluator
    executor: Executor
    ledger: Ledger
    recorder: Recorder | None = None
    observe: Callable[[Outcome, float | None], None] = lambda outcome, mean: None
    in_flight: int | None = 1
    deadline: float = float("inf")
    _pending: int = field(default=0, init=False)
    _over: bool = field(default=False, init=False)
    _due: list[Job] = field(default_factory=list, init=False)
    _waiting: dict[int, list[Job]] = field(default_factory=dict, init=False)
    _inbox: SimpleQueue[Outcome] = field(default_factory=SimpleQueue, init=False)
    _thread: int = field(default_factory=threading.get_ident, init=False)

    def run(self) -> bool:
        """Run to the end; return whether time sufficed."""
        try:
            with self.executor:
                while (jobs := self._ask()) or self._pending:
                    self._submit(jobs)
                    if self._pending:
                        self._take(self._wait())
        except _TimeUp:
            return False
        finally:
            while not self._inbox.empty():
                self._keep(self._inbox.get())
        return True

    def _ask(self) -> list[Job]:
        """Start trials as far as the window lets us; return what has to be run now."""
        while trials := list(self._new_trials()):
            if self.recorder is not None:
                for outcome in self.recorder.recall([(t[0].trial, t[0].params) for t in trials]):
                    self._enter(outcome)
            for jobs in trials:
                self._begin(jobs)
            if self._due:
                break
        due, self._due = self._due, []
        self._pending += len(due)
        return due

    def _begin(self, jobs: list[Job]) -> None:
        """Let the jobs of a new trial run that have no outcome."""
        known, first = self.ledger.outcomes, jobs[0]
        missing = [job for job in jobs if (job.trial, job.split) not in known]
        if first.judge is None or len(jobs) == 1:
            self._due += missing
        else:
            self._waiting[first.trial] = missing
            self._go_on(first.trial)

    def _go_on(self, trial: int) -> None:
        """Let the next split of a trial that is judged run, or stop the trial."""
        waiting, reports = self._waiting.pop(trial), self.ledger.reports(trial)
        if not waiting:
            return
        job, *later = waiting
        if reports and job.judge is not None and isinstance(job.judge(reports), Stop):
            for job in waiting:
                pruned = Outcome(trial, job.split, State.PRUNED)
                # Not recorded: it follows from what is, and another scheduler may go on.
                self._enter(self.evaluator.failed(pruned))
        else:
            self._waiting[trial] = later
            self._due.append(job)

    def _new_trials(self) -> Iterator[list[Job]]:
        """Start trials; yield the jobs of each."""
        started, n_splits = 0, self.evaluator.n_splits
        while (history := self._view(started)) is not None:
            if isinstance(self.scheduler.next(history), Done):
                self._over = True
                return
            rng = np.random.default_rng([history.seed, history.number])
            params = self.sampler.suggest(history.space or self.space, history, rng).params
            trial, judge = self.ledger.start(params), self.scheduler.judge(history)
            yield [
                Job(trial, split, params, judge=judge, space=history.space)
                for split in range(n_splits)
            ]
            started += n_splits

    def _view(self, started: int) -> History | None:
        """Return what the next decision knows; None if it must wait.

        Parameters
        ----------
        started : int
            Evaluations of trials that are about to be submitted.
        """
        if not (self.sampler.adaptive or self.scheduler.adaptive):
            return self.ledger.view(0)
        if self.ledger.params and time.monotonic() >= self.deadline:
            raise _TimeUp
        if self.in_flight is None:
            idle = self._pending + len(self._due) + started < self.executor.workers
            return self.ledger.view() if idle else None
        known = max(0, len(self.ledger.params) + 1 - self.in_flight)
        return self.ledger.view(known) if known <= self.ledger.frontier else None

    def _submit(self, jobs: Sequence[Job]) -> None:
        executor = self.executor
        for bundle in plan(
            self.evaluator, jobs, executor.workers, spreads=executor.spreads, final=self._over
        ):
            executor.run(bundle, self._arrived)

    def _arrived(self, outcome: Outcome) -> None:
        """Take an outcome: at once where it was made in our own thread."""
        if threading.get_ident() == self._thread:
            self._take(outcome)
        else:
            self._inbox.put(outcome)

    def _wait(self) -> Outcome:
        remaining = self.deadline - time.monotonic()
        try:
            return self._inbox.get(timeout=min(max(remaining, 0), threading.TIMEOUT_MAX))
        except Empty:
            raise _TimeUp from None

    def _take(self, outcome: Outcome) -> None:
        self._pending -= 1
        self._keep(outcome)
        if outcome.exception is not None:
            raise outcome.exception
        if outcome.trial in self._waiting:
            self._go_on(outcome.trial)
        if (self._pending or self._due) and time.monotonic() >= self.deadline:
            raise _TimeUp

    def _keep(self, outcome: Outcome) -> None:
        if self.recorder is not None and outcome.exception is None:
            self.recorder.record(outcome)
        self._enter(outcome)

    def _enter(self, outcome: Outcome) -> None:
        self.observe(outcome, self.ledger.enter(outcome))
