from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from sklearn.model_selection import ParameterGrid
from sklearn.svm import SVC

from tunesmith.exceptions import SpaceError
from tunesmith.samplers.grid import GridSampler
from tunesmith.space import Categorical, Choice, Distribution, Float, Int, Space
from tunesmith.trial import History

RNG = np.random.default_rng(0)


def history(number):
    nothing = np.empty((0, 0))
    return History(number, (), nothing, nothing, np.empty(0, dtype=bool))


def grid(space, sampler=None):
    space, sampler = Space.read(space), sampler or GridSampler()
    return [sampler.suggest(space, history(n), RNG).params for n in range(sampler.size(space))]


@pytest.mark.parametrize(
    "param_grid",
    [
        {},
        {"a": [1]},
        {"b": [True, False], "a": [1, 2, 3], "Z": ["x", None]},
        {"a": (1, 1, 2), "c": range(4), "b": np.array([0.1, 0.2])},
        {"layers": [[32], [32, 32], (1, 2)], "est": [SVC(), SVC(C=2)], "f": [len, float("nan")]},
        [{"kernel": ["linear"]}, {"gamma": [1, 10], "kernel": ["rbf"]}, {}],
        ({"a": [1, 2]}, {"a": [2, 3], "b": [0]}),
    ],
)
def test_grid_is_scikit_learns(param_grid):
    ours, theirs = grid(param_grid), list(ParameterGrid(param_grid))
    assert [list(p) for p in ours] == [list(p) for p in theirs]
    for mine, its in zip(ours, theirs, strict=True):
        for name in mine:
            assert type(mine[name]) is type(its[name])
            # Elements of an array are made anew each time they are looked at.
            assert mine[name] is its[name] or mine[name] == its[name]


def test_dimensions_give_their_points():
    points = grid({"n": Int(1, 7, step=3), "x": Float(0, 0.3, step=0.1)})
    assert [(p["n"], p["x"]) for p in points] == [
        (n, x) for n in (1, 4, 7) for x in (0.0, 0.1, 0.2, 0.3)
    ]
    assert [p["n"] for p in grid({"n": Int(3, 6, log=True)})] == [3, 4, 5, 6]
    assert [p["n"] for p in grid({"n": stats.binom(3, 0.5)})] == [0, 1, 2, 3]


def test_choices_give_each_key_with_what_it_opens():
    choice = Choice(
        {"sgd": {"lr": [0.1, 0.2], "m": Choice({0: {}, 1: {"n": [True, False]}})}, "adam": {}}
    )
    assert grid({"o": choice, "z": [1, 2]}) == [
        {"o": "sgd", "lr": lr, **m, "z": z}
        for lr in (0.1, 0.2)
        for m in ({"m": 0}, {"m": 1, "n": True}, {"m": 1, "n": False})
        for z in (1, 2)
    ] + [{"o": "adam", "z": 1}, {"o": "adam", "z": 2}]


def test_large_grid_is_not_made():
    space = Space.read({name: Int(0, 10**9 - 1) for name in "abcdef"})
    params = GridSampler().suggest(space, history(10**54 - 2), RNG).params
    assert params == dict.fromkeys("abcde", 10**9 - 1) | {"f": 10**9 - 2}


@pytest.mark.parametrize(
    ("dimension", "points", "expected"),
    [
        (Float(0, 1), 3, [0.0, 0.5, 1.0]),
        (Float(0, 1), 1, [0.5]),
        (Float(1, 100, log=True), 3, [1.0, 10.0, 100.0]),
        (Float(0, 1), {"x": 2}, [0.0, 1.0]),
        (Int(1, 3), 50, [1, 2, 3]),
        (Distribution(stats.norm(0, 1)), 3, stats.norm.ppf([1 / 6, 0.5, 5 / 6]).tolist()),
        (Distribution(stats.poisson(0.5)), 4, [0, 1]),
    ],
)
def test_points_of_continuous_dimensions(dimension, points, expected):
    got = grid({"x": dimension}, GridSampler(points=points))
    assert [p["x"] for p in got] == pytest.approx(expected)


def test_points_inside_a_choice():
    space = {"o": Choice({"a": {"lr": Float(0, 1)}, "b": {}})}
    assert grid(space, GridSampler(points=2)) == [
        {"o": "a", "lr": 0.0},
        {"o": "a", "lr": 1.0},
        {"o": "b"},
    ]


class Draws:
    def rvs(self, random_state):
        return random_state.randint(3)


@pytest.mark.parametrize(
    ("space", "points", "message"),
    [
        ({"lr": Float(0, 1), "n": [1]}, None, r"'lr'.*Float\(0.0, 1.0\).*list of values or step="),
        ({"lr": Float(0, 1), "x": Float(0, 1)}, {"lr": 2}, "'x'"),
        ({"lr": stats.norm()}, None, "'lr'.*norm"),
        ({"lr": Draws()}, 5, "'lr'.*a list of values$"),
        ({"lr": [1]}, {"rl": 2}, r"'rl' is no parameter.*\['lr'\]"),
    ],
)
def test_grid_that_cannot_be_made(space, points, message):
    with pytest.raises(SpaceError, match=message):
        grid(space, GridSampler(points=points))


@pytest.mark.parametrize("points", [0, -1, 2.0, True, "3", {"a": 0}])
def test_illegal_points(points):
    with pytest.raises(SpaceError, match="points has to be a whole number above 0"):
        GridSampler(points=points)


def test_exhausted_grid():
    space = Space.read({"a": Categorical([1, 2])})
    with pytest.raises(SpaceError, match="the grid has 2 points"):
        GridSampler().suggest(space, history(2), RNG)
