from __future__ import annotations

import ctypes
import gc
import os
import re
import signal
import sys
import threading
import time
import warnings
from pathlib import Path

import joblib
import numpy as np
import psutil
import pytest
import sklearn
from threadpoolctl import threadpool_info

from tests.executors.probing import Doing, bundle, run, run_in
from tunesmith.exceptions import UnpicklableError, WorkerError
from tunesmith.executors.processes import ProcessExecutor
from tunesmith.trial import State


def one(data):
    return 1.0


def segfault(data):
    import faulthandler

    faulthandler.disable()
    ctypes.string_at(0)


@pytest.mark.parametrize(
    ("deed", "reason"),
    [
        (lambda data: os.kill(os.getpid(), signal.SIGKILL), r"signal 9 \(SIGKILL\).*memory"),
        (lambda data: os.abort(), r"signal 6 \(SIGABRT\)$"),
        (segfault, r"signal 11 \(SIGSEGV\)$"),
        (lambda data: os._exit(0), "exit code 0 while fitting"),
        (lambda data: os._exit(3), "exit code 3 while fitting"),
        (lambda data: sys.exit(4), "exit code 4 while fitting"),
        (lambda data: os.closerange(3, 4096) or time.sleep(60), "worker"),
    ],
    ids=["kill", "abort", "segfault", "_exit-0", "_exit-3", "sys.exit", "closes-all-files"],
)
def test_a_worker_that_dies_costs_the_fit_that_killed_it(deed, reason):
    before, lost, after = run(ProcessExecutor(1), [one, deed, one])
    assert (before.test_scores, after.test_scores) == (1.0, 1.0)
    assert lost.state is State.LOST
    assert lost.test_scores == -1.0  # what the evaluator gives to accidents
    assert re.search(reason, lost.error)
    assert after.n_test_samples != before.n_test_samples  # another process


@pytest.mark.parametrize("end", ["hangs", "dies", "returns"])
def test_what_a_fit_has_started_ends_with_its_worker(tmp_path, end):
    note = tmp_path / "pid"

    def start(data):
        import subprocess

        note.write_text(str(subprocess.Popen(["sleep", "600"]).pid))
        if end == "hangs":
            time.sleep(60)
        elif end == "dies":
            os._exit(1)
        return 1.0

    run(ProcessExecutor(1, fit_timeout=1.5), [start, one])
    started = int(note.read_text())
    deadline = time.monotonic() + 5
    while psutil.pid_exists(started) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not psutil.pid_exists(started) or psutil.Process(started).status() == "zombie"


def test_a_fit_that_hangs_is_ended_after_fit_timeout():
    began = time.monotonic()
    first, hung, last = run(
        ProcessExecutor(1, fit_timeout=0.7), [one, lambda data: time.sleep(60), one]
    )
    assert time.monotonic() - began < 20
    assert hung.state is State.TIMED_OUT
    assert hung.error == "fit took longer than fit_timeout=0.7 seconds"
    assert (first.test_scores, last.test_scores) == (1.0, 1.0)


def test_fit_timeout_counts_each_fit_alone():
    naps = [lambda data: time.sleep(0.4)] * 4
    outcomes = run(ProcessExecutor(1, fit_timeout=1.2), naps)
    assert {outcome.state for outcome in outcomes} == {State.COMPLETED}


class Slow:
    """Takes long to load in a worker."""

    def __reduce__(self):
        return _slowly, ()


def _slowly():
    time.sleep(1.5)
    return Slow()


def test_fit_timeout_does_not_count_loading():
    (outcome,) = run(ProcessExecutor(1, fit_timeout=1), [one], data=Slow())
    assert outcome.state is State.COMPLETED


def test_a_bundle_streams_in_order():
    arrived = []
    with ProcessExecutor(1) as executor:
        done = threading.Event()

        def take(outcome):
            arrived.append((outcome.trial, time.monotonic()))
            if len(arrived) == 3:
                done.set()

        executor.run(bundle([one, lambda data: time.sleep(0.5), one]), take)
        assert done.wait(60)
    assert [trial for trial, _ in arrived] == [0, 1, 2]
    assert arrived[1][1] - arrived[0][1] > 0.4


class Custom(Exception):
    """Cannot be made again from its arguments."""

    def __init__(self, first, second):
        super().__init__(first)


