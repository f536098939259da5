from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.class_weight import compute_sample_weight

from tests.models.networks import ADAM, classifier, compiled, diabetes, digits, iris, regressor
from tunesmith.models import KerasClassifier, KerasRegressor

keras = pytest.importorskip("keras", reason="Keras is not installed")

# Keras' variables do not know numpy 2's copy keyword, and say so when their state is read.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy")

FULL = {"batch_size": 150, "random_state": 0}


def test_a_fit_learns_and_shows_what_it_learned():
    X, y = iris()
    estimator = KerasClassifier(classifier, epochs=30, metrics=["accuracy"], **ADAM, **FULL)
    with pytest.raises(AttributeError, match="not fitted"):
        _ = estimator.model
    assert estimator.fit(X, y) is estimator
    assert isinstance(estimator.model, keras.Model)
    assert estimator.model is estimator.model_
    assert set(estimator.history_) == {"loss", "accuracy"}
    assert [len(values) for values in estimator.history_.values()] == [30, 30]
    assert estimator.score(X, y) > 0.9
    np.testing.assert_array_equal(estimator.classes_, [0, 1, 2])
    np.testing.assert_allclose(estimator.predict_proba(X).sum(axis=1), 1, rtol=1e-5)
    evaluated = estimator.evaluate(X, y)
    assert evaluated["accuracy"] == pytest.approx(estimator.score(X, y), abs=1e-6)


def test_a_seed_makes_fits_equal_to_the_bit_and_leaves_the_generators_alone():
    X, y = iris()

    def fitted(seed):
        estimator = KerasClassifier(
            classifier, dropout=0.3, epochs=2, batch_size=32, random_state=seed
        )
        return estimator.fit(X, y).predict_proba(X)

    random.seed(5)
    np.random.seed(5)
    expected = random.random(), np.random.random()
    random.seed(5)
    np.random.seed(5)
    first = fitted(0)
    assert (random.random(), np.random.random()) == expected
    np.testing.assert_array_equal(first, fitted(0))
    assert not np.array_equal(first, fitted(1))


def test_threads_do_not_disturb_each_others_seeds():
    X, y = iris()

    def fitted(seed):
        estimator = KerasClassifier(classifier, dropout=0.3, batch_size=75, random_state=seed)
        return estimator.fit(X, y).predict_proba(X)

    alone = [fitted(0), fitted(1)]
    with ThreadPoolExecutor(3) as pool:
        together = list(pool.map(fitted, [0, 1, None]))
    np.testing.assert_array_equal(together[:2], alone)


def test_a_metric_with_a_number_for_each_class():
    X, y = iris()
    metric = keras.metrics.F1Score(average=None)
    estimator = KerasClassifier(classifier, metrics=[metric], random_state=0).fit(X, np.eye(3)[y])
    assert np.shape(estimator.history_["f1_score"]) == (1, 3)
    assert len(estimator.evaluate(X, np.eye(3)[y])["f1_score"]) == 3


def test_the_generators_are_put_back_after_an_error():
    X, y = iris()

    def broken():
        random.random()
        raise RuntimeError("no network today")

    before = random.getstate()
    with pytest.raises(RuntimeError, match="no network"):
        KerasClassifier(broken, random_state=0).fit(X, y)
    assert random.getstate() == before


def test_training_on_equals_training_at_once():
    X, y = iris()
    params = {"dropout": 0.3, "batch_size": 32, "random_state": 0, **ADAM}
    at_once = KerasClassifier(classifier, epochs=4, **params).fit(X, y)
    parts = KerasClassifier(classifier, epochs=2, **params).fit(X, y)
    parts.partial_fit(X, y).partial_fit(X, y)
    np.testing.assert_array_equal(parts.predict_proba(X), at_once.predict_proba(X))
    assert parts.history_ == at_once.history_
    warm = KerasClassifier(classifier, epochs=2, warm_start=True, **params).fit(X, y).fit(X, y)
    np.testing.assert_array_equal(warm.predict_proba(X), at_once.predict_proba(X))
    assert warm.n_epochs_ == 4


def test_images_and_labels_of_every_kind():
    X, y = digits()
    params = {"epochs": 1, "batch_size": 120, "random_state": 0}
    numbers = KerasClassifier(classifier, **params).fit(X, y)
    words = np.array([f"digit {n}" for n in range(10)])
    strings = KerasClassifier(classifier, **params).fit(X, words[y])
    np.testing.assert_array_equal(words[numbers.predict(X)], strings.predict(X))
    one_hot = KerasClassifier(classifier, **params).fit(X, np.eye(10)[y])
    assert one_hot.target_type_ == "multiclass-onehot"
    np.testing.assert_allclose(one_hot.predict_proba(X), numbers.predict_proba(X), atol=1e-5)
    assert one_hot.predict(X).shape == (120,)
    assert one_hot.score(X, np.eye(10)[y]) == pytest.approx(numbers.score(X, y), abs=0.02)
    truth = KerasClassifier(classifier, **params).fit(X, y > 4)
    assert truth.predict(X).dtype == bool
    assert truth.predict_proba(X).shape == (120, 2)


