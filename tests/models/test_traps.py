"""What once gave wrong results without a word."""

from __future__ import annotations

import copy
import random
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from tests.models.networks import ADAM, classifier, iris
from tunesmith.keys import content_key
from tunesmith.models import KerasClassifier

keras = pytest.importorskip("keras", reason="Keras is not installed")

# Keras' variables do not know numpy 2's copy keyword, and say so when their state is read.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy")


def three_units():
    model = keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(3, "softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    return model


def own_loss(scale):
    def loss(y_true, y_pred):
        return scale * keras.losses.mean_squared_error(y_true, y_pred)

    return loss


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"optimizer": keras.optimizers.SGD(0.1)}, {"optimizer": keras.optimizers.SGD(0.2)}),
        ({"optimizer": "sgd"}, {"optimizer": "adam"}),
        ({"loss": "mse"}, {"loss": "mae"}),
        ({"loss": own_loss(1)}, {"loss": own_loss(2)}),
    ],
    ids=["learning rate", "optimizer", "loss", "own loss"],
)
def test_models_compiled_otherwise_have_other_keys(one, other):
    model = keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(3)])
    keys = []
    for arguments in (one, one, other):
        model.compile(**{"optimizer": "sgd", "loss": "mse"} | arguments)
        keys.append(content_key(model).digest)
    assert keys[0] == keys[1]
    assert keys[0] != keys[2]


@pytest.mark.parametrize(("missing", "columns"), [(3, [1, 2]), (1, [2, 3])])
def test_labels_from_one_keep_their_columns_where_one_is_missing(missing, columns):
    X, y = iris()
    seen = y + 1 != missing
    fitted = KerasClassifier(three_units, epochs=1, random_state=0).fit(X[seen], y[seen] + 1)
    assert fitted.classes_.tolist() == columns
    assert fitted.predict_proba(X).shape == (150, 2)


def test_labels_from_zero_keep_the_column_of_one_that_is_missing():
    X, y = iris()
    fitted = KerasClassifier(three_units, epochs=1, random_state=0).fit(X[y != 2], y[y != 2])
    assert fitted.classes_.tolist() == [0, 1, 2]


def test_a_network_that_has_diverged_predicts_nothing():
    X, y = iris()
    fitted = KerasClassifier(three_units, epochs=1, random_state=0).fit(X, y)
    fitted.model_.set_weights([np.full_like(w, np.nan) for w in fitted.model_.get_weights()])
    for predict in (fitted.predict, fitted.predict_proba):
        with pytest.raises(ValueError, match="diverged"):
            predict(X)


def test_threads_predict_at_once():
    X, y = iris()
    fitted = KerasClassifier(classifier, epochs=1, random_state=0, **ADAM).fit(X, y)
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda _: fitted.predict_proba(X), range(6)))
    for probabilities in found:
        np.testing.assert_array_equal(probabilities, fitted.predict_proba(X))


def test_a_copy_leaves_the_global_generators_alone():
    X, y = iris()
    fitted = KerasClassifier(classifier, dropout=0.2, random_state=0, **ADAM).fit(X, y)
    before = random.getstate(), np.random.get_state()[1].tolist()
    copied = copy.deepcopy(fitted)
    assert (random.getstate(), np.random.get_state()[1].tolist()) == before
    np.testing.assert_array_equal(copied.predict_proba(X), fitted.predict_proba(X))


@pytest.mark.parametrize("weights", [{0: 1.0, 1: 2.0}, {0: 1.0, 2: 1.0, 3: 5.0}])
def test_class_weights_for_a_class_that_a_fold_lacks(weights):
    X, y = iris()
    seen = y != 1
    fitted = KerasClassifier(three_units, class_weight=weights, random_state=0)
    plain = KerasClassifier(three_units, random_state=0).fit(X[seen], y[seen])
    fitted.fit(X[seen], y[seen])
    np.testing.assert_array_equal(fitted.predict_proba(X), plain.predict_proba(X))


def test_an_optimizer_written_as_a_dict_is_configured_by_its_prefix():
    X, y = iris()
    optimizer = {"class_name": "SGD", "config": {"learning_rate": 0.5, "momentum": 0.25}}
    fitted = KerasClassifier(classifier, optimizer=optimizer, optimizer__learning_rate=0.125)
    used = fitted.fit(X, y).model_.optimizer
    assert float(used.learning_rate) == 0.125
    assert used.momentum == 0.25


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_probabilities_of_low_precision_add_up(dtype):
    def build():
        inputs = keras.layers.Input((4,))
        outputs = keras.layers.Dense(3, "softmax", dtype=dtype)(inputs)
        return keras.Model(inputs, outputs)

    X, y = iris()
    probabilities = KerasClassifier(build, random_state=0).fit(X, y).predict_proba(X)
    assert probabilities.dtype == np.float32
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-6)
