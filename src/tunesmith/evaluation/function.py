"""Call a user's function with the parameters of a trial."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from traceback import format_exc
from typing import Any

from tunesmith.evaluation import Route
from tunesmith.evaluation.handle import Trial
from tunesmith.evaluation.stages import StageCache
from tunesmith.exceptions import TrialPruned
from tunesmith.trial import Job, Outcome, State, Work


@dataclass(frozen=True)
class FunctionEvaluator:
    """Evaluates trials by a function of their parameters.

    A function that raises `TrialPruned` makes a trial that was pruned; one that raises something
    else, or does not return a finite number, one that failed.

    Parameters
    ----------
    function : callable
        Takes a `tunesmith.evaluation.handle.Trial`, which is a dict of parameters; returns a
        number.
    names, seed, sign
        As for `Trial`.
    """

    function: Callable[[Trial], Any]
    names: frozenset[str] = frozenset()
    seed: int = 0
    sign: int = 1

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
        value: float | None = None
        error: str | None
        trial = Trial(job, self.names, self.seed, self.sign)
        start = time.perf_counter()
        try:
            returned = self.function(trial)
        except TrialPruned:
            state, error = State.PRUNED, None
        except Exception:
            state, error = State.FAILED, format_exc()
        else:
            value, error = number_of(returned)
            state = State.COMPLETED if error is None else State.FAILED
        return Outcome(
            job.trial,
            job.split,
            state,
            test_scores=value,
            fit_time=time.perf_counter() - start,
            work=Work(fits=1),
            error=error,
            reports=trial.reports,
            met=trial.met,
        )

    def routes(self, jobs: Sequence[Job]) -> Sequence[Route]:
        """Say that nothing is shared."""
        return [Route()] * len(jobs)

    def failed(self, outcome: Outcome) -> Outcome:
        """Leave the outcome of an accident without a score."""
        return outcome


def number_of(returned: Any) -> tuple[float | None, str | None]:
    """Return what a function returned as a float, or None and why it is no finite number."""
    wanted = "return one finite number"
    if returned is None:
        return None, f"the function returned None; {wanted}"
    if isinstance(returned, str | bytes | Mapping | Sequence):
        kind = type(returned).__name__
        return None, f"the function returned {returned!r} (of type {kind}); {wanted}"
    try:
        value = float(returned)
    except (TypeError, ValueError) as error:
        kind = type(returned).__name__
        return None, f"the function returned an object of type {kind} ({error}); {wanted}"
    if not math.isfinite(value):
        return None, f"the function returned {value}; {wanted}, or raise to say what is wrong"
    return value, None
