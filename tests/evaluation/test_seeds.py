"""Seeds for estimators that are given none."""

from __future__ import annotations

import pytest
from sklearn.ensemble import BaggingClassifier, RandomForestClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from tunesmith.evaluation.seeds import needs_seeds, unseeded


@pytest.mark.parametrize(
    ("estimator", "names"),
    [
        (GaussianNB(), []),
        (SVC(), ["random_state"]),
        (SVC(random_state=0), []),
        (
            BaggingClassifier(DecisionTreeClassifier()),
            ["estimator__random_state", "random_state"],
        ),
        (BaggingClassifier(SVC(random_state=0)), ["random_state"]),
        (make_pipeline(SVC()), ["svc__random_state"]),
    ],
)
def test_seeds_that_are_none(estimator, names):
    assert sorted(unseeded(estimator)) == names


@pytest.mark.parametrize(
    ("estimator", "candidates", "needs"),
    [
        (GaussianNB(), [{"var_smoothing": 1.0}], False),
        (SVC(), [{"C": 1}], True),
        (SVC(random_state=1), [{"C": 1}], False),
        (SVC(random_state=1), [{"C": 1}, {"random_state": None}], True),
        (SVC(), [{"random_state": 1}], True),
        (make_pipeline(GaussianNB()), [{"gaussiannb": SVC(random_state=1)}], False),
        (
            make_pipeline(GaussianNB()),
            [{"gaussiannb": GaussianNB()}, {"gaussiannb": RandomForestClassifier()}],
            True,
        ),
        (make_pipeline(GaussianNB()), [{"steps": [("model", RandomForestClassifier())]}], True),
    ],
)
def test_whether_any_candidate_needs_a_seed(estimator, candidates, needs):
    assert needs_seeds(estimator, candidates) is needs


def test_candidates_are_left_as_they_are():
    forest = RandomForestClassifier()
    needs_seeds(make_pipeline(GaussianNB()), [{"gaussiannb": forest, "gaussiannb__max_depth": 2}])
    assert forest.max_depth is None
