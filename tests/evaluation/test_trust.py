"""Which code is known to write to nothing, and to do the same again."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.ensemble import BaggingClassifier, StackingClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.feature_selection import RFECV, SelectKBest, f_classif, mutual_info_classif
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, check_scoring, make_scorer
from sklearn.model_selection import KFold
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC

from tunesmith.evaluation.trust import is_known, leaves_data, reads_only, sees_data


class Own(BaseEstimator):
    def __init__(self, part=None):
        self.part = part


def own(y_true, y_pred):
    return 1.0


class Tokens:
    def split(self, text):
        return text.split()


@pytest.mark.parametrize(
    "estimator",
    [
        StandardScaler(),
        make_pipeline(StandardScaler(), BaggingClassifier(SVC())),
        FunctionTransformer(np.log1p),
        FunctionTransformer(partial(np.clip, a_min=0, a_max=1)),
        SelectKBest(f_classif),
        RFECV(SVC(), scoring=make_scorer(accuracy_score)),
        ColumnTransformer([("all", SVC(), make_column_selector("a"))]),
        TfidfVectorizer(stop_words=["a", "the"], dtype=np.float32),
        StackingClassifier([("svc", SVC())], cv=KFold(shuffle=True, random_state=0)),
    ],
)
def test_known(estimator):
    assert is_known(estimator)
    assert reads_only(estimator)


@pytest.mark.parametrize(
    "estimator",
    [
        Own(),
        make_pipeline(StandardScaler(), Own()),
        BaggingClassifier(Own()),
        FunctionTransformer(own),
        FunctionTransformer(partial(own, 1)),
        FunctionTransformer(np.vectorize(own)),
        FunctionTransformer(kw_args={"by": own}),
        FunctionTransformer(np.random.permutation),
        TfidfVectorizer(tokenizer=Tokens().split),
        KNeighborsClassifier(metric=own),
        SelectKBest(mutual_info_classif),
        RFECV(SVC(), scoring=make_scorer(own)),
        StackingClassifier([("svc", SVC())], cv=KFold(shuffle=True)),
    ],
)
def test_not_known(estimator):
    assert not is_known(estimator)
    assert not reads_only(estimator)


def test_what_is_told_to_write_does():
    assert not reads_only(make_pipeline(StandardScaler(copy=False), SVC()))
    assert not reads_only(StandardScaler(copy=0))


def score(estimator, X, y):
    return 0.0


@pytest.mark.parametrize(
    ("scoring", "leaves", "sees"),
    [
        (None, True, False),
        ("accuracy", True, False),
        (["accuracy", "roc_auc_ovr"], True, False),
        (make_scorer(accuracy_score), True, False),
        (make_scorer(own), False, False),
        (score, False, True),
        ({"accuracy": "accuracy", "own": score}, False, True),
    ],
)
def test_scorers(scoring, leaves, sees):
    scorer = check_scoring(LogisticRegression(), scoring)
    assert (leaves_data(scorer), sees_data(scorer)) == (leaves, sees)


def test_what_holds_itself_is_told_all_the_same():
    registry = []
    chain = make_pipeline(FunctionTransformer(kw_args={"registry": registry}), SVC())
    registry.append(chain)
    assert is_known(chain)
    registry.append(Own())
    assert not is_known(chain)
