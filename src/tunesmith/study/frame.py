"""Trials as a data frame."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tunesmith.report.table import Backend, data_frame
from tunesmith.study.result import FinishedTrial


def trials_frame(
    trials: Sequence[FinishedTrial],
    names: Sequence[str],
    backend: Backend | None,
    values: Sequence[str] = (),
) -> Any:
    """Return a data frame with one row a trial.

    Parameters
    ----------
    trials : sequence of FinishedTrial
        The rows.
    names : sequence of str
        The parameters, each a column; empty where a trial has none of that name.
    backend : "pandas", "polars" or None
        Whose data frame; None takes the first that is installed.
    values : sequence of str, default=()
        Names of what trials return, each a column; empty where it is one unnamed ``value``.

    Raises
    ------
    ImportError
        If the library is not installed.
    ValueError
        If `backend` is neither of the two.
    """
    columns: dict[str, Sequence[Any]] = {
        "number": [trial.number for trial in trials],
        **(_named(trials, values) if values else {"value": [trial.value for trial in trials]}),
        "state": [str(trial.state) for trial in trials],
        **{f"param_{name}": [trial.params.get(name) for trial in trials] for name in names},
        "seconds": [trial.seconds for trial in trials],
        "error": [trial.error for trial in trials],
    }
    return data_frame({name: _masked(values) for name, values in columns.items()}, backend)


def _named(trials: Sequence[FinishedTrial], names: Sequence[str]) -> dict[str, list[Any]]:
    return {name: [(trial.values or {}).get(name) for trial in trials] for name in names}


def _masked(values: Sequence[Any]) -> NDArray[Any]:
    """Return an array of objects, as they are; masked where there is None."""
    column = np.ma.MaskedArray(np.empty(len(values), dtype=object), mask=True)
    for place, value in enumerate(values):
        if value is not None:
            column[place] = value
    return column
