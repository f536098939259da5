"""Parameters that are met in the function."""

from __future__ import annotations

import random
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from tunesmith import Choice, Float, Int, Study, maximize, minimize
from tunesmith.exceptions import SpaceError
from tunesmith.samplers import Suggestion
from tunesmith.storage.memory import MemoryStorage
from tunesmith.trial import Part, State

from .test_optimize import plain


def network(trial):
    """A loss whose parameters depend on each other."""
    loss = (trial.suggest_float("rate", 1e-4, 1, log=True) - 0.1) ** 2
    for layer in range(trial.suggest_int("layers", 1, 3)):
        loss += abs(trial.suggest_int(f"units{layer}", 8, 64, step=8) - 32) / 100
    if trial.suggest_categorical("optimizer", ["adam", "sgd"]) == "sgd":
        loss += 0.1 + (trial.suggest_float("momentum", 0, 1) - 0.9) ** 2
    return loss


def slow(trial):
    time.sleep(random.choice([0.0, 0.0, 0.002, 0.01]))
    return network(trial)


def test_it_finds_the_minimum():
    result = minimize(network, {}, 60, random_state=0)
    assert result.best_value < 0.1
    assert result.best_params["optimizer"] == "adam"
    for trial in result.trials:
        p = trial.params
        names = {"rate", "layers", "optimizer", *(f"units{i}" for i in range(p["layers"]))}
        assert p.keys() == names | ({"momentum"} if p["optimizer"] == "sgd" else set())
        assert network(Fixed(p)) == trial.value


class Fixed:
    """Gives the parameters it has."""

    def __init__(self, params):
        self._params = params

    def __getattr__(self, name):
        return lambda asked, *args, **kwargs: self._params[asked]


@pytest.mark.parametrize("sampler", ["auto", "gp", "tpe", "qmc", "random"])
def test_every_sampler_can_do_it(sampler):
    result = minimize(network, None, 25, sampler=sampler, random_state=1)
    assert all(trial.state is State.COMPLETED for trial in result.trials)
    assert len({trial.params["rate"] for trial in result.trials}) > 20


def test_a_sampler_that_learns_does_better_than_one_that_does_not():
    def best(sampler):
        values = [
            minimize(network, {}, 50, sampler=sampler, random_state=seed).best_value
            for seed in range(3)
        ]
        return sum(values)

    assert best("tpe") < best("random")


@pytest.mark.parametrize("sampler", ["tpe", "random"])
@pytest.mark.parametrize("in_flight", [1, 4])
def test_any_number_of_workers_gives_the_same(sampler, in_flight):
    settings = {"sampler": sampler, "random_state": 1, "in_flight": in_flight}
    alone = minimize(network, {}, 18, **settings)
    for workers in (2, 4):
        with ThreadPoolExecutor(workers) as pool:
            assert plain(minimize(slow, {}, 18, executor=pool, **settings)) == plain(alone)


@pytest.mark.parametrize("space", [{}, {"rate": Float(0.01, 1)}], ids=["all", "mixed"])
def test_processes_give_the_same(space):
    settings = {"random_state": 1, "in_flight": 3}
    alone = minimize(network, space, 14, **settings)
    assert plain(minimize(slow, space, 14, n_jobs=2, **settings)) == plain(alone)


def test_equal_calls_give_equal_results_and_other_seeds_others():
    first = plain(minimize(network, {}, 12, random_state=3))
    assert plain(minimize(network, {}, 12, random_state=3)) == first
    assert plain(minimize(network, {}, 12, random_state=4)) != first
    assert plain(maximize(lambda trial: -network(trial), {}, 12, random_state=3)) == [
        (number, params, -value) for number, params, value in first
    ]


def test_a_given_space_and_parameters_met_beside_it():
    space = {
        "kind": Choice({"p": {"x": Float(0, 1)}, "q": {}}),
        "n": Int(1, 4),
    }

    def loss(trial):
        assert trial.keys() == ({"kind", "n", "x"} if trial["kind"] == "p" else {"kind", "n"})
        y = trial.suggest_float("y", 0, 1)
        assert trial.suggest_int("n", 1, 10) == trial["n"]
        return abs(y - 0.3) + trial.get("x", 2.0) + trial["n"]

    result = minimize(loss, space, 40, random_state=0)
    assert all(trial.state is State.COMPLETED for trial in result.trials)
    assert result.best_params.keys() == {"kind", "n", "x", "y"}
    assert result.best_value < 1.3


def test_a_list_of_dicts_and_parameters_met_beside_it():
    space = [{"a": Float(0, 1)}, {"b": Float(0, 1)}]

    def loss(trial):
        return sum(trial.values()) + trial.suggest_float("y", 0, 1)

    result = minimize(loss, space, 30, random_state=0, sampler="tpe")
    assert {frozenset(t.params) for t in result.trials} == {frozenset("ay"), frozenset("by")}


class Watcher:
    """Suggests at random; notes what it was shown."""

    adaptive = True

    def __init__(self):
        self.seen = []

    def suggest(self, space, history, rng):
        self.seen.append((space, history))
        return Suggestion(space.sample(rng))


