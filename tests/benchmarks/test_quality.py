"""The benchmark of quality: what is planned, how runs go on, and the pipe to optimisers."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import quality
import quality_peers as peers
import quality_problems as problems
import quality_report as report


def options(**changed):
    found = {"development": False, "tables": None, "families": None, "seeds": 2, "jobs": 1}
    return argparse.Namespace(
        **(found | {"cache": None, "also": None, "optimizers": None} | changed)
    )


def test_seeds_are_the_outermost_loop_and_development_has_its_own():
    runs = list(quality.planned(options(), {"random": "python"}))
    assert [run.seed for run in runs] == sorted(run.seed for run in runs)
    assert {run.seed for run in runs} == {0, 1}
    assert {run.problem.split("/")[0] for run in runs} == {"synthetic", "real", "conditional"}
    other = list(quality.planned(options(development=True), {"random": "python"}))
    assert {run.seed for run in other} == {problems.DEVELOPMENT, problems.DEVELOPMENT + 1}
    assert not {run.problem for run in runs} & {run.problem for run in other}
    toys = quality.planned(options(families=["conditional"]), {"random": "python"})
    assert {run.problem.split("/")[0] for run in toys} == {"conditional"}


def test_the_longest_run_is_as_long_as_what_it_serves():
    assert quality.budgets("tunesmith", "real/a", 9) == (200,)
    assert quality.budgets("random", "real/a", 9) == (400,)
    assert quality.budgets("random", "tables/a", 9) == (800,)
    assert quality.budgets("hebo", "real/a", 4) == (50,)
    assert quality.budgets("smac", "real/a", 4) == (20, 50)
    assert quality.budgets("smac", "real/a", 5) == quality.budgets("hebo", "real/a", 5) == ()
    assert max(report.BUDGETS) == quality.LONG
    assert set(quality.SHORT) <= set(report.BUDGETS)
    assert set(quality.QUICK) | set(quality.KNOWS_BUDGET) <= set(peers.OPTIMIZERS)


def test_interpreters_are_those_that_were_named():
    named = dict.fromkeys(quality.PEERS) | {"optuna": Path("/there/python")}
    found = quality.interpreters(options(**named))
    assert found == {
        "random": sys.executable,
        "tunesmith": sys.executable,
        "optuna tpe": "/there/python",
        "optuna gp": "/there/python",
    }
    found = quality.interpreters(options(**named, optimizers=["random"]))
    assert found == {"random": sys.executable}
    with pytest.raises(SystemExit, match="no hebo among random, tunesmith, optuna tpe"):
        quality.interpreters(options(**named, optimizers=["hebo", "random"]))


# Runs


@pytest.fixture(scope="module")
def child():
    """An optimiser in a process of its own; it may be started afresh any number of times."""
    found = quality.Child(sys.executable)
    yield found
    found.end()


@pytest.fixture
def tiny(monkeypatch, child):
    """Runs of two evaluations, made in this process with the one child."""
    monkeypatch.setattr(quality, "LONG", 2)
    monkeypatch.setattr(quality, "N_RANDOM", 3)
    monkeypatch.setattr(quality, "ProcessPoolExecutor", ThreadPoolExecutor)
    monkeypatch.setattr(quality, "_CHILDREN", {sys.executable: child})
    monkeypatch.setattr(quality, "_SOURCES", {})
    for name, value in quality.ONE_THREAD.items():
        monkeypatch.setenv(name, value)


PYTHONS = dict.fromkeys(("random", "tunesmith"), sys.executable)


def plan(seeds=(0, 1)):
    return [
        quality.Run("synthetic/peaks 2", seed, name, *quality.budgets(name, "synthetic", seed))
        for seed in seeds
        for name in PYTHONS
    ]


def test_a_line_is_written_for_each_run_once(tmp_path, tiny, capsys):
    path = tmp_path / "runs.jsonl"
    quality.make(plan(), PYTHONS, path, options())
    records = [json.loads(line) for line in path.read_text().splitlines()]
    # Runs are written as they end, whichever does first.
    assert sorted(quality.key(r) for r in records) == sorted(
        (run.problem, run.seed, run.optimizer, run.budget) for run in plan()
    )
    for found in records:
        assert (
            len(found["trace"])
            == found["budget"]
            == {"random": 8, "tunesmith": 2}[found["optimizer"]]
        )
        assert found["trace"] == sorted(found["trace"], reverse=True)
        assert found["best"] == 0.0
        assert found["seconds"] > 0
        assert ("mean of random" in found) == (found["optimizer"] == "random")
    assert records[0]["trace"] != records[2]["trace"]
    assert len(records[0]["mean of random"]) == 2
    before = path.read_text()
    capsys.readouterr()
    quality.make(plan(), PYTHONS, path, options())
    assert path.read_text() == before
    assert "4 runs, 4 of them made before" in capsys.readouterr().out
    quality.make(plan((0, 1, 2)), PYTHONS, path, options())
    assert path.read_text().startswith(before)
    assert len(quality.read(path)) == 6


@pytest.mark.parametrize("left", [1, 40, -1])
def test_a_line_that_was_cut_off_is_made_anew_and_spoils_no_other(tmp_path, tiny, left):
    path = tmp_path / "runs.jsonl"
    quality.make(plan(), PYTHONS, path, options())
    *whole, last = path.read_text().splitlines()
    path.write_text("\n".join([*whole, last[:left]]))
    assert len(quality.read(path)) == 3
    quality.make(plan((0, 1, 2)), PYTHONS, path, options())
    records = quality.read(path)
    assert [quality.key(r) for r in records] == [
        (run.problem, run.seed, run.optimizer, run.budget) for run in plan((0, 1, 2))
    ]
    again, before = records[3], json.loads(last)
    assert again["trace"] == before["trace"]


def test_the_last_line_counts_where_only_its_end_is_missing(tmp_path, tiny):
    path = tmp_path / "runs.jsonl"
    quality.make(plan((0,)), PYTHONS, path, options())
    path.write_text(path.read_text().rstrip("\n"))
    quality.make(plan(), PYTHONS, path, options())
    assert len(quality.read(path)) == len(path.read_text().splitlines()) == 4


def test_runs_that_failed_are_said_and_made_again(tmp_path, tiny, capsys):
    quality._CHILDREN.clear()  # a child that fails is ended, so not the one of all tests
    path = tmp_path / "runs.jsonl"
    [run, _] = plan((0,))
    wrong = quality.Run(run.problem, 0, "nobody", 2)
    quality.make([wrong, run], PYTHONS | {"nobody": sys.executable}, path, options())
    assert "KeyError: 'nobody'" in capsys.readouterr().out
    [error, good] = quality.lines(path)
    assert "KeyError: 'nobody'" in error["error"]
    assert quality.read(path) == [good]
    assert quality.failures(path) == {"nobody": 1}
    path.write_text(path.read_text() + json.dumps(error | {"error": "again"}) + "\n")
    assert quality.failures(path) == {"nobody": 1}
    del error["error"]
    path.write_text(path.read_text() + json.dumps(error) + "\n")
    assert quality.failures(path) == {}
    for each in quality._CHILDREN.values():
        each.end()


class Scripted:
    """Asks for given parameters, and keeps what it is told."""

    def __init__(self, asked):
        self.asked, self.told, self.ended = iter(asked), [], False

    def say(self, **message):
        if "tell" in message:
            self.told.append(message["tell"])
        said = {"params": next(self.asked)} if "ask" in message else {"version": "7"}
        return said | {"seconds": 0.5}

    def end(self):
        self.ended = True


def test_what_counts_is_the_value_without_noise_of_the_trial_told_best(monkeypatch, tiny):
    problem = problems.Source().make("synthetic/sphere noisy 3", 0)
    rng = np.random.default_rng(0)
    asked = [problems.drawn(problem.space, rng) for _ in range(30)]
    child = Scripted(asked)
    monkeypatch.setitem(quality._CHILDREN, "python", child)
    run = quality.Run(problem.name, 0, "scripted", 30)
    found = quality.carried_out(run, "python", None, None)
    values = [problem.function(params) for params in asked]
    best = [int(np.argmin(child.told[: n + 1])) for n in range(30)]
    assert found["trace"] == [values[i] for i in best]
    assert found["trace"] != list(np.minimum.accumulate(values))
    assert found["seconds"] == 1.0
    assert found["version"] == "7"


@pytest.mark.parametrize("params", [{}, {"x0": 99.0, "x1": 0.0}])
def test_an_optimiser_that_leaves_the_space_fails_alone(monkeypatch, tiny, params):
    child = Scripted([params])
    monkeypatch.setitem(quality._CHILDREN, "python", child)
    run = quality.Run("synthetic/peaks 2", 0, "scripted", 2)
    found = quality.carried_out(run, "python", None, None)
    assert "x0" in found["error"]
    assert child.ended
    assert "python" not in quality._CHILDREN


def test_the_mean_of_random_is_over_runs(tiny, monkeypatch):
    monkeypatch.setattr(quality, "N_RANDOM", 400)
    line = problems.Problem("a", "synthetic", [problems.real("x", 0.0, 1.0)], lambda p: p["x"])
    one, two = quality.mean_of_random(line)
    assert one == pytest.approx(1 / 2, abs=0.05)  # of the least of n uniform numbers: 1 / (n + 1)
    assert two == pytest.approx(1 / 3, abs=0.05)


# The pipe

SPACE = [
    problems.category("kind", ["a", "b"]),
    problems.whole("n", 2, 64, log=True, when=["kind", ["a"]]),
    problems.real("x", 1e-3, 1.0, log=True),
]


@pytest.mark.parametrize("optimizer", ["random", "tunesmith", "tunesmith gp", "tunesmith tpe"])
def test_a_child_answers_start_ask_and_tell(child, optimizer):
    def asked(seed):
        start = child.say(
            start={"optimizer": optimizer, "space": SPACE, "seed": seed, "budget": 9}
        )
        assert start["version"]
        found = []
        for _ in range(4):
            answer = child.say(ask=None)
            assert answer["seconds"] > 0
            found.append(problems.active(SPACE, answer["params"]))
            assert child.say(tell=found[-1]["x"]).keys() == {"seconds"}
        return found

    assert asked(1) == asked(1)
    assert asked(1) != asked(2)


def test_an_error_in_a_child_is_raised_here_and_the_child_lives(child):
    with pytest.raises(RuntimeError, match="KeyError: 'nobody'"):
        child.say(start={"optimizer": "nobody", "space": SPACE, "seed": 0, "budget": 2})
    with pytest.raises(RuntimeError, match="Traceback"):
        child.say(start={"optimizer": "random", "space": SPACE})
    assert child.say(start={"optimizer": "random", "space": SPACE, "seed": 0, "budget": 2})


def test_a_child_that_has_died_is_an_error_each_time():
    found = quality.Child(sys.executable)
    found._process.kill()
    found._process.wait()
    for _ in range(2):
        with pytest.raises(RuntimeError, match="the optimiser ended: -9"):
            found.say(ask=None)
    found.end()


def test_an_answer_that_json_cannot_hold_is_an_error_that_says_so():
    code = (
        f"import sys; sys.path.insert(0, {str(quality.HERE)!r}); import quality_peers as peers\n"
        "peers.Random.ask = lambda self: print('noise') or {'x': 1j}\n"
        "peers.main()"
    )
    start = {"optimizer": "random", "space": [], "seed": 0, "budget": 1}
    lines = [json.dumps({"start": start}), json.dumps({"ask": None}), json.dumps({"tell": 1.0})]
    done = subprocess.run(
        [sys.executable, "-c", code], input="\n".join(lines), capture_output=True, text=True
    )
    started, asked, told = map(json.loads, done.stdout.splitlines())
    assert started["version"] == "1"
    assert "complex" in asked["error"]
    assert told.keys() == {"seconds"}
