"""What every scheduler must pass."""

from __future__ import annotations

import pickle
import random
from collections.abc import Callable, Iterator
from copy import deepcopy

import numpy as np

from tunesmith.schedulers import Continue, Done, Judge, Scheduler, Start, Stop
from tunesmith.space.categorical import same
from tunesmith.trial import History, Reports

_N_TRIALS = 30

_STEPS = (0, 1, 2, 3, 7, 8, 30)

_LARGE = 100_000
"""Bytes of a pickled judge that are too many for so few reports."""


def check_scheduler(factory: Callable[[int], Scheduler]) -> None:
    """Check that a scheduler keeps the contract of `tunesmith.schedulers.Scheduler`.

    Over histories of every length, with and without reports, with trials that are pending, have no
    score or have reported NaN, it must start trials until there are enough and then be done; make
    judges that are small, can be pickled and say `Continue` or `Stop`; look at results only if it
    is `adaptive`; and be a pure function of its arguments, its judges too.

    Parameters
    ----------
    factory : callable
        Takes a number of trials, returns a scheduler that starts so many if none is stopped.

    Raises
    ------
    AssertionError
        If the contract is broken; the message says where.

    Examples
    --------
    >>> from tunesmith.schedulers.full import FullScheduler
    >>> from tunesmith.testing.schedulers import check_scheduler
    >>> check_scheduler(FullScheduler)
    """
    scheduler = factory(_N_TRIALS)
    assert isinstance(scheduler, Scheduler), f"{scheduler!r} has no adaptive, next or judge"
    assert isinstance(scheduler.adaptive, bool), f"adaptive is {scheduler.adaptive!r}, not a bool"
    for where, history in _histories():
        _check_purity(scheduler, factory, history, where)
        decision = scheduler.next(history)
        if history.number < _N_TRIALS:
            assert isinstance(decision, Start | Done), f"{where}: next gives {decision!r}"
        else:
            assert isinstance(decision, Done), f"{where}: there is no end"
        _check_judge(scheduler.judge(history), where)
    assert isinstance(scheduler.next(_history(0, 0)), Start), "it starts no trial at all"
    if not scheduler.adaptive:
        for number in range(_N_TRIALS + 1):
            few, many = _history(number, 0), _blind(number)
            assert scheduler.next(few) == scheduler.next(many), "it looks at results"
            assert scheduler.judge(few) == scheduler.judge(many), "its judge looks at results"


def _histories() -> Iterator[tuple[str, History]]:
    for number in (0, 1, 5, 12, 29, 30, 31):
        for seed in range(3):
            yield f"{number} trials before, seed {seed}", _history(number, seed)
        yield f"{number} trials before, no reports", _blind(number)


def _history(number: int, seed: int) -> History:
    """Return a history: the last 3 trials pending, every fifth without a score."""
    rng = np.random.default_rng([seed, number])
    params = tuple({"x": float(u)} for u in rng.random(number))
    scores = rng.normal(size=(number, 1))
    known = np.arange(number) < number - 3
    reports = tuple(_reports(rng, 1 + i % len(_STEPS)) if known[i] else () for i in range(number))
    scores[~known] = np.nan
    scores[::5] = np.nan
    places = np.array([[p["x"]] for p in params]).reshape(number, 1)
    return History(number, params, places, scores, known, seed, reports=reports)


def _blind(number: int) -> History:
    """Return a history in which nothing is known of any trial."""
    nothing = np.full((number, 1), np.nan)
    return History(number, ({},) * number, nothing, nothing, np.zeros(number, dtype=bool))


def _reports(rng: np.random.Generator, n: int) -> Reports:
    values = rng.normal(size=n)
    values[rng.random(n) < 0.1] = np.nan
    return tuple(zip(_STEPS[:n], values.tolist(), strict=True))


def _trials() -> Iterator[Reports]:
    """Yield what trials may have reported when they are judged."""
    for n in range(1, len(_STEPS) + 1):
        for seed in range(3):
            yield _reports(np.random.default_rng([seed, n]), n)
        for value in (float("nan"), float("inf"), -float("inf")):
            yield tuple((step, value) for step in _STEPS[:n])
    yield ((5, 0.0),)


def _check_judge(judge: Judge | None, where: str) -> None:
    if judge is None:
        return
    assert callable(judge), f"{where}: judge gives {judge!r}"
    pickled = pickle.dumps(judge)
    assert len(pickled) < _LARGE, f"{where}: the judge takes {len(pickled)} bytes"
    sent = pickle.loads(pickled)
    for reports in _trials():
        verdict = judge(reports)
        assert isinstance(verdict, Continue | Stop), f"{where}: the judge says {verdict!r}"
        assert judge(reports) == verdict, f"{where}: the judge changes its mind on {reports}"
        assert sent(reports) == verdict, f"{where}: pickled, the judge says something else"


def _check_purity(
    scheduler: Scheduler, factory: Callable[[int], Scheduler], history: History, where: str
) -> None:
    before = deepcopy((history.params, history.scores, history.known, history.reports))
    for array in (history.encoded, history.scores, history.known):
        array.flags.writeable = False
    state, python_state = pickle.dumps(np.random.get_state()), random.getstate()
    expected = scheduler.next(history), _said(scheduler.judge(history))
    again = {
        "asked again": scheduler,
        "asked of another one": factory(_N_TRIALS),
        "asked of a pickled one": pickle.loads(pickle.dumps(scheduler)),
    }
    for how, other in again.items():
        got = other.next(history), _said(other.judge(history))
        assert got == expected, f"{where}: {how}, {got} and not {expected}"
    after = (history.params, history.scores, history.known, history.reports)
    assert all(map(same, before, after)), f"{where}: the history was changed"
    drew = state != pickle.dumps(np.random.get_state()) or python_state != random.getstate()
    assert not drew, f"{where}: a global generator was used"


def _said(judge: Judge | None) -> object:
    """Return all that a judge says: two judges may differ and say the same."""
    return None if judge is None else [judge(reports) for reports in _trials()]
