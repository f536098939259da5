"""What samplers that learn have in common."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tests.samplers.loops import search
from tunesmith.exceptions import SpaceError
from tunesmith.samplers.auto import AutoSampler
from tunesmith.samplers.gp import GPSampler
from tunesmith.samplers.random import RandomSampler
from tunesmith.samplers.tpe import TPESampler
from tunesmith.space import Categorical, Choice, Float, Int, Space

SAMPLERS = pytest.mark.parametrize(
    "sampler", [TPESampler(), GPSampler(), AutoSampler()], ids=["tpe", "gp", "auto"]
)
BOWL = {"x": Float(0, 1), "y": Float(1e-4, 1, log=True)}
MIXED = {"a": ["p", "q", "r", "s"], "n": Int(1, 20), "x": Float(0, 1)}
CONDITIONAL = {
    "kind": Choice({"p": {"x": Float(0, 1), "y": Float(0, 1)}, "q": {"x": Float(0, 1)}, "r": {}})
}


def bowl(params):
    return -((params["x"] - 0.3) ** 2) - (math.log10(params["y"]) + 1.2) ** 2 / 10


def mixed(params):
    return -((params["a"] != "r") + abs(params["n"] - 7) / 10 + (params["x"] - 0.6) ** 2)


def conditional(params):
    match params["kind"]:
        case "p":
            return -((params["x"] - 0.2) ** 2) - (params["y"] - 0.8) ** 2
        case "q":
            return -0.05 - (params["x"] - 0.9) ** 2
        case _:
            return -0.2


def regret(sampler, space, score):
    return -np.mean([max(search(sampler, space, score, 40, seed)[1]) for seed in range(3)])


@SAMPLERS
@pytest.mark.parametrize(
    ("space", "score"), [(BOWL, bowl), (MIXED, mixed), (CONDITIONAL, conditional)]
)
def test_it_learns(sampler, space, score):
    assert regret(sampler, space, score) < regret(RandomSampler(), space, score) / 2


@SAMPLERS
def test_any_number_of_categories(sampler):
    space = {"a": Choice({f"{number}": {} for number in range(1500)}), "b": list(range(1500))}
    found = search(sampler, space, lambda params: params["b"], 15, 0)[1]
    assert max(found) > 750


@SAMPLERS
def test_failures_are_avoided(sampler):
    def half(params):
        return math.nan if params["x"] < 0.5 else bowl(params)

    _, scores = search(sampler, BOWL, half, 40)
    assert np.isnan(scores[20:]).sum() <= 6


@SAMPLERS
def test_where_every_trial_fails_it_goes_on(sampler):
    drawn, _ = search(sampler, MIXED, lambda params: math.nan, 25)
    assert len(drawn) == 25


@SAMPLERS
def test_where_all_scores_are_equal_it_goes_on(sampler):
    drawn, _ = search(sampler, MIXED, lambda params: 1.0, 25)
    assert len({tuple(params.values()) for params in drawn}) == 25


@SAMPLERS
@pytest.mark.parametrize("scale", [1e-12, 1e12])
def test_the_scale_of_scores_does_not_matter_much(sampler, scale):
    drawn, _ = search(sampler, BOWL, lambda params: 5 * scale + scale * bowl(params), 40)
    assert max(map(bowl, drawn)) > -0.02


@SAMPLERS
def test_pending_trials_keep_workers_apart(sampler):
    drawn, _ = search(sampler, BOWL, bowl, 48, in_flight=8)
    places = np.array([Space.read(BOWL).encode(params) for params in drawn[-8:]])
    distances = np.linalg.norm(places[:, None] - places[None], axis=2)
    assert distances[np.triu_indices(8, 1)].min() > 1e-4
    assert max(map(bowl, drawn)) > -0.05


@SAMPLERS
def test_nothing_is_tried_twice_while_there_is_anything_else(sampler):
    space = {"a": list(range(5)), "n": Int(1, 6), "o": Categorical(["l", "h"], ordered=True)}
    drawn, _ = search(sampler, space, lambda p: -abs(p["n"] - 3) - (p["a"] != 2), 40)
    assert len({tuple(params.values()) for params in drawn[10:]}) == 30


def test_auto_tries_everything_once():
    space = {"a": list(range(5)), "n": Int(1, 6), "o": Choice({"l": {}, "h": {"b": [0, 1]}})}
    size = Space.read(space).size
    drawn, _ = search(AutoSampler(), space, lambda p: -abs(p["n"] - 3) - (p["a"] != 2), size)
    assert len({tuple(sorted(params.items())) for params in drawn}) == size == 90


@SAMPLERS
def test_a_space_without_parameters(sampler):
    assert search(sampler, {}, lambda params: 0.0, 12)[0] == [{}] * 12


def test_bad_numbers():
    with pytest.raises(SpaceError, match="n_startup has to be above 0, got 0"):
        GPSampler(n_startup=0)
    with pytest.raises(SpaceError, match="n_candidates has to be above 0, got -1"):
        TPESampler(n_candidates=-1)
