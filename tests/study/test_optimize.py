from __future__ import annotations

import math
import time

import numpy as np
import pytest

from tunesmith import Choice, Float, Int, SearchTimeout, StudyMismatch, maximize, minimize
from tunesmith.exceptions import SpaceError, StorageError
from tunesmith.trial import Part, State

SPACE = {"x": Float(0, 1), "n": Int(1, 10)}


def bowl(params):
    return (params["x"] - 0.3) ** 2 + abs(params["n"] - 7)


def hill(params):
    return -bowl(params)


def plain(result):
    return [(trial.number, dict(trial.params), trial.value) for trial in result.trials]


def test_it_finds_the_minimum():
    result = minimize(bowl, SPACE, 40, random_state=0)
    assert result.best_params["n"] == 7
    assert result.best_value == min(trial.value for trial in result.trials) < 1e-3
    assert [trial.number for trial in result.trials] == list(range(40))
    assert "40 trials; best" in repr(result)


def test_maximize_is_minimize_the_other_way_round():
    low, high = (
        minimize(bowl, SPACE, 20, random_state=0),
        maximize(hill, SPACE, 20, random_state=0),
    )
    assert low.best_value == -high.best_value
    assert [dict(t.params) for t in low.trials] == [dict(t.params) for t in high.trials]


@pytest.mark.parametrize("sampler", ["auto", "gp", "tpe", "qmc", "random"])
@pytest.mark.parametrize("in_flight", [1, 4])
def test_any_number_of_workers_gives_the_same(sampler, in_flight):
    settings = {"sampler": sampler, "random_state": 1, "in_flight": in_flight}
    alone = minimize(bowl, SPACE, 14, **settings)
    assert plain(minimize(bowl, SPACE, 14, n_jobs=2, **settings)) == plain(alone)


def test_without_a_seed():
    result = minimize(bowl, SPACE, 12, n_jobs=2)
    assert len(result.trials) == 12
    assert plain(result) != plain(minimize(bowl, SPACE, 12, n_jobs=2))


def test_conditional_parameters():
    space = {"kind": Choice({"p": {"x": Float(0, 1)}, "q": {"y": Float(0, 1)}})}

    def loss(params):
        return params["x"] if params["kind"] == "p" else 0.5 + params["y"]

    result = minimize(loss, space, 25, random_state=0)
    assert result.best_params["kind"] == "p"
    assert result.best_value < 0.05


class Stubborn:
    def __float__(self):
        raise RuntimeError("no number")


@pytest.mark.parametrize(
    ("returned", "reason"),
    [
        (None, "returned None; return one finite number"),
        ("0.5", "returned '0.5' .of type str.; return one finite number"),
        ((0.5, 1), "returned .0.5, 1. .of type tuple."),
        (math.nan, "returned nan"),
        (10**400, "returned an object of type int .int too large to convert to float."),
        (Stubborn(), "returned an object of type Stubborn .no number.; return one finite"),
        (-math.inf, "returned -inf"),
        (1j, "an object of type complex"),
        (np.zeros(2), "an object of type ndarray"),
    ],
)
def test_what_is_no_number_is_a_failed_trial_with_its_reason(returned, reason):
    def loss(params):
        return returned if params["x"] < 0.5 else params["x"]

    result = minimize(loss, {"x": Float(0, 1)}, 20, random_state=0)
    failed = [trial for trial in result.trials if trial.state is State.FAILED]
    assert 0 < len(failed) < 20
    for trial in failed:
        assert trial.value is None
        with pytest.raises(AssertionError, match=reason):
            raise AssertionError(trial.error)
    assert result.best_value >= 0.5


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_what_raises_is_a_failed_trial_with_its_reason(n_jobs):
    def loss(params):
        return 1 / (params["n"] % 2)

    result = minimize(loss, {"n": Int(1, 4)}, 4, random_state=0, n_jobs=n_jobs)
    errors = {trial.params["n"]: trial.error for trial in result.trials}
    assert errors[1] is None
    assert "ZeroDivisionError" in errors[2]
    assert "2 without a value" in repr(result)


def test_where_all_fail_the_result_says_why():
    with pytest.warns(UserWarning, match=r"all 3 trials have failed; the last one: .* None"):
        result = minimize(lambda params: None, {"n": Int(1, 3)}, 3)
    with pytest.raises(ValueError, match=r"none of 3 trials has a value; .* returned None"):
        _ = result.best_value
    assert "3 without a value" in repr(result)


@pytest.mark.parametrize("value", [3, True, np.float32(0.5), np.array(2.0), np.int64(4)])
def test_what_is_a_number(value):
    assert minimize(lambda params: value, {"n": [1]}, 1).best_value == float(value)


def test_changes_to_the_dict_are_not_seen():
    def loss(params):
        return params.pop("x")

    result = minimize(loss, {"x": Float(0, 1)}, 8, random_state=0)
    assert all(trial.params == {"x": trial.value} for trial in result.trials)


