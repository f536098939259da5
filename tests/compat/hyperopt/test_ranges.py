from __future__ import annotations

import math

import hyperopt.pyll.stochastic as theirs
import numpy as np
import pytest
from hyperopt import hp as their_hp
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ks_2samp, norm

from tunesmith.compat.hyperopt import hp
from tunesmith.compat.hyperopt.exceptions import BadSearchSpace
from tunesmith.compat.hyperopt.pyll.base import as_apply
from tunesmith.compat.hyperopt.ranges import (
    Exponential,
    Hyperparameter,
    Multiples,
    Normal,
    Uniform,
)
from tunesmith.compat.hyperopt.search_space import SearchSpace
from tunesmith.exceptions import SpaceError

KINDS = {
    "uniform": (-3.0, 5.0),
    "quniform": (0.0, 10.0, 3.0),
    "uniformint": (1, 9),
    "loguniform": (-2.0, 3.0),
    "qloguniform": (0.0, 3.0, 2.0),
    "normal": (4.0, 7.0),
    "qnormal": (0.0, 10.0, 2.0),
    "lognormal": (-2.0, 2.0),
    "qlognormal": (0.0, 2.0, 1.0),
    "randint": (3, 12),
}


def read(node) -> Hyperparameter:
    (hyperparameter,) = SearchSpace(as_apply(node)).hyperparameters.values()
    return hyperparameter


def values(node, n, seed):
    """Draw Hyperopt's values by way of our dimension."""
    hyperparameter = read(node)
    places = np.random.default_rng(seed).random(n)
    return [hyperparameter.value(hyperparameter.dimension.decode(u)) for u in places]


@pytest.mark.parametrize("kind", KINDS)
def test_draws_are_distributed_as_hyperopts(kind):
    ours = values(getattr(hp, kind)("x", *KINDS[kind]), 3000, 0)
    rng = np.random.default_rng(1)
    node = getattr(their_hp, kind)("x", *KINDS[kind])
    sampled = [float(theirs.sample(node, rng=rng)) for _ in range(1000)]
    assert ks_2samp(ours, sampled).pvalue > 1e-3
    if "q" in kind or "int" in kind:
        often = {value for value in sampled if sampled.count(value) > 30}
        assert often <= {float(value) for value in ours}


@pytest.mark.parametrize("kind", KINDS)
@given(u=st.floats(0.001, 0.999))
@settings(max_examples=30)
def test_values_come_back(kind, u):
    hyperparameter = read(getattr(hp, kind)("x", *KINDS[kind]))
    point = hyperparameter.dimension.decode(u)
    again = hyperparameter.point(hyperparameter.value(point))
    assert again == pytest.approx(point)
    place = hyperparameter.dimension.encode(again)
    assert hyperparameter.dimension.decode(place) == pytest.approx(point)


@given(
    low=st.floats(-20, 20),
    width=st.floats(0.1, 30),
    q=st.floats(0.1, 5),
)
def test_chances_of_multiples_are_those_of_rounding(low, width, q):
    law = Multiples(Uniform(low, low + width), q)
    first, last = law.support()
    k = np.arange(first, last + 1)
    chances = law.pmf(k)
    edges = np.clip([(k - 0.5) * q, (k + 0.5) * q], low, low + width)
    assert chances == pytest.approx((edges[1] - edges[0]) / width, abs=1e-9)
    assert chances.sum() == pytest.approx(1)
    assert law.ppf(0.0) == first
    assert law.ppf(1.0) == last
    for u in (0.1, 0.5, 0.9):
        found = law.ppf(u)
        assert law.cdf(found - 1) <= u + 1e-9
        assert law.cdf(found) >= u - 1e-9


def test_laws_are_scipys():
    x = np.linspace(-3, 5, 9)
    assert Normal(1, 2).cdf(x) == pytest.approx(norm(1, 2).cdf(x))
    u = np.linspace(0.1, 0.9, 5)
    assert Normal(1, 2).ppf(u) == pytest.approx(norm(1, 2).ppf(u))
    assert Exponential(Normal(1, 2)).ppf(u) == pytest.approx(np.exp(norm(1, 2).ppf(u)))
    assert Exponential(Normal(1, 2)).cdf([-1.0, 0.0]).tolist() == [0.0, 0.0]
    assert Exponential(Normal(1, 2)).support() == (0.0, math.inf)


def test_chances_of_options_are_as_given():
    node = hp.pchoice("c", [(0.2, "a"), (0.0, "b"), (0.8, "c")])
    drawn = values(node, 2000, 0)
    assert set(drawn) == {0, 2}
    assert 0.15 < drawn.count(0) / 2000 < 0.25
    thirds = read(hp.pchoice("c", [(0.33, "a"), (0.33, "b"), (0.33, "c")]).pos_args[0])
    assert sum(thirds.dimension.weights) == pytest.approx(1)


def test_whole_numbers_may_be_written_as_floats():
    assert values(hp.randint("n", 2.0, 4.0), 20, 0) == values(hp.randint("n", 2, 4), 20, 0)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: hp.uniform("x", 1, 1), "low has to be below high"),
        (lambda: hp.uniform("x", 0, 0), "low has to be below high"),
        (lambda: hp.quniform("x", 2, 1, 1), "low has to be below high"),
        (lambda: hp.uniformint("x", low=3, high=2), "low has to be below high"),
        (lambda: hp.randint("x", 0), "no whole number"),
        (lambda: hp.randint("x", 5, 5), "no whole number"),
        (lambda: hp.choice("x", []), "empty"),
        (lambda: hp.choice("x", "abc"), "have to be a list"),
        (lambda: hp.choice("x", 3), "have to be a list"),
        (lambda: hp.pchoice("x", ["a", "b"]), "pairs"),
        (lambda: hp.pchoice("x", [(0.5, "a"), (0.6, "b")]), "sum to 1"),
        (lambda: read(hp.uniform("x", 0, math.inf)), "finite number"),
        (lambda: read(hp.quniform("x", 0, 1, 0)), "q has to be"),
        (lambda: read(hp.normal("x", 0, -1)), "sigma"),
        (lambda: read(hp.loguniform("x", 0, 1000)), "are natural logarithms"),
        (lambda: read(hp.randint("x", 2.5)), "has to be"),
        (lambda: read(hp.uniform("x", 0, hp.uniform("y", 1, 2))), "high is"),
    ],
)
def test_a_range_that_is_none_is_refused(make, words):
    with pytest.raises(BadSearchSpace, match=words):
        make()


@pytest.mark.parametrize("label", [None, 1, ("x",), b"x"])
def test_a_label_is_text(label):
    with pytest.raises(TypeError, match=r"Write hp\.uniform\('name'"):
        hp.uniform(label, 0, 1)


def test_an_unknown_name_names_the_nearest():
    with pytest.raises(AttributeError, match=r"Did you mean hp\.loguniform"):
        hp.log_uniform("x", 0, 1)
    with pytest.raises(AttributeError, match="There are choice"):
        hp.zzz("x")


def test_a_value_that_is_no_multiple_is_refused():
    with pytest.raises(SpaceError, match="no multiple of 3"):
        read(hp.quniform("x", 0, 9, 3)).point(4.0)
    with pytest.raises(SpaceError, match="no number"):
        read(hp.quniform("x", 0, 9, 3)).point("a")
