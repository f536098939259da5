"""Run jobs on a ``concurrent.futures.Executor`` of the user's."""

from __future__ import annotations

import concurrent.futures
import pickle
import uuid
from collections.abc import Callable
from functools import lru_cache
from typing import Self

import cloudpickle

from tunesmith.evaluation import Bundle, Evaluator
from tunesmith.trial import Job, Outcome, State

OnOutcome = Callable[[Outcome], None]


class FuturesExecutor:
    """Runs each job as one future of an executor that is the user's, and stays so.

    The evaluator, data included, travels with every job, and a process that has
    unpacked it keeps it for the next job.

    Parameters
    ----------
    executor : concurrent.futures.Executor
        Not shut down when the search ends.

    Examples
    --------
    >>> from concurrent.futures import ThreadPoolExecutor
    >>> from tunesmith.executors.futures import FuturesExecutor
    >>> with ThreadPoolExecutor(3) as pool:
    ...     FuturesExecutor(pool).workers
    3
    """

    threads_per_worker = None

    def __init__(self, executor: concurrent.futures.Executor) -> None:
        self._executor = executor
        self._waiting: set[concurrent.futures.Future[Outcome]] = set()
        self._parcels: dict[int, tuple[Evaluator, _Parcel]] = {}
        self.workers: int = getattr(executor, "_max_workers", 1)

    def run(self, bundle: Bundle, on_outcome: OnOutcome) -> None:
        """Submit the jobs of a bundle."""
        parcel = self._parcel(bundle.evaluator)
        for job in bundle.jobs:
            future = self._executor.submit(_evaluate, parcel, cloudpickle.dumps(job))
            self._waiting.add(future)
            future.add_done_callback(self._hand_back(bundle.evaluator, job, on_outcome))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        """Cancel what has not begun, and wait for what has."""
        waiting = list(self._waiting)
        self._waiting.clear()
        for future in waiting:
            future.cancel()
        concurrent.futures.wait(waiting)
        self._parcels.clear()

    def _parcel(self, evaluator: Evaluator) -> _Parcel:
        if id(evaluator) not in self._parcels:
            self._parcels[id(evaluator)] = evaluator, _Parcel(cloudpickle.dumps(evaluator))
        return self._parcels[id(evaluator)][1]

    def _hand_back(
        self, evaluator: Evaluator, job: Job, on_outcome: OnOutcome
    ) -> Callable[[concurrent.futures.Future[Outcome]], None]:
        def done(future: concurrent.futures.Future[Outcome]) -> None:
            if future.cancelled() or future not in self._waiting:
                return
            self._waiting.discard(future)
            error = future.exception()
            if error is None:
                on_outcome(future.result())
            elif isinstance(error, concurrent.futures.BrokenExecutor):
                reason = f"the executor broke: {error}"
                on_outcome(evaluator.failed(Outcome.accident(job, State.LOST, reason)))
            elif isinstance(error, Exception):
                on_outcome(Outcome.fatal(job, error))

        return done


class _Parcel:
    """A pickled evaluator, known by a token so that it need not be compared or hashed."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.token = uuid.uuid4()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Parcel) and other.token == self.token

    def __hash__(self) -> int:
        return hash(self.token)


@lru_cache(maxsize=1)
def _unpacked(parcel: _Parcel) -> Evaluator:
    evaluator: Evaluator = pickle.loads(parcel.content)
    return evaluator


def _evaluate(parcel: _Parcel, job: bytes) -> Outcome:
    unpacked: Job = pickle.loads(job)
    try:
        return _unpacked(parcel)(unpacked)
    except Exception as error:
        return Outcome.fatal(unpacked, error)
