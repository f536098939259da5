from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.executors.probing import Doing
from tunesmith.exceptions import WorkerError
from tunesmith.executors.shipping import Depot, Parcel, write

LEAVE = """
import os, signal
from tunesmith.executors.shipping import Depot
depot = Depot()
print(depot.folder, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def temporary(monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def age(folder: str) -> None:
    os.utime(folder, (0, 0))


def test_what_a_killed_process_left_is_removed_by_the_next(temporary):
    env = {**os.environ, "TMPDIR": str(temporary), "PYTHONPATH": os.pathsep.join(sys.path)}
    left = subprocess.run(
        [sys.executable, "-c", LEAVE], env=env, capture_output=True, text=True, check=False
    ).stdout.strip()
    assert Path(left).parent == temporary
    Depot().close()
    assert os.path.exists(left)  # it might be new, and not yet claimed
    age(left)
    Depot().close()
    assert not os.path.exists(left)


def test_what_a_living_process_uses_stays(temporary):
    depot = Depot()
    age(depot.folder)
    Depot().close()
    assert os.path.exists(depot.folder)
    depot.close()
    assert not list(temporary.iterdir())


def test_a_folder_that_cannot_hold_the_evaluator_is_named(tmp_path):
    with pytest.raises(WorkerError, match=r"nowhere.*TMPDIR"):
        write(Doing([1]), Parcel("token", str(tmp_path / "nowhere")))


def test_an_evaluator_is_written_once_and_makes_room_when_unused():
    depot = Depot()
    one, two = Doing([1]), Doing([2])
    parcel = depot.ship(one)
    assert depot.ship(one) == parcel
    depot.release(one)
    other = depot.ship(two)
    assert parcel.pickle.exists()
    depot.release(one)
    depot.release(two)
    last = depot.ship(Doing([3]))
    assert not parcel.pickle.exists()
    assert not other.pickle.exists()
    assert depot.tokens == {last.token}
    assert last.open().data == [3]
    depot.close()
