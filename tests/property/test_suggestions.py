"""Laws of every sampler: what is suggested is in the space, allowed, repeatable, and new."""

from __future__ import annotations

import math
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tunesmith import minimize
from tunesmith.samplers.auto import AutoSampler
from tunesmith.samplers.gp import GPSampler
from tunesmith.samplers.qmc import QMCSampler
from tunesmith.samplers.random import RandomSampler
from tunesmith.samplers.starting import StartingSampler
from tunesmith.samplers.tpe import TPESampler
from tunesmith.space import Categorical, Choice, Float, Int, Space
from tunesmith.trial import Goal, Ledger, Outcome, State

SAMPLERS = pytest.mark.parametrize(
    "sampler",
    [RandomSampler(), QMCSampler(), TPESampler(n_startup=4), GPSampler(3), AutoSampler()],
    ids=["random", "qmc", "tpe", "gp", "auto"],
)
law = settings(deadline=None, derandomize=True, max_examples=12)


def leaves():
    return st.one_of(
        st.builds(Float, st.floats(-2, 0), st.floats(0.5, 9)),
        st.builds(Float, st.floats(1e-6, 1e-3), st.floats(0.1, 9), log=st.just(True)),
        st.builds(Float, st.just(0), st.integers(1, 4), step=st.sampled_from([0.1, 0.25])),
        st.builds(Int, st.integers(1, 5), st.integers(5, 40), log=st.booleans()),
        st.builds(
            Categorical,
            st.lists(st.sampled_from(["a", 1, True, None, (2,), 2.5]), min_size=1, max_size=5),
            ordered=st.booleans(),
        ),
    )


@st.composite
def spaces(draw, *, depth=1):
    entries = {name: draw(leaves()) for name in draw(st.sets(st.sampled_from("xyz"), min_size=1))}
    if depth and draw(st.booleans()):
        branches = draw(st.lists(spaces(depth=0), min_size=1, max_size=3))
        inner = [
            {f"{name}{number}": d for name, d in dict(branch.branches[0].entries).items()}
            for number, branch in enumerate(branches)
        ]
        weights = range(1, 1 + len(inner)) if draw(st.booleans()) else None
        entries["kind"] = Choice(dict(enumerate(inner)), weights=weights)
    return Space.read(entries)


@st.composite
def limited(draw):
    """A space with a constraint that holds for about half of it, and maybe a second one."""
    space = draw(spaces())
    bound = draw(st.integers(2, 5))
    return space.where(lambda params: len(repr(sorted(params.items(), key=str))) % 7 < bound)


def noise(params):
    """A number that depends on parameters in no simple way, and is sometimes missing."""
    number = zlib.crc32(repr(sorted(params.items(), key=str)).encode()) % 1000 / 1000
    return math.nan if number < 0.1 else number


def run(sampler, space, n, seed, in_flight, n_objectives, n_constraints):
    draws = np.random.default_rng(seed)
    values = draws.normal(size=(n, n_objectives + n_constraints))
    values[draws.random(n) < 0.2] = np.nan
    goal = Goal(
        lambda outcome: (
            values[outcome.trial, 0] if n_objectives == 1 else values[outcome.trial, :n_objectives]
        ),
        n_objectives,
        (lambda outcome: values[outcome.trial, n_objectives:]) if n_constraints else None,
        n_constraints,
    )
    ledger = Ledger(1, space.n_dimensions, goal, space.encode, seed)
    for number in range(n):
        history = ledger.view(max(0, number + 1 - in_flight))
        params = sampler.suggest(space, history, np.random.default_rng([seed, number])).params
        ledger.enter(Outcome(ledger.start(params), 0, State.COMPLETED))
    return ledger.params


@SAMPLERS
@law
@given(
    space=st.one_of(spaces(), limited()),
    seed=st.integers(0, 999),
    in_flight=st.integers(1, 4),
    n_objectives=st.sampled_from([1, 1, 2, 3]),
    n_constraints=st.integers(0, 2),
)
def test_suggestions_are_in_the_space_and_repeat(
    sampler, space, seed, in_flight, n_objectives, n_constraints
):
    if space.constraints and not any(_allowed(space)):
        return
    settings = (12, seed, in_flight, n_objectives, n_constraints)
    params = run(sampler, space, *settings)
    assert all(one in space for one in params)
    assert run(sampler, space, *settings) == params


def _allowed(space):
    free = Space(space.branches)
    rng = np.random.default_rng(0)
    return (space.allows(free.sample(rng)) for _ in range(200))


@law
@given(data=st.data(), seed=st.integers(0, 99))
def test_the_default_never_repeats_what_can_be_counted(data, seed):
    names = data.draw(st.sets(st.sampled_from("xyz"), min_size=1))
    sizes = {name: data.draw(st.integers(1, 4)) for name in names}
    space = Space.read({name: list(range(size)) for name, size in sizes.items()})
    if data.draw(st.booleans()) and len(names) > 1:
        first, second = sorted(names)[:2]
        space = space.where(lambda params: params[first] <= params[second])
    params = run(AutoSampler(), space, int(space.size), seed, 1, 1, 0)
    assert len({tuple(sorted(one.items())) for one in params}) == space.size


@law
@given(space=spaces(), seed=st.integers(0, 99), n_first=st.integers(1, 3), data=st.data())
def test_points_to_begin_with_are_kept_as_they_are(space, seed, n_first, data):
    rng = np.random.default_rng(seed)
    whole = [space.sample(rng) for _ in range(n_first)]
    parts = [
        {name: value for name, value in point.items() if data.draw(st.booleans())}
        for point in whole
    ]
    params = run(StartingSampler(RandomSampler(), tuple(parts)), space, 5, seed, 1, 1, 0)
    for part, one in zip(parts, params, strict=False):
        assert one in space
        assert all(one[name] is value or one[name] == value for name, value in part.items())


@pytest.mark.filterwarnings("ignore:all .* trials have failed")
@law
@given(
    space=st.one_of(spaces(), limited()),
    seed=st.integers(0, 99),
    cut=st.integers(1, 11),
    sampler=st.sampled_from(["tpe", "auto"]),
)
def test_resumed_is_uninterrupted(space, seed, cut, sampler, tmp_path_factory):
    if space.size < 12 or (space.constraints and not any(_allowed(space))):
        return
    storage = tmp_path_factory.mktemp("law") / "study.db"
    settings = {"sampler": sampler, "random_state": seed, "progress": False}
    whole = minimize(noise, space, 12, **settings)
    for n_iter in (cut, 12):
        kept = minimize(noise, space, n_iter, **settings, storage=storage, study_name="law")
    assert [trial.params for trial in kept.trials] == [trial.params for trial in whole.trials]
    assert [trial.value for trial in kept.trials] == [trial.value for trial in whole.trials]