def test_an_exception_keeps_its_type_and_its_traceback():
    (outcome,) = run(ProcessExecutor(1), [lambda data: {}["missing"]])
    assert isinstance(outcome.exception, KeyError)
    (note,) = outcome.exception.__notes__
    assert 'lambda data: {}["missing"]' in note


@pytest.mark.parametrize("extra", [Custom("told", "so"), ValueError(threading.Lock())])
def test_an_exception_that_cannot_be_sent_is_told_in_words(extra):
    def deed(data):
        raise Custom("told", "so") if isinstance(data, str) else ValueError(threading.Lock())

    (outcome,) = run(ProcessExecutor(1), [deed], data="x" if isinstance(extra, Custom) else None)
    assert isinstance(outcome.exception, WorkerError)
    assert type(extra).__name__ in str(outcome.exception)
    assert "in deed" in str(outcome.exception)


def test_an_outcome_that_cannot_be_sent_is_a_failed_one():
    bad, good = run(ProcessExecutor(1), [lambda data: threading.Lock(), one])
    assert bad.state is State.FAILED
    assert "cannot be sent back" in bad.error
    assert bad.test_scores == -1.0
    assert good.test_scores == 1.0


class Holder:
    def __init__(self, held):
        self.callbacks = [1, held]


def make_closure():
    lock = threading.Lock()
    return lambda: lock


@pytest.mark.parametrize(
    ("data", "path"),
    [
        (Holder(threading.Lock()), r"data\.callbacks\[1\] \(a _thread\.lock\)"),
        ({"a": [0, {"b": threading.Lock()}]}, r"data\['a'\]\[1\]\['b'\] \(a _thread\.lock\)"),
        (Holder(make_closure()), r"data\.callbacks\[1\]'s variable lock \(a _thread\.lock\)"),
    ],
)
def test_an_evaluator_that_cannot_be_sent_is_named_before_anything_runs(data, path):
    seen = []
    with ProcessExecutor(2) as executor:
        with pytest.raises(UnpicklableError, match=path + " cannot be sent to a worker process"):
            executor.run(bundle([one], data), seen.append)
        assert run_in(executor, bundle([one]))[0].test_scores == 1.0
    assert not seen


def test_a_parameter_that_cannot_be_sent_is_named():
    with ProcessExecutor(1) as executor, pytest.raises(UnpicklableError, match=r"'do'.*lock"):
        executor.run(bundle([threading.Lock()]), print)


class Explodes:
    """Cannot be loaded in a worker."""

    def __reduce__(self):
        return _explode, ()


def _explode():
    raise ImportError("no module named dynamite")


class Dies:
    """Kills whoever loads it."""

    def __reduce__(self):
        return os._exit, (7,)


def test_an_evaluator_that_cannot_be_loaded_is_fatal():
    outcomes = run(ProcessExecutor(1), [one, one], data=Explodes())
    for outcome in outcomes:
        assert isinstance(outcome.exception, WorkerError)
        assert "no module named dynamite" in str(outcome.exception)


def test_workers_that_die_before_they_fit_are_not_replaced_for_ever():
    outcomes = run(ProcessExecutor(1), [one, one], data=Dies())
    for outcome in outcomes:
        assert isinstance(outcome.exception, WorkerError)
        assert "exit code 7" in str(outcome.exception)


def test_leaving_kills_workers_and_removes_their_files():
    pids = []
    with ProcessExecutor(2) as executor:
        first = threading.Event()
        folder = executor._crew.depot.folder
        for _ in range(2):
            executor.run(
                bundle([lambda data: 1.0, lambda data: time.sleep(60)]),
                lambda outcome: pids.append(outcome.n_test_samples) or first.set(),
            )
        assert first.wait(60)
        began = time.monotonic()
    assert time.monotonic() - began < 3
    assert not os.path.exists(folder)
    assert not any(psutil.pid_exists(pid) for pid in pids)
    assert not [t for t in threading.enumerate() if t.name == "tunesmith-slot"]
    executor.__exit__(None, None, None)


def test_workers_start_as_they_are_needed():
    with ProcessExecutor(8) as executor:
        run_in(executor, bundle([one]))
        run_in(executor, bundle([one]))
        assert len(executor._crew._slots) == 1


def test_an_executor_runs_only_inside_its_with_statement():
    with pytest.raises(RuntimeError, match="with statement"):
        ProcessExecutor(1).run(bundle([one]), print)


