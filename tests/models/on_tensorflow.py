"""Tests of graphs, for a process whose Keras runs on TensorFlow; `test_graphs` starts it."""

from __future__ import annotations

import gc
import pickle
import weakref

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras.src.backend.tensorflow import trainer
from sklearn.model_selection import ParameterGrid

from tests.models.networks import (
    assert_same,
    convolutions,
    dense,
    diabetes,
    digits,
    iris,
    look_alikes,
    numbers,
)
from tunesmith import GridSearchCV
from tunesmith.evaluation.stages import StageCache
from tunesmith.models import KerasClassifier, KerasRegressor, graphs, staged

layers = keras.layers

DECAY = keras.optimizers.schedules.ExponentialDecay(0.02, 3, 0.9)
NETWORKS = {
    "noise": {"parts": [lambda: layers.Dropout(0.3), lambda: layers.GaussianNoise(0.1)]},
    "seeded noise": {"parts": [lambda: layers.Dropout(0.3, seed=1)]},
    "penalty": {"l2": 0.01},
    "momentum": {"optimizer": keras.optimizers.SGD(0.1, momentum=0.9, nesterov=True)},
    "clipped": {"optimizer": keras.optimizers.Adam(clipnorm=0.1)},
    "clipped together": {"optimizer": keras.optimizers.Adam(global_clipnorm=0.1)},
    "averaged": {"optimizer": keras.optimizers.Adam(use_ema=True)},
    "accumulated": {"optimizer": keras.optimizers.Adam(gradient_accumulation_steps=3)},
    "decay": {"optimizer": keras.optimizers.SGD(DECAY)},
    "more metrics": {"more": [lambda: keras.metrics.SparseTopKCategoricalAccuracy(2)]},
    "recurrent": {"parts": [lambda: layers.Reshape((3, 2)), lambda: layers.LSTM(3)]},
    "compiled": {"compilation": {"jit_compile": True}},
    "own layer": {"parts": [lambda: Scaled(2.0)]},
    **{name: {"optimizer": name} for name in ("adamw", "nadam", "rmsprop", "adadelta", "ftrl")},
}


