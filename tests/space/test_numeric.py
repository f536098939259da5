from __future__ import annotations

import math

import numpy as np
import pytest

from tunesmith.exceptions import SpaceError
from tunesmith.space import Float, Int

EDGES = [0.0, 5e-324, 2**-53, 0.5, 1 - 2**-53, 1.0]


@pytest.mark.parametrize(
    "dimension",
    [
        Float(0, 1),
        Float(-1e308, 1e308),
        Float(0.1, 0.3),
        Float(1e-300, 1e300, log=True),
        Float(1e-5, 0.1, log=True),
        Float(0.7, 0.7),
        Float(3, 3, log=True),
    ],
)
def test_float_ends_are_exact_and_never_passed(dimension):
    assert dimension.decode(0.0) == dimension.low
    assert dimension.decode(1.0) == dimension.high
    values = [dimension.decode(u) for u in EDGES]
    assert values == sorted(values)
    assert all(type(v) is float and dimension.low <= v <= dimension.high for v in values)


@pytest.mark.parametrize(
    ("dimension", "expected"),
    [
        (Float(0, 1, step=0.1), [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0]),
        (Float(0, 1, step=1 / 3), [0, 1 / 3, 0.6666666666666666, 1.0]),
        (Float(1e-5, 5e-5, step=1e-5), [1e-5, 2e-5, 3e-5, 4e-5, 5e-5]),
        (Float(0, 1, step=0.4), [0, 0.4, 0.8]),
        (Float(-0.3, 0.3, step=0.3), [-0.3, 0, 0.3]),
        (Float(2, 3, step=5), [2]),
        (Float(np.float64(0.5), np.float32(1), step=np.float32(0.25)), [0.5, 0.75, 1.0]),
    ],
)
def test_steps_are_the_numbers_one_would_write(dimension, expected):
    assert [dimension.point(i) for i in range(dimension.size)] == expected
    centres = (np.arange(len(expected)) + 0.5) / len(expected)
    assert [dimension.encode(v) for v in expected] == pytest.approx(centres.tolist())
    assert [dimension.decode(u) for u in centres] == expected
    assert (dimension.decode(0.0), dimension.decode(1.0)) == (expected[0], expected[-1])


def test_step_forgives_rounding_but_not_more():
    dimension = Float(0, 1, step=0.1)
    assert dimension.encode(0.1 + 0.2) == dimension.encode(0.3)
    with pytest.raises(SpaceError, match=r"0.35 is not on a step of 0.1 .* nearest is 0.[34]$"):
        dimension.encode(0.35)


def test_float_forgives_a_bound_passed_by_rounding():
    assert Float(1e-5, 1, log=True).encode(math.nextafter(1e-5, 0)) == 0.0
    assert Float(0.1, 0.3).encode(math.nextafter(0.3, 1)) == 1.0
    assert 0.0 not in Float(1e-13, 1, log=True)


def test_cells_of_whole_numbers_are_equally_wide():
    dimension = Int(-1, 2)
    u = (np.arange(4000) + 0.5) / 4000
    values = [dimension.decode(x) for x in u]
    assert {v: values.count(v) for v in values} == dict.fromkeys([-1, 0, 1, 2], 1000)
    assert [dimension.encode(v) for v in (-1, 0, 1, 2)] == [0.125, 0.375, 0.625, 0.875]
    assert (dimension.decode(0.0), dimension.decode(1.0)) == (-1, 2)


@pytest.mark.parametrize("dimension", [Int(1, 300, log=True), Int(0, 300, step=7), Int(5, 5)])
def test_whole_numbers_come_back(dimension):
    for i in range(dimension.size):
        value = dimension.point(i)
        back = dimension.decode(dimension.encode(np.int64(value)))
        assert (back, type(back)) == (value, int)
    assert dimension.decode(0.0) == dimension.low
    assert dimension.decode(1.0) == dimension.point(dimension.size - 1)


def test_wide_ranges_stay_within_their_bounds():
    for dimension in (Int(-(2**63), 2**63 - 1), Int(1, 2**63, log=True), Int(0, 2**64 - 1)):
        assert all(dimension.low <= dimension.decode(u) <= dimension.high for u in EDGES)
        assert all(0 <= dimension.encode(v) <= 1 for v in (dimension.low, dimension.high))


