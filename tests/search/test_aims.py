from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from tunesmith import Float, GridSearchCV, Int, SearchCV, minimize
from tunesmith.exceptions import Infeasible, SpaceError

X, y = load_iris(return_X_y=True)
SPACE = {"C": Float(1e-3, 1e3, log=True), "gamma": Float(1e-6, 10, log=True)}
TREE = {"max_depth": Int(1, 9), "min_samples_leaf": Int(1, 40)}


def depth(estimator, X, y):
    return -estimator.get_depth()


def trees(n_iter=16, **settings):
    scoring = {"accuracy": "accuracy", "shallow": depth}
    settings = {"cv": 3, "random_state": 0, "refit": "accuracy", "scoring": scoring, **settings}
    tree = DecisionTreeClassifier(random_state=0)
    return SearchCV(tree, TREE, n_iter=n_iter, **settings).fit(X, y)


def dominated(values, place):
    others = np.delete(values, place, axis=0)
    return bool((np.all(others >= values[place], axis=1) & (others != values[place]).any(1)).any())


@pytest.mark.parametrize("sampler", ["auto", "gp", "tpe", "random"])
def test_two_objectives_give_a_front(sampler):
    search = trees(objectives=["accuracy", "shallow"], sampler=sampler)
    results = search.cv_results_
    values = np.stack([results["mean_test_accuracy"], results["mean_test_shallow"]], axis=1)
    free = [place for place in range(len(values)) if not dominated(values, place)]
    assert search.pareto_.tolist() == free
    assert search.best_index_ == results["rank_test_accuracy"].argmin()
    again = trees(objectives=["accuracy", "shallow"], sampler=sampler, n_jobs=2, in_flight=1)
    assert again.cv_results_["params"] == results["params"]


def test_a_time_may_be_an_objective():
    search = SearchCV(
        KNeighborsClassifier(),
        {"n_neighbors": Int(1, 30)},
        n_iter=8,
        objectives=["accuracy", "score_time"],
        random_state=0,
    ).fit(X, y)
    results = search.cv_results_
    values = np.stack([results["mean_test_score"], -results["mean_score_time"]], axis=1)
    assert not any(dominated(values, place) for place in search.pareto_)
    assert search.score(X, y) > 0.9


def test_names_that_a_callable_does_not_give_are_told_at_once():
    fitted = []

    def scoring(estimator, X, y):
        fitted.append(1)
        return {"accuracy": estimator.score(X, y), "half": 0.5}

    for aims in ({"objectives": ["accuracy", "third"]}, {"outcome_constraints": {"third": 1}}):
        fitted.clear()
        with pytest.raises(
            ValueError, match=r"'third' is none of the scores .*'accuracy', 'half'"
        ):
            trees(scoring=scoring, **aims)
        assert len(fitted) <= 3
    with pytest.raises(ValueError, match="'third' is none of the scores"):
        trees(scoring=depth, refit=True, objectives=["third"])


def test_a_refit_that_picks_nothing_leaves_the_results():
    with pytest.raises(IndexError, match="best_index_"):
        trees(scoring=None, refit=lambda results: 99)
    tree = SearchCV(
        DecisionTreeClassifier(), TREE, n_iter=3, refit=lambda results: "a", random_state=0, cv=3
    )
    with pytest.raises(TypeError, match="best_index_"):
        tree.fit(X, y)
    assert len(tree.cv_results_["params"]) == 3
    assert not hasattr(tree, "best_index_")


def test_the_best_keeps_outcome_constraints():
    search = trees(outcome_constraints={"shallow": (-1, None)})
    assert search.cv_results_["mean_test_shallow"][search.best_index_] >= -1
    assert search.best_score_ < trees().best_score_


def test_where_nothing_keeps_them_results_are_kept():
    search = SearchCV(
        SVC(), SPACE, n_iter=6, outcome_constraints={"score": (1.5, None)}, random_state=0
    )
    with pytest.raises(Infeasible, match=r"none of 6 candidates keeps outcome_constraints"):
        search.fit(X, y)
    assert len(search.cv_results_["params"]) == 6


