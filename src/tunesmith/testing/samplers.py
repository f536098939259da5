"""What every sampler must pass."""

from __future__ import annotations

import math
import pickle
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from functools import partial
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from tunesmith.samplers import Sampler, Suggestion
from tunesmith.space import Categorical, Choice, Float, Int, Space
from tunesmith.space.categorical import same
from tunesmith.trial import History

_SEEDS = range(2)


def check_sampler(factory: Callable[[Space], Sampler], n_objectives: Sequence[int] = (1,)) -> None:
    """Check that a sampler keeps the contract of `tunesmith.samplers.Sampler`.

    Over spaces of every kind of dimension and with constraints, with an empty history and with
    30 trials of which some are pending, have no score, break an outcome constraint, or lack
    parameters that may be missing, it must suggest parameters that are in the space, with the
    user's own objects as values; be a pure function of its arguments; leave them and the global
    generators alone; and survive pickling.

    Parameters
    ----------
    factory : callable
        Takes a space, returns a sampler for it that can suggest at least 31 trials.
    n_objectives : sequence of int, default=(1,)
        How many scores it is given at once; all of them are tried.

    Raises
    ------
    AssertionError
        If the contract is broken; the message says where.

    Examples
    --------
    >>> from tunesmith.samplers.random import RandomSampler
    >>> from tunesmith.testing.samplers import check_sampler
    >>> check_sampler(lambda space: RandomSampler())
    """
    for title, space in _spaces():
        sampler = factory(space)
        assert isinstance(sampler, Sampler), f"{sampler!r} has no adaptive or no suggest"
        assert isinstance(sampler.adaptive, bool), f"adaptive is {sampler.adaptive!r}, not a bool"
        for n_trials, n in product((0, 1, 30), n_objectives):
            for seed in _SEEDS:
                where = f"{title}, {n_trials} trials before, {n} objectives, seed {seed}"
                ask = partial(_history, space, n_trials, seed, n)
                suggestion = sampler.suggest(space, ask(), np.random.default_rng(seed))
                _check_suggestion(space, suggestion, where)
                _check_purity(sampler, factory, space, ask, seed, suggestion, where)
        _check_sequence(sampler, space, title)


def _spaces() -> Iterator[tuple[str, Space]]:
    layers = [[32], [32, 32], [64, 32, 16], None, len, np.float32(0.5), float("nan"), ("a",)]
    yield "floats", Space.read({"lr": Float(1e-5, 1e-1, log=True), "x": Float(-3, 5)})
    yield "steps", Space.read({"x": Float(0, 1, step=0.1), "n": Int(2, 64, step=2)})
    yield "ints", Space.read({"n": Int(1, 40), "m": Int(1, 1000, log=True)})
    yield "lists", Space.read({"layers": layers, "batch": np.array([16, 32]), "b": [True, False]})
    yield (
        "weights",
        Space.read(
            {
                "a": Categorical(range(20), ordered=True),
                "b": Categorical(["x", "y"], weights=[9, 1]),
            }
        ),
    )
    yield "distributions", Space.read({"a": stats.norm(0, 1), "b": stats.binom(50, 0.3)})
    optimizer = Choice(
        {
            "sgd": {"lr": Float(0.1, 1), "nesterov": Choice({True: {"m": [0.5, 0.9]}, False: {}})},
            "adam": {"lr": Float(1e-4, 1e-2, log=True), "beta": Float(0.8, 0.99)},
            None: {},
        }
    )
    yield "choices", Space.read({"optimizer": optimizer, "epochs": Int(1, 9)})
    within = Space.read({"low": Int(0, 9), "high": Int(0, 9), "x": Float(0, 1)})
    yield "constraints", within.where([_ascending, _not_both])
    near = Categorical([16, 32, 64, 128], distance=_steps, prior=32)
    believed = {"n": near, "x": Float(1e-3, 1, log=True, prior=0.1), "k": Int(1, 9, prior=2)}
    yield "beliefs", Space.read(believed)
    given = Space.read({"x": Float(0, 1), "k": Choice({"p": {"c": Int(1, 3)}, "q": {}})})
    further = {"y": Float(1, 2, log=True), "m": Int(1, 50), "a": Categorical([None, "a", (1,)])}
    yield "parameters that may be missing", given.with_optional(further)
    branches = [{"kernel": ["rbf"], "gamma": Int(1, 50)}, {"kernel": ["linear"]}, {"a": [1, 2]}]
    yield "a list of dicts", Space.read(branches)


def _ascending(params: Mapping[str, Any]) -> bool:
    return bool(params["low"] < params["high"])


def _not_both(params: Mapping[str, Any]) -> bool:
    return bool(params["x"] < 0.5 or params["high"] < 8)


def _steps(a: int, b: int) -> float:
    return abs(math.log2(a) - math.log2(b))


