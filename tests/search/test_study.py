"""Searches that are recorded, cut short, and gone on with."""

from __future__ import annotations

import subprocess
import sys
import threading
import warnings

import numpy as np
import pytest
from scipy.stats import loguniform, randint
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import load_iris
from sklearn.exceptions import FitFailedWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV as SkGridSearchCV
from sklearn.model_selection import KFold, StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.svm import SVC

from tunesmith import GridSearchCV, RandomizedSearchCV, StudyMismatch
from tunesmith.exceptions import StorageError, UnkeyableError

X, y = load_iris(return_X_y=True)


class Log:
    """Counts fits and stops at one; none of this is content that a study is made from."""

    def __init__(self):
        self.fits = []
        self.stop_at = None

    def __deepcopy__(self, memo):
        return self

    def __reduce__(self):
        return Log, ()


class Counting(ClassifierMixin, BaseEstimator):
    """Notes each fit, and can be told to be interrupted at one of them."""

    def __init__(self, log=None, threshold=0.0):
        self.log = log
        self.threshold = threshold

    def fit(self, X, y):
        if self.log.stop_at == len(self.log.fits):
            raise KeyboardInterrupt
        self.log.fits.append(self.threshold)
        if self.threshold == "bad":
            raise ValueError("bad threshold")
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return np.digitize(X[:, 2], [2.5, self.threshold])


@pytest.fixture
def log():
    return Log()


@pytest.fixture
def where(tmp_path):
    return tmp_path / "study.db"


GRID = {"threshold": [4.0, 4.5, 5.0, 5.5]}


def assert_same_results(one, other):
    assert list(one.cv_results_) == list(other.cv_results_)
    for name, expected in one.cv_results_.items():
        np.testing.assert_array_equal(other.cv_results_[name], expected)


def test_the_same_search_again_fits_only_the_winner(where, log):
    first = GridSearchCV(Counting(log), GRID, cv=3, storage=where).fit(X, y)
    assert len(log.fits) == 13
    again = GridSearchCV(Counting(log), GRID, cv=3, storage=where).fit(X, y)
    assert len(log.fits) == 14
    assert_same_results(first, again)
    assert again.best_params_ == first.best_params_


def test_equals_a_search_without_a_study(where, log):
    plain = GridSearchCV(Counting(log), GRID, cv=3, return_train_score=True).fit(X, y)
    kept = GridSearchCV(Counting(log), GRID, cv=3, return_train_score=True, storage=where).fit(
        X, y
    )
    again = GridSearchCV(Counting(log), GRID, cv=3, return_train_score=True, storage=where).fit(
        X, y
    )
    for name in plain.cv_results_:
        if not name.endswith("_time"):
            np.testing.assert_array_equal(plain.cv_results_[name], kept.cv_results_[name])
            np.testing.assert_array_equal(plain.cv_results_[name], again.cv_results_[name])


def test_a_grid_that_has_grown_reuses_what_it_shares(where, log):
    GridSearchCV(Counting(log), GRID, cv=3, storage=where, refit=False).fit(X, y)
    log.fits.clear()
    larger = {"threshold": [3.5, 4.0, 4.5, 5.0, 5.5, 6.0]}
    grown = GridSearchCV(Counting(log), larger, cv=3, storage=where, refit=False).fit(X, y)
    assert sorted(set(log.fits)) == [3.5, 6.0]
    assert len(log.fits) == 6
    fresh = GridSearchCV(Counting(log), larger, cv=3, refit=False).fit(X, y)
    np.testing.assert_array_equal(
        grown.cv_results_["split1_test_score"], fresh.cv_results_["split1_test_score"]
    )


def test_the_same_candidate_twice_is_evaluated_twice(where, log):
    grid = {"threshold": [4.5, 4.5]}
    GridSearchCV(Counting(log), grid, cv=3, storage=where, refit=False).fit(X, y)
    assert len(log.fits) == 6
    GridSearchCV(Counting(log), grid, cv=3, storage=where, refit=False).fit(X, y)
    assert len(log.fits) == 6


