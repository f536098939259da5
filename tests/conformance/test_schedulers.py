from __future__ import annotations

import pickle
import random
from dataclasses import dataclass, field

import pytest

from tunesmith.schedulers import Continue, Done, Start, Stop
from tunesmith.schedulers.bounded import BoundedScheduler
from tunesmith.schedulers.full import FullScheduler
from tunesmith.schedulers.median import MedianScheduler
from tunesmith.testing.schedulers import check_scheduler


@pytest.mark.parametrize(
    "factory",
    [
        FullScheduler,
        MedianScheduler,
        lambda n: MedianScheduler(n, n_startup=1, n_warmup_steps=2, interval=3, n_min=2),
        lambda n: BoundedScheduler(MedianScheduler(10 * n), n),
    ],
    ids=["full", "median", "median with settings", "bounded"],
)
def test_scheduler_keeps_the_contract(factory):
    check_scheduler(factory)


@dataclass
class Verdicts:
    """A judge that breaks the contract in one way."""

    how: str
    load: bytes = b""
    said: list[int] = field(default_factory=list)

    def __call__(self, reports):
        self.said.append(0)
        if self.how == "judge says True":
            return True
        if self.how == "judge changes its mind" and len(self.said) % 2:
            return Stop()
        return Continue()


@dataclass
class Breaking:
    """A scheduler that breaks the contract in one way."""

    n_trials: int
    how: str
    adaptive: bool = True
    asked: list[int] = field(default_factory=list)

    def next(self, history):
        self.asked.append(history.number)
        if self.how == "remembers" and len(self.asked) % 2:
            return Done()
        if self.how == "never done":
            return Start()
        if self.how == "never starts":
            return Done()
        if self.how == "changes history" and history.params:
            history.params[0].clear()
        if self.how == "draws":
            random.random()
        return Start() if history.number < self.n_trials else Done()

    def judge(self, history):
        if self.how == "looks" and history.known.any():
            return Verdicts("")
        if self.how == "lambda":
            return lambda reports: Continue()
        if self.how.startswith("judge"):
            return Verdicts(self.how, b"x" * 10**6 if self.how == "judge is large" else b"")
        return None


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("remembers", "asked again"),
        ("never done", "no end"),
        ("never starts", "starts no trial"),
        ("changes history", "history was changed"),
        ("draws", "global generator"),
        ("judge says True", "the judge says True"),
        ("judge changes its mind", "asked again|changes its mind|something else"),
        ("judge is large", "takes 1000"),
        ("looks", "its judge looks at results"),
    ],
)
def test_broken_scheduler_is_found(how, message):
    with pytest.raises(AssertionError, match=message):
        check_scheduler(lambda n: Breaking(n, how, adaptive=how != "looks"))


def test_judge_that_cannot_be_sent_is_found():
    with pytest.raises((AttributeError, pickle.PicklingError), match="pickle"):
        check_scheduler(lambda n: Breaking(n, "lambda"))