@pytest.mark.parametrize("name", ["workers", "threads_per_worker", "fit_timeout"])
def test_numbers_must_be_positive(name):
    with pytest.raises(ValueError, match=f"{name}=0"):
        ProcessExecutor(**{"workers": 1, name: 0})


def test_the_parents_environment_folder_and_path_hold_in_workers(monkeypatch, tmp_path):
    run(ProcessExecutor(1), [one])  # the fork server is older than what follows
    tmp_path.joinpath("homemade.py").write_text("answer = 42.0\n")
    monkeypatch.setenv("TUNESMITH_TEST", "late")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)

    def look(data):
        import homemade

        return os.environ["TUNESMITH_TEST"], os.getcwd(), homemade.answer

    (outcome,) = run(ProcessExecutor(1), [look])
    assert outcome.test_scores == ("late", str(tmp_path), 42.0)
    monkeypatch.delenv("TUNESMITH_TEST")
    (outcome,) = run(ProcessExecutor(1), [lambda data: "TUNESMITH_TEST" in os.environ])
    assert outcome.test_scores is False


def test_scikit_learns_configuration_and_warning_filters_hold_in_workers():
    def look(data):
        try:
            warnings.warn("deprecated", FutureWarning, stacklevel=1)
            warned = "let pass"
        except FutureWarning:
            warned = "raised"
        return sklearn.get_config()["enable_metadata_routing"], warned

    with ProcessExecutor(1) as executor:
        with sklearn.config_context(enable_metadata_routing=True):
            (routed,) = run_in(executor, bundle([look]))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            (plain,) = run_in(executor, bundle([look]))
    assert routed.test_scores == (True, "raised")
    assert plain.test_scores == (False, "let pass")


@pytest.mark.parametrize("threads", [1, 2])
def test_threads_per_worker_is_in_force(threads):
    def look(data):
        import sklearn.ensemble._hist_gradient_boosting.gradient_boosting  # noqa: F401

        return [pool["num_threads"] for pool in threadpool_info()], joblib.cpu_count()

    (outcome,) = run(ProcessExecutor(1, threads_per_worker=threads), [look])
    pools, cores = outcome.test_scores
    assert pools
    assert set(pools) == {threads}
    assert cores == min(threads, joblib.cpu_count())


def test_cores_are_shared_out_by_default():
    assert ProcessExecutor(1).threads_per_worker == joblib.cpu_count()
    assert ProcessExecutor(1000).threads_per_worker == 1


def test_what_is_nested_runs_in_threads_as_in_joblibs_workers():
    def look(data):
        from joblib import Parallel, delayed

        return Parallel(n_jobs=2)(delayed(os.getpid)() for _ in range(4)), os.getpid()

    (outcome,) = run(ProcessExecutor(1), [look])
    pids, pid = outcome.test_scores
    assert set(pids) == {pid}


def test_a_worker_may_have_children_of_its_own():
    def look(data):
        import multiprocessing

        with multiprocessing.get_context("fork").Pool(1) as pool:
            return pool.apply(abs, (-3,))

    (outcome,) = run(ProcessExecutor(1), [look])
    assert outcome.test_scores == 3


def test_a_dead_worker_is_noticed_though_its_child_lives_on():
    def leave_child(data):
        if os.fork() == 0:
            time.sleep(8)
            os._exit(0)
        os.kill(os.getpid(), signal.SIGKILL)

    began = time.monotonic()
    lost, after = run(ProcessExecutor(1), [leave_child, one])
    assert lost.state is State.LOST
    assert after.test_scores == 1.0
    assert time.monotonic() - began < 7


def test_an_evaluator_is_loaded_once_by_each_worker():
    def count(data):
        data.append(0)
        return len(data)

    with ProcessExecutor(1) as executor:
        evaluator = Doing([])
        outcomes = run_in(executor, *(bundle([count, count], evaluator) for _ in range(3)))
    assert [outcome.test_scores for outcome in outcomes] == [1, 2, 3, 4, 5, 6]


@pytest.mark.skipif(sys.platform != "linux", reason="processes are spawned here, not forked")
def test_workers_are_forked_from_a_process_that_has_imported_what_they_need():
    def loaded(data):
        return float("sklearn.gaussian_process.kernels" in sys.modules)

    with ProcessExecutor(1) as executor:
        (before,) = run_in(executor, bundle([loaded], Doing()))
    with ProcessExecutor(1) as executor:
        needs = Doing(modules=("sklearn.gaussian_process.kernels", "no.such.module"))
        (after,) = run_in(executor, bundle([loaded], needs))
    assert (before.test_scores, after.test_scores) == (0, 1)


