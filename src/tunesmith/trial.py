"""Frozen records of a search: what to run, what came of it, and what is known so far."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from tunesmith.space import Dimension, Space

Scores = float | dict[str, float]
"""A single score, or one score for each metric by its name."""

Reports = tuple[tuple[int, float], ...]
"""What a trial has reported on its way: (step, value), in the order of the steps."""


class State(StrEnum):
    """What became of an evaluation.

    ``COMPLETED``, ``FAILED`` (the fit raised) and ``PRUNED`` (stopped on its way, for what it had
    reported) are facts about the parameters and are never computed twice. ``TIMED_OUT`` and
    ``LOST`` (the worker died) are accidents of the machine: a resumed study tries them again. So
    it does with ``UNSCORED`` (a scorer raised), whose scores are in part what `error_score` was
    then.
    """

    COMPLETED = "completed"
    FAILED = "failed"
    PRUNED = "pruned"
    TIMED_OUT = "timed out"
    LOST = "lost"
    UNSCORED = "unscored"

    @property
    def final(self) -> bool:
        """Whether running the evaluation again would give the same."""
        return self in (State.COMPLETED, State.FAILED, State.PRUNED)


@dataclass(frozen=True, slots=True)
class Job:
    """One evaluation to run: the parameters of a trial on one split.

    Parameters
    ----------
    trial : int
        Number of the trial in this search, from 0.
    split : int
        Number of the split, from 0.
    params : mapping of str to object
        The parameters of the trial.
    ends_run : bool, default=False
        Whether no other job will go on from what its training run has left.
    judge : callable or None, default=None
        Takes the `Reports` so far, says whether the job is to go on; made from what was known when
        its trial was started.
    space : Space or None, default=None
        Where the parameters are from, if the space has grown by what earlier trials have met.
    """

    trial: int
    split: int
    params: Mapping[str, Any]
    ends_run: bool = field(default=False, compare=False)
    judge: Callable[[Reports], Any] | None = None
    space: Space | None = None


@dataclass(frozen=True, slots=True)
class Met:
    """A parameter that a user's function has asked for.

    Parameters
    ----------
    name : str
        The parameter.
    dimension : Dimension
        What it ranges over, as the function said.
    value : object
        What it was given.
    """

    name: str
    dimension: Dimension
    value: Any


@dataclass(frozen=True, slots=True)
class Work:
    """What evaluations asked for, and what was really done for them.

    Parameters
    ----------
    fits : int
        Estimators fitted from their start.
    budget_asked, budget_run : float
        Epochs, trees or the like: what the fits would have taken alone, and what was run.
    steps_asked, steps_run : int
        Fits of steps of pipelines.
    programs : int
        Programs compiled.
    seconds_saved : float
        Estimate of what sharing saved.

    Examples
    --------
    >>> Work(fits=1, budget_asked=3, budget_run=3) + Work(budget_asked=6, budget_run=3)
    Work(fits=1, budget_asked=9, budget_run=6, steps_asked=0, steps_run=0, programs=0, ...)
    """

    fits: int = 0
    budget_asked: float = 0
    budget_run: float = 0
    steps_asked: int = 0
    steps_run: int = 0
    programs: int = 0
    seconds_saved: float = 0.0

    def __add__(self, other: Work) -> Work:
        """Add up."""
        return Work(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one job.

    Parameters
    ----------
    trial, split : int
        The job it belongs to.
    state : State
        What became of it.
    test_scores, train_scores : float, dict of str to float, or None
        Scores; None where there are none.
    n_test_samples : int
        Number of samples in the test part of the split.
    fit_time, score_time : float
        Seconds; where work was shared, an estimate of what it would have taken alone.
    work : Work or None
        What was done for it; None where nobody knows.
    error : str or None
        Traceback or reason where the evaluation did not complete.
    exception : Exception or None
        An error that ends the whole search (``error_score="raise"``, or a scorer
        that returns no number); never stored.
    reports : tuple of (int, float), default=()
        What it has reported, as the user's function gave it.
    met : tuple of Met or None, default=None
        The parameters it has asked for, besides those it was given; None where nobody knows.
    """

    trial: int
    split: int
    state: State
    test_scores: Scores | None = None
    train_scores: Scores | None = None
    n_test_samples: int = 0
    fit_time: float = 0.0
    score_time: float = 0.0
    work: Work | None = None
    error: str | None = None
    exception: Exception | None = None
    reports: Reports = ()
    met: tuple[Met, ...] | None = None

    @classmethod
    def accident(cls, job: Job, state: State, reason: str) -> Outcome:
        """Return the outcome of a job that the machine, not the user's code, ended."""
        return cls(trial=job.trial, split=job.split, state=state, error=reason)

    @classmethod
    def fatal(cls, job: Job, exception: Exception) -> Outcome:
        """Return the outcome of a job whose error ends the whole search."""
        return cls(
            trial=job.trial,
            split=job.split,
            state=State.FAILED,
            error=f"{type(exception).__name__}: {exception}",
            exception=exception,
        )


class Part(msgspec.Struct, frozen=True):
    """One of the things a study is made from: its content key, and a text for people."""

    digest: str
    text: str


