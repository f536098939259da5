"""Several objectives, outcome constraints, and what is known before, in `minimize`."""

from __future__ import annotations

import numpy as np
import pytest

from tunesmith import Float, Int, Study, maximize, minimize
from tunesmith.evaluation.bounds import limits
from tunesmith.exceptions import Infeasible, SpaceError, StudyMismatch
from tunesmith.trial import State

SPACE = {"x": Float(0, 1), "n": Int(1, 20)}


def both(params):
    return {"loss": (params["x"] - 0.3) ** 2 + 1 / params["n"], "cost": params["n"]}


def in_order(params):
    return tuple(both(params).values())


def better(one, other):
    no_worse = all(one[name] <= other[name] for name in one)
    return no_worse and one != other


def as_array(params):
    return np.array(in_order(params))


@pytest.mark.parametrize("function", [both, in_order, as_array])
@pytest.mark.parametrize("sampler", ["auto", "tpe", "random"])
def test_two_objectives(function, sampler):
    settings = {"objectives": ["loss", "cost"], "random_state": 0, "sampler": sampler}
    result = minimize(function, SPACE, 30, **settings)
    values = [trial.values for trial in result.trials]
    front = [t.number for t in result.trials if not any(better(v, t.values) for v in values)]
    assert [trial.number for trial in result.pareto] == front
    assert repr(result).endswith(f"{len(front)} on the front of loss, cost>")
    with pytest.raises(ValueError, match=r"several objectives, \['loss', 'cost'\], and no best"):
        _ = result.best_params
    again = minimize(function, SPACE, 30, **settings, n_jobs=2, in_flight=1)
    assert [t.params for t in again.trials] == [t.params for t in result.trials]


def test_objectives_may_go_different_ways():
    def sides(params):
        return {"area": params["x"] * params["n"], "cost": params["n"]}

    ways = {"area": "maximize", "cost": "minimize"}
    result = minimize(sides, SPACE, 40, objectives=ways, random_state=0)
    best = max(trial.values["area"] for trial in result.pareto)
    assert best == max(trial.values["area"] for trial in result.trials) > 15
    upside = maximize(sides, SPACE, 40, objectives=ways, random_state=0)
    assert [t.params for t in upside.trials] == [t.params for t in result.trials]


def test_the_best_keeps_outcome_constraints():
    result = minimize(
        both, SPACE, 40, objectives=["loss"], outcome_constraints={"cost": 5}, random_state=0
    )
    assert result.best_params["n"] == 5
    assert result.best_value == result.best_trial.values["loss"]
    assert abs(result.best_params["x"] - 0.3) < 0.05
    assert any(not trial.feasible and trial.value < result.best_value for trial in result.trials)


def test_where_none_keeps_them_that_is_told():
    result = minimize(
        both, SPACE, 8, objectives=["loss"], outcome_constraints={"cost": 0}, random_state=0
    )
    assert "none keeps the outcome constraints" in repr(result)
    with pytest.raises(Infeasible, match="none of 8 trials keeps the outcome constraints"):
        _ = result.best_params


@pytest.mark.parametrize(
    ("returned", "reason"),
    [
        ((1.0, 2.0, 3.0), "returned 3 numbers, not 2; return a dict of ['loss', 'cost']"),
        ({"loss": 1.0}, "returned a dict without 'cost'"),
        ("ab", "returned 'ab' (of type str)"),
        (1.0, "returned 1.0 (of type float)"),
        (None, "returned None (of type NoneType)"),
        ((1.0, float("nan")), "'cost': the function returned nan"),
        ((1.0, "2"), "'cost': the function returned '2' (of type str)"),
    ],
)
def test_what_is_no_pair_of_numbers_is_a_failed_trial(returned, reason):
    def sometimes(params):
        return both(params) if params["n"] > 10 else returned

    result = minimize(sometimes, SPACE, 20, objectives=["loss", "cost"], random_state=0)
    failed = [trial for trial in result.trials if trial.state is State.FAILED]
    assert failed
    assert len(failed) < 20
    assert all(reason in trial.error and trial.values is None for trial in failed)


def test_a_study_of_several_objectives_goes_on(tmp_path):
    settings = {"objectives": ["loss", "cost"], "random_state": 0}
    whole = minimize(both, SPACE, 24, **settings)
    storage = tmp_path / "study.db"
    minimize(both, SPACE, 9, **settings, storage=storage, study_name="both")
    resumed = minimize(both, SPACE, 24, **settings, storage=storage, study_name="both")
    assert [t.params for t in resumed.trials] == [t.params for t in whole.trials]
    assert [t.values for t in resumed.trials] == [t.values for t in whole.trials]
    with pytest.raises(StudyMismatch, match="objectives"):
        minimize(in_order, SPACE, 9, storage=storage, study_name="both")


