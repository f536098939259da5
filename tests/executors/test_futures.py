from __future__ import annotations

import os
import threading
import time
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context

import pytest
import sklearn

from tests.executors.probing import Doing, bundle, run, run_in
from tunesmith.exceptions import UnpicklableError, WorkerError
from tunesmith.executors import futures
from tunesmith.executors.futures import FuturesExecutor
from tunesmith.executors.shipping import Parcel
from tunesmith.trial import State


@pytest.fixture(scope="module")
def processes():
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        yield pool


@pytest.fixture
def threads():
    with ThreadPoolExecutor(2) as pool:
        yield pool


def count(data):
    data.append(0)
    return len(data)


def test_an_evaluator_is_loaded_once_by_each_process(processes):
    outcomes = run(FuturesExecutor(processes), [count] * 5, data=[])
    assert [outcome.test_scores for outcome in outcomes] == [1, 2, 3, 4, 5]


def test_the_users_executor_is_not_shut_down(threads):
    run(FuturesExecutor(threads), [lambda data: 1])
    assert threads.submit(abs, -1).result() == 1


def test_threads_share_the_evaluator(threads):
    data = []
    run(FuturesExecutor(threads), [count] * 3, data=data)
    assert len(data) == 3


@pytest.mark.parametrize("pool", ["threads", "processes"])
def test_scikit_learns_configuration_holds(pool, request):
    def look(data):
        return sklearn.get_config()["enable_metadata_routing"]

    executor = FuturesExecutor(request.getfixturevalue(pool))
    with sklearn.config_context(enable_metadata_routing=True):
        (outcome,) = run(executor, [look])
    assert outcome.test_scores is True


def test_an_evaluator_that_cannot_be_sent_is_named(processes):
    with (
        FuturesExecutor(processes) as executor,
        pytest.raises(UnpicklableError, match=r"data\[0\] \(a _thread\.lock\)"),
    ):
        executor.run(bundle([count], [threading.Lock()]), print)


def test_a_broken_pool_ends_the_search():
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        outcomes = run(FuturesExecutor(pool), [lambda data: os._exit(3), lambda data: 1])
        (later,) = run(FuturesExecutor(pool), [lambda data: 1])
    for outcome in [*outcomes, later]:
        assert isinstance(outcome.exception, WorkerError)
        assert "with n_jobs= instead" in str(outcome.exception)


def test_an_executor_that_was_shut_down_ends_the_search(threads):
    threads.shutdown()
    (outcome,) = run(FuturesExecutor(threads), [lambda data: 1])
    assert isinstance(outcome.exception, WorkerError)
    assert "cannot schedule new futures" in str(outcome.exception)


def test_a_job_that_exits_is_lost(threads):
    def leave(data):
        raise SystemExit(3)

    lost, fine = run(FuturesExecutor(threads), [leave, lambda data: 1])
    assert lost.state is State.LOST
    assert lost.test_scores == -1.0
    assert "SystemExit: 3" in lost.error
    assert fine.test_scores == 1


class KilledWorker(Exception):
    """Named as the one of Dask."""


class Elsewhere(Executor):
    """Runs calls at once, in what passes for a process that cannot read our files."""

    def __init__(self, monkeypatch, error=None):
        self.monkeypatch = monkeypatch
        self.error = error
        self.sizes = []

    def submit(self, fn, /, *args):
        future = Future()
        self.sizes.append(0 if len(args) < 3 else sum(map(len, args[2])))
        parcel, *rest = args
        try:
            if self.error is not None:
                raise self.error
            future.set_result(fn(Parcel(parcel.token, "/nowhere"), *rest))
        except BaseException as error:
            future.set_exception(error)
        return future


def test_a_process_that_cannot_read_our_files_is_sent_the_evaluator_once(monkeypatch):
    elsewhere = Elsewhere(monkeypatch)
    with FuturesExecutor(elsewhere, workers=1) as executor:
        evaluator = Doing(["x" * 10_000])
        first = run_in(executor, bundle([count], evaluator))
        rest = run_in(executor, bundle([count] * 3, evaluator))
    assert [outcome.test_scores for outcome in first + rest] == [2, 3, 4, 5]
    assert sum(size > 10_000 for size in elsewhere.sizes) == 1
    assert len(elsewhere.sizes) == 5
    assert len(evaluator.data) == 1  # it was a copy that grew


def test_a_job_that_kills_dasks_workers_is_lost(monkeypatch):
    elsewhere = Elsewhere(monkeypatch, KilledWorker("three times"))
    (outcome,) = run(FuturesExecutor(elsewhere), [count])
    assert outcome.state is State.LOST
    assert outcome.test_scores == -1.0
    assert "three times" in outcome.error


def test_a_process_keeps_two_evaluators_at_most(monkeypatch):
    elsewhere = Elsewhere(monkeypatch)
    for _ in range(5):
        run(FuturesExecutor(elsewhere), [count], data=[])
    assert futures._kept.cache_info().currsize <= 2


def test_leaving_cancels_what_has_not_begun():
    seen, began = [], threading.Event()

    def nap(data):
        began.set()
        time.sleep(2)

    with ThreadPoolExecutor(1) as pool:
        with FuturesExecutor(pool) as executor:
            executor.run(bundle([nap] * 100), seen.append)
            assert began.wait(10)
            left = time.monotonic()
        assert time.monotonic() - left < 1.5
    assert time.monotonic() - left < 5
    assert not seen


def test_workers_are_told_or_asked_for(threads):
    assert FuturesExecutor(threads).workers == 2
    assert FuturesExecutor(threads, workers=7).workers == 7
    assert FuturesExecutor(Elsewhere(None)).workers == os.cpu_count()


def test_it_runs_only_inside_its_with_statement(threads):
    with pytest.raises(RuntimeError, match="with statement"):
        FuturesExecutor(threads).run(bundle([count]), print)
