from __future__ import annotations

import math

import numpy as np
import pytest

from tunesmith import Float, Int, Study, WouldBlock, minimize
from tunesmith.exceptions import SpaceError
from tunesmith.trial import State

SPACE = {"x": Float(0, 1), "n": Int(1, 10)}


def bowl(params):
    return (params["x"] - 0.3) ** 2 + abs(params["n"] - 7)


def run(study, n):
    for _ in range(n):
        trial = study.ask()
        study.tell(trial, bowl(trial.params))
    return study


def test_it_finds_the_minimum():
    study = run(Study(SPACE, random_state=0), 40)
    assert study.best_params["n"] == 7
    assert study.best_value < 1e-3
    assert [trial.number for trial in study.trials] == list(range(40))
    assert study.best_trial.state is State.COMPLETED
    assert repr(study).startswith("<Study: Result of minimize: 40 trials; best ")


def test_it_is_minimize_by_hand():
    study = run(Study(SPACE, random_state=0, in_flight=1), 20)
    result = minimize(bowl, SPACE, 20, random_state=0)
    assert [trial.params for trial in study.trials] == [trial.params for trial in result.trials]


def test_many_at_once():
    study = Study(SPACE, direction="maximize", random_state=0)
    for _ in range(6):
        trials = study.ask(5)
        assert [trial.number for trial in study.waiting] == [trial.number for trial in trials]
        for trial in reversed(trials):
            study.tell(trial.number, -bowl(trial.params))
    assert study.best_value > -0.1
    assert not study.waiting


@pytest.mark.parametrize("in_flight", [2, 3])
def test_the_order_of_telling_does_not_matter_in_a_window(in_flight):
    rng = np.random.default_rng(0)
    asked = []
    for shuffled in (False, True):
        study, open_trials, params = Study(SPACE, random_state=0, in_flight=in_flight), [], []
        while len(params) < 25:
            try:
                trial = study.ask()
            except WouldBlock:
                place = int(rng.integers(len(open_trials))) if shuffled else 0
                trial = open_trials.pop(place)
                study.tell(trial, bowl(trial.params))
            else:
                open_trials.append(trial)
                params.append(trial.params)
        asked.append(params)
    assert asked[0] == asked[1]


def test_the_window_names_what_to_tell():
    study = Study(SPACE, in_flight=2)
    with pytest.raises(WouldBlock, match=r"ask\(3\) is more than in_flight=2"):
        study.ask(3)
    study.ask(2)
    with pytest.raises(WouldBlock, match="tell of 0 first"):
        study.ask()
    study.tell(1, 0.5)
    with pytest.raises(WouldBlock, match="tell of 0 first"):
        study.ask()
    study.tell(0, 0.5)
    assert study.ask().number == 2


def test_failures():
    study = Study(SPACE)
    trials = study.ask(4)
    study.tell(trials[0], state="failed", reason="out of memory")
    study.tell(trials[1], math.nan)
    study.tell(trials[2], -math.inf)
    with pytest.raises(ValueError, match=r"none of 3 trials has a value; .* told to have -inf"):
        _ = study.best_params
    study.tell(trials[3], np.float32(2))
    assert [trial.state for trial in study.trials] == [State.FAILED] * 3 + [State.COMPLETED]
    assert study.trials[0].error == "out of memory"
    assert study.best_value == 2.0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((7, 1.0), "there is no trial 7; this study has trials 0 to 1"),
        (("a", 1.0), "there is no trial 'a'"),
        ((0, 1.0), "trial 0 has been told of already"),
        ((1,), r"told to have None; .* for a trial that failed, tell\(trial, state='failed'\)"),
        ((1, "0.5"), "told to have '0.5'"),
    ],
)
def test_what_cannot_be_told(arguments, message):
    study = Study(SPACE)
    study.ask(2)
    study.tell(0, 0.5)
    with pytest.raises(ValueError, match=message):
        study.tell(*arguments)
    study.tell(1, 0.25)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"state": "done"}, "state has to be one of"),
        ({"state": "failed", "value": 1.0}, "a trial that failed has no value"),
        ({"value": 1.0, "reason": "slow"}, "reason= is for a trial that failed"),
    ],
)
def test_what_contradicts_itself(settings, message):
    study = Study(SPACE)
    with pytest.raises(ValueError, match=message):
        study.tell(study.ask(), **settings)


def test_a_grid_ends():
    study = Study({"n": Int(1, 3)}, sampler="grid")
    assert [trial.params["n"] for trial in study.ask(3)] == [1, 2, 3]
    with pytest.raises(SpaceError, match="the grid has 3 points, and all have been asked for"):
        study.ask()


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"direction": "up"}, ValueError, "direction has to be 'minimize' or 'maximize'"),
        ({"sampler": "tp"}, SpaceError, "there is no sampler 'tp'"),
        ({"random_state": 0.5}, TypeError, "random_state has to be a whole number"),
        ({"in_flight": 0}, ValueError, "in_flight has to be 1 or more"),
        ({"space": 3}, SpaceError, "a space is a dict"),
    ],
)
def test_bad_input(settings, error, message):
    with pytest.raises(error, match=message):
        Study(**{"space": SPACE, **settings})


def test_asking_for_no_trials():
    with pytest.raises(ValueError, match="n has to be 1 or more"):
        Study(SPACE).ask(0)
