"""Tests of tapes, for a process whose Keras runs on torch; `test_tapes` starts it."""

from __future__ import annotations

import pickle
from functools import partial

import keras
import numpy as np
import pytest
import torch

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
from tunesmith.evaluation.stages import StageCache
from tunesmith.models import KerasClassifier, KerasRegressor, recordable, staged, tapes

layers = keras.layers


class Counted(layers.Layer):
    """Does otherwise with every call, as code may on torch."""

    def build(self, shape):
        self.n_calls = 0

    def call(self, x):
        self.n_calls += 1
        return x * (1 + 0.1 * self.n_calls)


DECAY = keras.optimizers.schedules.ExponentialDecay(0.02, 3, 0.9)
COSINE = keras.optimizers.schedules.CosineDecay(0.02, 30, warmup_target=0.05, warmup_steps=4)
OPTIMIZERS = ("sgd", "adam", "adamw", "adamax", "rmsprop", "adagrad", "adadelta", "lion", "ftrl")
RECORDED = {
    "noise": {"parts": [lambda: layers.Dropout(0.3)]},
    "normalised": {"parts": [layers.BatchNormalization, layers.LayerNormalization]},
    "penalty": {"l2": 0.01},
    "momentum": {"optimizer": keras.optimizers.SGD(0.1, momentum=0.9, nesterov=True)},
    "amsgrad": {"optimizer": keras.optimizers.Adam(amsgrad=True)},
    "centered": {"optimizer": keras.optimizers.RMSprop(momentum=0.5, centered=True)},
    "clipped": {"optimizer": keras.optimizers.Adam(clipnorm=0.1)},
    "clipped together": {"optimizer": keras.optimizers.Adam(global_clipnorm=0.1)},
    "averaged": {"optimizer": keras.optimizers.Adam(use_ema=True)},
    "decay": {"optimizer": keras.optimizers.SGD(DECAY)},
    "more metrics": {"more": [lambda: keras.metrics.SparseTopKCategoricalAccuracy(2)]},
    **{name: {"optimizer": name} for name in OPTIMIZERS},
}
OTHERS = {
    "own layer": {"parts": [Counted]},
    "lambda": {"parts": [lambda: layers.Lambda(lambda x: x * 2)]},
    "seeded noise": {"parts": [lambda: layers.Dropout(0.3, seed=1)]},
    "gaussian noise": {"parts": [lambda: layers.GaussianNoise(0.1)]},
    "cosine": {"optimizer": keras.optimizers.SGD(COSINE)},
    "accumulated": {"optimizer": keras.optimizers.Adam(gradient_accumulation_steps=3)},
    "eager": {"compilation": {"run_eagerly": True}},
    "overwritten": {"optimizer": keras.optimizers.SGD(use_ema=True, ema_overwrite_frequency=4)},
    "recurrent": {
        "parts": [lambda: layers.Reshape((3, 2)), lambda: layers.LSTM(3, recurrent_dropout=0.2)]
    },
    "by way of numpy": {"optimizer": "nadam"},
}


@pytest.fixture(params=["alone", "shared"])
def cache(request):
    return StageCache() if request.param == "shared" else None


def fitted(kind, build, X, y, cache=None, weights=None, **settings):
    settings = {"epochs": 3, "batch_size": 16, "random_state": 3, **settings}
    estimator = kind(build, **settings)
    if cache is not None:
        estimator.share(cache)
    torch.manual_seed(0)
    return estimator.fit(X, y, sample_weight=weights)


def by_keras(monkeypatch, *args, **settings):
    """Fit with Keras' own loops alone."""
    with monkeypatch.context() as patch:
        patch.setattr(staged, "can_record", lambda model: False)
        return results(fitted(*args, **settings), args[2])


def results(estimator, X):
    variables = [*estimator.model_.variables, *estimator.model_.optimizer.variables]
    values = [np.asarray(variable.value.detach()) for variable in variables]
    outputs = [estimator._outputs(X, {}) for _ in range(3)]
    return [*outputs, *values], estimator.history_, torch.get_rng_state().tolist()


def recordings(estimator):
    """Tell for each kind of step whether there is a tape of it."""
    kinds = {}
    for (kind, *_), tape in estimator._own_programs()._own.items():
        kinds[kind] = kinds.get(kind, False) or tape.proven
    return kinds


