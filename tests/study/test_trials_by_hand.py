"""Trials of a study that report, are stopped, and meet parameters."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from tunesmith import Float, Study, TrialPruned, WouldBlock, minimize
from tunesmith.exceptions import SpaceError
from tunesmith.schedulers.median import MedianScheduler
from tunesmith.trial import State

from .test_define_by_run import network
from .test_define_by_run import slow as slow_network
from .test_pruning import training


def told(study):
    return [
        (trial.number, dict(trial.params), trial.value, trial.state, trial.reports)
        for trial in study.trials
    ]


def by_hand(study, function, n):
    for _ in range(n):
        trial = study.ask()
        try:
            value = function(trial)
        except TrialPruned:
            study.tell(trial, state="pruned")
        else:
            study.tell(trial, value)
    return study


CASES = [
    (network, {}, None),
    (network, {"rate_of_nothing": Float(0, 1)}, None),
    (training, {"x": Float(0, 1)}, "median"),
]


@pytest.mark.parametrize("in_flight", [1, 3])
@pytest.mark.parametrize(("function", "space", "scheduler"), CASES)
def test_by_hand_by_optimize_and_by_minimize_it_is_the_same(function, space, scheduler, in_flight):
    settings = {"random_state": 3, "in_flight": in_flight, "scheduler": scheduler}
    expected = told(minimize(function, space, 18, **settings))
    assert told(by_hand(Study(space, **settings), function, 18)) == expected
    study = Study(space, **settings)
    study.optimize(function, 18)
    assert told(study) == expected
    if scheduler:
        assert State.PRUNED in {trial.state for trial in study.trials}


@pytest.mark.parametrize(("function", "space", "scheduler"), CASES)
def test_a_study_goes_on_where_it_was(tmp_path, function, space, scheduler):
    settings = {"random_state": 3, "in_flight": 2, "scheduler": scheduler}
    expected = told(minimize(function, space, 18, **settings))
    storage = str(tmp_path / "studies.db")
    for number in range(18):
        with Study(space, storage=storage, name="one", **settings) as study:
            if number == 7:
                study.ask()["x"] = "changed, and given back"
            elif number % 2:
                study.optimize(function, 1)
            else:
                by_hand(study, function, 1)
    with Study(space, storage=storage, name="one", **settings) as study:
        by_hand(study, function, 1)
        assert told(study) == expected


@pytest.mark.parametrize("in_flight", [1, 4])
def test_drivers_that_share_a_study_give_what_one_gives(tmp_path, in_flight):
    settings = {"random_state": 1, "in_flight": in_flight}
    expected = told(minimize(network, {}, 16, **settings))
    storage = str(tmp_path / "studies.db")

    def drive(_):
        with Study({}, storage=storage, name="one", **settings) as study:
            study.optimize(slow_network, 8)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(drive, range(2)))
    with Study({}, storage=storage, name="one", **settings) as study:
        assert told(study) == expected


def test_a_trial_told_by_its_number_keeps_what_it_has_met_and_reported():
    study = Study({}, random_state=0)
    trial = study.ask()
    value = trial.suggest_float("x", 0, 1)
    trial.report(0.5)
    study.tell(trial.number, value)
    (ended,) = study.trials
    assert (ended.params, ended.value, ended.reports) == ({"x": value}, value, ((0, 0.5),))
    assert study.results()["param_x"].tolist() == [value]


def test_a_trial_told_of_elsewhere_by_its_number_has_what_was_suggested(tmp_path):
    storage = str(tmp_path / "studies.db")
    with Study({}, storage=storage, name="one", random_state=0) as study:
        by_hand(study, network, 3)
        trial = study.ask()
        with Study({}, storage=storage, name="one", random_state=0) as another:
            another.tell(trial.number, 0.25)
        assert study.trials[-1].value == 0.25
        by_hand(study, network, 3)
        assert len(study.trials) == 7


def test_reports_of_maximised_values_are_judged_the_other_way_round():
    def upside_down(trial):
        loss = 0.0
        for epoch in range(6):
            loss = abs(trial["x"] - 0.3) + 2.0**-epoch
            trial.report(-loss, epoch)
            if trial.should_prune():
                raise TrialPruned
        return -loss

    space, settings = {"x": Float(0, 1)}, {"random_state": 0, "scheduler": MedianScheduler(20)}
    low = by_hand(Study(space, **settings), training, 20)
    high = by_hand(Study(space, direction="maximize", **settings), upside_down, 20)
    states = [trial.state for trial in low.trials]
    assert states.count(State.PRUNED) > 3
    assert [trial.state for trial in high.trials] == states


def test_pruned_trials_have_no_value():
    study = Study({"x": Float(0, 1)}, random_state=0)
    trial = study.ask()
    with pytest.raises(ValueError, match="a trial that was pruned has no value, got 1"):
        study.tell(trial, 1.0, state="pruned")
    study.tell(trial, state="pruned", reason="it went nowhere")
    assert study.trials[0].state is State.PRUNED
    assert study.trials[0].error == "it went nowhere"


def test_a_scheduler_that_there_is_not():
    with pytest.raises(SpaceError, match="there is no scheduler 'medium'"):
        Study({"x": Float(0, 1)}, scheduler="medium")


def test_what_is_under_way_is_named_where_the_space_is_not_known():
    study = Study({}, in_flight=1)
    trial = study.ask()
    with pytest.raises(WouldBlock, match=f"tell of {trial.number} first"):
        study.ask()
