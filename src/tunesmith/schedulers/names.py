"""Schedulers by their names."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from typing import Any

from tunesmith.exceptions import SpaceError
from tunesmith.schedulers import Scheduler
from tunesmith.schedulers.bounded import BoundedScheduler
from tunesmith.schedulers.full import FullScheduler
from tunesmith.schedulers.median import MedianScheduler

_SCHEDULERS: dict[str, Callable[[int], Scheduler]] = {
    "full": FullScheduler,
    "median": MedianScheduler,
}


def as_scheduler(given: Any, n_trials: int) -> Scheduler:
    """Return the scheduler of a name, or the one that is given, for so many trials at most.

    Parameters
    ----------
    given : str, Scheduler or None
        "full", "median", a scheduler, or None for "full".
    n_trials : int
        Number of trials.

    Returns
    -------
    Scheduler

    Raises
    ------
    SpaceError
        If it is none of these.

    Examples
    --------
    >>> from tunesmith.schedulers.names import as_scheduler
    >>> as_scheduler(None, 20)
    FullScheduler(n_trials=20)
    """
    if given is None:
        return FullScheduler(n_trials)
    if isinstance(given, str):
        if given in _SCHEDULERS:
            return _SCHEDULERS[given](n_trials)
        near = difflib.get_close_matches(given.lower(), _SCHEDULERS, n=1, cutoff=0.7)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise SpaceError(
            f"there is no scheduler {given!r}; write one of {list(_SCHEDULERS)}.{hint}"
        )
    if isinstance(given, type) or not isinstance(given, Scheduler):
        raise SpaceError(
            f"scheduler has to be None, one of {list(_SCHEDULERS)}, or an object with `adaptive`, "
            f"`next` and `judge`, got {given!r}"
        )
    return BoundedScheduler(given, n_trials)
