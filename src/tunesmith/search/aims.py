"""What a search is after, where it is more than one score."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tunesmith.evaluation.bounds import Bounds, excess, limits
from tunesmith.samplers.fronts import fronts
from tunesmith.trial import Goal, Outcome, State

TIMES = ("fit_time", "score_time")
"""What may be aimed at besides scores; less of it is better."""


@dataclass(frozen=True)
class Aims:
    """Objectives and outcome constraints of a search.

    Parameters
    ----------
    objectives : tuple of str
        Names of metrics, or of `TIMES`; empty for the score that `refit` goes by.
    limits : dict of str to (float, float)
        The least and the most that a metric or a time may be.
    """

    objectives: tuple[str, ...]
    limits: Mapping[str, Bounds]

    @classmethod
    def read(cls, objectives: Any, outcome_constraints: Any) -> Aims:
        """Return the aims that a user's arguments mean.

        Raises
        ------
        ValueError
            If they mean none; names the argument.
        """
        if objectives is None:
            objectives = ()
        if isinstance(objectives, str) or not isinstance(objectives, Sequence):
            raise ValueError(
                f"objectives has to be a list of names such as ['accuracy', 'fit_time'], got "
                f"{objectives!r}"
            )
        if len(set(objectives)) < len(objectives) or not all(
            isinstance(name, str) for name in objectives
        ):
            raise ValueError(f"objectives has to hold names, each once, got {objectives!r}")
        return cls(tuple(objectives), limits(outcome_constraints))

    @property
    def metrics(self) -> list[str]:
        """Names of the metrics that are asked for, each once."""
        names = dict.fromkeys([*self.objectives, *self.limits])
        return [name for name in names if name not in TIMES]

    def check(self, known: Sequence[str]) -> None:
        """Raise ValueError where a metric is not among those that are computed."""
        for name in self.metrics:
            if name not in known:
                raise ValueError(
                    f"{name!r} is none of the scores of this search, {list(known)}, nor of "
                    f"{list(TIMES)}; add it to scoring="
                )

    def goal(self, score: Callable[[Outcome], float], single: str | None) -> Goal:
        """Return what is read from an outcome.

        Parameters
        ----------
        score : callable
            Gives the score that `refit` goes by.
        single : str or None
            Name of the metric, where there is only one.
        """

        def value(name: str, outcome: Outcome) -> float:
            if outcome.state is not State.COMPLETED:
                return math.nan
            if name in TIMES:
                return float(getattr(outcome, name))
            scores = outcome.test_scores
            if isinstance(scores, dict):
                return scores.get(name, math.nan)
            known = name in (single, "score") and scores is not None
            return float(scores) if known and scores is not None else math.nan

        def objectives(outcome: Outcome) -> list[float]:
            return [_sign(name) * value(name, outcome) for name in self.objectives]

        def violation(outcome: Outcome) -> list[float]:
            return [excess(value(name, outcome), *b) for name, b in self.limits.items()]

        n = len(self.objectives)
        wanted: Callable[[Outcome], float | Sequence[float]] = score if n == 0 else objectives
        if n == 1:
            wanted = lambda outcome: objectives(outcome)[0]  # noqa: E731
        limited = violation if self.limits else None
        return Goal(wanted, max(1, n), limited, len(self.limits))

    def feasible(self, results: Mapping[str, Any]) -> NDArray[np.bool_]:
        """Tell which candidates of ``cv_results_`` keep the outcome constraints."""
        keeps = np.ones(len(results["params"]), dtype=bool)
        for name, bounds in self.limits.items():
            means = _means(results, name)
            keeps &= np.array([excess(float(mean), *bounds) <= 0 for mean in means], dtype=bool)
        return keeps

    def pareto(self, results: Mapping[str, Any]) -> NDArray[np.intp]:
        """Return the numbers of the candidates that none dominates, the constraints kept."""
        columns = [_sign(name) * _means(results, name) for name in self.objectives]
        values = np.stack(columns, axis=1)
        able = np.flatnonzero(self.feasible(results) & ~np.isnan(values).any(axis=1))
        return np.asarray(able[fronts(values[able]) == 0])


def _sign(name: str) -> int:
    return -1 if name in TIMES else 1


def _means(results: Mapping[str, Any], name: str) -> NDArray[np.float64]:
    if name in TIMES:
        return np.asarray(results[f"mean_{name}"], dtype=np.float64)
    column = f"mean_test_{name}"
    return np.asarray(results[column if column in results else "mean_test_score"], dtype=float)
