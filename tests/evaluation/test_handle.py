"""What a user's function is called with."""

from __future__ import annotations

import copy
import json
import math
import pickle

import numpy as np
import pytest

from tunesmith.evaluation.function import FunctionEvaluator
from tunesmith.evaluation.handle import Trial
from tunesmith.evaluation.verdicts import Continue, Stop
from tunesmith.exceptions import SpaceError, TrialPruned
from tunesmith.space import Categorical, Choice, Float, Int, Space
from tunesmith.trial import Job, Met, State

JOB = Job(3, 0, {"x": 0.5, "n": 2})


def grown(dimensions, params, trial=0, given=None):
    """Return a trial whose space has grown to hold some dimensions."""
    space = Space.read(given or {}).with_optional(dimensions)
    names = frozenset(given or {})
    return Trial(Job(trial, 0, params, space=space), names, seed=5)


def test_it_is_a_dict_of_the_parameters():
    trial = Trial(JOB)
    assert isinstance(trial, dict)
    assert trial == {"x": 0.5, "n": 2}
    assert (lambda x, n: (x, n))(**trial) == (0.5, 2)
    assert json.loads(json.dumps(trial)) == JOB.params
    assert list(trial) == ["x", "n"]
    assert trial | {"x": 1} == {"x": 1, "n": 2}
    assert repr(trial) == repr(dict(trial))
    assert type(trial.copy()) is dict
    assert trial.get("y", 3) == 3
    assert trial.number == 3
    match trial:
        case {"x": float(x), **rest}:
            assert (x, rest) == (0.5, {"n": 2})


@pytest.mark.parametrize(
    "copied", [copy.copy, copy.deepcopy, lambda trial: pickle.loads(pickle.dumps(trial))]
)
def test_copies_are_trials(copied):
    trial = Trial(JOB)
    trial.suggest_int("m", 4, 4)
    trial.report(1.0)
    again = copied(trial)
    assert type(again) is Trial
    assert again == trial == {"x": 0.5, "n": 2, "m": 4}
    assert (again.number, again.reports, again.met) == (3, trial.reports, trial.met)


def test_changes_to_the_dict_leave_the_parameters_alone():
    trial = Trial(JOB)
    trial.pop("x")
    trial["n"] = 9
    trial.params.clear()
    assert trial.params == JOB.params == {"x": 0.5, "n": 2}


def test_a_value_that_is_changed_by_the_function_is_kept_as_it_was():
    layers = [[32], [64]]
    trial = Trial(JOB)
    value = trial.suggest_categorical("layers", layers)
    value.append(1)
    trial["layers"].append(2)
    assert trial.params["layers"] in ([32], [64])
    assert layers == [[32], [64]]


def test_a_list_of_the_space_that_is_changed_by_the_function_is_kept_as_it_was():
    job = Job(0, 0, {"layers": [32], "weights": np.ones(2)})
    trial = Trial(job)
    trial["layers"].append(2)
    trial["weights"][0] = 5
    assert job.params["layers"] == trial.params["layers"] == [32]
    assert job.params["weights"].tolist() == [1, 1]


def test_parameters_met_are_in_the_dict_and_recorded():
    trial = Trial(JOB)
    rate = trial.suggest_float("rate", 0.01, 1, log=True)
    assert 0.01 <= rate <= 1
    assert trial == trial.params == {"x": 0.5, "n": 2, "rate": rate}
    assert trial.met == (Met("rate", Float(0.01, 1, log=True), rate),)
    assert trial.suggest_float("rate", 0.01, 1, log=True) == rate
    assert len(trial.met) == 1


def test_draws_depend_on_seed_number_and_name_alone():
    def draw(name="x", number=0, seed=0):
        return Trial(Job(number, 0, {}), seed=seed).suggest_float(name, 0, 1)

    both = Trial(Job(0, 0, {}))
    both.suggest_float("y", 0, 1)
    assert both.suggest_float("x", 0, 1) == draw()
    assert len({draw(), draw("y"), draw(number=1), draw(seed=1)}) == 4
    # So it was in the first version, and a study resumed has to draw the same.
    assert draw("lernrate ü", 7, 11) == pytest.approx(0.0592867945, abs=1e-9)


