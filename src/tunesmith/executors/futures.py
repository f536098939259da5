"""Run jobs on any ``concurrent.futures.Executor``: Dask's, mpi4py's, the standard library's."""

from __future__ import annotations

import os
import pickle
import sys
import threading
from collections.abc import Callable
from concurrent import futures
from dataclasses import dataclass, field
from functools import lru_cache
from queue import SimpleQueue
from typing import Any, Self

from sklearn import config_context

from tunesmith.evaluation import Bundle, Evaluator
from tunesmith.exceptions import WorkerError
from tunesmith.executors.inline import evaluate
from tunesmith.executors.shipping import Depot, Parcel, Surroundings, pack_jobs
from tunesmith.executors.worker import evaluate_here, pack_outcome
from tunesmith.trial import Job, Outcome, State


class FuturesExecutor:
    """Runs each job as one future of an executor that belongs to the user.

    The evaluator is written to a folder of this machine once. A process that can read it
    there maps it; one on another machine is sent it the first time it lacks it. Processes
    keep the last two evaluators they met for as long as they live. Threads share the
    caller's own.

    The executor is not shut down. On leaving, futures that have not begun are cancelled;
    those that run cannot be stopped, and what comes of them is dropped.

    Parameters
    ----------
    executor : concurrent.futures.Executor
        Where to submit.
    workers : int or None, default=None
        How many jobs it runs at once; None takes what it says of itself, or the number of
        cores.

    Examples
    --------
    >>> from concurrent.futures import ThreadPoolExecutor
    >>> from tunesmith.executors.futures import FuturesExecutor
    >>> with ThreadPoolExecutor(3) as pool:
    ...     FuturesExecutor(pool).workers
    3
    """

    def __init__(self, executor: futures.Executor, *, workers: int | None = None) -> None:
        self._executor = executor
        self._workers = workers or getattr(executor, "_max_workers", None) or os.cpu_count() or 1
        self._session: _Session | None = None

    @property
    def workers(self) -> int:
        """How many jobs the executor runs at once."""
        return self._workers

    @property
    def spreads(self) -> bool:
        """True: the jobs of one bundle run side by side."""
        return True

    @property
    def threads_per_worker(self) -> int | None:
        """None: the executor's owner decides."""
        return None

    def run(self, bundle: Bundle, on_outcome: Callable[[Outcome], None]) -> None:
        """Submit every job of a bundle.

        Parameters
        ----------
        bundle : Bundle
            What to run.
        on_outcome : callable
            Takes an `Outcome`; called from a thread of this object's own.

        Raises
        ------
        UnpicklableError
            If the bundle cannot be sent; the message names the part that cannot.
        RuntimeError
            If this object was not entered.
        """
        if self._session is None:
            raise RuntimeError("a FuturesExecutor runs bundles inside its with statement only.")
        self._session.submit(bundle, on_outcome)

    def __enter__(self) -> Self:
        """Return the executor, ready to run."""
        if self._session is not None:
            raise RuntimeError("this FuturesExecutor is in use already; make another one.")
        self._session = _Session(self._executor)
        self._session.start()
        return self

    def __exit__(self, *exc: object) -> None:
        """Cancel what has not begun; hand back nothing more."""
        session, self._session = self._session, None
        if session is not None:
            session.end()


@dataclass(frozen=True, eq=False)
class _Errand:
    """A job on its way, and how to send it."""

    evaluator: Evaluator
    job: Job
    on_outcome: Callable[[Outcome], None]
    call: tuple[Any, ...]


