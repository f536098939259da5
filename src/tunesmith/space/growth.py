"""Spaces that grow: dimensions that are met by and by, not always with the same bounds."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from tunesmith.exceptions import SpaceError
from tunesmith.space.categorical import Categorical
from tunesmith.space.dimension import CLEAR, Dimension
from tunesmith.space.numeric import Float, Int


def alike(one: Dimension, other: Dimension) -> bool:
    """Tell whether two dimensions are of one kind: of one class, and both logarithmic or neither.

    Examples
    --------
    >>> alike(Float(0, 1), Float(2, 3)), alike(Float(1, 2), Float(1, 2, log=True))
    (True, False)
    """
    if isinstance(one, Float | Int):
        return type(one) is type(other) and one.log == other.log
    return type(one) is type(other)


def union(one: Dimension, other: Dimension) -> Dimension:
    """Return the least dimension that holds the values of two that are alike.

    Parameters
    ----------
    one, other : Float, Int or Categorical
        Alike. Where their values do not lie on steps of the same length from the same places,
        that which holds them has no steps.

    Returns
    -------
    Dimension

    Examples
    --------
    >>> union(Int(1, 4), Int(3, 9)), union(Categorical(["a"]), Categorical(["b", "a"]))
    (Int(1, 9), Categorical(['a', 'b']))
    """
    if one == other:
        return one
    if isinstance(one, Categorical) and isinstance(other, Categorical):
        return Categorical([*one.values, *(v for v in other.values if v not in one)])
    assert isinstance(one, Float | Int)
    assert isinstance(other, Float | Int)
    low, high = min(one.low, other.low), max(one.high, other.high)
    step = one.step if one.step == other.step and _in_step(one, other) else None
    if step is not None and (high - low) / step > CLEAR / 2:
        step = None
    return type(one)(low, high, log=one.log, step=step)  # type: ignore[arg-type]


def nearest(dimension: Dimension, value: Any) -> Any:
    """Return the value of a dimension that is nearest to one which lies within its bounds.

    Parameters
    ----------
    dimension : Float, Int or Categorical
        What it ranges over.
    value : object
        A value of a dimension that is alike.

    Returns
    -------
    object
        The value itself, or the next one on a step.

    Raises
    ------
    SpaceError
        If it lies outside.

    Examples
    --------
    >>> nearest(Float(0, 1, step=0.25), 0.3), nearest(Int(1, 9), 4)
    (0.25, 4)
    """
    if isinstance(dimension, Categorical):
        return dimension.values[dimension.index(value)]
    if isinstance(dimension, Float | Int) and dimension.low <= value <= dimension.high:
        if dimension.step is None:
            return value
        last = int(dimension.size) - 1
        return dimension.point(min(round((value - dimension.low) / dimension.step), last))
    raise SpaceError(f"{value!r} is not in {dimension!r}")


def _in_step(one: Float | Int, other: Float | Int) -> bool:
    """Tell whether the steps of two dimensions, of one length, lie on each other."""
    if one.step is None:
        return True
    apart = Fraction(repr(one.low)) - Fraction(repr(other.low))
    return apart % Fraction(repr(one.step)) == 0
