"""What sharing saves: tunesmith's searches beside scikit-learn's, in one run.

The peer is scikit-learn's search, around SciKeras' classifier where the estimator is a network.
It runs with one worker and with two; ours has two for networks, otherwise one or two as well.
Every measurement runs in a process of its own, on two cores; both sides take turns, and medians
are compared. Where there are several ways (workers, backends), each is measured once, and the
fastest of each side goes on; a way that takes longer than the fastest so far is stopped. A way
whose measurements have taken five minutes together (`--longest`) is measured no more.

Measured is the wall time of ``fit()``: the start of workers and what they import counts, what
the script imports before does not. The winner is not refitted, unless ``--refit`` says so: that
is one more fit for both sides, which nothing can be saved of. Memory is the peak of the
proportional set size of the process and all its children, on the side of ours / of the peer.

"cold" means that no compiled program is on disk. "warm" means that the same search has run
before, with tunesmith's own cache of programs; of the peer with JAX's cache where that is said.

The sizes of the two grids over ensembles add up to 5.5 times the largest, so 5.5 is all that
sharing can give there as long as no bit may change.

The libraries' threads are fixed to one for each process, on both sides, where the estimator is
no network; there "equal" says whether all scores are equal to the peer's, bit for bit.

    python benchmarks/sharing.py [--data MNIST.npz] [--only NAME ...] [--json FILE]
        [--rounds 3] [--longest 300] [--seed 0] [--quick] [--refit]
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from contextlib import suppress
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np

BACKENDS = ("torch", "tensorflow", "jax")
PEER = ("scikit-learn", "scikeras", "keras", "jax", "torch", "tensorflow", "tensorflow-cpu")
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
START = 30
"""Seconds that a process may take besides what is measured, before it is stopped as too slow."""

JAX_CACHE = {
    "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
}


@dataclass(frozen=True)
class Row:
    """A line of the table."""

    name: str
    workload: str
    must: float | None = None
    aim: float | None = None
    backends: tuple[str, ...] = ()
    warm: tuple[str, ...] = ()
    """The sides whose programs are on disk already."""
    mnist: bool = False


JAX = ("jax",)
ROWS = [
    Row("seed grid cold", "seed grid", 5, 8, JAX, mnist=True),
    Row("seed grid cold, fastest backends", "seed grid", None, None, BACKENDS, mnist=True),
    Row("seed grid warm", "seed grid", 9, 14, JAX, ("ours",), mnist=True),
    Row("seed grid warm, fastest backends", "seed grid", None, None, BACKENDS, ("ours",), True),
    Row("seed grid warm, peer warm too", "seed grid", None, None, JAX, ("ours", "peer"), True),
    Row("seed grid torch", "seed grid", 1.8, 3, ("torch",), mnist=True),
    Row("seed grid large", "seed grid large", 2, 3, JAX, mnist=True),
    Row("seed grid large, fastest backends", "seed grid large", None, None, BACKENDS, mnist=True),
    Row("random MLPs", "random MLPs", 10, 25, JAX),
    Row("random MLPs, fastest backends", "random MLPs", None, None, BACKENDS),
    Row("MLP grid, fastest backends", "MLP grid", 6, 12, BACKENDS, mnist=True),
    Row("gradient boosting", "gradient boosting", 4, 5.4),
    Row("random forest", "random forest", 3.5, 5.4),
    Row("text", "text", 3, 6),
    Row("ridge", "ridge", 8, 15),
    Row("neighbours", "neighbours", 10, 20, mnist=True),
    Row("nothing to share", "nothing to share", 0.95, 1.0),
]


@dataclass(frozen=True)
class Way:
    """One way to run a workload."""

    workload: str
    side: str
    n_jobs: int
    backend: str = ""
    warm: bool = False

    def __str__(self):
        workers = "1 worker" if self.n_jobs == 1 else f"{self.n_jobs} workers"
        return f"{self.backend}, {workers}" if self.backend else workers


class Failed(RuntimeError):
    """A measurement that did not end well."""


class TooSlow(RuntimeError):
    """A measurement that took longer than the fastest other way."""


# In the process that is measured


def measure(way, options):
    """Fit one search; return seconds, scores, and what was shared."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:2])
    from sharing_workloads import WORKLOADS, Setting

    data = options.data and Path(options.data)
    setting = Setting(way.side, options.seed, options.quick, data)
    task = WORKLOADS[way.workload](setting)
    if way.backend:
        import keras

        assert keras.backend.backend() == way.backend
    search = task.search(way.side, way.n_jobs, options.seed, options.refit)
    start = time.perf_counter()
    search.fit(task.X, task.y)
    seconds = time.perf_counter() - start
    results = search.cv_results_
    scores = [results[f"split{split}_test_score"].tolist() for split in range(search.n_splits_)]
    shared = getattr(search, "sharing_", None)
    return {"seconds": seconds, "scores": scores, "sharing": shared}


