"""Estimators of many kinds, and what to vary in them, for the law of sharing."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
from sklearn.compose import ColumnTransformer
from sklearn.datasets import make_classification
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.ensemble import (
    BaggingClassifier,
    BaggingRegressor,
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.feature_selection import SelectKBest, f_classif
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    MinMaxScaler,
    OneHotEncoder,
    StandardScaler,
)
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeRegressor

X, y = make_classification(90, 8, n_informative=5, n_classes=3, random_state=0)
FRAME = pd.DataFrame(X, columns=list("abcdefgh")).assign(k=pd.Categorical(list("uvw") * 30))
TEXTS = [" ".join(f"word{int(10 * abs(value))}" for value in row) for row in X]
TARGETS = X @ np.random.default_rng(1).normal(size=(8, 2)) + y[:, None]
WEIGHTS = np.random.default_rng(2).uniform(0.5, 2, len(y))


class Own(TransformerMixin, BaseEstimator):
    """A transformer of the user's own, with one of many habits."""

    def __init__(self, habit="copies", factor=1.0):
        self.habit = habit
        self.factor = factor

    def fit(self, X, y=None):
        self.mean_ = np.asarray(X).mean(axis=0)
        return self

    def transform(self, X):
        X = np.asarray(X)
        if self.habit == "writes":
            np.clip(X, -self.factor, self.factor, out=X)
            return X
        if self.habit == "adds":
            X += self.factor
            return X
        if self.habit == "draws":
            return X - self.mean_ + self.factor * np.random.normal(size=X.shape)
        if self.habit == "reorders":
            return np.asfortranarray(X) if self.factor > 1 else X.copy()
        return X if self.habit == "returns" else X - self.factor * self.mean_


class OwnLast(ClassifierMixin, BaseEstimator):
    """A classifier that writes to what it is given."""

    def __init__(self, shrink=0.5):
        self.shrink = shrink

    def fit(self, X, y):
        X *= self.shrink
        self.classes_ = np.unique(y)
        self.means_ = np.array([X[y == label].mean(axis=0) for label in self.classes_])
        return self

    def decision_function(self, X):
        X *= self.shrink
        return -np.abs(X[:, None] - self.means_).sum(axis=2)

    def predict(self, X):
        return self.classes_[self.decision_function(X).argmax(axis=1)]


class Refusing(GaussianNB):
    """Refuses to be fitted with some parameters."""

    def fit(self, X, y, sample_weight=None):
        if self.var_smoothing > 0.5:
            raise ValueError("too smooth")
        return super().fit(X, y, sample_weight)


def halved(X, by=2.0):
    return X / by


def scaled_in_place(X):
    X *= 2
    return X


@dataclass(frozen=True)
class Case:
    """An estimator and what to vary in it."""

    estimator: Any
    space: dict[str, list[Any]]
    X: Any = field(default_factory=lambda: X)
    y: Any = field(default_factory=lambda: y)
    weights: str = ""
    """The argument that takes weights; none where it is empty."""
    ordered: bool = False
    """Whether scores hang on the order of jobs: it draws from a generator all share."""


SIZES = [1, 3, 4, 7, 7, 0, "many"]
ALL = "sample_weight"


def forests():
    for kind in (RandomForestClassifier, ExtraTreesClassifier):
        yield kind(), {"n_estimators": SIZES, "bootstrap": [True, False]}
        yield (
            kind(bootstrap=True, max_features=0.5, random_state=3),
            {
                "n_estimators": SIZES,
                "max_samples": [None, 0.5],
                "class_weight": [None, "balanced_subsample"],
            },
        )
        yield (
            kind(bootstrap=True),
            {
                "n_estimators": [5, 12],
                "oob_score": [False, True],
                "random_state": [None, 5, np.random.RandomState(4)],
            },
        )
    for kind in (GradientBoostingClassifier,):
        yield (
            kind(subsample=0.6, max_features=0.5),
            {"n_estimators": SIZES, "n_iter_no_change": [None, 1], "learning_rate": [0.1, 1.0]},
        )
        yield kind(init="zero"), {"n_estimators": SIZES, "warm_start": [False, True]}
        yield kind(init=GaussianNB()), {"n_estimators": SIZES}
    yield (
        BaggingClassifier(),
        {"n_estimators": SIZES, "max_features": [1.0, 0.5], "bootstrap": [True, False]},
    )
    yield (
        BaggingClassifier(LogisticRegression(max_iter=300), max_samples=0.6),
        {"n_estimators": SIZES, "estimator__C": [0.1, 1], "bootstrap_features": [True, False]},
    )
    yield (
        HistGradientBoostingClassifier(min_samples_leaf=5, max_features=0.5),
        {"max_iter": SIZES, "early_stopping": ["auto", True]},
    )
    yield (
        HistGradientBoostingClassifier(min_samples_leaf=5, class_weight="balanced"),
        {"max_iter": SIZES, "warm_start": [False, True], "max_leaf_nodes": [4, 31]},
    )


