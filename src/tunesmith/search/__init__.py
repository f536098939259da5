"""scikit-learn's searches, by a change of import."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tunesmith.search.grid import GridSearchCV
    from tunesmith.search.learned import SearchCV
    from tunesmith.search.randomized import RandomizedSearchCV, RandomSearchCV

__all__ = ["GridSearchCV", "RandomSearchCV", "RandomizedSearchCV", "SearchCV"]

_HOME = {
    "GridSearchCV": "tunesmith.search.grid",
    "RandomSearchCV": "tunesmith.search.randomized",
    "RandomizedSearchCV": "tunesmith.search.randomized",
    "SearchCV": "tunesmith.search.learned",
}


def __getattr__(name: str) -> Any:
    """Import a search when it is first asked for: one that learns loads what it learns with."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)
