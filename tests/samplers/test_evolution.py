from __future__ import annotations

import math
import sys

import numpy as np
import pytest

from tests.samplers.loops import outcomes, search
from tunesmith import Float, Study
from tunesmith.exceptions import SpaceError
from tunesmith.samplers.evolution import EvolutionSampler, _by_volume, _holders
from tunesmith.samplers.random import RandomSampler
from tunesmith.space import Categorical, Choice, Int, Space
from tunesmith.trial import History

BOX = {f"x{i}": Float(0, 1) for i in range(5)}


def waves(params):
    z = (np.array(list(params.values())) - 0.37) * 8
    return -float((z**2 - 5 * np.cos(2 * np.pi * z) + 5).sum())


def best(sampler, score, space, n, seeds=3):
    return np.mean([max(search(sampler, space, score, n, seed)[1]) for seed in range(seeds)])


def test_it_gets_across_waves():
    assert best(EvolutionSampler(), waves, BOX, 600) > best(RandomSampler(), waves, BOX, 600) / 3


def test_mixed_and_conditional_columns():
    def score(params):
        if params["model"] == "tree":
            return -abs(params["depth"] - 17) / 30 - (params["rule"] != "b") - 0.01
        return -abs(params["c"] - 0.8) - 0.5

    tree = {"depth": Int(1, 60), "rule": Categorical(list("abcd"))}
    space = {"model": Choice({"tree": tree, "line": {"c": Float(0, 1)}})}
    params, scores = search(EvolutionSampler(), space, score, 300)
    assert params[int(np.argmax(scores))] == {"model": "tree", "depth": 17, "rule": "b"}


def test_a_place_is_held_by_the_best_of_its_competitors():
    ranked = np.array([7, 3, 0, 12, 5, 1])  # of the places 2, 3, 0, 2, 0, 1
    assert _holders(ranked, 5).tolist() == [7, 3, 0, 1]


def test_failures_leave_their_place_to_others():
    _, scores = search(
        EvolutionSampler(10),
        {"x": Float(0, 1)},
        lambda p: math.nan if p["x"] < 0.5 else -abs(p["x"] - 0.6),
        150,
    )
    assert np.nanmax(scores) > -0.001


def history_of(values, violations=None):
    values = np.array(values, dtype=float)
    n = len(values)
    places = np.linspace(0, 1, n)[:, None]
    params = tuple({"x": float(x)} for x in places[:, 0])
    known = np.ones(n, dtype=bool)
    broken = None if violations is None else np.array(violations, dtype=float)[:, None]
    return History(n, params, places, values[:, None], known, violations=broken)


def test_parents_are_first_fronts_then_volumes():
    values = [[0, 0], [3, 1], [1, 3], [2.1, 2.1], [2.2, 2.0], [1, 1], [np.nan, 9]]
    # Of the first front, the two in the middle add little beside each other.
    assert set(_by_volume(history_of(values), 3)) < {1, 2, 3, 4}
    assert set(_by_volume(history_of(values), 2)) == {1, 2}
    assert set(_by_volume(history_of(values), 5)) == {1, 2, 3, 4, 5}


def test_parents_keep_constraints_first():
    values, broken = [[9, 9], [1, 2], [2, 1], [8, 8]], [1, -1, 0, 0.5]
    assert _by_volume(history_of(values, broken), 3).tolist()[2] == 3
    assert _by_volume(history_of(values, [1, 2, 3, 4]), 3).tolist() == [0, 1, 2]


@pytest.mark.parametrize("n_objectives", [2, 3, 5])
def test_fronts_of_several_scores(n_objectives):
    """The best trials lie where all columns but the first ones are 0.5."""

    def values(params):
        x = np.array(list(params.values()))
        ends = np.eye(8)[:n_objectives]
        return [-float(np.sum((x - 0.5 - 0.4 * end) ** 2)) for end in ends], []

    def away(sampler):
        space = {f"x{i}": Float(0, 1) for i in range(8)}
        params, scores, _ = outcomes(sampler, space, values, 400)
        top = np.argsort(-scores.sum(axis=1))[:40]
        rest = [list(params[i].values())[n_objectives:] for i in top]
        return np.abs(np.array(rest) - 0.5).mean()

    assert away(EvolutionSampler()) < away(RandomSampler()) / 2


def test_a_discrete_space_is_not_tried_twice_while_there_is_more():
    space = {"a": Int(0, 9), "b": Categorical(list("vwxyz"))}
    params, _ = search(EvolutionSampler(10), space, lambda p: -abs(p["a"] - 3.0), 40)
    assert len({tuple(p.values()) for p in params[10:]}) >= 24


def test_bad_input(monkeypatch):
    with pytest.raises(SpaceError, match="population_size has to be at least 5"):
        EvolutionSampler(population_size=4)
    space, history = Space.read({"x": Float(0, 1)}), history_of([[1, 2], [2, 1]])
    monkeypatch.setitem(sys.modules, "moocore", None)
    with pytest.raises(ImportError, match="pip install 'tunesmith"):
        EvolutionSampler().suggest(space, history, np.random.default_rng(0))
    assert Study({"x": Float(0, 1)}, sampler="evolution").ask().keys() == {"x"}
