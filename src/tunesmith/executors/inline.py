"""Run jobs here, in the thread that asks for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Self

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
    def threads_per_worker(self) -> int | None:
        """None: the numerical libraries use what the calling process lets them."""
        return None

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
