"""The lines about each fit are scikit-learn's own."""

from __future__ import annotations

import re

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.dummy import DummyClassifier
from sklearn.metrics import check_scoring
from sklearn.model_selection import KFold
from sklearn.model_selection._validation import _fit_and_score
from sklearn.svm import SVC

from tunesmith.evaluation.crossval import CrossValidation
from tunesmith.trial import Job

X, y = load_iris(return_X_y=True)
SPLITS = list(KFold(3, shuffle=True, random_state=0).split(X))


def masked(text):
    """Return lines without times, whose widths differ, nor the dots that make up for them."""
    return re.sub(r"\.{2,}", "..", re.sub(r"time= *[\d.]+(s|min)", "time", text))


@pytest.mark.filterwarnings("ignore:Scoring failed")
@pytest.mark.parametrize("return_train_score", [False, True])
@pytest.mark.parametrize("scoring", [None, ["accuracy", "f1_macro"], "roc_auc"])
@pytest.mark.parametrize("verbose", [0, 1, 2, 3, 9, 10])
@pytest.mark.parametrize(
    ("estimator", "params"),
    [
        (SVC(), {"kernel": "linear", "C": 0.5}),
        (SVC(), {}),
        (SVC(), {"C": -1}),
        (DummyClassifier(), {"strategy": "constant", "constant": "a long word " * 9}),
    ],
)
def test_scikit_learns_lines(capsys, estimator, params, verbose, scoring, return_train_score):
    scorer = check_scoring(estimator, scoring)
    train, test = SPLITS[1]
    _fit_and_score(
        clone(estimator),
        X,
        y,
        scorer=scorer,
        train=train,
        test=test,
        verbose=verbose,
        parameters=params,
        fit_params={},
        score_params={},
        return_train_score=return_train_score,
        split_progress=(1, 3),
        candidate_progress=(4, 12),
        error_score=np.nan,
    )
    theirs = capsys.readouterr().out
    CrossValidation(
        estimator,
        X,
        y,
        SPLITS,
        scorer,
        return_train_score=return_train_score,
        verbose=verbose,
        n_candidates=12,
    )(Job(4, 1, params))
    ours = capsys.readouterr().out
    assert masked(ours) == masked(theirs)
    assert bool(ours) is (verbose > 1)
