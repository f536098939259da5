"""Ridge by one decomposition is, to rounding, ridge fitted for each alpha."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import Ridge, RidgeClassifier
from sklearn.model_selection import KFold

from tunesmith import GridSearchCV
from tunesmith.evaluation.crossval import CrossValidation
from tunesmith.evaluation.stages import StageCache
from tunesmith.trial import Job

ALPHAS = [1e-3, 0.1, 1.0, 10.0, 1e4]
LARGEST = 1e-8
"""Differences of predictions, relative to the largest one, that rounding may make."""


def fitted(estimator, X, y, sharing, fit_params, alphas=ALPHAS):
    """Return the estimators of all alphas, in the order of alphas."""
    held = []

    def keep(estimator, X, y):
        held.append(estimator)
        return 0.0

    splits = list(KFold(2).split(X))
    evaluate = CrossValidation(
        estimator, X, y, splits, keep, fit_params=fit_params, sharing=sharing
    )
    cache = StageCache()
    work = [evaluate(Job(n, 0, {"alpha": alpha}), cache).work for n, alpha in enumerate(alphas)]
    return held, sum(each.fits for each in work)


def check_close(ours, theirs, X):
    for one, other in zip(ours, theirs, strict=True):
        assert vars(one).keys() == vars(other).keys()
        for name in ("coef_", "intercept_"):
            assert np.shape(getattr(one, name)) == np.shape(getattr(other, name))
        method = "decision_function" if hasattr(one, "decision_function") else "predict"
        expected = getattr(other, method)(X)
        apart = np.abs(getattr(one, method)(X) - expected).max()
        assert apart <= LARGEST * max(1, np.abs(expected).max())


@settings(deadline=None, max_examples=40)
@given(
    seed=st.integers(0, 1000),
    shape=st.sampled_from([(30, 4), (12, 20), (40, 1)]),
    intercept=st.booleans(),
    weighted=st.booleans(),
    targets=st.sampled_from(["one", "column", "two", "classes", "three classes"]),
    integers=st.booleans(),
)
def test_every_alpha(seed, shape, intercept, weighted, targets, integers):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=shape) * 3 + 1
    X = X.round().astype(int) if integers else X
    y = {
        "one": lambda: rng.normal(size=shape[0]),
        "column": lambda: rng.normal(size=(shape[0], 1)),
        "two": lambda: rng.normal(size=(shape[0], 2)),
        "classes": lambda: np.arange(shape[0]) % 2,
        "three classes": lambda: np.arange(shape[0]) % 3,
    }[targets]()
    kind = RidgeClassifier if "classes" in targets else Ridge
    weights = {"sample_weight": rng.uniform(0.1, 3, shape[0])} if weighted else {}
    estimator = kind(fit_intercept=intercept)
    ours, n_ours = fitted(estimator, X, y, "rounding", weights)
    theirs, n_theirs = fitted(estimator, X, y, "off", weights)
    assert n_theirs == len(ALPHAS)
    assert 1 <= n_ours < n_theirs
    check_close(ours, theirs, X)


@pytest.mark.parametrize(
    "params",
    [{"positive": True}, {"solver": "sag"}, {"copy_X": False}, {"solver": "lsqr"}],
)
def test_what_is_solved_otherwise_is_left_alone(params):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(20, 3)), rng.normal(size=20)
    estimator = Ridge(random_state=0, **params)
    ours, n_ours = fitted(estimator, X, y, "rounding", {})
    theirs, _ = fitted(estimator, X, y, "off", {})
    assert n_ours == len(ALPHAS)
    assert all((a.coef_ == b.coef_).all() for a, b in zip(ours, theirs, strict=True))


def test_where_rounding_would_show_an_alpha_is_fitted_alone():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 5))
    X[:, 4] = X[:, 3] + 1e-6 * rng.normal(size=60)
    y = rng.normal(size=60)
    ours, n_ours = fitted(Ridge(), X, y, "rounding", {})
    theirs, _ = fitted(Ridge(), X, y, "off", {})
    assert n_ours == 1
    check_close(ours, theirs, X)
    fine = [1e-10, 1e-8, 1e-6, 1.0]
    ours, n_ours = fitted(Ridge(), X, y, "rounding", {}, fine)
    theirs, _ = fitted(Ridge(), X, y, "off", {}, fine)
    assert n_ours == 3
    check_close(ours, theirs, X)


def test_single_precision_is_left_alone():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(20, 3)).astype(np.float32), rng.normal(size=20)
    ours, n_ours = fitted(Ridge(), X, y, "rounding", {})
    theirs, _ = fitted(Ridge(), X, y, "off", {})
    assert n_ours == len(ALPHAS)
    assert all((a.coef_ == b.coef_).all() for a, b in zip(ours, theirs, strict=True))


def test_only_where_rounding_is_asked_for():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(40, 3)), rng.normal(size=40)
    searches = {
        sharing: GridSearchCV(Ridge(), {"alpha": ALPHAS}, sharing=sharing).fit(X, y)
        for sharing in ("off", "exact", "rounding")
    }
    scores = {name: search.cv_results_["mean_test_score"] for name, search in searches.items()}
    np.testing.assert_array_equal(scores["exact"], scores["off"])
    np.testing.assert_allclose(scores["rounding"], scores["off"], rtol=1e-9)
    assert [s.sharing_["fits_run"] for s in searches.values()] == [25, 25, 5]