class StudyHead(msgspec.Struct, frozen=True):
    """What a study is: its name, what it is made from, and what was drawn for it.

    Parameters
    ----------
    name : str
        Unique in its storage.
    kind : str
        The class that made it, such as ``"GridSearchCV"``.
    parts : dict of str to Part
        What it is made from, by name (``"estimator.C"``, ``"X"``, ``"scoring"``).
    facts : dict of str to object
        What was drawn once and must stay (split indices, seeds): plain JSON values.
    created : float
        Seconds since the epoch, UTC.
    """

    name: str
    kind: str
    parts: dict[str, Part]
    facts: dict[str, Any]
    created: float


class TrialRecord(msgspec.Struct, frozen=True, tag="trial"):
    """A trial as it is stored.

    Parameters
    ----------
    number : int
        Unique in its study, from 0 and without gaps.
    key : str
        Digest of the parameters, unique in its study.
    params : dict of str to object
        Parameters in plain JSON values.
    """

    number: int
    key: str
    params: dict[str, Any]


class EvaluationRecord(msgspec.Struct, frozen=True, tag="evaluation"):
    """An evaluation as it is stored; (trial, split, attempt) is unique in its study.

    Its steps of `reports` grow. Plain JSON values are `met` (see `tunesmith.storage.met`) and
    `notes`, what a function has told besides its scores (see `tunesmith.storage.notes`).
    """

    trial: int
    split: int
    attempt: int
    state: State
    test_scores: Scores | None
    train_scores: Scores | None
    n_test_samples: int
    fit_time: float
    score_time: float
    error: str | None
    ended: float
    reports: Reports = ()
    met: list[dict[str, Any]] | None = None
    notes: dict[str, Any] | None = None


Record = TrialRecord | EvaluationRecord


@dataclass(frozen=True, slots=True)
class History:
    """What is known when a decision is made.

    Parameters
    ----------
    number : int
        The trial that is asked for.
    params : tuple of mapping, length n_trials
        Parameters of the trials started before.
    encoded : ndarray of shape (n_trials, n_dimensions)
        The same in the unit cube; NaN where a parameter was not active.
    scores : ndarray of shape (n_trials, n_splits) or (n_trials, n_splits, n_objectives)
        Test scores, to be maximised; NaN where a result is pending or missing.
    known : ndarray of shape (n_trials,), dtype bool
        Whether the results of a trial may be looked at.
    seed : int, default=0
        The seed of the search, the same for all its trials.
    violations : ndarray of shape (n_trials, n_constraints) or None, default=None
        By how much the results of a trial break each outcome constraint, 0 or less where they
        keep it; NaN as in `scores`. None where there are no such constraints.
    reports : tuple of Reports, of length n_trials or 0, default=()
        What the trials have reported, to be maximised; empty where it may not be looked at. Of
        length 0 where nothing has been.
    space : Space or None, default=None
        Where `encoded` is from, if the space has grown by parameters that trials have met.
    """

    number: int
    params: tuple[Mapping[str, Any], ...]
    encoded: NDArray[np.float64]
    scores: NDArray[np.float64]
    known: NDArray[np.bool_]
    seed: int = 0
    violations: NDArray[np.float64] | None = None
    reports: tuple[Reports, ...] = ()
    space: Space | None = None

    @property
    def n_objectives(self) -> int:
        """How many scores are maximised at once."""
        return 1 if self.scores.ndim == 2 else self.scores.shape[2]

    @property
    def objectives(self) -> NDArray[np.float64]:
        """Mean scores, of shape (n_trials, n_objectives), to be maximised; NaN if one misses."""
        means = self.scores.mean(axis=1)
        return np.asarray(means[:, None] if means.ndim == 1 else means)

    @property
    def values(self) -> NDArray[np.float64]:
        """Mean scores, of shape (n_trials,), where one is maximised; NaN if one misses."""
        if self.n_objectives > 1:
            raise ValueError("with several objectives there is no single value; see `objectives`")
        return self.objectives[:, 0]

    @property
    def feasible(self) -> NDArray[np.bool_]:
        """Whether results keep all outcome constraints, of shape (n_trials,).

        False where the results are pending or missing, and there are such constraints.
        """
        if self.violations is None:
            return np.ones(len(self.scores), dtype=bool)
        return np.asarray((self.violations <= 0).all(axis=1))


@dataclass(frozen=True, slots=True)
class Goal:
    """What is read from an outcome: the scores a search maximises, and what limits them.

    Parameters
    ----------
    objective : callable
        Takes an `Outcome`, returns the score, or `n_objectives` of them; NaN if none.
    n_objectives : int, default=1
        How many scores there are.
    violation : callable or None, default=None
        Takes an `Outcome`, returns by how much it breaks each outcome constraint, 0 or less
        where it keeps it, NaN if nobody knows.
    n_constraints : int, default=0
        How many numbers `violation` returns.
    """

    objective: Callable[[Outcome], float | Sequence[float]]
    n_objectives: int = 1
    violation: Callable[[Outcome], Sequence[float]] | None = None
    n_constraints: int = 0


