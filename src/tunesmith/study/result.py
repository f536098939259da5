"""What has come of the trials of a function."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tunesmith.exceptions import Infeasible
from tunesmith.samplers.fronts import fronts
from tunesmith.study.purpose import Direction, Purpose
from tunesmith.trial import Ledger, Reports, State

Function = Callable[[dict[str, Any]], Any]


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
    values : dict of str to float or None, default=None
        What it returned by name, where there are `objectives`.
    feasible : bool, default=True
        Whether it keeps the outcome constraints.
    """

    number: int
    params: Mapping[str, Any]
    value: float | None
    state: State
    error: str | None
    seconds: float
    reports: Reports = ()
    values: Mapping[str, float] | None = None
    feasible: bool = True


@dataclass(frozen=True)
class Result:
    """What `minimize` or `maximize` has found.

    Parameters
    ----------
    trials : tuple of FinishedTrial
        Those that have ended, in the order of their start.
    direction : {"minimize", "maximize"}
        Which value is the best one.
    objectives : dict of str to {"minimize", "maximize"}, default={}
        What is done with each of several values.

    Examples
    --------
    >>> from tunesmith import Float, minimize
    >>> result = minimize(lambda p: (p["x"] - 2) ** 2, {"x": Float(0, 5)}, 20, random_state=0)
    >>> round(result.best_params["x"])
    2
    """

    trials: tuple[FinishedTrial, ...]
    direction: Direction
    objectives: Mapping[str, Direction] = field(default_factory=dict)

    @property
    def pareto(self) -> tuple[FinishedTrial, ...]:
        """The trials that none is better than in all objectives, the outcome constraints kept.

        Without `objectives` the trials that share the best value.
        """
        ways = self.objectives or {"": self.direction}
        found, rows = [], []
        for trial in self.trials:
            values = {"": trial.value} if trial.values is None else trial.values
            row = [values.get(name) for name in ways]
            if trial.feasible and None not in row:
                found.append(trial)
                rows.append(row)
        if not found:
            return ()
        signs = np.array([1.0 if way == "maximize" else -1.0 for way in ways.values()])
        first = fronts(np.array(rows, dtype=np.float64) * signs) == 0
        return tuple(trial for trial, best in zip(found, first, strict=True) if best)

    @property
    def best_trial(self) -> FinishedTrial:
        """The trial with the best value; of equal ones the first.

        Raises
        ------
        ValueError
            If no trial has a value, and tells what the last one failed with; or if there are
            several objectives.
        Infeasible
            If those that have a value all break an outcome constraint.
        """
        if len(self.objectives) > 1:
            raise ValueError(
                f"there are several objectives, {list(self.objectives)}, and no best trial; see "
                "`pareto`"
            )
        valued = [trial for trial in self.trials if trial.value is not None]
        found = [trial for trial in valued if trial.feasible]
        if valued and not found:
            raise Infeasible(
                f"none of {len(self.trials)} trials keeps the outcome constraints; loosen them, "
                "widen the space, or make more trials"
            )
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
        failed = sum(trial.value is None and trial.values is None for trial in self.trials)
        without = f", {failed} without a value" if failed else ""
        text = f"{len(self.trials)} trials{without}"
        if len(self.objectives) > 1:
            text += f"; {len(self.pareto)} on the front of {', '.join(self.objectives)}"
        elif not any(trial.feasible and trial.value is not None for trial in self.trials):
            text += "" if failed == len(self.trials) else "; none keeps the outcome constraints"
        else:
            text += f"; best {self.best_value:.6g} at {dict(self.best_params)}"
        return f"<Result of {self.direction}: {text}>"


def trials_of(ledger: Ledger, purpose: Purpose) -> Iterator[FinishedTrial]:
    """Yield the trials that have ended, in the order of their start."""
    for number, params in enumerate(ledger.params):
        if (outcome := ledger.outcomes.get((number, 0))) is not None:
            scores = outcome.test_scores
            yield FinishedTrial(
                number,
                params,
                purpose.value(outcome),
                outcome.state,
                outcome.error,
                outcome.fit_time,
                outcome.reports,
                scores if isinstance(scores, dict) else None,
                scores is None or purpose.keeps(outcome),
            )
