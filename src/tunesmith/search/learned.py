"""Search by a sampler that learns from what it has seen."""

from __future__ import annotations

import copy
import numbers
import warnings
from typing import Any, ClassVar, Literal

import numpy as np
from sklearn.metrics._scorer import _MultimetricScorer
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval

from tunesmith.engine import wide_enough
from tunesmith.exceptions import Infeasible
from tunesmith.executors import Executor
from tunesmith.progress import Progress
from tunesmith.samplers import Sampler
from tunesmith.samplers.auto import AutoSampler
from tunesmith.samplers.grid import GridSampler
from tunesmith.samplers.names import as_sampler
from tunesmith.samplers.starting import started
from tunesmith.schedulers.names import as_scheduler
from tunesmith.search.aims import Aims
from tunesmith.search.base import BaseSearch
from tunesmith.search.run import Round, Run, Task
from tunesmith.space import Space

_COUNT = Interval(numbers.Integral, 1, None, closed="left")


class SearchCV(BaseSearch):
    """Search that learns: each candidate is chosen by what the ones before have scored.

    Parameters
    ----------
    estimator : estimator object
        A scikit-learn estimator; Keras models come as `tunesmith.KerasClassifier` or
        `tunesmith.KerasRegressor`.
    space : dict, list of dicts or Space
        What each parameter ranges over: `tunesmith.Float`, `Int`, `Categorical` or `Choice`,
        lists of values, or scipy distributions.
    n_iter : int, default=50
        Number of candidates. Where the space has fewer points, all of them.
    sampler : str or Sampler, default="auto"
        What suggests candidates: "auto", "gp" (a Gaussian process), "tpe" (Parzen estimators),
        "cmaes", "evolution", "qmc" (a Sobol sequence), "random", "grid", or an object of
        `tunesmith.samplers`.
    scheduler : str, Scheduler or None, default=None
        What stops candidates that do badly: "median", or an object of `tunesmith.schedulers`. The
        splits of a candidate then run one after another, and after each its mean score so far is
        judged. None: every candidate runs on every split.
    objectives : list of str or None, default=None
        Names of several scores to be made large at once, and of ``"fit_time"`` and
        ``"score_time"`` to be made small: the candidates none of which beats another are
        `pareto_`, and `refit` picks the best one. None: the score that `refit` goes by.
    outcome_constraints : dict of str to float or (float or None, float or None), or None
        The most that a score or a time may be, or the least and the most. Only candidates that
        keep to it can be the best.
    constraints : callable, list of callable or None, default=None
        Each takes a dict of parameters and tells whether they may be tried together, such as
        ``lambda p: p["min"] < p["max"]``.
    initial : list of dict or None, default=None
        Candidates to begin with. What one leaves out is drawn at random.
    warm_start : object, list of objects or None, default=None
        Earlier searches or results, over a space with parameters in common, whose best
        candidates are tried next.
    in_flight : int or None, default=None
        How many candidates may be under way: each is chosen by the scores of all but the
        `in_flight` - 1 before it, so that any number of workers evaluates the same candidates.
        None is 1 for one worker; for more, as many as make four evaluations a worker (where a
        `scheduler` judges candidates, each has one at a time), and two at least. But without a
        `random_state` and a `storage`, scores are used as they arrive.
    random_state : int, RandomState instance or None, default=None
        Seed of all that is drawn. With None, a study that is resumed goes on with its own.
    scoring, n_jobs, refit, cv, verbose, pre_dispatch, error_score, return_train_score
        As in `GridSearchCV`. The sampler maximises the score that `refit` goes by.
    storage, study_name, executor, threads_per_worker, timeout, fit_timeout, progress, sharing
        As in `GridSearchCV`.

    Attributes
    ----------
    cv_results_ : dict of ndarrays
        As in scikit-learn, one row a candidate in the order of their start; `results` returns it
        as a data frame.
        A candidate that was stopped has NaN for the splits it has not run on, and for its mean,
        and ranks last.
    best_estimator_, best_score_, best_params_, best_index_
        As in `GridSearchCV`, and so are the other attributes.
    pareto_ : ndarray of int
        With `objectives`: the numbers of the candidates that none is better than in all.

    Notes
    -----
    With ``sampler="auto"`` the estimator's own values of the parameters, as far as the space has
    them, are tried before anything else that is not in `initial` or `warm_start`. Timings differ
    from run to run, and so do searches that aim at them.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.svm import SVC
    >>> from tunesmith import Float, SearchCV
    >>> X, y = load_iris(return_X_y=True)
    >>> space = {"C": Float(1e-2, 1e3, log=True), "gamma": Float(1e-4, 10, log=True)}
    >>> search = SearchCV(SVC(), space, n_iter=12, random_state=0).fit(X, y)
    >>> bool(search.best_score_ > 0.97)
    True
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **BaseSearch._parameter_constraints,
        "space": "no_validation",
        "n_iter": [_COUNT],
        "sampler": "no_validation",
        "scheduler": "no_validation",
        "objectives": "no_validation",
        "outcome_constraints": "no_validation",
        "constraints": "no_validation",
        "initial": "no_validation",
        "warm_start": "no_validation",
        "in_flight": [_COUNT, None],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        estimator: Any,
        space: Any,
        *,
        n_iter: int = 50,
        sampler: Any = "auto",
        scheduler: Any = None,
        objectives: Any = None,
        outcome_constraints: Any = None,
        constraints: Any = None,
        initial: Any = None,
        warm_start: Any = None,
        in_flight: int | None = None,
        scoring: Any = None,
        n_jobs: int | None = None,
        refit: Any = True,
        cv: Any = None,
        verbose: int = 0,
        pre_dispatch: int | str = "2*n_jobs",
        random_state: Any = None,
        error_score: float | Literal["raise"] = np.nan,
        return_train_score: bool = False,
        storage: Any = None,
        study_name: str | None = None,
        executor: Any = None,
        threads_per_worker: int | None = None,
        timeout: float | None = None,
        fit_timeout: float | None = None,
        progress: bool | Literal["auto"] = "auto",
        sharing: Literal["exact", "rounding", "off"] = "exact",
    ) -> None:
        super().__init__(
            estimator=estimator,
            scoring=scoring,
            n_jobs=n_jobs,
            refit=refit,
            cv=cv,
            verbose=verbose,
            pre_dispatch=pre_dispatch,
            error_score=error_score,
            return_train_score=return_train_score,
            storage=storage,
            study_name=study_name,
            executor=executor,
            threads_per_worker=threads_per_worker,
            timeout=timeout,
            fit_timeout=fit_timeout,
            progress=progress,
            sharing=sharing,
        )
        self.space = space
        self.n_iter = n_iter
        self.sampler = sampler
        self.scheduler = scheduler
        self.objectives = objectives
        self.outcome_constraints = outcome_constraints
        self.constraints = constraints
        self.initial = initial
        self.warm_start = warm_start
        self.in_flight = in_flight
        self.random_state = random_state

    def _run(self, task: Task, progress: Progress, deadline: float, root: Any) -> Run:
        # Drawn once, as a generator that is given moves on with every draw.
        self._drawn = int(check_random_state(self.random_state).randint(2**31 - 1))
        return super()._run(task, progress, deadline, root)

    def _facts(self, executor: Executor) -> dict[str, Any]:
        return {"search_seed": self._drawn, "in_flight": self._window(executor)}

    def _window(self, executor: Executor) -> int:
        judged = as_scheduler(self.scheduler, self.n_iter).adaptive
        at_once = 1 if judged else self.n_splits_
        return self.in_flight or wide_enough(executor.workers, at_once)

    def _run_search(self, evaluate_candidates: Any, *, callback_ctx: Any = None) -> None:
        """Evaluate `n_iter` candidates that the sampler suggests."""
        run: Run = evaluate_candidates
        space = Space.read(self.space).where(self.constraints)
        sampler = self._started(space)
        n_trials = self._n_trials(space, as_sampler(self.sampler))
        facts = {} if run.study is None else run.study.facts
        seed = self._drawn if self.random_state is not None else facts.get("search_seed")
        in_flight: int | None = self.in_flight or facts.get("in_flight")
        if in_flight is None and self.random_state is not None:
            in_flight = self._window(run.executor)
        if seed is None:
            seed = self._drawn
        round_ = Round(
            space,
            sampler,
            as_scheduler(self.scheduler, n_trials),
            n_trials,
            space.encode,
            seed,
            in_flight,
            self._aims(),
        )
        with self._told(callback_ctx, n_trials) as context:
            run.learn(round_, context)

    def _aims(self) -> Aims:
        return Aims.read(self.objectives, self.outcome_constraints)

    def _scoring(self) -> Any:
        """Return what scores candidates: where nothing is given, what is aimed at."""
        metrics = self._aims().metrics
        if self.scoring is not None or not metrics or metrics == ["score"]:
            return self.scoring
        return metrics[0] if len(metrics) == 1 else metrics

    def _get_scorers(self) -> Any:
        bare = copy.copy(self)
        bare.scoring = self._scoring()
        return super(SearchCV, bare)._get_scorers()

    def _task(self, X: Any, y: Any, params: dict[str, Any]) -> Task:
        aims, task = self._aims(), super()._task(X, y, params)
        if isinstance(task.scorer, _MultimetricScorer):
            aims.check(list(task.scorer._scorers))
        elif not callable(self.scoring):
            single = self._scoring()
            aims.check(["score", single] if isinstance(single, str) else ["score"])
        return task

    def _choose(self, run: Run) -> None:
        aims, results = self._aims(), run.results
        if aims.objectives:
            self.pareto_ = aims.pareto(results)
        super()._choose(run)
        if not aims.limits or callable(self.refit) or not hasattr(self, "best_index_"):
            return
        able = aims.feasible(results)
        if not able.any():
            self._keep_partial(run)
            raise Infeasible(
                f"none of {len(able)} candidates keeps outcome_constraints="
                f"{self.outcome_constraints!r}; loosen it, widen the space, or give more n_iter. "
                "What was found is in cv_results_"
            )
        metric = run.task.refit_metric
        ranks = np.where(able, results[f"rank_test_{metric}"], len(able) + 1)
        self.best_index_ = int(ranks.argmin())
        self.best_score_ = results[f"mean_test_{metric}"][self.best_index_]
        self.best_params_ = results["params"][self.best_index_]

    def _started(self, space: Space) -> Sampler:
        """Return the sampler, which tries first what the user and the estimator know."""
        sampler = as_sampler(self.sampler)
        learns = isinstance(sampler, AutoSampler) and len(space.names) > 0
        defaults = [self.estimator.get_params()] if learns else []
        return started(sampler, space, self.initial or (), self.warm_start, defaults)

    def _n_trials(self, space: Space, sampler: Sampler) -> int:
        size = sampler.size(space) if isinstance(sampler, GridSampler) else space.size
        if size < self.n_iter:
            warnings.warn(
                f"the space has {size} points, fewer than n_iter={self.n_iter}: "
                f"{size} candidates are evaluated",
                stacklevel=2,
            )
        elif isinstance(sampler, GridSampler) and size > self.n_iter:
            warnings.warn(
                f"the grid has {size} points, and only the first n_iter={self.n_iter} of them are "
                f"evaluated",
                stacklevel=2,
            )
        return int(min(size, self.n_iter))
