"""Ensembles of scikit-learn, whose smaller ones are the beginning of the largest.

Each member of a forest or a bag draws its seed in turn from the ensemble's generator, and each
stage of boosting sees but the stages before it. So an ensemble of 50 is the first 50 members
of one of 500, to the bit, where nothing looks at the whole: no out-of-bag score, no early
stopping, no warm start.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sklearn.ensemble import (
    BaggingClassifier,
    BaggingRegressor,
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)

from tunesmith.evaluation.families import Prefixes, family_of, is_count
from tunesmith.evaluation.trust import is_known

State = Mapping[str, Any]
"""What a fitted estimator has learned, by attribute."""


def _members(state: State, size: int) -> dict[str, Any]:
    held = ("estimators_", "estimators_features_", "_seeds")
    return {**state, **{name: state[name][:size] for name in held if name in state}}


def _stages(state: State, size: int) -> dict[str, Any]:
    held = ("estimators_", "train_score_", "oob_improvement_", "oob_scores_")
    cut = {name: state[name][:size] for name in held if name in state}
    if "oob_scores_" in cut:
        cut["oob_score_"] = cut["oob_scores_"][-1]
    return {**state, **cut, "n_estimators_": len(cut["estimators_"])}


def _iterations(state: State, size: int) -> dict[str, Any]:
    return {**state, "_predictors": state["_predictors"][:size]}


def _never_stops_early(state: State) -> bool:
    return not state["do_early_stopping_"]


def _is_fixed(estimator: Any, kinds: tuple[type, ...], size: str = "n_estimators") -> bool:
    """Whether an estimator is of these very classes, and the same members come every time."""
    return (
        type(estimator) in kinds
        and is_count(getattr(estimator, size))
        and estimator.random_state is not None
        and is_known(estimator)
    )


@family_of.register(RandomForestClassifier)
@family_of.register(RandomForestRegressor)
@family_of.register(ExtraTreesClassifier)
@family_of.register(ExtraTreesRegressor)
@family_of.register(BaggingClassifier)
@family_of.register(BaggingRegressor)
def _forest(estimator: Any) -> Prefixes | None:
    kinds = (
        RandomForestClassifier,
        RandomForestRegressor,
        ExtraTreesClassifier,
        ExtraTreesRegressor,
        BaggingClassifier,
        BaggingRegressor,
    )
    looks_at_all = estimator.warm_start or estimator.oob_score
    if not _is_fixed(estimator, kinds) or looks_at_all:
        return None
    return Prefixes("n_estimators", _members)


@family_of.register(GradientBoostingClassifier)
@family_of.register(GradientBoostingRegressor)
def _boosting(estimator: Any) -> Prefixes | None:
    kinds = (GradientBoostingClassifier, GradientBoostingRegressor)
    looks_at_all = estimator.warm_start or estimator.n_iter_no_change is not None
    if not _is_fixed(estimator, kinds) or looks_at_all:
        return None
    return Prefixes("n_estimators", _stages)


@family_of.register(HistGradientBoostingClassifier)
@family_of.register(HistGradientBoostingRegressor)
def _histograms(estimator: Any) -> Prefixes | None:
    kinds = (HistGradientBoostingClassifier, HistGradientBoostingRegressor)
    looks_at_all = estimator.warm_start or estimator.early_stopping is True
    if not _is_fixed(estimator, kinds, "max_iter") or looks_at_all:
        return None
    return Prefixes("max_iter", _iterations, _never_stops_early)
