"""What every estimator around a trainable model must do, ours and a user's."""

from __future__ import annotations

import copy
import pickle
import random
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import clone
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer


def check_model(estimator_factory: Callable[[], Any], X: np.ndarray, y: ArrayLike) -> None:
    """Check that an estimator around a trainable model can be searched over and resumed.

    Parameters
    ----------
    estimator_factory : callable
        Takes nothing and gives a new, unfitted estimator with an integer ``random_state``.
    X : ndarray of shape (n_samples, ...)
        Some dozens of samples.
    y : array-like of shape (n_samples,) or (n_samples, n_outputs)

    Raises
    ------
    AssertionError
        A promise is not kept; the message says which.
    """
    for check in (
        check_clone,
        check_set_params,
        check_illegal_parameter,
        check_refit_and_generators,
        check_pickle,
        check_partial_fit,
        check_pipeline_and_cross_validation,
    ):
        check(estimator_factory, X, np.asarray(y))


def check_clone(factory: Callable[[], Any], X: np.ndarray, y: np.ndarray) -> None:
    """Check that a clone has the same parameters and is not fitted."""
    estimator = factory()
    before, after = estimator.get_params(), estimator.get_params()
    assert all(after[name] is before[name] for name in before), "get_params copies its values"
    copied = clone(estimator)
    assert copied.get_params().keys() == before.keys(), "clone has other parameter names"
    assert not hasattr(copied, "model_"), "clone is fitted"


def check_set_params(factory: Callable[[], Any], X: np.ndarray, y: np.ndarray) -> None:
    """Check that set_params takes what get_params gives, by identity."""
    estimator, other = factory(), factory()
    params = estimator.get_params(deep=False)
    assert other.set_params(**params) is other, "set_params does not return the estimator"
    taken = other.get_params(deep=False)
    assert taken.keys() == params.keys(), "set_params adds or drops names"
    assert all(taken[name] is params[name] for name in params), "set_params copies its values"


def check_illegal_parameter(factory: Callable[[], Any], X: np.ndarray, y: np.ndarray) -> None:
    """Check that an unknown name is refused before any fit, and changes nothing."""
    estimator = factory()
    before = estimator.get_params()
    name = "no_such_parameter"
    message = None
    try:
        estimator.set_params(random_state=-1, **{name: 1})
    except ValueError as error:
        message = str(error)
    assert message is not None, "set_params accepts a name that nothing takes"
    assert name in message, "the message does not name the illegal parameter"
    assert estimator.get_params() == before, "a refused set_params changed parameters"


def check_refit_and_generators(factory: Callable[[], Any], X: np.ndarray, y: np.ndarray) -> None:
    """Check that seeded fits are equal and leave the global generators alone."""
    state = random.getstate()
    numbers = np.random.get_state(legacy=False)["state"]
    estimator = factory()
    assert estimator.fit(X, y) is estimator, "fit does not return the estimator"
    assert random.getstate() == state, "fit draws from Python's generator"
    now = np.random.get_state(legacy=False)["state"]
    same = np.array_equal(now["key"], numbers["key"]) and now["pos"] == numbers["pos"]
    assert same, "fit draws from numpy's generator"
    first = outputs(estimator, X)
    fresh = outputs(factory().fit(X, y), X)
    np.testing.assert_array_equal(first, fresh, "two fits with one seed differ")
    again = outputs(estimator.fit(X, y), X)
    np.testing.assert_array_equal(first, again, "a refit differs from a fresh fit")


def check_pickle(factory: Callable[[], Any], X: np.ndarray, y: np.ndarray) -> None:
    """Check that pickles and deep copies predict what the original predicts."""
    factory_copy = pickle.loads(pickle.dumps(factory()))
    assert not hasattr(factory_copy, "model_"), "unpickling an unfitted estimator fits it"
    estimator = factory().fit(X, y)
    expected = outputs(estimator, X)
    for copied in (pickle.loads(pickle.dumps(estimator)), copy.deepcopy(estimator)):
        np.testing.assert_array_equal(outputs(copied, X), expected, "a copy predicts otherwise")


def check_partial_fit(factory: Callable[[], Any], X: np.ndarray, y: np.ndarray) -> None:
    """Check that training on from a pickle equals training on from the original."""
    estimator = factory().fit(X, y)
    copied = pickle.loads(pickle.dumps(estimator))
    going_on = outputs(estimator.partial_fit(X, y), X)
    np.testing.assert_array_equal(
        outputs(copied.partial_fit(X, y), X), going_on, "a pickle trains on otherwise"
    )


def check_pipeline_and_cross_validation(
    factory: Callable[[], Any], X: np.ndarray, y: np.ndarray
) -> None:
    """Check the estimator as the last step of a Pipeline and in cross-validation."""
    alone = outputs(factory().fit(X, y), X)
    pipeline = Pipeline([("same", FunctionTransformer()), ("model", factory())])
    np.testing.assert_array_equal(
        outputs(pipeline.fit(X, y), X), alone, "predictions differ in a Pipeline"
    )
    scores = cross_val_score(factory(), X, y, cv=2, error_score="raise")
    assert np.isfinite(scores).all(), f"cross-validation scores {scores}"


def outputs(estimator: Any, X: np.ndarray) -> np.ndarray:
    """Give the probabilities of a classifier, or the predictions of a regressor."""
    method = estimator.predict_proba if hasattr(estimator, "predict_proba") else estimator.predict
    return np.asarray(method(X))
