"""tunesmith's searches against scikit-learn's: equal in all but the times."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from scipy.stats import loguniform, randint, uniform
from sklearn import model_selection
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_iris
from sklearn.decomposition import PCA
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import ElasticNet, LogisticRegression, Ridge
from sklearn.metrics import accuracy_score, f1_score, make_scorer
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.model_selection import GroupKFold, KFold, ShuffleSplit, StratifiedKFold
from sklearn.naive_bayes import GaussianNB, MultinomialNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

import tunesmith

IRIS = load_iris(return_X_y=True)
CANCER = load_breast_cancer(return_X_y=True)
DIABETES = load_diabetes(return_X_y=True)
DIGITS = tuple(part[:300] for part in load_digits(return_X_y=True))
FRAME = load_iris(as_frame=True, return_X_y=True)
TEXTS = (
    [f"{word} {other}" for word in ("cat", "dog", "cow") for other in ("eats", "sleeps", "runs")],
    [0, 0, 0, 1, 1, 1, 2, 2, 2],
)


class Fragile(ClassifierMixin, BaseEstimator):
    """A classifier that some parameters break."""

    def __init__(self, fails=False):
        self.fails = fails

    def fit(self, X, y):
        if self.fails:
            raise ValueError(f"cannot fit with fails={self.fails}")
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return np.full(len(X), self.classes_[0])


def two_scores(estimator, X, y):
    predicted = estimator.predict(X)
    return {"acc": accuracy_score(y, predicted), "f1": f1_score(y, predicted, average="macro")}


def simplest_good(results):
    scores = results["mean_test_score"]
    return int(np.flatnonzero(scores >= scores.max() - results["std_test_score"].max())[0])


def scorer_that_fails_at_times(estimator, X, y):
    if estimator.get_params()["n_neighbors"] == 5:
        raise RuntimeError("no score for five neighbours")
    return estimator.score(X, y)


PIPELINE = Pipeline([("scale", StandardScaler()), ("reduce", PCA(2)), ("clf", SVC())])
BY_COLUMN = ColumnTransformer([("a", StandardScaler(), [0, 1]), ("b", MinMaxScaler(), [2, 3])])

GRIDS = {
    "svc": (SVC(), {"C": [0.1, 1, 10], "kernel": ["linear", "rbf"]}, IRIS, {}),
    "list of dicts": (
        SVC(),
        [{"kernel": ["linear"], "C": [1, 10]}, {"kernel": ["rbf"], "gamma": [0.01, 0.1]}],
        IRIS,
        {"return_train_score": True},
    ),
    "tree": (
        DecisionTreeClassifier(random_state=0),
        {"max_depth": [1, 3, None], "criterion": ["gini", "entropy"]},
        CANCER,
        {"cv": StratifiedKFold(4, shuffle=True, random_state=1), "return_train_score": True},
    ),
    "forest, log loss": (
        RandomForestClassifier(n_estimators=5, random_state=0),
        {"max_features": [1, 2, "sqrt"]},
        IRIS,
        {"scoring": "neg_log_loss", "cv": 3},
    ),
    "boosting": (
        GradientBoostingClassifier(n_estimators=5, random_state=0),
        {"learning_rate": np.array([0.1, 0.5]), "max_depth": range(1, 3)},
        IRIS,
        {"cv": 2},
    ),
    "logistic": (
        LogisticRegression(max_iter=2000),
        {"C": [0.1, 1.0], "class_weight": [None, "balanced", {0: 1, 1: 2, 2: 3}]},
        IRIS,
        {},
    ),
    "neighbours, shuffled splits": (
        KNeighborsClassifier(),
        {"n_neighbors": [1, 5], "weights": ["uniform", "distance"]},
        DIGITS,
        {"cv": ShuffleSplit(3, test_size=0.3, random_state=0)},
    ),
    "ridge": (Ridge(), {"alpha": [0.1, 1, 10]}, DIABETES, {"cv": KFold(3), "scoring": "r2"}),
    "elastic net, two metrics": (
        ElasticNet(),
        {"alpha": [0.1, 1.0], "l1_ratio": [0.2, 0.8]},
        DIABETES,
        {"scoring": ["r2", "neg_mean_absolute_error"], "refit": "r2", "return_train_score": True},
    ),
    "pipeline with steps swapped": (
        PIPELINE,
        {
            "scale": [StandardScaler(), MinMaxScaler(), "passthrough"],
            "reduce__n_components": [2, 3],
            "clf": [SVC(), LogisticRegression(max_iter=500)],
        },
        IRIS,
        {"cv": 3},
    ),
    "columns of a frame": (
        make_pipeline(BY_COLUMN, GaussianNB()),
        {"columntransformer__a__with_mean": [True, False]},
        IRIS,
        {},
    ),
    "frame": (DecisionTreeClassifier(random_state=0), {"max_depth": [1, 2]}, FRAME, {}),
    "sparse": (
        LogisticRegression(max_iter=500),
        {"C": [1, 10]},
        (scipy.sparse.csr_array(IRIS[0]), IRIS[1]),
        {},
    ),
    "texts": (
        make_pipeline(CountVectorizer(), MultinomialNB()),
        {"countvectorizer__ngram_range": [(1, 1), (1, 2)], "multinomialnb__alpha": [0.5, 1]},
        TEXTS,
        {"cv": 3},
    ),
    "no targets": (KMeans(n_init=1, random_state=0), {"n_clusters": [2, 3]}, (IRIS[0], None), {}),
    "precomputed kernel": (
        SVC(kernel="precomputed"),
        {"C": [1, 10]},
        (rbf_kernel(IRIS[0]), IRIS[1]),
        {},
    ),
    "callable refit": (
        KNeighborsClassifier(),
        {"n_neighbors": [1, 5, 15]},
        IRIS,
        {"refit": simplest_good},
    ),
    "callable with two scores": (
        KNeighborsClassifier(),
        {"n_neighbors": [1, 5]},
        IRIS,
        {"scoring": two_scores, "refit": "f1"},
    ),
    "dict of scorers, no refit": (
        GaussianNB(),
        {"var_smoothing": [1e-9, 1e-2]},
        IRIS,
        {"scoring": {"a": make_scorer(accuracy_score), "b": "f1_macro"}, "refit": False},
    ),
    "splits given": (
        GaussianNB(),
        {"var_smoothing": [1e-9, 1e-2]},
        IRIS,
        {"cv": list(StratifiedKFold(3).split(*IRIS))},
    ),
    "some fits fail": (
        Fragile(),
        {"fails": [False, True, "often"]},
        IRIS,
        {"return_train_score": True},
    ),
    "some fits fail, two metrics": (
        Fragile(),
        {"fails": [False, True]},
        IRIS,
        {"scoring": ["accuracy", "f1_macro"], "refit": "accuracy", "error_score": 0.25},
    ),
    "some fits fail, callable with two scores": (
        Fragile(),
        {"fails": [True, False]},
        IRIS,
        {"scoring": two_scores, "refit": "acc"},
    ),
    "a scorer that fails at times": (
        KNeighborsClassifier(),
        {"n_neighbors": [3, 5]},
        IRIS,
        {"scoring": scorer_that_fails_at_times},
    ),
    "the same candidate twice": (SVC(), {"C": [1, 1, 10]}, IRIS, {}),
}

DRAWS = {
    "distributions": (
        SVC(),
        {"C": loguniform(1e-2, 1e2), "gamma": uniform(0.01, 1), "kernel": ["rbf", "sigmoid"]},
        IRIS,
        {"n_iter": 6, "random_state": 0},
    ),
    "integers": (
        DecisionTreeClassifier(random_state=0),
        {"max_depth": randint(1, 9), "min_samples_leaf": randint(1, 5)},
        CANCER,
        {"n_iter": 5, "random_state": np.random.RandomState(3), "cv": 3},
    ),
    "lists only": (
        KNeighborsClassifier(),
        {"n_neighbors": [1, 3, 5, 7], "weights": ["uniform", "distance"]},
        IRIS,
        {"n_iter": 5, "random_state": 1},
    ),
    "more than there are": (GaussianNB(), {"var_smoothing": [1e-9, 1e-5]}, IRIS, {"n_iter": 9}),
    "list of dicts": (
        SVC(),
        [{"kernel": ["linear"], "C": loguniform(0.1, 10)}, {"gamma": [0.1, 1], "C": [1, 2]}],
        IRIS,
        {"n_iter": 6, "random_state": 2},
    ),
}


def fitted(search_class, case, seed=0, **more):
    """Fit one search; return it and the warnings it gave."""
    estimator, space, (X, y), options = case
    np.random.seed(seed)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        search = search_class(estimator, space, **options, **more).fit(X, y)
    return search, sorted((w.category.__name__, str(w.message)) for w in caught)


def assert_same_columns(ours, theirs):
    assert list(ours) == list(theirs)
    for name, expected in theirs.items():
        if name.endswith("_time"):
            assert ours[name].shape == expected.shape
        elif name == "params":
            assert [str(p) for p in ours[name]] == [str(p) for p in expected]
        else:
            assert type(ours[name]) is type(expected)
            assert ours[name].dtype == expected.dtype
            if expected.dtype == object:
                assert str(ours[name]) == str(expected)
            else:
                np.testing.assert_array_equal(ours[name], expected)
            np.testing.assert_array_equal(
                np.ma.getmaskarray(ours[name]), np.ma.getmaskarray(expected)
            )


def assert_same(ours, theirs, X):
    assert_same_columns(ours.cv_results_, theirs.cv_results_)
    assert ours.n_splits_ == theirs.n_splits_
    assert ours.multimetric_ == theirs.multimetric_
    for name in ("best_index_", "best_score_"):
        assert hasattr(ours, name) == hasattr(theirs, name)
        if hasattr(ours, name):
            np.testing.assert_equal(getattr(ours, name), getattr(theirs, name))
    assert str(getattr(ours, "best_params_", None)) == str(getattr(theirs, "best_params_", None))
    assert hasattr(ours, "predict") == hasattr(theirs, "predict")
    if ours.refit:
        np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))
    extra = {name for name in vars(theirs) if name.endswith("_")} - set(vars(ours))
    assert not extra


@pytest.mark.parametrize("case", GRIDS.values(), ids=GRIDS)
def test_grid(case):
    ours, our_warnings = fitted(tunesmith.GridSearchCV, case)
    theirs, their_warnings = fitted(model_selection.GridSearchCV, case)
    assert_same(ours, theirs, case[2][0])
    assert [w[0] for w in our_warnings] == [w[0] for w in their_warnings]


@pytest.mark.parametrize("case", DRAWS.values(), ids=DRAWS)
def test_draw(case):
    ours, our_warnings = fitted(tunesmith.RandomizedSearchCV, _fresh(case))
    theirs, their_warnings = fitted(model_selection.RandomizedSearchCV, _fresh(case))
    assert_same(ours, theirs, case[2][0])
    assert our_warnings == their_warnings


def _fresh(case):
    """Return the case with its generator, if it has one, in its first state."""
    estimator, space, data, options = case
    if isinstance(options.get("random_state"), np.random.RandomState):
        options = options | {"random_state": np.random.RandomState(3)}
    return estimator, space, data, options


@pytest.mark.parametrize("name", ["svc", "pipeline with steps swapped", "some fits fail"])
def test_grid_on_two_workers(name):
    ours, _ = fitted(tunesmith.GridSearchCV, GRIDS[name], n_jobs=2)
    theirs, _ = fitted(model_selection.GridSearchCV, GRIDS[name])
    assert_same(ours, theirs, GRIDS[name][2][0])


def test_draws_without_a_seed_come_from_the_global_generator():
    case = (SVC(), {"C": loguniform(1e-2, 1e2)}, IRIS, {"n_iter": 3})
    ours, _ = fitted(tunesmith.RandomizedSearchCV, case, seed=7)
    theirs, _ = fitted(model_selection.RandomizedSearchCV, case, seed=7)
    assert_same(ours, theirs, IRIS[0])


def test_groups():
    groups = np.arange(len(IRIS[0])) % 5
    searches = [
        search_class(GaussianNB(), {"var_smoothing": [1e-9, 0.1]}, cv=GroupKFold(5))
        for search_class in (tunesmith.GridSearchCV, model_selection.GridSearchCV)
    ]
    ours, theirs = (search.fit(*IRIS, groups=groups) for search in searches)
    assert_same(ours, theirs, IRIS[0])


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_sample_weights(n_jobs):
    weights = np.random.default_rng(0).uniform(size=len(IRIS[0]))
    searches = [
        search_class(DecisionTreeClassifier(random_state=0), {"max_depth": [1, 2, 3]}, n_jobs=jobs)
        for search_class, jobs in (
            (tunesmith.GridSearchCV, n_jobs),
            (model_selection.GridSearchCV, 1),
        )
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ours, theirs = (search.fit(*IRIS, sample_weight=weights) for search in searches)
    assert_same(ours, theirs, IRIS[0])
    unweighted = searches[0].fit(*IRIS)
    assert not np.array_equal(
        unweighted.cv_results_["mean_test_score"], theirs.cv_results_["mean_test_score"]
    )


def test_frame_keeps_its_names():
    ours, _ = fitted(tunesmith.GridSearchCV, GRIDS["frame"])
    assert isinstance(FRAME[0], pd.DataFrame)
    assert list(ours.feature_names_in_) == list(FRAME[0].columns)


BAD = {
    "empty grid list": (SVC(), {"C": []}, IRIS, {}),
    "a string for a list": (SVC(), {"kernel": "rbf"}, IRIS, {}),
    "a number for a list": (SVC(), {"C": 1}, IRIS, {}),
    "no such parameter": (SVC(), {"Cc": [1]}, IRIS, {}),
    "two-dimensional values": (SVC(), {"C": np.ones((2, 2))}, IRIS, {}),
    "more folds than a class has": (SVC(), {"C": [1]}, IRIS, {"cv": 51}),
    "targets too short": (SVC(), {"C": [1]}, (IRIS[0], IRIS[1][:-1]), {}),
    "unknown scorer": (SVC(), {"C": [1]}, IRIS, {"scoring": "acuracy"}),
    "scorer returns None": (SVC(), {"C": [1]}, IRIS, {"scoring": lambda e, X, y: None}),
    "scorer returns a string": (SVC(), {"C": [1]}, IRIS, {"scoring": lambda e, X, y: "0.5"}),
    "scorer returns an array": (SVC(), {"C": [1]}, IRIS, {"scoring": lambda e, X, y: y}),
    "all fits fail": (Fragile(), {"fails": [True, 1]}, IRIS, {}),
    "failing fit raises": (Fragile(), {"fails": [False, True]}, IRIS, {"error_score": "raise"}),
    "two metrics without refit": (SVC(), {"C": [1]}, IRIS, {"scoring": ["accuracy", "r2"]}),
    "missing values": (
        SVC(),
        {"C": [1]},
        (np.where(IRIS[0] > 7, np.nan, IRIS[0]), IRIS[1]),
        {"error_score": "raise"},
    ),
    "bad error_score": (SVC(), {"C": [1]}, IRIS, {"error_score": "rise"}),
    "grid of another type": (SVC(), "C", IRIS, {}),
}


@pytest.mark.parametrize("case", BAD.values(), ids=BAD)
def test_bad_input_gets_scikit_learns_words(case):
    with pytest.raises(Exception) as theirs:  # noqa: PT011
        fitted(model_selection.GridSearchCV, case)
    with pytest.raises(type(theirs.value)) as ours:
        fitted(tunesmith.GridSearchCV, case)
    assert str(theirs.value).split("\n")[0] in str(ours.value)


def test_no_draws():
    with pytest.raises(ValueError, match="n_iter") as theirs:
        model_selection.RandomizedSearchCV(SVC(), {"C": [1]}, n_iter=0).fit(*IRIS)
    with pytest.raises(ValueError, match="n_iter") as ours:
        tunesmith.RandomizedSearchCV(SVC(), {"C": [1]}, n_iter=0).fit(*IRIS)
    assert str(ours.value) == str(theirs.value)


def test_scores_that_are_not_numbers_survive_as_scikit_learn_has_them():
    case = (SVC(), {"C": [1, 2]}, IRIS, {"scoring": lambda e, X, y: float("nan")})
    ours, _ = fitted(tunesmith.GridSearchCV, case)
    theirs, _ = fitted(model_selection.GridSearchCV, case)
    assert_same(ours, theirs, IRIS[0])
