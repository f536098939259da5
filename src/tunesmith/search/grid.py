"""Exhaustive search over a grid."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np

from tunesmith.search import candidates
from tunesmith.search.base import BaseSearch


class GridSearchCV(BaseSearch):
    """Exhaustive search over a grid: scikit-learn's, with studies, workers and a clock.

    Takes what :class:`sklearn.model_selection.GridSearchCV` takes and gives what it
    gives: the same candidates, splits, scores, ``cv_results_``, warnings and errors.

    Parameters
    ----------
    estimator : estimator object
        A scikit-learn estimator; Keras models come as `tunesmith.KerasClassifier` or
        `tunesmith.KerasRegressor`.
    param_grid : dict or list of dicts
        Lists of values by parameter name; `tunesmith.Int`, `Categorical`, `Choice` and
        `Float` with a ``step`` stand for the lists of their values.
    scoring : str, callable, list, tuple, dict or None, default=None
        As in scikit-learn. None is the estimator's own ``score``.
    n_jobs : int or None, default=None
        Number of worker processes. None is 1, or what an active
        ``joblib.parallel_config`` says; -1 is one a core. With 1, evaluations run in
        this process, unless `threads_per_worker` or `fit_timeout` ask for a worker.
    refit : bool, str or callable, default=True
        Whether, and by which metric, to refit the best candidate on all the data.
    cv : int, splitter, iterable or None, default=None
        How to split. None is 5 folds.
    verbose : int, default=0
        What to print, as in scikit-learn.
    pre_dispatch : int or str, default="2*n_jobs"
        Taken for compatibility; the data is shared by all workers, so that nothing is
        won by holding jobs back.
    error_score : "raise" or float, default=nan
        The score of a fit that fails.
    return_train_score : bool, default=False
        Whether to score the train part of each split too.
    storage : path, URL, Storage or None, default=None
        Where to record every evaluation as it ends: an SQLite file or a database URL.
        The same script run again takes what is there and computes the rest.
    study_name : str or None, default=None
        Name of the study in `storage`. None is a name made from the study's content.
    executor : Executor, concurrent.futures.Executor or None, default=None
        Where to run evaluations instead of `n_jobs` processes.
    threads_per_worker : int or None, default=None
        Threads of the numerical libraries in each worker. None is the number of cores
        divided by the number of workers, or what the study was begun with. Scores are
        equal to the bit for equal numbers of threads.
    timeout : float or None, default=None
        Seconds for the whole search, the refit not included. When they have passed, a
        warning says how far the search came, and the best complete candidate wins.
        Workers are ended in the middle of a fit; without workers, the fit that runs is
        let finish first.
    fit_timeout : float or None, default=None
        Seconds for one fit and its scoring; one that takes longer is ended, and gets
        `error_score`.
    progress : bool or "auto", default="auto"
        Whether to show how far the search is, on standard error. "auto" shows a live
        bar on a terminal, and elsewhere a few lines where it takes long.
    sharing : {"exact", "rounding", "off"}, default="exact"
        Whether what candidates have in common is computed once: a training run of which
        others are the beginning, the first steps of pipelines, compiled programs. "exact"
        shares where no score changes by one bit; "rounding" also where scores are equal
        to rounding; "off" fits every candidate on its own.

    Attributes
    ----------
    cv_results_ : dict of ndarrays
        As in scikit-learn, and `results` returns it as a data frame.
    best_estimator_ : estimator
        The best candidate, fitted on all the data.
    best_score_ : float
        Its mean score.
    best_params_ : dict
        Its parameters.
    best_index_ : int
        Its place in ``cv_results_``.
    scorer_ : callable or dict
        What scored the held-out data.
    n_splits_ : int
        Number of splits.
    refit_time_ : float
        Seconds the refit took.
    multimetric_ : bool
        Whether there are several metrics.
    sharing_ : dict
        What was shared: ``fits_asked`` and ``fits_run``; ``budget_asked`` and
        ``budget_run``, in epochs, trees or the like; ``steps_asked`` and ``steps_run``,
        fits of steps of pipelines; ``programs_compiled``; ``seconds_saved``, an estimate.
    classes_ : ndarray of shape (n_classes,)
        Labels of the classes.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, where they have names.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.svm import SVC
    >>> from tunesmith import GridSearchCV
    >>> X, y = load_iris(return_X_y=True)
    >>> search = GridSearchCV(SVC(), {"kernel": ["linear", "rbf"], "C": [1, 10]}).fit(X, y)
    >>> search.best_params_
    {'C': 1, 'kernel': 'linear'}
    >>> round(float(search.best_score_), 2)
    0.98
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **BaseSearch._parameter_constraints,
        "param_grid": [dict, list],
    }

    def __init__(
        self,
        estimator: Any,
        param_grid: Any,
        *,
        scoring: Any = None,
        n_jobs: int | None = None,
        refit: Any = True,
        cv: Any = None,
        verbose: int = 0,
        pre_dispatch: int | str = "2*n_jobs",
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
        self.param_grid = param_grid

    def _run_search(self, evaluate_candidates: Any, *, callback_ctx: Any = None) -> None:
        """Evaluate every point of the grid."""
        points = candidates.grid(self.param_grid)
        with self._told(callback_ctx, len(points)) as context:
            evaluate_candidates(points, callback_ctx=context)
