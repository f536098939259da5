"""Law of drivers: however many ask and tell, in whatever order, the trials are those of one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tunesmith import Choice, Float, Int, Study, WouldBlock
from tunesmith.samplers import Suggestion
from tunesmith.storage.memory import MemoryStorage

SPACE = {"x": Float(0, 1), "kind": Choice({"a": {"n": Int(1, 10)}, None: {}})}
N = 12


@dataclass(frozen=True)
class Listener:
    """Suggests another point for all that is told it in another way."""

    adaptive: ClassVar[bool] = True

    def suggest(self, space, history, rng):
        heard = np.nan_to_num(history.scores[:, 0], nan=0.5) @ (1 + np.arange(history.number))
        place = (rng.random(space.n_dimensions) + heard) % 1
        return Suggestion(space.decode(place))


actions = st.lists(
    st.tuples(
        st.sampled_from([0, 1]),
        st.sampled_from(["ask", "ask", "ask two", "tell", "tell", "tell for the other", "end"]),
        st.integers(0, 9),
    ),
    max_size=60,
)


def value(params):
    """Return a value; None where the trial fails."""
    return None if params["x"] > 0.9 else (params["x"] - 0.3) ** 2 + abs(params.get("n", 4) - 7)


def tell(study, trial):
    found = value(trial.params)
    study.tell(trial, found, state="completed" if found is not None else "failed")


def alone(**given):
    study = Study(SPACE, **given)
    while len(study.trials) < N:
        tell(study, study.ask())
    return study


def plain(study):
    return [(t.number, t.params, t.value, t.state) for t in study.trials[:N]]


@settings(max_examples=40, deadline=None)
@given(actions, st.integers(1, 4), st.integers(0, 3), st.sampled_from(["auto", Listener()]))
def test_any_interleaving_of_two_drivers_gives_what_one_gives(steps, in_flight, seed, sampler):
    given = {"in_flight": in_flight, "random_state": seed, "sampler": sampler}
    storage = MemoryStorage()
    drivers = [Study(SPACE, storage=storage, **given) for _ in range(2)]
    held = [{}, {}]

    def ask(which, n):
        try:
            trials = drivers[which].ask(n)
        except WouldBlock:
            return
        for trial in trials:
            assert trial.number not in held[0].keys() | held[1].keys(), "a trial has two holders"
            held[which][trial.number] = trial

    for which, act, place in steps:
        if act.startswith("ask"):
            ask(which, 2 if act == "ask two" else 1)
        elif act == "end":
            drivers[which].close()
            drivers[which] = Study(SPACE, storage=storage, **given)
            held[which] = {}
        elif mine := held[which]:
            number = sorted(mine)[place % len(mine)]
            trial = mine.pop(number)
            tell(drivers[1 - which if act.endswith("other") else which], trial)
    last = drivers[0]
    drivers[1].close()
    for trial in held[0].values():
        tell(last, trial)
    while len(last.trials) < N or last.waiting:
        tell(last, last.ask())
    assert plain(last) == plain(alone(**given))
