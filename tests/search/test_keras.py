"""Searches over Keras models and other networks, as scripts write them."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.dummy import DummyClassifier
from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

pytest.importorskip("keras", reason="Keras is not installed")

from keras.layers import Activation, Conv2D, Dense, Dropout, Flatten, MaxPooling2D
from keras.models import Sequential
from keras.optimizers import Adadelta
from keras.utils import to_categorical
from keras.wrappers import SKLearnClassifier

from tests.models.networks import compiled, iris
from tunesmith import GridSearchCV, KerasClassifier, RandomSearchCV, StudyMismatch
from tunesmith.search import identity

images, labels = load_digits(return_X_y=True)
images = (images / 16).reshape(-1, 8, 8, 1).astype("float32")
X_train, X_test, y_train, y_test = train_test_split(
    images, labels, train_size=240, test_size=120, random_state=0, stratify=labels
)
input_shape = (8, 8, 1)
nb_classes = 10


def make_model(dense_layer_sizes, filters, kernel_size, pool_size):
    model = Sequential()

    model.add(
        Conv2D(filters, (kernel_size, kernel_size), padding="valid", input_shape=input_shape)
    )
    model.add(Activation("relu"))
    model.add(Conv2D(filters, (kernel_size, kernel_size)))
    model.add(Activation("relu"))
    model.add(MaxPooling2D(pool_size=(pool_size, pool_size)))
    model.add(Dropout(0.25))

    model.add(Flatten())
    for layer_size in dense_layer_sizes:
        model.add(Dense(layer_size))
        model.add(Activation("relu"))
    model.add(Dropout(0.5))
    model.add(Dense(nb_classes))
    model.add(Activation("softmax"))

    model.compile(loss="categorical_crossentropy", optimizer=Adadelta(1.0), metrics=["accuracy"])
    return model


GRID = {
    "dense_layer_sizes": [[32], [64], [32, 32], [64, 64]],
    "epochs": [3, 6],
    "filters": [8],
    "kernel_size": [3],
    "pool_size": [2],
}


@pytest.fixture(autouse=True)
def _keras_says_what_it_likes():
    with warnings.catch_warnings():
        # The network is written as in 2018; Keras 3 would have an Input layer first.
        warnings.filterwarnings("ignore", message="Do not pass an `input_shape`")
        yield


@pytest.mark.long
@pytest.mark.parametrize("targets", ["integers", "one-hot"])
def test_grid_search_of_an_old_script(targets):
    one_hot = targets == "one-hot"
    train, test = (to_categorical(part, 10) if one_hot else part for part in (y_train, y_test))
    my_classifier = KerasClassifier(make_model, batch_size=32)
    validator = GridSearchCV(
        my_classifier, param_grid=GRID, scoring="neg_log_loss", n_jobs=1, cv=3
    )
    validator.fit(X_train, train)

    assert len(validator.cv_results_["params"]) == 8
    assert np.isfinite(validator.cv_results_["mean_test_score"]).all()
    best_model = validator.best_estimator_.model
    # Integer labels were encoded for the network's loss; a model evaluated by itself
    # wants what the loss wants.
    values = best_model.evaluate(X_test, to_categorical(y_test, 10), verbose=0, return_dict=True)
    assert set(values) == {"loss", "accuracy"}
    assert values["loss"] < np.log(10)
    assert validator.best_estimator_.predict(X_test).shape == y_test.shape
    assert np.isfinite(validator.score(X_test, test))


@pytest.mark.long
@pytest.mark.parametrize("targets", ["integers", "one-hot"])
def test_random_search_of_an_old_script(targets):
    train = to_categorical(y_train, 10) if targets == "one-hot" else y_train
    my_classifier = KerasClassifier(make_model, batch_size=32)
    validator = RandomSearchCV(
        my_classifier, param_grid=GRID, n_iter=20, scoring="neg_log_loss", n_jobs=1, cv=3
    )
    with pytest.warns(UserWarning, match="total space of parameters 8 is smaller than n_iter=20"):
        validator.fit(X_train, train)
    assert len(validator.cv_results_["params"]) == 8
    assert set(validator.best_params_) == set(GRID)


def dense(units=8, rate=0.01):
    from keras import Input

    model = Sequential([Input((64,)), Dense(units, activation="relu"), Dense(10, "softmax")])
    model.compile(loss="sparse_categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
    return model


def flat(X):
    return X.reshape(len(X), -1)


def test_workers_and_this_process_agree_to_the_bit():
    classifier = KerasClassifier(dense, epochs=2, random_state=0)
    results = [
        GridSearchCV(
            classifier,
            {"units": [4, 8]},
            cv=2,
            n_jobs=n_jobs,
            threads_per_worker=1,
            scoring="neg_log_loss",
            refit=False,
        )
        .fit(flat(X_train), y_train)
        .cv_results_
        for n_jobs in (1, 2)
    ]
    for split in (0, 1):
        name = f"split{split}_test_score"
        np.testing.assert_array_equal(results[0][name], results[1][name])


def test_a_name_the_network_does_not_take_is_found_before_any_fit():
    search = GridSearchCV(KerasClassifier(dense), {"unitz": [4]})
    with pytest.raises(ValueError, match=r"unitz.*units"):
        search.fit(flat(X_train), y_train)


def test_keras_own_wrapper():
    from keras import Input
    from keras.wrappers import SKLearnClassifier

    def network(X, y, units=8):
        model = Sequential([Input(X.shape[1:]), Dense(units, "relu"), Dense(10, "softmax")])
        model.compile(loss="categorical_crossentropy", optimizer="adam")
        return model

    wrapped = SKLearnClassifier(network, model_kwargs={"units": 8}, fit_kwargs={"verbose": 0})
    search = GridSearchCV(wrapped, {"model_kwargs": [{"units": 4}, {"units": 8}]}, cv=2)
    search.fit(flat(X_train), y_train)
    assert np.isfinite(search.best_score_)


@pytest.mark.long
def test_scikeras():
    scikeras = pytest.importorskip("scikeras.wrappers", reason="SciKeras is not installed")
    wrapped = scikeras.KerasClassifier(dense, units=8, epochs=1, verbose=0)
    search = GridSearchCV(wrapped, {"units": [4, 8]}, cv=2, n_jobs=2)
    search.fit(flat(X_train), y_train)
    assert np.isfinite(search.best_score_)


@pytest.mark.long
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_skorch(n_jobs):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    skorch = pytest.importorskip("skorch", reason="skorch is not installed")

    class Net(torch.nn.Module):
        def __init__(self, units=8):
            super().__init__()
            self.layers = torch.nn.Sequential(
                torch.nn.Linear(64, units), torch.nn.ReLU(), torch.nn.Linear(units, 10)
            )

        def forward(self, X):
            return self.layers(X)

    net = skorch.NeuralNetClassifier(
        Net, criterion=torch.nn.CrossEntropyLoss, max_epochs=2, verbose=0
    )
    search = GridSearchCV(net, {"module__units": [4, 8], "lr": [0.1]}, cv=2, n_jobs=n_jobs)
    search.fit(flat(X_train), y_train.astype("int64"))
    assert np.isfinite(search.best_score_)


def test_a_study_knows_the_backend(tmp_path, monkeypatch):
    options = {"cv": 2, "storage": tmp_path / "s.db", "study_name": "s", "refit": False}
    classifier = KerasClassifier(dense, epochs=1, random_state=0)
    GridSearchCV(classifier, {"units": [4]}, **options).fit(flat(X_train), y_train)
    elsewhere = classifier.fit_surroundings() | {"Keras backend": "another 1.0"}
    monkeypatch.setattr(KerasClassifier, "fit_surroundings", lambda self: elsewhere)
    search = GridSearchCV(classifier, {"units": [4]}, **options)
    with pytest.raises(StudyMismatch, match=r"Keras backend was .* and is now 'another 1\.0'"):
        search.fit(flat(X_train), y_train)


def test_a_study_knows_the_backend_of_estimators_that_are_not_ours():
    foreign = SKLearnClassifier(dense, fit_kwargs={"epochs": 1})
    told = [parts_of(make_pipeline(model)).keys() for model in (foreign, SVC())]
    assert ["Keras backend" in names for names in told] == [True, False]


def parts_of(estimator):
    nothing = dict.fromkeys(("X", "y", "cv", "scoring"))
    return identity.parts_of(estimator=estimator, **nothing, routed={})


@pytest.mark.parametrize("deep", [False, True])
def test_a_value_is_computed_anew_on_another_backend(tmp_path, monkeypatch, deep):
    options = {"cv": 2, "storage": tmp_path / "s.db", "study_name": "s", "refit": False}
    net = KerasClassifier(dense, epochs=1, random_state=0)
    step = make_pipeline(StandardScaler(), net) if deep else net
    pipeline = Pipeline([("last", DummyClassifier())])

    def times():
        search = GridSearchCV(pipeline, {"last": [DummyClassifier(), step]}, **options)
        return search.fit(flat(X_train), y_train).cv_results_["mean_fit_time"]

    here = times()
    np.testing.assert_array_equal(times(), here)
    monkeypatch.setattr(
        KerasClassifier, "fit_surroundings", lambda self: {"Keras backend": "another 1.0"}
    )
    elsewhere = times()
    assert [elsewhere[0] == here[0], elsewhere[1] == here[1]] == [True, False]


def small(units=8, rate=0.01):
    model = Sequential([Dense(units, activation="relu"), Dropout(0.3), Dense(10, "softmax")])
    model.compile(loss="sparse_categorical_crossentropy", optimizer=Adadelta(rate))
    return model


@pytest.mark.parametrize("in_a_pipeline", [False, True])
def test_epochs_and_programs_are_shared_and_no_bit_is_another(in_a_pipeline):
    X = X_train.reshape(len(X_train), -1)
    classifier = KerasClassifier(small, batch_size=32)
    prefix = "kerasclassifier__" if in_a_pipeline else ""
    estimator = make_pipeline(StandardScaler(), classifier) if in_a_pipeline else classifier
    grid = {f"{prefix}epochs": [3, 1, 2], f"{prefix}rate": [0.1, 1.0]}
    found = {}
    for sharing in ("exact", "off"):
        np.random.seed(0)  # the seeds of estimators without one are drawn from here
        found[sharing] = GridSearchCV(
            estimator,
            grid,
            cv=2,
            scoring="neg_log_loss",
            return_train_score=True,
            refit=False,
            sharing=sharing,
        ).fit(X, y_train)
    for name, column in found["off"].cv_results_.items():
        if not name.endswith("_time"):
            np.testing.assert_array_equal(found["exact"].cv_results_[name], column)
    told = found["exact"].sharing_
    assert (told["fits_asked"], told["fits_run"]) == (12, 4)
    assert (told["budget_asked"], told["budget_run"]) == (24, 12)
    assert 0 < told["programs_compiled"] < 12
    assert "4 of 12 fits run" in repr(found["exact"])


def test_fits_that_share_their_programs_alone_are_counted():
    X, y = iris()
    estimator = KerasClassifier(compiled, random_state=0)
    search = GridSearchCV(estimator, {"hidden": [4, 5]}, cv=2, refit=False).fit(X, y)
    assert (search.sharing_["fits_asked"], search.sharing_["fits_run"]) == (4, 4)
