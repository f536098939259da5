"""What samplers make of constraints, several objectives, and what users know."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tests.samplers.loops import outcomes, search
from tunesmith.exceptions import SpaceError
from tunesmith.samplers.acquisition import boxes
from tunesmith.samplers.auto import AutoSampler
from tunesmith.samplers.distinct import DistinctSampler
from tunesmith.samplers.fronts import contributions, crowding, fronts
from tunesmith.samplers.gp import GPSampler
from tunesmith.samplers.grid import GridSampler
from tunesmith.samplers.process import Columns, Process
from tunesmith.samplers.random import RandomSampler
from tunesmith.samplers.starting import StartingSampler, started
from tunesmith.samplers.tpe import TPESampler
from tunesmith.space import Categorical, Choice, Float, Int, Space
from tunesmith.trial import History

SAMPLERS = pytest.mark.parametrize(
    "sampler", [TPESampler(), GPSampler(), AutoSampler()], ids=["tpe", "gp", "auto"]
)
PLANE = {"x": Float(0, 1), "y": Float(0, 1)}


def volume(values, reference):
    """Area that points dominate, from their definition: counted on a fine grid."""
    grid = (np.arange(200) + 0.5) / 200
    a, b = np.meshgrid(*(low + grid * (1.2 - low) for low in reference))
    covered = np.zeros_like(a, dtype=bool)
    for x, y in values:
        covered |= (a <= x) & (b <= y)
    return covered.mean()


def trade(params):
    x, y = params["x"], params["y"]
    bend = (y - 0.3 - 0.4 * x) ** 2
    return [x - 2 * bend, math.sqrt(1 - x**2) - 2 * bend], []


@SAMPLERS
def test_fronts_grow(sampler):
    def reached(sampler):
        runs = [outcomes(sampler, PLANE, trade, 40, seed)[1] for seed in range(3)]
        return np.mean([volume(values, (-1, -1)) for values in runs])

    best = volume(
        [trade({"x": x, "y": 0.3 + 0.4 * x})[0] for x in np.linspace(0, 1, 99)], (-1, -1)
    )
    assert best - reached(sampler) < 0.75 * (best - reached(RandomSampler()))


def ring(params):
    x, y = params["x"], params["y"]
    return [x + y], [(x**2 + y**2 - 0.5) * 1000]


@SAMPLERS
def test_outcome_constraints_are_learned(sampler):
    best = []
    for seed in range(3):
        _, scores, violations = outcomes(sampler, PLANE, ring, 40, seed)
        keeps = violations[:, 0] <= 0
        assert keeps[20:].sum() >= 4
        best.append(scores[keeps].max())
    assert np.mean(best) > 0.93


@SAMPLERS
def test_where_nothing_is_feasible_yet_it_looks_for_what_is(sampler):
    def corner(params):
        x, y = params["x"], params["y"]
        return [x], [max(abs(x - 0.9), abs(y - 0.9)) - 0.1]

    _, _, violations = outcomes(sampler, PLANE, corner, 40)
    assert (violations <= 0).sum() >= 3


@SAMPLERS
def test_more_objectives_than_volumes_are_computed_for(sampler):
    def five(params):
        return [-abs(params["x"] - target) - params["y"] for target in np.linspace(0, 1, 5)], []

    _, scores, _ = outcomes(sampler, PLANE, five, 25)
    assert scores.shape == (25, 5)
    assert scores[15:].mean() > scores[:10].mean()


@SAMPLERS
def test_a_prior_that_is_right_helps(sampler):
    def score(params):
        return -abs(math.log10(params["lr"]) + 2.5) - (params["kind"] != "c") - params["x"]

    def best(prior):
        space = {
            "lr": Float(1e-6, 1, log=True, prior=3e-3 if prior else None),
            "kind": Categorical(list("abcdef"), prior="c" if prior else None),
            "x": Float(0, 1),
        }
        return np.mean([max(search(sampler, space, score, 8, seed)[1]) for seed in range(4)])

    assert best(True) > best(False) + 0.2


@SAMPLERS
def test_a_prior_that_is_wrong_is_outweighed(sampler):
    def score(params):
        return -((params["x"] - 0.1) ** 2) - (params["kind"] != "a") / 4

    space = {"x": Float(0, 1, prior=0.95), "kind": Categorical(list("abc"), prior="c")}
    params, scores = search(sampler, space, score, 60)
    assert params[0] == {"x": 0.95, "kind": "c"}
    assert max(scores) > -0.02


@pytest.mark.parametrize("sampler", [TPESampler(n_startup=8), GPSampler()], ids=["tpe", "gp"])
def test_a_distance_between_categories_helps(sampler):
    shuffled = np.random.default_rng(3).permutation(24).tolist()

    def score(params):
        return -abs(params["n"] - 17)

    def mean(distance):
        space = {"n": Categorical(shuffled, distance=distance)}
        return np.mean([np.mean(search(sampler, space, score, 18, seed)[1]) for seed in range(6)])

    assert mean(lambda a, b: abs(a - b)) > mean(None) + 0.4


def test_points_are_started_with():
    space = Space.read({"a": Choice({"x": {"b": Float(0, 1)}, "y": {}}), "c": [1, 2, 3]})
    sampler = StartingSampler(RandomSampler(), ({"b": 0.5, "c": 2}, {"a": "y"}))
    params, _ = search(sampler, space, lambda p: 0.0, 3)
    assert params[0] == {"a": "x", "b": 0.5, "c": 2}
    assert params[1]["a"] == "y"


def test_points_that_do_not_go_together_are_told():
    space = Space.read({"a": Choice({"x": {"b": Float(0, 1)}, "y": {}})})
    with pytest.raises(SpaceError, match=r"point 0: .* cannot be completed"):
        started(RandomSampler(), space, [{"a": "y", "b": 0.5}])
    within = Space.read(PLANE).where(lambda p: p["x"] < p["y"])
    with pytest.raises(SpaceError, match="constraints do not hold"):
        started(RandomSampler(), within, [{"x": 0.9, "y": 0.1}])


def test_with_nothing_to_start_with_the_sampler_starts():
    sampler = RandomSampler()
    assert started(sampler, Space.read(PLANE), defaults=[{"z": 1}]) == DistinctSampler(sampler)
    grid = GridSampler()
    assert started(grid, Space.read(PLANE), defaults=[{"z": 1}]) is grid


@pytest.mark.parametrize("n_objectives", [1, 2, 3])
def test_boxes_cover_what_is_not_dominated_once(n_objectives):
    rng = np.random.default_rng(n_objectives)
    values = rng.random((12, n_objectives))
    front = values[fronts(values) == 0]
    lows, highs = boxes(front, np.full(n_objectives, -0.1))
    points = rng.random((500, n_objectives)) * 1.3 - 0.1
    inside = ((points[:, None] >= lows) & (points[:, None] < highs)).all(axis=2).sum(axis=1)
    dominated = (front[None] >= points[:, None]).all(axis=2).any(axis=1)
    np.testing.assert_array_equal(inside, ~dominated)


def test_contributions_are_volumes():
    front = np.array([[0.0, 1.0], [0.5, 0.6], [1.0, 0.0], [0.6, 0.5]])
    whole = volume(front, (-0.1, -0.1))
    lost = [whole - volume(np.delete(front, i, axis=0), (-0.1, -0.1)) for i in range(4)]
    np.testing.assert_allclose(contributions(front), np.array(lost) * 1.3**2, atol=0.02)


def test_the_ends_of_a_front_are_never_crowded():
    distances = crowding(np.array([[0.0, 3.0], [1.0, 1.0], [3.0, 0.0]]))
    assert distances.tolist() == [np.inf, 2.0, np.inf]


def test_a_history_of_several_scores_has_no_single_one():
    history = History(1, ({},), np.empty((1, 0)), np.zeros((1, 1, 2)), np.ones(1, dtype=bool))
    assert history.objectives.shape == (1, 2)
    with pytest.raises(ValueError, match="no single value"):
        _ = history.values


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Float(0, 1, prior=2), r"Float\(0, 1\): prior: 2.0 is not a number"),
        (lambda: Int(1, 5, prior=1.5), "prior: 1.5 is not a whole number"),
        (lambda: Categorical(["a"], prior="b"), "prior: 'b' is none of"),
        (lambda: Categorical([1, 2], distance=lambda a, b: -1), "0 or more, got -1"),
        (lambda: Categorical([1, 2], distance=lambda a, b: a.x), "distance raised AttributeError"),
        (lambda: Categorical([1], ordered=True, distance=max), "do not go together"),
        (
            lambda: Choice({"a": Space.read(PLANE).where(lambda p: True)}),
            "the branch 'a' has constraints",
        ),
    ],
)
def test_bad_knowledge(make, message):
    with pytest.raises(SpaceError, match=message):
        make()


@pytest.mark.parametrize("seed", range(6))
def test_distances_make_a_kernel(seed):
    """Whatever is active and whatever distances users give, covariances are positive definite."""
    rng = np.random.default_rng(seed)
    odd = rng.random((6, 6)) ** 3  # not the distances of any points

    def far(a, b):
        return odd[min(a, b), max(a, b)]

    branches = {
        name: {
            f"{name}_x": Float(0, 1),
            f"{name}_c": ["p", "q", "r", "s"],
            f"{name}_n": Int(1, 4),
            f"{name}_d": Categorical(range(6), distance=far),
        }
        for name in "abc"
    }
    space = Space.read({"kind": Choice(branches), "x": Float(0, 1)})
    places = np.array([space.encode(space.sample(rng)) for _ in range(120)])
    columns = Columns(space.cube)
    for _ in range(10):
        theta = np.concatenate([rng.uniform(-3, 3, columns.n), [0.0, np.log(1e-6)]])
        process = Process(columns, places, rng.normal(size=120), theta)
        mean, deviation = process.predict(places)
        assert np.isfinite(mean).all()
        assert np.isfinite(deviation).all()
        weights = np.exp(-2 * theta[:-2])
        summed = np.tensordot(weights, columns.squares(places, places), axes=1)
        np.testing.assert_allclose(
            columns.weighted(places, places, weights), summed, atol=1e-9 * weights.max()
        )