@pytest.mark.parametrize("name", RECORDED)
def test_a_fit_from_tapes_is_keras_own_to_the_bit(name, cache, monkeypatch):
    X, y = iris()
    expected = by_keras(monkeypatch, KerasClassifier, dense, X, y, **RECORDED[name])
    estimator = fitted(KerasClassifier, dense, X, y, cache, **RECORDED[name])
    assert_same(results(estimator, X), expected)
    assert recordings(estimator) == {"train": True, "predict": True}


@pytest.mark.parametrize("name", OTHERS)
def test_what_no_tape_can_hold_is_left_to_keras(name, cache, monkeypatch):
    X, y = iris()
    expected = by_keras(monkeypatch, KerasClassifier, dense, X, y, **OTHERS[name])
    for _ in range(2):
        estimator = fitted(KerasClassifier, dense, X, y, cache, **OTHERS[name])
        assert_same(results(estimator, X), expected)
        programs = estimator._own_programs()
        assert programs is None or not recordings(estimator)["train"]


@pytest.mark.parametrize("weighted", [False, True])
def test_other_networks_and_data(weighted, cache, monkeypatch):
    weights = {"weights": np.linspace(0.5, 2, 90)} if weighted else {}
    for kind, build, (X, y) in [
        (KerasClassifier, convolutions, digits(90)),
        (KerasRegressor, numbers, diabetes()),
    ]:
        task = (kind, build, X[:90], y[:90])
        settings = {**weights, "validation_split": 0.0 if weighted else 0.2, "epochs": 4}
        expected = by_keras(monkeypatch, *task, **settings)
        estimator = fitted(*task, cache, **settings)
        assert_same(results(estimator, X[:90]), expected)
        assert recordings(estimator)["train"]


@pytest.mark.parametrize("name", look_alikes())
def test_what_keras_does_not_tell_of_a_network_is_told(name):
    part = look_alikes()[name]
    X, y = iris()
    cache = StageCache()
    for k in (1, 3):
        settings = {"parts": [lambda k=k: part(k)], "epochs": 1}
        alone = results(fitted(KerasClassifier, dense, X, y, **settings), X)
        assert_same(results(fitted(KerasClassifier, dense, X, y, cache, **settings), X), alone)


def test_candidates_share_tapes_but_not_learning_rates(monkeypatch):
    X, y = iris()
    cache = StageCache()
    for optimizer in ("adadelta", "adam"):
        for rate in (0.3, 0.003, 1.0):
            settings = {"optimizer": optimizer, "learning_rate": rate}
            expected = by_keras(monkeypatch, KerasClassifier, dense, X, y, **settings)
            estimator = fitted(KerasClassifier, dense, X, y, cache, **settings)
            assert_same(results(estimator, X), expected)
    # Steps and predictions, with two optimizers; the last batch comes too seldom.
    assert cache.work.programs == 4


def test_candidates_with_other_penalties_have_other_tapes(monkeypatch):
    X, y = iris()
    cache = StageCache()
    for l2 in (0.1, 0.001):
        expected = by_keras(monkeypatch, KerasClassifier, dense, X, y, l2=l2)
        estimator = fitted(KerasClassifier, dense, X, y, cache, l2=l2)
        assert_same(results(estimator, X), expected)


def test_a_tape_that_does_otherwise_is_thrown_away(monkeypatch):
    X, y = iris()
    expected = by_keras(monkeypatch, KerasClassifier, dense, X, y)
    recorded = tapes._recorded

    def wrong(*args):
        play, n = recorded(*args)

        def almost(leaves, state):
            results = play(leaves, state)
            state[0].mul_(1 + 2.0**-23)
            return results

        return almost, n

    monkeypatch.setattr(tapes, "_recorded", wrong)
    estimator = fitted(KerasClassifier, dense, X, y)
    assert_same(results(estimator, X), expected)
    assert not any(recordings(estimator).values())


def test_a_learning_rate_that_became_a_constant_is_found_out(monkeypatch):
    X, y = iris()
    expected = by_keras(monkeypatch, KerasClassifier, dense, X, y)
    recorded = tapes._recorded

    def fixed(step, leaves, structure, state):
        play, n = recorded(step, leaves, structure, state)
        kept = [t.clone() if t.ndim == 0 and t.is_floating_point() else None for t in state]

        def other(leaves, state):
            given = [t if k is None else k for t, k in zip(state, kept, strict=True)]
            return play(leaves, given)

        return other, n

    monkeypatch.setattr(tapes, "_recorded", fixed)
    estimator = fitted(KerasClassifier, dense, X, y)
    assert_same(results(estimator, X), expected)
    assert not recordings(estimator)["train"]


