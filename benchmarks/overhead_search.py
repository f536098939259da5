"""What a search costs beside its fits: tunesmith's grid search beside scikit-learn's.

1,000 candidates × 5 folds of a Gaussian naive Bayes on the iris flowers, and the peak
memory of a search over a matrix of 500 MB on two workers. Every measurement runs in a
process of its own; all take turns, and the medians are compared.

    python benchmarks/overhead_search.py [--rounds 5] [--json FILE] [--skip-memory]
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

TIMED = {
    "one process": (["sklearn", "tunesmith"], 1, False),
    "two workers": (["sklearn", "tunesmith"], 2, False),
    "one process, with a study": (["sklearn", "tunesmith"], 1, True),
    "two workers, with a study": (["sklearn", "tunesmith"], 2, True),
}


def search_class(package):
    if package == "sklearn":
        from sklearn.model_selection import GridSearchCV
    else:
        from tunesmith import GridSearchCV
    return GridSearchCV


def measure_time(package, n_jobs, with_study):
    """Return seconds of the second of two searches in this process: pools are warm."""
    import numpy as np
    from sklearn.datasets import load_iris
    from sklearn.naive_bayes import GaussianNB

    X, y = load_iris(return_X_y=True)
    seconds = []
    with tempfile.TemporaryDirectory() as folder:
        for turn in range(2):
            grid = {"var_smoothing": np.logspace(-12, 0, 1000 if turn else 20)}
            options = {}
            if with_study and package == "tunesmith":
                options["storage"] = str(Path(folder) / f"{turn}.db")
            search = search_class(package)(GaussianNB(), grid, cv=5, n_jobs=n_jobs, **options)
            start = time.perf_counter()
            search.fit(X, y)
            seconds.append(time.perf_counter() - start)
    return seconds[1]


def measure_memory(package):
    """Return the peak of the proportional set size of this process and its workers, in MB."""
    import numpy as np
    import psutil
    from sklearn.linear_model import RidgeClassifier

    rng = np.random.default_rng(0)
    X = rng.standard_normal((125_000, 500))
    y = (X[:, 0] > 0).astype(int)
    peak, over = 0, threading.Event()

    def watch():
        nonlocal peak
        me = psutil.Process()
        while not over.wait(0.02):
            total = 0
            for process in [me, *me.children(recursive=True)]:
                try:
                    total += process.memory_full_info().pss
                except psutil.Error:
                    continue
            peak = max(peak, total)

    watcher = threading.Thread(target=watch)
    watcher.start()
    search = search_class(package)(
        RidgeClassifier(solver="lsqr", max_iter=3), {"alpha": [1, 2, 3]}, n_jobs=2, refit=False
    )
    search.fit(X, y)
    over.set()
    watcher.join()
    return peak / 1e6


def in_its_own_process(*arguments):
    command = [sys.executable, __file__, "--one", *map(str, arguments)]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr)
    return float(done.stdout.split()[-1])


def compare(rounds, skip_memory):
    rows = []
    for name, (packages, n_jobs, with_study) in TIMED.items():
        taken = {package: [] for package in packages}
        for _ in range(rounds):
            for package in packages:
                taken[package].append(in_its_own_process("time", package, n_jobs, int(with_study)))
        rows.append(row(name, "s", taken, 1.5 if with_study else 1.1))
    if not skip_memory:
        taken = {"sklearn": [], "tunesmith": []}
        for _ in range(min(rounds, 3)):
            for package, peaks in taken.items():
                peaks.append(in_its_own_process("memory", package))
        rows.append(row("peak memory, 500 MB, two workers", "MB", taken, 1.0))
    return rows


def row(name, unit, taken, at_most):
    ratios = [
        ours / theirs for ours, theirs in zip(taken["tunesmith"], taken["sklearn"], strict=True)
    ]
    return {
        "work": name,
        "unit": unit,
        "scikit-learn": statistics.median(taken["sklearn"]),
        "tunesmith": statistics.median(taken["tunesmith"]),
        "ratio": statistics.median(ratios),
        "at most": at_most,
        "all": taken,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--skip-memory", action="store_true")
    parser.add_argument("--one", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        kind, package, *rest = options.one
        if kind == "memory":
            print(measure_memory(package))
        else:
            print(measure_time(package, int(rest[0]), bool(int(rest[1]))))
        return
    rows = compare(options.rounds, options.skip_memory)
    print(f"{'':36}{'scikit-learn':>14}{'tunesmith':>12}{'ratio':>8}{'at most':>9}")
    for r in rows:
        print(
            f"{r['work']:36}{r['scikit-learn']:>11.2f} {r['unit']:2}{r['tunesmith']:>9.2f} "
            f"{r['unit']:2}{r['ratio']:>8.2f}{r['at most']:>9.1f}"
        )
    if options.json:
        machine = {
            "cpus": os.cpu_count(),
            "machine": platform.machine(),
            "python": platform.python_version(),
        }
        options.json.write_text(json.dumps({"machine": machine, "rows": rows}, indent=1))


if __name__ == "__main__":
    main()
