"""Searches that run out of time, and workers that hang, crash or are killed."""

from __future__ import annotations

import os
import signal
import time

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import load_iris
from sklearn.exceptions import FitFailedWarning

from tunesmith import GridSearchCV, SearchTimeout
from tunesmith.exceptions import UnpicklableError

X, y = load_iris(return_X_y=True)


class Unruly(ClassifierMixin, BaseEstimator):
    """Does what it is told instead of fitting."""

    def __init__(self, deed="fit"):
        self.deed = deed

    def fit(self, X, y):
        deed = self.deed
        if deed == "hang":
            time.sleep(600)
        elif deed == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        elif isinstance(deed, int):
            os._exit(deed)
        elif isinstance(deed, float):
            time.sleep(deed)
        elif deed == "raise":
            raise ValueError("told to raise")
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return np.full(len(X), self.classes_[0])


@pytest.mark.parametrize(
    ("deed", "reason"),
    [
        ("killed", "SIGKILL"),
        (0, "exit code 0"),
        (3, "exit code 3"),
        ("hang", "fit_timeout=1.5"),
        ("raise", "told to raise"),
    ],
)
def test_an_evaluation_that_goes_wrong_costs_itself_alone(deed, reason):
    search = GridSearchCV(Unruly(), {"deed": ["fit", deed, "also"]}, cv=2, n_jobs=2)
    search.set_params(fit_timeout=1.5 if deed == "hang" else None)
    with (
        pytest.warns(UserWarning, match="non-finite"),
        pytest.warns(FitFailedWarning) as caught,
    ):
        search.fit(X, y)
    assert any(reason in str(w.message) for w in caught)
    means = search.cv_results_["mean_test_score"]
    assert np.isnan(means[1])
    assert np.isfinite(means[[0, 2]]).all()
    assert search.cv_results_["rank_test_score"].tolist() == [1, 3, 1]


def test_with_error_score_raise_a_killed_worker_ends_the_search():
    search = GridSearchCV(Unruly(), {"deed": ["killed"]}, cv=2, n_jobs=2, error_score="raise")
    with pytest.raises(RuntimeError, match="SIGKILL"):
        search.fit(X, y)


def test_an_accident_is_tried_again_on_resuming(tmp_path):
    flag = tmp_path / "flag"
    grid = {"deed": ["fit", f"{flag}"]}
    search = GridSearchCV(DiesOnce(), grid, cv=2, n_jobs=2, storage=tmp_path / "s.db")
    with (
        pytest.warns(UserWarning, match="non-finite"),
        pytest.warns(FitFailedWarning, match="exit code 1"),
    ):
        search.fit(X, y)
    assert np.isnan(search.cv_results_["mean_test_score"][1])
    search.fit(X, y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


class DiesOnce(Unruly):
    def fit(self, X, y):
        if self.deed != "fit" and not os.path.exists(self.deed):
            with open(self.deed, "w"):
                pass
            os._exit(1)
        return super().fit(X, y)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_timeout_warns_and_ranks_what_is_complete(n_jobs):
    grid = {"deed": ["fit", "fit", 0.4, 0.4, 0.4, 0.4, 0.4, 0.4, 0.4, 0.4, 0.4, 0.4]}
    search = GridSearchCV(Unruly(), grid, cv=2, n_jobs=n_jobs, timeout=3.0 if n_jobs > 1 else 1.5)
    start = time.monotonic()
    with pytest.warns(UserWarning, match="ran out") as caught:
        search.fit(X, y)
    assert time.monotonic() - start < 6
    assert len([w for w in caught if "non-finite" in str(w.message)]) == 0
    means, ranks = (search.cv_results_[f"{name}_test_score"] for name in ("mean", "rank"))
    assert len(means) == 12
    assert np.isfinite(means[0])
    assert np.isnan(means[-1])
    assert ranks[-1] == ranks.max()
    assert search.best_index_ == 0
    assert search.predict(X).shape == y.shape


def test_timeout_before_one_candidate_is_complete():
    search = GridSearchCV(Unruly(), {"deed": [1.0]}, cv=5, timeout=0.5)
    with pytest.raises(SearchTimeout, match=r"timeout=0\.5"):
        search.fit(X, y)
    assert np.isnan(search.cv_results_["mean_test_score"]).all()


@pytest.mark.parametrize("name", ["timeout", "fit_timeout"])
@pytest.mark.parametrize("seconds", [0, -1, "10"])
def test_bad_seconds(name, seconds):
    with pytest.raises(ValueError, match=name):
        GridSearchCV(Unruly(), {"deed": ["fit"]}, **{name: seconds}).fit(X, y)


def test_a_very_long_fit_timeout_is_no_error():
    search = GridSearchCV(Unruly(), {"deed": ["fit"]}, cv=2, fit_timeout=1e10)
    assert np.isfinite(search.fit(X, y).best_score_)


@pytest.mark.parametrize("threads", [0, 1.5])
def test_bad_threads(threads):
    with pytest.raises(ValueError, match="threads_per_worker"):
        GridSearchCV(Unruly(), {"deed": ["fit"]}, threads_per_worker=threads).fit(X, y)


def test_what_cannot_be_copied_is_named_before_anything_runs(tmp_path):
    with open(tmp_path / "open.txt", "w") as file:
        search = GridSearchCV(Unruly(deed=file), {"deed": ["fit"]})
        with pytest.raises(TypeError, match=r"deed=.*open\.txt.* of Unruly cannot be copied"):
            search.fit(X, y)


class Unsendable:
    def __deepcopy__(self, memo):
        return self

    def __reduce__(self):
        raise ValueError("it stays here")


def test_what_cannot_be_sent_is_named_before_anything_runs():
    search = GridSearchCV(Unruly(deed=Unsendable()), {"deed": ["fit"]}, n_jobs=2)
    with pytest.raises(UnpicklableError, match=r"estimator\.deed.*it stays here"):
        search.fit(X, y)
    assert not hasattr(search, "cv_results_")
