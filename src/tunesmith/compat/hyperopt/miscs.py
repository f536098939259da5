"""What documents of trials hold as "misc": the values of hyperparameters, by label."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Misc = dict[str, Any]
Hyperparameters = dict[str, list[Any]]


def spec_from_misc(misc: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of the hyperparameters that a trial has, by label."""
    return {label: values[0] for label, values in misc["vals"].items() if values}


def miscs_to_idxs_vals(
    miscs: Sequence[Misc], keys: Iterable[str] | None = None
) -> tuple[Hyperparameters, Hyperparameters]:
    """Return numbers of the trials that have a hyperparameter, and its values, by label.

    Parameters
    ----------
    miscs : sequence of dict
        What documents hold as "misc".
    keys : iterable of str or None, default=None
        The labels; None: all there are.

    Returns
    -------
    tuple of two dicts
    """
    labels = list(dict.fromkeys(k for m in miscs for k in m["vals"]) if keys is None else keys)
    idxs: Hyperparameters = {label: [] for label in labels}
    vals: Hyperparameters = {label: [] for label in labels}
    for misc in miscs:
        for label in labels:
            values = misc["vals"].get(label, [])
            idxs[label] += [misc["tid"]] * len(values)
            vals[label] += values
    return idxs, vals


def miscs_update_idxs_vals(
    miscs: Sequence[Misc],
    idxs: Mapping[str, Sequence[int]],
    vals: Mapping[str, Sequence[Any]],
    assert_all_vals_used: bool = True,
    idxs_map: Mapping[int, int] | None = None,
) -> Sequence[Misc]:
    """Write values of hyperparameters into what documents hold as "misc".

    Parameters
    ----------
    miscs : sequence of dict
        Each with the number of its trial as ``"tid"``; what else they say of hyperparameters is
        lost.
    idxs, vals : mapping of str to sequence
        By label, the numbers of the trials that have a hyperparameter, and its values.
    assert_all_vals_used : bool, default=True
        Whether to raise where none of `miscs` is of a trial in `idxs`.
    idxs_map : mapping of int to int or None, default=None
        Numbers of trials that have another in `miscs` than in `idxs`.

    Returns
    -------
    sequence of dict
        `miscs`.

    Raises
    ------
    ValueError
        If `idxs` and `vals` are not of the same labels and lengths, or see
        `assert_all_vals_used`.

    Examples
    --------
    >>> from tunesmith.compat.hyperopt.base import miscs_update_idxs_vals
    >>> miscs_update_idxs_vals([{"tid": 7}], {"x": [7], "y": []}, {"x": [0.5], "y": []})
    [{'tid': 7, 'idxs': {'x': [7], 'y': []}, 'vals': {'x': [0.5], 'y': []}}]
    """
    if {k: len(v) for k, v in idxs.items()} != {k: len(v) for k, v in vals.items()}:
        raise ValueError(
            f"idxs={idxs!r} and vals={vals!r} have to be of the same labels and lengths"
        )
    by_tid = {misc["tid"]: misc for misc in miscs}
    renumbered = {} if idxs_map is None else idxs_map
    found = {label: [renumbered.get(tid, tid) for tid in tids] for label, tids in idxs.items()}
    unknown = {tid for tids in found.values() for tid in tids} - by_tid.keys()
    if unknown and assert_all_vals_used:
        raise ValueError(f"no misc is of the trials {sorted(unknown)}; there are {list(by_tid)}")
    for misc in miscs:
        misc["idxs"] = {label: [] for label in idxs}
        misc["vals"] = {label: [] for label in idxs}
    for label, tids in found.items():
        for tid, value in zip(tids, vals[label], strict=True):
            if tid in by_tid:
                by_tid[tid]["idxs"][label] = [tid]
                by_tid[tid]["vals"][label] = [value]
    return miscs
