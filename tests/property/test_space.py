from __future__ import annotations

import math
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.model_selection import ParameterGrid

from tunesmith.samplers.grid import GridSampler
from tunesmith.space import Categorical, Choice, Distribution, Float, Int, Space
from tunesmith.trial import History

law = settings(deadline=None, derandomize=True)

UNIT = st.one_of(st.sampled_from([0.0, 5e-324, 0.5, 1 - 2**-53, 1.0]), st.floats(0, 1))


def finite(low, high):
    return st.floats(low, high, allow_nan=False, allow_subnormal=False)


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=3),
    st.lists(st.integers(0, 3), max_size=3),
    st.builds(np.float32, finite(-10, 10)),
    st.builds(np.int64, st.integers(0, 3)),
    st.builds(object),
    st.builds(lambda n: np.arange(n), st.integers(0, 3)),
    st.builds(tuple, st.lists(st.booleans() | st.integers(0, 1), max_size=2)),
)


@st.composite
def floats(draw):
    low, high = sorted(draw(st.tuples(finite(-1e300, 1e300), finite(-1e300, 1e300))))
    return Float(low, high)


@st.composite
def log_floats(draw):
    low, high = sorted(draw(st.tuples(finite(1e-300, 1e300), finite(1e-300, 1e300))))
    return Float(low, high, log=True)


@st.composite
def stepped_floats(draw):
    digits = draw(st.integers(0, 6))
    low, steps, step = draw(
        st.tuples(st.integers(-999, 999), st.integers(0, 99), st.integers(1, 99))
    )
    over = draw(st.floats(0, 0.9))
    scale = 10**digits
    return Float(low / scale, (low + step * (steps + over)) / scale, step=step / scale)


@st.composite
def ints(draw):
    low, width = draw(st.tuples(st.integers(-(2**40), 2**40), st.integers(0, 2**40)))
    return Int(low, low + width, step=draw(st.none() | st.integers(1, 2**20)))


@st.composite
def log_ints(draw):
    low, high = sorted(draw(st.tuples(st.integers(1, 2**40), st.integers(1, 2**40))))
    return Int(low, high, log=True)


@st.composite
def categoricals(draw):
    values = draw(st.lists(VALUES, min_size=1, max_size=6))
    weights = st.lists(finite(0.01, 100), min_size=len(values), max_size=len(values))
    return Categorical(values, ordered=draw(st.booleans()), weights=draw(st.none() | weights))


DISTRIBUTIONS = st.sampled_from(
    [
        Distribution(f)
        for f in (stats.norm(), stats.beta(2, 3), stats.poisson(3), stats.binom(9, 0.3))
    ]
)
COUNTED = st.one_of(stepped_floats(), ints(), log_ints(), categoricals())
DIMENSIONS = st.one_of(floats(), log_floats(), COUNTED, DISTRIBUTIONS)


@st.composite
def spaces(draw, dimensions=DIMENSIONS, names="abcdefgh", depth=2):
    """Dicts and lists of dicts, with choices between more of them inside."""

    def one():
        entries, free = {}, list(names)
        for _ in range(draw(st.integers(0, 3))):
            if not free:
                break
            name = free.pop(draw(st.integers(0, len(free) - 1)))
            if depth and draw(st.booleans()):
                half = len(free) // 2
                inner, free = free[:half], free[half:]
                below = spaces(dimensions, "".join(inner), depth - 1)
                keys = draw(
                    st.lists(
                        st.sampled_from(["p", "q", None, 1, 2.5]),
                        min_size=1,
                        max_size=3,
                        unique=True,
                    )
                )
                weights = [draw(st.floats(0.1, 10)) for _ in keys] if draw(st.booleans()) else None
                entries[name] = Choice({key: draw(below) for key in keys}, weights=weights)
            else:
                entries[name] = draw(dimensions)
        return entries

    alternatives = [one() for _ in range(draw(st.sampled_from([1, 1, 1, 2, 3])))]
    return Space.read(alternatives[0] if len(alternatives) == 1 else alternatives)


def close(dimension, one, other):
    """Whether two values are the same; within rounding, where there is a continuum."""
    if isinstance(dimension, Float) and dimension.step is None:
        if dimension.log:
            return math.isclose(one, other, rel_tol=1e-12)
        return abs(one / 2 - other / 2) <= 1e-14 * max(abs(dimension.low), abs(dimension.high))
    if isinstance(dimension, Distribution):
        # Far out in the tails, neighbours share a place.
        near = abs(dimension.encode(one) - dimension.encode(other)) < 1e-9
        return near and (type(one) is type(other) or not dimension.discrete)
    if isinstance(dimension, Categorical):
        return one is other
    return type(one) is type(other) and one == other


