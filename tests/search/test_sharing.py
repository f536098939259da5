"""Searches that share what candidates have in common, and give what those give that do not."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.decomposition import PCA
from sklearn.ensemble import (
    BaggingClassifier,
    BaggingRegressor,
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tunesmith import GridSearchCV, RandomizedSearchCV

X, y = load_iris(return_X_y=True)
ENSEMBLES = [
    BaggingClassifier(),
    BaggingRegressor(),
    ExtraTreesClassifier(),
    ExtraTreesRegressor(),
    GradientBoostingClassifier(),
    GradientBoostingRegressor(),
    HistGradientBoostingClassifier(),
    HistGradientBoostingRegressor(),
    RandomForestClassifier(),
    RandomForestRegressor(),
]


def grid_of(estimator, prefix="", sizes=(2, 5, 3)):
    name = "max_iter" if hasattr(estimator, "max_iter") else "n_estimators"
    return {f"{prefix}{name}": list(sizes)}


def columns(search):
    return {k: v for k, v in search.cv_results_.items() if not k.endswith("_time")}


def assert_same(one, other):
    ours, theirs = columns(one), columns(other)
    assert list(ours) == list(theirs)
    for name, expected in theirs.items():
        np.testing.assert_equal(np.asarray(ours[name]), np.asarray(expected), err_msg=name)


def fit(*args, kind=GridSearchCV, seed=0, **options):
    np.random.seed(seed)
    return kind(*args, cv=3, **options).fit(X, y)


@pytest.mark.parametrize("estimator", ENSEMBLES, ids=str)
def test_by_default_an_ensemble_is_fitted_once_for_each_split(estimator):
    search = fit(estimator, grid_of(estimator), refit=False)
    assert search.sharing_["fits_asked"] == 9
    assert search.sharing_["fits_run"] == 3
    assert search.sharing_["budget_asked"] == 3 * (2 + 5 + 3)
    assert search.sharing_["budget_run"] == 3 * 5
    assert_same(search, fit(estimator, grid_of(estimator), refit=False, sharing="off"))


@pytest.mark.parametrize("estimator", ENSEMBLES[4::2], ids=str)
def test_a_budget_in_the_last_step_of_a_pipeline(estimator):
    chain = make_pipeline(StandardScaler(), PCA(), estimator)
    last = chain.steps[-1][0]
    grid = {"pca__n_components": [2, 3], **grid_of(estimator, f"{last}__")}
    search = fit(chain, grid, return_train_score=True)
    sharing = search.sharing_
    assert (sharing["fits_asked"], sharing["fits_run"]) == (18, 6)
    assert (sharing["steps_asked"], sharing["steps_run"]) == (36, 3 + 6)
    assert_same(search, fit(chain, grid, return_train_score=True, sharing="off"))


CHAIN = make_pipeline(StandardScaler(), PCA(), RandomForestClassifier())
SPACE = {
    "pca__n_components": [2, 3, 4],
    "randomforestclassifier__n_estimators": [2, 5, 9],
    "randomforestclassifier__max_depth": [2, None],
}


@pytest.mark.parametrize("kind", [GridSearchCV, RandomizedSearchCV])
def test_any_number_of_workers_gives_the_same_with_sharing_and_without(kind):
    more = {"n_iter": 8, "random_state": 3} if kind is RandomizedSearchCV else {}
    options = {"kind": kind, "threads_per_worker": 1, "return_train_score": True, **more}
    alone = fit(CHAIN, SPACE, sharing="off", n_jobs=2, **options)
    for n_jobs in (1, 2, 4):
        shared = fit(CHAIN, SPACE, n_jobs=n_jobs, **options)
        assert_same(shared, alone)
        assert shared.best_params_ == alone.best_params_
        if n_jobs == 1:
            assert shared.sharing_["fits_run"] < shared.sharing_["fits_asked"]


def test_the_global_seed_makes_an_unseeded_search_repeatable():
    forest, grid = RandomForestClassifier(max_depth=2), {"n_estimators": [1, 2, 3]}
    one, same, other = (fit(forest, grid, seed=seed) for seed in (0, 0, 1))
    assert_same(one, same)
    with pytest.raises(AssertionError):
        assert_same(one, other)


def test_a_seed_of_its_own_is_kept():
    grid = {"n_estimators": [2, 4], "random_state": [0, 7]}
    assert_same(
        fit(RandomForestClassifier(), grid, seed=1), fit(RandomForestClassifier(), grid, seed=2)
    )


def test_a_study_keeps_its_seeds(tmp_path):
    forest = RandomForestClassifier(max_depth=2)
    storage = tmp_path / "study.db"
    first = fit(forest, {"n_estimators": [1, 3]}, storage=storage, seed=0)
    again = fit(forest, {"n_estimators": [1, 3]}, storage=storage, seed=1)
    assert_same(again, first)
    assert again.sharing_["fits_asked"] == 0
    grown = fit(forest, {"n_estimators": [1, 3, 2, 5]}, storage=storage, seed=2)
    assert grown.sharing_["fits_asked"] == 6
    whole = fit(forest, {"n_estimators": [1, 3, 2, 5]}, storage=tmp_path / "other.db", seed=0)
    for name, expected in columns(whole).items():
        np.testing.assert_equal(np.asarray(grown.cv_results_[name]), np.asarray(expected))


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.FitFailedWarning")
@pytest.mark.filterwarnings("ignore:One or more of the test scores")
def test_candidates_that_fail_fail_alone():
    grid = {"n_estimators": [3, -1, 2, "many", 0, 5]}
    shared = fit(RandomForestClassifier(), grid, refit=False)
    alone = fit(RandomForestClassifier(), grid, refit=False, sharing="off")
    assert_same(shared, alone)
    assert np.isnan(shared.cv_results_["mean_test_score"]).tolist() == [0, 1, 0, 1, 1, 0]


def test_a_random_state_object_means_the_same_to_every_candidate():
    forest = RandomForestClassifier(random_state=np.random.RandomState(5))
    searches = [
        fit(clone(forest), {"n_estimators": sizes}, seed=seed)
        for seed, sizes in enumerate(itertools.permutations([1, 2, 4]))
    ]
    by_size = [
        dict(
            zip(s.cv_results_["param_n_estimators"], s.cv_results_["mean_test_score"], strict=True)
        )
        for s in searches
    ]
    assert all(scores == by_size[0] for scores in by_size)


def test_splits_and_estimator_are_left_as_they_were():
    forest = RandomForestClassifier()
    search = fit(
        make_pipeline(StandardScaler(), forest), {"randomforestclassifier__max_depth": [1]}
    )
    assert forest.random_state is None
    assert search.best_estimator_[-1].random_state is None
    for step in search.best_estimator_:
        assert vars(step).keys().isdisjoint({"fit", "transform", "fit_transform"})
