from __future__ import annotations

import random
from dataclasses import dataclass, field

import numpy as np
import pytest

from tunesmith.samplers import Sampler, Suggestion
from tunesmith.samplers.auto import AutoSampler
from tunesmith.samplers.cmaes import CMAESSampler
from tunesmith.samplers.evolution import EvolutionSampler
from tunesmith.samplers.fixed import FixedSampler
from tunesmith.samplers.gp import GPSampler
from tunesmith.samplers.grid import GridSampler
from tunesmith.samplers.qmc import QMCSampler
from tunesmith.samplers.random import RandomSampler
from tunesmith.samplers.tpe import TPESampler
from tunesmith.space import Space
from tunesmith.testing.samplers import check_sampler


def fixed(space: Space) -> Sampler:
    rng = np.random.default_rng(7)
    return FixedSampler([space.sample(rng) for _ in range(31)])


@pytest.mark.parametrize(
    "factory",
    [
        fixed,
        lambda space: GridSampler(points=40),
        lambda space: RandomSampler(),
        lambda space: QMCSampler(),
        lambda space: QMCSampler("halton"),
        lambda space: TPESampler(),
        lambda space: GPSampler(),
        lambda space: AutoSampler(),
        lambda space: EvolutionSampler(),
    ],
    ids=["fixed", "grid", "random", "sobol", "halton", "tpe", "gp", "auto", "evolution"],
)
def test_sampler_keeps_the_contract(factory):
    check_sampler(factory, n_objectives=(1, 2, 3, 4))


def test_sampler_of_one_score_keeps_the_contract():
    check_sampler(lambda space: CMAESSampler(), n_objectives=(1,))


@dataclass
class Breaking:
    """A sampler that breaks the contract in one way."""

    how: str
    adaptive: bool = False
    asked: list[int] = field(default_factory=list)

    def suggest(self, space, history, rng):
        self.asked.append(history.number)
        params = space.sample(rng)
        if self.how == "remembers":
            params = space.sample(np.random.default_rng(len(self.asked)))
        elif self.how == "global numpy":
            np.random.random()
        elif self.how == "global python":
            random.random()
        elif self.how == "own generator":
            params = space.sample(np.random.default_rng())
        elif self.how == "leaves one out":
            params.popitem()
        elif self.how == "changes history" and history.params:
            history.params[0].clear()
        elif self.how == "strings":
            params = {name: str(value) for name, value in params.items()}
        elif self.how == "numpy numbers":
            params = {n: np.float64(v) if type(v) is float else v for n, v in params.items()}
        elif self.how == "no suggestion":
            return params
        elif self.how == "state of objects":
            return Suggestion(params, {"x": np.array([None])})
        return Suggestion(params)


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("remembers", "asked again"),
        ("global numpy", "numpy's global generator"),
        ("global python", "Python's global generator"),
        ("own generator", "asked again"),
        ("leaves one out", "missing"),
        ("changes history", "history was changed"),
        ("strings", "not a number"),
        ("numpy numbers", "of type float64"),
        ("no suggestion", "not a Suggestion"),
        ("state of objects", "holds objects"),
    ],
)
def test_broken_sampler_is_found(how, message):
    with pytest.raises((AssertionError, ValueError), match=message):
        check_sampler(lambda space: Breaking(how))


def test_sampler_that_only_works_in_this_process_is_found():
    sampler = RandomSampler()
    object.__setattr__(sampler, "lock", lambda: None)
    with pytest.raises(Exception, match="pickle"):
        check_sampler(lambda space: sampler)
