"""What every dimension of a space can do."""

from __future__ import annotations

import math
import reprlib
from abc import ABC, abstractmethod
from dataclasses import MISSING, fields
from typing import TYPE_CHECKING, Any

from tunesmith.exceptions import SpaceError

if TYPE_CHECKING:
    from tunesmith.space.tree import Space

CLEAR = 2**52
"""Cells of the unit interval that a float tells apart, centres included."""


class Dimension(ABC):
    """One thing that varies: a map between its values and the unit interval.

    A uniform draw from the unit interval, decoded, is a random draw of the dimension. A
    dimension with a countable number of values gives each a cell of the interval; a value
    is encoded as the centre of its cell.
    """

    @property
    @abstractmethod
    def size(self) -> int | float:
        """Number of values; ``inf`` where they cannot be counted."""

    @abstractmethod
    def decode(self, u: float) -> Any:
        """Return the value at a place in the unit interval.

        Parameters
        ----------
        u : float in [0, 1]
            The place; both ends are legal.

        Returns
        -------
        object
            The value.

        Raises
        ------
        SpaceError
            If `u` is not in the unit interval.
        """

    @abstractmethod
    def encode(self, value: Any) -> float:
        """Return the place of a value in the unit interval.

        Parameters
        ----------
        value : object
            A value of the dimension.

        Returns
        -------
        float in [0, 1]
            The place; NaN where the dimension has no way back (`Sampled`).

        Raises
        ------
        SpaceError
            If the value is not in the dimension.
        """

    @abstractmethod
    def point(self, index: int) -> Any:
        """Return the value of a given number.

        Parameters
        ----------
        index : int in [0, size)
            Number of the value, in the dimension's own order.

        Returns
        -------
        object
            The value.

        Raises
        ------
        SpaceError
            If the values cannot be counted, or there are not as many.
        """

    @property
    def spaces(self) -> tuple[Space, ...]:
        """The subspace each value opens; empty if none does."""
        return ()

    def opened(self, u: float) -> int:
        """Return the number of the value at a place in the unit interval.

        Parameters
        ----------
        u : float in [0, 1]
            The place.

        Returns
        -------
        int
            Also the number of the subspace that it opens.

        Raises
        ------
        SpaceError
            If the values cannot be counted, or `u` is not in the unit interval.
        """
        if self.size == math.inf:
            raise SpaceError(f"the values of {brief(self)} cannot be counted")
        return cell(u, int(self.size))

    def __contains__(self, value: object) -> bool:
        try:
            self.encode(value)
        except SpaceError:
            return False
        return True

    def __getstate__(self) -> dict[str, Any]:
        # What is worked out on the way is left behind: some of it holds in one process only.
        return {f.name: getattr(self, f.name) for f in fields(self)}  # type: ignore[arg-type]

    def __repr__(self) -> str:
        parts = []
        for field in fields(self):  # type: ignore[arg-type]  # every subclass is a dataclass
            value = getattr(self, field.name)
            if field.default is not MISSING and value == field.default:
                continue
            text = repr(value)
            parts.append(f"{field.name}={text}" if field.kw_only else text)
        return f"{type(self).__name__}({', '.join(parts)})"

    def _index(self, index: int) -> int:
        if self.size == math.inf:
            raise SpaceError(f"the values of {brief(self)} cannot be counted")
        if not 0 <= index < self.size:
            raise SpaceError(f"{brief(self)} has {self.size} values; there is no number {index}")
        return index


def brief(value: object) -> str:
    """Return a text for a message: `repr`, at most a line long."""
    text = repr(value) if isinstance(value, Dimension) else reprlib.repr(value)
    return text if len(text) <= 90 else f"{text[:60]} ... {text[-25:]}"


def check_prior(call: str, dimension: Dimension, prior: Any) -> None:
    """Raise where the value that is thought good is none of a dimension's."""
    if prior is None:
        return
    try:
        dimension.encode(prior)
    except SpaceError as error:
        raise SpaceError(f"{call}: prior: {error}") from None


def unit(u: float) -> float:
    """Return `u` as a float, or raise if it is not in the unit interval."""
    u = float(u)
    if not 0.0 <= u <= 1.0:
        raise SpaceError(f"a place in the unit interval is a number from 0 to 1, got {u}")
    return u


def cell(u: float, size: int) -> int:
    """Return which of `size` equal cells of the unit interval `u` lies in."""
    return min(int(unit(u) * size), size - 1)


def centre(index: int, size: int) -> float:
    """Return the centre of one of `size` equal cells of the unit interval."""
    return (index + 0.5) / size
