"""XGBoost's and LightGBM's boosters, cut to their first rounds."""

from __future__ import annotations

import importlib

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_iris
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tunesmith import GridSearchCV
from tunesmith.evaluation.families import Prefixes, find_family

pytestmark = [
    pytest.mark.long,
    pytest.mark.filterwarnings("ignore:X does not have valid feature names"),
]

IRIS = load_iris(return_X_y=True)
DIABETES = load_diabetes(return_X_y=True)


def of(library, kind, **params):
    """Return an estimator of a library; its family is loaded as its entry point would."""
    module = pytest.importorskip(library, reason=f"{library} is not installed")
    importlib.import_module(f"tunesmith.models.{library}")
    quiet = {"verbose": -1} if library == "lightgbm" else {"verbosity": 0}
    name = {"lightgbm": "LGBM", "xgboost": "XGB"}[library] + kind
    return getattr(module, name)(**{**quiet, **params})


def data_of(estimator):
    return IRIS if "Classifier" in type(estimator).__name__ else DIABETES


def answers(estimator, X):
    yield estimator.predict(X)
    if hasattr(estimator, "predict_proba"):
        yield estimator.predict_proba(X)
    yield estimator.apply(X) if hasattr(estimator, "apply") else estimator.n_estimators_
    yield estimator.feature_importances_


CASES = [
    ("xgboost", "Classifier", {}),
    ("xgboost", "Classifier", {"subsample": 0.6, "colsample_bytree": 0.5, "n_jobs": 1}),
    ("xgboost", "Classifier", {"subsample": 0.6, "colsample_bynode": 0.5, "n_jobs": 2}),
    ("xgboost", "Classifier", {"tree_method": "exact", "max_delta_step": 1}),
    ("xgboost", "Classifier", {"tree_method": "approx", "num_parallel_tree": 3}),
    ("xgboost", "Regressor", {"grow_policy": "lossguide", "max_leaves": 5}),
    ("xgboost", "Regressor", {"objective": "reg:absoluteerror", "subsample": 0.7}),
    ("xgboost", "Regressor", {"objective": "reg:quantileerror", "quantile_alpha": 0.3}),
    ("lightgbm", "Classifier", {}),
    ("lightgbm", "Classifier", {"class_weight": "balanced", "n_jobs": 1}),
    ("lightgbm", "Classifier", {"subsample": 0.6, "subsample_freq": 1, "n_jobs": 1}),
    ("lightgbm", "Classifier", {"subsample": 0.6, "subsample_freq": 2, "n_jobs": 2}),
    ("lightgbm", "Classifier", {"colsample_bytree": 0.5, "force_row_wise": True}),
    ("lightgbm", "Regressor", {"objective": "l1", "n_jobs": 1}),
    ("lightgbm", "Regressor", {"objective": "quantile", "min_child_samples": 20}),
]


@pytest.mark.parametrize(("library", "kind", "params"), CASES)
def test_a_booster_cut_is_a_smaller_booster(library, kind, params):
    estimator = of(library, kind, random_state=3, **params)
    X, y = data_of(estimator)
    kept = None
    left_alone = "quantile_alpha" in params  # no argument of the signature
    for size, fits in [(12, 1), (12, 0), (1, 0), (5, 0), (20, 1), (7, 0)]:
        cut, alone = (clone(estimator).set_params(n_estimators=size) for _ in range(2))
        family = find_family(cut)
        if left_alone:
            assert family is None
            return
        assert isinstance(family, Prefixes)
        kept, work = family.fit(cut, X, y, {}, kept)
        alone.fit(X, y)
        assert work.fits == fits
        np.testing.assert_equal(cut.get_params(), alone.get_params())
        for ours, theirs in zip(answers(cut, X), answers(alone, X), strict=True):
            np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize(
    ("library", "params"),
    [
        ("xgboost", {"booster": "dart"}),
        ("xgboost", {"booster": "gblinear"}),
        ("xgboost", {"early_stopping_rounds": 3}),
        ("xgboost", {"callbacks": [object()]}),
        ("xgboost", {"objective": abs}),
        ("xgboost", {"eval_metric": abs}),
        ("xgboost", {"multi_strategy": "multi_output_tree"}),
        ("xgboost", {"process_type": "update"}),
        ("xgboost", {"random_state": np.random.RandomState(0)}),
        ("xgboost", {"n_estimators": 0}),
        ("xgboost", {"n_estimators": None}),
        ("lightgbm", {"boosting_type": "dart"}),
        ("lightgbm", {"boosting_type": "rf"}),
        ("lightgbm", {"early_stopping_round": 3}),
        ("lightgbm", {"num_iterations": 3}),
        ("lightgbm", {"objective": abs}),
        ("lightgbm", {"random_state": None}),
        ("lightgbm", {"n_estimators": -1}),
    ],
)
def test_left_alone(library, params):
    assert find_family(of(library, "Classifier", **{"random_state": 0, **params})) is None


