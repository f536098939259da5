"""Several drivers of one study."""

from __future__ import annotations

import copy
import pickle
import threading
import time

import numpy as np
import pytest

from tunesmith import Float, Int, Study, WouldBlock
from tunesmith.exceptions import Conflict, SpaceError, StorageError
from tunesmith.storage import open_storage
from tunesmith.storage.memory import MemoryStorage
from tunesmith.trial import TrialRecord

SPACE = {"x": Float(0, 1), "n": Int(1, 10)}
SHORT = 0.15


def bowl(params):
    return (params["x"] - 0.3) ** 2 + abs(params["n"] - 7)


def plain(study):
    return [(t.number, t.params, t.value) for t in study.trials]


class Forgetful(MemoryStorage):
    """Stands between a storage and a driver that was killed: nothing is renewed or released."""

    def __init__(self, kept):
        self.__dict__ = kept.__dict__

    def renew(self, *leases):
        return list(leases)

    def release(self, *leases):
        pass


def test_numbers_are_given_once():
    storage = MemoryStorage()
    one, two = (Study(SPACE, storage=storage, random_state=0) for _ in range(2))
    numbers = [study.ask().number for study in (one, two, two, one, two)]
    assert numbers == [0, 1, 2, 3, 4]
    assert [t.number for t in one.ask(3)] == [5, 6, 7]
    assert [t.number for t in two.waiting] == list(range(8))


def test_a_race_that_is_lost_is_the_next_number():
    class Raced(MemoryStorage):
        rival = None

        def append(self, study, *records):
            if self.rival is not None and isinstance(records[0], TrialRecord):
                rival, self.rival = self.rival, None
                rival.ask()
            super().append(study, *records)

    storage = Raced()
    one, two = (Study(SPACE, storage=storage, random_state=0, in_flight=4) for _ in range(2))
    storage.rival = two
    assert one.ask().number == 1
    storage.rival = two
    with pytest.raises(WouldBlock):
        one.ask(2)
    assert [t.number for t in two.waiting] == [0, 1, 2]


def test_a_conflict_that_reading_does_not_explain():
    class Broken(MemoryStorage):
        def append(self, study, *records):
            raise Conflict("the study already has trial 0.")

    with pytest.raises(Conflict):
        Study(SPACE, storage=Broken()).ask()


def test_a_trial_that_another_takes_before_it_is_leased_is_left_to_it():
    class Slow(MemoryStorage):
        rival = None

        def claim(self, study, trials, holder, seconds):
            if self.rival is not None:
                rival, self.rival = self.rival, None
                assert rival.ask().number == 0
            return super().claim(study, trials, holder, seconds)

    storage = Slow()
    one, two = (Study(SPACE, storage=storage) for _ in range(2))
    storage.rival = two
    assert one.ask().number == 1


def test_a_trial_that_another_has_run_before_it_is_leased_is_not_run_again():
    class Slow(MemoryStorage):
        rival = None

        def claim(self, study, trials, holder, seconds):
            if self.rival is not None:
                rival, self.rival = self.rival, None
                rival.tell(rival.ask(), 0.5)
            return super().claim(study, trials, holder, seconds)

    storage = Slow()
    one, two = (Study(SPACE, storage=storage) for _ in range(2))
    storage.rival = two
    assert one.ask().number == 1
    assert [trial.number for trial in two.trials] == [0]
    assert set(storage.leased("study")) == {1}


def test_a_trial_that_is_told_of_while_another_asks_is_not_handed_out():
    class Told(MemoryStorage):
        holder = None

        def leased(self, study):
            if self.holder is not None:
                holder, self.holder = self.holder, None
                holder.tell(0, 0.5)
            return super().leased(study)

    storage = Told()
    one, two = (Study(SPACE, storage=storage) for _ in range(2))
    one.ask()
    storage.holder = one
    assert two.ask().number == 1
    assert two.best_value == 0.5
    assert set(storage.leased("study")) == {1}


def test_what_was_taken_over_in_vain_is_released():
    class Broken(MemoryStorage):
        reads = None

        def read(self, study, after=0):
            if self.reads is not None:
                self.reads += 1
                if self.reads == 2:
                    raise StorageError("the disk cannot be read")
            return super().read(study, after)

    storage = Broken()
    with Study(SPACE, storage=storage) as one:
        one.ask()
    two = Study(SPACE, storage=storage)
    storage.reads = 0
    with pytest.raises(StorageError, match="the disk cannot be read"):
        two.ask()
    assert storage.leased("study") == {}
    assert two.ask().number == 0


