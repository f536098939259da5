"""Choose where jobs run from what a user has said, or has not."""

from __future__ import annotations

import concurrent.futures
from typing import Any

from tunesmith.executors import Executor
from tunesmith.executors.futures import FuturesExecutor
from tunesmith.executors.inline import InlineExecutor
from tunesmith.executors.joblib_backend import JoblibExecutor, named_backend, workers_for
from tunesmith.executors.processes import ProcessExecutor


def choose_executor(
    executor: Any = None,
    *,
    n_jobs: int | None = None,
    threads_per_worker: int | None = None,
    fit_timeout: float | None = None,
) -> Executor:
    """Return the executor that fits what was asked for.

    Parameters
    ----------
    executor : Executor, concurrent.futures.Executor or None, default=None
        The user's own; what follows does not apply to it.
    n_jobs : int or None, default=None
        As in joblib: None is 1, or what an active ``parallel_config`` says; -1 is one
        worker a core.
    threads_per_worker : int or None, default=None
        Asked for, it takes a worker process to grant it.
    fit_timeout : float or None, default=None
        Asked for, it takes a worker process that can be killed.

    Returns
    -------
    Executor
        Not started yet.

    Raises
    ------
    TypeError
        If `executor` is none.
    ValueError
        If `n_jobs` is 0, or the limits cannot be kept where the jobs are to run.
    """
    limits = {"threads_per_worker": threads_per_worker, "fit_timeout": fit_timeout}
    asked = [name for name, value in limits.items() if value is not None]
    if executor is not None:
        return _adapted(executor, asked)
    workers = workers_for(n_jobs)
    if workers == 1 and not asked:
        return InlineExecutor()
    backend = named_backend()
    if backend is not None and workers > 1:
        if asked:
            _refuse(asked, f"joblib's {backend.name}")
        return JoblibExecutor(n_jobs, streams=backend.streams)
    return ProcessExecutor(workers, threads_per_worker=threads_per_worker, fit_timeout=fit_timeout)


def _adapted(executor: Any, asked: list[str]) -> Executor:
    if isinstance(executor, concurrent.futures.Executor):
        if asked:
            _refuse(asked, f"a {type(executor).__name__}")
        return FuturesExecutor(executor)
    if isinstance(executor, Executor) and not isinstance(executor, type):
        if asked:
            _refuse(asked, f"a {type(executor).__name__}, which has limits of its own")
        return executor
    raise TypeError(
        f"executor must be an Executor of tunesmith's or a concurrent.futures.Executor, "
        f"got {executor!r}."
    )


def _refuse(asked: list[str], where: str) -> None:
    raise ValueError(
        f"{' and '.join(f'{name}=' for name in asked)} cannot be kept on {where}: leave it "
        f"out, or let n_jobs= start workers that are limited and killed from here."
    )
