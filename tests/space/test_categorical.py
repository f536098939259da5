from __future__ import annotations

import pickle
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from sklearn.svm import SVC

from tunesmith.exceptions import SpaceError
from tunesmith.space import Categorical
from tunesmith.space.categorical import same


class Awkward:
    """Equal to nothing, itself included, and says so by an array."""

    __hash__ = None

    def __eq__(self, other):
        return np.array([False, True])


VALUES = [
    [32, 32],
    [32, 32],
    {"a": [1]},
    None,
    True,
    1,
    1.0,
    np.float64(1.0),
    np.int64(1),
    float("nan"),
    "relu",
    np.array([1.0, 2.0]),
    pd.DataFrame({"a": [1]}),
    SVC(),
    SVC(),
    len,
    lambda x: x,
    Awkward(),
    (1, True),
    (True, 1),
    Decimal("0.1"),
    ...,
]


def test_values_are_the_users_own_objects():
    dimension = Categorical(VALUES)
    for value in VALUES:
        assert dimension.decode(dimension.encode(value)) is value
    for i, value in enumerate(VALUES):
        assert dimension.point(i) is value


def test_equal_values_are_found_by_type_first():
    dimension = Categorical(VALUES)
    for value, number in [
        ([32, 32], 0),
        ({"a": [1]}, 2),
        (float("1"), 6),
        (np.float64(1), 7),
        (np.int64(1), 8),
        (-float("nan"), 9),
        ("".join(["re", "lu"]), 10),
        (np.array([1.0, 2.0]), 11),
        ((True, 1), 19),
        (Decimal("0.10"), 20),
    ]:
        assert dimension.index(value) == number


def test_numbers_of_other_types_are_found_last():
    dimension = Categorical([1, 0.5, "a", True])
    assert dimension.index(np.float32(0.5)) == 1
    assert dimension.index(1.0) == 0
    assert dimension.index(np.str_("a")) == 2
    assert dimension.index(np.True_) == 3
    assert np.float32(0.1) not in Categorical([0.1])
    assert np.float32(0) not in Categorical([1e300, 10**400])
    assert True not in Categorical([1, 0])
    assert 1 not in Categorical([True])
    assert "1" not in Categorical([1])


def test_values_found_after_pickling():
    dimension = Categorical([float("nan"), [1], np.str_])
    dimension.encode([1])
    again = pickle.loads(pickle.dumps(dimension))
    assert again == dimension
    assert [again.encode(v) for v in again.values] == [
        dimension.encode(v) for v in dimension.values
    ]
    assert pickle.dumps(dimension) == pickle.dumps(Categorical(dimension.values))


def test_elements_of_arrays_keep_their_type():
    dimension = Categorical(np.array([1, 2], dtype=np.int32))
    assert [type(dimension.decode(u)) for u in (0.0, 1.0)] == [np.int32, np.int32]


def test_cells_are_equally_wide():
    dimension = Categorical(["a", "b", "c"])
    values = [dimension.decode(u) for u in (np.arange(300) + 0.5) / 300]
    assert values == ["a"] * 100 + ["b"] * 100 + ["c"] * 100
    assert (dimension.decode(0.0), dimension.decode(1.0)) == ("a", "c")


def test_cells_are_as_wide_as_their_weights():
    dimension = Categorical(["a", "b", "c"], weights=np.array([5, 1, 4]))
    values = [dimension.decode(u) for u in (np.arange(100) + 0.5) / 100]
    assert values == ["a"] * 50 + ["b"] * 10 + ["c"] * 40
    assert (dimension.decode(0.0), dimension.decode(1.0)) == ("a", "c")
    assert [dimension.encode(v) for v in "abc"] == pytest.approx([0.25, 0.55, 0.8])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Categorical("adam"), r"'adam' is one string.* write \['adam'\]"),
        (lambda: Categorical(b"adam"), r"write \[b'adam'\]"),
        (lambda: Categorical([]), r"at least one, got \[\]"),
        (lambda: Categorical(np.array([])), "at least one"),
        (lambda: Categorical(3), r"got 3 \(of type int\).* a list of one element"),
        (lambda: Categorical(None), "got None"),
        (lambda: Categorical(np.array(3)), "a list of one element"),
        (lambda: Categorical({1, 2}), "a set has no order; write a list"),
        (lambda: Categorical(x for x in "ab"), "got <generator"),
        (lambda: Categorical(np.eye(2)), r"shape \(2, 2\)"),
        (lambda: Categorical([1, 2], ordered=1), "ordered has to be True or False"),
        (lambda: Categorical([1, 2], weights=[1]), "there are 1 for 2 values"),
        (lambda: Categorical([1, 2], weights=3), "a list of numbers, got 3"),
        (lambda: Categorical([1, 2], weights=[1, -1]), "above 0, got -1"),
        (lambda: Categorical([1, 2], weights=[1, 0]), "above 0, got 0; leave out"),
        (lambda: Categorical([1, 2], weights=[1, float("nan")]), "above 0, got nan"),
        (lambda: Categorical([1, 2], weights=[1, True]), "above 0, got True"),
        (lambda: Categorical([1, 2], weights=[1, "2"]), "above 0, got '2'"),
        (lambda: Categorical([1, 2, 3], weights=[1, 1e-30, 1]), "1e-30 is too small"),
    ],
)
def test_illegal_values_and_weights(make, message):
    with pytest.raises(SpaceError, match=message):
        make()


def test_value_that_is_not_there():
    with pytest.raises(SpaceError, match=r"'sgd' is none of \['adam', 'rms'\]"):
        Categorical(["adam", "rms"]).encode("sgd")
    assert [32] not in Categorical([[32, 32]])


def test_equality_and_repr():
    one = Categorical([[1], float("nan"), np.array([1])], weights=[1, 2, 3])
    other = Categorical(([1], float("nan"), np.array([1])), weights=(1, 2, 3))
    assert one == other
    assert hash(one) == hash(other)
    assert one != Categorical(one.values)
    assert Categorical([1]) != Categorical([True])
    assert Categorical([1]) != Categorical([1], ordered=True)
    assert Categorical([1]) != [1]
    assert repr(Categorical(("a", 1), ordered=True)) == "Categorical(['a', 1], ordered=True)"
    assert repr(Categorical([1, 2], weights=[1, 3])) == "Categorical([1, 2], weights=[1.0, 3.0])"


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        (float("nan"), float("nan"), True),
        (np.array([1, np.nan]), np.array([1, np.nan]), True),
        (np.array([1]), np.array([1.0]), False),
        (np.array([None, 1]), np.array([None, 1]), True),
        (np.array(["a"]), np.array(["a"]), True),
        ([1, [2]], [1, [2]], True),
        ([1, [2]], [1, [2.0]], False),
        ({"a": np.array([1, 2])}, {"a": np.array([1, 2])}, True),
        ({"a": 1}, {"b": 1}, False),
        (SVC(), SVC(), False),
        (Awkward(), Awkward(), False),
        (pd.DataFrame(), pd.DataFrame({"a": [1]}), False),
        (1, True, False),
    ],
)
def test_same(a, b, expected):
    assert same(a, b) is expected