@pytest.mark.parametrize("sampler", ["auto", "gp", "tpe", "random", "qmc", "grid"])
def test_constraints_hold_for_every_candidate(sampler):
    n_iter = 12
    search = SearchCV(
        DecisionTreeClassifier(random_state=0),
        TREE,
        n_iter=n_iter,
        sampler=sampler,
        constraints=lambda p: p["max_depth"] * p["min_samples_leaf"] <= 20,
        random_state=0,
        cv=2,
    )
    if sampler == "grid":
        with pytest.warns(UserWarning, match="only the first n_iter=12"):
            search.fit(X, y)
    else:
        search.fit(X, y)
    params = search.cv_results_["params"]
    assert len(params) == n_iter
    assert all(p["max_depth"] * p["min_samples_leaf"] <= 20 for p in params)


def test_constraints_bound_the_number_of_candidates():
    search = SearchCV(SVC(), {"C": Int(1, 3), "degree": Int(1, 3)}, n_iter=9, cv=2, random_state=0)
    search.set_params(constraints=[lambda p: p["C"] < p["degree"]])
    with pytest.warns(UserWarning, match="has 3 points"):
        search.fit(X, y)
    assert len(search.cv_results_["params"]) == 3


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"constraints": lambda p: False}, "hold at none of 10000 random points"),
        ({"constraints": lambda p: p["c"] > 1}, r"asks for 'c', which .* has not"),
        ({"constraints": lambda p: 1 / 0}, "constraint <lambda> .* raised ZeroDivisionError"),
        ({"constraints": lambda p: print(end="")}, "constraint <lambda> .* returned None at"),
        ({"constraints": "C < gamma"}, "a constraint is a function of a dict of parameters"),
        ({"objectives": "accuracy"}, "objectives has to be a list of names"),
        ({"objectives": ["accuracy", "depth"], "scoring": "accuracy"}, "'depth' is none of the"),
        ({"outcome_constraints": {"fit_time": "1 s"}}, "'fit_time' has to be the most it may be"),
        ({"outcome_constraints": {"speed": 1}, "scoring": "accuracy"}, "'speed' is none of the"),
        ({"initial": [{"C": 1.0, "degree": 3}]}, "point 0: 'degree' is no parameter"),
        ({"initial": [{"C": 1e9}]}, r"point 0: the parameter 'C': 1000000000.0 is not a number"),
        ({"initial": 7}, "initial has to be a list of dicts"),
        ({"warm_start": SVC()}, "warm_start has to be a fitted search"),
    ],
)
def test_bad_input_is_told_before_anything_is_fitted(settings, message):
    class Untouched(SVC):
        def fit(self, X, y):
            raise AssertionError("something was fitted")

    search = SearchCV(Untouched(), SPACE, n_iter=3, random_state=0, error_score="raise")
    with pytest.raises((ValueError, SpaceError), match=message):
        search.set_params(**settings).fit(X, y)


def test_it_starts_with_what_is_known():
    grid = GridSearchCV(SVC(), {"C": [1.0, 10.0, 100.0]}, cv=3).fit(X, y)
    searched = SearchCV(
        SVC(),
        {"C": Float(0.1, 1e3, log=True), "degree": Int(2, 5)},
        n_iter=8,
        initial=[{"C": 5.0}, {"degree": 4}],
        warm_start=grid,
        random_state=0,
        cv=3,
    ).fit(X, y)
    params = searched.cv_results_["params"]
    assert params[0]["C"] == 5.0
    assert params[1]["degree"] == 4
    assert params[2]["C"] == grid.best_params_["C"]
    assert {p["C"] for p in params[2:5]} == {1.0, 10.0, 100.0}
    assert params[5] == {"C": 1.0, "degree": 3}


def test_a_result_warms_a_search():
    result = minimize(lambda p: (p["C"] - 7) ** 2, {"C": Float(0.1, 50)}, 20, random_state=0)
    search = SearchCV(SVC(), SPACE, n_iter=6, warm_start=[result], random_state=0, cv=2)
    assert search.fit(X, y).cv_results_["params"][0]["C"] == result.best_params["C"]


def test_other_samplers_do_not_try_the_estimators_own_values():
    search = SearchCV(SVC(), {"C": Float(0.5, 2)}, n_iter=2, sampler="gp", random_state=0, cv=2)
    assert search.fit(X, y).cv_results_["params"][0] != {"C": 1.0}