# In the process that watches


class Bench:
    """Runs measurements, each in a process of its own, and keeps what came of them."""

    def __init__(self, options, folder):
        self.options = options
        self.folder = Path(folder)
        self.taken = defaultdict(list)
        self.stopped = {}
        self._warmed = set()
        self._count = 0

    def compare(self, row):
        """Return a finished row: both sides take turns until there are enough rounds."""
        ours = self._fastest(self._ways(row, "ours"))
        peer = self._fastest(self._ways(row, "peer"))
        while self._is_wanted(peer) or self._is_wanted(ours):
            for way in (peer, ours):
                if self._is_wanted(way):
                    self.take(way)
        taken = {"peer": self.taken[peer], "ours": self.taken[ours]}
        seconds = {
            side: statistics.median(m["seconds"] for m in all_) for side, all_ in taken.items()
        }
        memory = {
            side: statistics.median(m["memory"] for m in all_) for side, all_ in taken.items()
        }
        return {
            "workload": row.name,
            "peer seconds": seconds["peer"],
            "our seconds": seconds["ours"],
            "ratio": seconds["peer"] / seconds["ours"],
            "must": row.must,
            "aim": row.aim,
            "peer memory MB": memory["peer"],
            "our memory MB": memory["ours"],
            "memory ratio": memory["ours"] / memory["peer"],
            "equal": None if row.backends else is_equal(taken),
            "largest difference": difference(taken),
            "peer": str(peer),
            "ours": str(ours),
            "all seconds": {side: [m["seconds"] for m in some] for side, some in taken.items()},
            "stopped after": {
                f"{way.side}, {way}": seconds
                for way, seconds in self.stopped.items()
                if way in (*self._ways(row, "ours"), *self._ways(row, "peer"))
            },
            "sharing": taken["ours"][-1]["sharing"],
        }

    def _is_wanted(self, way):
        taken = [m["seconds"] for m in self.taken[way]]
        return not taken or (
            len(taken) < self.options.rounds and sum(taken) < self.options.longest
        )

    def _ways(self, row, side):
        backends = [b for b in row.backends if b in self.options.backends] or [""]
        workers = (2,) if side == "ours" and row.backends else (2, 1)
        return [
            Way(row.workload, side, n_jobs, backend, backend == "jax" and side in row.warm)
            for backend in backends
            for n_jobs in workers
        ]

    def _fastest(self, ways):
        def seconds(way):
            return min((m["seconds"] for m in self.taken[way]), default=float("inf"))

        for way in sorted(ways, key=seconds) if len(ways) > 1 else ():
            fastest = min(map(seconds, ways))
            if not self.taken[way] and self.stopped.get(way, 0) < fastest:
                try:
                    self.take(way, limit=fastest)
                except TooSlow:
                    self.stopped[way] = fastest
        return min(ways, key=seconds)

    def take(self, way, limit=float("inf")):
        """Measure once, after an unmeasured run where programs are to be on disk."""
        if way.warm and way not in self._warmed:
            self._run(way)
            self._warmed.add(way)
        self.taken[way].append(self._run(way, limit))

    def _run(self, way, limit=float("inf")):
        self._count += 1
        answer = self.folder / f"{self._count}.json"
        command = [sys.executable, __file__, "--one", json.dumps(asdict(way)), str(answer)]
        command += ["--seed", str(self.options.seed)]
        command += ["--data", str(self.options.data)] if self.options.data else []
        command += [flag for flag in ("--quick", "--refit") if getattr(self.options, flag[2:])]
        with tempfile.TemporaryFile("w+") as told:
            process = subprocess.Popen(
                command, stdout=told, stderr=told, env=own_environment() | self._environment(way)
            )
            memory = peak_memory(process, limit + START)
            if memory is None:
                raise TooSlow
            told.seek(0)
            if process.returncode:
                raise Failed(f"{way.side}, {way}:\n{told.read()[-1500:]}")
        return json.loads(answer.read_text()) | {"memory": memory}

    def _environment(self, way):
        if not way.backend:
            return ONE_THREAD
        # An empty folder for each measurement, unless programs are to be there.
        name = f"{way.workload} {way.side} {way.n_jobs}" if way.warm else f"cold {self._count}"
        programs = self.folder / name.replace(" ", "-")
        ours = {
            "KERAS_BACKEND": way.backend,
            "TF_CPP_MIN_LOG_LEVEL": "3",
            "TUNESMITH_COMPILATION_CACHE": str(programs),
        }
        if way.side == "peer" and way.warm:
            return ours | JAX_CACHE | {"JAX_COMPILATION_CACHE_DIR": str(programs)}
        return ours


