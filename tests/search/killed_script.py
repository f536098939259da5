"""A search that a test kills and runs again: `python killed_script.py STUDY RESULT KIND`."""

import json
import sys
import time

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import load_digits, load_iris
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import tunesmith


class Slow(ClassifierMixin, BaseEstimator):
    """A nearest-mean classifier that takes its time."""

    def __init__(self, shrink=0.0, power=2):
        self.shrink = shrink
        self.power = power

    def fit(self, X, y):
        time.sleep(0.02)
        self.classes_ = np.unique(y)
        means = np.array([X[y == label].mean(axis=0) for label in self.classes_])
        self.means_ = (1 - self.shrink) * means
        return self

    def predict(self, X):
        apart = np.abs(X[:, None] - self.means_) ** self.power
        return self.classes_[apart.sum(axis=2).argmin(axis=1)]


def small_search(storage):
    X, y = load_iris(return_X_y=True)
    grid = {"shrink": np.linspace(0, 0.9, 6), "power": [1, 2]}
    return tunesmith.GridSearchCV(
        Slow(), grid, cv=3, n_jobs=2, threads_per_worker=1, storage=storage
    ).fit(X, y)


def shared_search(storage):
    """Each split is one bundle: forests of one, whose trees take their time."""
    X, y = load_digits(return_X_y=True)
    chain = make_pipeline(StandardScaler(), PCA(20), RandomForestClassifier(random_state=None))
    grid = {
        "randomforestclassifier__n_estimators": [2, 5, 10, 20, 30, 40],
        "randomforestclassifier__max_depth": [5, None],
    }
    return tunesmith.GridSearchCV(
        chain, grid, cv=3, n_jobs=2, threads_per_worker=1, storage=storage
    ).fit(X, y)


def build(units=8, rate=0.01):
    import keras

    model = keras.Sequential(
        [
            keras.layers.Input((64,)),
            keras.layers.Dense(units, activation="relu"),
            keras.layers.Dropout(0.2),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(loss="sparse_categorical_crossentropy", optimizer=keras.optimizers.Adam(rate))
    return model


def keras_search(storage):
    X, y = (part[:300] for part in load_digits(return_X_y=True))
    classifier = tunesmith.KerasClassifier(build, epochs=2, random_state=3)
    grid = {"units": [8, 16], "rate": [0.01, 0.03]}
    return tunesmith.GridSearchCV(
        classifier,
        grid,
        cv=3,
        n_jobs=2,
        threads_per_worker=1,
        scoring="neg_log_loss",
        refit=False,
        storage=storage,
    ).fit(X / 16, y)


storage, result, kind = sys.argv[1:]
np.random.seed(0)
search = {"small": small_search, "shared": shared_search, "keras": keras_search}[kind](
    None if storage == "none" else storage
)
columns = {
    name: np.asarray(column).tolist()
    for name, column in search.cv_results_.items()
    if not name.endswith("_time") and name != "params"
}
with open(result, "w") as file:
    json.dump(columns | {"best": int(search.best_index_)}, file)
