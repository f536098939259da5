from __future__ import annotations

import gc
import random
import weakref

import numpy as np
import pytest

from tests.models.networks import compiled, dense, diabetes, digits, iris, look_alikes
from tunesmith.evaluation.stages import StageCache
from tunesmith.models import KerasClassifier, KerasRegressor, compilation, predicting, training

keras = pytest.importorskip("keras", reason="Keras is not installed")
pytestmark = [
    pytest.mark.skipif(keras.backend.backend() != "jax", reason="programs are JAX's"),
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy"),
]


def network(
    meta,
    units=(8,),
    dropout=0.0,
    l2=0.0,
    learning_rate=0.05,
    optimizer="adam",
    normalised=False,
    activation="relu",
    metrics=("accuracy",),
):
    layers = keras.layers
    classes = meta.get("n_classes_")
    model = keras.Sequential([layers.Input(meta["X_shape_"][1:])])
    for width in units:
        penalty = keras.regularizers.L2(l2) if l2 else None
        model.add(layers.Dense(width, activation=activation, kernel_regularizer=penalty))
        if normalised:
            model.add(layers.BatchNormalization())
        if dropout:
            model.add(layers.Dropout(dropout))
    model.add(layers.Dense(classes or 1, activation="softmax" if classes else None))
    model.compile(
        keras.optimizers.get(
            {"class_name": optimizer, "config": {"learning_rate": learning_rate}}
        ),
        "sparse_categorical_crossentropy" if classes else "mse",
        metrics=list(metrics) if classes else ["mae", keras.metrics.R2Score()],
    )
    return model