def regressors():
    for kind in (RandomForestRegressor, ExtraTreesRegressor):
        yield (
            kind(bootstrap=True, max_samples=0.6),
            {"n_estimators": SIZES, "min_samples_leaf": [1, 5]},
        )
        yield kind(), {"n_estimators": SIZES, "max_depth": [2, None]}
    yield BaggingRegressor(DecisionTreeRegressor()), {"n_estimators": SIZES}
    for loss in ("squared_error", "huber", "quantile"):
        yield (
            GradientBoostingRegressor(loss=loss, subsample=0.7),
            {"n_estimators": SIZES, "validation_fraction": [0.1, 0.3]},
        )
    for loss in ("squared_error", "absolute_error", "quantile"):
        estimator = HistGradientBoostingRegressor(loss=loss, quantile=0.3, min_samples_leaf=5)
        yield estimator, {"max_iter": SIZES, "l2_regularization": [0, 1.0]}


LAST = {"last__n_estimators": [2, 5], "last__max_depth": [2, 3]}
FOREST = RandomForestClassifier(max_depth=3)


def chain(*steps):
    return Pipeline(
        [*((f"step{n}", step) for n, step in enumerate(steps[:-1])), ("last", steps[-1])]
    )


def pipelines():
    yield chain(StandardScaler(), PCA(), FOREST), {"step1__n_components": [2, 4], **LAST}
    yield (
        chain(StandardScaler(copy=False), MinMaxScaler(), FOREST),
        {"step0__copy": [True, False], **LAST},
    )
    yield (
        chain(StandardScaler(), "passthrough", SVC()),
        {
            "step1": ["passthrough", PCA(3), SelectKBest(f_classif, k=3), Own("copies")],
            "step0": ["passthrough", MinMaxScaler(copy=False), StandardScaler()],
            "last__C": [0.1, 1],
        },
    )
    yield (
        chain(StandardScaler(), FOREST),
        {"memory": [None, "folder"], "last__n_estimators": [2, 4]},
    )
    yield (
        chain(make_pipeline(StandardScaler(), PCA(4)), make_pipeline(MinMaxScaler(), SVC())),
        {"step0__pca__n_components": [2, 3], "last__svc__C": [0.1, 1]},
    )
    union = FeatureUnion(
        [("pca", PCA(3)), ("best", SelectKBest(k=2)), ("all", "passthrough")],
        transformer_weights={"pca": 3.0},
    )
    yield (
        chain(MinMaxScaler(), union, LogisticRegression(max_iter=500)),
        {"step1__pca__n_components": [1, 3], "step1__best": ["drop", SelectKBest(k=3)]},
    )
    yield (
        chain(KBinsDiscretizer(4, quantile_method="averaged_inverted_cdf"), SVC()),
        {"step0__encode": ["onehot", "ordinal"], "last__C": [0.1, 1]},
    )
    yield (
        chain(FunctionTransformer(halved), StandardScaler(), FOREST),
        {"step0__func": [None, halved, partial(halved, by=3.0), np.tanh], **LAST},
    )
    yield (
        chain(FunctionTransformer(partial(scaled_in_place)), StandardScaler(), GaussianNB()),
        {"last__var_smoothing": [1e-9, 1e-3]},
    )
    yield (
        chain(StandardScaler(), Refusing()),
        {"last__var_smoothing": [1e-9, 0.9, 1e-3], "step0__with_mean": [True, False, "no"]},
    )
    yield chain(StandardScaler(), PCA()), {"last__n_components": [2, 3]}