@pytest.mark.parametrize("method", ["record", "prove"])
def test_what_is_tried_is_undone_whatever_happens(method, monkeypatch):
    X, y = iris()
    seen = []

    def interrupted(*args):
        seen.append([np.asarray(tensor.detach()).copy() for tensor in args[-1]])
        with torch.no_grad():
            args[-1][0].mul_(2)
        raise KeyboardInterrupt

    if method == "record":
        monkeypatch.setattr(tapes, "_recorded", interrupted)
    else:
        monkeypatch.setattr(tapes, "_shift", lambda state: interrupted(state))
    estimator = KerasClassifier(dense, epochs=3, batch_size=16, random_state=3)
    with pytest.raises(KeyboardInterrupt):
        estimator.fit(X, y)
    weights = estimator.model_.variables + estimator.model_.metrics_variables
    for variable, value in zip(weights, seen[0], strict=False):
        np.testing.assert_array_equal(variable.value.detach(), value)


def test_an_error_in_the_middle_of_a_training_is_that_of_keras(cache, monkeypatch):
    X, y = iris()
    estimator = fitted(KerasClassifier, dense, X, y, cache)
    assert recordings(estimator)["train"]
    step, calls = type(estimator.model_).train_step, []

    def failing(self, data):
        calls.append(data)
        raise ZeroDivisionError("in a step")

    monkeypatch.setattr(type(estimator.model_), "train_step", failing)
    with pytest.raises(ZeroDivisionError, match="in a step"):
        estimator.set_params(batch_size=17).partial_fit(X, y)
    assert len(calls) == 1
    monkeypatch.setattr(type(estimator.model_), "train_step", step)
    np.testing.assert_array_equal(estimator.predict(X), estimator.predict(X))


