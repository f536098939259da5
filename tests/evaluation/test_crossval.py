"""Fit and score, as scikit-learn does it."""

from __future__ import annotations

import warnings
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import check_scoring
from sklearn.model_selection import StratifiedKFold
from sklearn.model_selection._validation import _fit_and_score
from sklearn.tree import DecisionTreeClassifier

from tunesmith.evaluation import Evaluator
from tunesmith.evaluation.crossval import CrossValidation
from tunesmith.exceptions import WorkerError
from tunesmith.trial import Job, Outcome, State

X, y = load_iris(return_X_y=True)
SPLITS = list(StratifiedKFold(3, shuffle=True, random_state=0).split(X, y))
JOB = Job(2, 1, {"max_depth": 2})


def accuracy(estimator, X, y):
    return estimator.score(X, y)


def evaluator(estimator=None, scoring=None, **more):
    estimator = DecisionTreeClassifier(random_state=0) if estimator is None else estimator
    more.setdefault("scorer", check_scoring(estimator, scoring))
    return CrossValidation(estimator, X, y, SPLITS, **more)


@pytest.mark.parametrize("return_train_score", [False, True])
@pytest.mark.parametrize("scoring", [None, "neg_log_loss", ["accuracy", "neg_log_loss"]])
@pytest.mark.parametrize(
    ("estimator", "params"),
    [
        (DecisionTreeClassifier(random_state=0), {"max_depth": 2}),
        (LogisticRegression(max_iter=1000), {"C": 0.1}),
        (LogisticRegression(max_iter=1000), {}),
    ],
)
@pytest.mark.parametrize("split", [0, 2])
def test_gives_what_scikit_learn_gives(estimator, params, scoring, return_train_score, split):
    weights = np.linspace(0, 1, len(y))
    scorer = check_scoring(estimator, scoring)
    train, test = SPLITS[split]
    theirs = _fit_and_score(
        clone(estimator),
        X,
        y,
        scorer=scorer,
        train=train,
        test=test,
        verbose=0,
        parameters=params,
        fit_params={"sample_weight": weights},
        score_params={},
        return_train_score=return_train_score,
        return_n_test_samples=True,
        return_times=True,
    )
    ours = evaluator(
        estimator,
        scoring,
        fit_params={"sample_weight": weights},
        return_train_score=return_train_score,
    )(Job(4, split, params))
    assert (ours.trial, ours.split, ours.state) == (4, split, State.COMPLETED)
    assert ours.test_scores == theirs["test_scores"]
    assert ours.train_scores == theirs.get("train_scores")
    assert (ours.train_scores is not None) is return_train_score
    assert ours.n_test_samples == theirs["n_test_samples"] == 50
    assert (ours.error, ours.exception) == (None, None)
    assert ours.fit_time > 0
    assert ours.score_time > 0


def test_is_an_evaluator_and_leaves_the_estimator_alone():
    estimator = DecisionTreeClassifier(random_state=0)
    cross_validation = evaluator(estimator)
    assert isinstance(cross_validation, Evaluator)
    assert cross_validation.n_splits == 3
    cross_validation(JOB)
    assert estimator.max_depth is None
    assert not hasattr(estimator, "tree_")


def test_the_verbose_line_counts_as_scikit_learns_does(capsys):
    evaluator(verbose=10, n_candidates=5)(JOB)
    out = capsys.readouterr().out
    assert "[CV 2/3; 3/5]" in out
    assert "max_depth=2" in out


class Failing(ClassifierMixin, BaseEstimator):
    def __init__(self, fails=True):
        self.fails = fails

    def fit(self, X, y):
        if self.fails:
            raise ValueError("no fit")
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return np.zeros(len(X), dtype=int)


