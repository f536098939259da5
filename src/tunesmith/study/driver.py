"""Who asks for the trials of a study and tells of them: one in each process, usually."""

from __future__ import annotations

import math
import numbers
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from tunesmith.evaluation.handle import Trial
from tunesmith.exceptions import SpaceError, WouldBlock
from tunesmith.samplers import Sampler
from tunesmith.samplers.grid import GridSampler
from tunesmith.schedulers import Scheduler
from tunesmith.space import Space
from tunesmith.study.log import StudyLog
from tunesmith.trial import Job, Met, Outcome, Reports


class UsedUp(SpaceError):
    """A grid whose points have all been asked for."""


class Driver:
    """Starts trials in the order of their numbers. Threads may share one.

    Where there is a window, the trial of a number is the same whoever starts it: it is chosen by
    the results of all but the `in_flight` - 1 before it.

    Parameters
    ----------
    space : Space
        What is searched.
    sampler : Sampler
        What suggests parameters.
    in_flight : int or None
        The window.
    log : StudyLog
        The trials.
    size : int or float, default=inf
        How many trials there can be.
    scheduler : Scheduler or None, default=None
        Says what stops a trial; None for nothing.
    sign : {1, -1}, default=1
        What makes a report one to be maximised.
    """

    def __init__(
        self,
        space: Space,
        sampler: Sampler,
        in_flight: int | None,
        log: StudyLog,
        size: int | float = math.inf,
        scheduler: Scheduler | None = None,
        sign: int = 1,
    ) -> None:
        self._space, self._sampler, self._in_flight = space, sampler, in_flight
        self._log, self._size = log, size
        self._scheduler, self._sign, self._names = scheduler, sign, frozenset(space.names)
        self._asked: dict[int, Trial] = {}
        self._lock = threading.RLock()
        self._running: set[int] = set()
        self._asked_at: dict[int, float] = {}
        self._closed = False

    @contextmanager
    def log(self, *, fresh: bool) -> Iterator[StudyLog]:
        """Keep other threads from the log; read it on first, where it is to be `fresh`."""
        with self._lock:
            if fresh and not self._closed:
                self._log.read_on()
            yield self._log

    def ask(self, n: int) -> list[Trial]:
        """Return trials to try: first those that were given up, then new ones.

        Raises
        ------
        WouldBlock
            If the window does not allow as many.
        UsedUp
            If a grid has not as many.
        """
        with self.log(fresh=False) as log:
            self._check_not_closed()
            if self._in_flight is not None and n > self._in_flight:
                raise WouldBlock(
                    f"ask({n}) is more than in_flight={self._in_flight} allows at once"
                )
            got: list[int] = []
            try:
                while len(got) < n:
                    log.read_on()
                    got += log.take(n - len(got))
                    self._check_room(n - len(got), got)
                    while len(got) < n and (new := log.add(self._suggested())) is not None:
                        got.append(new)
            except BaseException:
                log.give_back(got)
                raise
            self._asked_at.update(dict.fromkeys(got, time.monotonic()))
            trials = [self.trial(number) for number in got]
            self._asked.update(zip(got, trials, strict=True))
            return trials

    def ask_to_run(self) -> Trial:
        """Return a trial that a loop of this process will tell of."""
        with self._lock:
            (trial,) = self.ask(1)
            self._running.add(trial.number)
            return trial

    def tell(self, outcome: Outcome) -> bool:
        """Enter an outcome; return False, and do nothing, if the trial has one."""
        with self.log(fresh=False) as log:
            self._check_not_closed()
            self._running.discard(outcome.trial)
            self._asked_at.pop(outcome.trial, None)
            self._asked.pop(outcome.trial, None)
            return log.tell(outcome)

    def account(self, number: int) -> tuple[Reports, tuple[Met, ...]]:
        """Return what a trial that was asked for here has reported, and met."""
        trial = self._asked.get(number)
        return ((), ()) if trial is None else (trial.reports, trial.met)

    def give_back(self, trial: Trial) -> None:
        """Leave a trial to whoever asks next."""
        with self.log(fresh=False) as log:
            self._running.discard(trial.number)
            log.give_back([trial.number])

    def must_tell(self) -> bool:
        """Whether the window waits for a trial that no loop of this process runs, but it holds."""
        with self.log(fresh=False) as log:
            return bool(log.own.intersection(self._in_the_way(1)) - self._running)

    def number_of(self, trial: Any) -> int:
        """Return the number of a trial that has no outcome.

        Raises
        ------
        ValueError
            If there is no such trial, or it has been told of.
        """
        number = trial.number if isinstance(trial, Trial) else trial
        whole = isinstance(number, numbers.Integral) and not isinstance(number, bool)
        with self.log(fresh=False) as log:
            if whole and number >= len(log.ledger.params):
                log.read_on()
            started = len(log.ledger.params)
            if not whole or not 0 <= number < started:
                has = f"trials 0 to {started - 1}" if started else "no trials yet"
                raise ValueError(f"there is no trial {number!r}; this study has {has}")
            if (number, 0) in log.ledger.outcomes:
                raise ValueError(f"trial {number} has been told of already")
        return int(number)

    def seconds_since_asking(self, number: int) -> float:
        """Return how long ago a trial was asked for; NaN if by somebody else."""
        return time.monotonic() - self._asked_at.get(number, math.nan)

    def trial(self, number: int) -> Trial:
        """Return a trial by its number."""
        ledger = self._log.ledger
        history = ledger.view(self._known(number))
        judge = None if self._scheduler is None else self._scheduler.judge(history)
        params = dict(ledger.params[number])
        job = Job(number, 0, params, judge=judge, space=history.space)
        return Trial(job, self._names, ledger.seed, self._sign)

    def close(self) -> None:
        """Give back all trials, and ask no more."""
        with self._lock:
            if not self._closed:
                self._closed = True
                self._log.close()

    def _suggested(self) -> Mapping[str, Any]:
        ledger = self._log.ledger
        history = ledger.view(self._known(len(ledger.params)))
        rng = np.random.default_rng([history.seed, history.number])
        return self._sampler.suggest(history.space or self._space, history, rng).params

    def _known(self, number: int) -> int | None:
        """Return how many first trials a trial is chosen by; None for all that are told of."""
        return None if self._in_flight is None else max(0, number + 1 - self._in_flight)

    def _in_the_way(self, n: int) -> list[int]:
        """Return the trials that have to be told of before `n` more may start."""
        if self._in_flight is None:
            return []
        needed = len(self._log.ledger.params) + n - self._in_flight
        return [number for number in self._log.untold if number < needed]

    def _check_room(self, n: int, got: Sequence[int]) -> None:
        """Raise if `n` more trials, besides those that were `got`, cannot be started."""
        if not n:
            return
        if missing := self._in_the_way(n):
            raise WouldBlock(self._way_out(missing, got))
        if len(self._log.ledger.params) + n > self._size:
            raise UsedUp(f"the grid has {self._size} points, and all have been asked for")

    def _way_out(self, missing: Sequence[int], got: Sequence[int]) -> str:
        window = f"in_flight={self._in_flight} allows no more trials"
        if got:
            return f"{window} than {len(got)} now: ask({len(got)})"
        holders = self._log.holders()
        own = [number for number in missing if number in self._log.own]
        if others := [number for number in missing if number not in own]:
            names = sorted({holders[number] for number in others if number in holders})
            at = f", which {' and '.join(names)} is at" if names else ""
            window += f" before others have told of {_listed(others)}{at}"
        tell = f": tell of {_listed(own)} first" if own else ": ask again later"
        return f"{window}{tell}, or give the study a larger in_flight="

    def _check_not_closed(self) -> None:
        if self._closed:
            raise ValueError("the study is closed; open another: Study(...)")


def n_points(space: Space, sampler: Sampler) -> int | float:
    """Return after how many trials a sampler is at its end; ``inf`` for all but a grid.

    Raises
    ------
    SpaceError
        If it is a grid of a space that is not written.
    """
    if not isinstance(sampler, GridSampler):
        return math.inf
    if not space.names:
        raise SpaceError("a grid needs to know the space; give it, or another sampler=")
    return sampler.size(space)


def _listed(numbers: Sequence[int]) -> str:
    shown = ", ".join(map(str, numbers[:5]))
    return f"{shown} and {len(numbers) - 5} more" if len(numbers) > 5 else shown
