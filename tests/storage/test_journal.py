from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading
import time

import pytest

from tunesmith.exceptions import Conflict, StorageError, StudyNotFound
from tunesmith.storage import open_storage
from tunesmith.storage.journal import Journal
from tunesmith.storage.memory import MemoryStorage
from tunesmith.trial import State

from .making import evaluation, head, trial


class Watched(MemoryStorage):
    """A storage that tells what is appended together, waits if told to, and may break."""

    def __init__(self):
        super().__init__()
        self.batches = []
        self.open = threading.Event()
        self.open.set()
        self.broken = None
        self.create(head())

    def append(self, study, *records):
        self.open.wait()
        if self.broken is not None:
            raise self.broken
        super().append(study, *records)
        self.batches.append(len(records))


@pytest.fixture
def storage():
    return Watched()


def records(storage):
    return [record for _, record in storage.read("s")]


def wait_until(condition):
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_earlier_records_are_found_last_attempt_first(storage):
    storage.append("s", trial(0), trial(1), evaluation(0, attempt=1))
    storage.append("s", evaluation(0, attempt=0, state=State.LOST), evaluation(1, 2))
    with Journal(storage, "s") as journal:
        assert journal.trials == [trial(0), trial(1)]
        assert journal.found == {(0, 0): evaluation(0, attempt=1), (1, 2): evaluation(1, 2)}


def test_study_that_is_not_there_is_told():
    with pytest.raises(StudyNotFound):
        Journal(MemoryStorage(), "s")


def test_known_trials_keep_their_numbers(storage):
    storage.append("s", trial(0, "a"), trial(1, "b"))
    with Journal(storage, "s") as journal:
        storage.batches.clear()
        assert journal.enroll([("b", {}), ("a", {})]) == [1, 0]
        assert storage.batches == []
        assert journal.enroll([("c", {"C": 3}), ("b", {}), ("d", {}), ("c", {})]) == [2, 1, 3, 2]
        assert storage.batches == [2]
        assert [t.key for t in journal.trials] == ["a", "b", "c", "d"]
        assert journal.enroll([]) == []
    assert [r.key for r in records(storage)] == ["a", "b", "c", "d"]


def test_trials_of_another_driver_are_read_on(storage):
    with Journal(storage, "s") as one, Journal(storage, "s") as other:
        assert one.enroll([("a", {}), ("b", {})]) == [0, 1]
        assert other.enroll([("c", {}), ("b", {})]) == [2, 1]
        assert one.enroll([("d", {}), ("c", {})]) == [3, 2]
    assert [r.key for r in records(storage)] == ["a", "b", "c", "d"]