class Scaled(layers.Layer):
    def __init__(self, factor, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor

    def call(self, x):
        return x * self.factor


@pytest.fixture(scope="module", autouse=True)
def _imports_are_no_garbage():
    # Or else each of the collections below looks at all that TensorFlow is made of.
    gc.freeze()


@pytest.fixture(autouse=True)
def _few_names():
    yield
    keras.backend.clear_session()  # collects garbage


def fitted(kind, build, X, y, cache=None, weights=None, **settings):
    settings = {"epochs": 3, "batch_size": 16, "random_state": 3, **settings}
    estimator = kind(build, **settings)
    if cache is not None:
        estimator.share(cache)
    return estimator.fit(X, y, sample_weight=weights)


def by_keras(monkeypatch, *args, **settings):
    """Fit with the functions that Keras makes, on the same batches."""
    with monkeypatch.context() as patch:
        patch.setattr(staged, "can_trace", lambda model: False)
        by_numpy = graphs._cut_by_numpy(trainer.TFEpochIterator, lambda caller: True)
        patch.setattr(trainer, "TFEpochIterator", by_numpy)
        return results(fitted(*args, **settings), args[2])


def results(estimator, X):
    variables = [*estimator.model_.variables, *estimator.model_.optimizer.variables]
    values = [np.asarray(variable) for variable in variables]
    return [estimator._outputs(X, {}), *values], estimator.history_


@pytest.mark.parametrize("name", NETWORKS)
def test_a_fit_is_keras_own_to_the_bit_by_own_graphs_or_those_of_others(name, monkeypatch):
    X, y = iris()
    settings = NETWORKS[name]
    expected = by_keras(monkeypatch, KerasClassifier, dense, X, y, **settings)
    assert_same(results(fitted(KerasClassifier, dense, X, y, **settings), X), expected)
    cache = StageCache()
    for seed in (4, 3):
        estimator = fitted(
            KerasClassifier, dense, X, y, cache, **{**settings, "random_state": seed}
        )
        outcome = results(estimator, X)
    assert_same(outcome, expected)
    assert cache.work.programs == 2


@pytest.mark.parametrize("part", [layers.BatchNormalization, layers.LayerNormalization])
def test_means_may_differ_from_keras_own_by_rounding(part, monkeypatch):
    X, y = iris()
    settings = {"parts": [part]}
    alone = results(fitted(KerasClassifier, dense, X, y, **settings), X)
    expected = by_keras(monkeypatch, KerasClassifier, dense, X, y, **settings)
    for a, b in zip(alone[0], expected[0], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)
    cache = StageCache()
    for _ in range(2):
        assert_same(results(fitted(KerasClassifier, dense, X, y, cache, **settings), X), alone)
    assert cache.work.programs == 2


@pytest.mark.parametrize("weighted", [False, True])
def test_other_networks_and_data(weighted, monkeypatch):
    weights = {"weights": np.linspace(0.5, 2, 90)} if weighted else {}
    cache = StageCache()
    for kind, build, (X, y) in [
        (KerasClassifier, convolutions, digits(90)),
        (KerasRegressor, numbers, diabetes()),
    ]:
        task = (kind, build, X[:90], y[:90])
        settings = {**weights, "validation_split": 0.0 if weighted else 0.2, "epochs": 2}
        expected = by_keras(monkeypatch, *task, **settings)
        fitted(*task, cache, **settings, random_state=5)
        before = cache.work.programs
        assert_same(results(fitted(*task, cache, **settings), X[:90]), expected)
        assert cache.work.programs == before + 1  # predictions


def test_what_is_a_constant_of_a_graph_and_what_is_given_to_it(monkeypatch):
    X, y = iris()
    cache = StageCache()
    grid = {"optimizer": ["adam", "sgd"], "learning_rate": [0.3, 0.003], "l2": [0.1, 0.001]}
    for settings in ParameterGrid(grid):
        expected = by_keras(monkeypatch, KerasClassifier, dense, X, y, **settings)
        estimator = fitted(KerasClassifier, dense, X, y, cache, **settings)
        assert_same(results(estimator, X), expected)
    assert cache.work.programs == 4


def test_other_settings_are_other_graphs(monkeypatch):
    X, y = iris()
    cache = StageCache()
    for factor in (2.0, 3.0):
        settings = {"parts": [lambda factor=factor: Scaled(factor)]}
        expected = by_keras(monkeypatch, KerasClassifier, dense, X, y, **settings)
        assert_same(results(fitted(KerasClassifier, dense, X, y, cache, **settings), X), expected)
    assert cache.work.programs == 4


@pytest.mark.parametrize("name", [*look_alikes(), "tf.function"])
def test_what_keras_does_not_tell_of_a_network_is_told(name):
    def traced(k):
        return layers.Lambda(tf.function(lambda x: x * k))

    part = {**look_alikes(), "tf.function": traced}[name]
    X, y = iris()
    cache = StageCache()
    for k in (1, 3):
        settings = {"parts": [lambda k=k: part(k)], "epochs": 1}
        alone = fitted(KerasClassifier, dense, X, y, **settings)
        shared = fitted(KerasClassifier, dense, X, y, cache, **settings)
        assert_same(results(shared, X), results(alone, X))


class Weighted(layers.Layer):
    def build(self, shape):
        self.inner = layers.Dense(shape[-1])
        self.inner.build(shape)
        self.scale = self.add_weight(shape=(), initializer="ones")

    def call(self, x):
        return self.inner(x) * self.scale


def test_a_layer_of_the_users_own_with_variables_shares():
    X, y = iris()
    cache = StageCache()
    for seed in (0, 1):
        fitted(KerasClassifier, dense, X, y, cache, parts=[Weighted], random_state=seed)
    assert cache.work.programs == 1


SEEN = []


class Making(keras.Model):
    """Makes its own function, which takes batches from an iterator of TensorFlow."""

    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(3, "softmax")

    def call(self, x):
        return self.dense(x)

    def make_train_function(self, force=False):
        @tf.function
        def function(batches):
            data = next(batches)
            tf.numpy_function(lambda x: SEEN.append(float(x[0, 0])), [data[0]], [])
            return self.train_step(data)

        self.train_function = function
        return function


def test_a_model_that_makes_its_own_function_sees_every_batch():
    def build(meta):
        model = Making()
        model.compile("sgd", "sparse_categorical_crossentropy")
        return model

    X, y = iris()
    SEEN.clear()
    estimator = fitted(KerasClassifier, build, X, y, epochs=1, shuffle=False)
    np.testing.assert_array_equal(SEEN, X[::16, 0])
    assert not estimator.can_advance


def unknown(X, y):
    """Give batches of which nobody knows how many there are."""
    data = tf.data.Dataset.from_tensor_slices((X, y)).batch(9)
    return data.filter(lambda a, b: True)


INNER = {
    "arrays": lambda model, X, y: model.fit(X, y, verbose=0),
    "unknown": lambda model, X, y: model.fit(unknown(X, y), epochs=2, verbose=0),
    "validated": lambda model, X, y: model.fit(X, y, validation_data=unknown(X, y), verbose=0),
    "evaluated": lambda model, X, y: model.evaluate(unknown(X, y), verbose=0),
    "predicted": lambda model, X, y: model.predict(unknown(X, y), verbose=0),
}


@pytest.mark.parametrize(
    ("name", "whose"),
    [*((name, "another") for name in INNER), ("evaluated", "own"), ("predicted", "own")],
)
def test_what_a_callback_does_with_keras_goes_on_as_ever(name, whose):
    X, y = iris()
    before = trainer.TFEpochIterator
    done = []

    class Inner(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            model = self.model if whose == "own" else dense({"X_shape_": X.shape})
            INNER[name](model, X, y)
            done.append(epoch)

    fitted(KerasClassifier, dense, X, y, callbacks=[Inner], epochs=2)
    assert done == [0, 1]
    assert trainer.TFEpochIterator is before


def test_penalties_of_half_precision_are_constants(monkeypatch):
    X, y = iris()
    cache = StageCache()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        for l2 in (0.1, 0.01):
            expected = by_keras(monkeypatch, KerasClassifier, dense, X, y, l2=l2)
            estimator = fitted(KerasClassifier, dense, X, y, cache, l2=l2)
            assert_same(results(estimator, X), expected)
    finally:
        keras.config.set_dtype_policy("float32")


def noisy():
    return layers.Lambda(lambda x: x + tf.random.normal((6,)), output_shape=(6,))


@pytest.mark.parametrize("part", [noisy, lambda: layers.Lambda(through_python)])
def test_what_a_graph_keeps_or_calls_is_not_shared(part):
    X, y = iris()
    cache = StageCache()
    settings = {"parts": [part], "epochs": 2}
    alone = fitted(KerasClassifier, dense, X, y, **settings)
    assert not alone.can_advance
    parts = fitted(KerasClassifier, dense, X, y, **{**settings, "epochs": 1})
    others = [fitted(KerasClassifier, dense, X, y, cache, **settings) for _ in range(2)]
    for other in (*others, parts.advance(X, y, to=2)):
        for a, b in zip(other.model_.get_weights(), alone.model_.get_weights(), strict=True):
            np.testing.assert_array_equal(a, b)


def through_python(x):
    return tf.ensure_shape(tf.numpy_function(lambda part: part * 2, [x], x.dtype), x.shape)


def dropout():
    return layers.Dropout(0.3)


def pairs():
    return layers.Reshape((3, 2))


def recurrent():
    return layers.LSTM(3, dropout=0.2, recurrent_dropout=0.2)


@pytest.mark.parametrize("parts", [[dropout], [pairs, recurrent]])
def test_epochs_by_and_by_are_the_epochs_at_once(parts):
    X, y = iris()
    settings = {"parts": parts, "l2": 0.01, "validation_fraction": 0.2}
    at_once = results(fitted(KerasClassifier, dense, X, y, epochs=6, **settings), X)
    for cache, stops in ((None, (2, 2, 6)), (StageCache(), (2, 4, 6))):
        estimator = fitted(KerasClassifier, dense, X, y, cache, epochs=1, **settings)
        assert estimator.can_advance
        for to in stops:
            estimator.predict(X)
            estimator.evaluate(X, y)
            estimator = pickle.loads(pickle.dumps(estimator.advance(X, y, to=to)))
        assert_same(results(estimator, X), at_once)


def test_a_graph_does_not_hold_its_model():
    X, y = iris()
    cache = StageCache()
    estimator = fitted(KerasClassifier, dense, X, y, cache)
    model = weakref.ref(estimator.model_)
    del estimator
    gc.collect()
    assert model() is None
    fitted(KerasClassifier, dense, X, y, cache)
    assert cache.work.programs == 1


def test_a_fit_within_a_fit_has_the_same_graphs_and_its_own_variables():
    X, y = iris()
    cache = StageCache()
    inner = []

    class Nested(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if batch == 3:
                inner.append(fitted(KerasClassifier, dense, X[:64], y[:64], cache))

    alone = fitted(KerasClassifier, dense, X, y), fitted(KerasClassifier, dense, X[:64], y[:64])
    outer = fitted(KerasClassifier, dense, X, y, cache, callbacks=[Nested])
    assert_same(results(outer, X), results(alone[0], X))
    for estimator in inner:
        assert_same(results(estimator, X), results(alone[1], X))
    assert len(inner) == 3
    assert cache.work.programs == 2


CHANGES = {
    "trainable": lambda model: setattr(model.layers[0], "trainable", False),
    "momentum": lambda model: setattr(model.optimizer, "momentum", 0.5),
    "rate": lambda model: setattr(model.layers[1], "rate", 0.05),
}


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.parametrize("when", ["on_train_begin", "on_epoch_end"])
def test_a_callback_that_changes_the_model_does_to_it_what_it_does_in_keras(
    name, when, monkeypatch
):
    X, y = iris()
    cache = StageCache()
    settings = {
        "parts": [lambda: layers.Dropout(0.5)],
        "optimizer": keras.optimizers.SGD(momentum=0.9),
    }

    class Change(keras.callbacks.Callback):
        pass

    setattr(Change, when, lambda self, *args, **kwargs: CHANGES[name](self.model))
    task = (KerasClassifier, dense, X, y)
    usual = by_keras(monkeypatch, *task, **settings)
    changed = by_keras(monkeypatch, *task, **settings, callbacks=[Change])
    for _ in range(2):
        estimator = fitted(*task, cache, **settings, callbacks=[Change])
        assert_same(results(estimator, X), changed)
        assert_same(results(fitted(*task, cache, **settings), X), usual)


def test_an_error_in_a_step_is_that_of_keras(monkeypatch):
    X, y = iris()
    cache = StageCache()

    def failing(self, data):
        raise ZeroDivisionError("in a step")

    with monkeypatch.context() as patch:
        patch.setattr(keras.Model, "train_step", failing)
        with pytest.raises(ZeroDivisionError, match="in a step"):
            fitted(KerasClassifier, dense, X, y, cache)
    assert cache.work.programs == 0
    fitted(KerasClassifier, dense, X, y, cache)


@pytest.mark.parametrize("compilation", [{"run_eagerly": True}, {"steps_per_execution": 2}])
def test_what_asks_for_keras_own_functions_has_them(compilation):
    X, y = iris()
    cache = StageCache()
    estimator = fitted(KerasClassifier, dense, X, y, cache, compilation=compilation)
    assert not estimator.can_advance
    assert estimator.predict(X).shape == y.shape
    assert cache.work.programs == 0


def test_a_keras_model_trains_in_another_thread_as_ever():
    import threading

    X, y = iris()
    model = dense({"X_shape_": X.shape})
    errors = []

    def other():
        try:
            model.fit(X, y, epochs=1, verbose=0)
            assert isinstance(
                iter(
                    trainer.TFEpochIterator(
                        x=X, y=y, distribute_strategy=tf.distribute.get_strategy()
                    )._get_iterator()
                ),
                tf.data.Iterator,
            )
        except BaseException as error:
            errors.append(error)

    class Beside(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            thread = threading.Thread(target=other)
            thread.start()
            thread.join()

    fitted(KerasClassifier, dense, X, y, callbacks=[Beside], epochs=1)
    assert not errors


def test_a_search_shares_epochs_and_graphs_and_changes_no_score():
    X, y = iris()
    estimator = KerasClassifier(dense, batch_size=16, parts=(), learning_rate=0.1)
    grid = {"epochs": [1, 3], "learning_rate": [0.1, 0.01], "l2": [0.0, 0.01]}
    outcomes = []
    for sharing in ("exact", "off"):
        search = GridSearchCV(
            estimator.set_params(random_state=0),
            grid,
            cv=2,
            refit=False,
            sharing=sharing,
            return_train_score=True,
            error_score="raise",
        ).fit(X, y)
        outcomes.append({n: v for n, v in search.cv_results_.items() if "time" not in n})
        if sharing == "exact":
            told = search.sharing_
            assert told["fits_asked"] == 16
            assert told["fits_run"] == 8
            assert told["programs_compiled"] == 4
    for name, values in outcomes[0].items():
        np.testing.assert_array_equal(values, outcomes[1][name])
