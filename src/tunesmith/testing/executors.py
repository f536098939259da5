"""What every executor must pass."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from queue import Empty, SimpleQueue
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tunesmith.evaluation import Bundle, Route
from tunesmith.evaluation.stages import StageCache
from tunesmith.executors import Executor
from tunesmith.trial import Job, Outcome, State

_PATIENCE = 60.0


def check_executor(factory: Callable[[], Executor]) -> None:
    """Check that an executor keeps the contract of `tunesmith.executors.Executor`.

    Every job must have exactly one outcome, made from the bundle's own evaluator and
    data; with one worker, in order. An evaluator that raises must give a fatal outcome
    and leave the other jobs alone. Never may more jobs run at once than `workers` says.
    Leaving must be prompt whatever runs, nothing may come after, and an executor that
    was left can be entered again.

    Parameters
    ----------
    factory : callable
        Takes nothing, returns a new executor.

    Raises
    ------
    AssertionError
        If the contract is broken; the message says where.

    Examples
    --------
    >>> from tunesmith.executors.inline import InlineExecutor
    >>> from tunesmith.testing.executors import check_executor
    >>> check_executor(InlineExecutor)
    """
    executor = factory()
    assert isinstance(executor, Executor), f"{executor!r} lacks a part of the Executor protocol"
    assert isinstance(executor.workers, int), f"workers is {executor.workers!r}, not an integer"
    assert executor.workers >= 1, f"workers is {executor.workers}, less than 1"
    threads = executor.threads_per_worker
    assert threads is None or threads >= 1, f"threads_per_worker is {threads!r}"
    with executor as entered:
        assert entered is executor, "entering an executor must return it"
        _check_outcomes(executor)
        _check_bundles(executor)
        _check_raising(executor)
        _check_workers(executor)
    with executor:
        _check_outcomes(executor)
    _check_leaving(factory())


@dataclass(frozen=True)
class Probe:
    """An evaluator that shows what became of it on the way.

    Parameters
    ----------
    data : ndarray
        Enters every score.
    """

    data: NDArray[np.float64]

    @property
    def n_splits(self) -> int:
        """One."""
        return 1

    @property
    def modules(self) -> Sequence[str]:
        """None."""
        return ()

    def routes(self, jobs: Sequence[Job]) -> list[Route]:
        """Nothing is shared."""
        return [Route()] * len(jobs)

    def __call__(self, job: Job, cache: StageCache) -> Outcome:
        """Sleep or raise as the job says; tell when it began, and when it ended."""
        began = time.time()
        time.sleep(job.params.get("sleep", 0.0))
        if "error" in job.params:
            raise job.params["error"]
        return Outcome(
            job.trial,
            job.split,
            State.COMPLETED,
            test_scores=float(self.data.sum()) + job.params.get("add", 0),
            fit_time=began,
            score_time=time.time(),
        )

    def failed(self, outcome: Outcome) -> Outcome:
        """Give the outcome of an accident a score."""
        return replace(outcome, test_scores=-1.0)


def _jobs(params: Sequence[dict[str, Any]]) -> tuple[Job, ...]:
    return tuple(Job(trial, 0, each) for trial, each in enumerate(params))


def _run(executor: Executor, *bundles: Bundle) -> list[Outcome]:
    """Run bundles; return their outcomes in order of arrival."""
    inbox: SimpleQueue[Outcome] = SimpleQueue()
    for bundle in bundles:
        executor.run(bundle, inbox.put)
    outcomes = []
    for _ in range(sum(len(bundle.jobs) for bundle in bundles)):
        try:
            outcomes.append(inbox.get(timeout=_PATIENCE))
        except Empty:
            raise AssertionError(
                f"an outcome is missing after {_PATIENCE} seconds; there are {outcomes}"
            ) from None
    time.sleep(0.05)
    assert inbox.empty(), f"there is an outcome too many: {inbox.get()}"
    return outcomes


def _check_outcomes(executor: Executor) -> None:
    jobs = _jobs([{"add": trial} for trial in range(20)])
    outcomes = _run(executor, Bundle(Probe(np.ones(1000)), jobs))
    trials = [outcome.trial for outcome in outcomes]
    assert sorted(trials) == list(range(20)), f"outcomes of trials {sorted(trials)}, not 0 to 19"
    if executor.workers == 1:
        assert trials == sorted(trials), f"with one worker, outcomes came in order {trials}"
    for outcome in outcomes:
        score, expected = outcome.test_scores, 1000.0 + outcome.trial
        assert outcome.state is State.COMPLETED, f"{outcome} did not complete"
        assert score == expected, f"trial {outcome.trial} has score {score}, not {expected}"


def _check_bundles(executor: Executor) -> None:
    """Bundles of two evaluators at once: each job has its own one's score."""
    one, two = Probe(np.zeros(10)), Probe(np.full(10, 7.0))
    jobs = _jobs([{}] * 12)
    outcomes = _run(
        executor,
        Bundle(one, jobs[:3]),
        Bundle(two, jobs[3:6]),
        Bundle(one, jobs[6:9]),
        Bundle(two, jobs[9:]),
    )
    scores = {outcome.trial: outcome.test_scores for outcome in outcomes}
    expected = {trial: 70.0 if trial // 3 % 2 else 0.0 for trial in range(12)}
    assert scores == expected, f"scores of two evaluators are {scores}, not {expected}"


def _check_raising(executor: Executor) -> None:
    params: list[dict[str, Any]] = [{}, {"error": KeyError("told to")}, {}]
    outcomes = {o.trial: o for o in _run(executor, Bundle(Probe(np.ones(3)), _jobs(params)))}
    error = outcomes[1].exception
    assert isinstance(error, KeyError), f"a KeyError of the evaluator came back as {error!r}"
    assert error.args == ("told to",), f"the error lost its message: {error!r}"
    for trial in (0, 2):
        outcome = outcomes[trial]
        assert outcome.state is State.COMPLETED, f"another job's error cost trial {trial} as well"


def _check_workers(executor: Executor) -> None:
    jobs = _jobs([{"sleep": 0.05}] * (3 * executor.workers))
    probe = Probe(np.ones(3))
    outcomes = _run(executor, *(Bundle(probe, (job,)) for job in jobs))
    events = sorted(
        (moment, change)
        for outcome in outcomes
        for moment, change in ((outcome.fit_time, 1), (outcome.score_time, -1))
    )
    at_once = int(np.cumsum([change for _, change in events]).max())
    assert at_once <= executor.workers, f"{at_once} jobs ran at once on {executor.workers} workers"


class _Enough(Exception):
    """Leaves an executor that runs jobs in the calling thread."""


def _check_leaving(executor: Executor) -> None:
    jobs = _jobs([{}] + [{"sleep": 0.5}] * (16 * executor.workers))
    caller = threading.get_ident()
    seen: list[Outcome] = []
    first = threading.Event()

    def take(outcome: Outcome) -> None:
        seen.append(outcome)
        first.set()
        if threading.get_ident() == caller:
            raise _Enough

    try:
        with executor:
            executor.run(Bundle(Probe(np.ones(3)), jobs), take)
            assert first.wait(_PATIENCE), f"no outcome after {_PATIENCE} seconds"
            left = time.monotonic()
    except _Enough:
        left = time.monotonic()
    took = time.monotonic() - left
    assert took < 5, f"leaving took {took:.1f} seconds"
    n_seen = len(seen)
    time.sleep(1.2)
    assert len(seen) == n_seen, f"{len(seen) - n_seen} outcomes came after leaving"
