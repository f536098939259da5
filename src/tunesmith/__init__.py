"""tunesmith tunes hyperparameters: the same answer sooner, and nothing lost on the way."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0.dev0"

if TYPE_CHECKING:
    from tunesmith.exceptions import (
        SearchTimeout,
        StudyMismatch,
        TrialPruned,
        TunesmithError,
        WouldBlock,
    )
    from tunesmith.models import KerasClassifier, KerasRegressor
    from tunesmith.search import GridSearchCV, RandomizedSearchCV, RandomSearchCV, SearchCV
    from tunesmith.space import Categorical, Choice, Distribution, Float, Int
    from tunesmith.study import Study, maximize, minimize

__all__ = [
    "Categorical",
    "Choice",
    "Distribution",
    "Float",
    "GridSearchCV",
    "Int",
    "KerasClassifier",
    "KerasRegressor",
    "RandomSearchCV",
    "RandomizedSearchCV",
    "SearchCV",
    "SearchTimeout",
    "Study",
    "StudyMismatch",
    "TrialPruned",
    "TunesmithError",
    "WouldBlock",
    "__version__",
    "maximize",
    "minimize",
]

_HOME = {
    "Categorical": "tunesmith.space",
    "Choice": "tunesmith.space",
    "Distribution": "tunesmith.space",
    "Float": "tunesmith.space",
    "GridSearchCV": "tunesmith.search",
    "Int": "tunesmith.space",
    "KerasClassifier": "tunesmith.models",
    "KerasRegressor": "tunesmith.models",
    "RandomSearchCV": "tunesmith.search",
    "RandomizedSearchCV": "tunesmith.search",
    "SearchCV": "tunesmith.search",
    "SearchTimeout": "tunesmith.exceptions",
    "Study": "tunesmith.study",
    "StudyMismatch": "tunesmith.exceptions",
    "TrialPruned": "tunesmith.exceptions",
    "TunesmithError": "tunesmith.exceptions",
    "WouldBlock": "tunesmith.exceptions",
    "maximize": "tunesmith.study",
    "minimize": "tunesmith.study",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for, so that the package loads at once."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
