"""Searches over tunesmith's own dimensions."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from scipy.stats import randint, uniform
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.decomposition import PCA
from sklearn.ensemble import BaggingClassifier
from sklearn.model_selection import GridSearchCV as TheirGridSearchCV
from sklearn.model_selection import RandomizedSearchCV as TheirRandomizedSearchCV
from sklearn.pipeline import Pipeline
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from tunesmith import (
    Categorical,
    Choice,
    Float,
    GridSearchCV,
    Int,
    RandomizedSearchCV,
    RandomSearchCV,
)
from tunesmith.exceptions import SpaceError

X, y = load_iris(return_X_y=True)

SVC_SPACE = {
    "C": Float(1e-2, 1e2, log=True),
    "coef0": Float(0, 1, step=0.25),
    "degree": Int(2, 5),
    "kernel": Choice(
        {"rbf": {"gamma": Float(1e-3, 1, log=True)}, "linear": {}, "poly": {"gamma": ["auto"]}}
    ),
    "shrinking": Categorical([True, False], weights=[9, 1]),
}


def drawn(space=SVC_SPACE, n_iter=12, random_state=0, **more):
    search = RandomizedSearchCV(
        SVC(), space, n_iter=n_iter, random_state=random_state, cv=2, **more
    )
    return search.fit(X, y)


def params(search):
    return search.cv_results_["params"]


def assert_same_but_times(one, other):
    assert list(one.cv_results_) == list(other.cv_results_)
    for name, expected in one.cv_results_.items():
        if not name.endswith("_time"):
            np.testing.assert_array_equal(other.cv_results_[name], expected)


def test_draws_lie_in_the_space_with_the_types_of_the_user():
    points = params(drawn(n_iter=40))
    assert len(points) == 40
    for point in points:
        assert type(point["C"]) is float
        assert 1e-2 <= point["C"] <= 1e2
        assert type(point["coef0"]) is float
        assert point["coef0"] in (0, 0.25, 0.5, 0.75, 1)
        assert type(point["degree"]) is int
        assert 2 <= point["degree"] <= 5
        assert type(point["shrinking"]) is bool
        match point["kernel"]:
            case "rbf":
                assert 1e-3 <= point["gamma"] <= 1
            case "poly":
                assert point["gamma"] == "auto"
            case "linear":
                assert "gamma" not in point
    assert {point["kernel"] for point in points} == {"rbf", "linear", "poly"}
    assert {point["degree"] for point in points} == {2, 3, 4, 5}
    assert Counter(point["shrinking"] for point in points)[True] > 28
    assert sum(point["C"] < 1 for point in points) in range(8, 33)


def test_what_is_not_active_is_masked():
    results = drawn().cv_results_
    linear = [point["kernel"] == "linear" for point in results["params"]]
    assert any(linear)
    assert np.ma.getmaskarray(results["param_gamma"]).tolist() == linear


def test_the_same_seed_draws_the_same():
    assert params(drawn()) == params(drawn()) == params(drawn(n_jobs=2))
    assert params(drawn()) == params(drawn(random_state=np.random.RandomState(0)))
    assert params(drawn(random_state=1)) != params(drawn())
    assert params(drawn(n_iter=5)) == params(drawn())[:5]


def test_without_a_seed_draws_differ():
    assert params(drawn(random_state=None, n_iter=3)) != params(drawn(random_state=None, n_iter=3))


def test_the_winner_is_refitted_and_predicts():
    search = drawn()
    assert search.best_params_ == params(search)[search.best_index_]
    for name, value in search.best_params_.items():
        assert getattr(search.best_estimator_, name) == value
    assert search.score(X, y) > 0.8


def test_scores_are_those_of_the_listed_points():
    """The space only says which points: the rest is scikit-learn's."""
    search = drawn()
    listed = [{name: [value] for name, value in point.items()} for point in params(search)]
    theirs = TheirGridSearchCV(SVC(), listed, cv=2).fit(X, y)
    for name in ("mean_test_score", "rank_test_score", "split1_test_score"):
        np.testing.assert_array_equal(search.cv_results_[name], theirs.cv_results_[name])


