"""Which bundle suits which worker."""

from __future__ import annotations

import threading
from types import SimpleNamespace

from hypothesis import given
from hypothesis import strategies as st

from tunesmith.executors.backlog import Backlog


def backlog_of(*stages):
    backlog = Backlog()
    for each in stages:
        backlog.put(SimpleNamespace(stages=tuple(each)))
    return backlog


def taken(backlog, *workers):
    return ["".join(backlog.take(worker).stages) for worker in workers]


def test_without_stages_what_came_first():
    items = [SimpleNamespace(stages=(), number=n) for n in range(5)]
    backlog = Backlog()
    for item in items:
        backlog.put(item)
    assert [backlog.take(n % 2).number for n in range(5)] == list(range(5))


def test_a_worker_goes_on_from_where_it_is():
    backlog = backlog_of("ab", "cd", "ac", "abx", "cdx")
    assert taken(backlog, 1, 2, 1, 2, 1) == ["ab", "cd", "abx", "cdx", "ac"]


def test_a_worker_without_a_place_stays_away_from_the_others():
    backlog = backlog_of("ab", "abc", "ax", "b")
    assert taken(backlog, 1, 2, 3) == ["ab", "b", "ax"]


def test_a_new_process_in_an_old_place_has_none():
    backlog = backlog_of("ab", "cd", "cx", "ax")
    assert taken(backlog, 1, 2) == ["ab", "cd"]
    backlog.leave(1)
    backlog.leave(3)
    assert taken(backlog, 1) == ["ax"]  # nobody is near it any more


def test_nobody_is_idle_while_there_is_work():
    backlog = backlog_of("ab", "ab", "ab")
    assert taken(backlog, 1, 2, 3) == ["ab", "ab", "ab"]


@given(st.lists(st.text("abc", min_size=1, max_size=3), max_size=20), st.integers(1, 4))
def test_everything_once(stages, workers):
    backlog = backlog_of(*stages)
    got = [taken(backlog, n % workers)[0] for n in range(len(stages))]
    assert sorted(got) == sorted(stages)


def test_waits_for_work_and_for_the_end():
    backlog, got = Backlog(), []

    def work():
        while (item := backlog.take(0)) is not None:
            got.append(item.stages)

    worker = threading.Thread(target=work)
    worker.start()
    backlog.put(SimpleNamespace(stages=("a",)))
    while not got:
        worker.join(0.001)
    backlog.close()
    worker.join(10)
    assert not worker.is_alive()
    assert got == [("a",)]
    assert backlog.take(0) is None
