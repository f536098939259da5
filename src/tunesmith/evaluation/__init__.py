"""Fit and score one job: the parameters of a trial on one split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

from tunesmith.evaluation.stages import StageCache
from tunesmith.trial import Job, Outcome


@dataclass(frozen=True, slots=True)
class Route:
    """The stages that a job goes through.

    Parameters
    ----------
    stages : tuple of str, default=()
        Their keys, the first one first. Jobs share as many as are equal from the start.
    run : str or None, default=None
        Key of the training run that it is a part of; one run is for one worker.
    rank : float, default=0
        Its place in the run, lowest first.
    cost : float, default=1
        What it costs, compared with other jobs.
    program : str or None, default=None
        What tells compiled programs apart, as far as it is known beforehand.
    """

    stages: tuple[str, ...] = ()
    run: str | None = None
    rank: float = 0.0
    cost: float = 1.0
    program: str | None = None

    def on(self, split: int) -> Route:
        """Return the route on one split, which is a stage of its own; no stages stay none."""
        if not self.stages and self.run is None and self.program is None:
            return self
        before = (f"split {split}",) if self.program is None else (self.program, f"split {split}")
        return replace(self, stages=(*before, *self.stages))


@runtime_checkable
class Evaluator(Protocol):
    """Turns a job into its outcome; sent to every worker once, data included."""

    @property
    def n_splits(self) -> int:
        """Jobs of each trial."""

    @property
    def modules(self) -> Sequence[str]:
        """Installed modules that it needs, and that start nothing when they are imported."""

    def __call__(self, job: Job, cache: StageCache) -> Outcome:
        """Fit and score, taking from the worker's cache what is there already.

        What this raises ends the whole search.
        """

    def routes(self, jobs: Sequence[Job]) -> Sequence[Route]:
        """Say for each job which stages it goes through, so that those that share run together."""

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
    stages : tuple of str, default=()
        What its jobs share with each other, and the beginning with other bundles: best
        run by a worker that has gone through them.
    """

    evaluator: Evaluator
    jobs: tuple[Job, ...]
    stages: tuple[str, ...] = ()
