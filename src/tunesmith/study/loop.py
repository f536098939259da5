"""Run a function on the trials of a study."""

from __future__ import annotations

import math
import time
import warnings

from tunesmith.evaluation.function import FunctionEvaluator
from tunesmith.evaluation.handle import Trial
from tunesmith.exceptions import WouldBlock
from tunesmith.study.arguments import above_0, whole
from tunesmith.study.driver import Driver, UsedUp
from tunesmith.study.result import Function

_PAUSES = (0.01, 1.0)
"""Seconds to wait for other drivers: at first, and at most."""


def run(
    driver: Driver,
    function: Function,
    n_iter: int,
    timeout: float | None,
    returns: tuple[str, ...] = (),
) -> None:
    """Call a function for `n_iter` trials, or as many as there are, and tell what comes of it."""
    deadline = time.monotonic() + (math.inf if timeout is None else above_0("timeout", timeout))
    if not callable(function):
        raise TypeError(f"function={function!r} cannot be called; give a function of a dict")
    whole("n_iter", n_iter, least=1)
    evaluator = FunctionEvaluator(function, returns=returns)
    for ended in range(n_iter):
        try:
            trial = _next(driver, deadline)
            if trial is not None:
                _call(driver, trial, evaluator)
        except KeyboardInterrupt as stop:
            stop.add_note(f"{ended} of {n_iter} trials have ended. Call it again to go on.")
            raise
        if trial is None:
            if time.monotonic() >= deadline:
                text = f"timeout={timeout} seconds ran out: {ended} of {n_iter} trials have ended"
                warnings.warn(text, stacklevel=3)
            return


def _next(driver: Driver, deadline: float) -> Trial | None:
    """Return the next trial; None where there is no other, or no time."""
    pause, longest = _PAUSES
    while (now := time.monotonic()) < deadline:
        try:
            return driver.ask_to_run()
        except WouldBlock:
            if driver.must_tell():
                raise
        except UsedUp:
            return None
        time.sleep(min(pause, deadline - now))
        pause = min(2 * pause, longest)
    return None


def _call(driver: Driver, trial: Trial, evaluator: FunctionEvaluator) -> None:
    try:
        # Another driver may have told of it, if this process was believed dead.
        driver.tell(evaluator.evaluate(trial))
    except BaseException:
        driver.give_back(trial)
        raise
