"""One seed for each split, for estimators that are given none."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sklearn.base import clone

_NAME = "random_state"


def unseeded(estimator: Any) -> list[str]:
    """Return the names of an estimator's seeds that are None, those of its parts included.

    Parameters
    ----------
    estimator : estimator object
        With its parameters set.

    Examples
    --------
    >>> from sklearn.ensemble import RandomForestClassifier
    >>> from tunesmith.evaluation.seeds import unseeded
    >>> unseeded(RandomForestClassifier()), unseeded(RandomForestClassifier(random_state=0))
    (['random_state'], [])
    """
    params = estimator.get_params(deep=True)
    return [
        name
        for name, value in params.items()
        if value is None and name.rpartition("__")[2] == _NAME
    ]


def needs_seeds(estimator: Any, candidates: Iterable[Mapping[str, Any]]) -> bool:
    """Whether a fit of some candidate would draw from generators nobody has seeded."""
    if unseeded(estimator):
        return True
    moved = (
        params
        for params in candidates
        if any(
            name.rpartition("__")[2] == _NAME or hasattr(value, "get_params")
            for name, value in params.items()
        )
    )
    return any(
        unseeded(clone(estimator).set_params(**clone(dict(params), safe=False)))
        for params in moved
    )
