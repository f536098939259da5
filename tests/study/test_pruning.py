"""Trials that are stopped on their way."""

from __future__ import annotations

import math
import random
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from tunesmith import Float, TrialPruned, maximize, minimize
from tunesmith.exceptions import SpaceError
from tunesmith.schedulers import Continue, Start, Stop
from tunesmith.schedulers.median import MedianScheduler
from tunesmith.trial import Part, State

from .test_optimize import plain

SPACE = {"x": Float(0, 1)}


def training(trial):
    """A loss that falls towards the parameter's distance from 0.3."""
    loss = 0.0
    for epoch in range(6):
        loss = abs(trial["x"] - 0.3) + 2.0**-epoch
        trial.report(loss, epoch)
        if trial.should_prune():
            raise TrialPruned
    return loss


def slow(trial):
    time.sleep(random.choice([0.0, 0.0, 0.002, 0.01]))
    return training(trial)


def rising(trial):
    return -training(Mirrored(trial))


class Mirrored(dict):
    """Reports the other way round."""

    def __init__(self, trial):
        super().__init__(trial)
        self.report = lambda value, step: trial.report(-value, step)
        self.should_prune = trial.should_prune


def full(result):
    trials = result.trials
    return [(*each, t.state, t.reports) for each, t in zip(plain(result), trials, strict=True)]


def test_trials_that_do_badly_are_stopped():
    settings = {"random_state": 0, "sampler": "random"}
    result = minimize(training, SPACE, 30, scheduler="median", **settings)
    whole = minimize(training, SPACE, 30, **settings)
    states = [trial.state for trial in result.trials]
    assert set(states[:5]) == {State.COMPLETED}
    assert 5 < states.count(State.PRUNED) < 25
    assert result.best_params == whole.best_params
    assert result.best_value == whole.best_value
    for ours, its in zip(result.trials, whole.trials, strict=True):
        assert ours.params == its.params
        assert its.state is State.COMPLETED
        assert ours.reports == its.reports[: len(ours.reports)]
        if ours.state is State.PRUNED:
            assert (ours.value, ours.error) == (None, None)
            assert its.value > result.best_value
    assert f"{states.count(State.PRUNED)} without a value" in repr(result)


