"""Search over points drawn at random."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, ClassVar, Literal

import numpy as np
from sklearn.model_selection import RandomizedSearchCV as _RandomizedSearchCV

from tunesmith.search import candidates
from tunesmith.search.base import BaseSearch


class RandomizedSearchCV(BaseSearch):
    """Search over points drawn at random: scikit-learn's, with studies, workers and a clock.

    Takes what :class:`sklearn.model_selection.RandomizedSearchCV` takes and gives what
    it gives: the very same candidates for the same `random_state`, and the same splits,
    scores, ``cv_results_``, warnings and errors.

    Parameters
    ----------
    estimator : estimator object
        A scikit-learn estimator; Keras models come as `tunesmith.KerasClassifier` or
        `tunesmith.KerasRegressor`.
    param_distributions : dict or list of dicts
        Lists of values, or distributions (with a ``rvs`` method), by parameter name.
        `tunesmith.Float`, `Int`, `Categorical` and `Choice` serve too.
    n_iter : int, default=10
        Number of points to draw.
    random_state : int, RandomState instance or None, default=None
        Seed of the drawing. With None, a study that is resumed goes on with the points
        it has drawn.
    scoring, n_jobs, refit, cv, verbose, pre_dispatch, error_score, return_train_score
        As in `GridSearchCV`.
    storage, study_name, executor, threads_per_worker, timeout, fit_timeout, progress, sharing
        As in `GridSearchCV`.

    Attributes
    ----------
    cv_results_ : dict of ndarrays
        As in scikit-learn, and `results` returns it as a data frame.
    best_estimator_, best_score_, best_params_, best_index_
        As in `GridSearchCV`, and so are the other attributes.

    Examples
    --------
    >>> from scipy.stats import loguniform
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.svm import SVC
    >>> from tunesmith import RandomizedSearchCV
    >>> X, y = load_iris(return_X_y=True)
    >>> space = {"C": loguniform(1e-2, 1e2), "kernel": ["linear", "rbf"]}
    >>> search = RandomizedSearchCV(SVC(), space, n_iter=4, random_state=0).fit(X, y)
    >>> len(search.cv_results_["params"])
    4
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **BaseSearch._parameter_constraints,
        "param_distributions": [dict, list],
        "n_iter": _RandomizedSearchCV._parameter_constraints["n_iter"],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        estimator: Any,
        param_distributions: Any,
        *,
        n_iter: int = 10,
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
        self.param_distributions = param_distributions
        self.n_iter = n_iter
        self.random_state = random_state

    def _drawn_without_seed(self) -> Any:
        return self.param_distributions if self.random_state is None else None

    def _run_search(self, evaluate_candidates: Any, *, callback_ctx: Any = None) -> None:
        """Draw `n_iter` points and evaluate them."""
        space, study = self.param_distributions, evaluate_candidates.study
        points = candidates.drawn(space, self.n_iter, self.random_state)
        if study is not None and self.random_state is None:
            points = study.go_on(points, candidates.listed(space))
        with self._told(callback_ctx, len(points)) as context:
            evaluate_candidates(points, callback_ctx=context)


def _renamed(function: Callable[..., Any], **names: str) -> inspect.Signature:
    signature = inspect.signature(function)
    parameters = [p.replace(name=names.get(p.name, p.name)) for p in signature.parameters.values()]
    return signature.replace(parameters=parameters)


class RandomSearchCV(RandomizedSearchCV):
    """`RandomizedSearchCV` under the name, and with the arguments, of older tutorials.

    Parameters
    ----------
    estimator : estimator object
        As in `RandomizedSearchCV`.
    param_grid : dict or list of dicts
        What `RandomizedSearchCV` calls ``param_distributions``.
    n_iter : int, default=10
        Number of points to draw.
    random_state : int, RandomState instance or None, default=None
        Seed of the drawing.
    scoring, n_jobs, refit, cv, verbose, pre_dispatch, error_score, return_train_score
        As in `GridSearchCV`.
    storage, study_name, executor, threads_per_worker, timeout, fit_timeout, progress, sharing
        As in `GridSearchCV`.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.neighbors import KNeighborsClassifier
    >>> from tunesmith import RandomSearchCV
    >>> X, y = load_iris(return_X_y=True)
    >>> grid = {"n_neighbors": [1, 5, 9], "weights": ["uniform", "distance"]}
    >>> search = RandomSearchCV(KNeighborsClassifier(), grid, n_iter=3, random_state=0)
    >>> len(search.fit(X, y).cv_results_["params"])
    3
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **RandomizedSearchCV._parameter_constraints,
        "param_grid": [dict, list],
    }

    def __init__(self, estimator: Any, param_grid: Any, **options: Any) -> None:
        super().__init__(estimator, param_grid, **options)

    # scikit-learn reads the parameters of an estimator from this signature.
    __init__.__signature__ = _renamed(  # type: ignore[attr-defined]
        RandomizedSearchCV.__init__, param_distributions="param_grid"
    )

    @property
    def param_grid(self) -> Any:
        """The space, as `RandomizedSearchCV` knows it under ``param_distributions``."""
        return self.param_distributions

    @param_grid.setter
    def param_grid(self, space: Any) -> None:
        self.param_distributions = space
