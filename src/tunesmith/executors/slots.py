"""One thread for each worker process: it starts it, feeds it, watches it and replaces it."""

from __future__ import annotations

import os
import pickle
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing import Pipe, connection

from tunesmith.evaluation import Bundle, Evaluator
from tunesmith.exceptions import WorkerError
from tunesmith.executors.backlog import Backlog
from tunesmith.executors.launching import launch
from tunesmith.executors.shipping import Depot, Parcel, pack_jobs
from tunesmith.executors.worker import BROKEN, Order, serve
from tunesmith.trial import Job, Outcome, State

_STARTS = 3
"""How often a worker that dies before its first job is replaced."""

_LONGEST_WAIT = 2_000_000.0
"""Seconds, more than three weeks: what the system call takes has a bound."""

_PATIENCE = 5.0
"""Seconds to wait for what was killed to be gone."""


class Dead(Exception):
    """The worker is no more; the message says why."""


class Broken(Exception):
    """The worker cannot make sense of what it was sent; the message is its traceback."""


class Worker:
    """A worker process, seen from its parent.

    Parameters
    ----------
    threads : int
        For its numerical libraries.
    folder : str
        Removed by the worker if this process dies.
    preload : sequence of str
        Modules that it will need.
    """

    def __init__(self, threads: int, folder: str, preload: Sequence[str]) -> None:
        self._channel, theirs = Pipe()
        try:
            self._process = launch(
                serve, theirs, dict(os.environ), threads, folder, preload=preload
            )
        except BaseException:
            self._channel.close()
            raise
        finally:
            theirs.close()

    def order(self, order: Order) -> None:
        """Send an order, and wait until the worker has unpacked it."""
        try:
            self._channel.send_bytes(pickle.dumps(order))
        except OSError:
            raise Dead(self._death()) from None
        message = self._receive(None)
        if message[:1] == BROKEN:
            raise Broken(message[1:].decode())

    def outcome(self, timeout: float | None) -> Outcome:
        """Return the next outcome; raise TimeoutError if there is none in time."""
        outcome: Outcome = pickle.loads(self._receive(timeout, " while fitting")[1:])
        return outcome

    def kill(self) -> None:
        """End the process at once, and all that fits in it have started."""
        with suppress(OSError):  # no such group: it has no member left, or not its first yet
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.kill()

    def close(self) -> None:
        """End the process and let go of it."""
        self.kill()
        self._process.wait(_PATIENCE)
        self._process.close()
        self._channel.close()

    def _receive(self, timeout: float | None, when: str = "") -> bytes:
        # A child of the worker's may hold its end of the channel open beyond its death.
        if timeout is not None:
            timeout = min(timeout, _LONGEST_WAIT)
        ready = connection.wait([self._channel, self._process.sentinel], timeout)
        if not ready:
            raise TimeoutError
        if self._channel in ready or self._channel.poll(0):
            try:
                return self._channel.recv_bytes()
            except (EOFError, OSError):
                raise Dead(self._death(when)) from None
        raise Dead(self._death(when))

    def _death(self, when: str = "") -> str:
        code = self._process.wait(_PATIENCE)
        if code is None:
            return f"the worker closed its channel{when}"
        if code >= 0:
            return f"the worker ended with exit code {code}{when}"
        name = {known.value: known.name for known in signal.Signals}.get(-code, "unknown")
        memory = "; this is what happens when memory runs out" if code == -signal.SIGKILL else ""
        return f"the worker was killed by signal {-code} ({name}){memory}"


@dataclass
class Task:
    """A bundle on its way.

    Parameters
    ----------
    bundle : Bundle
        What to run.
    on_outcome : callable
        Takes each `Outcome`.
    parcel : Parcel
        Where the evaluator lies.
    jobs : bytes
        Made by `pack_jobs`.
    done : int
        How many of the jobs there is an outcome of.
    """

    bundle: Bundle
    on_outcome: Callable[[Outcome], None]
    parcel: Parcel
    jobs: bytes
    done: int = 0

    @property
    def stages(self) -> tuple[str, ...]:
        """What the jobs share."""
        return self.bundle.stages

    @property
    def job(self) -> Job | None:
        """The job whose outcome comes next; None after the last."""
        return self.bundle.jobs[self.done] if self.done < len(self.bundle.jobs) else None


