from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
from sklearn.base import clone

from tests.models.networks import ADAM, classifier, diabetes, iris, regressor, run_on
from tunesmith.evaluation.stages import StageCache
from tunesmith.models import KerasClassifier, KerasRegressor

keras = pytest.importorskip("keras", reason="Keras is not installed")

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy")

PARAMS = {"epochs": 6, "batch_size": 32, "random_state": 0, "dropout": 0.2, **ADAM}

# Keras binds to one backend a process, hence the subprocesses.
SCRIPT = """
import numpy as np
from tests.models.networks import ADAM, classifier, iris
from tests.models.test_staged import PARAMS
from tunesmith.models import KerasClassifier

X, y = iris()
at_once = KerasClassifier(classifier, **PARAMS).fit(X, y)
parts = KerasClassifier(classifier, **PARAMS)
for to in (1, 3, 6):
    parts.advance(X, y, to=to)
    parts.predict(X)
assert parts.can_advance
np.testing.assert_array_equal(parts.predict_proba(X), at_once.predict_proba(X))
assert parts.n_epochs_ == at_once.n_epochs_ == 6
"""


def check_same(one, other, X):
    np.testing.assert_array_equal(one._outputs(X, {}), other._outputs(X, {}))
    assert one.history_ == other.history_
    assert one.n_epochs_ == other.n_epochs_
    for a, b in zip(one.model_.get_weights(), other.model_.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    slots = one.model_.optimizer.variables, other.model_.optimizer.variables
    for a, b in zip(*slots, strict=True):
        np.testing.assert_array_equal(np.asarray(a), np.asarray(b))


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("validation", [None, 0.2])
def test_epochs_by_and_by_are_the_epochs_at_once(weighted, validation):
    X, y = iris()
    weights = {"sample_weight": np.linspace(0.5, 2, len(y))} if weighted else {}
    estimator = KerasClassifier(
        classifier, metrics=["accuracy"], validation_fraction=validation, **PARAMS
    )
    parts = clone(estimator)
    assert parts.can_advance
    for to in (1, 3, 3, 6):
        assert parts.advance(X, y, to=to, **weights) is parts
        assert parts.n_epochs_ == to
        parts.predict(X)
        parts.evaluate(X, y)
    check_same(parts, estimator.fit(X, y, **weights), X)


class Counted(keras.layers.Layer):
    """Counts its calls, those that predict too, and goes by the count."""

    def build(self, shape):
        self.n_calls = self.add_weight(shape=(), initializer="zeros", trainable=False)

    def call(self, x):
        self.n_calls.assign_add(1.0)
        return x * (1 + 0.1 * self.n_calls)


@pytest.mark.parametrize(
    "part",
    [
        lambda: keras.layers.GRU(3, dropout=0.2, recurrent_dropout=0.2),
        lambda: keras.layers.GRU(3, stateful=True),
        lambda: keras.Sequential([keras.layers.Flatten(), Counted()]),
    ],
)
def test_predicting_in_between_changes_nothing_of_the_training(part):
    def build(meta):
        layers = [keras.layers.Input((4,), batch_size=25), keras.layers.Reshape((2, 2)), part()]
        model = keras.Sequential([*layers, keras.layers.Dense(3, activation="softmax")])
        model.compile("adam", "sparse_categorical_crossentropy")
        return model

    X, y = iris()
    settings = {"batch_size": 25, "random_state": 0}
    at_once = KerasClassifier(build, epochs=3, **settings).fit(X, y)
    parts = KerasClassifier(build, epochs=1, **settings)
    for to in (1, 1, 2, 3):
        parts.advance(X, y, to=to)
        if to < 3:
            parts.predict(X)
            parts.evaluate(X, y)
    assert parts.can_advance
    check_same(parts, at_once, X)


def test_a_regressor_goes_on_too_and_so_does_a_copy_of_it():
    X, y = diabetes()
    params = {"epochs": 4, "random_state": 1, **ADAM}
    parts = KerasRegressor(regressor, **params).advance(X, y, to=2)
    copied = pickle.loads(pickle.dumps(parts))
    at_once = KerasRegressor(regressor, **params).fit(X, y)
    check_same(parts.advance(X, y, to=4), at_once, X)
    check_same(copied.advance(X, y, to=4), at_once, X)


def told_epochs(meta, epochs):
    return classifier(meta, hidden=epochs + 2)


class OwnModel(KerasClassifier):
    def __call__(self, meta):
        return classifier(meta, hidden=self.epochs + 2)


@pytest.mark.parametrize(
    "changed",
    [
        {"random_state": None},
        {"random_state": np.random.RandomState(0)},
        {"epochs": None},
        {"warm_start": True},
        {"callbacks": keras.callbacks.EarlyStopping(monitor="loss")},
        {"fit__epochs": 3},
        {"initial_epoch": 1},
        {"steps_per_epoch": 2},
    ],
)
def test_where_going_on_is_not_the_same_nothing_goes_on(changed):
    assert not KerasClassifier(classifier, **{**PARAMS, **changed}).can_advance


def test_what_builds_by_the_number_of_epochs_does_not_go_on():
    assert not KerasClassifier(told_epochs, epochs=3, random_state=0).can_advance
    assert not OwnModel(epochs=3, random_state=0).can_advance


def test_weights_averaged_at_the_end_start_again():
    X, y = iris()
    params = {**PARAMS, "optimizer__use_ema": True}
    parts = KerasClassifier(classifier, **params).advance(X, y, to=2)
    assert not parts.can_advance
    check_same(parts.advance(X, y, to=6), KerasClassifier(classifier, **params).fit(X, y), X)


def test_a_warm_start_is_begun_afresh():
    X, y = iris()
    params = {**PARAMS, "warm_start": True}
    parts = KerasClassifier(classifier, **params).advance(X, y, to=2).advance(X, y, to=6)
    check_same(parts, KerasClassifier(classifier, **PARAMS).fit(X, y), X)


def test_epochs_that_are_done_stay_done():
    X, y = iris()
    estimator = KerasClassifier(classifier, **PARAMS).advance(X, y, to=2)
    with pytest.raises(ValueError, match="2 epochs are done"):
        estimator.advance(X, y, to=1)
    with pytest.raises(ValueError, match="positive number"):
        estimator.advance(X, y, to=0)


def test_a_cache_goes_with_no_copy():
    X, y = iris()
    estimator = KerasClassifier(classifier, **PARAMS)
    estimator.share(StageCache())
    estimator.fit(X, y)
    for copied in (
        clone(estimator),
        copy.deepcopy(estimator),
        pickle.loads(pickle.dumps(estimator)),
    ):
        assert copied._shared is None
        assert copied._programs is None


@pytest.mark.long
@pytest.mark.parametrize("backend", ["torch", "tensorflow"])
def test_going_on_with_other_backends(backend):
    run_on(backend, SCRIPT)
