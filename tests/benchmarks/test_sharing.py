"""The benchmark of sharing: its rows run, on a few samples, but for those of networks."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import tunesmith

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "sharing.py"
PLAIN = ["text", "ridge"]


def run(*arguments):
    source = str(Path(tunesmith.__file__).parents[1])
    command = [sys.executable, str(SCRIPT), *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": source}
    )


def quick(tmp_path, names):
    answer = tmp_path / "answer.json"
    done = run("--quick", "--backends", "jax", "--json", str(answer), "--only", *names)
    assert done.returncode == 0, done.stdout + done.stderr
    rows = json.loads(answer.read_text())["rows"]
    for row in rows:
        assert row["ratio"] > 0
        assert row["memory ratio"] > 0
        assert row["workload"] in done.stdout
    return rows


@pytest.mark.long
def test_searches_of_scikit_learns_estimators(tmp_path):
    rows = quick(tmp_path, PLAIN)
    assert [row["workload"] for row in rows] == PLAIN
    unequal = {row["workload"] for row in rows if not row["equal"]}
    assert unequal <= {"ridge"}, rows
    assert all(row["largest difference"] < 1e-9 for row in rows)


def test_rows_that_cannot_be_measured_say_why():
    done = run("--only", "neighbours")
    assert done.returncode == 0
    assert "skipped: no --data MNIST.npz" in done.stdout


def test_a_row_that_does_not_exist_is_an_error_that_names_those_that_do():
    done = run("--only", "neighbors")
    assert done.returncode == 2
    assert "neighbours" in done.stderr


def test_a_way_that_takes_too_long_is_stopped():
    spec = importlib.util.spec_from_file_location("sharing", SCRIPT)
    sharing = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = sharing  # where dataclasses look
    spec.loader.exec_module(sharing)
    asleep = "import time; time.sleep(60)"
    process = subprocess.Popen([sys.executable, "-c", asleep])
    assert sharing.peak_memory(process, limit=1.0) is None
    assert process.returncode
    assert sharing.peak_memory(subprocess.Popen(["sleep", "0.2"]), limit=60) > 0
