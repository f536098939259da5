"""One fit of a search: evaluates lists of candidates and gathers what comes of them."""

from __future__ import annotations

import warnings
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import FitFailedWarning
from sklearn.metrics._scorer import _MultimetricScorer
from sklearn.model_selection._validation import _warn_or_raise_about_fit_failures

from tunesmith.engine import Engine
from tunesmith.evaluation.crossval import CrossValidation
from tunesmith.evaluation.fold import Split
from tunesmith.evaluation.seeds import needs_seeds
from tunesmith.executors import Executor
from tunesmith.progress import Progress
from tunesmith.samplers import Sampler
from tunesmith.samplers.fixed import FixedSampler
from tunesmith.schedulers import Scheduler
from tunesmith.schedulers.full import FullScheduler
from tunesmith.search.aims import Aims
from tunesmith.search.candidates import Params, check_names
from tunesmith.search.ledger import SplitLedger
from tunesmith.search.study import SearchStudy
from tunesmith.space import Space
from tunesmith.trial import Ledger, Outcome, State, Work

_SAMPLES = 32
"""Points of a space by which its names are checked before anything is fitted."""

Row = dict[str, Any]
"""One evaluation in the form in which scikit-learn's searches gather them."""


@dataclass
class Task:
    """What one call of ``fit`` was asked to do, checked and routed.

    Parameters
    ----------
    X, y : indexable of length n_samples
        Data.
    scorer : callable
        A scorer, or a multi-metric scorer.
    refit_metric : str, bool or callable
        As scikit-learn's searches find it.
    routed : Bunch
        Metadata for the estimator, the scorer and the splitter.
    estimator : estimator object
        A clone, the base of every candidate.
    cv : splitter
        Checked.
    """

    X: Any
    y: Any
    scorer: Any
    refit_metric: Any
    routed: Any
    estimator: Any
    cv: Any

    def split(self, cv: Any = None) -> list[Split]:
        """Return the index arrays of every split of `cv`, or of the task's own."""
        return list((cv or self.cv).split(self.X, self.y, **self.routed.splitter.split))


@dataclass(frozen=True)
class Round:
    """Trials that are evaluated together.

    Parameters
    ----------
    space : Space
        Where they are from.
    sampler : Sampler
        Suggests them.
    scheduler : Scheduler
        Says which are stopped.
    n_trials : int
        How many.
    encode : callable
        Takes parameters, returns their place for the sampler to learn from.
    seed : int, default=0
        Of all that is drawn.
    in_flight : int or None, default=None
        The window of the engine.
    aims : Aims, default=Aims((), {})
        What the sampler learns from; by default the score that `refit` goes by.
    """

    space: Space
    sampler: Sampler
    scheduler: Scheduler
    n_trials: int
    encode: Callable[[Params], NDArray[np.float64]]
    seed: int = 0
    in_flight: int | None = None
    aims: Aims = field(default_factory=lambda: Aims((), {}))

    def ledger(
        self, n_splits: int, score: Callable[[Outcome], float], single: str | None
    ) -> Ledger:
        """Return an account to be filled; see `Aims.goal`."""
        kind = SplitLedger if self.scheduler.adaptive else Ledger
        width = self.space.n_dimensions
        return kind(n_splits, width, self.aims.goal(score, single), self.encode, self.seed)


