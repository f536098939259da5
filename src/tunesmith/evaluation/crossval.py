"""Fit and score a scikit-learn estimator on one split, exactly as scikit-learn does."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from traceback import format_exc
from typing import Any

import numpy as np
from scipy.sparse import issparse
from sklearn.base import clone
from sklearn.metrics._scorer import _MultimetricScorer
from sklearn.model_selection._validation import _score
from sklearn.utils import get_tags

from tunesmith.evaluation import Route
from tunesmith.evaluation.anatomy import modules_of, parts
from tunesmith.evaluation.fold import Fold, Split
from tunesmith.evaluation.seeds import seeding, unseeded
from tunesmith.evaluation.sharing import itinerary, share
from tunesmith.evaluation.stages import StageCache
from tunesmith.evaluation.trust import leaves_data, reads_only, sees_data
from tunesmith.evaluation.verbose import Narrator
from tunesmith.exceptions import WorkerError
from tunesmith.trial import Job, Outcome, Scores, State, Work


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
    seeds : sequence of int, length n_splits, or None
        Set as every ``random_state`` that is None, and for generators that estimators without
        one draw from; None where there is none.
    sharing : {"exact", "rounding", "off"}
        Whether what candidates have in common is computed once.
    token : str
        Tells this data from any other in a worker's cache.
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
    seeds: Sequence[int] | None = None
    sharing: str = "exact"
    token: str = field(default_factory=lambda: uuid.uuid4().hex)

    @property
    def n_splits(self) -> int:
        """Number of splits."""
        return len(self.splits)

    def __call__(self, job: Job, cache: StageCache | None = None) -> Outcome:
        """Fit and score one job. What this raises ends the whole search."""
        self._narrator.begin(job)
        cache = StageCache() if cache is None else cache
        cache.begin()
        outcome = self._evaluate(job, cache)
        if job.ends_run:
            cache.end_run()
        self._narrator.end(job, outcome)
        return outcome

    @property
    def modules(self) -> list[str]:
        """Where the estimator and those inside it are from."""
        return sorted({name for part in parts(self.estimator) for name in modules_of(part)})

    def routes(self, jobs: Sequence[Job]) -> list[Route]:
        """Say for each job which stages it goes through."""
        if not self._shares:
            return [Route()] * len(jobs)
        found: dict[int, Route] = {}
        for job in jobs:
            if job.trial not in found:
                estimator = self._candidate(job.params, job.split)
                found[job.trial] = itinerary(estimator, rounding=self.sharing == "rounding")
        return [found[job.trial].on(job.split) for job in jobs]

    def _evaluate(self, job: Job, cache: StageCache) -> Outcome:
        estimator = self._candidate(job.params, job.split)
        private = not (reads_only(estimator) and leaves_data(self.scorer))
        shares = self._shares and share(
            estimator, cache, private=private, rounding=self.sharing == "rounding"
        )
        clock = _Clock(cache)
        fold = self._fold(estimator, job.split, cache if shares else None, private)
        outcome = Outcome(
            job.trial, job.split, State.COMPLETED, n_test_samples=fold.n_test_samples
        )
        try:
            with seeding(estimator, self._seed(job.split)):
                self._fit(estimator, fold, self.contexts.get((job.trial, job.split)))
        except Exception:
            if self.error_score == "raise":
                raise
            lost = replace(outcome, state=State.FAILED, error=format_exc())
            return self.failed(replace(lost, fit_time=clock.lap(), work=Work(fits=1)))
        fit_time = clock.lap()
        if sees_data(self.scorer):
            cache.lineage.close()
        scores = {"test": self._score(estimator, fold.X_test, fold.y_test, fold.score_params_test)}
        score_time = clock.lap()
        if self.return_train_score:
            train = fold.X_train, fold.y_train, fold.score_params_train
            scores["train"] = self._score(estimator, *train)
        failed = [name for part in scores for name in _failed(scores[part], part)]
        return replace(
            outcome,
            state=State.UNSCORED if failed else State.COMPLETED,
            test_scores=_as_floats(scores["test"]),
            train_scores=_as_floats(scores["train"]) if "train" in scores else None,
            fit_time=fit_time,
            score_time=score_time,
            work=cache.work if shares else Work(fits=1),
            error=f"scoring failed: {', '.join(failed)}" if failed else None,
        )

    @property
    def _shares(self) -> bool:
        """Whether candidates share; scikit-learn's callbacks want to see every fit."""
        return self.sharing != "off" and not self.contexts

    @property
    def _narrator(self) -> Narrator:
        return Narrator(self.verbose, self.n_splits, self.n_candidates)

    def _candidate(self, params: Mapping[str, Any], split: int) -> Any:
        """Return an estimator of its own for a job; values that are estimators are copied too."""
        estimator = clone(self.estimator).set_params(**clone(dict(params), safe=False))
        if self.seeds is not None and (names := unseeded(estimator)):
            estimator.set_params(**dict.fromkeys(names, self.seeds[split]))
        return estimator

    def _seed(self, split: int) -> int | None:
        return None if self.seeds is None else self.seeds[split]

    def _fold(self, estimator: Any, split: int, cache: StageCache | None, private: bool) -> Fold:
        """Return the data of a split: cut anew where somebody might write to it."""
        if cache is None:
            return self._cut(estimator, split)
        name = f"{self.token} {split} {get_tags(estimator).input_tags.pairwise}"
        # Even scikit-learn sorts the entries of sparse data in place.
        if private or issparse(self.X):
            fold = self._cut(estimator, split)
        elif (fold := cache.get(name)) is None:
            start = time.perf_counter()
            fold = self._cut(estimator, split)
            fold.freeze()
            cache.put(name, fold, seconds=time.perf_counter() - start)
        fold.mark(cache.lineage, name)
        return fold

    def _cut(self, estimator: Any, split: int) -> Fold:
        return Fold.cut(
            estimator, self.X, self.y, self.splits[split], self.fit_params, self.score_params
        )

    def _fit(self, estimator: Any, fold: Fold, context: Any) -> None:
        """Fit, telling scikit-learn's callbacks of it."""
        if context is None:
            estimator.fit(*fold.train, **fold.fit_params)
            return
        weights = fold.fit_params.get("sample_weight")
        seen = {
            "X": fold.X_train,
            "y": fold.y_train,
            "metadata": None if weights is None else {"sample_weight": weights},
        }
        try:
            with context.propagate_callback_context(estimator):
                context.call_on_fit_task_begin(estimator=self.caller, **seen)
                estimator.fit(*fold.train, **fold.fit_params)
        finally:
            context.call_on_fit_task_end(estimator=self.caller, **seen)

    def _score(self, estimator: Any, X: Any, y: Any, params: Mapping[str, Any]) -> Any:
        return _score(estimator, X, y, self.scorer, params, self._error_score())

    def _error_score(self) -> str | float:
        score = self.error_score
        return score if isinstance(score, str) else _StandIn(score)

    def failed(self, outcome: Outcome) -> Outcome:
        """Give an evaluation that did not complete the scores that `error_score` asks for.

        One that was pruned has NaN.
        """
        pruned = outcome.state is State.PRUNED
        if self.error_score == "raise" and not pruned:
            return replace(outcome, exception=WorkerError(outcome.error))
        score = np.nan if pruned else float(self.error_score)
        scores: Scores = score
        if isinstance(self.scorer, _MultimetricScorer):
            scores = dict.fromkeys(self.scorer._scorers, score)
        return replace(
            outcome,
            test_scores=scores,
            train_scores=scores if self.return_train_score else None,
            n_test_samples=len(self.splits[outcome.split][1]),
        )


@dataclass
class _Clock:
    """Tells what each part of a job takes alone: its time, and what the cache saved it."""

    cache: StageCache
    time: float = field(default_factory=time.perf_counter)
    saved: float = 0.0

    def lap(self) -> float:
        """Return the seconds since the last call."""
        before = self.time, self.saved
        self.time, self.saved = time.perf_counter(), self.cache.work.seconds_saved
        return self.time - before[0] + self.saved - before[1]


class _StandIn(float):
    """An error score, which can be told from a score that happens to equal it."""

    def __init__(self, score: float) -> None:
        self._text = str(score)

    def __str__(self) -> str:
        return self._text  # as it was given: 0, not 0.0


def _failed(scores: Any, part: str) -> Iterator[str]:
    """Name the scores of a part that an error score stands in for."""
    named = scores if isinstance(scores, dict) else {"score": scores}
    return (f"{part} {name}" for name, score in named.items() if isinstance(score, _StandIn))


def _as_floats(scores: Any) -> Scores:
    """Turn what a scorer returned into floats, or say which score cannot be one."""
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
