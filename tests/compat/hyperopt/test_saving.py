from __future__ import annotations

import importlib.util
import os
import pickle
import signal
import subprocess
import sys
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest

import tunesmith
from tunesmith.compat.hyperopt import (
    STATUS_OK,
    SparkTrials,
    Trials,
    fmin,
    fmin_pass_expr_memo_ctrl,
    generate_trials_to_calculate,
    hp,
    rand,
)
from tunesmith.compat.hyperopt.base import JOB_STATE_DONE, JOB_STATE_ERROR
from tunesmith.compat.hyperopt.pyll import rec_eval
from tunesmith.exceptions import StorageError, StudyMismatch
from tunesmith.storage import open_storage

SCRIPT = Path(__file__).with_name("killed_search.py")
SPACE = {"x": hp.uniform("x", 0, 1), "c": hp.choice("c", ["a", "b"])}


def script():
    spec = importlib.util.spec_from_file_location("killed_search", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def saved(path, function=lambda p: p["x"], max_evals=5, **options):
    trials = options.setdefault("trials", Trials())
    options = {"rstate": np.random.default_rng(0), "show_progressbar": False} | options
    fmin(function, SPACE, rand.suggest, max_evals, trials_save_file=str(path), **options)
    return trials


@pytest.mark.parametrize("steps", [(9,), (1, 9), (4, 7, 9)])
def test_a_search_that_goes_on_gives_what_one_run_gives(tmp_path, capsys, steps):
    search = script().search
    whole = search("", 9)
    capsys.readouterr()
    for n in steps:
        trials = search(tmp_path / "study.db", n)
    assert capsys.readouterr().out == "trial\n" * 9
    assert trials.vals == whole.vals
    assert trials.results == whole.results
    assert trials.tids == list(range(9))


def test_trials_that_failed_count_when_a_search_goes_on(tmp_path):
    def function(point):
        if point["x"] < 0.5:
            raise ValueError
        return point["x"]

    whole = saved(tmp_path / "whole.db", function, 20, catch_eval_exceptions=True)
    for n in (8, 14, 20):
        parts = saved(tmp_path / "parts.db", function, n, catch_eval_exceptions=True)
    assert parts.vals == whole.vals
    assert len(parts._dynamic_trials) == 20


def test_what_a_function_injects_and_what_was_there_is_kept(tmp_path):
    @fmin_pass_expr_memo_ctrl
    def function(expr, memo, ctrl):
        misc = {"tid": None, "idxs": {}, "vals": {"x": [0.25], "c": [1]}}
        result = {"loss": -1.0, "status": STATUS_OK}
        if ctrl.current_trial["tid"] == 1:
            ctrl.inject_results([None], [result], [misc])
        return rec_eval(expr, memo=memo)["x"]

    given = generate_trials_to_calculate([{"x": 0.5, "c": 0}])
    (document,) = given
    document["state"], document["result"] = JOB_STATE_DONE, {"loss": 0.5, "status": STATUS_OK}
    first = saved(tmp_path / "s.db", function, trials=given)
    assert first.losses()[0] == 0.5
    assert first.best_trial["misc"]["vals"] == {"x": [0.25], "c": [1]}
    again = saved(tmp_path / "s.db", function, 1)
    assert again.losses() == first.losses()
    assert again.vals == first.vals


def test_a_search_that_was_killed_goes_on(tmp_path, capsys):
    file = tmp_path / "study.db"
    env = os.environ | {"PYTHONPATH": str(Path(tunesmith.__file__).parents[1])}
    process = subprocess.Popen(
        [sys.executable, str(SCRIPT), str(file), "0.2"], stdout=subprocess.PIPE, env=env
    )
    with process:
        for _ in range(4):
            process.stdout.readline()
        process.send_signal(signal.SIGKILL)
    search = script().search
    trials = search(file, 8)
    assert capsys.readouterr().out.count("trial") in (4, 5)
    assert trials.vals == search("", 8).vals


def test_all_of_a_result_that_can_be_kept_is(tmp_path):
    def function(point):
        return {
            "loss": point["x"],
            "status": STATUS_OK,
            "curve": np.array([1.5, 2.5]),
            "nested": {"a": [1, (2, None)], "b": float("inf")},
            "names": np.array(["tanh"]),
            "ordered": OrderedDict(units=3),
            "attachments": {"weights": b"\x00\x01"},
        }

    first = saved(tmp_path / "s.db", function)
    again = saved(tmp_path / "s.db", function)
    for one, other in zip(first, again, strict=True):
        assert other["misc"] == one["misc"]
        assert other["state"] == JOB_STATE_DONE
        assert other["book_time"] == one["book_time"]
        assert other["refresh_time"] == one["refresh_time"]
        np.testing.assert_array_equal(other["result"].pop("curve"), one["result"].pop("curve"))
        assert other["result"] == one["result"]
        assert again.trial_attachments(other)["weights"] == b"\x00\x01"


def test_what_cannot_be_kept_is_named_once(tmp_path):
    def function(point):
        return {"loss": point["x"], "status": STATUS_OK, "model": object()}

    with pytest.warns(UserWarning, match=r"cannot hold result\['model'\]") as caught:
        trials = saved(tmp_path / "s.db", function)
    assert len(caught) == 1
    assert "model" in trials.results[0]
    assert "model" not in saved(tmp_path / "s.db", function).results[0]


def test_trials_that_raised_or_failed_are_kept_as_such(tmp_path):
    def function(point):
        if point["c"] == "a":
            raise ZeroDivisionError("on purpose")
        return {"status": "fail", "why": "so"} if point["x"] > 0.5 else point["x"]

    options = {"catch_eval_exceptions": True, "max_evals": 12}
    first = saved(tmp_path / "s.db", function, **options)
    again = saved(tmp_path / "s.db", function, **options | {"max_evals": len(first)})
    assert [d["state"] for d in again._dynamic_trials] == [
        d["state"] for d in first._dynamic_trials
    ]
    assert {d["state"] for d in again._dynamic_trials} == {JOB_STATE_DONE, JOB_STATE_ERROR}
    assert again.results == first.results
    errors = [d["misc"].get("error") for d in again._dynamic_trials]
    assert errors == [d["misc"].get("error") for d in first._dynamic_trials]


def test_trials_that_were_there_are_written_too(tmp_path):
    trials = Trials()
    fmin(lambda p: p["x"], SPACE, rand.suggest, 3, trials=trials, show_progressbar=False)
    saved(tmp_path / "s.db", trials=trials)
    assert saved(tmp_path / "s.db").vals == trials.vals


def test_trials_of_workers_are_kept(tmp_path):
    with pytest.warns(UserWarning, match="Spark"):
        trials = SparkTrials(parallelism=2)
    saved(tmp_path / "s.db", trials=trials, max_evals=6)
    assert sorted(saved(tmp_path / "s.db", max_evals=6).losses()) == sorted(trials.losses())


def test_the_file_is_a_study(tmp_path):
    trials = saved(tmp_path / "s.db")
    storage = open_storage(tmp_path / "s.db")
    (head,) = storage.studies()
    assert (head.name, head.kind, sorted(head.parts)) == ("fmin", "fmin", ["c", "x"])
    records = [record for _, record in storage.read("fmin")]
    storage.close()
    scores = [r.test_scores["loss"] for r in records if hasattr(r, "test_scores")]
    assert scores == trials.losses()


def test_a_file_of_another_search_is_refused(tmp_path):
    saved(tmp_path / "s.db")
    with pytest.raises(StudyMismatch, match=r"x was 'Float\(0"):
        fmin(
            lambda p: p["x"],
            {"x": hp.uniform("x", 0, 2), "c": SPACE["c"]},
            rand.suggest,
            5,
            trials_save_file=str(tmp_path / "s.db"),
            show_progressbar=False,
        )
    other = Trials()
    fmin(
        lambda p: p["x"],
        SPACE,
        rand.suggest,
        3,
        trials=other,
        rstate=np.random.default_rng(9),
        show_progressbar=False,
    )
    with pytest.raises(StudyMismatch, match="trial 0 is"):
        saved(tmp_path / "s.db", trials=other)


def test_a_pickle_of_hyperopts_is_refused(tmp_path):
    path = tmp_path / "trials.p"
    path.write_bytes(pickle.dumps({"trials": []}))
    with pytest.raises(StorageError):
        saved(path)
    assert pickle.loads(path.read_bytes()) == {"trials": []}
