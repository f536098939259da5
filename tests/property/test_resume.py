"""Law of studies: a search that was interrupted, wherever, and run again is as if it never was."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import load_iris
from sklearn.model_selection import ShuffleSplit

from tunesmith import Float, GridSearchCV, Int, RandomizedSearchCV

X, y = (part[::3] for part in load_iris(return_X_y=True))


class Count:
    """Counts fits, and interrupts one; no content that a study is made from."""

    def __init__(self):
        self.fits = 0
        self.stop_at = None

    def __deepcopy__(self, memo):
        return self

    def __reduce__(self):
        return Count, ()


class Threshold(ClassifierMixin, BaseEstimator):
    """Tells classes by thresholds of one feature; a negative one fails."""

    def __init__(self, count, high=4.9, low=2.5, feature=2):
        self.count = count
        self.high = high
        self.low = low
        self.feature = feature

    def fit(self, X, y):
        if self.count.fits == self.count.stop_at:
            raise KeyboardInterrupt
        self.count.fits += 1
        if self.low < 0:
            raise ValueError("below zero")
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return np.digitize(X[:, self.feature], [self.low, max(self.low, self.high)])


def subsets(values, least=1):
    """Lists of some of the values in any order, repeats included."""
    return st.lists(st.sampled_from(values), min_size=least, max_size=4)


GRIDS = st.fixed_dictionaries(
    {"high": subsets([4.0, 4.9, 5.5, 6])},
    optional={
        "low": subsets([2.0, 2.5, np.float64(3), -1]),
        "feature": subsets([2, 3, np.int64(2)]),
    },
)
SETTINGS = st.fixed_dictionaries(
    {
        "cv": st.sampled_from([2, 3, ShuffleSplit(2, random_state=1)]),
        "return_train_score": st.booleans(),
        "scoring": st.sampled_from([None, "accuracy"]),
    }
)


def fit(search):
    """Fit; return whether it came to an end."""
    try:
        search.fit(X, y)
    except KeyboardInterrupt:
        return False
    return True


def assert_resumes(make, stops):
    """Check that a search stopped at each of the fits in `stops` comes to the same end."""
    whole = make(Count(), None).fit(X, y)
    n_fits = whole.n_splits_ * len(whole.cv_results_["params"]) + 1
    spent = 0
    with tempfile.TemporaryDirectory() as folder:
        where = Path(folder) / "study.db"
        for stop in [*stops, None]:
            count = Count()
            count.stop_at = stop
            resumed = make(count, where)
            ended = fit(resumed)
            spent += count.fits
            assert ended or count.fits == stop
            if ended:
                break
    # Nothing is computed twice, and the winner alone is refitted.
    assert spent == n_fits
    assert resumed.best_params_ == whole.best_params_
    assert list(resumed.cv_results_) == list(whole.cv_results_)
    for name, expected in whole.cv_results_.items():
        if not name.endswith("_time"):
            np.testing.assert_array_equal(resumed.cv_results_[name], expected)
            assert list(map(type, resumed.cv_results_[name])) == list(map(type, expected))


STOPS = st.lists(st.integers(0, 12), max_size=3)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.FitFailedWarning")
@pytest.mark.filterwarnings("ignore:One or more of the test scores")
@pytest.mark.filterwarnings("ignore:One or more of the train scores")
@settings(max_examples=30, deadline=None)
@given(GRIDS, SETTINGS, STOPS)
def test_a_grid_search_resumed_equals_the_uninterrupted_one(grid, options, stops):
    if all(low < 0 for low in grid.get("low", [1])):
        return

    def make(count, storage):
        return GridSearchCV(Threshold(count), grid, storage=storage, **options)

    assert_resumes(make, stops)


SPACE = {"high": Float(4, 6), "low": Float(1, 3, step=0.5), "feature": Int(2, 3)}


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 6), st.integers(0, 2**31 - 1), SETTINGS, STOPS)
def test_a_random_search_resumed_equals_the_uninterrupted_one(n_iter, seed, options, stops):
    def make(count, storage):
        return RandomizedSearchCV(
            Threshold(count), SPACE, n_iter=n_iter, random_state=seed, storage=storage, **options
        )

    assert_resumes(make, stops)