def test_draws_are_even():
    draws = [Trial(Job(n, 0, {})).suggest_int("n", 1, 4) for n in range(400)]
    assert min(np.bincount(draws)[1:]) > 70
    assert set(draws) == {1, 2, 3, 4}


def test_what_is_suggested_is_taken_where_it_is_within_the_bounds():
    dimensions = {"x": Float(0, 1), "n": Int(1, 9), "a": Categorical(["p", "q", "r"])}
    trial = grown(dimensions, {"x": 0.3, "n": 8, "a": "q"})
    assert trial == {}
    assert trial.suggest_float("x", 0.2, 0.7) == 0.3
    assert trial.suggest_int("n", 2, 20) == 8
    assert trial.suggest_categorical("a", ["q", "z"]) == "q"
    assert trial == {"x": 0.3, "n": 8, "a": "q"}


def test_what_is_suggested_is_moved_to_the_nearest_step():
    trial = grown({"x": Float(0, 1), "n": Int(1, 9)}, {"x": 0.3, "n": 9})
    assert trial.suggest_float("x", 0, 1, step=0.25) == 0.25
    assert trial.suggest_int("n", 2, 9, step=3) == 8


def test_what_is_suggested_elsewhere_is_drawn():
    trial = grown({"x": Float(0, 1), "a": Categorical(["p", "q"])}, {"x": 0.9, "a": "p"})
    alone = Trial(Job(0, 0, {}), seed=5)
    assert trial.suggest_float("x", 0, 0.5) == alone.suggest_float("x", 0, 0.5)
    assert trial.suggest_categorical("a", ["q", "r"]) in ("q", "r")


def test_parameters_of_the_given_space_may_be_asked_for():
    trial = Trial(Job(0, 0, {"x": 0.5, "n": 2}), frozenset({"x", "n", "closed"}))
    assert trial.suggest_float("x", 0, 1) == 0.5
    assert trial.met == ()
    with pytest.raises(SpaceError, match=r"'n': it is in the space .* the value 2 .* Int\(3, 4\)"):
        trial.suggest_int("n", 3, 4)
    with pytest.raises(SpaceError, match=r"'closed': it is in the space .* not active"):
        trial.suggest_int("closed", 3, 4)


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda t: t.suggest_float("x", 2, 1), "'x': Float: low=2.0 is above high=1.0"),
        (lambda t: t.suggest_float("x", 0, 1, log=True), "'x': .* needs low > 0"),
        (lambda t: t.suggest_float("x", 0, math.inf), "'x': .*finite"),
        (lambda t: t.suggest_int("x", 0.5, 2), "'x': .*whole number, got 0.5"),
        (lambda t: t.suggest_int("x", 1, 2, step=0), "'x': .*step has to be above 0"),
        (lambda t: t.suggest_categorical("x", []), "'x': .*at least one"),
        (lambda t: t.suggest_categorical("x", "abc"), "'x': 'abc' is one string"),
        (lambda t: t.suggest_categorical("x", {1, 2}), "'x': a set has no order"),
        (lambda t: t.suggest_categorical("x", [len, max]), "'x': a choice is None.*look it up"),
        (lambda t: t.suggest_categorical("x", [[{"a": {1}}]]), "'x': a choice is None"),
        (lambda t: t.suggest_categorical("x", [Choice({"a": {}})]), "'x': .* stands in a list"),
        (lambda t: t.suggest_float(3, 0, 1), "has to be a string, got 3"),
        (lambda t: t.suggest_float("", 0, 1), "has to be a string, got ''"),
        (
            lambda t: [t.suggest_float("x", 0, 1), t.suggest_float("x", 0, 2)],
            r"'x' was asked for as Float\(0.0, 1.0\), and then as Float\(0.0, 2.0\); give each",
        ),
        (
            lambda t: [t.suggest_float("x", 0, 1), t.suggest_int("x", 0, 1)],
            r"'x' was asked for as Float.* and then as Int",
        ),
    ],
)
def test_what_cannot_be_suggested(ask, message):
    trial = Trial(Job(0, 0, {}))
    with pytest.raises(SpaceError, match=message):
        ask(trial)


