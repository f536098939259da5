"""One clear error, before any training, for what cannot work."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_array

from tests.models.networks import compiled, iris, regressor
from tunesmith.models import KerasClassifier, KerasRegressor

keras = pytest.importorskip("keras", reason="Keras is not installed")

# Keras' variables do not know numpy 2's copy keyword, and say so when their state is read.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy")


@pytest.mark.parametrize(
    ("y", "error", "message"),
    [
        (csr_array(np.eye(3)[iris()[1]]), TypeError, r"passed for y, .* Use '\.toarray\(\)'"),
        (5, TypeError, "at least 1 dimension"),
        (np.where(iris()[1] == 1, np.nan, 0.0), ValueError, "Input y contains NaN"),
    ],
    ids=["sparse", "a number", "NaN"],
)
@pytest.mark.parametrize("several", [False, True])
def test_y_that_is_no_target(y, error, message, several):
    X, _ = iris()
    X = {"left": X[:, :2], "right": X[:, 2:]} if several else X
    with pytest.raises(error, match=message):
        KerasClassifier(compiled).fit(X, y)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"validation_split": 1.5}, "validation_split must be between 0 and 1, got 1.5"),
        ({"validation_split": -0.2}, "validation_split must be between 0 and 1"),
        (
            {"validation_fraction": 0.01},
            "^validation_fraction=0.01 does not suit",
        ),
        ({"validation_data": iris()[0]}, r"must be a tuple \(X, y\) .* got ndarray"),
    ],
)
def test_validation_that_cannot_be(params, message):
    with pytest.raises(ValueError, match=message):
        KerasClassifier(compiled, **params).fit(*iris())


def test_a_function_that_makes_no_callback():
    with pytest.raises(TypeError, match=r"make them; got .*, which returned None"):
        KerasClassifier(compiled, callbacks=lambda: None).fit(*iris())


@pytest.mark.parametrize(
    "loss",
    [
        "sparse_categorical_crossentropy",
        "categorical_crossentropy",
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    ],
)
def test_one_unit_under_a_loss_for_several(loss):
    X, y = iris()
    with pytest.raises(ValueError, match=r'learns nothing; use loss="binary_crossentropy"'):
        KerasClassifier(compiled, loss=loss, units=1).fit(X, y > 0)


def test_words_for_a_regressor():
    X, y = iris()
    with pytest.raises(ValueError, match="y must hold numbers for a regressor"):
        KerasRegressor(regressor).fit(X, np.array(["a", "b", "c"])[y])


class OwnModel(keras.Model):
    def __init__(self, units):
        super().__init__()
        self.dense = keras.layers.Dense(units, activation="softmax")

    def call(self, inputs):
        return self.dense(inputs)


def test_a_model_class_with_too_few_units():
    X, y = iris()
    with pytest.raises(ValueError, match="ends in 2 output units but y has 3 classes"):
        KerasClassifier(OwnModel, units=2).fit(X, y)
    with pytest.raises(ValueError, match="ends in 2 output units but y has 1 column"):
        KerasRegressor(OwnModel, units=2).fit(X, y)
    assert KerasClassifier(OwnModel, units=2).fit(X, y > 0).predict_proba(X).shape == (150, 2)


def sequences():
    return keras.Sequential([keras.layers.Input((4, 1)), keras.layers.Dense(1)])


def two_outputs():
    inputs = keras.layers.Input((4, 1))
    flat = keras.layers.Flatten()(inputs)
    return keras.Model(inputs, [keras.layers.Dense(1)(flat), keras.layers.Dense(1)(flat)])


@pytest.mark.parametrize("build", [sequences, two_outputs])
def test_outputs_that_are_no_vector(build):
    X, y = iris()
    with pytest.raises(ValueError, match="but one vector a sample is needed"):
        KerasRegressor(build).fit(X[:, :, None], y)


def test_other_inputs_than_were_fitted():
    X, y = iris()
    parts = {name: keras.layers.Input((2,), name=name) for name in ("left", "right")}
    outputs = keras.layers.Dense(1)(keras.layers.Concatenate()(list(parts.values())))
    fitted = KerasRegressor(keras.Model(parts, outputs))
    fitted.fit({"left": X[:, :2], "right": X[:, 2:]}, y)
    with pytest.raises(ValueError, match=r"X is a dict of the inputs \['left'\], but the model"):
        fitted.predict({"left": X[:, :2]})
    with pytest.raises(ValueError, match=r"X is one array, .* fitted on a dict"):
        fitted.predict(X)
