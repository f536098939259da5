from __future__ import annotations

import functools

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from tests.models.networks import ADAM, classifier, diabetes, digits, regressor
from tunesmith.models import KerasClassifier, KerasRegressor
from tunesmith.testing.models import check_model

pytest.importorskip("keras", reason="Keras is not installed")

# Keras' variables do not know numpy 2's copy keyword, and say so when their state is read.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy")

PARAMS = {"epochs": 20, "batch_size": 1000, "random_state": 0, **ADAM}
WEIGHTED_STEPS = (
    "a step on a mini-batch divides the weighted loss by the number of samples, not by the sum of "
    "weights, so that repeating a sample is not quite weighting it"
)
EXPECTED_FAILURES = {
    "KerasClassifier": {"check_sample_weight_equivalence_on_dense_data": WEIGHTED_STEPS},
    "KerasRegressor": {
        "check_sample_weight_equivalence_on_dense_data": WEIGHTED_STEPS,
        "check_methods_sample_order_invariance": (
            "single precision: a row's place in its batch moves the last bit, and the check "
            "allows 1e-9"
        ),
    },
}


class Named:
    """A build function whose repr, and so the name of a test, is the same in every process."""

    def __init__(self, function):
        functools.update_wrapper(self, function)

    def __call__(self, *args, **kwargs):
        return self.__wrapped__(*args, **kwargs)

    def __repr__(self):
        return self.__name__


@pytest.mark.long
@pytest.mark.filterwarnings("default")
@parametrize_with_checks(
    [
        KerasClassifier(Named(classifier), hidden=16, **PARAMS),
        KerasRegressor(Named(regressor), **PARAMS),
    ],
    expected_failed_checks=lambda estimator: EXPECTED_FAILURES[type(estimator).__name__],
    xfail_strict=False,  # whether the last bit moves depends on the processor
)
def test_scikit_learns_checks(estimator, check):
    check(estimator)


def test_our_checks_on_a_classifier():
    X, y = digits()
    check_model(
        lambda: KerasClassifier(classifier, dropout=0.2, batch_size=60, random_state=0), X, y
    )


def test_our_checks_on_a_regressor():
    X, y = diabetes()
    check_model(lambda: KerasRegressor(regressor, batch_size=221, random_state=0), X, y)


class Careless(KerasRegressor):
    def get_params(self, deep=True):
        return {n: list(v) if isinstance(v, list) else v for n, v in super().get_params().items()}


class Deaf(KerasRegressor):
    def fit(self, X, y, **kwargs):
        import numpy as np

        np.random.random()
        return super().fit(X, y, **kwargs)


@pytest.mark.parametrize(
    ("estimator", "message"), [(Careless, "copies its values"), (Deaf, "numpy's generator")]
)
def test_our_checks_find_faults(estimator, message):
    X, y = diabetes()
    with pytest.raises(AssertionError, match=message):
        check_model(
            lambda: estimator(regressor, metrics=["mae"], batch_size=221, random_state=0), X, y
        )
