"""Sharing, kind by kind: what is shared, and that it changes no bit."""

from __future__ import annotations

import random
import warnings
from functools import partial

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_wine
from sklearn.decomposition import PCA
from sklearn.ensemble import (
    BaggingClassifier,
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.feature_selection import SelectKBest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import check_scoring
from sklearn.model_selection import ParameterGrid, StratifiedKFold
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler, StandardScaler

from tunesmith.evaluation.crossval import CrossValidation
from tunesmith.evaluation.plan import plan
from tunesmith.evaluation.stages import StageCache
from tunesmith.trial import Job, Work

X, y = load_wine(return_X_y=True)
X, y = X[::2], y[::2]
SPLITS = list(StratifiedKFold(2, shuffle=True, random_state=0).split(X, y))

often = settings(
    deadline=None, max_examples=3, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def evaluator(estimator, sharing, X=X, scoring=None, **more):
    scorer = check_scoring(estimator, scoring)
    more = {"seeds": [5, 7], "return_train_score": True, **more}
    return CrossValidation(estimator, X, y, SPLITS, scorer, sharing=sharing, **more)


def scores(evaluator, jobs, cache):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        outcomes = [evaluator(job, cache) for job in jobs]
    work = sum((outcome.work for outcome in outcomes if outcome.work), start=Work())
    found = {
        (job.trial, job.split): (outcome.state, outcome.test_scores, outcome.train_scores)
        for job, outcome in zip(jobs, outcomes, strict=True)
    }
    return found, work


def check_equal(estimator, grid, order, cache=None, **more):
    """Check that shared scores are those of candidates fitted alone; return what was done."""
    jobs = [
        Job(trial, split, params)
        for trial, params in enumerate(ParameterGrid(grid))
        for split in range(len(SPLITS))
    ]
    alone, _ = scores(evaluator(estimator, "off", **more), jobs, StageCache())
    order.shuffle(jobs)
    shared, work = scores(evaluator(estimator, "exact", **more), jobs, cache or StageCache())
    assert shared == alone
    return work


SIZES = {"n_estimators": [1, 3, 8]}
ENSEMBLES = {
    "forest": (RandomForestClassifier(), SIZES),
    "forest, fewer samples": (RandomForestClassifier(max_samples=0.5, max_features=2), SIZES),
    "forest, weighted classes": (RandomForestClassifier(class_weight="balanced"), SIZES),
    "forest, all numbers": (RandomForestRegressor(bootstrap=False), SIZES),
    "extra trees": (ExtraTreesClassifier(bootstrap=True), SIZES),
    "bags": (BaggingClassifier(GaussianNB(), max_features=0.5), SIZES),
    "bags of trees": (BaggingClassifier(bootstrap_features=True), SIZES),
    "boosting": (GradientBoostingClassifier(max_depth=2), SIZES),
    "boosting, fewer samples": (GradientBoostingClassifier(subsample=0.5), SIZES),
    "histograms": (HistGradientBoostingClassifier(min_samples_leaf=3), {"max_iter": [1, 3, 8]}),
}
LEFT_ALONE = {
    "out of bag": (RandomForestClassifier(oob_score=True), {"n_estimators": [20, 30]}),
    "warm start": (GradientBoostingClassifier(warm_start=True), SIZES),
    "early stopping": (GradientBoostingClassifier(n_iter_no_change=1), SIZES),
    "early": (HistGradientBoostingClassifier(early_stopping=True), {"max_iter": [1, 3, 8]}),
}


@pytest.mark.parametrize("name", ENSEMBLES)
@settings(often, max_examples=2)
@given(order=st.randoms(use_true_random=False), weights=st.booleans())
def test_ensembles(name, order, weights):
    estimator, grid = ENSEMBLES[name]
    fit_params = {"sample_weight": np.linspace(0.5, 2, len(y))} if weights else {}
    work = check_equal(estimator, grid, order, fit_params=fit_params)
    assert work.fits <= 6
    (sizes,) = grid.values()
    assert work.budget_asked == 2 * sum(sizes)


@pytest.mark.parametrize("name", ENSEMBLES)
def test_ensembles_are_fitted_once_where_the_largest_comes_first(name):
    estimator, grid = ENSEMBLES[name]
    evaluate = evaluator(estimator, "exact")
    params = list(ParameterGrid(grid))
    jobs = [Job(trial, split, params[trial]) for split in (0, 1) for trial in range(3)]
    bundles = list(plan(evaluate, jobs, at_once=2))
    assert [len(bundle.jobs) for bundle in bundles] == [3, 3]
    _, work = scores(evaluate, [job for bundle in bundles for job in bundle.jobs], StageCache())
    assert (work.fits, work.budget_run) == (2, 16)


@pytest.mark.parametrize("name", LEFT_ALONE)
def test_what_looks_at_the_whole_is_left_alone(name):
    estimator, grid = LEFT_ALONE[name]
    work = check_equal(estimator, grid, random.Random(0))
    assert work.fits in (0, 2 * len(ParameterGrid(grid)))


def test_an_ensemble_cut_short_is_the_one_fitted_alone():
    for estimator, grid in ENSEMBLES.values():
        ((parameter, (_, some, most)),) = grid.items()
        cache = StageCache()
        held = []

        def keep(fitted, X, y, held=held):
            held.append(fitted)
            return 0.0

        evaluate = CrossValidation(estimator, X, y, SPLITS, keep, seeds=[5, 7])
        for n in (most, some):
            evaluate(Job(0, 0, {parameter: n}), cache)
        evaluate(Job(0, 0, {parameter: some}), StageCache())
        _, cut, alone = held
        for method in ("predict", "predict_proba", "apply", "decision_function"):
            if hasattr(alone, method):
                ours, theirs = getattr(cut, method)(X), getattr(alone, method)(X)
                np.testing.assert_array_equal(ours, theirs)
        assert vars(cut).keys() == vars(alone).keys()


def doubled(X):
    return 2 * X


def halved_in_place(X):
    X /= 2
    return X


class Own(TransformerMixin, BaseEstimator):
    """A transformer whose code nobody knows."""

    def __init__(self, kind="plain", scale=1.0):
        self.kind = kind
        self.scale = scale

    def fit(self, X, y=None):
        self.mean_ = np.asarray(X).mean(axis=0)
        return self

    def transform(self, X):
        if self.kind == "writes":
            X -= self.mean_
            return X
        if self.kind == "same":
            return X
        return (X - self.mean_) * self.scale


class Scribbler(ClassifierMixin, BaseEstimator):
    """A classifier that writes to its data."""

    def __init__(self, shift=0.0):
        self.shift = shift

    def fit(self, X, y):
        self.model_ = GaussianNB().fit(X, y)
        self.classes_ = self.model_.classes_
        X += self.shift
        return self

    def predict(self, X):
        found = self.model_.predict(X)
        X *= 0
        return found


union = FeatureUnion([("pca", PCA()), ("best", SelectKBest())], transformer_weights={"pca": 2.0})
columns = ColumnTransformer(
    [
        ("scaled", StandardScaler(), [0, 1, 2]),
        ("ranged", MinMaxScaler(), slice(3, 6)),
        ("kept", "passthrough", [7]),
        ("gone", "drop", [8]),
    ],
    remainder=StandardScaler(),
)
PIPELINES = {
    "two steps": (
        make_pipeline(StandardScaler(), PCA(), LogisticRegression(max_iter=20)),
        {"pca__n_components": [2, 3], "logisticregression__C": [0.1, 1.0]},
    ),
    "union": (
        make_pipeline(StandardScaler(), union, GaussianNB()),
        {
            "featureunion__pca__n_components": [1, 2],
            "featureunion__best__k": [1, 2],
            "gaussiannb__var_smoothing": [1e-9, 0.1],
        },
    ),
    "columns": (
        make_pipeline(columns, PCA(2), GaussianNB()),
        {
            "columntransformer__scaled__with_mean": [True, False],
            "columntransformer__kept": ["passthrough", "drop"],
            "gaussiannb__var_smoothing": [1e-9, 0.1],
        },
    ),
    "nested": (
        make_pipeline(make_pipeline(StandardScaler(), PCA(3)), SelectKBest(), GaussianNB()),
        {"pipeline__pca__n_components": [3, 4], "selectkbest__k": [1, 2]},
    ),
    "steps as values": (
        Pipeline([("scale", StandardScaler()), ("fit", GaussianNB())]),
        {
            "scale": [StandardScaler(), MinMaxScaler(), "passthrough", Own()],
            "fit": [GaussianNB(), RandomForestClassifier(2), LogisticRegression(max_iter=5)],
        },
    ),
    "a budget at the end": (
        make_pipeline(StandardScaler(), PCA(), RandomForestClassifier()),
        {"pca__n_components": [2, 3], "randomforestclassifier__n_estimators": [1, 3, 5]},
    ),
    "written to by a scaler": (
        make_pipeline(StandardScaler(copy=False), PCA(2), GaussianNB()),
        {"standardscaler__with_std": [True, False], "gaussiannb__var_smoothing": [1e-9, 0.1]},
    ),
    "written to by the last step": (
        make_pipeline(StandardScaler(), Scribbler()),
        {"scribbler__shift": [0.0, 1.0], "standardscaler__with_mean": [True, False]},
    ),
    "a function": (
        make_pipeline(FunctionTransformer(doubled), PCA(2), GaussianNB()),
        {"pca__n_components": [1, 2], "gaussiannb__var_smoothing": [1e-9, 0.1]},
    ),
    "code of one's own": (
        make_pipeline(Own(), PCA(2), GaussianNB()),
        {"own__kind": ["plain", "writes", "same"], "gaussiannb__var_smoothing": [1e-9, 0.1, 1]},
    ),
    "a function that writes, in disguise": (
        make_pipeline(
            FunctionTransformer(partial(halved_in_place)), StandardScaler(), GaussianNB()
        ),
        {"gaussiannb__var_smoothing": [1e-9, 0.1, 1]},
    ),
    "written to first": (
        make_pipeline(Own("writes"), StandardScaler(), RandomForestClassifier()),
        {"randomforestclassifier__n_estimators": [2, 4], "own__scale": [1.0, 2.0]},
    ),
    "code of one's own in a union": (
        make_pipeline(FeatureUnion([("own", Own()), ("pca", PCA(2))]), GaussianNB()),
        {
            "featureunion__own__kind": ["plain", "writes"],
            "gaussiannb__var_smoothing": [1e-9, 0.1, 1],
        },
    ),
    "failing": (
        make_pipeline(StandardScaler(), PCA(), GaussianNB()),
        {"pca__n_components": [2, 99], "gaussiannb__var_smoothing": [1e-9, -1.0]},
    ),
}


@pytest.mark.parametrize("name", PIPELINES)
@settings(often)
@given(
    order=st.randoms(use_true_random=False),
    limit=st.sampled_from([2_000, 20_000, 10_000_000]),
    scoring=st.sampled_from([None, ["accuracy", "f1_macro"], ["accuracy", "neg_log_loss"]]),
)
def test_pipelines(name, order, limit, scoring):
    """In any order of jobs, and with whatever fits into the cache."""
    estimator, grid = PIPELINES[name]
    if "scribbler" in str(grid):
        scoring = None
    check_equal(estimator, grid, order, cache=StageCache(limit), scoring=scoring)


UNSHARED = {"written to by a scaler", "a function that writes, in disguise", "written to first"}


@pytest.mark.parametrize("name", sorted(PIPELINES.keys() - UNSHARED))
def test_steps_of_pipelines_are_shared(name):
    estimator, grid = PIPELINES[name]
    work = check_equal(estimator, grid, random.Random(1))
    assert work.steps_run < work.steps_asked


def halving(estimator, X, y):
    score = estimator.score(X, y)
    X *= 0.5
    return score


@settings(often)
@given(order=st.randoms(use_true_random=False))
def test_a_scorer_that_writes_to_the_data(order):
    pipeline = make_pipeline(StandardScaler(), PCA(), GaussianNB())
    grid = {"pca__n_components": [2, 3], "gaussiannb__var_smoothing": [1e-9, 0.1]}
    scoring = {"first": halving, "second": halving}
    work = check_equal(pipeline, grid, order, scoring=scoring)
    assert work.steps_run < work.steps_asked


def test_data_frames_and_their_columns():
    frame = pd.DataFrame(X, columns=[f"c{n}" for n in range(X.shape[1])])
    by_name = ColumnTransformer(
        [("scaled", StandardScaler(), ["c0", "c3"]), ("ranged", MinMaxScaler(), ["c1"])]
    ).set_output(transform="pandas")
    pipeline = make_pipeline(by_name, GaussianNB())
    grid = {
        "columntransformer__ranged__clip": [True, False],
        "gaussiannb__var_smoothing": [1e-9, 0.1, 1.0],
    }
    work = check_equal(pipeline, grid, random.Random(0), X=frame)
    assert work.steps_run < work.steps_asked


def test_words_in_lists_and_sparse_steps():
    texts = [
        f"{'red' if label else 'blue'} {n} apples and {label} pears" for n, label in enumerate(y)
    ]
    pipeline = make_pipeline(TfidfVectorizer(), SelectKBest(k=3), LogisticRegression(max_iter=10))
    grid = {
        "tfidfvectorizer__ngram_range": [(1, 1), (1, 2)],
        "selectkbest__k": [2, 4],
        "logisticregression__C": [0.1, 1.0],
    }
    work = check_equal(pipeline, grid, random.Random(0), X=texts)
    assert (work.steps_asked, work.steps_run) == (32, 12)


class Noisy(TransformerMixin, BaseEstimator):
    """Draws from a generator that no seed reaches."""

    def __init__(self, legacy=False):
        self.legacy = legacy

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        draw = np.random.normal if self.legacy else np.random.default_rng().normal
        return X + draw(size=X.shape)


def test_a_step_that_draws_makes_the_later_ones_draw_too():
    """Twice in one evaluation, once for each metric."""
    pipeline = make_pipeline(Noisy(legacy=True), StandardScaler(), RandomForestClassifier(5))
    jobs = [Job(trial, split, {}) for trial in range(3) for split in (0, 1)]
    found = []
    for sharing in ("off", "exact"):
        np.random.seed(0)
        evaluate = evaluator(pipeline, sharing, scoring=["accuracy", "neg_log_loss"])
        found.append([evaluate(job, StageCache()).test_scores for job in jobs])
    assert found[0] == found[1]


@pytest.mark.parametrize("legacy", [True, False])
def test_a_step_that_is_not_deterministic_is_left_alone(legacy):
    pipeline = make_pipeline(Noisy(legacy), GaussianNB())
    jobs = [Job(trial, 0, {"gaussiannb__var_smoothing": 10.0**-trial}) for trial in range(6)]
    _, work = scores(evaluator(pipeline, "exact"), jobs, StageCache())
    assert (work.steps_asked, work.steps_run) == (6, 6)


def test_a_memory_of_the_users_own_is_left_to_it(tmp_path):
    pipeline = make_pipeline(StandardScaler(), GaussianNB(), memory=str(tmp_path))
    grid = {"gaussiannb__var_smoothing": [1e-9, 0.1]}
    work = check_equal(pipeline, grid, random.Random(0))
    assert work.steps_asked == 0
    assert any(tmp_path.rglob("*.pkl"))
