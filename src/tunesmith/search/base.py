"""What all searches share: scikit-learn's contract, run by tunesmith's engine."""

from __future__ import annotations

import copy
import numbers
import time
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from inspect import signature
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np
from sklearn.base import _fit_context, clone, is_classifier
from sklearn.metrics._scorer import _MultimetricScorer
from sklearn.model_selection import check_cv
from sklearn.model_selection._search import BaseSearchCV
from sklearn.utils import check_random_state, estimator_html_repr, indexable
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import _check_method_params, check_is_fitted

from tunesmith.exceptions import SearchTimeout
from tunesmith.report.table import as_html, as_text, results_frame, sharing_summary, summary

if TYPE_CHECKING:
    from tunesmith.executors import Executor
    from tunesmith.progress import Progress
    from tunesmith.search.run import Run, Task
    from tunesmith.search.study import SearchStudy

_SECONDS = [Interval(numbers.Real, 0, None, closed="neither"), None]


class BaseSearch(BaseSearchCV):
    """scikit-learn's searches with workers that may die, studies that last, and a clock."""

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **BaseSearchCV._parameter_constraints,
        "storage": "no_validation",
        "study_name": [str, None],
        "executor": "no_validation",
        "threads_per_worker": [Interval(numbers.Integral, 1, None, closed="left"), None],
        "timeout": _SECONDS,
        "fit_timeout": _SECONDS,
        "progress": "no_validation",
        "sharing": [StrOptions({"exact", "rounding", "off"})],
    }

    def __init__(
        self,
        estimator: Any,
        *,
        scoring: Any,
        n_jobs: int | None,
        refit: Any,
        cv: Any,
        verbose: int,
        pre_dispatch: int | str,
        error_score: float | Literal["raise"],
        return_train_score: bool,
        storage: Any,
        study_name: str | None,
        executor: Any,
        threads_per_worker: int | None,
        timeout: float | None,
        fit_timeout: float | None,
        progress: bool | Literal["auto"],
        sharing: Literal["exact", "rounding", "off"],
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
        )
        self.storage = storage
        self.study_name = study_name
        self.executor = executor
        self.threads_per_worker = threads_per_worker
        self.timeout = timeout
        self.fit_timeout = fit_timeout
        self.progress = progress
        self.sharing = sharing

    @_fit_context(prefer_skip_nested_validation=False)  # type: ignore[untyped-decorator]
    def fit(self, X: Any, y: Any = None, **params: Any) -> Self:
        """Evaluate every candidate on every split, and refit the best one.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Training data.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
            Targets; None for unsupervised learning.
        **params : dict of str to object
            Given to the estimator's ``fit``, the scorer and the splitter. What has one
            entry a sample is cut along with `X`; ``groups`` goes to the splitter.

        Returns
        -------
        self : object
            The fitted search.

        Raises
        ------
        ValueError
            For bad input, in scikit-learn's own words where it has some.
        SearchTimeout
            If `timeout` ran out before one candidate was complete.
        StudyMismatch
            If the study of that name was made from something else.
        UnpicklableError
            If the estimator or the data cannot be sent to a worker.
        """
        # What a fit needs is loaded by the first: it takes longer than all that a script may want.
        from tunesmith.progress import make_progress

        started = time.monotonic()
        task = self._task(X, y, params)
        weights = params.get("sample_weight")
        seen = {
            "X": task.X,
            "y": task.y,
            "metadata": None if weights is None else {"sample_weight": weights},
        }
        root = self._init_callback_context(max_subtasks=1 + (self.refit is not False))
        root.call_on_fit_task_begin(estimator=self, **seen)
        deadline = started + (self.timeout or np.inf)
        progress = make_progress(self.progress)
        try:
            run = self._run(task, progress, deadline, root)
            try:
                self._choose(run)
            except Exception:
                self._keep_partial(run)
                raise
            scorer = task.scorer
            self.scorer_ = scorer._scorers if isinstance(scorer, _MultimetricScorer) else scorer
            self.cv_results_ = run.results
            self.sharing_ = run.sharing()
            if self.refit:
                run.tell("refitting the best")
                self._refit(task, root, seen)
                run.tell()
        finally:
            progress.stop()
        root.call_on_fit_task_end(estimator=self, **seen)
        return self

    def _scoring(self) -> Any:
        """Return what scores candidates."""
        return self.scoring

    def _draw_seed(self) -> int:
        """Draw what estimators without a seed are seeded from, as they would draw it."""
        return int(check_random_state(getattr(self, "random_state", None)).randint(2**31 - 1))

    def __dir__(self) -> list[str]:
        """List the attributes of scikit-learn's searches, which its tools compare one by one."""
        return [name for name in super().__dir__() if name != "sharing_"]

    def __sklearn_clone__(self) -> Self:
        """Return an unfitted copy that shares the executor and the storage."""
        bare = copy.copy(self)
        bare.executor = bare.storage = None
        twin: Self = super(BaseSearch, bare).__sklearn_clone__()
        twin.executor, twin.storage = self.executor, self.storage
        return twin

    def _facts(self, executor: Executor) -> dict[str, Any]:
        """Return what a new study keeps besides seeds and splits: plain JSON values."""
        return {}

    def _drawn_without_seed(self) -> Any:
        """Return the space whose draws nobody could repeat; None if there is none."""
        return None

    def _task(self, X: Any, y: Any, params: dict[str, Any]) -> Task:
        """Check and route what ``fit`` was given, as scikit-learn's searches do."""
        from tunesmith.search.run import Task

        scorer, refit_metric = self._get_scorers()
        X, y = indexable(X, y)
        params = _check_method_params(X, params=params)
        routed = self._get_routed_params_for_fit(params)
        self._checked_cv_orig = check_cv(self.cv, y, classifier=is_classifier(self.estimator))
        self._check_input_parameters(X=X, y=y, split_params=routed.splitter.split)
        self.n_splits_ = self._checked_cv_orig.get_n_splits(X, y, **routed.splitter.split)
        estimator = _clone(self.estimator)
        return Task(X, y, scorer, refit_metric, routed, estimator, self._checked_cv_orig)

    def _run(self, task: Task, progress: Progress, deadline: float, root: Any) -> Run:
        """Evaluate candidates until all are done, time is up, or Ctrl-C."""
        from tunesmith.search.run import Run
        from tunesmith.search.study import SearchStudy

        with ExitStack() as stack:
            study = None
            if self.storage is not None:
                study = stack.enter_context(SearchStudy(self, task))
            executor = self._choose_executor(study)
            run = Run(self, task, executor, study, progress, deadline)
            try:
                if "callback_ctx" in signature(self._run_search).parameters:
                    self._run_search(run, callback_ctx=root)
                else:
                    self._run_search(run)
            except KeyboardInterrupt as stop:
                self._keep_partial(run)
                stop.add_note(f"{run.account()} {self._how_to_go_on(study)}")
                raise
        if run.done < run.asked:
            self._time_is_up(run, study)
        return run

    def _choose_executor(self, study: SearchStudy | None) -> Executor:
        """Return where evaluations run: with the study's number of threads, if it has one."""
        executor = self._executor(self.threads_per_worker)
        if study is None:
            return executor
        ours, stored = executor.threads_per_worker, study.threads_per_worker
        if self.threads_per_worker is None and None not in (ours, stored) and ours != stored:
            executor = self._executor(stored)
        study.settle(executor.threads_per_worker, self._facts(executor))
        return executor

    def _executor(self, threads_per_worker: int | None) -> Executor:
        from tunesmith.executors.choice import choose_executor

        return choose_executor(
            self.executor,
            n_jobs=self.n_jobs,
            threads_per_worker=threads_per_worker,
            fit_timeout=self.fit_timeout,
        )

    def _time_is_up(self, run: Run, study: SearchStudy | None) -> None:
        text = f"timeout={self.timeout} seconds ran out: {run.account()}"
        if not run.complete:
            self._keep_partial(run)
            raise SearchTimeout(
                f"{text} No candidate was evaluated on every split, so there is no best one. "
                f"Give a larger timeout=. {self._how_to_go_on(study)}"
            )
        warnings.warn(
            f"{text} The others are rows of NaN in cv_results_, ranked last. "
            f"{self._how_to_go_on(study)}",
            stacklevel=2,
        )

    def _keep_partial(self, run: Run) -> None:
        """Set the results there are; an earlier fit's winner is none of theirs."""
        for name in ("index", "params", "score", "estimator"):
            self.__dict__.pop(f"best_{name}_", None)
        self.cv_results_ = run.results

    def _how_to_go_on(self, study: SearchStudy | None) -> str:
        if study is None:
            return 'To be able to go on from here next time, give the search storage="FILE.db".'
        return (
            f"Run the same script again to go on from the study {study.name!r} in {study.where}."
        )

    def _choose(self, run: Run) -> None:
        """Set ``best_*`` as scikit-learn's searches do."""
        first = run.rows[0]["test_scores"]
        self.multimetric_ = isinstance(first, dict)
        metric = run.task.refit_metric
        if callable(self.scoring) and self.multimetric_:
            self._check_refit_for_multimetric(first)
            metric = self.refit
        if not self.refit and self.multimetric_:
            return
        self.best_index_ = self._select_best_index(self.refit, metric, run.results)
        if not callable(self.refit):
            self.best_score_ = run.results[f"mean_test_{metric}"][self.best_index_]
        self.best_params_ = run.results["params"][self.best_index_]

    def _refit(self, task: Task, root: Any, seen: dict[str, Any]) -> None:
        """Fit the best candidate on all the data, from nothing."""
        best = clone(task.estimator).set_params(**clone(self.best_params_, safe=False))
        self.best_estimator_ = best
        context = root.subcontext(task_name="refit-with-best-params")
        with context.propagate_callback_context(best):
            context.call_on_fit_task_begin(estimator=self, **seen)
            start = time.time()
            targets = () if task.y is None else (task.y,)
            best.fit(task.X, *targets, **task.routed.estimator.fit)
            self.refit_time_ = time.time() - start
        if hasattr(best, "feature_names_in_"):
            self.feature_names_in_ = best.feature_names_in_
        context.call_on_fit_task_end(estimator=self, **seen)

    @contextmanager
    def _told(self, callback_ctx: Any, n_candidates: int) -> Iterator[Any]:
        """Tell scikit-learn's callbacks that candidates are evaluated; give their context."""
        context = callback_ctx.subcontext(
            task_name="search",
            max_subtasks=n_candidates * self.n_splits_,
            sequential_subtasks=False,
        ).call_on_fit_task_begin(estimator=self)
        yield context
        context.call_on_fit_task_end(estimator=self)

    def __repr__(self, N_CHAR_MAX: int = 700) -> str:
        """Return the constructor's call and, once fitted, the winner."""
        lines = self._summary()
        call = super().__repr__(N_CHAR_MAX)
        return f"{call}\n{as_text(lines)}" if lines else call

    def _html_repr(self) -> str:
        diagram: str = estimator_html_repr(self)
        lines = self._summary()
        return diagram + as_html(lines) if lines else diagram

    def _summary(self) -> list[tuple[str, str]]:
        if not (hasattr(self, "best_index_") and hasattr(self, "cv_results_")):
            return []
        metric = self.refit if self.multimetric_ and isinstance(self.refit, str) else "score"
        if f"mean_test_{metric}" not in self.cv_results_:
            return []
        lines = summary(self.cv_results_, metric, self.best_index_, self.n_splits_)
        return [*lines, *sharing_summary(getattr(self, "sharing_", {}))]

    def results(self, backend: Literal["pandas", "polars"] | None = None) -> Any:
        """Return a data frame of the candidates, one row each, in their order.

        Parameters
        ----------
        backend : "pandas", "polars" or None, default=None
            Whose data frame; None takes the first that is installed.

        Returns
        -------
        pandas.DataFrame or polars.DataFrame of n_candidates rows
            The columns of ``cv_results_``, ranks first, without ``params``.

        Raises
        ------
        NotFittedError
            Before ``fit``.
        ImportError
            If neither library is installed.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from sklearn.svm import SVC
        >>> from tunesmith import GridSearchCV
        >>> X, y = load_iris(return_X_y=True)
        >>> search = GridSearchCV(SVC(), {"C": [1, 10]}).fit(X, y)
        >>> search.results()[["rank_test_score", "param_C"]].shape
        (2, 2)
        """
        check_is_fitted(self, "cv_results_")
        return results_frame(self.cv_results_, backend)


def _clone(estimator: Any) -> Any:
    """Clone an estimator, or name the parameter that cannot be copied."""
    try:
        return clone(estimator)
    except TypeError as error:
        for name, value in estimator.get_params(deep=False).items():
            try:
                clone(value, safe=False)
            except TypeError as reason:
                raise TypeError(
                    f"{name}={value!r} of {type(estimator).__name__} cannot be copied, and every "
                    f"fit needs a copy: {reason}. Make it inside the function or the fit that "
                    f"needs it."
                ) from error
        raise