def _history(space: Space, n_trials: int, seed: int, n_objectives: int = 1) -> History:
    """Return a history of random trials: the last 3 pending, every fifth without a score.

    With an odd seed there is an outcome constraint.
    """
    rng = np.random.default_rng([seed, n_trials])
    params = tuple(_without_some(space, space.sample(rng), rng) for _ in range(n_trials))
    scores = rng.normal(size=(n_trials, 3, n_objectives)[: 2 + (n_objectives > 1)])
    violations = rng.normal(size=(n_trials, 1)) if seed % 2 else None
    known = np.arange(n_trials) < n_trials - 3
    missing = ~known | (np.arange(n_trials) % 5 == 0)
    for array in (scores, violations):
        if array is not None:
            array[missing] = np.nan
    encoded = np.array([space.encode(p) for p in params]).reshape(n_trials, space.n_dimensions)
    return History(n_trials, params, encoded, scores, known, violations=violations)


def _without_some(
    space: Space, params: dict[str, Any], rng: np.random.Generator
) -> dict[str, Any]:
    """Leave out some of the parameters that may be missing."""
    optional = space.branches[0].optional
    return {n: v for n, v in params.items() if n not in optional or rng.random() < 0.6}


def _check_suggestion(space: Space, suggestion: Suggestion, where: str) -> None:
    assert isinstance(suggestion, Suggestion), f"{where}: got {suggestion!r}, not a Suggestion"
    params = suggestion.params
    assert isinstance(params, Mapping), f"{where}: params are {params!r}, not a mapping"
    assert space.allows(params), f"{where}: a constraint does not hold at {params}"
    for name, array in suggestion.state.items():
        assert isinstance(array, np.ndarray), f"{where}: the state {name!r} is {array!r}"
        assert array.dtype != object, f"{where}: the state {name!r} holds objects"
    place = space.encode(params)
    active = ~np.isnan(place)
    assert np.all((place[active] >= 0) & (place[active] <= 1)), f"{where}: {params} at {place}"
    for name, value in params.items():
        _check_value(space, name, value, where)


def _check_value(space: Space, name: str, value: Any, where: str) -> None:
    dimensions = [c.dimension for c in space.columns if c.name == name]
    types = {Float: float, Int: int}
    found = []
    for dimension in dimensions:
        if isinstance(dimension, Categorical):
            found.append(any(value is own or same(value, own) for own in dimension.values))
        else:
            found.append(type(value) is types.get(type(dimension), type(value)))
    assert any(found), f"{where}: {name!r} is {value!r} of type {type(value).__name__}"


def _check_purity(
    sampler: Sampler,
    factory: Callable[[Space], Sampler],
    space: Space,
    ask: Callable[[], History],
    seed: int,
    expected: Suggestion,
    where: str,
) -> None:
    history = ask()
    before = deepcopy((history.params, history.encoded, history.scores, history.known))
    for array in (history.encoded, history.scores, history.known):
        array.flags.writeable = False
    numpy_state, python_state = _numpy_state(), random.getstate()
    again = {
        "asked again": sampler,
        "asked of another one": factory(space),
        "asked of a pickled one": pickle.loads(pickle.dumps(sampler)),
    }
    for how, other in again.items():
        got = other.suggest(space, history, np.random.default_rng(seed))
        assert _equal(got, expected), f"{where}: {how}, {got} and not {expected}"
    after = (history.params, history.encoded, history.scores, history.known)
    assert _same_arrays(before, after), f"{where}: the history was changed"
    assert _numpy_state() == numpy_state, f"{where}: numpy's global generator was used"
    assert random.getstate() == python_state, f"{where}: Python's global generator was used"


def _check_sequence(sampler: Sampler, space: Space, title: str) -> None:
    """Check that what was asked before does not matter: forwards and backwards are the same."""

    def ask(number: int) -> Suggestion:
        return sampler.suggest(
            space, _history(space, number, 0), np.random.default_rng([1, number])
        )

    forwards = [ask(number) for number in range(10)]
    backwards = [ask(number) for number in reversed(range(10))][::-1]
    for number, (one, other) in enumerate(zip(forwards, backwards, strict=True)):
        assert _equal(one, other), f"{title}: trial {number} is {one} and, asked last, {other}"


def _numpy_state() -> bytes:
    return pickle.dumps(np.random.get_state())


def _equal(a: Suggestion, b: Suggestion) -> bool:
    return _same_params(a.params, b.params) and same(dict(a.state), dict(b.state))


def _same_params(a: Mapping[str, Any], b: Mapping[str, Any]) -> bool:
    return same(dict(a), dict(b))


def _same_arrays(
    before: tuple[tuple[Mapping[str, Any], ...], *tuple[NDArray[Any], ...]],
    after: tuple[tuple[Mapping[str, Any], ...], *tuple[NDArray[Any], ...]],
) -> bool:
    params = len(before[0]) == len(after[0]) and all(map(_same_params, before[0], after[0]))
    return params and all(map(same, before[1:], after[1:]))
