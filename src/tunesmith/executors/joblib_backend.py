"""Run jobs on the backend of an active ``joblib.parallel_config``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

from joblib.parallel import effective_n_jobs, get_active_backend
from sklearn.utils.parallel import Parallel, delayed

from tunesmith.evaluation import Bundle, Evaluator
from tunesmith.trial import Job, Outcome


@dataclass(frozen=True, slots=True)
class NamedBackend:
    """A backend that a user's ``parallel_config`` has named.

    Parameters
    ----------
    name : str
        Of its class.
    streams : bool
        Whether it hands back results as they are made.
    """

    name: str
    streams: bool


def named_backend() -> NamedBackend | None:
    """Return the backend that an active ``parallel_config`` names, if there is one.

    A backend that nobody has named follows the hint it is asked with; a named one
    does not.
    """
    threads, _ = get_active_backend(prefer="threads")
    processes, _ = get_active_backend(prefer="processes")
    if type(threads) is not type(processes):
        return None
    return NamedBackend(type(threads).__name__, threads.supports_return_generator)


class JoblibExecutor:
    """Runs the jobs of one bundle side by side on joblib's active backend.

    Parameters
    ----------
    n_jobs : int or None
        As in joblib.
    streams : bool
        Whether the backend hands back results as they are made.
    """

    workers = 1
    threads_per_worker = None

    def __init__(self, n_jobs: int | None, *, streams: bool) -> None:
        self._parallel = Parallel(
            n_jobs=n_jobs, return_as="generator_unordered" if streams else "list"
        )

    def run(self, bundle: Bundle, on_outcome: Callable[[Outcome], None]) -> None:
        """Run the jobs of a bundle side by side before returning."""
        evaluate = delayed(_evaluate)
        for outcome in self._parallel(evaluate(bundle.evaluator, job) for job in bundle.jobs):
            on_outcome(outcome)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        """Nothing is left running: a backend ends its own workers."""


def _evaluate(evaluator: Evaluator, job: Job) -> Outcome:
    try:
        return evaluator(job)
    except Exception as error:
        return Outcome.fatal(job, error)


def workers_for(n_jobs: int | None) -> int:
    """Return how many jobs joblib would run at once; raises ValueError for 0."""
    n: Any = effective_n_jobs(n_jobs)
    return int(n)