@pytest.mark.parametrize("loss", ["sparse_categorical_crossentropy", "categorical_crossentropy"])
@pytest.mark.parametrize("one_hot", [False, True])
def test_y_becomes_what_the_loss_takes(loss, one_hot):
    X, y = iris()
    estimator = KerasClassifier(compiled, loss=loss, epochs=12, **FULL)
    estimator.fit(X, np.eye(3)[y] if one_hot else y)
    assert estimator.score(X, y) > 0.7


class OwnModel(keras.Model):
    def __init__(self, units=3):
        super().__init__()
        self.dense = keras.layers.Dense(units, activation="softmax")

    def call(self, inputs):
        return self.dense(inputs)


@pytest.mark.parametrize("loss", [None, "categorical_crossentropy"])
def test_a_model_class_that_does_not_tell_its_outputs(loss):
    X, y = iris()
    estimator = KerasClassifier(OwnModel, loss=loss, epochs=15, **ADAM, **FULL).fit(X, y)
    assert estimator.score(X, y) > 0.7


def own_loss(labels, outputs):
    return keras.ops.mean(keras.losses.sparse_categorical_crossentropy(labels, outputs))


def test_a_loss_of_ones_own_gets_class_numbers():
    X, y = iris()
    estimator = KerasClassifier(compiled, loss=own_loss, epochs=12, **FULL).fit(X, y)
    assert estimator.score(X, y) > 0.7


def test_logits_become_probabilities():
    X, y = iris()
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    estimator = KerasClassifier(compiled, loss=loss, activation="linear", epochs=5, **FULL)
    proba = estimator.fit(X, y).predict_proba(X)
    np.testing.assert_allclose(proba.sum(axis=1), 1, rtol=1e-5)
    assert proba.min() >= 0


def test_several_labels_a_sample():
    X, y = iris()
    labels = np.column_stack([y == 0, y > 0, y < 3]).astype(int)
    estimator = KerasClassifier(classifier, epochs=30, **ADAM, **FULL).fit(X, labels)
    assert estimator.target_type_ == "multilabel-indicator"
    assert estimator.predict(X).shape == (150, 3)
    assert estimator.score(X, labels) > 0.9


def test_a_class_missing_from_a_fold_keeps_its_output():
    X, y = iris()
    seen = y != 1
    estimator = KerasClassifier(compiled, **FULL).fit(X[seen], y[seen])
    np.testing.assert_array_equal(estimator.classes_, [0, 1, 2])
    assert estimator.predict_proba(X).shape == (150, 3)


@pytest.mark.parametrize(
    ("params", "rows", "message"),
    [
        ({"units": 2}, slice(None), "ends in 2 output units but y has 3 classes"),
        ({"units": 1}, slice(0, 50), "holds 1 class only"),
    ],
)
def test_a_network_that_does_not_fit_y(params, rows, message):
    X, y = iris()
    with pytest.raises(ValueError, match=message):
        KerasClassifier(compiled, **params).fit(X[rows], y[rows])


def test_regression_keeps_the_shape_of_y():
    X, y = diabetes()
    params = {"epochs": 15, "batch_size": 442, "random_state": 0, **ADAM}
    one = KerasRegressor(regressor, **params).fit(X, y)
    assert one.predict(X).shape == y.shape
    assert one.score(X, y) > 0.2
    column = KerasRegressor(regressor, **params).fit(X, y[:, None])
    np.testing.assert_array_equal(column.predict(X), one.predict(X)[:, None])
    two = KerasRegressor(regressor, **params).fit(X, np.column_stack([y, -y]))
    assert two.predict(X).shape == (442, 2)
    with pytest.raises(ValueError, match="ends in 3 output units but y has 1 column"):
        KerasRegressor(compiled).fit(iris()[0], iris()[1])


def test_class_weights_are_sample_weights_by_the_users_labels():
    X, y = iris()
    names = np.array(["a", "b", "c"])[y]
    weights = {"a": 1.0, "b": 3.0, "c": 0.5}
    params = {"epochs": 2, **FULL}
    by_class = KerasClassifier(classifier, class_weight=weights, **params).fit(X, names)
    by_sample = KerasClassifier(classifier, **params)
    by_sample.fit(X, names, sample_weight=compute_sample_weight(weights, names))
    np.testing.assert_array_equal(by_class.predict_proba(X), by_sample.predict_proba(X))
    both = KerasClassifier(classifier, class_weight=weights, **params)
    both.fit(X, names, sample_weight=np.arange(150))
    assert both.history_["loss"] != by_class.history_["loss"]
    with pytest.raises(ValueError, match=r"class_weight names \['d'\]"):
        KerasClassifier(classifier, class_weight={"d": 1}).fit(X, names)


