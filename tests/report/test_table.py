"""Candidates as data frames, text and HTML."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from tunesmith.report.table import as_html, as_text, ordered_columns, results_frame, summary

BACKENDS = ["pandas", "polars"]


def masked(*values):
    """Return a column as scikit-learn makes it: an ellipsis stands for what is masked."""
    column = np.ma.MaskedArray(np.empty(len(values), dtype=object), mask=True)
    for place, value in enumerate(values):
        if value is not ...:
            column[place] = value
    return column


def results(**columns):
    n = len(next(iter(columns.values())))
    return {
        "mean_fit_time": np.linspace(0.1, 0.2, n),
        "std_fit_time": np.zeros(n),
        "mean_score_time": np.zeros(n),
        "std_score_time": np.zeros(n),
        **{f"param_{name}": column for name, column in columns.items()},
        "params": [{}] * n,
        "split0_test_score": np.linspace(0.5, 0.6, n),
        "mean_test_score": np.linspace(0.5, 0.6, n),
        "std_test_score": np.zeros(n),
        "rank_test_score": np.arange(n, 0, -1, dtype=np.int32),
        "split0_train_score": np.ones(n),
        "mean_train_score": np.ones(n),
        "std_train_score": np.zeros(n),
    }


def column(values, backend):
    """Return a column of parameters after its way through a data frame."""
    frame = results_frame(results(p=values), backend)
    listed = frame["param_p"].to_list() if backend == "polars" else frame["param_p"].tolist()
    return [None if value is None or value != value else value for value in listed]


@pytest.mark.parametrize("backend", BACKENDS)
def test_ranks_parameters_tests_trains_and_times_in_this_order(backend):
    frame = results_frame(results(b=masked(1, 2), a=masked("x", "y")), backend)
    assert type(frame).__module__.startswith(backend)
    assert list(frame.columns) == [
        "rank_test_score",
        "param_b",
        "param_a",
        "mean_test_score",
        "std_test_score",
        "split0_test_score",
        "mean_train_score",
        "std_train_score",
        "split0_train_score",
        "mean_fit_time",
        "std_fit_time",
        "mean_score_time",
        "std_score_time",
    ]
    assert frame.shape == (2, 13)
    assert list(frame["rank_test_score"]) == [2, 1]
    assert list(frame["mean_test_score"]) == [0.5, 0.6]


def test_no_column_is_lost_with_several_metrics():
    both = results(p=masked(1)) | {"mean_test_auc": np.ones(1), "split12_test_auc": np.ones(1)}
    ordered = ordered_columns(both)
    assert sorted([*ordered, "params"]) == sorted(both)
    assert ordered.index("split12_test_auc") < ordered.index("split0_train_score")


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (masked(1, 2), [1, 2]),
        (masked(0.5, ...), [0.5, None]),
        (masked(..., "rbf"), [None, "rbf"]),
        (masked(True, False), [True, False]),
        (masked(None, None), [None, None]),
        (masked(None, "sqrt"), [None, "sqrt"]),
        (masked(1, "auto"), ["1", "'auto'"]),
        (masked(1, True), ["1", "True"]),
        (masked(1, 0.1 + 0.2), ["1", "0.3"]),
        (masked(1, np.float64(1.5)), ["1", "1.5"]),
        (masked([32, 32], [64]), ["[32, 32]", "[64]"]),
        (masked((5,), ...), ["(5,)", None]),
        (masked(SVC(C=2), None), ["SVC(C=2)", None]),
        (masked(np.tanh, len), ["tanh", "len"]),
        (masked(SVC, DecisionTreeClassifier), ["SVC", "DecisionTreeClassifier"]),
        (masked({"a": 1}, {}), ["{'a': 1}", "{}"]),
        (np.ma.array([1, 2], mask=[False, True]), [1, None]),
        (np.ma.array([0.25, 0.5]), [0.25, 0.5]),
        (masked(np.int64(3), np.int64(4)), [3, 4]),
    ],
    ids=repr,
)
def test_parameters_of_every_kind(values, expected, backend):
    got = column(values, backend)
    assert got == expected
    assert [isinstance(v, bool) for v in got] == [isinstance(v, bool) for v in expected]


def test_unmasked_numbers_are_numbers():
    frame = results_frame(results(p=masked(1, 2)), "polars")
    assert str(frame["param_p"].dtype) == "Int64"
    assert str(frame["mean_test_score"].dtype) == "Float64"


def without(monkeypatch, *names):
    """Make libraries look as if they were not installed."""
    for name in names:
        monkeypatch.setitem(sys.modules, name, None)


def test_without_a_wish_it_takes_what_is_installed(monkeypatch):
    assert type(results_frame(results(p=masked(1)), None)).__module__.startswith("pandas")
    without(monkeypatch, "pandas")
    frame = results_frame(results(p=masked(1, None)), None)
    assert type(frame).__module__.startswith("polars")
    assert frame["param_p"].to_list() == [1, None]


def test_what_is_not_installed_is_named(monkeypatch):
    without(monkeypatch, "pandas")
    with pytest.raises(ImportError, match="pip install pandas"):
        results_frame(results(p=masked(1)), "pandas")
    without(monkeypatch, "polars")
    with pytest.raises(ImportError, match="pip install pandas or polars"):
        results_frame(results(p=masked(1)), None)


@pytest.mark.parametrize("backend", ["arrow", "", 3])
def test_an_unknown_backend_is_refused(backend):
    with pytest.raises(ValueError, match="'pandas', 'polars' or None, got"):
        results_frame(results(p=masked(1)), backend)


def test_the_summary_says_score_parameters_and_how_many():
    found = results(C=masked(1, 10))
    found["params"] = [{"C": 1}, {"C": 10.0, "kernel": "rbf", "f": np.tanh}]
    assert summary(found, "score", best=1, n_splits=3) == [
        ("best score", "0.6 ± 0 over 3 splits"),
        ("best parameters", "C=10, kernel='rbf', f=tanh"),
        ("evaluated", "2 candidates, 6 in all"),
    ]


def test_the_summary_of_one_candidate_without_parameters():
    pairs = summary(results(C=masked(1)), "score", best=0, n_splits=1)
    assert dict(pairs) == {
        "best score": "0.5 ± 0 over 1 split",
        "best parameters": "the estimator's own",
        "evaluated": "1 candidate, 1 in all",
    }


def test_pairs_as_lines():
    assert as_text([("a", "1"), ("b", "x: y")]) == "  a: 1\n  b: x: y"
    assert as_text([]) == ""


def test_html_is_escaped():
    text = as_html([("<b>", "a='<script>' & \"x\"")])
    assert "<script>" not in text
    assert "<b>" not in text
    assert "&lt;script&gt;" in text
    assert "&amp;" in text
    assert text.count("<tr>") == 1
