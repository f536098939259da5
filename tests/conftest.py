from __future__ import annotations

import gc
import os
import shutil
import tempfile

import pytest
from threadpoolctl import threadpool_limits

# Before anything imports Keras; whoever wants another backend says so.
os.environ.setdefault("KERAS_BACKEND", "jax")

# Most tests train one of a few tiny networks: each is compiled once, not for each fit. Worker
# processes, pytest's and ours, inherit the folder from the first process, which removes it.
_PROGRAMS = None
if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
    _PROGRAMS = tempfile.mkdtemp(prefix="programs-")
    os.environ["JAX_COMPILATION_CACHE_DIR"] = _PROGRAMS
    os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
    os.environ["JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES"] = "-1"

# Plugins for another pytest, which would swap what others' packages hold in this one; and scripts.
collect_ignore = [
    "compat/hyperopt/killed_search.py",
    "conformance/hyperopt_suite",
    "conformance/sklearn_suite",
    "search/killed_script.py",
]
# Keras binds to one backend a process.
collect_ignore += [
    f"models/on_{backend}.py"
    for backend in ("tensorflow", "torch")
    if backend != os.environ["KERAS_BACKEND"]
]


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    """Limit the threads of this process, which others run tests beside.

    Where there are more threads than cores, fits of a few samples take many times longer: their
    threads wait for each other, and do so at work.
    """
    with threadpool_limits(1):
        yield


def pytest_collection_finish():
    # Each full collection would look at everything that has been imported.
    gc.collect()
    gc.freeze()


def pytest_unconfigure():
    if _PROGRAMS is not None:
        shutil.rmtree(_PROGRAMS, ignore_errors=True)
