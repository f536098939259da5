"""Run jobs here, one after the other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Self

import joblib

from tunesmith.evaluation import Bundle
from tunesmith.trial import Outcome


class InlineExecutor:
    """Runs every job at once, in the thread that hands it in.

    Examples
    --------
    >>> from tunesmith.executors.inline import InlineExecutor
    >>> InlineExecutor().workers
    1
    """

    workers = 1

    @property
    def threads_per_worker(self) -> int:
        """All cores: nothing is limited here."""
        return int(joblib.cpu_count())

    def run(self, bundle: Bundle, on_outcome: Callable[[Outcome], None]) -> None:
        """Run the jobs of a bundle, in order, before returning."""
        for job in bundle.jobs:
            try:
                outcome = bundle.evaluator(job)
            except Exception as error:
                outcome = Outcome.fatal(job, error)
            on_outcome(outcome)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        """Nothing is left running."""