class Ledger:
    """The growing account of a search, from which each decision gets its `History`.

    Parameters
    ----------
    n_splits : int
        Evaluations of each trial.
    n_dimensions : int
        Width of the encoding.
    goal : Goal or callable
        What is read from an `Outcome`. A callable returns the one score that is maximised.
    encode : callable
        Takes parameters, returns their place in the unit cube, shape (n_dimensions,).
    seed : int, default=0
        The seed of the search.

    Attributes
    ----------
    params : list of mapping
        Parameters of the trials, by number.
    outcomes : dict of (int, int) to Outcome
        What has come in, by (trial, split).
    frontier : int
        All trials with a lower number are complete.
    seed : int
        The seed of the search; trial *n* draws from the generator seeded with it and *n*.
    """

    def __init__(
        self,
        n_splits: int,
        n_dimensions: int,
        goal: Goal | Callable[[Outcome], float],
        encode: Callable[[Mapping[str, Any]], NDArray[np.float64]],
        seed: int = 0,
    ) -> None:
        self.params: list[Mapping[str, Any]] = []
        self.outcomes: dict[tuple[int, int], Outcome] = {}
        self.frontier = 0
        self._n_splits = n_splits
        self._goal = goal if isinstance(goal, Goal) else Goal(goal)
        self._encode = encode
        self.seed = seed
        n, m = self._goal.n_objectives, self._goal.n_constraints
        self._missing: list[int] = []
        self._complete = np.zeros(64, dtype=bool)
        self._scores = np.full((64, n_splits) if n == 1 else (64, n_splits, n), np.nan)
        self._unknown = np.full_like(self._scores, np.nan)
        self._violations = np.full((64, n_splits, m), np.nan)
        self._encoded = np.empty((64, n_dimensions))

    def start(self, params: Mapping[str, Any]) -> int:
        """Enter a new trial and return its number."""
        number = len(self.params)
        row = self._encode(params)
        if number == len(self._scores):
            for name in ("_scores", "_violations", "_encoded"):
                rows = getattr(self, name)
                setattr(self, name, np.concatenate([rows, np.full_like(rows, np.nan)]))
            self._complete = np.concatenate([self._complete, np.zeros_like(self._complete)])
        self._encoded[number] = row
        self.params.append(params)
        self._missing.append(self._n_splits)
        return number

    def enter(self, outcome: Outcome) -> float | None:
        """Enter an outcome; return the trial's mean score once its last one is in.

        It is the first of several; NaN where the trial breaks an outcome constraint.
        """
        trial, goal = outcome.trial, self._goal
        self.outcomes[trial, outcome.split] = outcome
        self._scores[trial, outcome.split] = goal.objective(outcome)
        if goal.violation is not None:
            self._violations[trial, outcome.split] = goal.violation(outcome)
        self._missing[trial] -= 1
        while self.frontier < len(self._missing) and not self._missing[self.frontier]:
            self.frontier += 1
        if self._missing[trial]:
            return None
        self._complete[trial] = True
        if goal.violation is not None and (self._violations[trial].mean(axis=0) > 0).any():
            return float("nan")
        scores = self._scores[trial]
        return float((scores if scores.ndim == 1 else scores[:, 0]).mean())

    def reports(self, trial: int) -> Reports:
        """Return the mean score so far after each split, up to the first one that is not in."""
        scores = self._scores[trial] if self._scores.ndim == 2 else self._scores[trial, :, 0]
        done = 0
        while done < self._n_splits and (trial, done) in self.outcomes:
            done += 1
        means = np.cumsum(scores[:done]) / np.arange(1, done + 1)
        return tuple(enumerate(means.tolist()))

    def view(self, known: int | None = None) -> History:
        """Return what a decision may see.

        Parameters
        ----------
        known : int or None, default=None
            It knows the results of so many first trials; None: of all that are complete.

        Returns
        -------
        History
            It stays as it is, whatever comes in later.
        """
        n = len(self.params)
        mask = self._complete[:n].copy() if known is None else np.arange(n) < known
        violations = None
        if self._goal.n_constraints:
            violations = _where(mask, self._violations[:n].mean(axis=1))
        return History(
            number=n,
            params=tuple(self.params),
            # Where a trial was started is not written to again.
            encoded=_fixed(self._encoded[:n]),
            scores=self._known_scores(n, known, mask),
            known=mask,
            seed=self.seed,
            violations=violations,
        )

    def _known_scores(
        self, n: int, known: int | None, mask: NDArray[np.bool_]
    ) -> NDArray[np.float64]:
        # Nothing is copied in the two cases that would copy all rows for each trial of a long
        # search: nothing may be known, and all is known, which stays as it is.
        if known == 0:
            if n > len(self._unknown):
                self._unknown = np.full_like(self._scores, np.nan)
            return _fixed(self._unknown[:n])
        if known is not None and known == n <= self.frontier:
            return _fixed(self._scores[:n])
        return _where(mask, self._scores[:n])


def _fixed(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    rows.flags.writeable = False
    return rows


def _where(mask: NDArray[np.bool_], rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a copy of rows, NaN where the mask is False."""
    kept = rows.copy()
    kept[~mask] = np.nan
    return kept
