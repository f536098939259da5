from __future__ import annotations

import copy
import multiprocessing
import pickle
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pytest
from sklearn.base import clone

from tests.models.networks import ADAM, classifier, compiled, iris
from tunesmith.models import KerasClassifier
from tunesmith.models.serialisation import SavedModel

keras = pytest.importorskip("keras", reason="Keras is not installed")

# Keras' variables do not know numpy 2's copy keyword, and say so when their state is read.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy")

PARAMS = {"batch_size": 32, "random_state": 0, **ADAM}


def test_a_pickle_predicts_and_trains_on_as_the_original():
    X, y = iris()
    estimator = KerasClassifier(classifier, dropout=0.3, metrics=["accuracy"], **PARAMS)
    estimator.fit(X, y)
    copies = [pickle.loads(pickle.dumps(estimator)), copy.deepcopy(estimator)]
    expected = estimator.predict_proba(X)
    going_on = estimator.partial_fit(X, y).predict_proba(X)
    for copied in copies:
        np.testing.assert_array_equal(copied.predict_proba(X), expected)
        np.testing.assert_array_equal(copied.partial_fit(X, y).predict_proba(X), going_on)
        assert copied.history_ == estimator.history_


def test_the_pickle_holds_the_model_as_bytes_of_keras_own_format():
    X, y = iris()
    estimator = KerasClassifier(compiled(), epochs=1, batch_size=150).fit(X, y)
    state = estimator.__getstate__()
    for name in ("model_", "build_fn"):
        assert isinstance(state[name], SavedModel)
        assert state[name].archive.startswith(b"PK")
    loaded = pickle.loads(pickle.dumps(estimator))
    assert isinstance(loaded.build_fn, keras.Model)
    clone(loaded).fit(X, y)


def test_a_lambda_layer_is_named():
    def build(meta):
        model = classifier(meta)
        doubling = keras.layers.Lambda(lambda x: 2 * x, name="doubling")
        return keras.Sequential([keras.layers.Input((4,)), doubling, model])

    X, y = iris()
    estimator = KerasClassifier(build, batch_size=150).fit(X, y)
    with pytest.raises(ValueError, match=r"Lambda layer 'doubling'.*register_keras_serializable"):
        pickle.dumps(estimator)


class Unregistered(keras.layers.Layer):
    def call(self, inputs):
        return inputs


def with_unregistered(meta):
    return keras.Sequential([keras.layers.Input((4,)), Unregistered(), classifier(meta)])


def test_an_unregistered_layer_says_what_to_do():
    X, y = iris()
    estimator = KerasClassifier(with_unregistered, batch_size=150).fit(X, y)
    data = pickle.dumps(estimator)
    with pytest.raises(ValueError, match="register_keras_serializable"):
        pickle.loads(data)


def fit_elsewhere(estimator, X, y):
    return estimator.fit(X, y)


@pytest.mark.long
def test_spawned_processes_give_the_same_fit():
    X, y = iris()
    estimator = KerasClassifier(classifier, dropout=0.3, **PARAMS)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        there = pool.submit(fit_elsewhere, estimator, X, y).result()
    here = clone(estimator).fit(X, y)
    np.testing.assert_array_equal(there.predict_proba(X), here.predict_proba(X))
