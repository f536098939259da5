from __future__ import annotations

import threading
import time

import pytest

from tunesmith import Float, Int, Study, WouldBlock, minimize
from tunesmith.storage.memory import MemoryStorage
from tunesmith.trial import State

SPACE = {"x": Float(0, 1), "n": Int(1, 10)}


def bowl(params):
    return (params["x"] - 0.3) ** 2 + abs(params["n"] - 7)


@pytest.mark.parametrize("make", [lambda: None, MemoryStorage])
def test_it_is_minimize(make):
    study = Study(SPACE, storage=make(), random_state=0, in_flight=1)
    assert len(study.optimize(bowl, 5).trials) == 5
    result = study.optimize(bowl, 7)
    assert result.best_params == study.best_params
    whole = minimize(bowl, SPACE, 12, random_state=0)
    assert [t.params for t in result.trials] == [t.params for t in whole.trials]


@pytest.mark.parametrize("make", [lambda: None, MemoryStorage])
def test_failures_have_their_traceback(make):
    study = Study({"n": Int(1, 4)}, storage=make(), sampler="grid")
    result = study.optimize(lambda params: 1 / (params["n"] % 2), 4)
    assert [t.state is State.FAILED for t in result.trials] == [False, True, False, True]
    assert "ZeroDivisionError" in result.trials[1].error
    assert all(trial.seconds < 5 for trial in result.trials)


@pytest.mark.parametrize("stop", [KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("make", [lambda: None, MemoryStorage])
def test_what_was_interrupted_is_run_again(make, stop):
    study = Study(SPACE, storage=make(), random_state=0, in_flight=2)
    seen = []

    def interrupted(params):
        seen.append(dict(params))
        if len(seen) == 4:
            raise stop
        return bowl(params)

    with pytest.raises(stop) as stopped:
        study.optimize(interrupted, 9)
    notes = getattr(stopped.value, "__notes__", [])
    assert [note.startswith("3 of 9 trials have ended.") for note in notes] == [
        True for _ in range(stop is KeyboardInterrupt)
    ]
    assert [len(study.trials), len(study.waiting)] == [3, 1]
    study.optimize(interrupted, 6)
    assert seen[3] == seen[4]
    alone = Study(SPACE, random_state=0, in_flight=2)
    alone.optimize(bowl, 9)
    assert [t.params for t in study.trials] == [t.params for t in alone.trials]


def test_a_grid_is_run_to_its_end():
    study = Study({"n": Int(1, 3)}, sampler="grid")
    assert len(study.optimize(lambda params: params["n"], 50).trials) == 3


def test_time_runs_out():
    study = Study(SPACE)

    def slow(params):
        time.sleep(0.05)
        return bowl(params)

    with pytest.warns(UserWarning, match=r"timeout=0.2 seconds ran out: [1-4] of 50 trials"):
        study.optimize(slow, 50, timeout=0.2)
    assert 1 <= len(study.trials) <= 4


def test_time_runs_out_while_others_are_waited_for():
    storage = MemoryStorage()
    one, two = (Study(SPACE, storage=storage, in_flight=1) for _ in range(2))
    trial = one.ask()
    with pytest.warns(UserWarning, match=r"timeout=0.1 seconds ran out: 0 of 2 trials"):
        two.optimize(bowl, 2, timeout=0.1)
    timer = threading.Timer(0.1, one.tell, (trial, 0.5))
    timer.start()
    assert len(two.optimize(bowl, 2).trials) == 3
    timer.join()


def test_what_only_the_caller_can_tell_is_not_waited_for():
    study = Study(SPACE, in_flight=1)
    study.ask()
    with pytest.raises(WouldBlock, match="tell of 0 first"):
        study.optimize(bowl, 2)


def test_an_outcome_that_another_was_first_to_tell_is_let_go():
    storage = MemoryStorage()
    one, two = (Study(SPACE, storage=storage) for _ in range(2))

    def told(params):
        two.tell(len(two.trials), 0.25)
        return bowl(params)

    assert [t.value for t in one.optimize(told, 3).trials] == [0.25] * 3


@pytest.mark.parametrize(
    ("arguments", "settings", "error", "message"),
    [
        ((3, 5), {}, TypeError, "function=3 cannot be called"),
        ((bowl, 0), {}, ValueError, "n_iter has to be 1 or more"),
        ((bowl, 5.0), {}, TypeError, "n_iter has to be a whole number"),
        ((bowl, 5), {"timeout": 0}, ValueError, "timeout has to be above 0"),
    ],
)
def test_bad_input(arguments, settings, error, message):
    study = Study(SPACE)
    with pytest.raises(error, match=message):
        study.optimize(*arguments, **settings)
    assert not study.waiting
