from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor

import joblib
import pytest

from tests.executors.probing import bundle, run, run_in
from tunesmith.exceptions import UnpicklableError, WorkerError
from tunesmith.executors.choice import choose_executor
from tunesmith.executors.futures import FuturesExecutor
from tunesmith.executors.inline import InlineExecutor
from tunesmith.executors.joblib_backend import JoblibExecutor, active_joblib_backend
from tunesmith.executors.processes import ProcessExecutor

CORES = joblib.cpu_count()


def test_an_executor_of_ours_is_taken_as_it_is():
    executor = ProcessExecutor(2)
    assert choose_executor(executor, n_jobs=3) is executor


def test_an_executor_of_futures_is_adapted():
    with ThreadPoolExecutor(2) as pool:
        assert isinstance(choose_executor(pool), FuturesExecutor)
        with pytest.raises(ValueError, match="fit_timeout=3 cannot be kept by executor="):
            choose_executor(pool, fit_timeout=3)
        with pytest.raises(ValueError, match="threads_per_worker=1 cannot be kept"):
            choose_executor(pool, threads_per_worker=1)


@pytest.mark.parametrize("executor", [2, "processes", ThreadPoolExecutor, object()])
def test_what_is_no_executor_is_refused(executor):
    with pytest.raises(TypeError, match="executor="):
        choose_executor(executor)


@pytest.mark.parametrize("n_jobs", [None, 1])
def test_one_job_at_a_time_runs_here_unless_limits_are_asked_for(n_jobs):
    assert isinstance(choose_executor(n_jobs=n_jobs), InlineExecutor)
    limited = choose_executor(n_jobs=n_jobs, fit_timeout=3)
    assert isinstance(limited, ProcessExecutor)
    assert limited.workers == 1
    assert choose_executor(n_jobs=n_jobs, threads_per_worker=1).threads_per_worker == 1


@pytest.mark.parametrize(("n_jobs", "workers"), [(3, 3), (-1, CORES), (-2, max(1, CORES - 1))])
def test_n_jobs_means_what_it_means_to_joblib(n_jobs, workers):
    assert choose_executor(n_jobs=n_jobs).workers == workers


def test_n_jobs_zero_has_no_meaning():
    with pytest.raises(ValueError, match="n_jobs == 0 in Parallel has no meaning"):
        choose_executor(n_jobs=0)


@pytest.mark.parametrize(
    ("name", "value", "kind"),
    [
        ("n_jobs", "2", TypeError),
        ("n_jobs", 1.5, TypeError),
        ("n_jobs", True, TypeError),
        ("threads_per_worker", "1", TypeError),
        ("threads_per_worker", 0, ValueError),
        ("fit_timeout", "3", TypeError),
        ("fit_timeout", -1.0, ValueError),
        ("fit_timeout", float("nan"), ValueError),
    ],
)
def test_bad_numbers_are_named(name, value, kind):
    with pytest.raises(kind, match=f"{name}="):
        choose_executor(**{name: value})


def test_joblibs_number_of_jobs_is_honoured_on_our_processes():
    with joblib.parallel_config(n_jobs=3):
        assert active_joblib_backend() == (None, 3)
        executor = choose_executor()
        assert isinstance(executor, ProcessExecutor)
        assert executor.workers == 3
        assert choose_executor(n_jobs=2).workers == 2
    assert active_joblib_backend() is None


@pytest.mark.parametrize("backend", ["threading", "loky", "multiprocessing"])
def test_joblibs_backend_is_honoured(backend):
    with joblib.parallel_config(backend, n_jobs=2):
        executor = choose_executor()
        assert isinstance(executor, JoblibExecutor)
        assert executor.workers == 2
        assert choose_executor(n_jobs=3).workers == 3
        with pytest.raises(ValueError, match=r"fit_timeout=3 cannot be kept by the .*Backend"):
            choose_executor(fit_timeout=3)


def test_a_preference_for_threads_is_honoured():
    with joblib.parallel_config(prefer="threads"):
        assert isinstance(choose_executor(n_jobs=2), JoblibExecutor)


def test_inside_a_worker_nothing_is_parallel_unless_asked_for():
    def look(data):
        return type(choose_executor()).__name__, type(choose_executor(n_jobs=2)).__name__

    (outcome,) = run(ProcessExecutor(1), [look])
    assert outcome.test_scores == ("InlineExecutor", "JoblibExecutor")
    names = joblib.Parallel(n_jobs=2)([joblib.delayed(look)(None)] * 2)
    assert set(names) == {("InlineExecutor", "JoblibExecutor")}


def test_results_stream_from_joblib_and_leaving_early_is_silent():
    seen = []

    def take(outcome):
        seen.append(outcome)
        raise LookupError

    with joblib.parallel_config("threading", n_jobs=2):
        executor = JoblibExecutor()
    with pytest.raises(LookupError), executor:
        executor.run(bundle([lambda data: 1] * 50), take)
    assert len(seen) == 1


def test_on_loky_an_evaluator_that_cannot_be_sent_is_named_and_a_death_ends_the_search():
    with joblib.parallel_config("loky", n_jobs=2):
        executor = JoblibExecutor()
    with executor:
        with pytest.raises(UnpicklableError, match=r"data\[0\]"):
            executor.run(bundle([len], [threading.Lock()]), print)
        outcomes = run_in(executor, bundle([lambda data: os._exit(1)] * 2))
    for outcome in outcomes:
        assert isinstance(outcome.exception, WorkerError)
