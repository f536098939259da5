"""Dimensions of numbers: `Float` and `Int`."""

from __future__ import annotations

import math
import numbers
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from tunesmith.exceptions import SpaceError
from tunesmith.space.dimension import CLEAR, Dimension, cell, centre, check_prior, unit

_ROUNDING = 1e-12
"""Relative error forgiven a value that arithmetic pushed past a bound."""

_ON_STEP = 1e-9
"""Part of a step by which a value may lie beside it."""


@dataclass(frozen=True, repr=False)
class Float(Dimension):
    """A real number between two bounds, both included.

    Parameters
    ----------
    low, high : float
        The bounds, finite.
    log : bool, default=False
        Whether each order of magnitude is equally likely. Needs ``low > 0``.
    step : float or None, default=None
        Distance between the values, which are ``low``, ``low + step``, … as far as
        ``high``; the sums are made on the decimal numbers as they are written, so that
        a step of 0.1 leads from 0 to 0.3 and not to 0.30000000000000004. None: any value.
    prior : float or None, default=None
        Where good values are thought to be. Samplers that learn look there first, and more
        often while little is known; random draws are as without it.

    Raises
    ------
    SpaceError
        If no number can be drawn between the bounds, or `prior` is
        none of them.

    Notes
    -----
    Without a step, a value encoded and decoded is the same but for rounding, by some 1e-15
    of the range (with `log`, some 1e-13 of the value).

    Examples
    --------
    >>> from tunesmith.space import Float
    >>> Float(1e-4, 1.0, log=True).decode(0.5)
    0.01
    >>> grid = Float(0, 1, step=0.1)
    >>> grid.size, grid.point(3), grid.decode(1.0)
    (11, 0.3, 1.0)
    """

    low: float
    high: float
    log: bool = field(default=False, kw_only=True)
    step: float | None = field(default=None, kw_only=True)
    prior: float | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        call = f"Float({self.low!r}, {self.high!r})"
        for name in ("low", "high", "step"):
            value = getattr(self, name)
            if value is not None or name != "step":
                object.__setattr__(self, name, _real(call, name, value))
        _check_bounds(self)
        if self.log and self.low <= 0:
            raise SpaceError(
                f"Float: a logarithmic range needs low > 0, got low={self.low}; write a small "
                f"positive number such as Float(1e-6, {self.high}, log=True), or leave out log"
            )
        if self.step is not None and self.size > CLEAR:
            raise SpaceError(
                f"Float: step={self.step} is too small for the range from {self.low} to "
                f"{self.high}; leave out step to allow any value"
            )
        check_prior(call, self, self.prior)

    @property
    def size(self) -> int | float:
        """Number of values; ``inf`` without a step unless both bounds are the same."""
        if self.low == self.high:
            return 1
        if self.step is None:
            return math.inf
        steps = (Fraction(repr(self.high)) - Fraction(repr(self.low))) / Fraction(repr(self.step))
        return math.floor(steps + Fraction(_ON_STEP)) + 1

    def decode(self, u: float) -> float:  # noqa: D102
        if self.step is not None:
            return self.point(cell(u, int(self.size)))
        u = unit(u)
        if self.log:
            value = float(self.low ** (1 - u) * self.high**u)
        else:
            value = (1 - u) * self.low + u * self.high
        return min(max(value, self.low), self.high)

    def encode(self, value: Any) -> float:  # noqa: D102
        number = as_float(value)
        if number is None:
            raise SpaceError(f"{value!r} is not a number from {self.low} to {self.high}")
        value = self._clip(number)
        if self.low == self.high:
            return 0.5
        if self.step is not None:
            return self._encode_step(value)
        if self.log:
            low, high, value = math.log(self.low), math.log(self.high), math.log(value)
        else:
            # Halves, because the distance of two floats can overflow.
            low, high, value = self.low / 2, self.high / 2, value / 2
        place = (value - low) / (high - low) if low < high else 0.5
        return min(max(place, 0.0), 1.0)

    def point(self, index: int) -> float:  # noqa: D102
        index = self._index(index)
        if self.step is None:
            return self.low
        exact = Fraction(repr(self.low)) + index * Fraction(repr(self.step))
        last = index == self.size - 1
        if last and abs(exact - Fraction(repr(self.high))) < Fraction(_ON_STEP * self.step):
            return self.high
        return min(float(exact), self.high)

    def _clip(self, value: float) -> float:
        for bound in (self.low, self.high):
            if math.isclose(value, bound, rel_tol=_ROUNDING):
                value = min(max(value, self.low), self.high)
        if not self.low <= value <= self.high:
            raise SpaceError(f"{value!r} is not a number from {self.low} to {self.high}")
        return value

    def _encode_step(self, value: float) -> float:
        assert self.step is not None
        size = int(self.size)
        index = min(max(round((value - self.low) / self.step), 0), size - 1)
        if abs(self.point(index) - value) > _ON_STEP * self.step:
            raise SpaceError(
                f"{value!r} is not on a step of {self.step} from {self.low} to {self.high}; "
                f"the nearest is {self.point(index)!r}"
            )
        return centre(index, size)


