"""No point twice, whatever suggests."""

from __future__ import annotations

import pytest

from tunesmith import Choice, Float, Int, Study, minimize
from tunesmith.samplers.names import as_sampler
from tunesmith.samplers.starting import started
from tunesmith.space import Space

SPACE = {"x": [0.1, 0.3, 0.5], "k": Choice({"a": {"m": [0, 1]}, "b": {"n": Int(1, 3)}})}
NAMES = ["auto", "cmaes", "evolution", "gp", "grid", "qmc", "random", "tpe"]


def loss(params):
    return (params["x"] - 0.3) ** 2 + params.get("m", 0.5)


def points(trials):
    return {tuple(sorted(trial.params.items())) for trial in trials}


@pytest.mark.parametrize("name", NAMES)
def test_a_space_is_used_up_without_a_repeat(name):
    with pytest.warns(UserWarning, match="15 points, fewer than n_iter=40"):
        result = minimize(loss, SPACE, 40, sampler=name, random_state=1)
    assert len(result.trials) == len(points(result.trials)) == 15


@pytest.mark.parametrize("name", ["gp", "random", "tpe"])
def test_constraints_and_initial_points_count(name):
    settings = {"constraints": lambda p: p["k"] == "a" or p["n"] > 1, "random_state": 2}
    initial = [{"x": 0.3, "k": "b", "n": 3}, {"x": 0.5, "k": "a", "m": 1}]
    result = minimize(loss, SPACE, 12, sampler=name, initial=initial, **settings)
    assert [dict(trial.params) for trial in result.trials[:2]] == initial
    assert len(points(result.trials)) == 12
    assert all(trial.params.get("n", 2) > 1 for trial in result.trials)


def test_trials_that_are_under_way_count():
    study = Study(SPACE, sampler="random", random_state=0)
    asked = study.ask(15)
    assert len({tuple(sorted(trial.params.items())) for trial in asked}) == 15


def test_once_all_have_been_suggested_they_come_again():
    study = Study({"x": [1, 2]}, sampler="random", random_state=0)
    assert {trial.params["x"] for trial in study.ask(2)} == {1, 2}
    assert study.ask().params["x"] in (1, 2)


def test_where_points_cannot_be_counted_nothing_is_changed():
    space = Space.read({"x": Float(0, 1)})
    alone = minimize(lambda p: p["x"], {"x": Float(0, 1)}, 5, sampler="qmc", random_state=3)
    again = minimize(
        lambda p: p["x"],
        {"x": Float(0, 1)},
        5,
        sampler=started(as_sampler("qmc"), space),
        random_state=3,
    )
    assert points(alone.trials) == points(again.trials)