@pytest.mark.parametrize("sampler", ["auto", "gp", "tpe", "qmc", "random"])
def test_constraints_between_parameters(sampler):
    asked = []

    def area(params):
        asked.append(params["a"] < params["b"])
        return params["a"] - params["b"] / 2

    space = {"a": Float(0, 1), "b": Float(0, 1)}
    minimize(
        area, space, 30, constraints=lambda p: p["a"] < p["b"], sampler=sampler, random_state=0
    )
    assert len(asked) == 30
    assert all(asked)


def test_it_begins_with_what_is_known():
    earlier = minimize(lambda p: (p["x"] - 0.77) ** 2, {"x": Float(0, 1)}, 25, random_state=1)
    result = minimize(
        lambda p: (p["x"] - 0.75) ** 2,
        SPACE,
        4,
        initial={"n": 3},
        warm_start=earlier,
        random_state=0,
    )
    assert result.trials[0].params["n"] == 3
    assert result.trials[1].params["x"] == earlier.best_params["x"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"objectives": "loss"}, "objectives has to be a list of names"),
        ({"objectives": []}, "objectives has to hold names, each once"),
        ({"objectives": ["a", "a"]}, "objectives has to hold names, each once"),
        ({"objectives": {"a": "min"}}, "'a': 'min' has to be a name and 'minimize'"),
        ({"outcome_constraints": {"cost": 5}}, r"say which of them counts, objectives="),
        ({"objectives": ["a"], "outcome_constraints": ["b"]}, "has to be a dict such as"),
        ({"objectives": ["a"], "outcome_constraints": {"b": (2, 1)}}, "'b' has to be the most"),
        ({"constraints": [7]}, "a constraint is a function of a dict of parameters, got 7"),
        ({"constraints": lambda p: False, "sampler": "random"}, "hold at none of 10000"),
        ({"initial": ["x"]}, "point 0 is 'x'"),
        ({"warm_start": [3]}, "warm_start has to be a fitted search"),
    ],
)
def test_bad_input(settings, message):
    with pytest.raises((ValueError, SpaceError), match=message):
        minimize(lambda p: pytest.fail("called"), SPACE, 3, random_state=0, **settings)


def test_bounds():
    assert limits({"a": 3, "b": (1, None), "c": (None, 2), "d": (0, 1)}) == {
        "a": (-float("inf"), 3),
        "b": (1, float("inf")),
        "c": (-float("inf"), 2),
        "d": (0, 1),
    }


@pytest.mark.parametrize("storage", [None, "study.db"])
def test_a_study_is_told_of_several_values(storage, tmp_path):
    kept = None if storage is None else tmp_path / storage
    settings = {"objectives": ["loss", "cost"], "random_state": 0, "in_flight": 1}
    study = Study(SPACE, storage=kept, **settings)
    for number in range(12):
        trial = study.ask()
        study.tell(trial, both(trial.params) if number % 2 else in_order(trial.params))
    alone = minimize(both, SPACE, 12, **settings)
    assert [t.params for t in study.trials] == [t.params for t in alone.trials]
    assert [t.number for t in study.pareto] == [t.number for t in alone.pareto]
    assert study.results().columns[:3].tolist() == ["number", "loss", "cost"]
    if kept is not None:
        again = Study(SPACE, storage=kept, **settings)
        assert [t.values for t in again.trials] == [t.values for t in study.trials]
        with pytest.raises(StudyMismatch, match="objectives"):
            Study(SPACE, storage=kept)


def test_a_study_checks_what_it_is_told():
    study = Study(
        SPACE,
        objectives=["loss"],
        outcome_constraints={"cost": 5},
        constraints=lambda p: p["n"] > 2,
        initial=[{"x": 0.5}],
        random_state=0,
    )
    assert study.ask().params["x"] == 0.5
    for wrong in (1.0, {"loss": 1.0}, (1, 2, 3), ("1", 2)):
        with pytest.raises(ValueError, match=r"for a trial that failed, tell\(trial, state="):
            study.tell(0, wrong)
    study.tell(0, {"loss": float("nan"), "cost": 1})
    assert study.trials[0].state is State.FAILED
    result = study.optimize(both, 20)
    assert result.best_params["n"] in (3, 4, 5)
    assert all(trial.params["n"] > 2 for trial in result.trials)