def test_many_drivers_enroll_without_gaps(tmp_path):
    storage = open_storage(tmp_path / "s.db")
    storage.create(head())
    numbers = {}

    def drive(n):
        with Journal(storage, "s") as journal:
            keys = [f"k{(n * 7 + i) % 20}" for i in range(20)]
            numbers[n] = {key: journal.enroll([(key, {})])[0] for key in keys}

    threads = [threading.Thread(target=drive, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(numbers) == 4
    assert all(numbers[n] == numbers[0] for n in numbers)
    assert sorted(numbers[0].values()) == list(range(20))
    storage.close()


def test_conflict_that_reading_on_does_not_explain_is_raised(storage):
    with Journal(storage, "s") as journal:
        storage.broken = Conflict("no")
        with pytest.raises(Conflict, match="no"):
            journal.enroll([("a", {})])
        storage.broken = None


def test_hole_in_a_study_is_told(storage):
    storage.append("s", trial(1))
    with pytest.raises(StorageError, match="it has a trial 1 but no trial 0"):
        Journal(storage, "s")


def test_lone_record_is_written_at_once(storage):
    with Journal(storage, "s", delay=3600) as journal:
        journal.append(evaluation())
        wait_until(lambda: storage.batches == [1])


def test_backlog_is_committed_together(storage):
    with Journal(storage, "s", delay=0) as journal:
        storage.open.clear()
        for split in range(100):
            journal.append(evaluation(0, split))
        storage.open.set()
    assert records(storage) == [evaluation(0, split) for split in range(100)]
    assert len(storage.batches) <= 2


def test_commits_keep_their_distance_until_the_close(storage):
    with Journal(storage, "s", delay=3600) as journal:
        journal.append(evaluation(0, 0))
        wait_until(lambda: storage.batches)
        journal.append(evaluation(0, 1))
        journal.append(evaluation(0, 2))
        time.sleep(0.05)
        assert storage.batches == [1]
    assert storage.batches == [1, 2]


def test_broken_storage_surfaces_and_goes_on_surfacing(storage):
    journal = Journal(storage, "s", delay=0)
    storage.broken = StorageError("the disk is full.")
    journal.append(evaluation(0, 0))
    with pytest.raises(StorageError, match="'s' cannot be written: the disk is full"):
        wait_until(lambda: journal.append(evaluation(0, 1)))
    with pytest.raises(StorageError, match="the disk is full"):
        journal.enroll([("a", {})])
    for _ in range(2):
        with pytest.raises(StorageError, match="the disk is full"):
            journal.close()
    assert records(storage) == []


def test_error_of_the_last_commit_surfaces_at_the_close(storage):
    storage.broken = OSError("gone")
    with pytest.raises(StorageError, match="gone"), Journal(storage, "s") as journal:
        journal.append(evaluation())


def test_what_cannot_be_written_is_told_once(storage):
    storage.broken = StorageError("the disk is full.")

    def search():
        with Journal(storage, "s") as journal:
            while True:
                journal.append(evaluation())
                time.sleep(0.01)

    with pytest.raises(StorageError, match="the disk is full") as raised:
        search()
    assert not hasattr(raised.value, "__notes__")


def test_interrupt_is_not_replaced_by_what_cannot_be_written(storage):
    storage.broken = StorageError("the disk is full.")

    def search():
        with Journal(storage, "s") as journal:
            journal.append(evaluation())
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as raised:
        search()
    assert "the disk is full" in raised.value.__notes__[0]


def test_interrupt_writes_what_was_handed_in(storage):
    storage.open.clear()

    def search():
        with Journal(storage, "s") as journal:
            for split in range(10):
                journal.append(evaluation(0, split))
            storage.open.set()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        search()
    assert len(records(storage)) == 10


def test_bad_record_is_refused_where_it_is_handed_in(storage):
    with Journal(storage, "s") as journal:
        with pytest.raises(StorageError, match="test_scores must be a number"):
            journal.append(evaluation(test_scores="high"))
        journal.append(evaluation())
    assert records(storage) == [evaluation()]


def test_record_is_taken_as_it_was_handed_in(storage):
    storage.open.clear()
    scores = {"accuracy": 0.5}
    with Journal(storage, "s") as journal:
        journal.append(evaluation(test_scores=scores))
        scores["accuracy"] = 1.0
        storage.open.set()
    assert records(storage)[0].test_scores == {"accuracy": 0.5}


def test_closed_journal_takes_nothing(storage):
    journal = Journal(storage, "s")
    journal.close()
    journal.close()
    with pytest.raises(StorageError, match="is closed"):
        journal.append(evaluation())


def test_journal_that_is_dropped_writes_what_it_has(storage):
    storage.open.clear()
    journal = Journal(storage, "s")
    journal.append(evaluation())
    storage.open.set()
    del journal
    gc.collect()
    assert records(storage) == [evaluation()]


ENDING = """
import sys
from tunesmith.storage import open_storage
from tunesmith.storage.journal import Journal
from tunesmith.trial import EvaluationRecord, State
storage = open_storage(sys.argv[1])
journal = Journal(storage, "s", delay=3600)
for i in range(50):
    journal.append(
        EvaluationRecord(i, 0, 0, State.COMPLETED, 0.5, None, 3, 0.25, 0.125, None, 1.0)
    )
sys.exit("done")
"""


def test_script_that_ends_without_a_close_loses_nothing(tmp_path):
    storage = open_storage(tmp_path / "s.db")
    storage.create(head())
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", ENDING, tmp_path / "s.db"],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        check=False,
    )
    assert done.stderr == "done\n"
    assert [record.trial for record in records(storage)] == list(range(50))
    storage.close()


def test_record_of_another_driver_wins(storage):
    with Journal(storage, "s") as journal:
        theirs = evaluation(0, 1, test_scores=0.25)
        storage.append("s", theirs)
        storage.open.clear()
        for split in range(3):
            journal.append(evaluation(0, split))
        storage.open.set()
    assert sorted(records(storage), key=lambda r: r.split) == [
        evaluation(0, 0),
        theirs,
        evaluation(0, 2),
    ]
    assert journal.found[0, 1] == theirs


def test_result_wins_over_an_accident_of_another_driver(storage):
    with Journal(storage, "s") as journal:
        accident = evaluation(state=State.LOST, test_scores=None)
        storage.append("s", accident)
        journal.append(evaluation())
    assert records(storage) == [accident, evaluation(attempt=1)]


def test_accident_adds_nothing_to_what_another_driver_has(storage):
    with Journal(storage, "s") as journal:
        storage.append("s", evaluation(state=State.TIMED_OUT))
        storage.append("s", evaluation(1))
        journal.append(evaluation(state=State.LOST))
        journal.append(evaluation(1, state=State.LOST))
    assert len(records(storage)) == 2


def test_record_handed_in_twice_is_told(storage):
    storage.open.clear()
    journal = Journal(storage, "s")
    journal.append(evaluation(1))
    journal.append(evaluation(0))
    journal.append(evaluation(0))
    storage.open.set()
    with pytest.raises(StorageError, match="already has attempt 0 at trial 0"):
        journal.close()


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
# JAX, where another test has loaded it, warns of every fork.
@pytest.mark.filterwarnings("ignore:os.fork:RuntimeWarning")
def test_child_of_a_fork_may_not_write_to_its_parents_journal(storage):
    with Journal(storage, "s") as journal:
        if not (pid := os.fork()):
            try:
                journal.append(evaluation())
            except StorageError as error:
                os._exit(3 if "forked" in str(error) else 1)
            finally:
                os._exit(2)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 3


@pytest.mark.measures
def test_handing_in_costs_the_search_next_to_nothing(tmp_path):
    storage = open_storage(tmp_path / "s.db")
    storage.create(head())
    batch = [evaluation(i) for i in range(2000)]
    with Journal(storage, "s") as journal:
        spent = []
        for record in batch:
            start = time.perf_counter()
            journal.append(record)
            spent.append(time.perf_counter() - start)
    assert sorted(spent)[len(spent) // 2] < 30e-6
    storage.close()
