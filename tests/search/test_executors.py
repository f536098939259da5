"""Where a search runs: on pools of the user's own, on joblib's backends, inside another search."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import ExitStack
from multiprocessing import get_context

import joblib
import numpy as np
import pytest
import sklearn
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV as TheirGridSearchCV
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from tunesmith import GridSearchCV, RandomizedSearchCV
from tunesmith.executors.processes import ProcessExecutor
from tunesmith.storage.memory import MemoryStorage

X, y = load_iris(return_X_y=True)
GRID = {"C": [0.1, 1.0, 10.0], "kernel": ["linear", "rbf"]}


class Place(ClassifierMixin, BaseEstimator):
    """Scores where it was fitted: the process, the thread, and scikit-learn's configuration."""

    def __init__(self, number=0):
        self.number = number

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return np.full(len(X), self.classes_[0])


def where(estimator, X, y):
    return {
        "process": os.getpid(),
        "thread": threading.get_ident() % 2**52,
        "routing": sklearn.get_config()["enable_metadata_routing"],
        "assume_finite": sklearn.get_config()["assume_finite"],
    }


def places(**more):
    """Run a search that says where its evaluations ran; return what each said, by name."""
    search = GridSearchCV(
        Place(), {"number": range(4)}, cv=2, scoring=where, refit=False, **more
    ).fit(X, y)
    return {
        name: {
            search.cv_results_[f"split{split}_test_{name}"][n]
            for split in range(2)
            for n in range(4)
        }
        for name in ("process", "thread", "routing", "assume_finite")
    }


def fitted(**more):
    return GridSearchCV(SVC(), GRID, cv=3, return_train_score=True, **more).fit(X, y)


def assert_same_but_times(one, other):
    assert list(one.cv_results_) == list(other.cv_results_)
    for name, expected in one.cv_results_.items():
        if not name.endswith("_time"):
            np.testing.assert_array_equal(other.cv_results_[name], expected)
    assert one.best_params_ == other.best_params_


@pytest.fixture(scope="module")
def expected():
    return TheirGridSearchCV(SVC(), GRID, cv=3, return_train_score=True).fit(X, y)


@pytest.fixture(scope="module")
def pool():
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        yield pool


def test_in_a_thread_pool(expected):
    with ThreadPoolExecutor(2) as pool:
        assert_same_but_times(expected, fitted(executor=pool))
        found = places(executor=pool)
        assert pool.submit(int, 3).result() == 3
    assert found["process"] == {os.getpid()}
    assert threading.get_ident() % 2**52 not in found["thread"]


def test_in_a_process_pool(expected, pool):
    assert_same_but_times(expected, fitted(executor=pool))
    assert os.getpid() not in places(executor=pool)["process"]
    assert pool.submit(int, 3).result() == 3


def test_in_an_executor_of_ours_used_twice(expected):
    executor = ProcessExecutor(2, threads_per_worker=1)
    assert_same_but_times(expected, fitted(executor=executor))
    found = places(executor=executor)
    assert os.getpid() not in found["process"]
    assert len(found["process"]) <= 2


def test_a_study_is_shared_by_all_ways_to_run(expected, tmp_path):
    with ThreadPoolExecutor(2) as pool:
        first = fitted(executor=pool, storage=tmp_path / "s.db")
    again = fitted(storage=tmp_path / "s.db")
    assert_same_but_times(expected, again)
    np.testing.assert_array_equal(
        first.cv_results_["mean_fit_time"], again.cv_results_["mean_fit_time"]
    )


@pytest.mark.parametrize("executor", [object(), 2, "threads", ThreadPoolExecutor])
def test_what_is_no_executor_is_refused(executor):
    search = GridSearchCV(SVC(), GRID, executor=executor)
    with pytest.raises(TypeError, match="executor="):
        search.fit(X, y)
    assert not hasattr(search, "cv_results_")


@pytest.mark.parametrize("limit", [{"fit_timeout": 5}, {"threads_per_worker": 1}])
def test_limits_that_a_users_pool_cannot_keep_are_refused(limit):
    (name,) = limit
    with ThreadPoolExecutor(1) as pool:
        search = GridSearchCV(SVC(), GRID, executor=pool, **limit)
        with pytest.raises(ValueError, match=f"{name}=.*cannot be kept by executor="):
            search.fit(X, y)


def test_no_jobs_have_no_meaning():
    with pytest.raises(ValueError, match="n_jobs == 0 in Parallel has no meaning"):
        fitted(n_jobs=0)


@pytest.mark.parametrize("backend", ["threading", "loky"])
def test_joblibs_backends_are_honoured(expected, backend):
    with joblib.parallel_config(backend, n_jobs=2):
        assert_same_but_times(expected, fitted())
        found = places()
    if backend == "threading":
        assert found["process"] == {os.getpid()}
        assert threading.get_ident() % 2**52 not in found["thread"]
    else:
        assert os.getpid() not in found["process"]