class Counting(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.epochs = []

    def on_epoch_end(self, epoch, logs=None):
        self.epochs.append(epoch)


@pytest.mark.parametrize("given", [Counting(), Counting, lambda: Counting(), [Counting()]])
def test_callbacks_are_made_for_each_fit(given):
    X, y = iris()
    estimator = KerasClassifier(compiled, callbacks=given, epochs=2, **FULL)
    estimator.fit(X, y)
    estimator.fit(X, y)
    assert estimator.callbacks_[0].epochs == [0, 1]
    if isinstance(given, Counting):
        assert given.epochs == []
    estimator.partial_fit(X, y)
    assert estimator.callbacks_[0].epochs[-1] == 2


def test_early_stopping_on_a_stratified_part():
    X, y = iris()
    stop = keras.callbacks.EarlyStopping(monitor="val_loss", patience=0, min_delta=10.0)
    estimator = KerasClassifier(
        compiled, callbacks=stop, validation_fraction=0.2, epochs=20, **FULL
    )
    estimator.fit(X, y)
    assert estimator.n_epochs_ == 2
    assert "val_accuracy" in estimator.history_
    np.testing.assert_array_equal(np.bincount(y[estimator._carve(y)[1]]), [10, 10, 10])
    with pytest.raises(ValueError, match="not both"):
        estimator.set_params(validation_split=0.1).fit(X, y)


def test_metrics_have_one_name_in_every_fit():
    X, y = iris()
    keras.metrics.AUC()
    estimator = KerasClassifier(classifier, metrics=[keras.metrics.AUC], **FULL)
    names = [set(estimator.fit(X, y > 0).history_) for _ in range(2)]
    assert names == [{"loss", "auc"}] * 2
    assert keras.metrics.AUC().name not in ("auc", "auc_1")


def test_validation_data_is_encoded_like_the_training_data():
    X, y = iris()
    names = np.array(["a", "b", "c"])[y]
    estimator = KerasClassifier(compiled, **FULL)
    estimator.fit(X, names, validation_data=(X[:30], names[:30]))
    assert "val_loss" in estimator.history_


def test_compile_parameters():
    X, y = iris()
    schedule = keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.9)
    optimizer = keras.optimizers.SGD(schedule, momentum=0.5)
    estimator = KerasClassifier(
        classifier,
        optimizer=optimizer,
        optimizer__nesterov=True,
        loss="sparse_categorical_crossentropy",
        loss__from_logits=False,
        metrics=[keras.metrics.SparseTopKCategoricalAccuracy],
        metrics__k=2,
        **FULL,
    ).fit(X, y)
    used = estimator.model_.optimizer
    assert (used.momentum, used.nesterov) == (0.5, True)
    assert used is not optimizer
    assert estimator.fit(X, y).model_.optimizer is not used
    with pytest.raises(ValueError, match="does not take optimizer__rate"):
        KerasClassifier(classifier, optimizer="adam", optimizer__rate=1).fit(X, y)


def test_a_compiled_model_does_not_swallow_compile_parameters():
    X, y = iris()
    with pytest.raises(ValueError, match="so optimizer would have no effect"):
        KerasClassifier(compiled, optimizer="sgd").fit(X, y)


def test_compile_kwargs_and_objects_for_the_build_function():
    X, y = iris()

    def with_kwargs(meta, compile_kwargs):
        model = classifier(meta)
        model.compile(**compile_kwargs)
        return model

    def with_optimizer(meta, optimizer):
        model = classifier(meta)
        model.compile(optimizer, "sparse_categorical_crossentropy")
        return model

    for build in (with_kwargs, with_optimizer):
        estimator = KerasClassifier(
            build, optimizer="sgd", optimizer__learning_rate=0.25, **FULL
        ).fit(X, y)
        rate = keras.ops.convert_to_numpy(estimator.model_.optimizer.learning_rate)
        assert rate == 0.25


def test_a_compiled_template_is_cloned_with_new_weights():
    X, y = iris()
    template = compiled()
    before = [w.copy() for w in template.get_weights()]
    estimator = KerasClassifier(template, epochs=12, **FULL).fit(X, y)
    assert estimator.score(X, y) > 0.7
    assert estimator.model_ is not template
    assert all(np.array_equal(a, b) for a, b in zip(before, template.get_weights(), strict=True))


