"""What a suggestion costs: tunesmith's samplers beside Optuna's, on a function that costs nothing.

Every measurement runs in a process of its own, with one thread; both sides take turns, and
medians are compared. Optuna may live in an environment of its own: name its interpreter.

    python benchmarks/overhead_samplers.py [--peer PYTHON] [--rounds 3] [--json FILE]
        [--only NAME ...]
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

N_FLOATS = 10
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


@dataclass(frozen=True)
class Row:
    """A line of the table: two pieces of code, each of which prints its seconds."""

    name: str
    ours: str
    peer: str | None
    must: str
    passes: float
    """The ratio peer : ours must be at least this; without a peer, seconds at most this."""


OURS = """
import time
from tunesmith import Float, minimize
space = {{f"x{{i}}": Float(0, 1) for i in range({d})}}
start = time.perf_counter()
minimize(lambda p: sum((v - 0.3) ** 2 for v in p.values()), space, {n}, sampler="{sampler}",
         random_state=0, progress=False)
print(time.perf_counter() - start)
"""
PEER = """
import time
import optuna
optuna.logging.set_verbosity(optuna.logging.ERROR)
study = optuna.create_study(sampler=optuna.samplers.{sampler}(seed=0))
def objective(trial):
    return sum((trial.suggest_float(f"x{{i}}", 0, 1) - 0.3) ** 2 for i in range({d}))
start = time.perf_counter()
study.optimize(objective, {n})
print(time.perf_counter() - start)
"""
PER_TRIAL = """
import time
from tunesmith import Float, minimize
space = {{f"x{{i}}": Float(0, 1) for i in range({d})}}
def seconds(n):
    start = time.perf_counter()
    minimize(lambda p: sum((v - 0.3) ** 2 for v in p.values()), space, n, sampler="tpe",
             random_state=0, progress=False)
    return (time.perf_counter() - start) / n
few = seconds(1000)
print(seconds(10000) / few)
"""
LAST_OF_MANY = """
import time
import numpy as np
from tunesmith.samplers.gp import GPSampler
from tunesmith.space import Float, Space
from tunesmith.trial import History
space = Space.read({{f"x{{i}}": Float(0, 1) for i in range({d})}})
rng = np.random.default_rng(0)
places = rng.random((500, {d}))
scores = -((places - 0.3) ** 2).sum(axis=1)[:, None]
history = History(500, tuple(map(space.decode, places)), places, scores, np.ones(500, dtype=bool))
GPSampler().suggest(space, history, np.random.default_rng(0))
start = time.perf_counter()
for seed in range(5):
    GPSampler().suggest(space, history, np.random.default_rng(seed))
print((time.perf_counter() - start) / 5)
"""
FIRST_OURS = """
import time
start = time.perf_counter()
from tunesmith import Float, minimize
minimize(lambda p: p["x"], {"x": Float(0, 1)}, 1, sampler="random", progress=False)
print(time.perf_counter() - start)
"""
FIRST_PEER = """
import time
start = time.perf_counter()
import optuna
optuna.logging.set_verbosity(optuna.logging.ERROR)
study = optuna.create_study(sampler=optuna.samplers.RandomSampler())
study.optimize(lambda trial: trial.suggest_float("x", 0, 1), 1)
print(time.perf_counter() - start)
"""
IMPORT = """
import time
start = time.perf_counter()
from {package} import GridSearchCV
print(time.perf_counter() - start)
"""


def loops(sampler, peer, n):
    """Return the two sides of a whole loop."""
    return (
        OURS.format(d=N_FLOATS, n=n, sampler=sampler),
        PEER.format(d=N_FLOATS, n=n, sampler=peer),
    )


ROWS = [
    Row("TPE, 1,000 trials", *loops("tpe", "TPESampler", 1000), "8 × faster", 8),
    Row("TPE, 10,000 : 1,000 trials", PER_TRIAL.format(d=N_FLOATS), None, "4 × per trial", 4),
    Row("GP, 60 trials", *loops("gp", "GPSampler", 60), "5 × faster", 5),
    Row("GP, a suggestion after 500", LAST_OF_MANY.format(d=N_FLOATS), None, "0.5 s", 0.5),
    Row("random, 10,000 trials", *loops("random", "RandomSampler", 10000), "3 × faster", 3),
    Row("first random trial", FIRST_OURS, FIRST_PEER, "1.5 × the time", 1 / 1.5),
]
IMPORTS = "import GridSearchCV"


def seconds(python, code):
    """Run code in a process of its own; return the number it prints."""
    source = str(Path(__file__).parents[1] / "src")
    env = os.environ | ONE_THREAD | {"PYTHONPATH": source}
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, env=env)
    if done.returncode:
        raise SystemExit(done.stderr)
    return float(done.stdout.split()[-1])


def measure(row, peer, rounds):
    """Return medians of both sides, and whether the row holds."""
    ours, theirs = [], []
    for _ in range(rounds):
        ours.append(seconds(sys.executable, row.ours))
        if row.peer is not None:
            theirs.append(seconds(peer, row.peer))
    mine = statistics.median(ours)
    if row.peer is None:
        return {"ours": mine, "peer": None, "ratio": None, "holds": mine <= row.passes}
    other = statistics.median(theirs)
    ratio = other / mine
    return {"ours": mine, "peer": other, "ratio": ratio, "holds": ratio >= row.passes}


def imports(rounds):
    """Compare the import of the searches with scikit-learn's."""
    pairs = [
        [
            seconds(sys.executable, IMPORT.format(package=p))
            for p in ("tunesmith", "sklearn.model_selection")
        ]
        for _ in range(rounds)
    ]
    ours, peer = (statistics.median(side) for side in zip(*pairs, strict=True))
    return {"ours": ours, "peer": peer, "ratio": peer / ours, "holds": ours <= peer + 0.2}


def main():
    """Measure every row, print a table, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--peer", default=sys.executable, help="an interpreter that has Optuna")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--only", nargs="+")
    options = parser.parse_args()
    results = []
    for row in ROWS:
        if options.only and row.name not in options.only:
            continue
        found = measure(row, options.peer, options.rounds)
        results.append({"name": row.name, "must": row.must, **found})
        show(results[-1])
    if not options.only or IMPORTS in options.only:
        found = imports(options.rounds)
        results.append({"name": IMPORTS, "must": "scikit-learn's + 0.2 s", **found})
        show(results[-1])
    if options.json:
        machine = {
            "platform": platform.platform(),
            "processor": platform.processor(),
            "cores": os.cpu_count(),
            "python": platform.python_version(),
        }
        options.json.write_text(json.dumps({"machine": machine, "rows": results}, indent=2))
    return 0 if all(row["holds"] for row in results) else 1


def show(row):
    """Print a line of the table."""
    peer = "" if row["peer"] is None else f"{row['peer']:9.3f}  {row['ratio']:6.2f} ×"
    mark = "holds" if row["holds"] else "FAILS"
    print(
        f"{row['name']:28} {row['ours']:9.3f} {peer:20} must {row['must']:22} {mark}", flush=True
    )


if __name__ == "__main__":
    sys.exit(main())
