"""Keys of data: by where it came from, and else by its content."""

from __future__ import annotations

import threading

import numpy as np

from tunesmith.evaluation.lineage import Lineage, content


def test_what_is_marked_is_not_read():
    lineage, lock = Lineage(), threading.Lock()
    lineage.mark(lock, "a lock")
    assert lineage.key(lock) == "a lock"
    lineage.unmark(lock)
    assert lineage.key(lock) is None


def test_equal_content_has_one_key():
    assert Lineage().key(np.arange(4.0)) == Lineage().key(np.arange(4.0))
    assert Lineage().key(np.arange(4.0)) != Lineage().key(np.arange(4))


def test_the_layout_of_an_array_counts():
    values = np.arange(6.0).reshape(2, 3)
    assert content(values) != content(np.asfortranarray(values))


def test_a_mark_goes_with_the_object_and_not_with_its_content():
    lineage, data = Lineage(), np.zeros(3)
    lineage.mark(data, "zeros")
    assert lineage.key(data.copy()) != "zeros"


def test_a_marked_object_lives_so_that_no_other_takes_its_place():
    lineage = Lineage()
    for number in range(100):
        lineage.mark(np.full(3, number), str(number))
    fresh = [np.full(3, number) for number in range(100)]
    assert all(lineage.key(data) == content(data) for data in fresh)


def test_what_may_have_changed_is_read_again():
    lineage, data = Lineage(), np.zeros(3)
    before = lineage.key(data)
    data += 1
    assert lineage.key(data) == before
    lineage.unmark(data)
    assert lineage.key(data) == content(data) != before


def test_nothing_is_told_once_it_is_closed():
    lineage, data = Lineage(), np.zeros(3)
    lineage.mark(data, "zeros")
    lineage.close()
    assert lineage.key(data) is None
    lineage.forget()
    assert lineage.key(data) == content(data)


def test_none_has_a_key_of_its_own():
    lineage = Lineage()
    lineage.mark(None, "never")
    assert lineage.key(None) == content(None)