class _Session(threading.Thread):
    """Submits errands and delivers what comes of them, in one thread of its own.

    Parameters
    ----------
    executor : concurrent.futures.Executor
        Where to submit.
    """

    def __init__(self, executor: futures.Executor) -> None:
        super().__init__(name="tunesmith-futures", daemon=True)
        self._executor = executor
        self._shares_memory = isinstance(executor, futures.ThreadPoolExecutor)
        self._depot = Depot()
        self._pending: dict[futures.Future[Any], _Errand] = {}
        self._ended: SimpleQueue[futures.Future[Any] | None] = SimpleQueue()
        self._closed = False

    def submit(self, bundle: Bundle, on_outcome: Callable[[Outcome], None]) -> None:
        """Submit the jobs of a bundle, one future each."""
        surroundings = Surroundings.here()
        for job in bundle.jobs:
            if self._shares_memory:
                call: tuple[Any, ...] = (_run_here, bundle.evaluator, surroundings.config, job)
            else:
                packed = pack_jobs((job,))
                call = (_run_there, self._depot.ship(bundle.evaluator), packed)
            self._send(_Errand(bundle.evaluator, job, on_outcome, call), *call)

    def run(self) -> None:
        """Deliver outcomes until the session ends."""
        while (future := self._ended.get()) is not None:
            errand = self._pending.pop(future)
            if not self._closed and (outcome := self._outcome(errand, future)) is not None:
                self._depot.release(errand.evaluator)
                try:
                    errand.on_outcome(outcome)
                except Exception:  # shown, and no reason to keep the other outcomes back
                    threading.excepthook(threading.ExceptHookArgs((*sys.exc_info(), self)))

    def end(self) -> None:
        """Cancel what has not begun, and deliver nothing more."""
        self._closed = True
        for future in list(self._pending):
            future.cancel()
        self._ended.put(None)
        if self is not threading.current_thread():
            self.join()
        self._depot.close()

    def _send(self, errand: _Errand, *call: Any) -> None:
        try:
            future = self._executor.submit(*call)
        except Exception as error:
            # An executor that is broken or shut down refuses; that ends the search.
            future = futures.Future()
            future.set_exception(error)
        self._pending[future] = errand
        # Called at once where the future is done already: so no outcome is delivered here.
        future.add_done_callback(self._ended.put)

    def _outcome(self, errand: _Errand, future: futures.Future[Any]) -> Outcome | None:
        """Return what came of an errand; None if it had to be sent once more."""
        try:
            result = future.result()
            if result is None:
                _, parcel, packed = errand.call
                files = (parcel.pickle.read_bytes(), parcel.arrays.read_bytes())
                self._send(errand, _run_there, parcel, packed, files)
                return None
            outcome: Outcome = result if self._shares_memory else pickle.loads(result)
        except BaseException as error:  # a job's SystemExit, too, ends up in its future
            return _failure(errand, error)
        return outcome


def _failure(errand: _Errand, error: BaseException) -> Outcome:
    """Return the outcome of a job whose future, not whose evaluator, failed."""
    if type(error).__name__ == "KilledWorker":  # Dask's, whose other workers go on
        reason = f"the worker was killed: {error}"
        return errand.evaluator.failed(Outcome.accident(errand.job, State.LOST, reason))
    if isinstance(error, SystemExit | KeyboardInterrupt):
        reason = f"the evaluation raised {type(error).__name__}: {error}"
        return errand.evaluator.failed(Outcome.accident(errand.job, State.LOST, reason))
    reason = f"the executor failed: {type(error).__name__}: {error}"
    if isinstance(error, futures.BrokenExecutor):
        reason += ". It can run nothing more; with n_jobs= instead, dead workers are replaced."
    fatal = WorkerError(reason)
    fatal.__cause__ = error
    return Outcome.fatal(errand.job, fatal)


def _run_here(evaluator: Evaluator, config: dict[str, Any], job: Job) -> Outcome:
    """Run a job in a thread of the caller's process, whose warning filters it shares."""
    with config_context(**config):
        return evaluate(evaluator, job)


def _run_there(
    parcel: Parcel, packed: bytes, files: tuple[bytes, bytes] | None = None
) -> bytes | None:
    """Run a job in another process; None if the evaluator has to be sent there first."""
    kept = _kept(parcel.token)
    if kept.evaluator is None:
        kept.evaluator = _fetch(parcel, files)
    if kept.evaluator is None:
        return None
    surroundings, (job,) = pickle.loads(packed)
    with surroundings.applied():
        outcome = evaluate_here(kept.evaluator, job)
    return pack_outcome(kept.evaluator, job, outcome)


def _fetch(parcel: Parcel, files: tuple[bytes, bytes] | None) -> Evaluator | None:
    if parcel.pickle.exists():
        return parcel.open()
    if files is None:
        return None
    depot = Depot()
    try:
        copy = Parcel(parcel.token, depot.folder)
        copy.pickle.write_bytes(files[0])
        copy.arrays.write_bytes(files[1])
        return copy.open()  # what is mapped outlives the folder
    finally:
        depot.close()


@dataclass
class _Kept:
    evaluator: Evaluator | None = field(default=None)


@lru_cache(maxsize=2)
def _kept(token: str) -> _Kept:
    """Return the place for an evaluator in this process: a memory of two, by token."""
    return _Kept()