def owns():
    for habit in ("copies", "returns", "writes", "adds", "reorders", "draws"):
        own = Own(habit)
        more = {"step1__factor": [0.5, 1.0, 5.0]}
        yield chain("passthrough", own, StandardScaler(), FOREST), {**more, **LAST}
        yield (
            chain(StandardScaler(), own, MinMaxScaler(), OwnLast()),
            {**more, "last__shrink": [0.5, 0.1]},
        )
        yield (
            chain(
                StandardScaler(),
                FeatureUnion([("own", own), ("pca", PCA(2))]),
                KNeighborsClassifier(),
            ),
            {"step1__own__factor": [0.5, 1.0, 5.0], "last__n_neighbors": [3, 5]},
        )
        yield (
            chain("passthrough", own, OwnLast()),
            {"step1": [own, FunctionTransformer()], "last__shrink": [0.5, 0.1]},
        )


def columns(kind):
    return ColumnTransformer(
        [
            ("scaled", StandardScaler(), ["a", "b"]),
            ("sliced", PCA(2), slice(1, 5)),
            ("masked", MinMaxScaler(), np.arange(9) == 6),
            ("kept", "passthrough", [7]),
            ("coded", OneHotEncoder(sparse_output=False), ["k"]),
            ("gone", "drop", [0]),
        ],
        remainder=kind,
    )


def frames():
    more = {"step0__sliced__n_components": [1, 2], "step0__scaled": [MinMaxScaler(), "drop"]}
    for kind in ("drop", "passthrough"):
        yield chain(columns(kind), StandardScaler(), FOREST), {**more, **LAST}
    tidy = chain(columns("drop"), StandardScaler(), SelectKBest(k=3), FOREST)
    yield tidy.set_output(transform="pandas"), {"step2__k": [2, 3], **more}


def texts():
    yield (
        chain(TfidfVectorizer(), TruncatedSVD(3), FOREST),
        {"step0__ngram_range": [(1, 1), (1, 2)], "step1__n_components": [2, 4], **LAST},
    )
    yield (
        chain(TfidfVectorizer(), SVC()),
        {"step0__sublinear_tf": [True, False], "last__C": [0.1, 1, 10]},
    )


def cases():
    for estimator, space in forests():
        yield Case(estimator, space, weights=ALL)
    for estimator, space in regressors():
        if "Boosting" in type(estimator).__name__:
            yield Case(estimator, space, y=TARGETS[:, 0], weights=ALL)
        else:
            yield Case(estimator, space, y=TARGETS)
    for estimator, space in pipelines():
        yield Case(estimator, space)
    for estimator, space in owns():
        yield Case(estimator, space, ordered="draws" in repr(estimator))
    for estimator, space in frames():
        yield Case(estimator, space, X=FRAME)
    for estimator, space in texts():
        yield Case(estimator, space, X=TEXTS)
    yield Case(
        chain(StandardScaler(), Ridge()),
        {"last__alpha": [0.1, 1]},
        y=TARGETS,
        weights="last__" + ALL,
    )


CASES = list(cases())


def margin(estimator, X, y):
    """A score of a method that others call too, so that steps transform twice."""
    method = "decision_function" if hasattr(estimator, "decision_function") else "predict_proba"
    return getattr(estimator, method)(X).max()


def writing(estimator, X, y):
    """A scorer that leaves nothing as it was."""
    score = estimator.score(X, y)
    if isinstance(X, np.ndarray):
        X *= 0.5
    return score


SCORERS = {
    "classifier": [
        None,
        {"accuracy": "accuracy", "f1": "f1_macro", "margin": margin},
        {"writing": writing, "accuracy": "accuracy"},
    ],
    "regressor": [None, ["r2", "neg_mean_absolute_error"]],
    "transformer": [None],
}
