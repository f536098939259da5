from __future__ import annotations

import math
import sys

import numpy as np
import pytest

from tests.samplers.loops import search
from tunesmith import Float, Study
from tunesmith.exceptions import SpaceError
from tunesmith.samplers.cmaes import CMAESSampler, _between
from tunesmith.samplers.random import RandomSampler
from tunesmith.samplers.tpe import TPESampler
from tunesmith.space import Categorical, Choice, Int, Space
from tunesmith.trial import History

BOX = {f"x{i}": Float(-5, 5) for i in range(6)}
TURN = np.linalg.qr(np.random.default_rng(5).normal(size=(6, 6)))[0]


def valley(params):
    """Ill-conditioned and turned: no column can be searched alone."""
    z = TURN @ (np.array(list(params.values())) - 1.3)
    return -float((10.0 ** np.arange(6)) @ z**2) / 6


def best(sampler, score, space, n, seeds=2):
    return np.mean(
        [math.log10(-max(search(sampler, space, score, n, s)[1])) for s in range(seeds)]
    )


def test_it_learns_the_shape_of_a_valley():
    assert best(CMAESSampler(), valley, BOX, 160) < best(TPESampler(), valley, BOX, 160) - 0.2


def mixed(params):
    miss = abs(params["n"] - 23) / 10 + abs(math.log10(params["rate"]) + 2.5)
    return -(miss + {"a": 0.5, "b": 0.0, "c": 1.0}[params["kind"]] + 1e-9)


MIXED = {
    "n": Int(0, 40),
    "rate": Float(1e-5, 1, log=True),
    "kind": Categorical(["a", "b", "c"]),
}


def test_whole_numbers_logarithms_and_categories():
    ours, random = (best(s, mixed, MIXED, 100) for s in (CMAESSampler(), RandomSampler()))
    assert ours < random - 0.5
    params, scores = search(CMAESSampler(), MIXED, mixed, 100)
    winner = params[int(np.argmax(scores))]
    assert (winner["n"], winner["kind"]) == (23, "b")


def test_columns_of_a_branch_move_only_by_its_trials():
    def score(params):
        if params["model"] == "tree":
            return -abs(params["depth"] - 7) - 0.1
        return -abs(params["c"] - 0.8)

    space = {"model": Choice({"tree": {"depth": Int(1, 30)}, "line": {"c": Float(0, 1)}})}
    params, scores = search(CMAESSampler(), space, score, 150)
    assert params[int(np.argmax(scores))]["model"] == "line"
    assert max(scores) > -0.01


def test_it_begins_again_where_it_has_converged():
    params, _ = search(CMAESSampler(), {"x": Float(0, 1)}, lambda p: -abs(p["x"] - 0.2), 250)
    spreads = [np.std([p["x"] for p in params[n : n + 25]]) for n in range(0, 250, 25)]
    assert min(spreads) < 1e-4
    assert max(spreads[int(np.argmin(spreads)) :]) > 0.1


def test_trials_that_fail_are_the_worst():
    _, scores = search(
        CMAESSampler(),
        {"x": Float(0, 1), "y": Float(0, 1)},
        lambda p: math.nan if p["x"] < 0.5 else -abs(p["x"] - 0.5) - abs(p["y"] - 0.5),
        200,
    )
    assert np.nanmax(scores) > -0.02
    assert np.isnan(scores[100:]).mean() < 0.5


def test_trials_from_elsewhere_count():
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.normal(0.8, 0.02, size=24), rng.random(24)]).clip(0, 1)[::-1]
    history = History(
        48,
        tuple({"x": float(v), "y": float(v)} for v in x),
        np.column_stack([x, x]),
        -np.abs(x - 0.8)[:, None],
        np.ones(48, dtype=bool),
    )
    space = Space.read({"x": Float(0, 1), "y": Float(0, 1)})
    drawn = [
        CMAESSampler().suggest(space, history, np.random.default_rng(seed)).params
        for seed in range(40)
    ]
    assert abs(np.mean([p["x"] for p in drawn]) - 0.8) < 0.1
    assert abs(np.mean([p["y"] for p in drawn]) - 0.8) < 0.1


@pytest.mark.parametrize(("low", "high"), [(-1, 1), (3, 3.1), (40, np.inf), (-np.inf, -9), (2, 2)])
def test_draws_between_two_ends(low, high):
    u = np.linspace(0, 1, 50)
    drawn = _between(np.full(50, float(low)), np.full(50, float(high)), u)
    assert np.isfinite(drawn).all()
    assert ((low <= drawn) & (drawn <= high)).all()
    if low < high < 30 or low < -30:
        assert len(np.unique(drawn[1:-1])) > 40


def test_bad_input(monkeypatch):
    with pytest.raises(SpaceError, match="population_size has to be at least 4"):
        CMAESSampler(population_size=3)
    study = Study(BOX, sampler="cmaes", objectives=["a", "b"])
    with pytest.raises(SpaceError, match="write sampler='evolution', 'tpe', 'gp' or 'auto'"):
        study.ask()
    monkeypatch.setitem(sys.modules, "cmaes", None)
    with pytest.raises(ImportError, match="pip install 'tunesmith"):
        Study(BOX, sampler="cmaes").ask()
