"""Whole scripts in processes of their own: without a main guard, killed, interrupted."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

import tunesmith

SCRIPT = """
print("main runs", flush=True)
import os
from dataclasses import replace
from queue import SimpleQueue

from tunesmith.evaluation import Bundle
from tunesmith.executors.processes import ProcessExecutor
from tunesmith.trial import Job, Outcome, State

SCALE = 3

class Doubler:
    def double(self, x):
        return 2 * x

class Mine(Exception):
    pass

def scaled(x):
    return SCALE * Doubler().double(x)

class Here:
    n_splits = 1
    modules = ()
    def __call__(self, job, cache):
        if job.params["f"] is None:
            raise Mine("from the script")
        return Outcome(job.trial, 0, State.COMPLETED, test_scores=job.params["f"](7))
    def failed(self, outcome):
        return outcome

inbox = SimpleQueue()
functions = [scaled, lambda x: x + SCALE, Doubler().double, lambda x: os.getpid(), None]
with ProcessExecutor(2) as executor:
    jobs = tuple(Job(trial, 0, {"f": f}) for trial, f in enumerate(functions))
    executor.run(Bundle(Here(), jobs), inbox.put)
    outcomes = [inbox.get(timeout=60) for _ in jobs]
assert [o.test_scores for o in outcomes[:3]] == [42, 10, 14], outcomes
assert outcomes[3].test_scores != os.getpid()
assert type(outcomes[4].exception) is Mine, outcomes[4]
print("all well", flush=True)
"""

LONG = """
import os, signal, subprocess, sys, time
# Whoever runs the tests in the background has them ignore it.
signal.signal(signal.SIGINT, signal.default_int_handler)
print("begun", flush=True)
from tunesmith.evaluation import Bundle
from tunesmith.executors.processes import ProcessExecutor
from tunesmith.trial import Job, Outcome, State

class Sleeps:
    n_splits = 1
    modules = ()
    def __call__(self, job, cache):
        child = subprocess.Popen(["sleep", "60"])
        print("pid", os.getpid(), flush=True)
        time.sleep(60)
    def failed(self, outcome):
        return outcome

with ProcessExecutor(2) as executor:
    for trial in range(2):
        executor.run(Bundle(Sleeps(), (Job(trial, 0, {}),)), print)
    print("folder", executor._crew.depot.folder, flush=True)
    time.sleep(60)
"""


def start(args: list[str], folder: Path, **more) -> subprocess.Popen[str]:
    source = str(Path(tunesmith.__file__).parents[1])
    # An import that is interrupted leaves its file to the collector, which says so.
    warnings = "error,ignore:unclosed file:ResourceWarning"
    env = {**os.environ, "PYTHONPATH": source, "PYTHONWARNINGS": warnings}
    pipe = subprocess.PIPE
    return subprocess.Popen(
        [sys.executable, *args], cwd=folder, env=env, text=True, stdout=pipe, stderr=pipe, **more
    )


@pytest.mark.parametrize("how", ["file", "-m", "-c", "stdin"])
def test_a_script_needs_no_main_guard(how, tmp_path):
    tmp_path.joinpath("script.py").write_text(SCRIPT)
    args = {
        "file": ["script.py"],
        "-m": ["-m", "script"],
        "-c": ["-c", SCRIPT],
        "stdin": ["-"],
    }[how]
    process = start(args, tmp_path, stdin=subprocess.PIPE)
    out, err = process.communicate(SCRIPT if how == "stdin" else "", timeout=120)
    assert err == ""
    assert out.split("\n") == ["main runs", "all well", ""]
    assert process.returncode == 0


def begin_long(tmp_path: Path) -> tuple[subprocess.Popen[str], list[psutil.Process], str]:
    """Start the long script in a session of its own; wait until its workers fit."""
    tmp_path.joinpath("script.py").write_text(LONG)
    process = start(["script.py"], tmp_path, start_new_session=True)
    lines = dict.fromkeys(process.stdout.readline().strip() for _ in range(4))
    pids = [int(line.split()[1]) for line in lines if line.startswith("pid")]
    (folder,) = (line.split()[1] for line in lines if line.startswith("folder"))
    assert len(pids) == 2
    family = psutil.Process(process.pid).children(recursive=True)
    assert set(pids) <= {child.pid for child in family}
    return process, family, folder


def test_workers_do_not_outlive_a_parent_that_is_killed(tmp_path):
    process, family, folder = begin_long(tmp_path)
    process.kill()
    process.communicate()
    _, alive = psutil.wait_procs(family, timeout=2)
    assert not alive
    assert not os.path.exists(folder)


def test_ctrl_c_ends_workers_without_noise(tmp_path):
    process, family, folder = begin_long(tmp_path)
    began = time.monotonic()
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert time.monotonic() - began < 5
    _, alive = psutil.wait_procs(family, timeout=2)
    assert not alive
    assert not os.path.exists(folder)
    assert err.count("Traceback") == 1
    assert err.strip().endswith("KeyboardInterrupt")
    assert out == ""


@pytest.mark.parametrize("delay", [0.0, 0.3, 0.6, 1.0, 1.5])
@pytest.mark.long
def test_ctrl_c_at_any_moment_leaves_nothing_behind(delay, tmp_path):
    tmp_path.joinpath("script.py").write_text(LONG)
    process = start(["script.py"], tmp_path, start_new_session=True)
    process.stdout.readline()
    time.sleep(delay)
    family = psutil.Process(process.pid).children(recursive=True)
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=30)
    _, alive = psutil.wait_procs(family, timeout=3)
    assert not alive
    # Python itself may have been handling another error, and tells of both.
    assert len(re.findall(r"^KeyboardInterrupt", err, re.MULTILINE)) == 1
