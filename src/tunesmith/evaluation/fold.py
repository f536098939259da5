"""The data of one split, cut out of the whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils._array_api import device, get_namespace
from sklearn.utils.metaestimators import _safe_split
from sklearn.utils.validation import _check_method_params, _num_samples

from tunesmith.evaluation.lineage import Lineage

Split = tuple[NDArray[np.intp], NDArray[np.intp]]


@dataclass(frozen=True)
class Fold:
    """What one fit and its scores are made from.

    Parameters
    ----------
    X_train, y_train : indexable of length n_train
        To fit on; `y_train` may be None.
    X_test, y_test : indexable of length n_test
        To score on.
    fit_params : dict of str to object
        For ``fit``, cut to the train part.
    score_params_train, score_params_test : dict of str to object
        For the scorer, cut to either part.
    """

    X_train: Any
    y_train: Any
    X_test: Any
    y_test: Any
    fit_params: dict[str, Any]
    score_params_train: dict[str, Any]
    score_params_test: dict[str, Any]

    @classmethod
    def cut(
        cls,
        estimator: Any,
        X: Any,
        y: Any,
        split: Split,
        fit_params: Mapping[str, Any],
        score_params: Mapping[str, Any],
    ) -> Fold:
        """Cut a split out of the data, as scikit-learn does.

        Parameters
        ----------
        estimator : estimator object
            Tells whether X holds a kernel or distances, whose columns are cut too.
        X, y : indexable of length n_samples
            The whole.
        split : (train, test)
            Index arrays.
        fit_params, score_params : mapping of str to object
            What has one entry a sample is cut along.
        """
        xp, _ = get_namespace(X)
        train, test = (xp.asarray(part, device=device(X)) for part in split)
        X_train, y_train = _safe_split(estimator, X, y, train)
        X_test, y_test = _safe_split(estimator, X, y, test, train)
        return cls(
            X_train,
            y_train,
            X_test,
            y_test,
            fit_params=_check_method_params(X, params=fit_params, indices=train),
            score_params_train=_check_method_params(X, params=score_params, indices=train),
            score_params_test=_check_method_params(X, params=score_params, indices=test),
        )

    @property
    def n_test_samples(self) -> int:
        """Number of samples to score on."""
        return int(_num_samples(self.X_test))

    @property
    def train(self) -> tuple[Any, ...]:
        """The train part, as positional arguments of ``fit``."""
        return (self.X_train,) if self.y_train is None else (self.X_train, self.y_train)

    def mark(self, lineage: Lineage, name: str) -> None:
        """Say in a lineage what the parts are."""
        for part in ("X_train", "y_train", "X_test", "y_test"):
            lineage.mark(getattr(self, part), f"{name} {part}")

    def freeze(self) -> None:
        """Have whoever writes to the arrays meet an error."""
        for part in (self.X_train, self.y_train, self.X_test, self.y_test):
            if isinstance(part, np.ndarray):
                part.flags.writeable = False
