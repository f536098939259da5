"""Checks of the arguments that the front doors have in common."""

from __future__ import annotations

import numbers
from typing import Any


def whole(name: str, value: Any, least: int) -> None:
    """Raise where an argument is no whole number, or too small."""
    if not isinstance(value, numbers.Integral) or isinstance(value, bool):
        raise TypeError(f"{name} has to be a whole number, got {value!r}")
    if value < least:
        raise ValueError(f"{name} has to be {least} or more, got {value}")


def above_0(name: str, value: Any) -> float:
    """Return an argument as a float; raise where it is no number above 0."""
    if not isinstance(value, numbers.Real) or isinstance(value, bool):
        raise TypeError(f"{name} has to be a number or None, got {value!r}")
    if not float(value) > 0:
        raise ValueError(f"{name} has to be above 0, got {value}")
    return float(value)