def convolutions(meta, learning_rate=0.01):
    layers = keras.layers
    model = keras.Sequential(
        [
            layers.Input(meta["X_shape_"][1:]),
            layers.Conv2D(4, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Dropout(0.2),
            layers.Flatten(),
            layers.Dense(10, activation="softmax"),
        ]
    )
    rate = keras.optimizers.Adam(learning_rate)
    model.compile(rate, "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def recurrent(meta):
    layers = keras.layers
    model = keras.Sequential(
        [
            layers.Input(meta["X_shape_"][1:]),
            layers.Reshape((2, 2)),
            layers.GRU(4),
            layers.Dense(3, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


def results(estimator, X):
    variables = [*estimator.model_.variables, *estimator.model_.optimizer.variables]
    values = [np.asarray(variable) for variable in variables]
    return [estimator._outputs(X, {}), *values], estimator.history_


def assert_same(one, other):
    assert one[1] == other[1]
    for a, b in zip(one[0], other[0], strict=True):
        np.testing.assert_array_equal(a, b)


SAME_PROGRAM = [
    ({"learning_rate": 0.05}, {"learning_rate": 0.001}),
    ({"l2": 0.1}, {"l2": 0.003}),
    ({"dropout": 0.2, "random_state": 1}, {"dropout": 0.2, "random_state": 2}),
]
OTHER_PROGRAM = [
    ({"units": (8,)}, {"units": (9,)}),
    ({"dropout": 0.2}, {"dropout": 0.3}),
    ({"l2": 0.1}, {"l2": 0.0}),
    ({"activation": "relu"}, {"activation": "tanh"}),
    ({"optimizer": "adam"}, {"optimizer": "rmsprop"}),
    ({"metrics": ("accuracy",)}, {"metrics": ("sparse_top_k_categorical_accuracy",)}),
    ({"activation": lambda x: x * 2}, {"activation": lambda x: x * 3}),
]


@pytest.mark.parametrize(
    ("one", "other", "shared"),
    [
        *((*pair, True) for pair in SAME_PROGRAM),
        *((*pair, False) for pair in OTHER_PROGRAM),
    ],
)
def test_what_is_a_constant_of_a_program_and_what_is_fed_into_it(one, other, shared):
    X, y = iris()
    cache = StageCache()

    def fitted(settings, cache):
        params = {"random_state": 0, "epochs": 2, "batch_size": 50, **settings}
        estimator = KerasClassifier(network, **params)
        if cache is not None:
            estimator.share(cache)
        return results(estimator.fit(X, y), X)

    first = fitted(one, cache)
    before = cache.work.programs
    assert before == 2  # the epoch and the predictions
    second = fitted(other, cache)
    assert (cache.work.programs == before) is shared
    assert_same(first, fitted(one, None))
    assert_same(second, fitted(other, None))


def draw(rng):
    """Draw a fit: kind, settings, rows and weights."""
    settings = {
        "units": [(8,), (16, 5)][rng.integers(2)],
        "dropout": [0.0, 0.3][rng.integers(2)],
        "l2": [0.0, 0.01, 0.2][rng.integers(3)],
        "learning_rate": [0.01, 0.1][rng.integers(2)],
        "optimizer": ["adam", "sgd", "adadelta"][rng.integers(3)],
        "normalised": bool(rng.integers(2)),
        "batch_size": int([16, 32][rng.integers(2)]),
        "epochs": int(rng.integers(1, 4)),
        "shuffle": bool(rng.integers(4)),
        "random_state": int(rng.integers(3)),
    }
    kind, data = [(KerasClassifier, iris), (KerasRegressor, diabetes)][rng.integers(2)]
    X, y = data()
    n = int([97, 98, 128, 15][rng.integers(4)])
    rows = rng.permutation(len(X))[:n]
    fit = {"sample_weight": rng.random(n)} if rng.integers(3) == 0 else {}
    if rng.integers(3) == 0:
        settings["validation_split"] = 0.2
    return kind, settings, X, X[rows], y[rows], fit


def check_sharing(seed, n):
    rng = np.random.default_rng(seed)
    cache = StageCache()
    fits = [draw(rng) for _ in range(n)]
    alone = [
        results(kind(network, **settings).fit(X, y, **fit), everything)
        for kind, settings, everything, X, y, fit in fits
    ]
    for i in [*rng.permutation(n), *rng.permutation(n)]:
        kind, settings, everything, X, y, fit = fits[i]
        estimator = kind(network, **settings)
        estimator.share(cache)
        assert_same(results(estimator.fit(X, y, **fit), everything), alone[i])


def test_sharing_programs_changes_no_bit():
    check_sharing(seed=0, n=4)


@pytest.mark.long
def test_sharing_programs_changes_no_bit_of_many_fits():
    check_sharing(seed=1, n=10)


def seeded(build, seed):
    random.seed(seed)
    np.random.seed(seed)
    return build()


@pytest.mark.parametrize(
    ("settings", "weighted"),
    [
        ({"dropout": 0.3, "units": (16, 5)}, True),
        ({"normalised": True, "optimizer": "sgd"}, False),
        (
            {"metrics": (lambda: ["accuracy", keras.metrics.SparseTopKCategoricalAccuracy(2)],)},
            True,
        ),
    ],
)
def test_a_fit_is_keras_own_to_the_bit(settings, weighted, monkeypatch):
    # Options of the compiler may have sums added up in another order.
    monkeypatch.setattr(compilation, "_options", lambda often: None)
    X, y = iris()
    weights = np.linspace(0.5, 2, len(y), dtype=np.float32) if weighted else None
    settings = dict(settings)
    for metrics in settings.pop("metrics", ()):
        settings["metrics"] = tuple(metrics())
    estimator = KerasClassifier(network, epochs=3, batch_size=32, random_state=4, **settings)
    estimator.fit(X, y, sample_weight=weights)
    meta = {"X_shape_": X.shape, "n_classes_": 3}
    # The estimator seeds Keras with a number drawn under its own seed.
    seed = int(np.random.RandomState(4).randint(2**31 - 1))
    outside = random.getstate(), np.random.get_state()
    try:
        model = seeded(lambda: network(meta, **settings), seed)
        history = model.fit(
            X, y, sample_weight=weights, epochs=3, batch_size=32, verbose=0
        ).history
        for a, b in zip(model.get_weights(), estimator.model_.get_weights(), strict=True):
            np.testing.assert_array_equal(a, b)
        for (name, values), own in zip(history.items(), estimator.history_.values(), strict=True):
            np.testing.assert_array_equal(values, own, err_msg=name)
        np.testing.assert_allclose(
            estimator.predict_proba(X), model.predict(X, verbose=0), rtol=1e-5, atol=1e-7
        )
    finally:
        random.setstate(outside[0])
        np.random.set_state(outside[1])


@pytest.mark.parametrize("build", [convolutions, recurrent])
def test_networks_that_are_stepped_share_too(build):
    X, y = digits(90) if build is convolutions else iris()
    cache = StageCache()

    def fitted(cache):
        estimator = KerasClassifier(build, epochs=2, batch_size=16, random_state=0)
        if cache is not None:
            estimator.share(cache)
        return results(estimator.fit(X, y), X)

    first = fitted(cache)
    before = cache.work.programs
    assert before == 3  # a step, the last step, and the predictions
    assert_same(first, fitted(cache))
    assert cache.work.programs == before
    assert_same(first, fitted(None))


def test_a_last_batch_of_another_size_costs_one_program():
    X, y = iris()
    cache = StageCache()
    for n in (100, 101, 100, 101):
        estimator = KerasClassifier(compiled, epochs=2, batch_size=32, random_state=0)
        estimator.share(cache)
        estimator.fit(X[:n], y[:n]).predict(X[n:])
    assert cache.work.programs == 4  # epochs, last batches of 4 and of 5, predictions


@pytest.mark.parametrize("batch_size", [7, 32, 2000])
def test_a_prediction_depends_on_its_own_row_alone(batch_size):
    X, y = digits(1797)
    X = X.reshape(len(X), -1)
    assert len(X) > predicting._ROWS
    estimator = KerasClassifier(
        network, epochs=1, batch_size=32, random_state=0, normalised=True, units=(16, 8)
    ).fit(X, y)
    at_once = estimator.predict_proba(X, batch_size=batch_size)
    assert at_once.shape == (len(X), 10)
    by_keras = estimator.model_.predict(X, verbose=0)
    np.testing.assert_allclose(at_once, by_keras, rtol=1e-5, atol=1e-7)
    for rows in (slice(1), slice(3, 36), slice(5, 1030), slice(1029, None)):
        part = estimator.predict_proba(X[rows], batch_size=batch_size)
        np.testing.assert_array_equal(part, at_once[rows])


def test_data_that_is_too_large_to_be_given_whole_trains_the_same(monkeypatch):
    X, y = diabetes()
    weights = np.linspace(0.5, 2, len(y), dtype=np.float32)

    def fitted():
        estimator = KerasRegressor(network, epochs=2, batch_size=4, dropout=0.2, random_state=0)
        return results(estimator.fit(X, y, sample_weight=weights), X)

    whole = fitted()
    monkeypatch.setattr(training, "_RESIDENT", 0)
    assert len(X) > 4 * training._CHUNK
    assert_same(fitted(), whole)


def test_data_that_a_callback_changes_are_those_trained_on():
    class Grow(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            X[:] *= 3

    def losses(network, change):
        X[:] = start
        callbacks = [Grow] if change else None
        estimator = KerasClassifier(
            network, epochs=3, batch_size=32, random_state=0, callbacks=callbacks, shuffle=False
        )
        return estimator.fit(X, y).history_["loss"]

    start, y = iris()
    X = start.copy()
    first, *others = losses(compiled, change=False)
    assert losses(compiled, change=True)[0] == first
    assert not np.isclose(losses(compiled, change=True)[1:], others).any()


class Scale(keras.layers.Layer):
    def __init__(self, factor, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor

    def call(self, x):
        return x * self.factor


class Watched(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = keras.layers.Dense(3, activation="softmax")

    def call(self, x):
        return self.dense(x)


def with_own_layer(factor, changed=None):
    layer = Scale(factor)
    if changed is not None:
        layer.factor = changed
    model = keras.Sequential(
        [keras.layers.Input((4,)), layer, keras.layers.Dense(3, activation="softmax")]
    )
    model.compile("sgd", "sparse_categorical_crossentropy")
    return model


def own_model():
    model = Watched()
    model.compile("sgd", "sparse_categorical_crossentropy")
    return model


@pytest.mark.parametrize(
    ("build", "settings", "programs"),
    [
        (with_own_layer, [{"factor": 1.0}, {"factor": 1.0}], 1),
        (with_own_layer, [{"factor": 1.0}, {"factor": 2.0}], 2),
        (with_own_layer, [{"factor": 1.0}, {"factor": 1.0, "changed": 2.0}], 2),
        (own_model, [{}, {}], 2),
    ],
)
def test_classes_of_the_users_own(build, settings, programs):
    X, y = iris()
    cache = StageCache()
    for params in settings:
        estimator = KerasClassifier(build, batch_size=50, random_state=0, **params)
        alone = estimator.fit(X, y).model_.get_weights()
        estimator.share(cache)
        shared = estimator.fit(X, y).model_.get_weights()
        for a, b in zip(alone, shared, strict=True):
            np.testing.assert_array_equal(a, b)
    assert cache.work.programs == programs


def test_callbacks_that_watch_batches_get_them():
    X, y = iris()
    seen = []
    callback = keras.callbacks.LambdaCallback(on_train_batch_end=lambda i, logs: seen.append(i))
    cache = StageCache()
    estimator = KerasClassifier(
        compiled, epochs=2, batch_size=50, random_state=0, callbacks=lambda: callback
    )
    estimator.share(cache)
    estimator.fit(X, y)
    assert seen == [0, 1, 2, 0, 1, 2]
    watched = estimator.model_.get_weights()
    estimator.set_params(callbacks=None).fit(X, y)
    for a, b in zip(watched, estimator.model_.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_early_stopping_sees_the_epochs_and_restores_weights():
    X, y = iris()
    stop = keras.callbacks.EarlyStopping(patience=1, min_delta=10, restore_best_weights=True)
    estimator = KerasClassifier(
        compiled, epochs=9, random_state=0, validation_fraction=0.2, callbacks=stop
    )
    estimator.fit(X, y)
    assert estimator.n_epochs_ == 2
    assert {len(values) for values in estimator.history_.values()} == {2}
    assert set(estimator.history_) == {"loss", "accuracy", "val_loss", "val_accuracy"}


def test_a_cache_keeps_no_model_alive():
    X, y = iris()
    cache = StageCache()
    estimator = KerasClassifier(compiled, random_state=0)
    estimator.share(cache)
    model = weakref.ref(estimator.fit(X, y).model_)
    estimator.predict(X)
    del estimator
    gc.collect()
    assert model() is None
    assert cache.nbytes > 0


def test_a_model_compiled_anew_is_not_trained_by_old_programs():
    X, y = iris()
    estimator = KerasClassifier(compiled, random_state=0, warm_start=True)
    estimator.fit(X, y)
    estimator.model_.compile(keras.optimizers.SGD(0.0), "sparse_categorical_crossentropy")
    before = estimator.model_.get_weights()
    estimator.fit(X, y)
    for a, b in zip(before, estimator.model_.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_callback_that_changes_the_model_before_its_first_step_has_other_programs():
    class Change(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            self.model.optimizer.beta_1 = 0.5

    def fitted(cache, callbacks):
        estimator = KerasClassifier(compiled, random_state=0, callbacks=callbacks)
        if cache is not None:
            estimator.share(cache)
        return results(estimator.fit(X, y), X)

    X, y = iris()
    cache = StageCache()
    for callbacks in (None, [Change], None, [Change]):
        assert_same(fitted(cache, callbacks), fitted(None, callbacks))


@pytest.mark.parametrize("name", look_alikes())
def test_what_keras_does_not_tell_of_a_network_is_told(name):
    part = look_alikes()[name]

    def fitted(k, cache):
        estimator = KerasClassifier(dense, parts=[lambda: part(k)], epochs=2, random_state=0)
        if cache is not None:
            estimator.share(cache)
        return results(estimator.fit(X, y), X)

    X, y = iris()
    alone = {k: fitted(k, None) for k in (1, 3)}
    cache = StageCache()
    for k in (1, 3, 1):
        assert_same(fitted(k, cache), alone[k])
    one, other = alone[1][0], alone[3][0]
    assert any(not np.array_equal(a, b) for a, b in zip(one, other, strict=True))


class Weighted(keras.layers.Layer):
    def build(self, shape):
        self.inner = keras.layers.Dense(shape[-1])
        self.inner.build(shape)
        self.scale = self.add_weight(shape=(), initializer="ones")

    def call(self, x):
        return self.inner(x) * self.scale


def test_a_layer_of_the_users_own_with_variables_shares():
    X, y = iris()
    cache = StageCache()
    programs = []
    for seed in (0, 1):
        estimator = KerasClassifier(dense, parts=[Weighted], random_state=seed)
        estimator.share(cache)
        estimator.fit(X, y).predict(X)
        programs.append(cache.work.programs)
    assert programs[0] == programs[1]


class Ending(keras.optimizers.SGD):
    def finalize_variable_values(self, var_list):
        for variable in var_list:
            variable.assign(variable * 0.5)


def test_a_training_that_ends_with_a_change_is_not_gone_on_with():
    X, y = iris()
    estimator = KerasClassifier(dense, optimizer=Ending(0.1), epochs=1, random_state=0)
    estimator.advance(X, y, to=1)
    assert not estimator.can_advance
    at_once = KerasClassifier(dense, optimizer=Ending(0.1), epochs=2, random_state=0).fit(X, y)
    assert_same(results(estimator.advance(X, y, to=2), X), results(at_once, X))