@dataclass
class Run:
    """Evaluates candidates; this is what a search's ``_run_search`` is given.

    Parameters
    ----------
    search : BaseSearch
        The search being fitted.
    task : Task
        What it was asked to do.
    executor : Executor
        Where evaluations run.
    study : SearchStudy or None
        Where outcomes are kept.
    progress : Progress
        What people watch.
    deadline : float
        When to stop, on the clock of ``time.monotonic``.

    Attributes
    ----------
    results : dict
        ``cv_results_`` of all candidates so far.
    asked, done : int
        Evaluations asked for, and those there is an outcome of.
    complete : int
        Candidates that have an outcome on every split.
    work : Work
        What was done in this run.
    """

    search: Any
    task: Task
    executor: Executor
    study: SearchStudy | None
    progress: Progress
    deadline: float = float("inf")
    results: dict[str, Any] = field(default_factory=dict, init=False)
    asked: int = field(default=0, init=False)
    done: int = field(default=0, init=False)
    complete: int = field(default=0, init=False)
    rows: list[Row] = field(default_factory=list, init=False)
    work: Work = field(default_factory=Work, init=False)
    _computed: int = field(default=0, init=False)
    _params: list[Params] = field(default_factory=list, init=False)
    _more: dict[str, list[Any]] = field(default_factory=lambda: defaultdict(list), init=False)
    _seed: int | None = field(default=None, init=False)
    _best: tuple[float | None, Params | None] = field(default=(None, None), init=False)

    def __call__(
        self,
        candidate_params: Iterable[Params],
        cv: Any = None,
        more_results: Mapping[str, Sequence[Any]] | None = None,
        callback_ctx: Any = None,
    ) -> dict[str, Any]:
        """Evaluate candidates on every split; return the results of all so far.

        The arguments are those of the function that scikit-learn's ``_run_search``
        is given.
        """
        candidates = list(candidate_params)
        round_ = Round(
            Space.read({}),
            FixedSampler(candidates),
            FullScheduler(len(candidates)),
            len(candidates),
            lambda params: np.empty(0),
        )
        splits = self._announce(round_, cv)
        check_names(self.task.estimator, candidates)
        for name, values in (more_results or {}).items():
            self._more[name].extend(values)
        return self._play(self._engine(round_, candidates, splits, callback_ctx), candidates)

    def learn(self, round_: Round, callback_ctx: Any = None) -> dict[str, Any]:
        """Evaluate what a sampler suggests on every split; return the results.

        Parameters
        ----------
        round_ : Round
            What suggests candidates, and how many.
        callback_ctx : CallbackContext or None
            As scikit-learn's searches give it.

        Returns
        -------
        dict
            ``cv_results_``.
        """
        splits = self._announce(round_, None)
        rng = np.random.default_rng(0)
        samples = [round_.space.sample(rng) for _ in range(_SAMPLES)]
        check_names(self.task.estimator, samples)
        engine = self._engine(round_, samples, splits, callback_ctx)
        return self._play(engine, engine.ledger.params)

    def _play(self, engine: Engine, candidates: list[Params]) -> dict[str, Any]:
        """Run an engine; gather what came of its candidates, and return all results so far."""
        try:
            if engine.run():
                self.asked = self.done  # fewer than announced, where the scheduler says so
                if not candidates:
                    raise ValueError(f"No fits were performed: {engine.scheduler} started none.")
        except KeyboardInterrupt:
            self._gather(engine.ledger, candidates)
            raise
        self._gather(engine.ledger, candidates)
        return self.results

    def _announce(self, round_: Round, cv: Any) -> list[Split]:
        """Return the splits, and say how much there is to do."""
        splits = self._splits(cv)
        if self.search.verbose > 0:
            print(
                f"Fitting {len(splits)} folds for each of {round_.n_trials} candidates,"
                f" totalling {round_.n_trials * len(splits)} fits"
            )
        if not round_.n_trials or not splits:
            raise ValueError(
                "No fits were performed. Was the CV iterator empty? Were there no candidates?"
            )
        return splits

    def account(self) -> str:
        """Return a sentence on how far the run is."""
        return (
            f"{self.done} of {self.asked} evaluations are done, "
            f"{self.complete} of {self.asked // self.search.n_splits_} candidates complete."
        )

    def sharing(self) -> dict[str, Any]:
        """Return ``sharing_``: what was asked for in this run, and what was done."""
        work = self.work
        return {
            "fits_asked": self._computed,
            "fits_run": work.fits,
            "budget_asked": work.budget_asked,
            "budget_run": work.budget_run,
            "steps_asked": work.steps_asked,
            "steps_run": work.steps_run,
            "programs_compiled": work.programs,
            "seconds_saved": work.seconds_saved,
        }

    def tell(self, note: str = "") -> None:
        """Tell whoever watches how far the run is."""
        if not note and self.work.seconds_saved >= 1:
            note = f"{self.work.seconds_saved:.0f} s saved by sharing"
        best, params = self._best
        self.progress.update(done=self.done, best=best, best_params=params, note=note)

    def _found(self, count: int) -> None:
        assert self.study is not None
        self.progress.found(
            count,
            f"study {self.study.name!r}: {count} of {self.asked} evaluations found, "
            f"{self.asked - count} to run",
        )

    def _splits(self, cv: Any) -> list[Split]:
        if cv is None and self.study is not None:
            splits = self.study.splits
        else:
            splits = self.task.split(cv)
        if len(splits) != self.search.n_splits_:
            raise ValueError(
                f"cv.split and cv.get_n_splits return inconsistent results. "
                f"Expected {self.search.n_splits_} splits, got {len(splits)}"
            )
        return splits

    def _engine(
        self,
        round_: Round,
        samples: Sequence[Params],
        splits: list[Split],
        callback_ctx: Any,
    ) -> Engine:
        scoring = self.search._scoring()
        single = scoring if isinstance(scoring, str) else None
        ledger = round_.ledger(len(splits), self._objective, single)
        evaluator = self._evaluator(splits, round_.n_trials, samples, callback_ctx)
        recorder = None if self.study is None else self.study.recorder(evaluator, self._found)
        self.asked += round_.n_trials * len(splits)
        self.progress.start(self.asked, type(self.search).__name__)

        def observe(outcome: Outcome, mean: float | None) -> None:
            self.done += 1
            if callable(self.search.scoring) and outcome.state is State.COMPLETED:
                given = outcome.test_scores
                round_.aims.check(list(given) if isinstance(given, dict) else ["score"])
            if outcome.work is not None:
                self._computed += 1
                self.work += outcome.work
            if mean is not None:
                self.complete += 1
                if mean == mean and (self._best[0] is None or mean > self._best[0]):
                    self._best = (mean, ledger.params[outcome.trial])
            self.tell()

        return Engine(
            space=round_.space,
            sampler=round_.sampler,
            scheduler=round_.scheduler,
            evaluator=evaluator,
            executor=self.executor,
            ledger=ledger,
            recorder=recorder,
            observe=observe,
            in_flight=round_.in_flight,
            deadline=self.deadline,
        )

    def _evaluator(
        self, splits: list[Split], n_candidates: int, samples: Sequence[Params], callback_ctx: Any
    ) -> CrossValidation:
        contexts = {}
        if callback_ctx is not None and callback_ctx._callbacks:
            pairs = product(range(n_candidates), range(len(splits)))
            contexts = {
                pair: callback_ctx.subcontext(
                    task_name="candidate-split-evaluation", task_id=task_id
                )
                for task_id, pair in enumerate(pairs)
            }
        return CrossValidation(
            estimator=self.task.estimator,
            X=self.task.X,
            y=self.task.y,
            splits=splits,
            scorer=self.task.scorer,
            fit_params=self.task.routed.estimator.fit,
            score_params=self.task.routed.scorer.score,
            return_train_score=self.search.return_train_score,
            error_score=self.search.error_score,
            verbose=self.search.verbose,
            n_candidates=n_candidates,
            caller=self.search if contexts else None,
            contexts=contexts,
            seeds=self._seeds(len(splits), samples),
            sharing=self.search.sharing,
        )

    def _seeds(self, n_splits: int, samples: Sequence[Params]) -> list[int] | None:
        """Return one seed for each split, the same in all rounds of this fit, or of its study."""
        if not needs_seeds(self.task.estimator, samples):
            return None
        if self._seed is None:
            self._seed = self.search._draw_seed() if self.study is None else self.study.seed
        generators = (np.random.default_rng([self._seed, split]) for split in range(n_splits))
        return [int(generator.integers(2**31 - 1)) for generator in generators]

    def _objective(self, outcome: Outcome) -> float:
        """Return the score that `refit` goes by, or the first one."""
        scores = outcome.test_scores
        if isinstance(scores, dict):
            first = next(iter(scores.values()), np.nan)
            metric = self.task.refit_metric
            return scores.get(metric, first) if isinstance(metric, str) else first
        return np.nan if scores is None else scores

    def _gather(self, ledger: Ledger, candidates: Sequence[Params]) -> None:
        """Turn outcomes into scikit-learn's rows, and all rows so far into results."""
        if not candidates:
            return
        n_candidates, n_splits = len(candidates), self.search.n_splits_
        self._params.extend(candidates)
        error_score = self.search.error_score
        metrics = self._own_metrics(ledger.outcomes.values())
        rows = {
            place: _row(outcome, metrics, self.search.return_train_score)
            for place, outcome in sorted(ledger.outcomes.items())
            if outcome.state is not State.PRUNED
        }
        present = list(rows.values())
        whole = len(ledger.outcomes) == n_candidates * n_splits
        if present:
            try:
                _warn_or_raise_about_fit_failures(present, error_score)
            except ValueError as error:
                if whole:
                    raise
                # Time or Ctrl-C has ended the search, and that is to be told.
                warnings.warn(str(error), FitFailedWarning, stacklevel=2)
        missing = self._missing_row(present)
        pairs = product(range(n_candidates), range(n_splits))
        self.rows.extend(rows.get(pair, missing) for pair in pairs)
        with warnings.catch_warnings():
            if len(present) < n_candidates * n_splits:
                warnings.filterwarnings("ignore", message="One or more of the")
            self.results = self.search._format_results(
                self._params, n_splits, self.rows, self._more
            )

    def _own_metrics(self, outcomes: Iterable[Outcome]) -> tuple[str, ...]:
        """Return the names that a callable `scoring` gives, once it has given some."""
        if not callable(self.search.scoring):
            return ()
        given = (o.test_scores for o in outcomes if o.state is State.COMPLETED)
        return tuple(next((scores for scores in given if isinstance(scores, dict)), ()))

    def _missing_row(self, present: Sequence[Row]) -> Row:
        """Return the row of an evaluation that time, Ctrl-C or a scheduler left out."""
        scores: Any = np.nan
        if present and isinstance(present[0]["test_scores"], dict):
            scores = dict.fromkeys(present[0]["test_scores"], np.nan)
        elif isinstance(self.task.scorer, _MultimetricScorer):
            scores = dict.fromkeys(self.task.scorer._scorers, np.nan)
        row = {
            "fit_error": None,
            "test_scores": scores,
            "n_test_samples": 0,
            "fit_time": np.nan,
            "score_time": np.nan,
        }
        return row | {"train_scores": scores} if self.search.return_train_score else row


def _row(outcome: Outcome, metrics: Sequence[str], with_train_scores: bool) -> Row:
    """Return an outcome as a row; the error score of one that failed serves every metric."""

    def spread(scores: Any) -> Any:
        failed = outcome.state is not State.COMPLETED and not isinstance(scores, dict)
        return dict.fromkeys(metrics, scores) if metrics and failed else scores

    row = {
        "fit_error": None if outcome.state is State.UNSCORED else outcome.error,
        "test_scores": spread(outcome.test_scores),
        "n_test_samples": outcome.n_test_samples,
        "fit_time": outcome.fit_time,
        "score_time": outcome.score_time,
    }
    return row | {"train_scores": spread(outcome.train_scores)} if with_train_scores else row
