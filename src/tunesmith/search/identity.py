"""What a search's study is made from, by name, so that two studies can be told apart."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import scipy
import sklearn

from tunesmith.exceptions import UnkeyableError
from tunesmith.keys import content_key
from tunesmith.models.surroundings import fit_surroundings
from tunesmith.storage.parts import part
from tunesmith.trial import Part


def parts_of(
    *, estimator: Any, X: Any, y: Any, cv: Any, scoring: Any, routed: Mapping[str, Any]
) -> dict[str, Part]:
    """Return the parts of a search: its estimator's parameters, data, splits and scoring.

    The space is not a part: a grid that has grown reuses what it shares with the old.

    Raises
    ------
    UnkeyableError
        If the content of a part cannot be told; names it.
    """
    versions = {
        "python": platform.python_version(),
        "numpy": np.__version__,
        "scipy": scipy.__version__,
        "scikit-learn": sklearn.__version__,
    }
    named = {
        "estimator": type(estimator),
        **{f"estimator.{name}": value for name, value in _parameters(estimator)},
        "X": X,
        "y": y,
        "cv": cv,
        "scoring": scoring,
        **routed,
        **_surroundings([estimator]),
        **{f"version of {name}": version for name, version in versions.items()},
    }
    return {name: part(name, value) for name, value in named.items()}


def trial_digest(params: Mapping[str, Any], splits: str) -> str:
    """Return what a trial is known by: its parameters, its splits, and what its fits depend on.

    Raises
    ------
    UnkeyableError
        If the content of a parameter's value cannot be told; names it.
    """
    whole: tuple[Any, ...] = (dict(params), splits)
    if besides := _surroundings(params.values()):
        whole = (*whole, besides)
    try:
        return content_key(whole).digest
    except UnkeyableError:
        for name, value in params.items():
            part(f"the value of {name!r}", value)
        raise


def _surroundings(values: Iterable[Any]) -> dict[str, str]:
    """Return what the fits of estimators, or of those inside them, depend on besides."""
    found: dict[str, str] = {}
    for value in values:
        found |= fit_surroundings(value)
        if isinstance(value, list | tuple):
            found |= _surroundings(value)
        elif hasattr(value, "get_params") and not isinstance(value, type):
            found |= _surroundings(value.get_params(deep=False).values())
    return found


def _parameters(estimator: Any) -> Iterator[tuple[str, Any]]:
    yield from sorted(estimator.get_params(deep=False).items())