@pytest.mark.parametrize("library", ["xgboost", "lightgbm"])
def test_what_is_evaluated_on_its_way_is_fitted_alone(library):
    X, y = IRIS
    family = find_family(of(library, "Classifier", random_state=0, n_estimators=5))
    kept = None
    more = {"eval_set": [(X, y)]} if library == "xgboost" else {"eval_X": X, "eval_y": y}
    for size in (5, 3):
        estimator = of(library, "Classifier", random_state=0, n_estimators=size)
        kept, work = family.fit(estimator, X, y, more, kept)
        assert work.fits == 1
        losses = next(iter(next(iter(estimator.evals_result_.values())).values()))
        assert len(losses) == size


@pytest.mark.parametrize("library", ["xgboost", "lightgbm"])
@pytest.mark.parametrize("kind", ["Classifier", "Regressor"])
def test_by_default_a_booster_is_fitted_once_for_each_split(library, kind):
    estimator = of(library, kind)
    X, y = data_of(estimator)
    grid = {"n_estimators": [4, 12, 8], "learning_rate": [0.1, 0.5]}
    searches = []
    for sharing in ("exact", "off"):
        np.random.seed(0)
        search = GridSearchCV(estimator, grid, cv=3, sharing=sharing, return_train_score=True)
        searches.append(search.fit(X, y))
    shared, alone = searches
    assert (shared.sharing_["fits_asked"], shared.sharing_["fits_run"]) == (18, 6)
    for name, expected in alone.cv_results_.items():
        if not name.endswith("_time"):
            np.testing.assert_array_equal(shared.cv_results_[name], expected)


def test_a_booster_at_the_end_of_a_pipeline():
    X, y = IRIS
    chain = make_pipeline(StandardScaler(), of("xgboost", "Classifier"))
    search = GridSearchCV(chain, {"xgbclassifier__n_estimators": [2, 5]}, cv=2).fit(X, y)
    assert (search.sharing_["fits_asked"], search.sharing_["fits_run"]) == (4, 2)


@pytest.mark.parametrize(
    "chance", [{"subsample": 0.5, "subsample_freq": 1}, {"colsample_bytree": 0.3}]
)
def test_iterations_that_make_no_tree_are_no_beginning(chance):
    """The first 20 trees of 60 iterations are then not those of 20 iterations."""
    fixed = {"random_state": 0, "force_col_wise": True, "n_jobs": 1, "min_split_gain": 1e4}
    estimator = of("lightgbm", "Regressor", **fixed, **chance)
    X, y = (part[:200] for part in DIABETES)
    grid = {"n_estimators": [20, 60]}
    shared, alone = (
        GridSearchCV(estimator, grid, cv=2, sharing=sharing).fit(X, y)
        for sharing in ("exact", "off")
    )
    for split in range(2):
        name = f"split{split}_test_score"
        np.testing.assert_array_equal(shared.cv_results_[name], alone.cv_results_[name])
