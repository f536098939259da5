"""scikit-learn estimators around models of other libraries."""

from __future__ import annotations

from tunesmith.models.keras import KerasClassifier, KerasRegressor

__all__ = ["KerasClassifier", "KerasRegressor"]
