from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import ExitStack
from multiprocessing import get_context

import joblib
import pytest

from tunesmith.executors import Executor
from tunesmith.executors.futures import FuturesExecutor
from tunesmith.executors.inline import InlineExecutor
from tunesmith.executors.joblib_backend import JoblibExecutor
from tunesmith.executors.processes import ProcessExecutor
from tunesmith.testing.executors import check_executor
from tunesmith.trial import Outcome


@pytest.fixture
def stack():
    with ExitStack() as stack:
        yield stack


def thread_pool(stack: ExitStack) -> Executor:
    return FuturesExecutor(stack.enter_context(ThreadPoolExecutor(2)))


def process_pool(stack: ExitStack) -> Executor:
    context = get_context("spawn")
    return FuturesExecutor(stack.enter_context(ProcessPoolExecutor(2, mp_context=context)))


def on_joblib(backend: str) -> Callable[[ExitStack], Executor]:
    def make(stack: ExitStack) -> Executor:
        with joblib.parallel_config(backend, n_jobs=2):
            return JoblibExecutor()

    return make


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda stack: InlineExecutor(), id="inline"),
        pytest.param(lambda stack: ProcessExecutor(1), id="processes-1"),
        pytest.param(lambda stack: ProcessExecutor(2), id="processes-2"),
        pytest.param(thread_pool, id="thread-pool"),
        pytest.param(process_pool, id="process-pool"),
        pytest.param(on_joblib("threading"), id="joblib-threading"),
        pytest.param(on_joblib("loky"), id="joblib-loky"),
        pytest.param(
            on_joblib("multiprocessing"),
            id="joblib-multiprocessing",
            marks=[
                pytest.mark.long,
                # It forks, and JAX, where another test has loaded it, warns of every fork.
                pytest.mark.filterwarnings("ignore:.*fork:RuntimeWarning"),
                pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning"),
            ],
        ),
    ],
)
def test_executor_keeps_the_contract(make, stack):
    check_executor(lambda: make(stack))


class Breaking(InlineExecutor):
    """An executor that breaks the contract in one way."""

    def __init__(self, how):
        self.how = how

    def run(self, bundle, on_outcome):
        got: list[Outcome] = []
        super().run(bundle, got.append)
        if self.how == "twice":
            got.append(got[-1])
        elif self.how == "backwards":
            got.reverse()
        elif self.how == "swallows":
            got = [o if o.exception is None else Outcome(o.trial, 0, o.state) for o in got]
        for outcome in got:
            on_outcome(outcome)

    def __exit__(self, *exc):
        if self.how == "slow":
            threading.Event().wait(5.1)


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("twice", "too many"),
        ("backwards", "in order"),
        ("swallows", "came back as None"),
    ],
)
def test_a_broken_executor_does_not_pass(how, message):
    with pytest.raises(AssertionError, match=message):
        check_executor(lambda: Breaking(how))