@pytest.mark.skipif(sys.platform != "linux", reason="processes are spawned here, not forked")
def test_workers_collect_garbage_but_not_among_what_they_were_forked_with():
    deeds = [lambda data: float(gc.isenabled()), lambda data: float(gc.get_freeze_count())]
    enabled, frozen = (outcome.test_scores for outcome in run(ProcessExecutor(1), deeds))
    assert enabled == 1
    assert frozen > 50_000  # scikit-learn's modules alone are more


def test_evaluators_no_longer_used_are_let_go():
    with ProcessExecutor(1) as executor:
        for number in range(4):
            run_in(executor, bundle([one], [number]))
        assert len(os.listdir(executor._crew.depot.folder)) <= 4


@pytest.mark.measures
@pytest.mark.long
def test_jobs_cost_little_beside_what_they_do():
    with ProcessExecutor(1, threads_per_worker=1) as executor:
        evaluator = Doing()
        run_in(executor, bundle([one], evaluator))
        began = time.perf_counter()
        run_in(executor, bundle([one] * 5000, evaluator))
        each = (time.perf_counter() - began) / 5000
    assert each < 150e-6


@pytest.mark.measures
@pytest.mark.long
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_arrays_are_mapped_not_copied():
    def look(data):
        data.sum()
        with open("/proc/self/smaps_rollup") as file:
            rollup = dict(line.split(":") for line in file.readlines()[1:])
        return int(rollup["Anonymous"].split()[0]) * 1024

    large, small = np.ones((100, 131072)), np.ones(10)
    with ProcessExecutor(1, threads_per_worker=1) as executor:
        before, after = run_in(executor, bundle([look], small), bundle([look], large))
    assert after.test_scores - before.test_scores < large.nbytes / 10


def test_large_arrays_can_be_written_to_and_keep_their_order():
    def deed(data):
        data["C"][0, 0] = 5.0
        return [(a.flags.c_contiguous, a.sum()) for a in data.values()]

    data = {
        "C": np.ones((50, 40)),
        "F": np.ones((50, 40), order="F"),
        "gaps": np.ones((50, 80))[:, ::2],
        "empty": np.ones((0, 40)),
        "objects": np.ones((2, 1), dtype=object),
    }
    (outcome,) = run(ProcessExecutor(1), [deed], data)
    assert outcome.test_scores == [
        (True, 2004.0),
        (False, 2000.0),
        (True, 2000.0),
        (True, 0.0),
        (True, 2),
    ]
    assert data["C"][0, 0] == 1.0


def test_memory_maps_are_opened_again(tmp_path):
    file = np.memmap(tmp_path / "X.bin", np.float64, "w+", shape=(100, 10))
    file[:] = 2.0

    def look(data):
        return [(type(a).__name__, float(a.sum())) for a in data]

    with ProcessExecutor(1) as executor:
        (outcome,) = run_in(executor, bundle([look], [file, file[50:]]))
        folder = executor._crew.depot.folder
        written = sum(os.path.getsize(os.path.join(folder, name)) for name in os.listdir(folder))
    assert outcome.test_scores == [("memmap", 2000.0), ("ndarray", 1000.0)]
    assert written < 8000


@pytest.mark.long
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("threads", [1, 3])
def test_threads_per_worker_is_in_force_for_jax(threads):
    pytest.importorskip("jax")

    def look(data):
        import jax.numpy as jnp

        jnp.dot(jnp.ones((500, 500)), jnp.ones((500, 500))).block_until_ready()
        names = [path.joinpath("comm").read_text() for path in Path("/proc/self/task").iterdir()]
        return sum("XLAEigen" in name for name in names)

    (outcome,) = run(ProcessExecutor(1, threads_per_worker=threads), [look])
    assert outcome.test_scores == threads


@pytest.mark.long
def test_threads_per_worker_is_in_force_for_torch():
    torch = pytest.importorskip("torch")

    def look(data):
        import torch

        return (torch.get_num_threads(), torch.get_num_interop_threads())

    (outcome,) = run(ProcessExecutor(1, threads_per_worker=3), [look], torch.float32)
    assert outcome.test_scores == (3, 3)