def test_what_the_sampler_sees():
    def loss(trial):
        x = trial.suggest_float("x", 0, 1 + trial.number)
        return x + (trial.suggest_int("n", 1, 2) if trial.number % 2 else 0)

    sampler = Watcher()
    result = minimize(loss, {}, 5, sampler=sampler, random_state=0, in_flight=2)
    spaces = [{c.name: c.dimension for c in space.columns} for space, _ in sampler.seen]
    expected = [
        {},
        {},
        {"x": Float(0, 1)},
        {"x": Float(0, 2), "n": Int(1, 2)},
        {"x": Float(0, 3), "n": Int(1, 2)},
    ]
    assert spaces == expected
    final = [trial.params for trial in result.trials]
    for number, (space, history) in enumerate(sampler.seen):
        assert list(history.params[: max(0, number - 1)]) == final[: max(0, number - 1)]
        assert history.encoded.shape == (number, space.n_dimensions)
    assert np.isnan(sampler.seen[4][1].encoded[:3, 0]).tolist() == [True, False, True]


def test_what_fails_in_asking_is_a_failed_trial_and_the_search_goes_on():
    def loss(trial):
        if trial.number == 1:
            return trial.suggest_float("x", 2, 1)
        if trial.number == 2:
            return trial.suggest_categorical("x", ["a"])
        if trial.number == 3:
            return trial.suggest_categorical("k", [len])
        return trial.suggest_float("x", 0, 1)

    result = minimize(loss, {}, 6, random_state=0)
    states = [trial.state is State.COMPLETED for trial in result.trials]
    assert states == [True, False, False, False, True, True]
    messages = [trial.error for trial in result.trials[1:4]]
    assert "'x': Float: low=2.0 is above high=1.0" in messages[0]
    assert "'x': in earlier trials it was Float(0.0, 1.0), and now" in messages[1]
    assert "'k': a choice is None, a bool" in messages[2]


def test_two_kinds_that_do_not_know_of_each_other():
    def loss(trial):
        if trial.number in (0, 3):
            return float(trial.suggest_categorical("x", [1, 2]))
        return trial.suggest_int("x", 1, 9)

    result = minimize(loss, {}, 12, random_state=0, in_flight=4, sampler="tpe")
    assert [trial.value is not None for trial in result.trials[:4]] == [True] * 4
    assert "in earlier trials it was Categorical" in result.trials[4].error


def test_a_failed_trial_tells_what_it_had_met():
    def loss(trial):
        return 1 / (trial.suggest_int("n", 0, 1))

    result = minimize(loss, {}, 8, random_state=0, sampler="random")
    assert {(t.params["n"], t.state) for t in result.trials} == {
        (0, State.FAILED),
        (1, State.COMPLETED),
    }


def test_a_function_that_asks_for_nothing():
    assert minimize(lambda trial: trial.number, {}, 12, random_state=0).best_value == 0


def test_a_grid_needs_a_space():
    with pytest.raises(SpaceError, match="a grid needs to know the space"):
        minimize(network, {}, 5, sampler="grid")
    with pytest.raises(SpaceError, match="a grid needs to know the space"):
        Study({}, sampler="grid")


CALLS = []


@pytest.fixture
def one_key(monkeypatch):
    """Have functions that count their calls be the same, whatever has been counted."""
    part = Part(digest="0" * 32, text="a function")
    monkeypatch.setattr("tunesmith.study.keeping.part", lambda name, function: part)


def counted(trial):
    CALLS.append(trial.number)
    return network(trial)


def test_another_seed_is_another_search_in_the_same_study(tmp_path, one_key):
    settings = {"sampler": "random", "storage": tmp_path / "s.db"}
    CALLS.clear()
    for seed in (0, 1, 0):
        kept = plain(minimize(counted, {}, 5, random_state=seed, **settings))
        assert kept == plain(minimize(network, {}, 5, random_state=seed, sampler="random"))
    assert CALLS == [0, 1, 2, 3, 4] * 2


@pytest.mark.parametrize("sampler", ["auto", "random"])
@pytest.mark.parametrize("stops", [(3,), (0, 5, 1), (7, 2, 2)])
def test_interrupted_anywhere_it_comes_to_the_same_end(one_key, sampler, stops):
    settings = {"sampler": sampler, "random_state": 5, "in_flight": 3}
    whole = plain(minimize(network, {}, 14, **settings))
    storage, left = MemoryStorage(), list(stops)

    def interrupted(trial):
        if left and not left[0]:
            raise KeyboardInterrupt
        if left:
            left[0] -= 1
        return counted(trial)

    CALLS.clear()
    while left:
        with pytest.raises(KeyboardInterrupt):
            minimize(interrupted, {}, 14, storage=storage, **settings)
        left.pop(0)
    assert plain(minimize(interrupted, {}, 14, storage=storage, **settings)) == whole
    assert sorted(CALLS) == list(range(14))


@pytest.mark.parametrize("space", [{}, {"rate": Float(0.01, 1)}], ids=["all", "mixed"])
@pytest.mark.parametrize("sampler", ["auto", "tpe", "random"])
@pytest.mark.parametrize(("stop", "in_flight"), [(0, 1), (4, 1), (9, 3), (14, 2)])
def test_resumed_it_equals_the_uninterrupted_one(
    tmp_path, one_key, space, sampler, stop, in_flight
):
    settings = {"sampler": sampler, "random_state": 2, "in_flight": in_flight}
    whole = plain(minimize(network, space, 16, **settings))
    kept = {**settings, "storage": tmp_path / "s.db", "study_name": "s"}
    CALLS.clear()
    if stop:
        assert plain(minimize(counted, space, stop, **kept)) == whole[:stop]
    assert plain(minimize(counted, space, 16, **kept)) == whole
    assert sorted(CALLS) == list(range(16))
    again = minimize(counted, space, 16, **kept)
    assert plain(again) == whole
    assert [list(trial.params) for trial in again.trials] == [list(p) for _, p, _ in whole]
    assert len(CALLS) == 16
