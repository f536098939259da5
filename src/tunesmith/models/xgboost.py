"""Boosters of XGBoost, whose first rounds are what a smaller one would be.

Each round sees but the rounds before it, and draws from one generator in turn. So the first
50 rounds of 500 are those of 50, to the bit, where nothing looks at the whole: no evaluation,
no early stopping, no callback, and none of the boosters that change what they have made.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from numbers import Integral
from typing import Any

from xgboost import XGBClassifier, XGBRegressor

from tunesmith.evaluation.families import Prefixes, family_of, is_count

_ALONG = frozenset({"sample_weight", "base_margin", "verbose"})


def _rounds(state: Mapping[str, Any], size: int) -> dict[str, Any]:
    cut = {**state, "_Booster": state["_Booster"][:size]}
    if state.get("n_classes_", 0) > 2:  # a fit then changes the parameter, too
        learner = json.loads(cut["_Booster"].save_config())["learner"]
        cut["objective"] = learner["objective"]["name"]
    return cut


@family_of.register(XGBClassifier)
@family_of.register(XGBRegressor)
def _boosting(estimator: Any) -> Prefixes | None:
    params = estimator.get_params()
    plain = (
        type(estimator) in (XGBClassifier, XGBRegressor)
        and is_count(params["n_estimators"])
        and isinstance(params["random_state"], Integral)
        and params["booster"] in (None, "gbtree")
        and params["device"] in (None, "cpu")
        and params["multi_strategy"] in (None, "one_output_per_tree")
        and params["early_stopping_rounds"] is None
        and not params["callbacks"]
        and not getattr(estimator, "kwargs", None)
        and not any(map(callable, params.values()))
    )
    return Prefixes("n_estimators", _rounds, along=_ALONG) if plain else None