@pytest.mark.parametrize("random_state", [0, None])
def test_a_study_goes_on_with_the_same_draws(tmp_path, random_state):
    where = tmp_path / "study.db"
    first = drawn(n_iter=4, random_state=random_state, storage=where, study_name="s")
    again = drawn(n_iter=4, random_state=random_state, storage=where, study_name="s")
    assert_same_but_times(first, again)
    np.testing.assert_array_equal(
        again.cv_results_["mean_fit_time"], first.cv_results_["mean_fit_time"]
    )
    longer = drawn(n_iter=9, random_state=random_state, storage=where, study_name="s")
    assert params(longer)[:4] == params(first)
    assert len(params(longer)) == 9
    np.testing.assert_array_equal(
        longer.cv_results_["mean_fit_time"][:4], first.cv_results_["mean_fit_time"]
    )


def test_a_study_with_estimators_among_the_choices(tmp_path):
    svc, tree = SVC(), DecisionTreeClassifier(random_state=0)
    space = {
        "reduce": Categorical([PCA(2), "passthrough"]),
        "clf": Choice(
            {svc: {"clf__C": Float(0.1, 10, log=True)}, tree: {"clf__max_depth": Int(1, 3)}}
        ),
    }
    pipeline = Pipeline([("reduce", None), ("clf", SVC())])

    def search(random_state):
        return RandomizedSearchCV(
            pipeline,
            space,
            n_iter=6,
            random_state=random_state,
            cv=2,
            storage=tmp_path / f"{random_state}.db",
            study_name="s",
        ).fit(X, y)

    for random_state in (3, None):
        first, again = search(random_state), search(random_state)
        for one, other in zip(params(first), params(again), strict=True):
            assert one.keys() == other.keys()
            assert type(one["clf"]) is type(other["clf"])
            assert ("clf__C" in one) is isinstance(one["clf"], SVC)
        for name in ("mean_test_score", "mean_fit_time"):
            np.testing.assert_array_equal(first.cv_results_[name], again.cv_results_[name])


def test_a_grid_of_dimensions_is_the_grid_of_their_values():
    ours = GridSearchCV(
        SVC(),
        {
            "degree": Int(2, 4),
            "C": Float(0.1, 0.5, step=0.2),
            "kernel": Categorical(["poly", "rbf"]),
            "shrinking": [True],
        },
        cv=2,
    ).fit(X, y)
    theirs = TheirGridSearchCV(
        SVC(),
        {
            "degree": [2, 3, 4],
            "C": [0.1, 0.3, 0.5],
            "kernel": ["poly", "rbf"],
            "shrinking": [True],
        },
        cv=2,
    ).fit(X, y)
    assert_same_but_times(theirs, ours)
    assert {type(point["degree"]) for point in params(ours)} == {int}
    assert {type(point["C"]) for point in params(ours)} == {float}


def test_a_choice_in_a_grid_opens_its_own_parameters_only():
    grid = {"C": [1, 2], "kernel": Choice({"rbf": {"gamma": [0.1, 1.0]}, "linear": {}})}
    search = GridSearchCV(SVC(), grid, cv=2).fit(X, y)
    assert params(search) == [
        {"C": C, "kernel": kernel} | gamma
        for C in (1, 2)
        for kernel, gamma in [
            ("rbf", {"gamma": 0.1}),
            ("rbf", {"gamma": 1.0}),
            ("linear", {}),
        ]
    ]
    assert (
        np.ma.getmaskarray(search.cv_results_["param_gamma"]).tolist() == [False, False, True] * 2
    )


def test_nested_choices():
    inner = Choice({"auto": {}, "scale": {"tol": [1e-3, 1e-4]}})
    grid = {"kernel": Choice({"rbf": {"gamma": inner}, "linear": {}})}
    search = GridSearchCV(SVC(), grid, cv=2).fit(X, y)
    assert params(search) == [
        {"kernel": "rbf", "gamma": "auto"},
        {"kernel": "rbf", "gamma": "scale", "tol": 1e-3},
        {"kernel": "rbf", "gamma": "scale", "tol": 1e-4},
        {"kernel": "linear"},
    ]


@pytest.mark.parametrize("dimension", [Float(0.1, 10), Float(0.1, 10, log=True)])
@pytest.mark.parametrize("beside", [{}, {"kernel": Choice({"rbf": {}, "linear": {}})}])
def test_a_continuous_dimension_has_no_grid(dimension, beside):
    search = GridSearchCV(SVC(), {"C": dimension, **beside}, cv=2)
    with pytest.raises(SpaceError, match=r"'C'.*cannot be counted.*write a list.*step="):
        search.fit(X, y)
    assert not hasattr(search, "cv_results_")