def own_environment():
    """Return this process' environment, without a cache for JAX: that is as installed."""
    return {name: v for name, v in os.environ.items() if name != "JAX_COMPILATION_CACHE_DIR"}


def peak_memory(process, limit):
    """Wait for a process; return the largest sum of its and its children's memory, in MB.

    One that takes longer than the limit is ended, and None returned.
    """
    import psutil

    peak, pause = 0.0, 0.0
    begin = time.perf_counter()
    while process.poll() is None:
        start = time.perf_counter()
        total = 0
        try:
            me = psutil.Process(process.pid)
            family = [me, *me.children(recursive=True)]
        except psutil.Error:
            family = []
        if start - begin > limit:
            for one in family:
                with suppress(psutil.Error):
                    one.kill()
            process.wait()
            return None
        for one in family:
            try:
                total += one.memory_full_info().pss
            except psutil.Error:
                continue
        peak = max(peak, total / 1e6)
        # Looking takes no more than one part in fifty of one core.
        pause = min(1.0, max(0.02, 50 * (time.perf_counter() - start)))
        try:
            process.wait(pause)
        except subprocess.TimeoutExpired:
            continue
    return peak


def is_equal(taken):
    """Whether all scores of all rounds are equal, bit for bit."""
    everything = [m["scores"] for some in taken.values() for m in some]
    return len({np.array(scores, dtype=float).tobytes() for scores in everything}) == 1


def difference(taken):
    ours, peer = (np.array(taken[side][0]["scores"], dtype=float) for side in ("ours", "peer"))
    return float(np.nanmax(np.abs(ours - peer)))


def reason_to_skip(row, options):
    """Say why a row cannot be measured here; None where it can."""
    if row.mnist and options.data is None and not options.quick:
        return "no --data MNIST.npz"
    missing = [name for name in ("keras", "scikeras") if row.backends and not is_there(name)]
    if missing:
        return f"not installed: {', '.join(missing)}"
    if row.backends and not set(row.backends) & set(options.backends):
        return f"not measured here: {', '.join(row.backends)}"
    return None


def is_there(name):
    return importlib.util.find_spec(name) is not None


def describe_machine():
    return {
        "cpus": os.cpu_count(),
        "used": min(2, os.cpu_count() or 1),
        "processor": processor(),
        "machine": platform.machine(),
        "system": platform.platform(),
        "python": platform.python_version(),
    }


