"""Call a user's function with the parameters of a trial."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from traceback import format_exc
from typing import Any

import numpy as np

from tunesmith.evaluation import Route
from tunesmith.evaluation.handle import Trial
from tunesmith.evaluation.stages import StageCache
from tunesmith.exceptions import TrialPruned
from tunesmith.trial import Job, Outcome, Scores, State, Work


@dataclass(frozen=True)
class FunctionEvaluator:
    """Evaluates trials by a function of their parameters.

    A function that raises `TrialPruned` makes a trial that was pruned; one that raises something
    else, or does not return a finite number, one that failed.

    Parameters
    ----------
    function : callable
        Takes a `tunesmith.evaluation.handle.Trial`, which is a dict of parameters; returns a
        number, or those of `returns`.
    names, seed, sign
        As for `Trial`.
    returns : tuple of str, default=()
        Names of the numbers that the function returns, as a dict or in this order; empty where it
        returns one.
    """

    function: Callable[[Trial], Any]
    names: frozenset[str] = frozenset()
    seed: int = 0
    sign: int = 1
    returns: tuple[str, ...] = ()

    @property
    def n_splits(self) -> int:
        """One evaluation for each trial."""
        return 1

    @property
    def modules(self) -> Sequence[str]:
        """None that is known."""
        return ()

    def __call__(self, job: Job, cache: StageCache | None = None) -> Outcome:
        """Call the function."""
        return self.evaluate(Trial(job, self.names, self.seed, self.sign))

    def evaluate(self, trial: Trial) -> Outcome:
        """Call the function with a trial."""
        value: Scores | None = None
        error: str | None
        start = time.perf_counter()
        try:
            returned = self.function(trial)
        except TrialPruned:
            state, error = State.PRUNED, None
        except Exception:
            state, error = State.FAILED, format_exc()
        else:
            value, error = self._read(returned)
            state = State.COMPLETED if error is None else State.FAILED
        return Outcome(
            trial.number,
            0,
            state,
            test_scores=value,
            fit_time=time.perf_counter() - start,
            work=Work(fits=1),
            error=error,
            reports=trial.reports,
            met=trial.met,
        )

    def _read(self, returned: Any) -> tuple[Scores | None, str | None]:
        return numbers_of(returned, self.returns) if self.returns else number_of(returned)

    def routes(self, jobs: Sequence[Job]) -> Sequence[Route]:
        """Say that nothing is shared."""
        return [Route()] * len(jobs)

    def failed(self, outcome: Outcome) -> Outcome:
        """Leave the outcome of an accident without a score."""
        return outcome


def number_of(
    returned: Any, said: str = "the function returned"
) -> tuple[float | None, str | None]:
    """Return what a function returned as a float, or None and why it is no finite number."""
    wanted = "return one finite number"
    if returned is None:
        return None, f"{said} None; {wanted}"
    kind = type(returned).__name__
    if isinstance(returned, str | bytes | Mapping | Sequence):
        return None, f"{said} {returned!r} (of type {kind}); {wanted}"
    try:
        value = float(returned)
    except Exception as error:  # whatever a user's object raises
        return None, f"{said} an object of type {kind} ({error}); {wanted}"
    if not math.isfinite(value):
        return None, f"{said} {value}; {wanted}, or raise to say what is wrong"
    return value, None


def numbers_of(
    returned: Any, names: Sequence[str], said: str = "the function returned"
) -> tuple[dict[str, float] | None, str | None]:
    """Return what a function returned as named floats, or None and why it is no such thing."""
    wanted = f"return a dict of {list(names)}, or as many numbers in this order"
    listed = returned.tolist() if isinstance(returned, np.ndarray) else returned
    if isinstance(listed, Mapping):
        if missing := [name for name in names if name not in listed]:
            return None, f"{said} a dict without {missing[0]!r}; {wanted}"
        values = [listed[name] for name in names]
    elif isinstance(listed, str | bytes) or not isinstance(listed, Sequence):
        return None, f"{said} {returned!r} (of type {type(returned).__name__}); {wanted}"
    elif len(listed) != len(names):
        return None, f"{said} {len(listed)} numbers, not {len(names)}; {wanted}"
    else:
        values = list(listed)
    found: dict[str, float] = {}
    for name, value in zip(names, values, strict=True):
        number, error = number_of(value, said)
        if number is None:
            return None, f"{name!r}: {error}"
        found[name] = number
    return found, None