def test_joblibs_number_of_jobs_alone_means_our_processes():
    with joblib.parallel_config(n_jobs=2):
        found = places()
    assert os.getpid() not in found["process"]
    assert len(found["process"]) <= 2


def test_an_executor_comes_before_joblibs_backend():
    with joblib.parallel_config("loky", n_jobs=2), ThreadPoolExecutor(1) as pool:
        assert places(executor=pool)["process"] == {os.getpid()}


def test_any_number_of_workers_gives_the_same():
    """To the bit where the number of threads is the same."""
    rng = np.random.default_rng(0)
    wide = rng.normal(size=(150, 40)) + y[:, None] * 0.2
    search = GridSearchCV(
        LogisticRegression(max_iter=500),
        {"C": [0.01, 0.1, 1.0]},
        cv=3,
        scoring="neg_log_loss",
        return_train_score=True,
        threads_per_worker=1,
    )
    one, *others = (clone(search).set_params(n_jobs=n).fit(wide, y) for n in (1, 2, 4))
    assert np.isfinite(one.cv_results_["mean_test_score"]).all()
    for other in others:
        assert_same_but_times(one, other)


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_inside_a_cross_validation(n_jobs):
    grid = {"C": [0.1, 1.0, 10.0]}
    with sklearn.config_context(assume_finite=True):
        ours = cross_val_score(GridSearchCV(SVC(), grid, cv=2), X, y, cv=2, n_jobs=n_jobs)
    theirs = cross_val_score(TheirGridSearchCV(SVC(), grid, cv=2), X, y, cv=2)
    np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_a_search_of_searches(n_jobs):
    def nested(search, **more):
        inner = search(SVC(), {"C": [0.1, 1.0]}, cv=2)
        grid = {"estimator__kernel": ["linear", "rbf"], "cv": [2, 3]}
        return search(inner, grid, cv=2, **more).fit(X, y)

    ours, theirs = nested(GridSearchCV, n_jobs=n_jobs), nested(TheirGridSearchCV)
    assert_same_but_times(theirs, ours)
    assert ours.best_estimator_.best_params_ == theirs.best_estimator_.best_params_


def test_parallel_searches_inside_a_parallel_search():
    inner = RandomizedSearchCV(SVC(), {"C": [0.1, 1.0]}, n_iter=2, random_state=0, cv=2, n_jobs=2)
    outer = {"estimator__kernel": ["linear", "rbf"]}
    both = GridSearchCV(inner, outer, cv=2, n_jobs=2).fit(X, y)
    alone = GridSearchCV(inner.set_params(n_jobs=None), outer, cv=2).fit(X, y)
    np.testing.assert_array_equal(
        both.cv_results_["mean_test_score"], alone.cv_results_["mean_test_score"]
    )


@pytest.mark.parametrize("how", ["here", "processes", "pool", "threads", "loky"])
def test_scikit_learns_configuration_reaches_the_workers(how, pool):
    assert places()["assume_finite"] == {False}
    with ExitStack() as stack:
        more = {}
        if how == "processes":
            more["n_jobs"] = 2
        elif how == "pool":
            more["executor"] = pool
        elif how == "threads":
            more["executor"] = stack.enter_context(ThreadPoolExecutor(2))
        elif how == "loky":
            stack.enter_context(joblib.parallel_config("loky", n_jobs=2))
        stack.enter_context(
            sklearn.config_context(enable_metadata_routing=True, assume_finite=True)
        )
        found = places(**more)
    assert found["routing"] == found["assume_finite"] == {True}


class Weighted(Place):
    """Counts on being given weights."""

    def fit(self, X, y, sample_weight=None):
        if sample_weight is None:
            raise ValueError("no weights came")
        return super().fit(X, y)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_routed_metadata_reaches_the_workers(n_jobs):
    with sklearn.config_context(enable_metadata_routing=True):
        estimator = Weighted().set_fit_request(sample_weight=True)
        estimator.set_score_request(sample_weight=False)
        search = GridSearchCV(
            estimator, {"number": [0, 1]}, cv=2, n_jobs=n_jobs, error_score="raise"
        )
        search.fit(X, y, sample_weight=np.ones(len(y)))
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_a_search_on_objects_of_the_user_s_own_can_be_cloned():
    storage = MemoryStorage()
    with ThreadPoolExecutor(2) as pool:
        search = GridSearchCV(SVC(), {"C": [1, 10]}, cv=2, executor=pool, storage=storage)
        twin = clone(search.fit(X, y))
        assert (twin.executor, twin.storage) == (pool, storage)
        assert not hasattr(twin, "cv_results_")
        assert twin.estimator is not search.estimator
        scores = cross_val_score(make_pipeline(StandardScaler(), search), X, y, cv=2)
    assert np.isfinite(scores).all()
    assert len(storage.studies()) == 3
