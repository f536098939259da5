"""What a worker process does: take an order, run its jobs, hand back each outcome."""

from __future__ import annotations

import gc
import multiprocessing
import os
import pickle
import shutil
import signal
import sys
import threading
import traceback
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing import connection
from multiprocessing.connection import Connection
from typing import Any, NoReturn

import cloudpickle
from joblib import parallel_config
from joblib.parallel import get_active_backend
from threadpoolctl import threadpool_limits

from tunesmith.evaluation import Evaluator
from tunesmith.evaluation.stages import StageCache
from tunesmith.exceptions import WorkerError
from tunesmith.executors.inline import evaluate
from tunesmith.executors.shipping import Parcel, Surroundings
from tunesmith.trial import Job, Outcome, State

READY = b"r"
BROKEN = b"b"
OUTCOME = b"o"

_THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMBA_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "TF_NUM_INTRAOP_THREADS",
    "TF_NUM_INTEROP_THREADS",
    "NPROC",  # XLA sizes the thread pools of its CPU client by this one
    "LOKY_MAX_CPU_COUNT",  # what n_jobs=-1 of an estimator comes to
)


@dataclass(frozen=True)
class Order:
    """What a worker is asked to do.

    Parameters
    ----------
    parcel : Parcel
        Where the evaluator lies.
    tokens : frozenset of str
        Of the evaluators worth keeping.
    jobs : bytes
        Made by `pack_jobs`.
    start : int
        Number of the first job to run.
    """

    parcel: Parcel
    tokens: frozenset[str]
    jobs: bytes
    start: int = 0


def serve(channel: Connection, environ: Mapping[str, str], threads: int, folder: str) -> None:
    """Run orders until the channel closes or the parent dies; a process's whole life.

    Parameters
    ----------
    channel : Connection
        Orders come in, messages go out.
    environ : mapping of str to str
        Environment variables of the parent.
    threads : int
        For the numerical libraries.
    folder : str
        Removed if the parent dies without removing it.
    """
    gc.freeze()
    gc.enable()
    os.setpgid(0, 0)  # what fits start is of this process's group, and ends with it
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    threading.Thread(target=_watch, args=(folder,), daemon=True).start()
    _inherit(environ, threads)
    desk = _Desk(threads)
    # As in joblib's own workers: what is nested runs in threads, and only if asked to.
    nested, _ = get_active_backend()[0].get_nested_backend()
    with parallel_config(backend=nested):
        while True:
            try:
                order = channel.recv_bytes()
            except (EOFError, ConnectionError):
                _end()
            desk.carry_out(pickle.loads(order), channel)


@dataclass
class _Desk:
    """Keeps the evaluators in use, and runs orders."""

    threads: int
    evaluators: dict[str, Evaluator] = field(default_factory=dict)
    cache: StageCache = field(default_factory=StageCache)

    def carry_out(self, order: Order, channel: Connection) -> None:
        """Send READY or BROKEN, then an outcome for each job."""
        try:
            evaluator = self._evaluator(order)
            surroundings, jobs = pickle.loads(order.jobs)
        except Exception:
            channel.send_bytes(BROKEN + traceback.format_exc().encode())
            return
        channel.send_bytes(READY)
        self._run(evaluator, surroundings, jobs[order.start :], channel)

    def _run(
        self,
        evaluator: Evaluator,
        surroundings: Surroundings,
        jobs: tuple[Job, ...],
        channel: Connection,
    ) -> None:
        with surroundings.applied():
            for job in jobs:
                outcome = evaluate_here(evaluator, job, self.cache)
                # A worker is killed, not ended, so nothing may wait in a buffer.
                with suppress(AttributeError, ValueError):  # where a fit has closed or removed it
                    sys.stdout.flush()
                channel.send_bytes(OUTCOME + pack_outcome(evaluator, job, outcome))

    def _evaluator(self, order: Order) -> Evaluator:
        token = order.parcel.token
        if token not in self.evaluators:
            if unused := self.evaluators.keys() - order.tokens:
                for old in unused:
                    del self.evaluators[old]
                gc.collect()
            self.evaluators[token] = order.parcel.open()
            limit_threads(self.threads)
        return self.evaluators[token]


def evaluate_here(evaluator: Evaluator, job: Job, cache: StageCache | None = None) -> Outcome:
    """Return the outcome of a job; an exception in it carries this process's traceback.

    Parameters
    ----------
    evaluator : Evaluator
        Fits and scores.
    job : Job
        What to fit.
    cache : StageCache or None, default=None
        What earlier jobs have left; None where nothing is to be left to others.

    Returns
    -------
    Outcome
        Of the job.
    """
    outcome = evaluate(evaluator, job, cache)
    if outcome.exception is not None and (error := outcome.exception).__traceback__ is not None:
        error.add_note("In the worker:\n" + "".join(traceback.format_exception(error)))
    return outcome


def pack_outcome(evaluator: Evaluator, job: Job, outcome: Outcome) -> bytes:
    """Pickle an outcome, or one that says why it cannot be pickled.

    Parameters
    ----------
    evaluator : Evaluator
        Made it.
    job : Job
        It belongs to.
    outcome : Outcome
        What to pickle.

    Returns
    -------
    bytes
        A pickle of an `Outcome`.
    """
    try:
        return _pickled(outcome)
    except Exception as reason:
        if (error := outcome.exception) is not None:
            text = "".join(traceback.format_exception(error))
            return pickle.dumps(Outcome.fatal(job, WorkerError(text)))
        said = f"what the evaluation returned cannot be sent back from its worker: {reason}"
        return pickle.dumps(evaluator.failed(Outcome.accident(job, State.FAILED, said)))


def _pickled(outcome: Outcome) -> bytes:
    try:
        data = pickle.dumps(outcome)
    except Exception:  # such as an exception of a class from the user's script
        data = cloudpickle.dumps(outcome)
    if outcome.exception is not None:
        pickle.loads(data)  # many an exception can be pickled and not be made again
    return data


def limit_threads(threads: int) -> None:
    """Have the numerical libraries that are loaded use so many threads.

    Those loaded later go by the environment variables.

    Parameters
    ----------
    threads : int
        At least 1.
    """
    threadpool_limits(threads)
    torch: Any = sys.modules.get("torch")
    if torch is not None:
        torch.set_num_threads(threads)
        with suppress(RuntimeError):  # it can be said once only, and before any such work
            torch.set_num_interop_threads(threads)


def _inherit(environ: Mapping[str, str], threads: int) -> None:
    """Take over the parent's environment, which is younger than that of the fork server."""
    wanted = {**environ, **dict.fromkeys(_THREAD_VARIABLES, str(threads))}
    for name in os.environ.keys() - wanted.keys():
        del os.environ[name]
    os.environ.update(wanted)
    limit_threads(threads)


def _watch(folder: str) -> None:
    """End this process, whatever it does, as soon as its parent is no more."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
    shutil.rmtree(folder, ignore_errors=True)
    _end()


def _end() -> NoReturn:
    """End this process and all that fits in it have started."""
    os.killpg(0, signal.SIGKILL)
    os._exit(1)