def test_what_is_no_network():
    X, y = iris()
    with pytest.raises(TypeError, match="returned NoneType, not a Keras model; does it end"):
        KerasClassifier(lambda: None).fit(X, y)
    with pytest.raises(ValueError, match="needs a function that makes a Keras model"):
        KerasClassifier().fit(X, y)


def test_meta_describes_the_data():
    X, y = iris()
    seen = {}

    def build(meta):
        seen.update(meta)
        return classifier(meta)

    KerasClassifier(build, **FULL).fit(pd.DataFrame(X, columns=list("abcd")), y)
    assert seen["n_features_in_"] == 4
    assert seen["X_shape_"] == (150, 4)
    assert seen["X_dtype_"] == np.float32
    assert (seen["n_classes_"], seen["target_type_"]) == (3, "multiclass")
    assert (seen["n_outputs_"], seen["n_outputs_expected_"]) == (1, 1)
    assert list(seen["feature_names_in_"]) == list("abcd")


def two_inputs():
    left, right = keras.Input((2,), name="left"), keras.Input((2,), name="right")
    outputs = keras.layers.Dense(3, activation="softmax")(
        keras.layers.Concatenate()([left, right])
    )
    model = keras.Model({"left": left, "right": right}, outputs)
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


def two_inputs_in_a_list():
    parts = [keras.Input((2,)), keras.Input((2,))]
    outputs = keras.layers.Dense(3, activation="softmax")(keras.layers.Concatenate()(parts))
    model = keras.Model(parts, outputs)
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


class Halves(KerasClassifier):
    @property
    def feature_encoder(self):
        from sklearn.preprocessing import FunctionTransformer

        return FunctionTransformer(lambda X: {"left": X[:, :2], "right": X[:, 2:]})


def test_several_inputs():
    X, y = iris()
    as_dict = {"left": X[:, :2], "right": X[:, 2:]}
    params = {"validation_fraction": 0.2, **FULL}
    named = KerasClassifier(two_inputs, **params).fit(as_dict, y)
    listed = KerasClassifier(two_inputs_in_a_list, **params).fit(list(as_dict.values()), y)
    np.testing.assert_array_equal(
        named.predict_proba(as_dict), listed.predict_proba(list(as_dict.values()))
    )
    encoded = Halves(two_inputs, **params).fit(X, y)
    np.testing.assert_array_equal(encoded.predict_proba(X), named.predict_proba(as_dict))


def test_pipeline_columns_and_grid_search():
    X, y = iris()
    frame = pd.DataFrame(X, columns=list("abcd"))
    columns = ColumnTransformer([("scale", StandardScaler(), ["a", "b", "c", "d"])])
    pipeline = make_pipeline(columns, KerasClassifier(compiled, **FULL))
    search = GridSearchCV(
        pipeline,
        {"kerasclassifier__hidden": [4, 8], "kerasclassifier__epochs": [1]},
        cv=2,
        scoring=["neg_log_loss", "accuracy"],
        refit="neg_log_loss",
        error_score="raise",
    ).fit(frame, y)
    assert isinstance(search.best_estimator_[-1].model, keras.Model)
    one_hot = GridSearchCV(
        KerasClassifier(compiled, **FULL),
        {"epochs": [1]},
        cv=2,
        scoring="neg_log_loss",
        error_score="raise",
    ).fit(X[::2], np.eye(3)[y][::2])
    assert np.isfinite(one_hot.best_score_)


def test_partial_fit_knows_all_classes_from_the_first_call():
    X, y = iris()
    names = np.array(["a", "b", "c"])[y]
    estimator = KerasClassifier(classifier, random_state=0)
    estimator.partial_fit(X[:100], names[:100], classes=["a", "b", "c"])
    estimator.partial_fit(X[100:], names[100:])
    assert estimator.predict_proba(X).shape == (150, 3)
    with pytest.raises(ValueError, match=r"not in classes_: \['d'\]"):
        estimator.partial_fit(X, np.where(names == "c", "d", names))


def test_bad_data_has_scikit_learns_words():
    X, y = iris()
    estimator = KerasClassifier(classifier, **FULL)
    with pytest.raises(ValueError, match="Input X contains NaN"):
        estimator.fit(np.where(X > 1, np.nan, X), y)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        estimator.fit(X, y[:-1])
    with pytest.raises(ValueError, match="X has 3 features, but KerasClassifier is expecting 4"):
        estimator.fit(X, y).predict(X[:, :3])
    with pytest.raises(ValueError, match="between 0 and 1"):
        estimator.set_params(validation_fraction=2.0).fit(X, y)