CALLS: list[float] = []
PART = Part(digest="0" * 32, text="a function")


def counted(params):
    CALLS.append(params["x"])
    return bowl(params)


@pytest.mark.parametrize("random_state", [0, None])
@pytest.mark.parametrize("stop", [0, 3, 9])
def test_a_study_goes_on_where_it_was(tmp_path, random_state, stop, monkeypatch):
    settings = {"storage": tmp_path / "one.db", "study_name": "s", "random_state": random_state}

    def interrupted(params):
        if len(CALLS) == stop:
            raise KeyboardInterrupt
        return counted(params)

    CALLS.clear()
    monkeypatch.setattr("tunesmith.study.keeping.part", lambda name, function: PART)
    with pytest.raises(KeyboardInterrupt) as stopped:
        minimize(interrupted, SPACE, 12, **settings)
    assert f"{stop} of 12 trials have ended" in stopped.value.__notes__[0]
    whole = minimize(counted, SPACE, 12, **settings)
    assert len(CALLS) == 12
    assert len(minimize(counted, SPACE, 15, **settings).trials) == 15
    assert len(CALLS) == 15
    if random_state is not None:
        assert plain(whole) == plain(minimize(bowl, SPACE, 12, random_state=random_state))


@pytest.mark.filterwarnings("ignore:all 3 trials have failed")
def test_failures_are_recalled_with_their_reason(tmp_path):
    def loss(params):
        return "x"

    settings = {"storage": tmp_path / "one.db", "random_state": 0}
    first = minimize(loss, SPACE, 3, **settings)
    again = minimize(loss, SPACE, 3, **settings)
    assert [trial.error for trial in again.trials] == [trial.error for trial in first.trials]


def test_a_study_of_something_else(tmp_path):
    settings = {"storage": tmp_path / "one.db", "study_name": "s", "random_state": 0}
    minimize(bowl, SPACE, 2, **settings)
    with pytest.raises(StudyMismatch, match="function"):
        minimize(hill, SPACE, 2, **settings)
    with pytest.raises(StudyMismatch, match="it is a minimize, this is a maximize"):
        maximize(bowl, SPACE, 2, **settings)


def test_time_runs_out():
    def slow(params):
        time.sleep(0.05)
        return params["x"]

    with pytest.warns(UserWarning, match=r"timeout=0.2 seconds ran out: \d of 50 trials"):
        result = minimize(slow, SPACE, 50, timeout=0.2, random_state=0)
    assert 1 <= len(result.trials) < 10


def test_no_time_at_all():
    with pytest.raises(SearchTimeout, match="0 of 8 trials have ended"):
        minimize(lambda params: time.sleep(9), SPACE, 8, timeout=0.3, n_jobs=2)


def test_a_small_space_is_used_up():
    with pytest.warns(UserWarning, match="the space has 6 points, fewer than n_iter=50"):
        result = minimize(lambda p: p["a"], {"a": [1, 2, 3], "b": [True, False]}, 50)
    assert len({tuple(trial.params.items()) for trial in result.trials}) == 6


def test_a_grid_that_is_not_tried_to_its_end():
    with pytest.warns(UserWarning, match="the grid has 10 points, and only the first n_iter=3"):
        result = minimize(lambda p: p["n"], {"n": Int(1, 10)}, 3, sampler="grid")
    assert [trial.params["n"] for trial in result.trials] == [1, 2, 3]


def test_time_that_runs_out_with_the_last_trial_is_enough(recwarn):
    result = minimize(lambda p: time.sleep(0.2) or 1.0, {"n": Int(1, 9)}, 1, timeout=0.1)
    assert len(result.trials) == 1
    assert not recwarn


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"function": 3}, TypeError, "function=3 cannot be called"),
        ({"space": {"x": Float(0, 1), "y": 3}}, SpaceError, "the parameter 'y'"),
        ({"n_iter": 0}, ValueError, "n_iter has to be 1 or more, got 0"),
        ({"n_iter": 2.5}, TypeError, "n_iter has to be a whole number, got 2.5"),
        ({"sampler": "gpp"}, SpaceError, "there is no sampler 'gpp'.*Did you mean 'gp'"),
        ({"random_state": "a"}, TypeError, "random_state has to be a whole number"),
        ({"random_state": -1}, ValueError, "random_state has to be 0 or more"),
        ({"in_flight": 0}, ValueError, "in_flight has to be 1 or more"),
        ({"timeout": -1}, ValueError, "timeout has to be above 0"),
        ({"timeout": "1"}, TypeError, "timeout has to be a number or None"),
        ({"storage": ""}, StorageError, "names no file"),
        ({"n_jobs": 0}, ValueError, "n_jobs"),
    ],
)
def test_bad_input_is_told_before_anything_is_called(settings, error, message):
    def never(params):
        raise KeyboardInterrupt

    arguments = {"function": never, "space": SPACE, "n_iter": 2, **settings}
    with pytest.raises(error, match=message):
        minimize(**arguments)
