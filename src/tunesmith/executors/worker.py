"""What runs in a worker process: take a bundle, send an outcome for each of its jobs."""

from __future__ import annotations

import os
import pickle
import shutil
import signal
import sys
import threading
import traceback
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from multiprocessing import parent_process
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

import sklearn
import threadpoolctl

from tunesmith.evaluation import Evaluator
from tunesmith.exceptions import WorkerError
from tunesmith.executors import shipping
from tunesmith.trial import Job, Outcome

STARTED = b"started"
"""The message before each outcome."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a worker takes over from its parent before it imports anything of the user's."""

    environment: Mapping[str, str]
    folder: str
    path: list[str]
    threads: int
    shipped: Path

    def enter(self) -> None:
        """Make them this process's own."""
        os.environ.clear()
        os.environ.update(self.environment)
        os.environ.update(_thread_variables(self.threads))
        sys.path[:] = self.path
        if os.path.isdir(self.folder):
            os.chdir(self.folder)


@dataclass(frozen=True, slots=True)
class Cargo:
    """What is shipped to a worker once: an evaluator, and how the parent is configured."""

    evaluator: Evaluator
    config: Mapping[str, Any]
    filters: list[Any]


def _thread_variables(threads: int) -> dict[str, str]:
    names = [
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "MKL_NUM_THREADS",
        "BLIS_NUM_THREADS",
        "VECLIB_MAXIMUM_THREADS",
        "NUMBA_NUM_THREADS",
        "NUMEXPR_NUM_THREADS",
        "TF_NUM_INTRAOP_THREADS",
        "TF_NUM_INTEROP_THREADS",
        "PJRT_NPROC",  # the pool of JAX's CPU client
    ]
    return dict.fromkeys(names, str(threads))


def main(connection: Connection, surroundings: Surroundings) -> None:
    """Serve bundles until the parent hangs up."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(os, "setpgid"):
        os.setpgid(0, 0)
    threading.Thread(target=_follow_parent, args=(surroundings.shipped,), daemon=True).start()
    surroundings.enter()
    cargo: dict[Path, Cargo] = {}
    while True:
        try:
            path, first, jobs = pickle.loads(connection.recv_bytes())
        except (EOFError, OSError):
            return
        if path not in cargo:
            cargo.clear()
            cargo[path] = shipping.receive(path)
        # Anew for each bundle: what was imported meanwhile has pools of its own.
        threadpoolctl.threadpool_limits(surroundings.threads)
        _limit_torch(surroundings.threads)
        with sklearn.config_context(**cargo[path].config), warnings.catch_warnings():
            warnings.filters[:] = cargo[path].filters  # type: ignore[index]
            for job in pickle.loads(jobs)[first:]:
                connection.send_bytes(STARTED)
                connection.send_bytes(_evaluate(cargo[path].evaluator, job))


def _evaluate(evaluator: Evaluator, job: Job) -> bytes:
    try:
        outcome = evaluator(job)
    except Exception as error:
        error.add_note(f"In a worker process:\n{traceback.format_exc()}")
        outcome = Outcome.fatal(job, error)
    except SystemExit as error:
        outcome = Outcome.fatal(job, WorkerError(f"the evaluation called sys.exit({error.code})"))
    try:
        return pickle.dumps(outcome)
    except Exception as error:
        reason = f"the outcome cannot be sent back: {error}\n{outcome.exception or ''}"
        return pickle.dumps(Outcome.fatal(job, WorkerError(reason)))


def _limit_torch(threads: int) -> None:
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(threads)


def _follow_parent(shipped: Path) -> None:
    """End this process, and what it started, when the parent has died."""
    parent = parent_process()
    assert parent is not None
    wait([parent.sentinel])
    shutil.rmtree(shipped.parent, ignore_errors=True)
    if hasattr(os, "killpg"):
        os.killpg(0, signal.SIGKILL)
    os._exit(1)
