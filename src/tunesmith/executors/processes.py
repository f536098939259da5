"""Run jobs in worker processes on this machine."""

from __future__ import annotations

from collections.abc import Callable
from typing import Self

from joblib import cpu_count

from tunesmith.evaluation import Bundle
from tunesmith.executors.slots import Crew
from tunesmith.trial import Outcome


class ProcessExecutor:
    """Runs each bundle in one of several worker processes, and survives their deaths.

    The data is written once and mapped into every worker. Outcomes come back as they are
    made. A fit that kills its worker, or hangs, costs that one evaluation: the worker is
    replaced and goes on with the rest of the bundle. Scripts need no
    ``if __name__ == "__main__"``, and their functions and classes are sent along.

    Parameters
    ----------
    workers : int
        Number of processes, at least 1. They start when they are needed.
    threads_per_worker : int or None, default=None
        How many threads the numerical libraries (BLAS, OpenMP, torch, JAX, TensorFlow)
        use in each; None shares out the cores that this process may use.
    fit_timeout : float or None, default=None
        Seconds after which a fit is ended, not counting the start of its worker.

    Raises
    ------
    ValueError
        If one of them is not positive.

    Examples
    --------
    >>> from tunesmith.executors.processes import ProcessExecutor
    >>> ProcessExecutor(2, threads_per_worker=1)
    ProcessExecutor(workers=2, threads_per_worker=1, fit_timeout=None)
    """

    def __init__(
        self,
        workers: int,
        *,
        threads_per_worker: int | None = None,
        fit_timeout: float | None = None,
    ) -> None:
        for name, number in {
            "workers": workers,
            "threads_per_worker": threads_per_worker,
            "fit_timeout": fit_timeout,
        }.items():
            if number is not None and not number > 0:
                raise ValueError(f"{name}={number!r} must be greater than 0.")
        self._workers = int(workers)
        self._threads = int(threads_per_worker or max(1, cpu_count() // workers))
        self._fit_timeout = fit_timeout
        self._crew: Crew | None = None

    def __repr__(self) -> str:
        return (
            f"ProcessExecutor(workers={self._workers}, threads_per_worker={self._threads}, "
            f"fit_timeout={self._fit_timeout})"
        )

    @property
    def workers(self) -> int:
        """How many processes there are at most."""
        return self._workers

    @property
    def spreads(self) -> bool:
        """False: the jobs of a bundle run one after the other, in one process."""
        return False

    @property
    def threads_per_worker(self) -> int:
        """How many threads the numerical libraries use in each."""
        return self._threads

    def run(self, bundle: Bundle, on_outcome: Callable[[Outcome], None]) -> None:
        """Have a bundle run by the next worker that is free.

        Parameters
        ----------
        bundle : Bundle
            What to run.
        on_outcome : callable
            Takes an `Outcome`; called from a thread of the executor's own.

        Raises
        ------
        UnpicklableError
            If the bundle cannot be sent; the message names the part that cannot.
        RuntimeError
            If the executor was not entered.
        """
        if self._crew is None:
            raise RuntimeError("a ProcessExecutor runs bundles inside its with statement only.")
        self._crew.take(bundle, on_outcome)

    def __enter__(self) -> Self:
        """Return the executor, ready to run."""
        if self._crew is not None:
            raise RuntimeError("this ProcessExecutor is in use already; make another one.")
        self._crew = Crew(self._workers, self._threads, self._fit_timeout)
        return self

    def __exit__(self, *exc: object) -> None:
        """Kill the workers, whatever they do, and remove what was written for them."""
        crew, self._crew = self._crew, None
        if crew is not None:
            crew.dismiss()
