"""What varies together: the dimensions of one dict."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tunesmith.exceptions import SpaceError
from tunesmith.space.categorical import Categorical
from tunesmith.space.dimension import Dimension, brief
from tunesmith.space.distribution import from_source

if TYPE_CHECKING:
    from tunesmith.space.tree import Space


@dataclass(frozen=True)
class Column:
    """One column of the encoding of a space.

    Parameters
    ----------
    name : str
        The parameter; empty for the choice between the dicts of a list.
    dimension : Dimension
        What it ranges over.
    parent : int or None
        The column this one depends on; None if it is always active.
    branch : int or None
        Number of the value of `parent` at which this one is active.
    """

    name: str
    dimension: Dimension
    parent: int | None
    branch: int | None


@dataclass(frozen=True, repr=False)
class Branch:
    """Parameters that vary together, and what they open.

    Parameters
    ----------
    entries : tuple of (str, Dimension)
        Names and dimensions, sorted by name.
    optional : frozenset of str, default=frozenset()
        Names of those that parameters may lack, though they are always suggested; none of them
        opens a subspace.

    Raises
    ------
    SpaceError
        If a parameter could be set twice.
    """

    entries: tuple[tuple[str, Dimension], ...]
    optional: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        taken: set[str] = set()
        for name, dimension in self.entries:
            opened = _opened_names(dimension)
            if twice := sorted((opened | {name}) & taken | opened & {name}):
                raise SpaceError(
                    f"the parameter {twice[0]!r} would be set twice, once by "
                    f"{name!r} or what it opens; give one of them another name"
                )
            taken |= opened | {name}

    @classmethod
    def read(cls, entries: Mapping[Any, Any]) -> Branch:
        """Return the branch that a user's dict means."""
        for name in entries:
            if not isinstance(name, str) or not name:
                raise SpaceError(
                    f"the name of a parameter has to be a string, got {name!r} "
                    f"(of type {type(name).__name__})"
                )
        return cls(tuple((name, _read_dimension(name, entries[name])) for name in sorted(entries)))

    @cached_property
    def width(self) -> int:
        """Number of columns of the encoding."""
        return len(self.entries) + sum(s.n_dimensions for _, d in self.entries for s in d.spaces)

    @cached_property
    def size(self) -> int | float:
        """Number of points; ``inf`` where they cannot be counted."""
        return math.prod(_points(dimension) for _, dimension in self.entries)

    def columns(self, start: int, parent: int | None, branch: int | None) -> Iterator[Column]:
        """Yield the columns of the encoding, of which the first is column `start`."""
        position = start
        for name, dimension in self.entries:
            yield Column(name, dimension, parent, branch)
            opener, position = position, position + 1
            for number, space in enumerate(dimension.spaces):
                yield from space._columns(position, opener, number)
                position += space.n_dimensions

    def decode(self, row: NDArray[np.float64]) -> dict[str, Any]:
        """Return the parameters at a place, shape (width,)."""
        params: dict[str, Any] = {}
        position = 0
        for name, dimension in self.entries:
            try:
                params[name] = dimension.decode(row[position])
            except SpaceError as error:
                raise SpaceError(f"the parameter {name!r}: {error}") from None
            position += 1
            if dimension.spaces:
                columns, space = _opened(dimension, row[position - 1], position)
                params.update(space._decode(row[columns]))
                position += sum(s.n_dimensions for s in dimension.spaces)
        return params

    def encode(self, params: Mapping[str, Any], row: NDArray[np.float64]) -> set[str]:
        """Write the place of parameters into `row`, shape (width,); return the names used."""
        used: set[str] = set()
        position = 0
        for name, dimension in self.entries:
            if name not in params:
                if name in self.optional:
                    position += 1
                    continue
                raise SpaceError(f"the parameter {name!r} is missing")
            try:
                row[position] = dimension.encode(params[name])
            except SpaceError as error:
                raise SpaceError(f"the parameter {name!r}: {error}") from None
            used.add(name)
            position += 1
            if dimension.spaces:
                columns, space = _opened(dimension, row[position - 1], position)
                space._encode(params, row[columns])
                opened = {n for n in space.names if n in params}
                if closed := sorted((_opened_names(dimension) & params.keys()) - opened):
                    raise SpaceError(
                        f"the parameter {closed[0]!r} is not active where {name!r} is "
                        f"{brief(params[name])}"
                    )
                used |= opened
                position += sum(s.n_dimensions for s in dimension.spaces)
        return used

    def point(self, index: int) -> dict[str, Any]:
        """Return the point of a given number: its digits in the mixed radix of the sizes."""
        digits = []
        for _, dimension in reversed(self.entries):
            index, digit = divmod(index, int(_points(dimension)))
            digits.append(digit)
        params: dict[str, Any] = {}
        for (name, dimension), digit in zip(self.entries, reversed(digits), strict=True):
            if not dimension.spaces:
                params[name] = dimension.point(digit)
                continue
            for number, space in enumerate(dimension.spaces):
                if digit < space.size:
                    params[name] = dimension.point(number)
                    params.update(space.point(digit))
                    break
                digit -= int(space.size)
        return params

    def __getstate__(self) -> dict[str, Any]:
        return {"entries": self.entries, "optional": self.optional}

    def __repr__(self) -> str:
        return "{" + ", ".join(f"{name!r}: {_plain(d)}" for name, d in self.entries) + "}"


def _opened(dimension: Dimension, u: float, position: int) -> tuple[slice, Space]:
    """Return the space opened at `u` and its columns, where those of all start at `position`."""
    chosen = dimension.opened(u)
    space = dimension.spaces[chosen]
    position += sum(s.n_dimensions for s in dimension.spaces[:chosen])
    return slice(position, position + space.n_dimensions), space


def _opened_names(dimension: Dimension) -> set[str]:
    return {name for space in dimension.spaces for name in space.names}


def _points(dimension: Dimension) -> int | float:
    """Return the number of points of a dimension with all it opens."""
    return sum(space.size for space in dimension.spaces) if dimension.spaces else dimension.size


def _read_dimension(name: str, given: Any) -> Dimension:
    if isinstance(given, Dimension):
        return given
    try:
        if hasattr(given, "rvs"):
            return from_source(given)
        if isinstance(given, Mapping):
            raise SpaceError(
                f"a dict is no list of values; write Choice({brief(given)}) if each of its keys "
                "opens a subspace"
            )
        values = Categorical(given)
    except SpaceError as error:
        raise SpaceError(f"the parameter {name!r}: {error}") from None
    return values


def _plain(dimension: Dimension) -> str:
    """Return the shortest text that reads back as the dimension."""
    if isinstance(dimension, Categorical) and dimension == Categorical(dimension.values):
        return repr(list(dimension.values))
    return repr(dimension)