@pytest.mark.parametrize("error_score", [np.nan, -1.0, 0])
@pytest.mark.parametrize("scoring", [None, ["accuracy", "balanced_accuracy"]])
@pytest.mark.parametrize("return_train_score", [False, True])
def test_an_accident_gets_what_a_failed_fit_gets(error_score, scoring, return_train_score):
    """Whether the user's code raised or the worker died, the scores are the same."""
    cross_validation = evaluator(
        Failing(),
        scoring,
        error_score=error_score,
        return_train_score=return_train_score,
    )
    job = Job(0, 1, {"fails": True})
    fitted = cross_validation(job)
    assert fitted.state is State.FAILED
    assert "ValueError: no fit" in fitted.error
    lost = cross_validation.failed(Outcome.accident(job, State.LOST, "gone"))
    assert (lost.state, lost.error, lost.exception) == (State.LOST, "gone", None)
    for name in ("test_scores", "train_scores"):
        ours, theirs = getattr(lost, name), getattr(fitted, name)
        np.testing.assert_equal(ours, theirs)
        assert type(ours) is type(theirs)
    assert lost.n_test_samples == fitted.n_test_samples == 50
    expected = dict.fromkeys(scoring, error_score) if scoring else error_score
    np.testing.assert_equal(lost.test_scores, expected)
    if return_train_score:
        np.testing.assert_equal(lost.train_scores, expected)
    else:
        assert lost.train_scores is None


def test_an_accident_ends_the_search_where_errors_do():
    cross_validation = evaluator(error_score="raise")
    accident = Outcome.accident(JOB, State.TIMED_OUT, "fit_timeout=1 passed")
    outcome = cross_validation.failed(accident)
    assert isinstance(outcome.exception, WorkerError)
    assert str(outcome.exception) == "fit_timeout=1 passed"
    assert replace(outcome, exception=None) == accident


def test_a_failing_fit_ends_the_search_where_it_is_to():
    with pytest.raises(ValueError, match="no fit"):
        evaluator(Failing(), error_score="raise")(Job(0, 0, {}))


def test_a_scorer_that_raises_costs_its_score_and_not_the_evaluation():
    def scorer(estimator, X, y):
        raise ZeroDivisionError("no score")

    with pytest.warns(UserWarning, match="Scoring failed"):
        outcome = evaluator(scorer=scorer)(JOB)
    assert (outcome.state, outcome.error) == (State.UNSCORED, "scoring failed: test score")
    assert np.isnan(outcome.test_scores)
    assert type(outcome.test_scores) is float


@pytest.mark.parametrize(
    ("score", "expected"),
    [
        (1, 1.0),
        (True, 1.0),
        (np.float32(0.1), float(np.float32(0.1))),
        (np.int64(3), 3.0),
        (Fraction(1, 4), 0.25),
        (float("nan"), np.nan),
        (-np.inf, -np.inf),
        ({"a": np.float64(0.5), "b": 2}, {"a": 0.5, "b": 2.0}),
    ],
)
def test_scores_become_floats(score, expected):
    with warnings.catch_warnings(category=DeprecationWarning, action="ignore"):
        outcome = evaluator(scorer=lambda estimator, X, y: score)(JOB)
    np.testing.assert_equal(outcome.test_scores, expected)
    values = expected.values() if isinstance(expected, dict) else [outcome.test_scores]
    assert all(type(value) is float for value in values)


@pytest.mark.parametrize("score", [None, "0.5x", [0.1, 0.2], np.array([0.1, 0.2]), 1j, object()])
@pytest.mark.parametrize("named", [False, True])
def test_what_is_no_score_is_an_error(score, named):
    def scorer(estimator, X, y):
        return {"fine": 1.0, "odd": score} if named else score

    with pytest.raises(ValueError, match="scoring must return a number") as caught:
        evaluator(scorer=scorer)(JOB)
    assert type(score).__name__ in str(caught.value)
    assert ("odd" in str(caught.value)) is named


def test_a_score_too_large_for_a_float_is_an_error():
    with pytest.raises(ValueError, match="a float can hold"):
        evaluator(scorer=lambda estimator, X, y: 10**400)(JOB)