def test_what_is_held_does_not_hide_what_was_given_up():
    storage = MemoryStorage()
    one, two, three = (Study(SPACE, storage=storage) for _ in range(3))
    one.ask(2)
    two.ask(2)
    two.close()
    assert [t.number for t in three.ask(3)] == [2, 3, 4]


def test_the_window_is_that_of_all_drivers():
    storage = MemoryStorage()
    one, two = (Study(SPACE, storage=storage, in_flight=3) for _ in range(2))
    one.ask(2)
    two.ask()
    with pytest.raises(
        WouldBlock, match=r"others have told of 0, which process \d+ on .* is at: "
    ):
        two.ask()
    with pytest.raises(WouldBlock, match=r"allows no more trials: tell of 0 first"):
        one.ask()
    with pytest.raises(WouldBlock, match=r"others have told of 2, .* is at: tell of 0, 1 first"):
        one.ask(3)
    two.tell(0, 0.5)
    assert one.ask().number == 3


def test_trials_of_the_dead_are_handed_out_again():
    storage = MemoryStorage()
    settings = {"random_state": 0, "in_flight": 2}
    dead = Study(SPACE, storage=storage, lease=SHORT, **settings)
    dead._driver._log._holder._beat._storage = Forgetful(storage)
    first, second = dead.ask(2)
    living = Study(SPACE, storage=storage, **settings)
    with pytest.raises(WouldBlock, match="before others have told of 0, which"):
        living.ask()
    time.sleep(SHORT + 0.05)
    assert living.ask(2) == [first, second]
    living.tell(first, bowl(first.params))
    # The dead one was but slow: who tells first, counts.
    dead.tell(second, bowl(second.params))
    with pytest.raises(ValueError, match="trial 0 has been told of already"):
        dead.tell(first, 7.0)
    with pytest.raises(ValueError, match="trial 1 has been told of already"):
        living.tell(second, 7.0)
    living.optimize(bowl, 10)
    alone = Study(SPACE, **settings)
    alone.optimize(bowl, 12)
    assert plain(living) == plain(alone)


def test_a_given_up_trial_and_a_new_one_may_be_more_than_there_is_room_for():
    storage = MemoryStorage()
    with Study(SPACE, storage=storage, in_flight=2) as one:
        one.tell(one.ask(2)[1], 1.0)
    with Study(SPACE, storage=storage) as two:
        with pytest.raises(WouldBlock, match=r"allows no more trials than 1 now: ask\(1\)"):
            two.ask(2)
        assert two.ask().number == 0


def test_trials_without_an_end_to_their_lease_wait_for_whoever_tells():
    storage = MemoryStorage()
    with Study(SPACE, storage=storage, in_flight=2, lease=None) as one:
        trials = one.ask(2)
    two = Study(SPACE, storage=storage, lease=SHORT)
    with pytest.raises(WouldBlock, match="others have told of 0"):
        two.ask()
    two.tell(trials[0].number, 0.5)
    assert two.ask().number == 2


def test_closing_gives_back(tmp_path):
    for storage in (MemoryStorage(), open_storage(tmp_path / "s.db")):
        one, two = (Study(SPACE, storage=storage) for _ in range(2))
        trials = one.ask(3)
        one.tell(trials[1], 0.5)
        one.close()
        one.close()
        assert two.ask(2) == [trials[0], trials[2]]
        assert one.best_value == 0.5
        for act in (one.ask, lambda one=one: one.tell(0, 0.5)):
            with pytest.raises(ValueError, match="the study is closed"):
                act()
        two.close()
        storage.close()


def test_a_grid_is_shared():
    storage = MemoryStorage()
    one, two = (Study({"n": Int(1, 4)}, storage=storage, sampler="grid") for _ in range(2))
    assert [one.ask().params["n"], two.ask().params["n"]] == [1, 2]
    with pytest.raises(SpaceError, match="the grid has 4 points, and all"):
        one.ask(3)
    assert [t.params["n"] for t in one.ask(2)] == [3, 4]
    two.close()
    assert one.ask().params["n"] == 2


@pytest.mark.parametrize("shared", [True, False])
def test_threads_give_what_one_gives(shared):
    alone = Study(SPACE, random_state=0, in_flight=3)
    alone.optimize(bowl, 20)
    storage, rng = MemoryStorage(), np.random.default_rng(0)
    settings = {"storage": storage, "random_state": 0, "in_flight": 3}
    first = Study(SPACE, **settings)
    studies = [first, first if shared else Study(SPACE, **settings)]

    def slow(params):
        time.sleep(rng.uniform(0, 0.005))
        return bowl(params)

    threads = [threading.Thread(target=study.optimize, args=(slow, 10)) for study in studies]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert plain(first) == plain(alone)


def test_a_study_is_not_copied():
    for copied in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="Give each process its own"):
            copied(Study(SPACE))
