"""Searches that get Ctrl-C while their workers are busy, and are run again."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin

from tunesmith import GridSearchCV
from tunesmith.executors.inline import InlineExecutor

SCRIPT = Path(__file__).with_name("interrupted_script.py")

psutil = pytest.importorskip("psutil", reason="psutil is not installed")


def start(*arguments):
    return subprocess.Popen(
        [sys.executable, str(SCRIPT), *map(str, arguments)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
        text=True,
    )


def run(*arguments):
    """Run to the end; return the results."""
    process = start(*arguments)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 0, said
    return json.loads(Path(arguments[1]).read_text())


def evaluations(study):
    if not study.exists():
        return []
    try:
        with sqlite3.connect(f"file:{study}?mode=ro", uri=True, timeout=10) as connection:
            query = "select trial, split, attempt from tunesmith_evaluations"
            return connection.execute(query).fetchall()
    except sqlite3.OperationalError:
        return []


def wait_for(condition, process):
    deadline = time.monotonic() + 60
    while not condition():
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < deadline, "the search is stuck"
        time.sleep(0.01)


def interrupt(process, whole_group):
    """Send Ctrl-C as a terminal does, or to the driver alone; say how long its end took."""
    if whole_group:
        os.killpg(process.pid, signal.SIGINT)
    else:
        process.send_signal(signal.SIGINT)
    start = time.monotonic()
    _, said = process.communicate(timeout=60)
    return said, time.monotonic() - start


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    """Return the results of the search that nobody interrupts."""
    folder = tmp_path_factory.mktemp("uninterrupted")
    (folder / "gate").touch()
    return run("none", folder / "result.json", folder / "gate")


@pytest.mark.parametrize("whole_group", [True, False], ids=["terminal", "driver"])
def test_ctrl_c_ends_everything_and_the_same_script_goes_on(tmp_path, expected, whole_group):
    study, result, gate = (tmp_path / name for name in ("study.db", "result.json", "gate"))
    process = start(study, result, gate)
    # Seven of the twelve candidates can be evaluated while the gate is closed.
    wait_for(lambda: len(evaluations(study)) >= 9, process)
    children = psutil.Process(process.pid).children(recursive=True)
    said, seconds = interrupt(process, whole_group)
    assert process.returncode == -signal.SIGINT, said
    assert seconds < 10
    assert "KeyboardInterrupt" in said
    kept = evaluations(study)
    assert f"{len(kept)} of 36 evaluations are done" in said
    assert "Run the same script again to go on from the study" in said
    assert str(study) in said
    assert "Traceback" not in said[said.index("KeyboardInterrupt") :]
    _, alive = psutil.wait_procs(children, timeout=5)
    assert len(children) >= 2
    assert not alive
    assert not result.exists()

    gate.touch()
    assert run(study, result, gate) == expected
    # Each evaluation is there once, and from its first attempt.
    after = evaluations(study)
    assert set(kept) <= set(after)
    assert sorted(after) == [(trial, split, 0) for trial in range(12) for split in range(3)]


def test_ctrl_c_without_a_study_says_how_to_have_one(tmp_path):
    process = start("none", tmp_path / "result.json", tmp_path / "gate")
    parent = psutil.Process(process.pid)
    wait_for(lambda: len(parent.children(recursive=True)) >= 2, process)
    time.sleep(0.3)
    children = parent.children(recursive=True)
    said, seconds = interrupt(process, whole_group=True)
    assert process.returncode == -signal.SIGINT, said
    assert seconds < 10
    assert 'give the search storage="FILE.db"' in said
    _, alive = psutil.wait_procs(children, timeout=5)
    assert not alive


class Backwards(InlineExecutor):
    """Runs the last job first, so that what is missing in the end are the first ones."""

    def run(self, bundle, on_outcome):
        super().run(replace(bundle, jobs=bundle.jobs[::-1]), on_outcome)


class Ending(ClassifierMixin, BaseEstimator):
    """Gets Ctrl-C, or takes its time, at the first candidates."""

    def __init__(self, number=0, end="ctrl-c"):
        self.number = number
        self.end = end

    def fit(self, X, y):
        if self.number < 2:
            if self.end == "ctrl-c":
                raise KeyboardInterrupt
            time.sleep(0.6)
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return np.zeros(len(X), dtype=int)


@pytest.mark.parametrize("return_train_score", [False, True])
@pytest.mark.parametrize("scoring", [None, ["accuracy", "balanced_accuracy"]])
@pytest.mark.parametrize("end", ["ctrl-c", "timeout"])
def test_the_first_evaluations_may_be_those_that_are_missing(scoring, return_train_score, end):
    search = GridSearchCV(
        Ending(end=end),
        {"number": [0, 1, 2, 3]},
        cv=2,
        scoring=scoring,
        refit=False,
        return_train_score=return_train_score,
        executor=Backwards(),
        timeout=0.5 if end == "timeout" else None,
    )
    X, y = np.zeros((8, 1)), np.tile([0, 1], 4)
    if end == "ctrl-c":
        with pytest.raises(KeyboardInterrupt):
            search.fit(X, y)
    else:
        with pytest.warns(UserWarning, match="ran out"):
            search.fit(X, y)
    metric = "accuracy" if scoring else "score"
    columns = [f"mean_test_{metric}", f"rank_test_{metric}"]
    if return_train_score:
        columns.append(f"mean_train_{metric}")
    assert (f"mean_train_{metric}" in search.cv_results_) is return_train_score
    expected = [[np.nan, np.nan, 0.5, 0.5], [3, 3, 1, 1], [np.nan, np.nan, 0.5, 0.5]]
    for name, values in zip(columns, expected, strict=False):
        np.testing.assert_array_equal(search.cv_results_[name], values)