def processor():
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def versions():
    found = {}
    for name in (*PEER, "numpy", "scipy", "joblib", "tunesmith"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


# The table

WIDTHS = {"workload": 36, "peer": 9, "ours": 9, "ratio": 8, "must": 7, "aim": 7, "memory": 8}


def line(cells):
    first, *others = cells
    told = f"{first:{WIDTHS['workload']}}"
    for width, cell in zip(list(WIDTHS.values())[1:], others, strict=False):
        told += f"{cell:>{width}}"
    return told + "".join(f"  {cell}" for cell in others[len(WIDTHS) - 1 :])


def show(row):
    if "skipped" in row:
        return f"{row['workload']:{WIDTHS['workload']}}  skipped: {row['skipped']}"
    if "failed" in row:
        return f"{row['workload']:{WIDTHS['workload']}}  failed: {row['failed']}"
    goals = [f"{row[name]:g}×" if row[name] else "–" for name in ("must", "aim")]
    equal = {None: "–  ", True: "yes", False: f"no, by {row['largest difference']:.1e}"}
    return line(
        [
            row["workload"],
            f"{row['peer seconds']:.2f} s",
            f"{row['our seconds']:.2f} s",
            f"{row['ratio']:.2f}×",
            *goals,
            f"{row['memory ratio']:.2f}",
            equal[row["equal"]],
            f"({row['peer']} : {row['ours']})",
        ]
    )


def chosen(parser, names):
    """Return the rows whose names begin as asked for."""
    rows = [row for row in ROWS if not names or row.name.lower().startswith(names)]
    for name in names:
        if not any(row.name.lower().startswith(name) for row in ROWS):
            known = "\n".join(f"  {row.name}" for row in ROWS)
            parser.error(f"no row is called {name!r}; the rows are\n{known}")
    return rows


def parse():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, help="measurements of each side [3; 1 if quick]")
    parser.add_argument(
        "--longest", type=float, default=300, help="seconds to measure a way in, about [300]"
    )
    parser.add_argument("--only", nargs="+", default=(), help="beginnings of names of rows")
    parser.add_argument("--data", type=Path, help="an .npz file with MNIST's x_train, y_train")
    parser.add_argument("--json", type=Path, help="write all figures to this file")
    parser.add_argument("--seed", type=int, default=0, help="of data subsets and searches")
    parser.add_argument("--quick", action="store_true", help="tiny sizes, to see that all runs")
    parser.add_argument("--refit", action="store_true", help="refit the winners too")
    parser.add_argument("--backends", nargs="+", choices=BACKENDS, help="[those installed]")
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.rounds = options.rounds or (1 if options.quick else 3)
    options.backends = [b for b in options.backends or BACKENDS if is_there(b)]
    options.rows = chosen(parser, tuple(name.lower() for name in options.only))
    return options


def main():
    options = parse()
    if options.one:
        way, answer = options.one
        Path(answer).write_text(json.dumps(measure(Way(**json.loads(way)), options)))
        return 0
    rows = []
    told = {
        "machine": describe_machine(),
        "versions": versions(),
        "seed": options.seed,
        "rounds": options.rounds,
        "longest": options.longest,
        "quick": options.quick,
        "refit": options.refit,
        "rows": rows,
    }
    print(line([*WIDTHS, "equal", "peer : ours"]))
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(options, folder)
        for row in options.rows:
            if reason := reason_to_skip(row, options):
                rows.append({"workload": row.name, "skipped": reason})
            else:
                try:
                    rows.append(bench.compare(row))
                except Failed as error:
                    print(error, file=sys.stderr)
                    rows.append({"workload": row.name, "failed": str(error).splitlines()[-1]})
            print(show(rows[-1]), flush=True)
            if options.json:
                options.json.write_text(json.dumps(told, indent=1, ensure_ascii=False))
    return int(any("failed" in row for row in rows))


if __name__ == "__main__":
    sys.exit(main())
