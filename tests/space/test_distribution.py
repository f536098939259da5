from __future__ import annotations

import math
import pickle

import numpy as np
import pytest
from scipy import stats

from tunesmith.exceptions import SpaceError
from tunesmith.space import Categorical, Distribution, Float, Int, Sampled, Space


def read(source):
    return dict(Space.read({"x": source}).branches[0].entries)["x"]


@pytest.mark.parametrize(
    ("frozen", "dimension"),
    [
        (stats.uniform(2, 3), Float(2, 5)),
        (stats.uniform(loc=-1), Float(-1, 0)),
        (stats.uniform, Float(0, 1)),
        (stats.loguniform(1e-4, 1), Float(1e-4, 1, log=True)),
        (stats.reciprocal(1e-4, 1, scale=10), Float(1e-3, 10, log=True)),
        (stats.randint(1, 10), Int(1, 9)),
        (stats.randint(0, 5, loc=3), Int(3, 7)),
        (
            stats.rv_discrete(values=([1, 5, 2], [0.5, 0.5, 0])),
            Categorical([1, 5], ordered=True, weights=[0.5, 0.5]),
        ),
        (
            stats.rv_discrete(values=([0.5, 1.5], [0.25, 0.75]))(loc=1),
            Categorical([1.5, 2.5], ordered=True, weights=[0.25, 0.75]),
        ),
    ],
)
def test_known_distributions(frozen, dimension):
    assert read(frozen) == dimension


@pytest.mark.parametrize(
    "frozen",
    [
        stats.norm(0, 1),
        stats.norm,
        stats.beta(2, 3),
        stats.binom(9, 0.5),
        stats.loguniform(1, 10, 5),
    ],
)
def test_other_distributions(frozen):
    assert isinstance(read(frozen), Distribution)


@pytest.mark.parametrize(
    "frozen", [stats.norm(10, 2), stats.beta(2, 3), stats.expon(scale=5), stats.cauchy()]
)
def test_continuous_quantiles(frozen):
    dimension = Distribution(frozen)
    values = [dimension.decode(u) for u in (0.0, 1e-9, 0.1, 0.5, 0.9, 1.0)]
    assert values == sorted(values)
    assert all(type(v) is float and math.isfinite(v) for v in values)
    assert values[3] == pytest.approx(frozen.median())
    for value in values[1:5]:
        assert dimension.decode(dimension.encode(value)) == pytest.approx(value)
    assert dimension.size == math.inf


@pytest.mark.parametrize(
    "frozen",
    [
        stats.binom(9, 0.5),
        stats.poisson(3),
        stats.geom(0.4, loc=7),
        stats.randint(2, 6),
        stats.skellam(2, 3),
    ],
)
def test_discrete_values(frozen):
    dimension = Distribution(frozen)
    u = (np.arange(2000) + 0.5) / 2000
    values = [dimension.decode(x) for x in [0.0, *u, 1.0]]
    assert values == sorted(values)
    assert all(type(v) is int and frozen.pmf(v) > 0 for v in values)
    for value in set(values[1:-1]):
        assert dimension.decode(dimension.encode(value)) == value
        assert np.mean(np.array(values[1:-1]) == value) == pytest.approx(
            frozen.pmf(value), abs=1e-3
        )


def test_sizes_and_points():
    dimension = Distribution(stats.binom(3, 0.5, loc=2))
    assert dimension.size == 4
    assert [dimension.point(i) for i in range(4)] == [2, 3, 4, 5]
    assert Distribution(stats.poisson(3)).size == math.inf
    with pytest.raises(SpaceError, match="cannot be counted"):
        Distribution(stats.norm()).point(0)


@pytest.mark.parametrize("value", [-1, 10, 2.5, True, "3", math.nan, 10**400])
def test_what_is_not_contained(value):
    assert value not in Distribution(stats.binom(9, 0.5))


def test_what_is_contained():
    assert np.int64(3) in Distribution(stats.binom(9, 0.5))
    assert np.float32(3) in Distribution(stats.norm())
    assert 3 in Distribution(stats.norm())
    assert -1.0 not in Distribution(stats.expon())


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Distribution(3), r"such as norm\(0, 1\), got 3"),
        (lambda: Distribution(stats.norm(0, -1)), r"norm\(0, -1\).* not legal"),
        (lambda: Distribution(stats.norm([0, 1])), "several values"),
        (lambda: Sampled(3), "a method rvs, got 3"),
        (lambda: read(stats.gamma), r"'x': the distribution gamma needs .* write gamma\(a\)"),
        (lambda: read(stats.norm([0, 1])), "'x'.*several values"),
        (lambda: read(stats.randint(5, 5)), "'x'.*not legal"),
        (lambda: read(stats.uniform(0, -1)), "'x'.*not legal"),
    ],
)
def test_illegal_distributions(make, message):
    with pytest.raises(SpaceError, match=message):
        make()


def test_equality_repr_and_pickle():
    one = Distribution(stats.norm(0, scale=2))
    assert one == Distribution(stats.norm(0, scale=2))
    assert hash(one) == hash(Distribution(stats.norm(0, scale=2)))
    assert one != Distribution(stats.norm(0, scale=3))
    assert one != Distribution(stats.cauchy(0, scale=2))
    assert repr(one) == "Distribution(norm(0, scale=2))"
    assert pickle.loads(pickle.dumps(one)) == one


class Pairs:
    def rvs(self, random_state):
        return [random_state.randint(100), random_state.random_sample()]


def test_what_only_draws():
    dimension = read(Pairs())
    assert isinstance(dimension, Sampled)
    assert dimension.decode(0.25) == dimension.decode(0.25)
    assert dimension.decode(0.25) != dimension.decode(0.25 + 2**-53)
    assert [type(v) for v in dimension.decode(1.0)] == [int, float]
    assert math.isnan(dimension.encode([1, 2]))
    assert "anything" in dimension
    assert dimension.size == math.inf


def test_what_only_draws_in_a_space():
    space = Space.read({"a": [1, 2], "p": Pairs()})
    params = space.sample(np.random.default_rng(0))
    assert params in space
    np.testing.assert_array_equal(np.isnan(space.encode(params)), [False, True])
    with pytest.raises(SpaceError, match=r"'p'.* from 0 to 1, got nan"):
        space.decode(space.encode(params))