@law
@given(DIMENSIONS, st.lists(UNIT, min_size=1, max_size=5))
def test_values_come_back_from_their_places(dimension, places):
    for u in places:
        value = dimension.decode(u)
        assert value in dimension
        place = dimension.encode(value)
        back = dimension.decode(place)
        if isinstance(dimension, Distribution):
            place = min(max(place, 1e-9), 1 - 1e-9)
            value, back = (
                dimension.decode(place),
                dimension.decode(dimension.encode(dimension.decode(place))),
            )
        assert 0 <= place <= 1
        assert close(dimension, value, back)
        assert dimension.encode(back) == pytest.approx(dimension.encode(value), abs=1e-9)


@law
@given(COUNTED, st.data())
def test_every_point_has_its_place(dimension, data):
    index = data.draw(st.integers(0, dimension.size - 1))
    value = dimension.point(index)
    back = dimension.decode(dimension.encode(value))
    assert type(back) is type(value)
    assert back is value or back == value
    if not isinstance(dimension, Categorical):
        assert dimension.low <= value <= dimension.high


@law
@given(st.one_of(floats(), log_floats(), stepped_floats(), ints(), log_ints()), UNIT, UNIT)
def test_order_is_kept(dimension, u, v):
    u, v = sorted([u, v])
    one, other = dimension.decode(u), dimension.decode(v)
    slack = 0 if dimension.size < math.inf else 1e-12 * max(abs(one), abs(other))
    assert one / 2 <= other / 2 + slack
    assert dimension.encode(one) <= dimension.encode(other) + 1e-12


@law
@given(spaces(), st.data())
def test_parameters_come_back_from_their_place(space, data):
    n = space.n_dimensions
    params = space.decode(data.draw(st.lists(st.floats(1e-6, 1 - 1e-6), min_size=n, max_size=n)))
    assert params in space
    place = space.encode(params)
    back = space.decode(place)
    assert list(back) == list(params)
    # Two dicts may hold the parameters; encoding once settles which.
    again = space.encode(back)
    np.testing.assert_allclose(again, place, atol=1e-9)
    active = {
        space.columns[i].name: space.columns[i].dimension for i in np.flatnonzero(~np.isnan(place))
    }
    assert set(params) == set(active) - {""}
    for name, value in params.items():
        assert close(active[name], value, back[name]) or value == back[name]


@law
@given(spaces())
def test_columns_tell_what_is_active(space):
    rng = np.random.default_rng(0)
    for _ in range(5):
        place = space.encode(space.sample(rng))
        for column, u in zip(space.columns, place, strict=True):
            if column.parent is None:
                assert not np.isnan(u)
                continue
            above = place[column.parent]
            opener = space.columns[column.parent].dimension
            active = not np.isnan(above) and opener.opened(above) == column.branch
            assert active == (not np.isnan(u))


@law
@given(spaces(), st.integers(0, 2**32))
def test_places_snap_to_where_their_parameters_are_encoded(space, seed):
    drawn = np.random.default_rng(seed).random((20, space.n_dimensions))
    for place, snapped in zip(drawn, space.cube.snap(drawn), strict=True):
        params = space.decode(place)
        assert repr(space.decode(snapped)) == repr(params)
        np.testing.assert_array_equal(space.cube.snap(snapped[None])[0], snapped)


@law
@given(spaces(dimensions=categoricals().filter(lambda d: object not in map(type, d.values))))
def test_pickling_and_equality(space):
    assert pickle.loads(pickle.dumps(space)) == space
    assert Space.read(space) is space


SMALL = st.lists(VALUES, min_size=1, max_size=4)
GRID = st.dictionaries(st.text(min_size=1, max_size=3), SMALL, max_size=3)


@law
@given(GRID | st.lists(GRID, min_size=1, max_size=3))
def test_grid_is_scikit_learns(param_grid):
    space, sampler = Space.read(param_grid), GridSampler()
    expected = list(ParameterGrid(param_grid))
    assert sampler.size(space) == space.size == len(expected)
    nothing = np.empty((0, 0))
    for number, theirs in enumerate(expected):
        history = History(number, (), nothing, nothing, np.empty(0, dtype=bool))
        ours = sampler.suggest(space, history, np.random.default_rng(0)).params
        assert list(ours) == list(theirs)
        assert all(ours[name] is theirs[name] for name in theirs)
        assert ours in space


@law
@given(spaces(dimensions=categoricals()))
def test_points_are_in_the_space_and_as_many_as_its_size(space):
    for index in range(min(space.size, 30)):
        assert space.point(index) in space
    assert space.point(space.size - 1) in space