@pytest.mark.parametrize(
    "ask",
    [
        lambda trial: trial.suggest_float("x", 1, 2),
        lambda trial: trial.suggest_float("x", 1, 2, log=True),
        lambda trial: trial.suggest_categorical("x", [1.5, 1]),
    ],
)
@pytest.mark.parametrize("was", [Int(1, 2), Int(1, 2, log=True)])
def test_a_parameter_that_was_of_another_kind(was, ask):
    trial = grown({"x": was}, {"x": 1})
    with pytest.raises(SpaceError, match=r"'x': in earlier trials it was Int.*name of its own"):
        ask(trial)


def test_choices_of_every_plain_kind():
    choices = [None, True, 1, 1.0, "a", (1, [2, {"b": None}]), np.float32(0.5), math.nan]
    drawn = [Trial(Job(n, 0, {})).suggest_categorical("x", choices) for n in range(60)]
    assert {repr(value) for value in drawn} == {repr(value) for value in choices}


def test_reports_are_kept_in_order():
    trial = Trial(JOB)
    trial.report(1)
    trial.report(np.float32(0.5))
    trial.report(math.nan, 7)
    trial.report(-math.inf, np.int64(8))
    trial.report(True)
    assert repr(trial.reports) == "((0, 1.0), (1, 0.5), (7, nan), (8, -inf), (9, 1.0))"
    assert all(type(step) is int and type(value) is float for step, value in trial.reports)


@pytest.mark.parametrize(
    ("report", "error", "message"),
    [
        (("0.5",), TypeError, "report.. takes a number, got '0.5' .of type str"),
        ((None,), TypeError, "of type NoneType"),
        ((1j,), TypeError, "of type complex"),
        ((np.zeros(2),), TypeError, "of type ndarray"),
        ((0.5, 1.5), TypeError, "step has to be a whole number or None, got 1.5"),
        ((0.5, "1"), TypeError, "step has to be a whole number or None, got '1'"),
        ((0.5, -1), ValueError, "step has to be 0 or more, got -1"),
        ((0.5, 3), ValueError, "step=3 was reported after step=5; report steps in order"),
    ],
)
def test_what_cannot_be_reported(report, error, message):
    trial = Trial(JOB)
    trial.report(1.0, 5)
    with pytest.raises(error, match=message):
        trial.report(*report)
    assert trial.reports == ((5, 1.0),)


def test_a_step_that_is_repeated_is_not_counted():
    trial = Trial(JOB)
    trial.report(1.0, 2)
    with pytest.warns(UserWarning, match="step=2 has been reported already") as caught:
        trial.report(3.0, 2)
    assert caught[0].filename == __file__
    assert trial.reports == ((2, 1.0),)


def below_2(reports):
    return Stop() if reports[-1][1] < 2 else Continue()


@pytest.mark.parametrize(
    ("sign", "value", "stopped"),
    [(1, 1.0, True), (1, 3.0, False), (-1, 1.0, True), (-1, -3.0, False)],
)
def test_a_judge_sees_what_is_to_be_maximised(sign, value, stopped):
    trial = Trial(Job(0, 0, {}, judge=below_2), sign=sign)
    assert trial.should_prune() is False
    trial.report(value)
    assert trial.should_prune() is stopped


def test_without_a_judge_no_trial_is_stopped():
    trial = Trial(JOB)
    trial.report(-math.inf)
    assert trial.should_prune() is False


def pruned(trial):
    trial.suggest_int("n", 1, 1)
    trial.report(0.5)
    raise TrialPruned


def failing(trial):
    trial.suggest_int("n", 1, 1)
    trial.suggest_int("n", 2, 1)


@pytest.mark.parametrize(
    ("function", "state", "error"),
    [
        (pruned, State.PRUNED, None),
        (failing, State.FAILED, "SpaceError"),
        (lambda trial: trial.suggest_int("n", 1, 1), State.COMPLETED, None),
    ],
)
def test_outcomes_tell_what_was_met_however_they_end(function, state, error):
    outcome = FunctionEvaluator(function)(Job(0, 0, {}))
    assert outcome.state is state
    assert outcome.met == (Met("n", Int(1, 1), 1),)
    assert outcome.reports == (((0, 0.5),) if state is State.PRUNED else ())
    assert outcome.test_scores == (1.0 if state is State.COMPLETED else None)
    assert (error or "") in (outcome.error or "")
    assert (outcome.error is None) == (error is None)
