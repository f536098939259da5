from __future__ import annotations

import gc
import os
import threading
import time

import pytest

from tunesmith.exceptions import StorageError
from tunesmith.storage import open_storage
from tunesmith.storage.memory import MemoryStorage
from tunesmith.study.holding import Holder
from tunesmith.trial import StudyHead

HEAD = StudyHead("s", "Study", parts={}, facts={}, created=0.0)
SHORT = 0.15


class Watched(MemoryStorage):
    """Counts renewals, and may refuse them."""

    def __init__(self):
        super().__init__()
        self.renewals = 0
        self.broken = False
        self.create(HEAD)

    def renew(self, *leases):
        self.renewals += 1
        if self.broken:
            raise StorageError("the disk is full")
        return super().renew(*leases)


def until(condition):
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def threads():
    return [t for t in threading.enumerate() if t.name == "leases on s"]


def test_leases_outlast_their_seconds_while_they_are_renewed():
    storage = Watched()
    holder = Holder(storage, "s", SHORT)
    assert holder.claim([0, 1]) == [0, 1]
    until(lambda: storage.renewals >= 6)
    assert set(storage.leased("s")) == holder.trials == {0, 1}
    holder.release([0, 7])
    assert set(storage.leased("s")) == holder.trials == {1}
    holder.close()
    holder.close()
    assert storage.leased("s") == {}
    assert not threads()


def test_the_holder_is_told_by_its_process():
    storage = Watched()
    holder = Holder(storage, "s", 60)
    holder.claim([0])
    assert storage.leased("s")[0].startswith(f"process {os.getpid()} on ")
    assert Holder(storage, "s", 60).claim([0]) == []
    holder.close()


def test_what_was_taken_over_is_held_no_more():
    storage = Watched()
    holder = Holder(storage, "s", SHORT)
    holder.claim([0, 1])
    storage._leases._until["s", 0] = ("somebody", time.monotonic() + 60)
    until(lambda: holder.trials == {1})
    holder.close()
    assert storage.leased("s") == {0: "somebody"}


def test_a_storage_that_fails_is_asked_again():
    storage = Watched()
    holder = Holder(storage, "s", SHORT)
    holder.claim([0])
    storage.broken = True
    seen = storage.renewals
    until(lambda: storage.renewals > seen + 1)
    storage.broken = False
    until(lambda: set(storage.leased("s")) == {0})
    assert holder.trials == {0}
    holder.close()


def test_what_cannot_be_released_runs_out():
    class Stuck(Watched):
        def release(self, *leases):
            raise StorageError("the disk is full")

    storage = Stuck()
    holder = Holder(storage, "s", SHORT)
    holder.claim([0])
    holder.release([0])
    assert holder.trials == set()
    until(lambda: storage.leased("s") == {})
    holder.close()


def test_a_holder_that_is_dropped_ends_its_leases():
    storage = Watched()
    holder = Holder(storage, "s", 60)
    holder.claim([0])
    del holder
    gc.collect()
    assert storage.leased("s") == {}
    assert not threads()


def test_leases_for_ever_need_no_thread_and_outlive_their_holder():
    storage = Watched()
    holder = Holder(storage, "s", None)
    holder.claim([0, 1])
    assert not threads()
    holder.release([0])
    holder.close()
    del holder
    assert set(storage.leased("s")) == {1}


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:os.fork:RuntimeWarning")
def test_a_fork_begins_with_none(tmp_path):
    storage = open_storage(tmp_path / "s.db")
    storage.create(HEAD)
    holder = Holder(storage, "s", 60)
    holder.claim([0])
    if not (child := os.fork()):
        try:
            fresh = holder.trials == set() and holder.claim([0, 1]) == [1]
            holder.close()
            os._exit(0 if fresh and set(storage.leased("s")) == {0} else 1)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert set(storage.leased("s")) == holder.trials == {0}
    holder.close()
    storage.close()
