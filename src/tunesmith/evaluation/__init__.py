"""Fit and score one job: the parameters of a trial on one split."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from tunesmith.trial import Job, Outcome


@runtime_checkable
class Evaluator(Protocol):
    """Turns a job into its outcome; sent to every worker once, data included."""

    @property
    def n_splits(self) -> int:
        """Jobs of each trial."""

    def __call__(self, job: Job) -> Outcome:
        """Fit and score. What it raises ends the whole search."""

    def failed(self, outcome: Outcome) -> Outcome:
        """Give the outcome of an accident the scores that failed evaluations get."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """Jobs for one worker, to be run in order.

    Parameters
    ----------
    evaluator : Evaluator
        Shared by many bundles; an executor sends it to each worker once.
    jobs : tuple of Job
        The jobs.
    """

    evaluator: Evaluator
    jobs: tuple[Job, ...]


def plan(evaluator: Evaluator, jobs: Sequence[Job], at_once: int) -> Iterable[Bundle]:
    """Cut jobs into bundles, in order: large ones first, single jobs at the end.

    Guided self-scheduling (Polychronopoulos and Kuck, IEEE Trans. Computers 1987):
    each bundle is a fixed share of what is left, so that there are few bundles and
    yet all workers finish together.

    Parameters
    ----------
    evaluator : Evaluator
        Runs the jobs.
    jobs : sequence of Job
        The jobs.
    at_once : int
        How many bundles run at once; where only one does, it gets all jobs.

    Yields
    ------
    Bundle
        Together they hold every job once.

    Examples
    --------
    >>> from tunesmith.evaluation import plan
    >>> from tunesmith.trial import Job
    >>> jobs = [Job(trial, 0, {}) for trial in range(16)]
    >>> [len(bundle.jobs) for bundle in plan(len, jobs, at_once=2)]
    [4, 3, 2, 1, 1, 1, 1, 1, 1, 1]
    """
    start = 0
    while start < len(jobs):
        left = len(jobs) - start
        size = left if at_once == 1 else max(1, left // (2 * at_once))
        yield Bundle(evaluator, tuple(jobs[start : start + size]))
        start += size
