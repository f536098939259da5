"""What has come of the trials of a function."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from tunesmith.trial import Ledger, Outcome, Reports, State

Function = Callable[[dict[str, Any]], Any]
Direction = Literal["minimize", "maximize"]


@dataclass(frozen=True)
class FinishedTrial:
    """What came of one trial.

    Parameters
    ----------
    number : int
        From 0, in the order of their start.
    params : mapping of str to object
        What the function was called with.
    value : float or None
        What it returned; None where there is none.
    state : State
        What became of it.
    error : str or None
        Why there is no value.
    seconds : float
        How long the function took.
    reports : tuple of (int, float), default=()
        What it has reported on its way: (step, value).
    """

    number: int
    params: Mapping[str, Any]
    value: float | None
    state: State
    error: str | None
    seconds: float
    reports: Reports = ()


@dataclass(frozen=True)
class Result:
    """What `minimize` or `maximize` has found.

    Parameters
    ----------
    trials : tuple of FinishedTrial
        Those that have ended, in the order of their start.
    direction : {"minimize", "maximize"}
        Which value is the best one.

    Examples
    --------
    >>> from tunesmith import Float, minimize
    >>> result = minimize(lambda p: (p["x"] - 2) ** 2, {"x": Float(0, 5)}, 20, random_state=0)
    >>> round(result.best_params["x"])
    2
    """

    trials: tuple[FinishedTrial, ...]
    direction: Direction

    @property
    def best_trial(self) -> FinishedTrial:
        """The trial with the best value; of equal ones the first.

        Raises
        ------
        ValueError
            If no trial has a value; tells what the last one failed with.
        """
        found = [trial for trial in self.trials if trial.value is not None]
        if not found:
            why = [trial.error or str(trial.state) for trial in self.trials[-1:]]
            last = f"; the last one: {why[0]}" if why else ""
            raise ValueError(f"none of {len(self.trials)} trials has a value{last}")
        sign = 1 if self.direction == "minimize" else -1
        return min(found, key=lambda trial: sign * (trial.value or 0.0))

    @property
    def best_params(self) -> Mapping[str, Any]:
        """The parameters of the best trial."""
        return self.best_trial.params

    @property
    def best_value(self) -> float:
        """The value of the best trial."""
        value = self.best_trial.value
        assert value is not None
        return value

    def __repr__(self) -> str:
        failed = sum(trial.value is None for trial in self.trials)
        without = f", {failed} without a value" if failed else ""
        text = f"{len(self.trials)} trials{without}"
        if failed < len(self.trials):
            text += f"; best {self.best_value:.6g} at {dict(self.best_params)}"
        return f"<Result of {self.direction}: {text}>"


def trials_of(ledger: Ledger) -> Iterator[FinishedTrial]:
    """Yield the trials that have ended, in the order of their start."""
    for number, params in enumerate(ledger.params):
        if (outcome := ledger.outcomes.get((number, 0))) is not None:
            value = _value(outcome)
            yield FinishedTrial(
                number,
                params,
                value,
                outcome.state,
                outcome.error,
                outcome.fit_time,
                outcome.reports,
            )


def _value(outcome: Outcome) -> float | None:
    score = outcome.test_scores
    return score if isinstance(score, float) else None


def objective_of(direction: Direction) -> Callable[[Outcome], float]:
    """Return what tells the engine the score of an outcome: it maximises."""
    sign = -1 if direction == "minimize" else 1

    def objective(outcome: Outcome) -> float:
        value = _value(outcome)
        return math.nan if value is None else sign * value

    return objective
