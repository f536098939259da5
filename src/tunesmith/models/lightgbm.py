"""Boosters of LightGBM, whose first iterations are what a smaller one would be.

What XGBoost's are, for the same reasons. LightGBM itself gives the same twice, to the bit, for
one number of threads and one way to build histograms: it chooses the way by what it measures,
unless ``force_col_wise`` or ``force_row_wise`` says which.
"""

from __future__ import annotations

from collections.abc import Mapping
from inspect import signature
from numbers import Integral
from typing import Any

from lightgbm import Booster, LGBMClassifier, LGBMRegressor

from tunesmith.evaluation.families import Prefixes, family_of, is_count

_ALONG = frozenset({"sample_weight", "init_score", "feature_name", "categorical_feature"})

_PLAIN = frozenset({"verbose", "verbosity", "deterministic", "force_col_wise", "force_row_wise"})
"""Arguments beyond the signature that do not look at the number of iterations."""


def _iterations(state: Mapping[str, Any], size: int) -> dict[str, Any]:
    whole = state["_Booster"]
    # Training ends with the same text, so that this reads what it would read.
    cut = Booster(model_str=whole.model_to_string(num_iteration=size))
    cut.params = {**whole.params, "num_iterations": size}
    cut.pandas_categorical = whole.pandas_categorical
    own = {name: value for name, value in state.items() if name != "_other_params"}
    return {**own, "_Booster": cut}


def _has_all(state: Mapping[str, Any]) -> bool:
    """Whether each iteration made a tree: without one, the first trees are of later ones."""
    booster = state["_Booster"]
    return bool(booster.current_iteration() == booster.params["num_iterations"])


@family_of.register(LGBMClassifier)
@family_of.register(LGBMRegressor)
def _boosting(estimator: Any) -> Prefixes | None:
    params = estimator.get_params()
    plain = (
        type(estimator) in (LGBMClassifier, LGBMRegressor)
        and is_count(params["n_estimators"])
        and isinstance(params["random_state"], Integral)
        and params["boosting_type"] == "gbdt"
        and _PLAIN.issuperset(params.keys() - signature(type(estimator)).parameters.keys())
        and not any(map(callable, params.values()))
    )
    return Prefixes("n_estimators", _iterations, _has_all, _ALONG) if plain else None
