"""What an estimator is made of."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

from sklearn.base import BaseEstimator

_QUIET = ("sklearn", "tunesmith", "lightgbm", "skorch", "xgboost")
"""Libraries that start nothing, neither threads nor devices, when they are imported."""


def parts(estimator: Any) -> Iterator[Any]:
    """Yield an estimator and all estimators among its parameters, lists of them included."""
    seen: dict[int, Any] = {}
    ahead = [estimator]
    while ahead:
        value = ahead.pop()
        if id(value) in seen:
            continue
        seen[id(value)] = value
        if isinstance(value, list | tuple):
            ahead.extend(reversed(value))
        elif hasattr(value, "get_params") and not isinstance(value, type):
            yield value
            ahead.extend(reversed(params_of(value).values()))


def params_of(estimator: Any) -> dict[str, Any]:
    """Return an estimator's own parameters, as ``get_params(deep=False)`` does, but sooner."""
    kind = type(estimator)
    names = getattr(getattr(kind, "_get_param_names", None), "__func__", None)
    plain = names is BaseEstimator._get_param_names.__func__
    if not plain or kind.get_params is not BaseEstimator.get_params:
        params: dict[str, Any] = estimator.get_params(deep=False)
        return params
    known: Any = kind
    return {name: getattr(estimator, name, None) for name in _names(known)}


@cache
def _names(kind: Any) -> tuple[str, ...]:
    return tuple(kind._get_param_names())


def modules_of(estimator: Any) -> tuple[str, ...]:
    """Return the modules that an estimator needs, as far as importing them starts nothing."""
    home: str = type(estimator).__module__
    own = (home,) if home.partition(".")[0] in _QUIET else ()
    return (*own, *getattr(estimator, "needed_modules", ()))