@dataclass(frozen=True, repr=False)
class Int(Dimension):
    """A whole number between two bounds, both included.

    Parameters
    ----------
    low, high : int
        The bounds, of at most 64 bits.
    log : bool, default=False
        Whether each order of magnitude is equally likely. Needs ``low > 0``.
    step : int or None, default=None
        Distance between the values, which are ``low``, ``low + step``, … as far as
        ``high``. None: every whole number.
    prior : int or None, default=None
        Where good values are thought to be. Samplers that learn look there first, and more
        often while little is known; random draws are as without it.

    Raises
    ------
    SpaceError
        If no whole number can be drawn between the bounds, or `prior` is
        none of them.

    Notes
    -----
    Every value has a cell of the same width in the unit interval; with `log`, the value
    *k* has the cell from ``log(k - 1/2)`` to ``log(k + 1/2)``. A float tells about 2**52
    cells apart (2**40 of them with `log`): over a wider range neighbours share one.

    Examples
    --------
    >>> from tunesmith.space import Int
    >>> units = Int(32, 128, step=32)
    >>> [units.decode(u) for u in (0.0, 0.3, 0.6, 1.0)]
    [32, 64, 96, 128]
    >>> Int(1, 1000, log=True).decode(0.5)
    22
    """

    low: int
    high: int
    log: bool = field(default=False, kw_only=True)
    step: int | None = field(default=None, kw_only=True)
    prior: int | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        call = f"Int({self.low!r}, {self.high!r})"
        for name in ("low", "high", "step"):
            value = getattr(self, name)
            if value is not None or name != "step":
                object.__setattr__(self, name, _whole(call, name, value))
        _check_bounds(self)
        if self.log and self.low <= 0:
            raise SpaceError(
                f"Int: a logarithmic range needs low > 0, got low={self.low}; write "
                f"Int(1, {max(self.high, 1)}, log=True), or leave out log"
            )
        check_prior(call, self, self.prior)

    @property
    def size(self) -> int:
        """Number of values."""
        return (self.high - self.low) // (self.step or 1) + 1

    def decode(self, u: float) -> int:  # noqa: D102
        if not self.log:
            return self.point(cell(u, self.size))
        low, high = math.log(self.low - 0.5), math.log(self.high + 0.5)
        value = math.floor(math.exp(low + unit(u) * (high - low)) + 0.5)
        return min(max(value, self.low), self.high)

    def encode(self, value: Any) -> float:  # noqa: D102
        if isinstance(value, bool) or not isinstance(value, numbers.Integral):
            raise SpaceError(f"{value!r} is not a whole number from {self.low} to {self.high}")
        value = int(value)
        if not self.low <= value <= self.high:
            raise SpaceError(f"{value!r} is not a whole number from {self.low} to {self.high}")
        if self.log:
            low, high = math.log(self.low - 0.5), math.log(self.high + 0.5)
            middle = (math.log(value - 0.5) + math.log(value + 0.5)) / 2
            return min(max((middle - low) / (high - low), 0.0), 1.0) if high > low else 0.5
        index, beside = divmod(value - self.low, self.step or 1)
        if beside:
            raise SpaceError(
                f"{value!r} is not on a step of {self.step} from {self.low} to {self.high}; "
                f"the nearest below is {value - beside}"
            )
        return centre(index, self.size)

    def point(self, index: int) -> int:  # noqa: D102
        return self.low + self._index(index) * (self.step or 1)


def as_float(value: Any) -> float | None:
    """Return a real number as a float; None where it is no number or too large."""
    if type(value) is float:  # asking what is a Real takes longer than all the rest
        return value
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        return None
    try:
        return float(value)
    except OverflowError:
        return None


def _real(call: str, name: str, value: Any) -> float:
    number = as_float(value)
    if number is None:
        raise SpaceError(
            f"{call}: {name} has to be a number that a float can hold, got {value!r} "
            f"(of type {type(value).__name__})"
        )
    if not math.isfinite(number):
        raise SpaceError(f"{call}: {name} has to be a finite number, got {value!r}")
    return number


def _whole(call: str, name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        hint = ""
        if isinstance(value, numbers.Real) and not isinstance(value, bool):
            whole = math.isfinite(value) and float(value).is_integer()
            instead = f"{name}={int(float(value))}" if whole else "Float for real numbers"
            hint = f"; write {instead}"
        raise SpaceError(
            f"{call}: {name} has to be a whole number, got {value!r} "
            f"(of type {type(value).__name__}){hint}"
        )
    if not -(2**63) <= int(value) < 2**64:
        raise SpaceError(f"{call}: {name} has to fit in 64 bits, got {value!r}")
    return int(value)


def _check_bounds(dimension: Float | Int) -> None:
    kind = type(dimension).__name__
    low, high, step = dimension.low, dimension.high, dimension.step
    if low > high:
        raise SpaceError(f"{kind}: low={low} is above high={high}; write {kind}({high}, {low})")
    if not isinstance(dimension.log, bool):
        raise SpaceError(f"{kind}: log has to be True or False, got {dimension.log!r}")
    if step is None:
        return
    if step <= 0:
        raise SpaceError(f"{kind}: step has to be above 0, got {step}; leave it out for no step")
    if dimension.log:
        raise SpaceError(
            f"{kind}: step and log do not go together; write either step={step} or log=True"
        )
