"""Stop what does worse than the median."""

from __future__ import annotations

import math
import numbers
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import ClassVar

import numpy as np

from tunesmith.evaluation.verdicts import Continue, Stop, Verdict
from tunesmith.exceptions import SpaceError
from tunesmith.schedulers import Decision, Done, Start
from tunesmith.trial import History, Reports


@dataclass(frozen=True, slots=True)
class MedianJudge:
    """Judges a trial by the medians of others.

    Parameters
    ----------
    medians : mapping of int to float
        For each step, the median of what completed trials have reported there, to be maximised.
    n_warmup_steps, interval
        As for `MedianScheduler`.
    """

    medians: Mapping[int, float]
    n_warmup_steps: int = 0
    interval: int = 1

    def __call__(self, reports: Reports) -> Verdict:
        """Return `Stop` where all values reported so far are below the median at the last step."""
        step, before = reports[-1][0], reports[-2][0] if len(reports) > 1 else -1
        # Once in each interval: at the first report that falls into it.
        into = (step - self.n_warmup_steps) % self.interval
        if step < self.n_warmup_steps or before >= step - into:
            return Continue()
        median = self.medians.get(step, math.nan)
        best = max((value for _, value in reports if value == value), default=-math.inf)
        return Stop() if best < median else Continue()


@dataclass(frozen=True, slots=True)
class MedianScheduler:
    """Start `n_trials` trials, and stop those that do worse than the median of the others.

    A trial is stopped at a step if the best of what it has reported so far is worse than the
    median of what the completed trials have reported at that step. Trials that were stopped or
    have failed have no say in the median; NaN is worse than any number, and has none either.

    Parameters
    ----------
    n_trials : int
        Number of trials, stopped ones included.
    n_startup : int, default=5
        No trial is stopped before so many have completed.
    n_warmup_steps : int, default=0
        No trial is stopped before this step.
    interval : int, default=1
        From `n_warmup_steps` on, a trial is judged once in so many steps.
    n_min : int, default=1
        No trial is stopped at a step at which fewer completed trials have reported.

    Raises
    ------
    SpaceError
        If a number is not whole, or too small.

    References
    ----------
    D. Golovin et al., "Google Vizier: a service for black-box optimization", KDD 2017, section
    3.2.2 (median stopping rule), where the median is that of the running averages of the others
    up to the step. Here it is that of their values at the step, which for a curve that improves
    asks more of a trial.

    Examples
    --------
    >>> import numpy as np
    >>> from tunesmith.schedulers.median import MedianScheduler
    >>> from tunesmith.trial import History
    >>> reports = (((0, 0.1), (1, 0.2)), ((0, 0.3), (1, 0.6)), ((0, 0.5), (1, 0.7)))
    >>> scores = np.array([[0.2], [0.6], [0.7]])
    >>> history = History(
    ...     3, ({},) * 3, np.empty((3, 0)), scores, np.ones(3, dtype=bool), reports=reports
    ... )
    >>> judge = MedianScheduler(10, n_startup=3).judge(history)
    >>> judge.medians
    {0: 0.3, 1: 0.6}
    >>> judge(((0, 0.4),)), judge(((0, 0.4), (1, 0.5)))
    (Continue(), Stop())
    """

    n_trials: int
    n_startup: int = field(default=5, kw_only=True)
    n_warmup_steps: int = field(default=0, kw_only=True)
    interval: int = field(default=1, kw_only=True)
    n_min: int = field(default=1, kw_only=True)
    adaptive: ClassVar[bool] = True

    def __post_init__(self) -> None:
        least = {"n_trials": 1, "n_startup": 0, "n_warmup_steps": 0, "interval": 1, "n_min": 1}
        for name, bound in least.items():
            value = getattr(self, name)
            if not isinstance(value, numbers.Integral) or value < bound:
                raise SpaceError(
                    f"{name} has to be a whole number, {bound} or more, got {value!r}"
                )

    def next(self, history: History) -> Decision:
        """Return `Start` until `n_trials` trials are started, then `Done`."""
        return Start() if history.number < self.n_trials else Done()

    def judge(self, history: History) -> MedianJudge | None:
        """Return what judges by the medians there are now; None before there are enough trials.

        Parameters
        ----------
        history : History
            What is known.
        """
        if not history.reports:
            return None
        completed = np.flatnonzero(~np.isnan(history.objectives).any(axis=1))
        if len(completed) < max(self.n_startup, self.n_min):
            return None
        medians = _medians([history.reports[trial] for trial in completed], self.n_min)
        return MedianJudge(medians, self.n_warmup_steps, self.interval)


def _medians(reports: list[Reports], n_min: int) -> dict[int, float]:
    """Return the median at each step at which `n_min` trials have reported a number."""
    steps = np.array([step for trial in reports for step, _ in trial], dtype=np.int64)
    values = np.fromiter((v for _, v in chain.from_iterable(reports)), float, len(steps))
    steps, values = steps[~np.isnan(values)], values[~np.isnan(values)]
    order = np.lexsort((values, steps))
    steps, values = steps[order], values[order]
    found, first, counts = np.unique(steps, return_index=True, return_counts=True)
    low, high = values[first + (counts - 1) // 2], values[first + counts // 2]
    # Halves are not added where they are one value, which may be infinite.
    with np.errstate(invalid="ignore"):
        middle = np.where(low == high, low, low / 2 + high / 2)
    enough = counts >= n_min
    return dict(zip(found[enough].tolist(), middle[enough].tolist(), strict=True))