@pytest.mark.parametrize(
    ("value", "dimension"),
    [
        (1.5, Float(0, 1)),
        (True, Float(0, 1)),
        ("0.5", Float(0, 1)),
        (math.nan, Float(0, 1)),
        (None, Float(0, 1)),
        (10**400, Float(0, 1)),
        (10**400, Int(0, 1)),
        (0.5, Int(0, 1)),
        (1.0, Int(0, 1)),
        (True, Int(0, 1)),
        (2, Int(0, 1)),
        (3, Int(0, 10, step=2)),
    ],
)
def test_what_is_not_contained(value, dimension):
    assert value not in dimension


@pytest.mark.parametrize("value", [np.float64(0.5), np.float32(0.5), 0, np.int8(1)])
def test_numpy_numbers_are_contained(value):
    assert value in Float(0, 1)


@pytest.mark.parametrize("u", [-1e-9, 1.0000001, math.nan, math.inf])
def test_places_outside_the_unit_interval(u):
    for dimension in (Float(0, 1), Float(0, 1, step=0.5), Int(0, 3), Int(1, 3, log=True)):
        with pytest.raises(SpaceError, match="from 0 to 1"):
            dimension.decode(u)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Float(2, 1), r"low=2.0 is above high=1.0; write Float\(1.0, 2.0\)"),
        (lambda: Int(2, 1), r"low=2 is above high=1; write Int\(1, 2\)"),
        (lambda: Float(0, 1, log=True), r"low > 0, got low=0.0; write .*Float\(1e-6, 1.0"),
        (lambda: Int(0, 8, log=True), r"low > 0, got low=0; write Int\(1, 8, log=True\)"),
        (lambda: Int(-3, 8, log=True), "low > 0"),
        (lambda: Float(0, 1, step=0), "step has to be above 0, got 0"),
        (lambda: Int(0, 1, step=-1), "step has to be above 0, got -1"),
        (lambda: Float(1, 2, step=0.1, log=True), "step=0.1 or log=True"),
        (lambda: Int(1, 2, step=1, log=True), "step=1 or log=True"),
        (lambda: Float(0, 1e300, step=1e-300), "step=1e-300 is too small"),
        (lambda: Float(math.nan, 1), "low has to be a finite number, got nan"),
        (lambda: Float(0, math.inf), "high has to be a finite number, got inf"),
        (lambda: Float(0, 1, step=math.nan), "step has to be a finite number"),
        (lambda: Float(0, True), "high has to be a number.*, got True"),
        (lambda: Int(False, 3), "low has to be a whole number, got False"),
        (lambda: Float("0", 1), r"low has to be a number.*, got '0' \(of type str\)"),
        (lambda: Float(0, 10**400), "high has to be a number that a float can hold"),
        (lambda: Float(None, 1), "low has to be a number.*, got None"),
        (lambda: Int(1e3, 2000), "low has to be a whole number, got 1000.0.* write low=1000"),
        (lambda: Int(0, 2.5), "high has to be a whole number.*; write Float for real numbers"),
        (lambda: Int(0, 2, step=0.5), "step has to be a whole number"),
        (lambda: Int(0, math.nan), "high has to be a whole number, got nan"),
        (lambda: Int(0, 2**65), "high has to fit in 64 bits"),
        (lambda: Float(0, 1, log="yes"), "log has to be True or False"),
    ],
)
def test_illegal_bounds(make, message):
    with pytest.raises(SpaceError, match=message):
        make()


def test_points_that_are_not_there():
    with pytest.raises(SpaceError, match=r"Float\(0.0, 1.0\) cannot be counted"):
        Float(0, 1).point(0)
    with pytest.raises(SpaceError, match=r"Int\(1, 3\) has 3 values; there is no number 3"):
        Int(1, 3).point(3)


@pytest.mark.parametrize(
    ("dimension", "text"),
    [
        (Float(0, 1), "Float(0.0, 1.0)"),
        (Float(0.1, 1, log=True), "Float(0.1, 1.0, log=True)"),
        (Int(np.int64(1), 9, step=2), "Int(1, 9, step=2)"),
    ],
)
def test_repr_reads_like_the_call(dimension, text):
    assert repr(dimension) == text
    assert eval(text) == dimension
    assert hash(eval(text)) == hash(dimension)
