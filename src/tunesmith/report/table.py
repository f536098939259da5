"""The candidates of a search as a data frame, as text, and as HTML."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Backend = Literal["pandas", "polars"]

Results = Mapping[str, Any]
"""``cv_results_`` as scikit-learn's searches make it."""


def results_frame(results: Results, backend: Backend | None) -> Any:
    """Return a data frame with one row a candidate.

    Parameters
    ----------
    results : mapping
        ``cv_results_``.
    backend : "pandas", "polars" or None
        Whose data frame; None takes the first that is installed.

    Returns
    -------
    pandas.DataFrame or polars.DataFrame
        Ranks first, then parameters, test scores, train scores and times.

    Raises
    ------
    ImportError
        If the library is not installed.
    ValueError
        If `backend` is neither of the two.
    """
    return data_frame({name: results[name] for name in ordered_columns(results)}, backend)


def data_frame(columns: Mapping[str, NDArray[Any]], backend: Backend | None) -> Any:
    """Return a data frame of columns, empty where they are masked; raises as `results_frame`."""
    known: tuple[Backend, ...] = ("pandas", "polars")
    if backend is not None and backend not in known:
        raise ValueError(f"backend must be 'pandas', 'polars' or None, got {backend!r}.")
    wanted = known if backend is None else (backend,)
    installed = next((name for name in wanted if find_spec(name)), None)
    if installed is None:
        raise ImportError(f"a data frame needs pip install {' or '.join(wanted)}.")
    import narwhals

    plain = {name: _column(values) for name, values in columns.items()}
    return narwhals.from_dict(plain, backend=installed).to_native()


def ordered_columns(results: Results) -> list[str]:
    """Return the columns of a table: ranks, parameters, test scores, train scores, times."""
    groups = ("rank_", "param_", "mean_test_", "std_test_", "split", "mean_train_", "std_train_")

    def place(name: str) -> int:
        if name.startswith("split") and "_train_" in name:
            return len(groups)
        fits = (i for i, group in enumerate(groups) if name.startswith(group))
        return next(fits, len(groups) + 1)

    return sorted((name for name in results if name != "params"), key=place)


def _column(values: NDArray[Any]) -> list[Any]:
    """Return plain values: None where masked, text for what no data frame can hold."""
    listed = [None if masked else value for value, masked in _unmasked(values)]
    present = [value for value in listed if value is not None]
    scalars = all(isinstance(value, bool | int | float | str | np.generic) for value in present)
    if scalars and len({type(value) for value in present}) <= 1:
        return [value.item() if isinstance(value, np.generic) else value for value in listed]
    return [None if value is None else short(value) for value in listed]


def _unmasked(values: NDArray[Any]) -> list[tuple[Any, bool]]:
    return list(zip(np.ma.getdata(values), np.ma.getmaskarray(values), strict=True))


def short(value: object) -> str:
    """Return a value as people write it: functions and classes by name, floats in short."""
    if isinstance(value, float | np.floating):
        return f"{value:.6g}"
    if isinstance(value, np.generic):
        return repr(value.item())
    name = getattr(value, "__name__", None)
    return name if callable(value) and isinstance(name, str) else repr(value)


def summary(results: Results, metric: str, best: int, n_splits: int) -> list[tuple[str, str]]:
    """Return what a person asks first of a fitted search, as (label, text) pairs.

    Parameters
    ----------
    results : mapping
        ``cv_results_``.
    metric : str
        Whose scores the best candidate has.
    best : int
        Index of the best candidate.
    n_splits : int
        Number of splits.
    """
    mean = results[f"mean_test_{metric}"][best]
    std = results[f"std_test_{metric}"][best]
    params: Mapping[str, Any] = results["params"][best]
    named = ", ".join(f"{name}={short(value)}" for name, value in params.items())
    n_candidates = len(results["params"])
    return [
        ("best score", f"{mean:.4g} ± {std:.2g} over {_count(n_splits, 'split')}"),
        ("best parameters", named or "the estimator's own"),
        ("evaluated", f"{_count(n_candidates, 'candidate')}, {n_candidates * n_splits} in all"),
    ]


def sharing_summary(sharing: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what a search's evaluations had in common, as (label, text) pairs; none if nothing.

    Parameters
    ----------
    sharing : mapping
        ``sharing_`` of a fitted search; empty where nobody knows.
    """
    if not sharing:
        return []
    pairs = [
        ("fits", sharing["fits_run"], sharing["fits_asked"]),
        ("steps of pipelines", sharing["steps_run"], sharing["steps_asked"]),
        ("epochs or members", sharing["budget_run"], sharing["budget_asked"]),
    ]
    told = [f"{run:g} of {asked:g} {noun} run" for noun, run, asked in pairs if run < asked]
    if sharing["programs_compiled"]:
        told.append(f"{_count(sharing['programs_compiled'], 'program')} compiled")
    if sharing["seconds_saved"] >= 1:
        told.append(f"about {sharing['seconds_saved']:.0f} s saved")
    return [("shared", ", ".join(told))] if told else []


def _count(n: int, noun: str) -> str:
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def as_text(pairs: Sequence[tuple[str, str]]) -> str:
    """Return (label, text) pairs as indented lines."""
    return "\n".join(f"  {label}: {text}" for label, text in pairs)


def as_html(pairs: Sequence[tuple[str, str]]) -> str:
    """Return (label, text) pairs as an HTML table."""
    rows = "".join(
        f'<tr><th style="text-align:left">{html.escape(label)}</th>'
        f'<td style="text-align:left">{html.escape(text)}</td></tr>'
        for label, text in pairs
    )
    return f"<table>{rows}</table>"
