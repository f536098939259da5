"""Run jobs in worker processes that may die, hang, or be killed."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import shutil
import signal
import sys
import tempfile
import threading
import types
import warnings
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Self

import cloudpickle
import joblib
import sklearn

from tunesmith.evaluation import Bundle, Evaluator
from tunesmith.exceptions import WorkerError
from tunesmith.executors import shipping, worker
from tunesmith.trial import Job, Outcome, State

OnOutcome = Callable[[Outcome], None]

_MOST_FALSE_STARTS = 3
_hiding_main = threading.Lock()


@dataclass
class _Load:
    """A bundle on its way: its jobs pickled together, and those without an outcome."""

    evaluator: Evaluator
    path: Path
    pickled: bytes
    left: deque[Job]
    size: int
    on_outcome: OnOutcome

    def message(self) -> bytes:
        return pickle.dumps((self.path, self.size - len(self.left), self.pickled))

    def accident(self, state: State, reason: str) -> None:
        outcome = Outcome.accident(self.left.popleft(), state, reason)
        self.on_outcome(self.evaluator.failed(outcome))

    def give_up(self, reason: str) -> None:
        while self.left:
            self.on_outcome(Outcome.fatal(self.left.popleft(), WorkerError(reason)))


class ProcessExecutor:
    """Runs jobs in processes of its own, started as they are needed.

    A job whose worker dies or hangs costs that job alone: the rest of its bundle goes
    on in a fresh worker. Data is written to one file, which all workers map. Workers do
    not import the user's main module again, so scripts need no ``__main__`` guard.

    Parameters
    ----------
    workers : int
        Number of processes.
    threads_per_worker : int or None, default=None
        Threads of BLAS, OpenMP, PyTorch, TensorFlow and JAX in each; None is the number
        of cores divided by the number of workers.
    fit_timeout : float or None, default=None
        Seconds that a job may take once it has been started.

    Examples
    --------
    >>> from tunesmith.executors.processes import ProcessExecutor
    >>> ProcessExecutor(workers=2, threads_per_worker=1).threads_per_worker
    1
    """

    def __init__(
        self,
        workers: int,
        *,
        threads_per_worker: int | None = None,
        fit_timeout: float | None = None,
    ) -> None:
        self.workers = workers
        self.threads_per_worker = threads_per_worker or max(1, joblib.cpu_count() // workers)
        self.fit_timeout = fit_timeout
        self._slots: list[_Slot] = []

    def __enter__(self) -> Self:
        self._folder = Path(tempfile.mkdtemp(prefix="tunesmith-"))
        self._queue: SimpleQueue[_Load | None] = SimpleQueue()
        self._shipped: dict[int, tuple[Evaluator, Path]] = {}
        self._closing = threading.Event()
        return self

    def run(self, bundle: Bundle, on_outcome: OnOutcome) -> None:
        """Hand a bundle to the first worker that is free."""
        path = self._ship(bundle.evaluator)
        jobs = bundle.jobs
        pickled = cloudpickle.dumps(jobs, protocol=5)
        self._queue.put(_Load(bundle.evaluator, path, pickled, deque(jobs), len(jobs), on_outcome))
        if len(self._slots) < self.workers:
            slot = _Slot(self._queue, self._surroundings(), self.fit_timeout, self._closing)
            self._slots.append(slot)
            slot.start()

    def __exit__(self, *exc: object) -> None:
        """End the workers at once; no outcome comes after."""
        self._closing.set()
        for slot in self._slots:
            self._queue.put(None)
            slot.stop()
        for slot in self._slots:
            slot.join()
        self._slots.clear()
        self._shipped.clear()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _ship(self, evaluator: Evaluator) -> Path:
        if id(evaluator) not in self._shipped:
            path = self._folder / str(len(self._shipped))
            cargo = worker.Cargo(evaluator, sklearn.get_config(), list(warnings.filters))
            shipping.ship(cargo, path)
            self._shipped[id(evaluator)] = evaluator, path
        return self._shipped[id(evaluator)][1]

    def _surroundings(self) -> worker.Surroundings:
        return worker.Surroundings(
            environment=dict(os.environ),
            folder=os.getcwd(),
            path=[os.path.abspath(entry) for entry in sys.path],
            threads=self.threads_per_worker,
            shipped=self._folder / "0",
        )


class _Slot(threading.Thread):
    """A place for one worker process: feeds it, listens to it, and replaces it."""

    def __init__(
        self,
        queue: SimpleQueue[_Load | None],
        surroundings: worker.Surroundings,
        fit_timeout: float | None,
        closing: threading.Event,
    ) -> None:
        super().__init__(name="tunesmith worker", daemon=True)
        self._queue = queue
        self._surroundings = surroundings
        self._fit_timeout = fit_timeout
        self._closing = closing
        self._lock = threading.Lock()
        self._process: Any = None
        self._connection: Connection | None = None

    def run(self) -> None:
        try:
            while not self._closing.is_set() and (load := self._queue.get()) is not None:
                self._carry(load)
        finally:
            self.stop()

    def stop(self) -> None:
        """Kill the worker, and whatever it has started, and wait for its end."""
        with self._lock:
            process, self._process = self._process, None
        if process is not None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            process.kill()
            process.join()

    def _carry(self, load: _Load) -> None:
        """See to it that every job of a bundle gets its outcome."""
        false_starts = 0
        while load.left and not self._closing.is_set():
            before = len(load.left)
            try:
                self._serve(load)
            except _TimedOut:
                self.stop()
                text = f"the fit took longer than fit_timeout={self._fit_timeout} seconds"
                load.accident(State.TIMED_OUT, text)
            except _Died as death:
                reason = self._cause_of_death()
                if self._closing.is_set():
                    return
                if death.running:
                    load.accident(State.LOST, f"the worker {reason} during the fit")
            except Exception as error:
                load.give_up(f"a worker process cannot be used: {error}")
            false_starts = 0 if len(load.left) < before else false_starts + 1
            if false_starts == _MOST_FALSE_STARTS:
                load.give_up(
                    f"{_MOST_FALSE_STARTS} workers in a row ended before they could begin; "
                    f"the last one {reason}. What it wrote to standard error says more."
                )

    def _serve(self, load: _Load) -> None:
        """Send a bundle to the worker and pass on its outcomes as they come."""
        connection = self._connect()
        running = False
        try:
            connection.send_bytes(load.message())
            patience: float | None = None
            while load.left:
                if not connection.poll(patience):
                    raise _TimedOut
                message = connection.recv_bytes()
                running = message == worker.STARTED
                if running:
                    patience = self._fit_timeout
                else:
                    load.left.popleft()
                    load.on_outcome(pickle.loads(message))
                    patience = None
        except (EOFError, OSError):
            raise _Died(running) from None

    def _connect(self) -> Connection:
        """Return the connection to the worker, starting one if there is none."""
        with self._lock:
            if self._closing.is_set():
                raise _Died(running=False)
            if self._process is None:
                ours, theirs = multiprocessing.Pipe()
                process = _context().Process(
                    target=worker.main, args=(theirs, self._surroundings), daemon=False
                )
                _start(process)
                theirs.close()
                self._process, self._connection = process, ours
            assert self._connection is not None
            return self._connection

    def _cause_of_death(self) -> str:
        with self._lock:
            process, self._process = self._process, None
        if process is None:
            return "was stopped"
        process.join()
        code = process.exitcode
        if code >= 0:
            return f"ended with exit code {code}"
        name = signal.Signals(-code).name
        hint = ", as happens when memory runs out," if name == "SIGKILL" else ""
        return f"was killed by signal {-code} ({name}){hint}"


class _TimedOut(Exception):
    pass


class _Died(Exception):
    def __init__(self, running: bool) -> None:
        super().__init__()
        self.running = running


def _context() -> Any:
    """Return how workers are started: forked from a clean server, or spawned."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([worker.__name__])
    return context


def _start(process: Any) -> None:
    with _main_hidden():
        process.start()


@contextmanager
def _main_hidden() -> Iterator[None]:
    """Keep a new process from importing the main module, which would run the script again."""
    with _hiding_main:
        main = sys.modules["__main__"]
        sys.modules["__main__"] = types.ModuleType("__main__")
        try:
            yield
        finally:
            sys.modules["__main__"] = main
