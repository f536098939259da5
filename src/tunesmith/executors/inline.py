"""Run jobs here, in the thread that asks for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Self

from joblib import cpu_count
from threadpoolctl import threadpool_info

from tunesmith.evaluation import Bundle, Evaluator
from tunesmith.trial import Job, Outcome


class InlineExecutor:
    """Runs every bundle at once in the calling thread.

    What the evaluator raises becomes `Outcome.fatal`; ``KeyboardInterrupt``,
    ``SystemExit`` and whatever `on_outcome` raises pass through.

    Examples
    --------
    >>> from tunesmith.executors.inline import InlineExecutor
    >>> InlineExecutor().workers
    1
    """

    @property
    def workers(self) -> int:
        """One."""
        return 1

    @property
    def spreads(self) -> bool:
        """False: the jobs of a bundle run one after the other."""
        return False

    @property
    def threads_per_worker(self) -> int:
        """What the numerical libraries use in the calling process."""
        pools = [pool["num_threads"] for pool in threadpool_info()]
        return int(max(pools, default=cpu_count()))

    def run(self, bundle: Bundle, on_outcome: Callable[[Outcome], None]) -> None:
        """Run the jobs of a bundle now; call `on_outcome` after each.

        Parameters
        ----------
        bundle : Bundle
            What to run.
        on_outcome : callable
            Takes an `Outcome`.
        """
        for job in bundle.jobs:
            on_outcome(evaluate(bundle.evaluator, job))

    def __enter__(self) -> Self:
        """Return the executor."""
        return self

    def __exit__(self, *exc: object) -> None:
        """Do nothing: nothing runs between calls."""


def evaluate(evaluator: Evaluator, job: Job) -> Outcome:
    """Return the outcome of a job, fatal where the evaluator raises.

    Parameters
    ----------
    evaluator : Evaluator
        Fits and scores.
    job : Job
        What to fit.

    Returns
    -------
    Outcome
        Of the job.
    """
    try:
        return evaluator(job)
    except Exception as error:
        return Outcome.fatal(job, error)
