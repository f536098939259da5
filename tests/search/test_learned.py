from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from tunesmith import Choice, Float, Int, SearchCV, SearchTimeout
from tunesmith.engine import Engine
from tunesmith.exceptions import SpaceError
from tunesmith.samplers.tpe import TPESampler

X, y = load_iris(return_X_y=True)
SPACE = {"C": Float(1e-3, 1e3, log=True), "gamma": Float(1e-6, 10, log=True)}


def searched(n_iter=8, **settings):
    settings = {"cv": 3, "random_state": 0, **settings}
    return SearchCV(SVC(), SPACE, n_iter=n_iter, **settings).fit(X, y)


def scores(search):
    return {n: c for n, c in search.cv_results_.items() if "time" not in n and n != "params"}


def assert_same(one, other):
    assert one.cv_results_["params"] == other.cv_results_["params"]
    for name, column in scores(one).items():
        np.testing.assert_array_equal(column, other.cv_results_[name])


def test_it_has_what_other_searches_have():
    search = searched(12, return_train_score=True)
    assert len(search.cv_results_["params"]) == 12
    assert search.best_params_ == search.cv_results_["params"][search.best_index_]
    assert search.score(X, y) > 0.95
    assert search.sharing_["fits_asked"] == 36
    assert len(search.results()) == 12
    assert clone(search).get_params()["n_iter"] == 12


@pytest.mark.parametrize(
    "sampler", ["auto", "gp", "tpe", "qmc", "random", TPESampler(n_startup=3)]
)
def test_a_seed_repeats_the_search(sampler):
    assert_same(searched(sampler=sampler), searched(sampler=sampler))


@pytest.mark.parametrize("in_flight", [1, 3])
def test_any_number_of_workers_gives_the_same(in_flight):
    alone = searched(in_flight=in_flight)
    for n_jobs in (2, 4):
        assert_same(searched(in_flight=in_flight, n_jobs=n_jobs), alone)


def test_without_a_seed_workers_are_kept_busy():
    search = searched(random_state=None, n_jobs=2, cv=2)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


@pytest.mark.parametrize("random_state", [0, None])
def test_a_study_goes_on_where_it_was(tmp_path, random_state):
    where = {"storage": tmp_path / "study.db", "study_name": "one", "random_state": random_state}
    first = searched(4, **where, n_jobs=2)
    assert first.sharing_["fits_asked"] == 12
    longer = searched(8, **where)
    assert longer.sharing_["fits_asked"] == 12
    assert longer.cv_results_["params"][:4] == first.cv_results_["params"]
    again = searched(8, **where)
    assert again.sharing_["fits_asked"] == 0
    assert_same(again, longer)
    if random_state is not None:
        window = {"in_flight": 3}  # what a first run with two workers and three splits has
        assert_same(searched(8, **window), longer)


@pytest.mark.parametrize("after", [1, 7, 13])
def test_an_interrupted_study_gives_what_an_uninterrupted_one_gives(tmp_path, monkeypatch, after):
    where = {"storage": tmp_path / "s.db", "study_name": "one"}
    take, taken = Engine._take, []

    def interrupted(self, outcome):
        take(self, outcome)
        taken.append(outcome)
        if len(taken) == after:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Engine, "_take", interrupted)
        with pytest.raises(KeyboardInterrupt):
            searched(**where)
    search = searched(**where)
    assert search.sharing_["fits_asked"] == 24 - after
    assert_same(search, searched())


def test_a_generator_moves_on_by_as_much_with_a_study_as_without(tmp_path):
    one, other = np.random.RandomState(0), np.random.RandomState(0)
    searches = [
        searched(4, random_state=one, storage=tmp_path / "s.db"),
        searched(4, random_state=other),
    ]
    assert_same(*searches)


def test_a_grid_that_is_not_tried_to_its_end():
    search = SearchCV(SVC(), {"C": [1, 2, 3]}, n_iter=2, cv=2, sampler="grid")
    with pytest.warns(UserWarning, match="the grid has 3 points, and only the first n_iter=2"):
        assert [p["C"] for p in search.fit(X, y).cv_results_["params"]] == [1, 2]


def test_a_small_space_is_used_up():
    space = {"max_depth": Int(1, 4), "criterion": ["gini", "entropy"]}
    search = SearchCV(DecisionTreeClassifier(random_state=0), space, cv=2, random_state=0)
    with pytest.warns(UserWarning, match="the space has 8 points, fewer than n_iter=50"):
        search.fit(X, y)
    assert len({tuple(p.items()) for p in search.cv_results_["params"]}) == 8
    assert len(search.cv_results_["params"]) == 8


def test_choices():
    space = {"kernel": Choice({"rbf": {"gamma": Float(1e-3, 1, log=True)}, "linear": {}})}
    search = SearchCV(SVC(), space, n_iter=10, cv=2, random_state=0).fit(X, y)
    for params in search.cv_results_["params"]:
        assert ("gamma" in params) == (params["kernel"] == "rbf")


@pytest.mark.filterwarnings("ignore")
def test_what_fails_is_learned_from():
    space = {"C": Float(-1, 1)}
    search = SearchCV(SVC(), space, n_iter=20, cv=2, random_state=0)
    search.fit(X, y)
    failed = np.isnan(search.cv_results_["mean_test_score"])
    assert 0 < failed.sum() < 10
    assert failed[12:].sum() <= 2


def test_the_score_that_refit_goes_by_is_maximised():
    metrics = {"scoring": ["accuracy", "neg_log_loss"], "refit": "neg_log_loss"}
    space = {"min_samples_leaf": Int(1, 40), "max_depth": Int(1, 9)}
    search = SearchCV(DecisionTreeClassifier(random_state=0), space, n_iter=12, random_state=0)
    search.set_params(**metrics).fit(X, y)
    assert search.best_score_ == search.cv_results_["mean_test_neg_log_loss"].max()


def test_time_runs_out():
    with pytest.raises(SearchTimeout, match="0 of 8 candidates complete"):
        searched(timeout=1e-9)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"sampler": "tpee"}, "there is no sampler 'tpee'.*Did you mean 'tpe'"),
        ({"sampler": TPESampler}, "sampler has to be one of"),
        ({"sampler": "grid"}, "the parameter 'C': the values of Float.* cannot be counted"),
        ({"n_iter": 0}, "'n_iter' parameter of SearchCV must be an int"),
        ({"in_flight": 0}, "'in_flight' parameter of SearchCV must be"),
        ({"space": {"C": Float(1, 2), "gama": [1]}}, "Did you mean 'gamma' for 'gama'"),
        ({"space": {}}, None),
        ({"space": 3}, "a space is a dict or a list of dicts"),
    ],
)
def test_bad_input(settings, message):
    search = SearchCV(SVC(), SPACE, n_iter=2, cv=2, random_state=0).set_params(**settings)
    if message is None:
        with pytest.warns(UserWarning, match="the space has 1 points"):
            assert search.fit(X, y).best_params_ == {}
        return
    with pytest.raises((ValueError, SpaceError), match=message):
        search.fit(X, y)
    assert not hasattr(search, "cv_results_")
