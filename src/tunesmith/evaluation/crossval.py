"""Fit and score a scikit-learn estimator on one split, exactly as scikit-learn does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.metrics._scorer import _MultimetricScorer
from sklearn.model_selection._validation import _fit_and_score

from tunesmith.exceptions import WorkerError
from tunesmith.trial import Job, Outcome, Scores, State

Split = tuple[NDArray[np.intp], NDArray[np.intp]]


@dataclass(frozen=True)
class CrossValidation:
    """Fits an estimator with a job's parameters on a split's train part, and scores it.

    Parameters
    ----------
    estimator : estimator object
        Cloned for every job.
    X, y : indexable of length n_samples
        Data; `y` may be None.
    splits : sequence of (train, test)
        Index arrays.
    scorer : callable
        A scorer, or a multi-metric scorer.
    fit_params, score_params : mapping of str to object
        Given to ``fit`` and to the scorer; sample-aligned ones are cut by split.
    return_train_score : bool
        Whether to score the train part too.
    error_score : "raise" or float
        The score of a fit that fails.
    verbose : int
        As in scikit-learn's searches.
    n_candidates : int
        How many trials there are, for the messages of a high `verbose`.
    caller : object or None
        The search, for its callbacks.
    contexts : mapping of (int, int) to callback context
        scikit-learn's callback contexts by (trial, split); empty without callbacks.
    """

    estimator: Any
    X: Any
    y: Any
    splits: Sequence[Split]
    scorer: Any
    fit_params: Mapping[str, Any] = field(default_factory=dict)
    score_params: Mapping[str, Any] = field(default_factory=dict)
    return_train_score: bool = False
    error_score: str | float = np.nan
    verbose: int = 0
    n_candidates: int = 0
    caller: Any = None
    contexts: Mapping[tuple[int, int], Any] = field(default_factory=dict)

    @property
    def n_splits(self) -> int:
        """Number of splits."""
        return len(self.splits)

    def __call__(self, job: Job) -> Outcome:
        """Fit and score one job. What this raises ends the whole search."""
        train, test = self.splits[job.split]
        result = _fit_and_score(
            clone(self.estimator),
            self.X,
            self.y,
            scorer=self.scorer,
            train=train,
            test=test,
            verbose=self.verbose,
            parameters=job.params,
            fit_params=self.fit_params,
            score_params=self.score_params,
            return_train_score=self.return_train_score,
            return_n_test_samples=True,
            return_times=True,
            split_progress=(job.split, self.n_splits),
            candidate_progress=(job.trial, self.n_candidates),
            error_score=self._error_score(),
            caller=self.caller,
            callback_ctx=self.contexts.get((job.trial, job.split)),
        )
        state, error = _verdict(result)
        return Outcome(
            trial=job.trial,
            split=job.split,
            state=state,
            test_scores=_as_floats(result["test_scores"]),
            train_scores=_as_floats(result.get("train_scores")),
            n_test_samples=result["n_test_samples"],
            fit_time=result["fit_time"],
            score_time=result["score_time"],
            error=error,
        )

    def _error_score(self) -> str | float:
        score = self.error_score
        return score if isinstance(score, str) else _StandIn(score)

    def failed(self, outcome: Outcome) -> Outcome:
        """Give an evaluation that did not complete the scores that `error_score` asks for."""
        if self.error_score == "raise":
            return replace(outcome, exception=WorkerError(outcome.error))
        scores: Scores = float(self.error_score)
        if isinstance(self.scorer, _MultimetricScorer):
            scores = dict.fromkeys(self.scorer._scorers, float(self.error_score))
        return replace(
            outcome,
            test_scores=scores,
            train_scores=scores if self.return_train_score else None,
            n_test_samples=len(self.splits[outcome.split][1]),
        )


class _StandIn(float):
    """An error score, which can be told from a score that happens to equal it."""

    def __init__(self, score: float) -> None:
        self._text = str(score)

    def __str__(self) -> str:
        return self._text  # as it was given: 0, not 0.0


def _verdict(result: Mapping[str, Any]) -> tuple[State, str | None]:
    """Return what became of a fit and its scoring, and the reason where they failed."""
    if result["fit_error"] is not None:
        return State.FAILED, result["fit_error"]
    failed = [*_failed(result, "test"), *_failed(result, "train")]
    if failed:
        return State.UNSCORED, f"scoring failed: {', '.join(failed)}"
    return State.COMPLETED, None


def _failed(result: Mapping[str, Any], part: str) -> Iterator[str]:
    """Name the scores of a part that an error score stands in for."""
    scores = result.get(f"{part}_scores")
    named = scores if isinstance(scores, dict) else {"score": scores}
    return (f"{part} {name}" for name, score in named.items() if isinstance(score, _StandIn))


def _as_floats(scores: Any) -> Scores | None:
    """Turn what a scorer returned into floats, or say which score cannot be one."""
    if scores is None:
        return None
    if isinstance(scores, dict):
        return {name: _as_float(score, f"{name}: ") for name, score in scores.items()}
    return _as_float(scores)


def _as_float(score: Any, name: str = "") -> float:
    try:
        return float(score)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(
            f"scoring must return a number that a float can hold, got {name}{score!r} "
            f"({type(score)}) instead."
        ) from error
