"""Choose where a search runs."""

from __future__ import annotations

import numbers
from concurrent import futures
from typing import Any

from joblib import effective_n_jobs

from tunesmith.executors import Executor
from tunesmith.executors.futures import FuturesExecutor
from tunesmith.executors.inline import InlineExecutor
from tunesmith.executors.joblib_backend import JoblibExecutor, active_joblib_backend
from tunesmith.executors.processes import ProcessExecutor


def choose_executor(
    executor: Executor | futures.Executor | None = None,
    n_jobs: int | None = None,
    threads_per_worker: int | None = None,
    fit_timeout: float | None = None,
) -> Executor:
    """Return the executor that a search's arguments and its surroundings ask for.

    Parameters
    ----------
    executor : Executor, concurrent.futures.Executor or None, default=None
        Taken as it is, or adapted.
    n_jobs : int or None, default=None
        As in ``joblib.Parallel``: None is 1 unless a surrounding
        ``joblib.parallel_config`` says otherwise, -1 is all cores, -2 all but one.
    threads_per_worker : int or None, default=None
        How many threads the numerical libraries use in each worker process.
    fit_timeout : float or None, default=None
        Seconds for one fit.

    Returns
    -------
    Executor
        Jobs run in the calling thread where one at a time is asked for without limits.

    Raises
    ------
    TypeError
        If `executor` is not an executor, or a number is not a number.
    ValueError
        If a number is out of range, or a limit is asked for that the executor or joblib's
        backend cannot keep.

    Examples
    --------
    >>> from tunesmith.executors.choice import choose_executor
    >>> choose_executor(n_jobs=2, fit_timeout=60).workers
    2
    """
    _check_number("n_jobs", n_jobs, numbers.Integral)
    _check_number("threads_per_worker", threads_per_worker, numbers.Integral, positive=True)
    _check_number("fit_timeout", fit_timeout, numbers.Real, positive=True)
    limits = {"threads_per_worker": threads_per_worker, "fit_timeout": fit_timeout}
    if executor is not None:
        _refuse_limits(limits, f"executor={executor!r}")
        return _adapt(executor)
    if n_jobs == 0:
        raise ValueError("n_jobs == 0 in Parallel has no meaning")
    active = active_joblib_backend()
    if active is not None and active[0] is not None:
        adapted = JoblibExecutor(n_jobs)
        if adapted.workers > 1:
            whose = f"the {type(active[0]).__name__} that joblib is configured with"
            _refuse_limits(limits, whose)
            return adapted
        workers = 1
    else:
        workers = effective_n_jobs(n_jobs)
    if workers == 1 and not any(limits.values()):
        return InlineExecutor()
    return ProcessExecutor(workers, threads_per_worker=threads_per_worker, fit_timeout=fit_timeout)


def _adapt(executor: Any) -> Executor:
    if isinstance(executor, type):
        raise TypeError(f"executor={executor!r} is a class; give an instance of it.")
    if isinstance(executor, futures.Executor):
        return FuturesExecutor(executor)
    if isinstance(executor, Executor):
        return executor
    raise TypeError(
        f"executor={executor!r} is a {type(executor).__name__}, and neither an executor of "
        f"tunesmith nor a concurrent.futures.Executor. Of a Dask client, give "
        f"client.get_executor()."
    )


def _refuse_limits(limits: dict[str, Any], whose: str) -> None:
    for name, value in limits.items():
        if value is not None:
            raise ValueError(
                f"{name}={value!r} cannot be kept by {whose}: only tunesmith's own worker "
                f"processes keep it. Leave {name} out, or use n_jobs= instead."
            )


def _check_number(name: str, value: Any, kind: type[Any], *, positive: bool = False) -> None:
    if value is None:
        return
    if not isinstance(value, kind) or isinstance(value, bool):
        what = "an integer" if kind is numbers.Integral else "a number"
        raise TypeError(f"{name}={value!r} must be {what} or None.")
    if positive and not value > 0:
        raise ValueError(f"{name}={value!r} must be greater than 0.")