@dataclass
class Crew:
    """The worker processes of one executor while it is entered.

    Parameters
    ----------
    workers : int
        How many there may be.
    threads : int
        For the numerical libraries of each.
    fit_timeout : float or None
        Seconds.
    """

    workers: int
    threads: int
    fit_timeout: float | None
    depot: Depot = field(init=False, default_factory=Depot)
    closed: bool = field(default=False, init=False)
    preload: Sequence[str] = field(default=(), init=False)
    _backlog: Backlog[Task] = field(init=False, default_factory=Backlog)
    _slots: list[Slot] = field(init=False, default_factory=list)
    _unfinished: int = field(default=0, init=False)
    _lock: threading.Lock = field(init=False, default_factory=threading.Lock)

    def take(self, bundle: Bundle, on_outcome: Callable[[Outcome], None]) -> None:
        """Queue a bundle for the next slot that is free; open one if there may be more."""
        if not bundle.jobs:
            return
        jobs = pack_jobs(bundle.jobs)
        self._grow(bundle.evaluator.modules)  # a worker starts while the evaluator is written
        parcel = self.depot.ship(bundle.evaluator)
        self._backlog.put(Task(bundle, on_outcome, parcel, jobs))

    def next(self, slot: Slot) -> Task | None:
        """Wait for a bundle; None when the crew is dismissed."""
        return self._backlog.take(slot)

    def forget(self, slot: Slot) -> None:
        """Take note that a slot's worker, and what it kept, is no more."""
        self._backlog.leave(slot)

    def finish(self, task: Task) -> None:
        """Take note that a bundle is done."""
        self.depot.release(task.bundle.evaluator)
        with self._lock:
            self._unfinished -= 1

    def _grow(self, preload: Sequence[str]) -> None:
        with self._lock:
            self.preload = preload
            self._unfinished += 1
            if len(self._slots) < min(self.workers, self._unfinished):
                slot = Slot(self)
                self._slots.append(slot)
                slot.start()

    def dismiss(self) -> None:
        """Kill the workers, end the threads, remove the files."""
        self.closed = True
        try:
            self._end()
        except BaseException:  # a second Ctrl-C must not leave workers behind
            self._end()
            raise

    def _end(self) -> None:
        self._backlog.close()
        for slot in self._slots:
            slot.kill()
        self.depot.close()
        for slot in self._slots:
            if slot is not threading.current_thread():
                slot.join(_PATIENCE)


class Slot(threading.Thread):
    """A thread that keeps one worker process busy.

    Parameters
    ----------
    crew : Crew
        Has the bundles.
    """

    def __init__(self, crew: Crew) -> None:
        super().__init__(name="tunesmith-slot", daemon=True)
        self._crew = crew
        self._worker: Worker | None = None
        self._lock = threading.Lock()

    def run(self) -> None:
        """Run bundles until the crew is dismissed."""
        with suppress(Dead):  # the first bundle meets it again, and tells
            self._hire()
        try:
            while (task := self._crew.next(self)) is not None and not self._crew.closed:
                try:
                    self._run(task)
                except Exception as error:  # whatever happens, each job has an outcome
                    self._give_up(task, f"the executor failed: {error!r}", error)
                self._crew.finish(task)
        finally:
            self._retire()

    def kill(self) -> None:
        """Kill the worker, if there is one."""
        with self._lock:
            if self._worker is not None:
                self._worker.kill()

    def _run(self, task: Task) -> None:
        deaths = 0
        while task.job is not None and not self._crew.closed:
            try:
                self._place(task)
            except Dead as death:
                self._retire()
                deaths += 1
                if deaths == _STARTS:
                    self._give_up(task, f"worker processes end before they fit: {death}.")
            except Broken as reason:
                self._give_up(task, f"a worker process cannot load what it was sent:\n{reason}")
            else:
                deaths = 0
                self._collect(task)

    def _place(self, task: Task) -> None:
        worker = self._worker or self._hire()
        worker.order(Order(task.parcel, self._crew.depot.tokens, task.jobs, task.done))

    def _collect(self, task: Task) -> None:
        """Deliver outcomes until the bundle is done or the worker is lost."""
        while self._worker is not None and (job := task.job) is not None:
            self._deliver(task, self._next(self._worker, task.bundle.evaluator, job))

    def _next(self, worker: Worker, evaluator: Evaluator, job: Job) -> Outcome:
        timeout = self._crew.fit_timeout
        try:
            return worker.outcome(timeout)
        except TimeoutError:
            state, reason = State.TIMED_OUT, f"fit took longer than fit_timeout={timeout} seconds"
        except Dead as death:
            state, reason = State.LOST, str(death)
        except Exception as error:  # from making the outcome again
            return Outcome.fatal(job, error)
        self._retire()
        try:
            return evaluator.failed(Outcome.accident(job, state, reason))
        except Exception as error:
            return Outcome.fatal(job, error)

    def _give_up(self, task: Task, reason: str, cause: Exception | None = None) -> None:
        while (job := task.job) is not None and not self._crew.closed:
            fatal = WorkerError(reason)
            fatal.__cause__ = cause
            self._deliver(task, Outcome.fatal(job, fatal))

    def _deliver(self, task: Task, outcome: Outcome) -> None:
        task.done += 1
        if not self._crew.closed:
            try:
                task.on_outcome(outcome)
            except Exception:  # shown, and no reason to leave the other jobs undone
                threading.excepthook(threading.ExceptHookArgs((*sys.exc_info(), self)))

    def _hire(self) -> Worker:
        try:
            worker = Worker(self._crew.threads, self._crew.depot.folder, self._crew.preload)
        except Exception as error:  # of the system, or of the standard library's start
            raise Dead(f"none could be started ({error!r})") from error
        with self._lock:
            self._worker = worker
        if self._crew.closed:
            worker.kill()
        return worker

    def _retire(self) -> None:
        with self._lock:
            worker, self._worker = self._worker, None
        self._crew.forget(self)
        if worker is not None:
            worker.close()
