"""Searches whose driver is killed, at any moment, and run again."""

from __future__ import annotations

import functools
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("killed_script.py")


def start(*arguments):
    # A process that is killed may leave half a program among those the tests share.
    environment = {k: v for k, v in os.environ.items() if k != "JAX_COMPILATION_CACHE_DIR"}
    return subprocess.Popen(
        [sys.executable, str(SCRIPT), *map(str, arguments)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=environment,
    )


def run(*arguments):
    process = start(*arguments)
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors.decode()
    return json.loads(Path(arguments[1]).read_text())


def count(study, mode):
    with closing(sqlite3.connect(f"file:{study}?mode={mode}", uri=True, timeout=10)) as connection:
        return connection.execute("select count(*) from tunesmith_evaluations").fetchone()[0]


def n_seen(study):
    """Count the evaluations of a running search; 0 where they cannot be seen at the moment."""
    try:
        return count(study, "ro")
    except sqlite3.OperationalError:
        return 0


def n_kept(study):
    """Count what is safe after a kill; opening for writing rolls back a commit it cut short."""
    return count(study, "rw")


def kill_once(study, result, kind, at):
    """Start the search and kill it once `at` evaluations are on disk; say how many it kept."""
    process = start(study, result, kind)
    deadline = time.monotonic() + 120
    seen = 0
    while (seen < at or not study.exists()) and process.poll() is None:
        assert time.monotonic() < deadline
        seen = max(seen, n_seen(study))
        time.sleep(0.002)
    time.sleep(random.Random(at).uniform(0, 0.03))
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stderr.close()
    try:
        kept = n_kept(study)
    except sqlite3.OperationalError:  # killed before the tables were made
        kept = 0
    assert kept >= seen
    return kept


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """Return a function that tells what a kind of search finds in one run."""
    folder = tmp_path_factory.mktemp("undisturbed")
    return functools.cache(lambda kind: run("none", folder / f"{kind}.json", kind))


@pytest.mark.long
@pytest.mark.parametrize("batch", range(4))
def test_killed_at_random_moments_and_resumed(tmp_path, batch, undisturbed):
    """Five kills each of four searches of 36 evaluations, then one run to the end."""
    study, result = tmp_path / "study.db", tmp_path / "result.json"
    moments = sorted(random.Random(batch).sample(range(36), 5))
    before = 0
    for at in moments:
        kept = kill_once(study, result, "small", at)
        assert kept >= before
        before = kept
    assert run(study, result, "small") == undisturbed("small")
    assert n_kept(study) >= 36


@pytest.mark.long
@pytest.mark.parametrize("at", [1, 11])
def test_killed_inside_a_bundle_that_shares(tmp_path, at, undisturbed):
    """Forests without a seed: the study's own makes the second half fit the first."""
    study, result = tmp_path / "study.db", tmp_path / "result.json"
    kept = kill_once(study, result, "shared", at)
    assert at <= kept <= 36
    assert run(study, result, "shared") == undisturbed("shared")


@pytest.mark.long
def test_killed_keras_search_resumes_to_the_same_bits(tmp_path, undisturbed):
    pytest.importorskip("keras", reason="Keras is not installed")
    pytest.importorskip("jax", reason="JAX is not installed")
    study, result = tmp_path / "study.db", tmp_path / "result.json"
    kept = kill_once(study, result, "keras", 5)
    assert 5 <= kept < 12
    assert run(study, result, "keras") == undisturbed("keras")


@pytest.mark.long
def test_two_drivers_at_once_on_one_study(tmp_path, undisturbed):
    study = tmp_path / "study.db"
    results = [tmp_path / f"{n}.json" for n in range(2)]
    drivers = [start(study, result, "small") for result in results]
    for driver in drivers:
        _, errors = driver.communicate(timeout=120)
        assert driver.returncode == 0, errors.decode()
    found = [json.loads(result.read_text()) for result in results]
    assert found == [undisturbed("small")] * 2


def test_no_process_is_left_after_a_kill(tmp_path):
    psutil = pytest.importorskip("psutil", reason="psutil is not installed")
    study = tmp_path / "study.db"
    process = start(study, tmp_path / "result.json", "small")
    while n_seen(study) < 3 and process.poll() is None:
        time.sleep(0.01)
    children = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    process.wait()
    process.stderr.close()
    _, alive = psutil.wait_procs(children, timeout=5)
    assert children
    assert not alive
    assert os.path.exists(study)