@pytest.mark.parametrize("stop", [0, 1, 5, 11])
def test_interrupted_then_resumed_equals_uninterrupted(where, stop, log):
    whole = GridSearchCV(Counting(log), GRID, cv=3).fit(X, y)
    log.fits.clear()
    log.stop_at = stop
    search = GridSearchCV(Counting(log), GRID, cv=3, storage=where)
    with pytest.raises(KeyboardInterrupt) as interruption:
        search.fit(X, y)
    assert f"{stop} of 12 evaluations are done" in interruption.value.__notes__[0]
    assert "Run the same script again" in interruption.value.__notes__[0]
    assert np.isfinite(search.cv_results_["split0_test_score"]).sum() == -(-stop // 3)
    assert not hasattr(search, "best_params_")
    log.fits.clear()
    log.stop_at = None
    search.fit(X, y)
    assert len(log.fits) == 12 - stop + 1
    for name, expected in whole.cv_results_.items():
        if not name.endswith("_time"):
            np.testing.assert_array_equal(search.cv_results_[name], expected)


def test_interrupted_without_a_study_says_how_to_have_one(log):
    log.stop_at = 4
    search = GridSearchCV(Counting(log), GRID, cv=3)
    with pytest.raises(KeyboardInterrupt) as interruption:
        search.fit(X, y)
    assert "storage=" in interruption.value.__notes__[0]
    ranks = search.cv_results_["rank_test_score"]
    assert ranks[0] == 1
    assert np.isnan(search.cv_results_["mean_test_score"][1:]).all()


def test_failed_fits_are_kept_and_warned_of_again(where, log):
    grid = {"threshold": [4.5, "bad"]}
    for expected in (7, 8):
        with (
            pytest.warns(UserWarning, match="non-finite"),
            pytest.warns(FitFailedWarning, match="fits failed") as caught,
        ):
            search = GridSearchCV(Counting(log), grid, cv=3, storage=where).fit(X, y)
        assert any("3 fits failed out of a total of 6" in str(w.message) for w in caught)
        assert any("bad threshold" in str(w.message) for w in caught)
        assert len(log.fits) == expected
        assert search.best_params_ == {"threshold": 4.5}


def test_another_error_score_applies_to_failures_kept(where, log):
    grid = {"threshold": [4.5, "bad"]}
    scores = []
    for error_score in (0.0, -1.0):
        search = GridSearchCV(
            Counting(log), grid, cv=3, storage=where, error_score=error_score, study_name="s"
        )
        with pytest.warns(FitFailedWarning, match="fits failed"):
            scores.append(search.fit(X, y).cv_results_["mean_test_score"][1])
    assert scores == [0.0, -1.0]


DATA = ("X", "y", "sample_weight")

CHANGES = {
    "parameter of the estimator": (
        dict(estimator=SVC(gamma=0.1)),
        "estimator.gamma was 'scale' and is now 0.1",
    ),
    "class of the estimator": (dict(estimator=LogisticRegression()), "estimator was"),
    "data": (dict(X=X + 1), "X has other content"),
    "targets": (dict(y=np.roll(y, 1)), "y has other content"),
    "splits": (dict(cv=4), "cv"),
    "seed of the splits": (dict(cv=StratifiedKFold(3, shuffle=True, random_state=1)), "cv"),
    "scoring": (dict(scoring="neg_log_loss"), "scoring"),
    "sample weights": (dict(sample_weight=np.ones(150)), "fit parameter sample_weight"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_study_made_from_something_else_is_an_error(where, change):
    changed, text = change
    options = {"cv": 3, "storage": where, "study_name": "irises"}
    GridSearchCV(SVC(), {"C": [1, 2]}, **options).fit(X, y)
    data = {"X": X, "y": y} | {k: v for k, v in changed.items() if k in DATA}
    changed = options | {k: v for k, v in changed.items() if k not in DATA}
    search = GridSearchCV(changed.pop("estimator", SVC()), {"C": [1, 2]}, **changed)
    with pytest.raises(StudyMismatch) as mismatch:
        search.fit(**data)
    assert text in str(mismatch.value)
    assert "irises" in str(mismatch.value)
    assert "study_name=" in str(mismatch.value)


def test_without_a_name_something_else_is_another_study(where, log):
    for data in (X, X + 1):
        GridSearchCV(Counting(log), GRID, cv=3, storage=where, refit=False).fit(data, y)
    assert len(log.fits) == 24


def make_scorer_of(bonus):
    def scorer(estimator, X, y):
        return estimator.score(X, y) + bonus

    return scorer


def test_a_scorer_is_known_by_its_content(where, log):
    options = {"cv": 3, "storage": where, "study_name": "s", "refit": False}
    GridSearchCV(Counting(log), GRID, scoring=make_scorer_of(1), **options).fit(X, y)
    GridSearchCV(Counting(log), GRID, scoring=make_scorer_of(1), **options).fit(X, y)
    assert len(log.fits) == 12
    with pytest.raises(StudyMismatch, match="scoring"):
        GridSearchCV(Counting(log), GRID, scoring=make_scorer_of(2), **options).fit(X, y)


def test_what_cannot_be_told_by_its_content_is_named(where, log):
    search = GridSearchCV(Counting(Locked()), GRID, storage=where)
    with pytest.raises(UnkeyableError, match=r"estimator\.log.*lock"):
        search.fit(X, y)


class Locked:
    def __init__(self):
        self.lock = threading.Lock()

    def __deepcopy__(self, memo):
        return self


def test_unseeded_splits_are_those_of_the_study(where, log):
    search = GridSearchCV(
        Counting(log), GRID, cv=KFold(3, shuffle=True), storage=where, refit=False
    )
    first = search.fit(X, y).cv_results_
    log.fits.clear()
    np.random.default_rng().integers(5)
    again = search.fit(X, y).cv_results_
    assert log.fits == []
    np.testing.assert_array_equal(first["split2_test_score"], again["split2_test_score"])


def test_unseeded_draws_are_those_of_the_study(where, log):
    space = {
        "standardscaler": [StandardScaler(), MinMaxScaler()],
        "svc__C": loguniform(1e-2, 1e2),
    }
    pipeline = make_pipeline(StandardScaler(), SVC())

    def search(n_iter):
        return RandomizedSearchCV(pipeline, space, n_iter=n_iter, cv=3, storage=where).fit(X, y)

    first, again, more = search(4), search(4), search(6)
    for earlier, later in ((first, again), (first, more)):
        assert str(earlier.cv_results_["params"]) == str(later.cv_results_["params"][:4])
        np.testing.assert_array_equal(
            earlier.cv_results_["mean_fit_time"], later.cv_results_["mean_fit_time"][:4]
        )
    assert isinstance(more.cv_results_["params"][0]["svc__C"], np.float64)
    assert len(more.cv_results_["params"]) == 6


def test_callables_among_the_values_come_back(where):
    grid = {"standardscaler": [StandardScaler(), "passthrough", None]}
    pipeline = make_pipeline(StandardScaler(), SVC())
    one = GridSearchCV(pipeline, grid, cv=3, storage=where).fit(X, y)
    two = GridSearchCV(pipeline, grid, cv=3, storage=where).fit(X, y)
    assert_same_results(one, two)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_two_metrics_and_infinite_scores_survive(where, n_jobs):
    def scores(estimator, X, y):
        return {"a": float("inf"), "b": float("nan"), "c": estimator.score(X, y)}

    def search():
        options = {"cv": 3, "scoring": scores, "refit": "c", "storage": where, "n_jobs": n_jobs}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return GridSearchCV(SVC(), {"C": [1, 10]}, **options).fit(X, y)

    one, two = search(), search()
    assert_same_results(one, two)
    assert np.isposinf(one.cv_results_["split0_test_a"]).all()


def test_a_file_that_is_no_study_is_an_error(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("these are notes, not a database, and long enough to be told from one\n" * 20)
    with pytest.raises(StorageError, match=r"notes\.txt"):
        GridSearchCV(SVC(), {"C": [1]}, storage=path).fit(X, y)
    assert path.read_text().startswith("these are notes")


def test_a_study_holds_no_pickle(where):
    GridSearchCV(
        make_pipeline(StandardScaler(), SVC()),
        {"svc__kernel": ["rbf", "linear"], "standardscaler": [StandardScaler(), None]},
        storage=where,
    ).fit(X, y)
    content = where.read_bytes()
    assert b"StandardScaler()" in content
    assert b"\x80\x04\x95" not in content
    assert b"\x80\x05\x95" not in content


def test_unseeded_draws_from_another_space_are_another_study(where):
    low, high, other = {"C": loguniform(1e-3, 1)}, {"C": loguniform(100, 1000)}, {"gamma": [1, 2]}
    for space in (low, high, other):
        search = RandomizedSearchCV(SVC(), space, n_iter=2, cv=2, storage=where, refit=False)
        for params in search.fit(X, y).cv_results_["params"]:
            assert params.keys() == space.keys()
            assert params.get("C", 100) >= 100 or space is low
    named = {"n_iter": 2, "cv": 2, "storage": where, "refit": False, "study_name": "s"}
    RandomizedSearchCV(SVC(), low, **named).fit(X, y)
    with pytest.raises(StudyMismatch, match="space"):
        RandomizedSearchCV(SVC(), high, **named).fit(X, y)


def test_unseeded_draws_that_repeat_are_as_many_as_asked_for(where):
    for n_iter in (4, 12):
        search = RandomizedSearchCV(
            SVC(), {"degree": randint(2, 5)}, n_iter=n_iter, cv=2, storage=where, refit=False
        )
        assert len(search.fit(X, y).cv_results_["params"]) == n_iter


class InRounds(GridSearchCV):
    def _run_search(self, evaluate_candidates, **kwargs):
        evaluate_candidates([{"threshold": 4.0}, {"threshold": 4.5}])
        evaluate_candidates([{"threshold": 4.5}, {"threshold": 5.0}])


def test_a_candidate_met_again_in_a_later_round_is_recalled(where, log):
    results = [
        InRounds(Counting(log), {}, cv=3, storage=where, refit=False).fit(X, y).cv_results_
        for _ in range(2)
    ]
    assert len(log.fits) == 9
    np.testing.assert_array_equal(results[0]["mean_test_score"], results[1]["mean_test_score"])
    assert results[0]["split0_test_score"][1] == results[0]["split0_test_score"][2]


def test_interrupted_while_all_fits_failed_is_still_an_interruption(log):
    log.stop_at = 4
    search = GridSearchCV(Counting(log), {"threshold": ["bad", "bad", "bad"]}, cv=3)
    with (
        pytest.warns(FitFailedWarning, match="fits failed"),
        pytest.raises(KeyboardInterrupt),
    ):
        search.fit(X, y)
    assert len(search.cv_results_["params"]) == 3


def test_interrupted_refit_keeps_the_results(log):
    log.stop_at = 12
    search = GridSearchCV(Counting(log), GRID, cv=3)
    with pytest.raises(KeyboardInterrupt):
        search.fit(X, y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert "best score" in repr(search)


def test_interrupted_second_fit_has_no_winner_of_the_first(log):
    search = GridSearchCV(Counting(log), GRID, cv=3).fit(X, y)
    log.stop_at = 14
    with pytest.raises(KeyboardInterrupt):
        search.fit(X, y)
    assert not hasattr(search, "best_index_")
    assert repr(search).startswith("GridSearchCV(")


@pytest.mark.parametrize("threads", [1, np.int64(1)])
def test_limits_hold_in_a_search_within_a_search(where, threads):
    inner = GridSearchCV(SVC(), {"C": [1, 10]}, cv=2, threads_per_worker=threads, storage=where)
    outer = cross_val_score(inner, X, y, cv=2, n_jobs=2, error_score="raise")
    assert np.isfinite(outer).all()


SCRIPT = """
import sys
from sklearn.datasets import load_iris
from sklearn.svm import SVC
from tunesmith import GridSearchCV

class Mine(SVC):
    def fit(self, X, y):
        print("fit", flush=True)
        return super().fit(X, y)

X, y = load_iris(return_X_y=True)
for name, grid in (("one", {"C": [1, 2]}), ("two", {"gamma": [1, 2]})):
    GridSearchCV(
        Mine(), grid, cv=2, n_jobs=2, refit=False, storage=sys.argv[1], study_name=name
    ).fit(X, y)
"""


def test_a_script_with_two_searches_over_its_own_class_resumes_both(where, tmp_path):
    """The first search sends its class to workers, and only where it has something to run."""
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    fits = []
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, script, where], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        fits.append(done.stdout.count("fit"))
    assert fits == [8, 0]


@pytest.mark.parametrize("n_jobs", [1, 2])
@pytest.mark.parametrize("several", [False, True])
def test_a_scorer_that_fails_is_met_again(where, several, n_jobs):
    def fails(estimator, X, y):
        if estimator.C == 10:
            raise ValueError("no such score")
        return 1.0

    def search(error_score, cls=GridSearchCV, **options):
        options |= {"scoring": {"a": fails, "b": "accuracy"}, "refit": "b"} if several else {}
        options = {"scoring": fails, "cv": 2, "n_jobs": n_jobs} | options
        return cls(SVC(), {"C": [1, 10]}, error_score=error_score, **options).fit(X, y)

    name = "mean_test_a" if several else "mean_test_score"
    for error_score in (np.nan, 0):
        with warnings.catch_warnings(record=True) as ours:
            warnings.simplefilter("always")
            results = search(error_score, storage=where).cv_results_
        with warnings.catch_warnings(record=True) as theirs:
            warnings.simplefilter("always")
            expected = search(error_score, SkGridSearchCV, n_jobs=1).cv_results_
        np.testing.assert_array_equal(results[name], expected[name])
        if n_jobs == 1:
            assert [told(w) for w in ours] == [told(w) for w in theirs]
    with pytest.raises(ValueError, match="no such score"):
        search("raise", storage=where)


def told(warning):
    return str(warning.message).partition("Traceback")[0]


def test_a_value_that_cannot_be_keyed_is_named(where, log):
    search = GridSearchCV(Counting(log), {"threshold": [4.0, Locked()]}, storage=where)
    with pytest.raises(UnkeyableError, match=r"the value of 'threshold'.*without storage="):
        search.fit(X, y)
    assert log.fits == []
