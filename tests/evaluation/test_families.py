"""Fits that are made from one piece of work."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.datasets import load_iris
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
from sklearn.svm import SVC

from tunesmith.evaluation.ensembles import Prefixes
from tunesmith.evaluation.families import GoingOn, find_family, is_count, learned

X, y = load_iris(return_X_y=True)
FITTED = [
    RandomForestClassifier(random_state=0),
    RandomForestClassifier(bootstrap=False, max_features=1, random_state=np.random.RandomState(3)),
    RandomForestRegressor(max_samples=0.5, random_state=0),
    ExtraTreesClassifier(bootstrap=True, class_weight="balanced_subsample", random_state=0),
    ExtraTreesRegressor(random_state=0),
    BaggingClassifier(max_features=0.5, bootstrap_features=True, random_state=0),
    BaggingClassifier(SVC(random_state=0), max_samples=0.5, random_state=0),
    BaggingRegressor(max_samples=20, bootstrap=False, random_state=0),
    GradientBoostingClassifier(random_state=0),
    GradientBoostingClassifier(subsample=0.5, max_features=1, random_state=0),
    GradientBoostingRegressor(loss="quantile", subsample=0.7, random_state=0),
    HistGradientBoostingClassifier(max_features=0.5, random_state=0),
    HistGradientBoostingRegressor(loss="absolute_error", random_state=0),
]
ASKED = (
    "predict",
    "predict_proba",
    "decision_function",
    "apply",
    "staged_predict",
    "feature_importances_",
    "n_estimators_",
    "n_iter_",
    "estimators_samples_",
    "train_score_",
    "oob_improvement_",
    "oob_scores_",
    "oob_score_",
)


def size_of(estimator):
    return "max_iter" if hasattr(estimator, "max_iter") else "n_estimators"


def answers(estimator):
    for name in ASKED:
        if hasattr(estimator, name):
            value = getattr(estimator, name)
            value = value(X) if callable(value) else value
            yield name, list(value) if name.startswith("staged") else value


NAMES = [f"{n} {type(estimator).__name__}" for n, estimator in enumerate(FITTED)]


@pytest.mark.parametrize("estimator", FITTED, ids=NAMES)
def test_an_ensemble_cut_is_a_smaller_ensemble(estimator):
    name = size_of(estimator)
    kept = None
    for size, fits in [(6, 1), (6, 0), (1, 0), (4, 0), (9, 1), (2, 0)]:
        cut, alone = (clone(estimator).set_params(**{name: size}) for _ in range(2))
        family = find_family(cut)
        assert isinstance(family, Prefixes)
        kept, work = family.fit(cut, X, y, {}, kept)
        alone.fit(X, y)
        assert vars(cut).keys() == vars(alone).keys()
        for (asked, ours), (_, theirs) in zip(answers(cut), answers(alone), strict=True):
            np.testing.assert_equal(ours, theirs, err_msg=asked)
        assert (work.fits, work.budget_asked, work.budget_run) == (fits, size, fits * size)


@pytest.mark.parametrize(
    "estimator",
    [
        RandomForestClassifier(),
        RandomForestClassifier(random_state=0, oob_score=True),
        RandomForestClassifier(random_state=0, warm_start=True),
        RandomForestClassifier(0, random_state=0),
        RandomForestClassifier(2.5, random_state=0),
        RandomForestClassifier("many", random_state=0),
        RandomForestClassifier(None, random_state=0),
        BaggingClassifier(random_state=0, warm_start=True),
        GradientBoostingClassifier(random_state=0, n_iter_no_change=3),
        HistGradientBoostingClassifier(random_state=0, early_stopping=True),
        HistGradientBoostingClassifier(random_state=0, warm_start=True),
        HistGradientBoostingClassifier(random_state=0, max_iter=-1),
        SVC(),
    ],
    ids=str,
)
def test_left_alone(estimator):
    assert find_family(estimator) is None


class Own(RandomForestClassifier):
    def _validate_y_class_weight(self, y):
        raise NotImplementedError


class OwnBase(ClassifierMixin, BaseEstimator):
    def fit(self, X, y):
        return self


def test_what_runs_code_that_is_not_known_is_left_alone():
    assert find_family(Own(random_state=0)) is None
    assert find_family(BaggingClassifier(OwnBase(), random_state=0)) is None
    assert find_family(GradientBoostingClassifier(init=OwnBase(), random_state=0)) is None


def test_what_has_stopped_early_is_not_cut():
    X, y = np.random.default_rng(0).normal(size=(2, 10_050))
    estimator = HistGradientBoostingRegressor(random_state=0, max_iter=3)
    family = find_family(estimator)
    kept, _ = family.fit(estimator, X[:, None], y, {}, None)
    assert estimator.do_early_stopping_
    smaller = clone(estimator).set_params(max_iter=2)
    _, work = family.fit(smaller, X[:, None], y, {}, kept)
    assert work.fits == 1


def test_a_monitor_looks_at_all():
    family = find_family(GradientBoostingClassifier(random_state=0))
    seen = []

    def monitor(at, estimator, names):
        seen.append(at)

    large, small = (GradientBoostingClassifier(n_estimators=n, random_state=0) for n in (5, 3))
    kept, _ = family.fit(large, X, y, {"monitor": monitor}, None)
    family.fit(small, X, y, {"monitor": monitor}, kept)
    assert seen == [*range(5), *range(3)]


class Counting(BaseEstimator):
    """Its budget is all there is to it."""

    budget_parameter = "rounds"

    def __init__(self, rounds=1, ready=True):
        self.rounds = rounds
        self.ready = ready

    @property
    def can_advance(self):
        return self.ready

    def advance(self, X, y, *, to, **fit_params):
        self.trained_ = [*getattr(self, "trained_", []), to]
        return self


def test_training_goes_on_from_where_it_stopped():
    family = find_family(Counting())
    assert isinstance(family, GoingOn)
    kept, runs = None, []
    for rounds in (2, 5, 5, 3, 4):
        estimator = Counting(rounds)
        kept, work = family.fit(estimator, X, y, {}, kept)
        runs.append((work.fits, work.budget_run, estimator.trained_))
    assert runs == [(1, 2, [2]), (0, 3, [2, 5]), (0, 0, [2, 5, 5]), (1, 3, [3]), (0, 1, [3, 4])]


def test_who_cannot_go_on_is_left_alone():
    assert find_family(Counting(ready=False)) is None
    assert find_family(Counting(rounds="all")) is None


def test_the_longest_ensemble_and_the_shortest_run_come_first():
    prefixes, going_on = find_family(FITTED[0]), find_family(Counting())
    forests = [RandomForestClassifier(n, random_state=0) for n in (2, 9, 5)]
    assert [f.n_estimators for f in sorted(forests, key=prefixes.rank)] == [9, 5, 2]
    runs = [Counting(rounds) for rounds in (2, 9, 5)]
    assert [run.rounds for run in sorted(runs, key=going_on.rank)] == [2, 5, 9]


@pytest.mark.parametrize(
    ("value", "counts"),
    [(1, True), (np.int64(3), True), (0, False), (-1, False), (2.0, False), (None, False)],
)
def test_budgets(value, counts):
    assert is_count(value) is counts


def test_what_is_learned_is_neither_parameter_nor_method():
    forest = RandomForestClassifier(2, random_state=0).fit(X, y)
    forest.fit = forest.fit
    assert {"estimators_", "classes_"} <= learned(forest).keys()
    assert learned(forest).keys().isdisjoint({"n_estimators", "fit"})
