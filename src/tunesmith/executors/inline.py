"""Run jobs here, in the thread that asks for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Self

from tunesmith.evaluation import Bundle, Evaluator
from tunesmith.evaluation.stages import StageCache
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

    def __init__(self) -> None:
        self._cache = StageCache()

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
        # Loading joblib takes longer than a small search.
        from joblib import cpu_count
        from threadpoolctl import threadpool_info

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
            on_outcome(evaluate(bundle.evaluator, job, self._cache))

    def __enter__(self) -> Self:
        """Return the executor, ready to run."""
        self._cache = StageCache()
        return self

    def __exit__(self, *exc: object) -> None:
        """Let go of what was kept for the next job."""
        self._cache = StageCache()


def evaluate(evaluator: Evaluator, job: Job, cache: StageCache | None = None) -> Outcome:
    """Return the outcome of a job, fatal where the evaluator raises.

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
    try:
        return evaluator(job, StageCache() if cache is None else cache)
    except Exception as error:
        return Outcome.fatal(job, error)
