"""`fmin` of tunesmith.compat.hyperopt beside Hyperopt's own, on models of scikit-learn.

    python benchmarks/compat_hyperopt.py --results FOLDER [--cache FOLDER] [--seeds 5] [--first 0]

Needs Hyperopt in the same environment. For each of the real problems of `quality.py` and each
seed, both packages run ``fmin(algo=tpe.suggest)`` for 50 evaluations on the same space with the
same generator, one after the other in turns; ``rand.suggest`` of Hyperopt's is what regret is
measured by. A line for each run goes to --results/compat_hyperopt.jsonl; a run that is there is
not made again.

Regret is 0 for the least value that is known of a problem, and 1 for what random search finds on
average with as many evaluations. Means are over seeds, then over problems; intervals of 95 % come
from a bootstrap over problems. Seconds are those of `fmin` less those of the function.
"""

from __future__ import annotations

import argparse
import importlib
import json
import math
import os
import time
from collections import defaultdict
from pathlib import Path

os.environ.update(
    dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
)

import numpy as np
from quality_problems import Source, names

BUDGETS = (20, 50)
PACKAGES = {"hyperopt": "hyperopt", "tunesmith": "tunesmith.compat.hyperopt"}
RUNS = (("hyperopt", "rand"), ("hyperopt", "tpe"), ("tunesmith", "tpe"))
N_BOOTSTRAP = 2000


def space_of(hp, space, chosen=None, made=None):
    """Return the space of a problem, written with a package's `hp`."""
    made = {} if made is None else made
    found = {}
    for parameter in space:
        name, when = parameter["name"], parameter["when"]
        is_open = when is None if chosen is None else opens(when, chosen)
        if not is_open:
            continue
        if name not in made:  # a label may be used once, its node more often
            made[name] = node_of(hp, space, parameter, made)
        found[name] = made[name]
    return found


def opens(when, chosen):
    """Say whether a condition is that the name has the value of `chosen`, a pair."""
    return when is not None and when[0] == chosen[0] and chosen[1] in when[1]


def node_of(hp, space, parameter, made):
    name, low, high = parameter["name"], parameter.get("low"), parameter.get("high")
    if parameter["kind"] == "category":
        return hp.choice(
            name,
            [
                {name: v, "opens": space_of(hp, space, (name, v), made)}
                for v in parameter["values"]
            ],
        )
    if parameter["kind"] == "float":
        if parameter["log"]:
            return hp.loguniform(name, math.log(low), math.log(high))
        return hp.uniform(name, low, high)
    if parameter["log"]:
        return hp.qloguniform(name, math.log(low - 0.499), math.log(high + 0.499), 1)
    return hp.uniformint(name, low, high)


def params_of(point, space):
    """Return the parameters of a problem for a point of that space."""
    params = {}
    kinds = {parameter["name"]: parameter for parameter in space}
    for name, value in point.items():
        if kinds[name]["kind"] == "category":
            params[name] = value[name]
            params |= params_of(value["opens"], space)
        else:
            kind = float if kinds[name]["kind"] == "float" else round
            params[name] = min(max(kind(value), kinds[name]["low"]), kinds[name]["high"])
    return params


def carried_out(problem, package, algorithm, seed):
    """Return the least value after each evaluation, and seconds outside the function."""
    module = importlib.import_module(PACKAGES[package])
    suggest = importlib.import_module(f"{PACKAGES[package]}.{algorithm}").suggest
    inside, trace = 0.0, []

    def function(point):
        nonlocal inside
        start = time.perf_counter()
        value = problem.function(params_of(point, problem.space))
        trace.append(min([value, *trace[-1:]]))
        inside += time.perf_counter() - start
        return value

    space = space_of(module.hp, problem.space)
    start = time.perf_counter()
    module.fmin(
        function,
        space,
        suggest,
        max_evals=max(BUDGETS),
        rstate=np.random.default_rng(seed),
        show_progressbar=False,
    )
    return {"trace": trace, "seconds": time.perf_counter() - start - inside}


