"""An evaluator that does what its jobs say, and a short way to have them run."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from queue import SimpleQueue
from typing import Any

from tunesmith.evaluation import Bundle, Route
from tunesmith.executors import Executor
from tunesmith.trial import Job, Outcome, State


@dataclass
class Doing:
    """Calls each job's parameter `do` with its data; the score is what comes back."""

    data: Any = None
    modules: tuple[str, ...] = ()

    n_splits = 1

    def routes(self, jobs):
        return [Route()] * len(jobs)

    def __call__(self, job: Job, cache) -> Outcome:
        score = job.params["do"](self.data)
        return Outcome(
            job.trial, 0, State.COMPLETED, test_scores=score, n_test_samples=os.getpid()
        )

    def failed(self, outcome: Outcome) -> Outcome:
        return replace(outcome, test_scores=-1.0)


def bundle(deeds: list[Callable[[Any], Any]], data: Any = None) -> Bundle:
    jobs = tuple(Job(trial, 0, {"do": deed}) for trial, deed in enumerate(deeds))
    return Bundle(data if isinstance(data, Doing) else Doing(data), jobs)


def run(executor: Executor, deeds: list[Callable[[Any], Any]], data: Any = None) -> list[Outcome]:
    """Run deeds as one bundle in an executor of its own; return outcomes in order of arrival."""
    with executor:
        return run_in(executor, bundle(deeds, data))


def run_in(executor: Executor, *bundles: Bundle) -> list[Outcome]:
    """Run bundles in an entered executor; return outcomes in order of arrival."""
    inbox: SimpleQueue[Outcome] = SimpleQueue()
    for each in bundles:
        executor.run(each, inbox.put)
    return [inbox.get(timeout=120) for each in bundles for _ in each.jobs]
