"""Several processes at one study, some of which are killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from tunesmith import Float, Int, Study
from tunesmith.storage import open_storage
from tunesmith.trial import EvaluationRecord

SCRIPT = Path(__file__).with_name("killed_driver.py")
SPACE = {"x": Float(0, 1), "n": Int(1, 10)}


def bowl(params):
    return (params["x"] - 0.3) ** 2 + abs(params["n"] - 7)


def start(path, n_iter, seed, lease, hangs_at=0):
    process = subprocess.Popen(
        [sys.executable, "-W", "error", SCRIPT, path, *map(str, (n_iter, seed, lease, hangs_at))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    assert process.stdout.readline() == "ready\n", process.stderr.read()
    return process


def go(process):
    process.stdin.write("go\n")
    process.stdin.flush()


def finish(process):
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors


def check(path, n):
    """Check that a study holds what one driver alone makes, each trial once."""
    alone = Study(SPACE, random_state=0, in_flight=3)
    alone.optimize(bowl, n)
    with Study(SPACE, storage=path) as study:
        assert [(t.params, t.value) for t in study.trials] == [
            (t.params, t.value) for t in alone.trials
        ]
        assert not study.waiting
    storage = open_storage(path)
    records = [r for _, r in storage.read("study") if isinstance(r, EvaluationRecord)]
    assert sorted(r.trial for r in records) == list(range(n))
    assert storage.leased("study") == {}
    storage.close()


def test_two_processes_give_what_one_gives(tmp_path):
    path = tmp_path / "s.db"
    drivers = [start(path, 12, seed, lease=60) for seed in range(2)]
    for driver in drivers:
        go(driver)
    for driver in drivers:
        finish(driver)
    check(path, 24)


def test_a_driver_that_is_killed_blocks_nobody(tmp_path):
    path = tmp_path / "s.db"
    dying = start(path, 12, 0, lease=0.6, hangs_at=3)
    living = start(path, 12, 1, lease=0.6)
    go(dying)
    assert dying.stdout.readline() == "hangs\n"
    dying.send_signal(signal.SIGKILL)
    dying.communicate()
    go(living)
    finish(living)
    check(path, 14)
