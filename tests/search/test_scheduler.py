"""Candidates that are stopped after some of their splits."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.exceptions import FitFailedWarning
from sklearn.svm import SVC

from tunesmith import Float, SearchCV
from tunesmith.exceptions import SpaceError
from tunesmith.schedulers import Continue, Done, Start, Stop
from tunesmith.schedulers.median import MedianScheduler

X, y = load_iris(return_X_y=True)
SPACE = {"C": Float(1e-3, 1e3, log=True), "gamma": Float(1e-6, 10, log=True)}
N_SPLITS = 4


class CountedSVC(SVC):
    """A support vector machine that counts its fits in this process."""

    def fit(self, X, y):
        FITS.append(1)
        return super().fit(X, y)


FITS: list[int] = []


def searched(n_iter=16, estimator=None, **settings):
    settings = {"cv": N_SPLITS, "random_state": 0, "scheduler": "median", **settings}
    return SearchCV(estimator or SVC(), SPACE, n_iter=n_iter, **settings).fit(X, y)


def splits(search, metric="score"):
    columns = [search.cv_results_[f"split{n}_test_{metric}"] for n in range(N_SPLITS)]
    return np.stack(columns, axis=1)


def assert_same(one, other):
    assert one.cv_results_["params"] == other.cv_results_["params"]
    np.testing.assert_array_equal(splits(one), splits(other))


@pytest.fixture(scope="module")
def stopping():
    return searched()


def test_a_stopped_candidate_has_no_score_for_the_rest_and_ranks_last(stopping):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        search = searched(error_score="raise")
    assert_same(search, stopping)
    scores = splits(search)
    stopped = np.isnan(scores).any(axis=1)
    assert stopped.any()
    assert not stopped[:5].any()
    for row in scores:
        n_run = np.isfinite(row).sum()
        assert n_run >= 1
        assert np.isnan(row[n_run:]).all()
    ranks = search.cv_results_["rank_test_score"]
    assert (ranks[stopped] == ranks.max()).all()
    assert np.isnan(search.cv_results_["mean_test_score"][stopped]).all()
    assert np.isnan(search.cv_results_["mean_fit_time"][stopped]).all()
    assert search.best_score_ == search.cv_results_["mean_test_score"][~stopped].max()
    assert search.predict(X).shape == y.shape


def test_splits_that_are_left_out_are_not_fitted(stopping):
    FITS.clear()
    search = searched(estimator=CountedSVC(), refit=False, sharing="off")
    assert len(FITS) == np.isfinite(splits(stopping)).sum() < 16 * N_SPLITS
    assert search.sharing_["fits_asked"] == len(FITS)


def test_what_is_run_has_the_scores_of_a_search_without(stopping):
    whole = searched(scheduler=None, sampler="random")
    search = searched(sampler="random")
    assert search.cv_results_["params"] == whole.cv_results_["params"]
    run = np.isfinite(splits(search))
    assert run.sum() < run.size
    np.testing.assert_array_equal(splits(search)[run], splits(whole)[run])


def test_the_median_of_complete_candidates_is_what_stops():
    search = searched(sampler="random", scheduler=MedianScheduler(16, n_startup=3))
    scores = splits(search)
    for number, row in enumerate(scores):
        before = scores[:number][np.isfinite(scores[:number]).all(axis=1)]
        means = before.cumsum(axis=1) / np.arange(1, N_SPLITS + 1)
        own = row.cumsum() / np.arange(1, N_SPLITS + 1)
        n_run = 1
        while n_run < N_SPLITS and (
            len(before) < 3 or own[:n_run].max() >= np.median(means[:, n_run - 1])
        ):
            n_run += 1
        assert np.isfinite(row).sum() == n_run


@pytest.mark.parametrize("in_flight", [1, 3])
def test_any_number_of_workers_stops_the_same(in_flight):
    alone = searched(in_flight=in_flight)
    assert np.isnan(splits(alone)).any()
    for n_jobs in (2, 4):
        assert_same(searched(in_flight=in_flight, n_jobs=n_jobs), alone)


def test_without_a_seed_workers_are_kept_busy():
    search = searched(random_state=None, n_jobs=2)
    assert np.isfinite(splits(search)[:, 0]).all()


def test_a_search_that_is_resumed_stops_the_same(tmp_path, stopping):
    storage = tmp_path / "studies.db"
    searched(9, storage=storage)
    resumed = searched(storage=storage)
    assert_same(resumed, stopping)
    assert resumed.sharing_["fits_asked"] == np.isfinite(splits(stopping)[9:]).sum()


def test_a_search_without_scheduler_goes_on_where_candidates_were_stopped(tmp_path):
    storage = tmp_path / "studies.db"
    stopped = searched(storage=storage, sampler="random")
    assert np.isnan(splits(stopped)).any()
    whole = searched(storage=storage, sampler="random", scheduler=None)
    assert_same(whole, searched(sampler="random", scheduler=None))


def test_the_score_that_refit_goes_by_is_judged():
    search = searched(scoring=["accuracy", "f1_macro"], refit="f1_macro")
    one, other = splits(search, "accuracy"), splits(search, "f1_macro")
    np.testing.assert_array_equal(np.isnan(one), np.isnan(other))
    assert np.isnan(one).any()
    assert search.best_score_ == np.nanmax(search.cv_results_["mean_test_f1_macro"])


def test_with_objectives_the_first_one_is_judged():
    search = searched(objectives=["accuracy", "fit_time"], sampler="random")
    stopped = np.isnan(splits(search)).any(axis=1)
    assert stopped.any()
    assert not stopped[search.pareto_].any()


def test_a_candidate_that_fails_is_worse_than_any():
    space = {"C": [1.0, 2.0, 3.0, 4.0, 5.0, -1.0]}
    search = SearchCV(SVC(), space, n_iter=6, scheduler="median", cv=3, sampler="grid")
    with pytest.warns(FitFailedWarning, match="1 fits failed out of a total of 16"):
        search.fit(X, y)
    assert np.isnan(search.cv_results_["mean_test_score"]).tolist() == [False] * 5 + [True]


class Halfway:
    """Starts four candidates and stops each after two splits."""

    adaptive = False

    def next(self, history):
        return Start() if history.number < 4 else Done()

    def judge(self, history):
        return after_two


def after_two(reports):
    return Stop() if len(reports) == 2 else Continue()


def test_a_scheduler_of_ones_own():
    search = searched(scheduler=Halfway(), refit=False)
    assert len(search.cv_results_["params"]) == 4
    assert np.isfinite(splits(search)).sum(axis=1).tolist() == [2] * 4


def test_a_name_that_there_is_not():
    with pytest.raises(SpaceError, match="Did you mean 'median'"):
        searched(scheduler="medians")


def test_a_scheduler_that_starts_nothing():
    class Nothing(Halfway):
        def next(self, history):
            return Done()

    with pytest.raises(ValueError, match="No fits were performed"):
        searched(scheduler=Nothing())
