"""scikit-learn estimators around models of other libraries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tunesmith.models.keras import KerasClassifier, KerasRegressor

__all__ = ["KerasClassifier", "KerasRegressor"]


def __getattr__(name: str) -> Any:
    """Import an estimator when it is first asked for: searches need but a part of this room."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from tunesmith.models import keras

    return getattr(keras, name)