CHANGES = {
    "trainable": lambda model: setattr(model.layers[0], "trainable", False),
    "momentum": lambda model: setattr(model.optimizer, "momentum", 0.5),
    "rate": lambda model: setattr(model.layers[1], "rate", 0.05),
    "optimizer": lambda model: setattr(model, "optimizer", keras.optimizers.SGD(0.3)),
    "eager": lambda model: setattr(model, "run_eagerly", True),
}


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.parametrize("where", ["callback", "between fits"])
def test_a_model_that_is_changed_has_other_tapes(name, where, monkeypatch):
    X, y = iris()
    cache = StageCache()
    settings = {
        "parts": [lambda: layers.Dropout(0.5)],
        "optimizer": keras.optimizers.SGD(momentum=0.9),
        "batch_size": 10,
    }

    class Change(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 1:
                CHANGES[name](self.model)

    def changed(cache=None):
        given = {"callbacks": [Change]} if where == "callback" else {}
        estimator = fitted(KerasClassifier, dense, X, y, cache, **settings, **given)
        if where == "between fits":
            CHANGES[name](estimator.model_)
            for _ in range(2):
                estimator.partial_fit(X, y)
        return results(estimator, X)

    with monkeypatch.context() as patch:
        patch.setattr(staged, "can_record", lambda model: False)
        expected = changed(), results(fitted(KerasClassifier, dense, X, y, **settings), X)
    assert_same(changed(cache), expected[0])
    assert_same(results(fitted(KerasClassifier, dense, X, y, cache, **settings), X), expected[1])
    assert_same(changed(cache), expected[0])


def test_layouts_of_data_have_their_own_tapes(cache, monkeypatch):
    X, y = digits(90)
    X = X[..., 0] if X.ndim == 4 else X

    def build(meta):
        model = keras.Sequential(
            [layers.Dense(4, "relu"), layers.Flatten(), layers.Dense(10, "softmax")]
        )
        model.compile("sgd", "sparse_categorical_crossentropy")
        return model

    swapped = np.ascontiguousarray(X.transpose(0, 2, 1)).transpose(0, 2, 1)
    for data in (X, np.asfortranarray(X), swapped):
        task = (KerasClassifier, build, data, y)
        expected = by_keras(monkeypatch, *task, batch_size=8)
        assert_same(results(fitted(*task, cache, batch_size=8), data), expected)
    np.testing.assert_array_equal(
        fitted(*task, cache).predict_proba(X), fitted(*task, cache).predict_proba(swapped)
    )


def test_several_steps_an_execution_are_refused_as_by_keras():
    X, y = iris()

    def build(meta):
        model = dense(meta)
        model.compile("sgd", "sparse_categorical_crossentropy", steps_per_execution=2)
        return model

    with pytest.raises(ValueError, match="steps_per_execution"):
        fitted(KerasClassifier, build, X, y)


def test_a_rare_category_is_no_constant(monkeypatch):
    X = np.zeros((240, 1), dtype=int)
    X[::40] = 5
    y = np.arange(240) % 3

    def build(meta):
        model = keras.Sequential(
            [
                layers.Input((1,), dtype="int64"),
                layers.IntegerLookup(vocabulary=[0, 3, 5, 7]),
                layers.Embedding(6, 3),
                layers.Flatten(),
                layers.Dense(3, "softmax"),
            ]
        )
        model.compile("sgd", "sparse_categorical_crossentropy")
        return model

    task = (KerasClassifier, build, X, y)
    expected = by_keras(monkeypatch, *task)
    assert_same(results(fitted(*task), X), expected)


class Encoded(KerasClassifier):
    @property
    def feature_encoder(self):
        return self.encoder


@pytest.mark.parametrize("output", ["pandas", "sparse"])
def test_data_that_are_no_arrays_are_left_to_keras_loader(output):
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    X, y = iris()
    estimator = Encoded(dense, epochs=2, batch_size=16, random_state=0)
    if output == "pandas":
        pytest.importorskip("pandas", reason="pandas is not installed")
        estimator.encoder = StandardScaler().set_output(transform="pandas")
    else:
        estimator.encoder = OneHotEncoder(handle_unknown="ignore")

        def build(meta):
            width = estimator.encoder.transform(X).shape[1]
            return dense({**meta, "X_shape_": (len(X), width)})

        estimator.set_params(build_fn=build)
    assert estimator.fit(X, y).predict(X).shape == y.shape


class Box:
    def __init__(self):
        self.calls = 0

    def act(self, x):
        self.calls += 1
        return x * (1 + 0.1 * self.calls)


def act(x, box):
    return box.act(x)


@pytest.mark.parametrize("kind", ["method", "partial", "rate"])
def test_code_of_the_users_own_is_found_where_it_hides(kind):
    box = Box()
    layer = {
        "method": lambda: layers.Activation(box.act),
        "partial": lambda: layers.Activation(partial(act, box=box)),
        "rate": lambda: layers.Activation("relu"),
    }[kind]
    model = dense({"X_shape_": (9, 4)}, parts=[layer])
    if kind == "rate":
        model.optimizer = keras.optimizers.SGD(Box)
    assert not recordable.can_record(model)


def test_an_estimator_goes_on_and_comes_back_from_disk():
    X, y = iris()
    estimator = fitted(KerasClassifier, dense, X, y)
    again = pickle.loads(pickle.dumps(estimator))
    np.testing.assert_array_equal(again.predict_proba(X), estimator.predict_proba(X))
    assert again.evaluate(X, y) == estimator.evaluate(X, y)
    for _ in range(3):
        one, other = estimator.partial_fit(X, y), again.partial_fit(X, y)
    np.testing.assert_array_equal(one.predict_proba(X), other.predict_proba(X))


def test_callbacks_of_keras_do_as_ever(monkeypatch):
    X, y = iris()
    settings = {
        "callbacks": [
            lambda: keras.callbacks.ReduceLROnPlateau(monitor="loss", patience=0, min_delta=1),
            lambda: keras.callbacks.EarlyStopping(
                monitor="loss", patience=2, min_delta=1, restore_best_weights=True
            ),
        ],
        "epochs": 6,
    }
    expected = by_keras(monkeypatch, KerasClassifier, dense, X, y, **settings)
    estimator = fitted(KerasClassifier, dense, X, y, **settings)
    assert_same(results(estimator, X), expected)
    assert recordings(estimator)["train"]


def test_a_cache_keeps_no_model_alive():
    import gc
    import weakref

    X, y = iris()
    cache = StageCache()
    estimator = fitted(KerasClassifier, dense, X, y, cache)
    assert recordings(estimator)["train"]
    model = weakref.ref(estimator.model_)
    del estimator
    gc.collect()
    assert model() is None
