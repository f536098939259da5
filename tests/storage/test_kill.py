from __future__ import annotations

import os
import random
import sqlite3
import subprocess
import sys
import time
from itertools import zip_longest
from pathlib import Path
from statistics import median

import pytest

from tunesmith.storage import open_storage

from .making import head

GRACE = 0.05
"""Seconds of records that a kill may cost, besides those that the disk takes."""


def kill_while_writing(path, first, after):
    """Return what the writer told, as (what, split, when), and when it was killed."""
    script = Path(__file__).with_name("killed_writer.py")
    writer = subprocess.Popen(
        [sys.executable, "-W", "error", script, path, str(first)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    lines = [writer.stdout.readline()]
    time.sleep(after)
    killed = time.monotonic()
    writer.kill()
    lines += writer.communicate(timeout=60)[0].splitlines()
    told = [(what, int(split), float(when)) for what, split, when in map(str.split, lines)]
    return told, killed


def on_disk(told, since, until):
    """Return for how many of these seconds a commit was under way."""
    begins = [when for what, _, when in told if what == "begins"]
    ends = [when for what, _, when in told if what == "ends"]
    commits = zip_longest(begins, ends, fillvalue=until)
    return sum(max(0.0, min(end, until) - max(begin, since)) for begin, end in commits)


@pytest.mark.long
@pytest.mark.measures
def test_kill_costs_the_last_records_at_most(tmp_path):
    path = tmp_path / "s.db"
    storage = open_storage(path)
    storage.create(head())
    storage.close()
    rng = random.Random(7)
    waits, idle_waits = [], []
    for _ in range(20):
        told, killed = kill_while_writing(path, _count(path), after=rng.uniform(0, 0.5))
        handed_in = [(split, when) for what, split, when in told if what == "handed-in"]
        count = _count(path)
        assert count <= handed_in[-1][0] + 2  # The last may not have been told any more.
        missing = [when for split, when in handed_in if split >= count]
        since = min(missing, default=killed)
        waits.append(killed - since)
        idle_waits.append(killed - since - on_disk(told, since, killed))
    assert _count(path) > 200
    # A busy machine may hold the writer up for longer, now and then.
    assert median(idle_waits) < GRACE, sorted(idle_waits)
    assert median(waits) < GRACE, sorted(waits)
    assert max(idle_waits) < 10 * GRACE, sorted(idle_waits)


def _count(path):
    """Check that the file is whole and its records are the first ones; return how many."""
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA quick_check").fetchall() == [("ok",)]
    connection.close()
    storage = open_storage(path)
    records = [record for _, record in storage.read("s")]
    storage.close()
    assert [record.split for record in records] == list(range(len(records)))
    for record in records:
        assert record.test_scores["accuracy"] == record.split / 7
        assert record.error == "x" * (record.split % 5000)
    return len(records)
