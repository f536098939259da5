"""Outcome constraints: bounds on what an evaluation gives."""

from __future__ import annotations

import math
import numbers
from collections.abc import Mapping, Sequence
from typing import Any

Bounds = tuple[float, float]
"""The least and the most that something may be."""


def limits(outcome_constraints: Any) -> dict[str, Bounds]:
    """Return the bounds that a user's outcome constraints mean.

    Parameters
    ----------
    outcome_constraints : mapping of str to float or (float or None, float or None), or None
        The most something may be, or the least and the most.

    Raises
    ------
    ValueError
        If they mean none.
    """
    if outcome_constraints is None:
        return {}
    if not isinstance(outcome_constraints, Mapping):
        raise ValueError(
            f"outcome_constraints has to be a dict such as {{'score_time': 0.1}} (at most) or "
            f"{{'accuracy': (0.9, None)}} (at least), got {outcome_constraints!r}"
        )
    return {name: _bounds(name, given) for name, given in outcome_constraints.items()}


def _bounds(name: str, given: Any) -> Bounds:
    pair = (None, given) if isinstance(given, numbers.Real) else given
    fits = isinstance(pair, Sequence) and len(pair) == 2
    if fits and all(bound is None or isinstance(bound, numbers.Real) for bound in pair):
        low = -math.inf if pair[0] is None else float(pair[0])
        high = math.inf if pair[1] is None else float(pair[1])
        if low <= high and (low, high) != (-math.inf, math.inf):
            return low, high
    raise ValueError(
        f"outcome_constraints: {name!r} has to be the most it may be, or a pair of the least and "
        f"the most with None for no bound, got {given!r}"
    )


def excess(value: float, low: float, high: float) -> float:
    """Return by how much a value lies outside of bounds, 0 or less inside; NaN for NaN."""
    return value if math.isnan(value) else max(low - value, value - high)
