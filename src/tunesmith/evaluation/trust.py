"""Which code is known to leave alone what it is given, and to do the same again.

scikit-learn's own estimators do, where their seeds are set. Of other code nothing is known.
"""

from __future__ import annotations

import inspect
import random
import sys
import types
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

import numpy as np
from sklearn.metrics._scorer import _MultimetricScorer

from tunesmith.evaluation.anatomy import params_of, parts
from tunesmith.keys import digest
from tunesmith.keys.source import is_library

_OURS = __name__.partition(".")[0]
_OWN = frozenset({"sklearn", _OURS})
_PURE = _OWN | {"numpy", "scipy"}


def reads_only(estimator: Any) -> bool:
    """Whether an estimator is known to leave alone the data it is given."""
    return is_known(estimator) and not writes(estimator)


def writes(estimator: Any) -> bool:
    """Whether an estimator, or one inside it, is told to write to the data it is given."""
    return any(
        name.startswith("copy") and not value
        for part in parts(estimator)
        for name, value in params_of(part).items()
    )


def is_known(value: Any) -> bool:
    """Whether an estimator, or what it was given as a parameter, brings no code of others.

    Parameters
    ----------
    value : object
        An estimator with its parameters set, or a parameter.

    Examples
    --------
    >>> from sklearn.model_selection import KFold
    >>> from tunesmith.evaluation.trust import is_known
    >>> is_known(KFold(shuffle=True, random_state=0)), is_known(KFold(shuffle=True))
    (True, False)
    """
    seen: dict[int, Any] = {}
    ahead = [value]
    while ahead:
        item = ahead.pop()
        if id(item) not in seen:  # a registry may hold those whose parameter it is
            seen[id(item)] = item
            if not _is_known_itself(item):
                return False
            ahead += _inside(item)
    return True


def _is_known_itself(value: Any) -> bool:
    if isinstance(value, type):
        return _top(value) in _PURE or value.__module__ == "builtins"
    if hasattr(value, "get_params"):
        return _top(type(value)) in _OWN
    if isinstance(value, Mapping | list | tuple | set | frozenset):
        return True
    if callable(value):
        return _is_pure(value)
    # A splitter without a seed draws from the generator that all share.
    return is_library(type(value).__module__) and getattr(value, "random_state", 0) is not None


def _inside(value: Any) -> Iterable[Any]:
    """Return what a thing is made from that may bring code of its own."""
    if isinstance(value, type):
        return ()
    if hasattr(value, "get_params"):
        # The functions that our own are given meet no data.
        return () if _top(type(value)) == _OURS else list(params_of(value).values())
    if isinstance(value, Mapping):
        return list(value.values())
    if isinstance(value, list | tuple | set | frozenset):
        return list(value)
    if isinstance(value, partial):
        return value.func, value.args, value.keywords
    is_object = callable(value) and not hasattr(value, "__qualname__")
    return list(getattr(value, "__dict__", {}).values()) if is_object else ()


def leaves_data(scorer: Any) -> bool:
    """Whether a scorer is known to leave alone the data it is given."""
    if isinstance(scorer, _MultimetricScorer):
        return all(map(leaves_data, scorer._scorers.values()))
    return _top(type(scorer)) in _OWN and is_known(getattr(scorer, "_score_func", None))


def sees_data(scorer: Any) -> bool:
    """Whether code that is not known gets the features themselves, not only what is predicted."""
    if isinstance(scorer, _MultimetricScorer):
        return any(map(sees_data, scorer._scorers.values()))
    return _top(type(scorer)) not in _OWN


def drawn_from_all(*, but_torch: bool = False) -> str:
    """Return a key of where the generators stand that all code of a process shares."""
    torch = None if but_torch else sys.modules.get("torch")
    state = () if torch is None else torch.get_rng_state().numpy()
    return digest((np.random.get_state(), random.getstate(), state))


def _is_pure(function: Any) -> bool:
    """Whether a function is one of a numerical library, and draws no random numbers."""
    if isinstance(function, partial):
        return True  # as far as what is inside is
    if isinstance(function, np.ufunc):
        return getattr(np, function.__name__, None) is function
    owner = getattr(function, "__self__", None)
    if owner is not None and not isinstance(owner, types.ModuleType):
        return False
    if not hasattr(function, "__qualname__"):  # an object that can be called
        return _top(type(function)) in _OWN
    return _top(function) in _PURE and not _draws(function)


def _draws(function: Any) -> bool:
    try:
        return "random_state" in inspect.signature(function).parameters
    except ValueError:  # some functions of compiled libraries have no signature
        return "random" in function.__module__


def _top(owner: Any) -> str:
    return (getattr(owner, "__module__", None) or "").partition(".")[0]