def test_a_name_the_estimator_does_not_have_is_found_before_the_first_fit():
    search = GridSearchCV(SVC(), {"kernel": Choice({"rbf": {"gama": Int(1, 2)}})})
    with pytest.raises(ValueError, match=r"gama.*Did you mean 'gamma'"):
        search.fit(X, y)


def test_lists_of_dicts_may_mix_forms():
    grid = [{"C": [1, 2]}, {"C": Int(3, 4), "kernel": ["linear"]}]
    search = GridSearchCV(SVC(), grid, cv=2).fit(X, y)
    expected = [{"C": 1}, {"C": 2}, {"C": 3, "kernel": "linear"}, {"C": 4, "kernel": "linear"}]
    assert params(search) == expected


def test_draws_from_lists_of_dicts_that_mix_forms():
    space = [
        {"C": uniform(0.5, 1), "kernel": ["linear"]},
        {"C": Float(10, 20), "degree": randint(2, 4), "kernel": Choice({"poly": {}})},
    ]
    points = params(drawn(space, n_iter=30))
    assert {point["kernel"] for point in points} == {"linear", "poly"}
    for point in points:
        if point["kernel"] == "linear":
            assert 0.5 <= point["C"] <= 1.5
            assert point.keys() == {"C", "kernel"}
        else:
            assert 10 <= point["C"] <= 20
            assert point["degree"] in (2, 3)


ALIAS_GRID = {"C": [1, 2, 3, 4], "kernel": ["rbf", "linear"]}


def test_the_older_name_takes_param_grid():
    search = RandomSearchCV(SVC(), param_grid=ALIAS_GRID, n_iter=3, random_state=0, cv=2)
    assert search.get_params(deep=False)["param_grid"] == ALIAS_GRID
    assert "param_distributions" not in search.get_params()
    copy = clone(search)
    assert type(copy) is RandomSearchCV
    assert copy.get_params(deep=False).keys() == search.get_params(deep=False).keys()
    assert copy.param_grid == ALIAS_GRID
    assert repr(copy) == repr(search)
    theirs = TheirRandomizedSearchCV(SVC(), ALIAS_GRID, n_iter=3, random_state=0, cv=2)
    assert_same_but_times(theirs.fit(X, y), copy.fit(X, y))


def test_the_older_name_with_other_parameters_set():
    search = RandomSearchCV(SVC(), ALIAS_GRID, n_iter=2, random_state=0, cv=2)
    search.set_params(param_grid={"C": [7, 8]}, estimator__kernel="linear")
    assert search.param_grid == search.param_distributions == {"C": [7, 8]}
    search.fit(X, y)
    assert sorted(point["C"] for point in params(search)) == [7, 8]
    assert search.best_estimator_.kernel == "linear"
    with pytest.raises(ValueError, match="param_distributions"):
        search.set_params(param_distributions={"C": [1]})


def test_more_draws_than_points_warn_as_in_scikit_learn():
    search = RandomSearchCV(SVC(), ALIAS_GRID, n_iter=20, cv=2)
    with pytest.warns(UserWarning, match=r"space of parameters 8 is smaller than n_iter=20"):
        search.fit(X, y)
    assert len(params(search)) == 8
    assert len({tuple(sorted(point.items())) for point in params(search)}) == 8


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"param_grid": {"C": "rbf"}}, "C"),
        ({"param_grid": 3}, "'param_grid' parameter of RandomSearchCV"),
        ({"n_iter": 0}, "'n_iter' parameter of RandomSearchCV"),
    ],
)
def test_bad_input_to_the_older_name(change, message):
    search = RandomSearchCV(SVC(), ALIAS_GRID).set_params(**change)
    with pytest.raises((ValueError, TypeError), match=message):
        search.fit(X, y)


@pytest.mark.parametrize("estimator", [Pipeline([("last", SVC())]), BaggingClassifier(SVC())])
def test_the_nearest_name_is_that_of_the_estimator_among_the_values(estimator):
    (place,) = estimator.get_params().keys() & {"last", "estimator"}
    grid = {f"{place}__max_dept": [1], place: [DecisionTreeClassifier()]}
    with pytest.raises(ValueError, match=f"Did you mean '{place}__max_depth'"):
        GridSearchCV(estimator, grid).fit(X, y)