def make(path, options):
    """Carry out the runs that are not in the file."""
    source = Source(options.cache)
    there = {(r["problem"], r["seed"], r["package"], r["algorithm"]) for r in read(path)}
    problems = [name for name in names(False, False) if name.startswith("real/")]
    with path.open("a") as file:
        for seed in range(options.first, options.first + options.seeds):
            for number, name in enumerate(problems):
                turn = RUNS if (seed + number) % 2 else RUNS[::-1]
                for package, algorithm in turn:
                    if (name, seed, package, algorithm) in there:
                        continue
                    run = carried_out(source.make(name, seed), package, algorithm, seed)
                    run |= {"problem": name, "seed": seed}
                    run |= {"package": package, "algorithm": algorithm}
                    file.write(json.dumps(run) + "\n")
                    file.flush()


def read(path):
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def report(runs, folder):
    """Print how the two compare, and write it as JSON."""
    best = defaultdict(lambda: math.inf)
    random = defaultdict(list)
    for run in runs:
        best[run["problem"]] = min(best[run["problem"]], run["trace"][-1])
        if run["algorithm"] == "rand":
            random[run["problem"]].append(run["trace"])
    seconds = {
        package: np.median(
            [r["seconds"] for r in runs if r["package"] == package and r["algorithm"] == "tpe"]
        )
        for package in PACKAGES
    }
    summary = {"seconds": seconds, "budgets": {}}
    for budget in BUDGETS:
        regrets = defaultdict(lambda: defaultdict(list))
        for run in (run for run in runs if run["algorithm"] == "tpe"):
            problem = run["problem"]
            low = best[problem]
            high = np.mean([trace[budget - 1] for trace in random[problem]])
            if high > low:
                regret = (run["trace"][budget - 1] - low) / (high - low)
                regrets[problem][run["package"]].append(regret)
        table = np.array(
            [[np.mean(by[package]) for package in PACKAGES] for by in regrets.values()]
        )
        summary["budgets"][budget] = compared(table)
        show(budget, summary["budgets"][budget])
    ratio = seconds["hyperopt"] / seconds["tunesmith"]
    print(f"outside the function, median of runs: {seconds['tunesmith']:.3f} s against")
    print(f"{seconds['hyperopt']:.3f} s of Hyperopt's, {ratio:.1f} × faster")
    (folder / "compat_hyperopt.json").write_text(json.dumps(summary, indent=2))


def compared(table):
    """Return means, wins, and the interval of the difference; columns: theirs, ours."""
    difference = table[:, 0] - table[:, 1]
    rng = np.random.default_rng(0)
    drawn = rng.integers(len(table), size=(N_BOOTSTRAP, len(table)))
    low, high = np.quantile(difference[drawn].mean(axis=1), [0.025, 0.975])
    return {
        "hyperopt": float(table[:, 0].mean()),
        "tunesmith": float(table[:, 1].mean()),
        "difference": [float(difference.mean()), float(low), float(high)],
        "problems": len(table),
        "better": int((difference > 0).sum()),
        "worse": int((difference < 0).sum()),
    }


def show(budget, found):
    mean, low, high = found["difference"]
    print(
        f"{budget} evaluations, {found['problems']} problems: regret {found['tunesmith']:.3f} "
        f"against {found['hyperopt']:.3f} of Hyperopt's; better by {mean:+.3f} "
        f"[{low:+.3f}, {high:+.3f}], on {found['better']} problems, worse on {found['worse']}"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--results", type=Path, required=True)
    parser.add_argument("--cache", type=Path, help="keeps evaluations")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--report-only", action="store_true")
    options = parser.parse_args()
    options.results.mkdir(parents=True, exist_ok=True)
    path = options.results / "compat_hyperopt.jsonl"
    if not options.report_only:
        make(path, options)
    report(read(path), options.results)


if __name__ == "__main__":
    main()