def expected_stop(reports, before):
    """Say, from the rule as it is written, at which step a trial ends; None for at none."""
    if len(before) < 5:
        return None
    for step in range(len(reports)):
        there = sorted(curve[step] for curve in before)
        middle = (there[(len(there) - 1) // 2] + there[len(there) // 2]) / 2
        if min(reports[: step + 1]) > middle:
            return step
    return None


@pytest.mark.parametrize("in_flight", [1, 3])
def test_each_is_judged_by_what_its_decision_may_see(in_flight):
    result = minimize(
        training, SPACE, 40, scheduler="median", random_state=1, in_flight=in_flight, sampler="tpe"
    )
    n_stopped = 0
    for number, trial in enumerate(result.trials):
        known = result.trials[: max(0, number - in_flight + 1)]
        before = [[v for _, v in t.reports] for t in known if t.value is not None]
        curve = [abs(trial.params["x"] - 0.3) + 2.0**-epoch for epoch in range(6)]
        stop = expected_stop(curve, before)
        assert len(trial.reports) == (6 if stop is None else stop + 1)
        assert (trial.state is State.PRUNED) == (stop is not None)
        n_stopped += stop is not None
    assert n_stopped > 3


def test_maximize_is_minimize_the_other_way_round():
    low = minimize(training, SPACE, 25, scheduler="median", random_state=0)
    high = maximize(rising, SPACE, 25, scheduler="median", random_state=0)
    assert [t.state for t in low.trials] == [t.state for t in high.trials]
    assert [dict(t.params) for t in low.trials] == [dict(t.params) for t in high.trials]
    assert [[-v for _, v in t.reports] for t in low.trials] == [
        [v for _, v in t.reports] for t in high.trials
    ]


@pytest.mark.parametrize("sampler", ["tpe", "random"])
@pytest.mark.parametrize("in_flight", [1, 4])
def test_any_number_of_workers_gives_the_same(sampler, in_flight):
    settings = {"sampler": sampler, "random_state": 1, "in_flight": in_flight}
    settings["scheduler"] = MedianScheduler(24, n_startup=2)
    alone = full(minimize(training, SPACE, 24, **settings))
    assert State.PRUNED in {state for *_, state, _ in alone}
    for workers in (2, 4):
        with ThreadPoolExecutor(workers) as pool:
            assert full(minimize(slow, SPACE, 24, executor=pool, **settings)) == alone
    assert full(minimize(slow, SPACE, 24, n_jobs=2, **settings)) == alone


CALLS = []


@pytest.fixture
def one_key(monkeypatch):
    """Have functions that count their calls be the same, whatever has been counted."""
    part = Part(digest="0" * 32, text="a function")
    monkeypatch.setattr("tunesmith.study.keeping.part", lambda name, function: part)


def counted(trial):
    CALLS.append(trial.number)
    return training(trial)


def met(trial):
    CALLS.append(trial.number)
    trial["x"] = trial.suggest_float("x", 0, 1)
    return training(trial)


@pytest.mark.parametrize(
    ("function", "space"), [(counted, SPACE), (met, {})], ids=["given", "met in the function"]
)
@pytest.mark.parametrize(("stop", "in_flight"), [(3, 1), (11, 1), (17, 3)])
def test_resumed_it_equals_the_uninterrupted_one(
    tmp_path, one_key, function, space, stop, in_flight
):
    settings = {"scheduler": "median", "random_state": 2, "in_flight": in_flight}
    whole = full(minimize(function, space, 20, **settings))
    assert State.PRUNED in {state for *_, state, _ in whole}
    CALLS.clear()
    kept = {**settings, "storage": tmp_path / "s.db"}
    assert full(minimize(function, space, stop, **kept)) == whole[:stop]
    assert full(minimize(function, space, 20, **kept)) == whole
    assert sorted(CALLS) == list(range(20))


def test_without_a_scheduler_no_trial_is_stopped_but_may_stop_itself():
    def loss(trial):
        trial.report(1.0)
        assert not trial.should_prune()
        if trial["x"] > 0.5:
            raise TrialPruned("far too large")
        return trial["x"]

    result = minimize(loss, SPACE, 20, random_state=0)
    states = {trial.params["x"] > 0.5: trial.state for trial in result.trials}
    assert states == {True: State.PRUNED, False: State.COMPLETED}


def test_a_trial_that_was_stopped_is_never_the_best_and_the_sampler_keeps_away():
    def loss(trial):
        trial.report(-100.0)
        if trial["x"] < 0.5:
            raise TrialPruned
        return trial["x"]

    result = minimize(loss, SPACE, 30, random_state=0)
    assert result.best_params["x"] >= 0.5
    assert sum(trial.state is State.PRUNED for trial in result.trials) < 15


def test_where_all_are_stopped_the_result_says_so():
    def loss(trial):
        raise TrialPruned

    result = minimize(loss, SPACE, 3)
    with pytest.raises(ValueError, match="none of 3 trials has a value; the last one: pruned"):
        _ = result.best_value


def test_reports_of_nan_are_worse_than_any():
    def loss(trial):
        trial.report(math.nan if trial.number == 9 else trial["x"], 0)
        if trial.should_prune():
            raise TrialPruned
        return trial["x"]

    result = minimize(loss, SPACE, 12, scheduler="median", random_state=0, sampler="random")
    assert result.trials[9].state is State.PRUNED


@dataclass(frozen=True)
class Never:
    """A judge that stops all."""

    def __call__(self, reports):
        return Stop() if len(reports) > 1 else Continue()


@dataclass(frozen=True)
class Impatient:
    """A user's own scheduler."""

    adaptive = False

    def next(self, history):
        return Start()

    def judge(self, history):
        return Never() if history.number % 2 else None


def test_a_scheduler_of_ones_own():
    result = minimize(training, SPACE, 6, scheduler=Impatient(), random_state=0)
    assert [len(trial.reports) for trial in result.trials] == [6, 2, 6, 2, 6, 2]


def test_a_scheduler_that_ends_earlier(recwarn):
    assert len(minimize(training, SPACE, 9, scheduler=MedianScheduler(4)).trials) == 4
    assert len(minimize(training, SPACE, 9, scheduler=MedianScheduler(40)).trials) == 9
    assert not recwarn


def test_a_scheduler_that_there_is_not():
    with pytest.raises(SpaceError, match="there is no scheduler 'hyperban'"):
        minimize(training, SPACE, 9, scheduler="hyperban")
