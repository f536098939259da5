from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunesmith.exceptions import SpaceError
from tunesmith.space import Categorical, Choice, Float, Int, Space
from tunesmith.space.growth import alike, nearest, union


@pytest.mark.parametrize(
    ("one", "other", "both"),
    [
        (Float(0, 1), Float(2, 3), Float(0, 3)),
        (Float(0, 1, step=0.25), Float(0.5, 2, step=0.25), Float(0, 2, step=0.25)),
        (Float(0, 1, step=0.25), Float(0.1, 2, step=0.25), Float(0, 2)),
        (Float(0, 1, step=0.1), Float(0.3, 0.7, step=0.1), Float(0, 1, step=0.1)),
        (Float(0, 1, step=0.25), Float(0, 1, step=0.5), Float(0, 1)),
        (Float(0, 1), Float(0, 1, step=0.5), Float(0, 1)),
        (Float(0, 1, step=2**-50), Float(99, 100, step=2**-50), Float(0, 100)),
        (Float(1, 2, log=True), Float(0.5, 1, log=True), Float(0.5, 2, log=True)),
        (Int(1, 9, step=4), Int(5, 13, step=4), Int(1, 13, step=4)),
        (Int(1, 9, step=4), Int(2, 13, step=4), Int(1, 13)),
        (Int(-(2**63), 0), Int(0, 2**64 - 1), Int(-(2**63), 2**64 - 1)),
        (Categorical([1, 2]), Categorical([3, 1]), Categorical([1, 2, 3])),
        (Categorical([1, "a"]), Categorical(["a"]), Categorical([1, "a"])),
        (Categorical([1, 0]), Categorical([True, 1.0]), Categorical([1, 0, True])),
    ],
)
def test_union(one, other, both):
    assert alike(one, other)
    assert union(one, other) == both
    assert union(both, one) == union(both, other) == both


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Float(1, 2), Int(1, 2)),
        (Float(1, 2), Float(1, 2, log=True)),
        (Int(1, 2), Int(1, 2, log=True)),
        (Categorical([1, 2]), Int(1, 2)),
    ],
)
def test_what_is_not_alike(one, other):
    assert not alike(one, other)
    assert not alike(other, one)


ints = st.tuples(st.integers(-99, 99), st.integers(-99, 99), st.none() | st.integers(1, 9)).map(
    lambda given: Int(min(given[:2]), max(given[:2]), step=given[2])
)


@given(ints, ints)
def test_a_union_holds_the_values_of_both_whichever_is_first(one, other):
    both = union(one, other)
    assert both == union(other, one)
    for dimension in (one, other):
        for index in {0, dimension.size // 2, dimension.size - 1}:
            value = dimension.point(index)
            assert value in both
            assert nearest(dimension, value) == value


@given(ints, st.integers(-99, 99))
def test_the_nearest_value_is_in_the_dimension_and_no_other_is_nearer(dimension, value):
    if not dimension.low <= value <= dimension.high:
        with pytest.raises(SpaceError, match="is not in"):
            nearest(dimension, value)
        return
    distances = [abs(value - dimension.point(i)) for i in range(dimension.size)]
    found = nearest(dimension, value)
    assert found in dimension
    assert abs(found - value) == min(distances)


def test_nearest_of_floats_and_categories():
    assert nearest(Float(0, 1), 0.3) == 0.3
    assert nearest(Float(0, 1, step=0.3), 1.0) == 0.9
    own = [32]
    assert nearest(Categorical([own, [64]]), [32]) is own
    for dimension, value in ((Float(0, 1), 1.5), (Categorical(["a"]), "b")):
        with pytest.raises(SpaceError):
            nearest(dimension, value)


FURTHER = {"y": Float(0, 2), "m": Int(1, 4)}
GIVEN = [
    {},
    {"x": Float(0, 1)},
    {"z": Choice({"p": {"x": Float(0, 1)}, "q": {}})},
    [{"k": ["a"], "x": Float(0, 1)}, {"k": ["b"]}],
]


@pytest.mark.parametrize("given", GIVEN, ids=str)
def test_optional_parameters_are_suggested_and_may_be_missing(given):
    small = Space.read(given)
    space = pickle.loads(pickle.dumps(small.with_optional(FURTHER)))
    assert space.n_dimensions == small.n_dimensions + len(FURTHER) * len(small.branches)
    for seed in range(5):
        params = space.sample(np.random.default_rng(seed))
        assert {"y", "m"} < params.keys() | {""}
        assert params in space
        place = space.encode(params)
        assert space.decode(np.nan_to_num(place, nan=0.5)) == pytest.approx(params)
        without = {name: value for name, value in params.items() if name != "y"}
        assert without in space
        lacking = space.encode(without)
        # The one column is empty, and the others are as they were.
        assert np.isnan(lacking).sum() == np.isnan(place).sum() + 1
        kept = ~np.isnan(lacking)
        np.testing.assert_array_equal(lacking[kept], place[kept])
        own = {n: v for n, v in params.items() if n in small.names}
        if len(small.branches) == 1:
            np.testing.assert_array_equal(
                space.encode(own)[: small.n_dimensions], small.encode(own)
            )
    assert space.map(lambda name, dimension: dimension) == space


def test_optional_parameters_need_names_of_their_own():
    with pytest.raises(SpaceError, match="'x' would be set twice"):
        Space.read({"x": [1]}).with_optional({"x": Float(0, 1)})


def test_constraints_hold_with_optional_parameters():
    space = Space.read({"a": Int(1, 3)}).where(lambda p: p["a"] < 2).with_optional(FURTHER)
    assert {space.sample(np.random.default_rng(seed))["a"] for seed in range(9)} == {1}
