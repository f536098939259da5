"""What people see of a search: its repr, its HTML in a notebook, its data frame."""

from __future__ import annotations

import warnings
from html.parser import HTMLParser

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.svm import SVC

from tunesmith import GridSearchCV, RandomizedSearchCV

X, y = load_iris(return_X_y=True)


class Named(ClassifierMixin, BaseEstimator):
    """Takes any value and predicts the first class."""

    def __init__(self, value=None):
        self.value = value

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return np.full(len(X), self.classes_[0])


def fitted(grid=None, estimator=None, **more):
    grid = {"kernel": ["linear", "rbf"], "C": [0.5, 1]} if grid is None else grid
    return GridSearchCV(estimator or SVC(), grid, cv=2, **more).fit(X, y)


def rows(page):
    """Return the texts of the table's cells, row by row, as a browser reads them."""

    class Reader(HTMLParser):
        found: list[list[str]] = []  # noqa: RUF012
        inside = False

        def handle_starttag(self, tag, attributes):
            if tag == "tr":
                self.found.append([])
            self.inside = tag in ("th", "td")

        def handle_endtag(self, tag):
            self.inside = False

        def handle_data(self, data):
            if self.inside and self.found:
                self.found[-1].append(data)

    reader = Reader()
    reader.found = []
    reader.feed(page[page.rindex("<table>") :])
    return reader.found


def test_repr_of_a_fitted_search_tells_the_winner():
    search = fitted()
    call, *lines = repr(search).splitlines()
    assert call.startswith("GridSearchCV(cv=2, estimator=SVC()")
    best = ", ".join(f"{name}={value!r}" for name, value in search.best_params_.items())
    std = search.cv_results_["std_test_score"][search.best_index_]
    assert lines == [
        f"  best score: {search.best_score_:.4g} ± {std:.2g} over 2 splits",
        f"  best parameters: {best}",
        "  evaluated: 4 candidates, 8 in all",
    ]


def test_repr_of_an_unfitted_search_is_its_call():
    search = GridSearchCV(SVC(), {"C": [1]}, storage="s.db", timeout=5)
    expected = "GridSearchCV(estimator=SVC(), param_grid={'C': [1]}, storage='s.db', timeout=5)"
    assert repr(search) == expected


def test_repr_as_a_part_of_something_else():
    search = fitted({"C": [1]})
    assert repr(Pipeline([("search", search)])).startswith("Pipeline(steps=[('search',")


@pytest.mark.parametrize("refit", [True, "accuracy", False])
def test_repr_with_several_metrics(refit):
    search = GridSearchCV(
        SVC(),
        {"C": [1, 2]},
        cv=2,
        scoring="accuracy" if refit is True else ["accuracy", "balanced_accuracy"],
        refit=refit,
    ).fit(X, y)
    assert ("best score" in repr(search)) is bool(refit)


def test_repr_with_a_winner_of_the_users_choice():
    search = fitted(refit=lambda results: 3)
    mean = search.cv_results_["mean_test_score"][3]
    assert f"best score: {mean:.4g}" in repr(search)


def test_html_shows_the_winner_below_the_diagram():
    search = fitted({"C": [1]})
    page = search._repr_html_()
    assert "sk-container-id-" in page
    assert rows(page) == [
        [
            "best score",
            f"{search.best_score_:.4g} ± "
            f"{search.cv_results_['std_test_score'][0]:.2g} over 2 splits",
        ],
        ["best parameters", "C=1"],
        ["evaluated", "1 candidate, 2 in all"],
    ]
    bundle = search._repr_mimebundle_()
    assert bundle["text/plain"] == repr(search)
    assert rows(bundle["text/html"]) == rows(page)


def test_html_of_an_unfitted_search_is_the_diagram():
    page = GridSearchCV(SVC(), {"C": [1]})._repr_html_()
    assert "sk-container-id-" in page
    assert "best score" not in page


def test_html_is_escaped():
    evil = "<script>alert('x')</script> & more"
    search = fitted({"value": [evil]}, Named())
    page = search._repr_html_()
    assert "<script>alert" not in page
    assert dict(rows(page))["best parameters"] == f"value={evil!r}"


@pytest.mark.parametrize("backend", ["pandas", "polars"])
def test_a_frame_of_a_real_search(backend):
    grid = [
        {"clf": [SVC()], "clf__C": [0.5, 1], "scale": [StandardScaler(), "passthrough"]},
        {"clf": [Named()], "clf__value": [[32, 32], None, len], "scale": [MinMaxScaler()]},
    ]
    search = fitted(grid, Pipeline([("scale", None), ("clf", SVC())]), return_train_score=True)
    frame = search.results(backend)
    assert type(frame).__module__.startswith(backend)
    assert frame.shape == (7, len(search.cv_results_) - 1)
    listed = {
        name: [None if v is None or v != v else v for v in list(frame[name])]
        for name in frame.columns
    }
    assert listed["param_clf__C"] == [0.5, 0.5, 1.0, 1.0, None, None, None]
    assert listed["param_clf__value"] == [None] * 4 + ["[32, 32]", None, "len"]
    assert listed["param_clf"] == ["SVC()"] * 4 + ["Named()"] * 3
    assert listed["param_scale"][:2] == ["StandardScaler()", "'passthrough'"]
    for name in ("mean_test_score", "rank_test_score", "split1_train_score", "std_fit_time"):
        np.testing.assert_array_equal(listed[name], search.cv_results_[name])


def test_a_frame_of_a_search_whose_fits_failed():
    with warnings.catch_warnings(action="ignore"):
        search = fitted({"C": [1.0, -1.0]})
    assert search.results("pandas")["mean_test_score"].isna().tolist() == [False, True]


@pytest.mark.parametrize("backend", [None, "pandas", "nonsense"])
@pytest.mark.parametrize("search_class", [GridSearchCV, RandomizedSearchCV])
def test_there_is_no_frame_before_fit(search_class, backend):
    with pytest.raises(NotFittedError):
        search_class(SVC(), {"C": [1]}).results(backend)


def test_an_unknown_backend_is_refused():
    with pytest.raises(ValueError, match="'pandas', 'polars' or None, got 'arrow'"):
        fitted({"C": [1]}).results("arrow")


@pytest.mark.parametrize("error_score", [np.nan, 0])
def test_a_scorer_of_several_metrics_may_fail_for_some_candidates(error_score):
    def scores(estimator, X, y):
        if estimator.C == 1:
            raise ValueError("no scores")
        return {"a": 0.5, "b": estimator.score(X, y)}

    search = GridSearchCV(
        SVC(), {"C": [1, 10]}, cv=2, scoring=scores, refit="b", error_score=error_score
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        search.fit(X, y)
    np.testing.assert_array_equal(search.cv_results_["mean_test_a"], [error_score, 0.5])
    assert search.best_params_ == {"C": 10}
