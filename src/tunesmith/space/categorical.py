"""A dimension of values of any kind."""

from __future__ import annotations

import math
import numbers
import re
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import accumulate, combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tunesmith.exceptions import SpaceError
from tunesmith.space.dimension import Dimension, brief, cell, centre, check_prior, unit


@dataclass(frozen=True, repr=False, eq=False)
class Categorical(Dimension):
    """One of a list of values, of any kind and any mixture of kinds.

    The values come back as the very objects that were given: lists, estimators,
    functions, None and numpy scalars included.

    Parameters
    ----------
    values : list, tuple, other sequence, or ndarray of shape (n_values,)
        The values; kept as a tuple. A value may occur more than once.
    ordered : bool, default=False
        Whether the order of the values means something, so that neighbours are alike.
    weights : sequence of float of length n_values, or None, default=None
        How likely a random draw is to give each value, all above 0, on any scale; kept as
        a tuple. None: all the same.
    distance : callable or None, default=None
        Takes two values, returns how far they are from each other, so that samplers that learn
        know which are alike. None: all are equally far, or as `ordered` says.
    prior : object or None, default=None
        The value that is thought good. Samplers that learn try it first, and it more often
        than others while little is known; random draws are as without it.

    Raises
    ------
    SpaceError
        If `values` is no list, is empty or has two dimensions, or the others do not fit it.

    Notes
    -----
    A value that is looked for is found by identity first, then by type and equality (NaN
    equals NaN, arrays and lists are compared by content), then by equality across numeric
    types, where True and False are no numbers.

    Examples
    --------
    >>> from tunesmith.space import Categorical
    >>> layers = Categorical([[32], [32, 32], None], weights=[2, 1, 1])
    >>> layers.decode(0.4), layers.decode(1.0)
    ([32], None)
    >>> layers.encode([32, 32])
    0.625
    """

    values: Sequence[Any]
    ordered: bool = field(default=False, kw_only=True)
    weights: Sequence[float] | None = field(default=None, kw_only=True)
    distance: Callable[[Any, Any], float] | None = field(default=None, kw_only=True)
    prior: Any = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", _read_values(self.values))
        if not isinstance(self.ordered, bool):
            raise SpaceError(f"ordered has to be True or False, got {self.ordered!r}")
        if self.weights is not None:
            object.__setattr__(self, "weights", _read_weights(self.weights, self.size))
            self._check_cells()
        if self.distance is not None:
            if self.ordered:
                raise SpaceError("ordered and distance do not go together; leave out one of them")
            assert self.distances is not None  # asked for here, so that a bad one raises at once
        check_prior(f"Categorical({brief(list(self.values))})", self, self.prior)

    @property
    def size(self) -> int:
        """Number of values."""
        return len(self.values)

    def decode(self, u: float) -> Any:  # noqa: D102
        return self.values[self.opened(u)]

    def opened(self, u: float) -> int:  # noqa: D102
        if self.weights is None:
            return cell(u, self.size)
        return min(bisect_right(self._edges, unit(u)), self.size - 1)

    def encode(self, value: Any) -> float:  # noqa: D102
        index = self.index(value)
        if self.weights is None:
            return centre(index, self.size)
        before = self._edges[index - 1] if index else 0.0
        return (before + self._edges[index]) / 2

    def point(self, index: int) -> Any:  # noqa: D102
        return self.values[self._index(index)]

    def index(self, value: object) -> int:
        """Return the number of a value.

        Parameters
        ----------
        value : object
            One of the values.

        Returns
        -------
        int
            Its place among `values`; the first, where it occurs more than once.

        Raises
        ------
        SpaceError
            If it is none of the values.

        Examples
        --------
        >>> from tunesmith.space import Categorical
        >>> Categorical([1, True, 1.0]).index(True)
        1
        """
        found = self._by_identity.get(id(value))
        if found is None:
            found = self._by_hash.get(_hashed(value))
        if found is not None:
            return found
        for agree in (same, _alike):
            for number, candidate in enumerate(self.values):
                if agree(candidate, value):
                    return number
        raise SpaceError(f"{brief(value)} is none of {brief(list(self.values))}")

    @cached_property
    def distances(self) -> NDArray[np.float64] | None:
        """How far the values are from each other, at most 1, of shape (n_values, n_values)."""
        return None if self.distance is None else _distances(self.distance, self.values)

    @cached_property
    def _by_identity(self) -> dict[int, int]:
        return {id(value): i for i, value in reversed(list(enumerate(self.values)))}

    @cached_property
    def _by_hash(self) -> dict[object, int]:
        keys = [(i, _hashed(value)) for i, value in enumerate(self.values)]
        return {key: i for i, key in reversed(keys) if key is not None}

    @cached_property
    def _edges(self) -> list[float]:
        """Upper edge of each value's cell, the last one 1."""
        assert self.weights is not None
        sums = list(accumulate(self.weights))
        return [s / sums[-1] for s in sums]

    def _check_cells(self) -> None:
        for number in range(self.size):
            before = self._edges[number - 1] if number else 0.0
            middle = (before + self._edges[number]) / 2
            if not before <= middle < self._edges[number]:
                raise SpaceError(
                    f"weights: {self.weights[number]} is too small beside the others; "  # type: ignore[index]
                    "leave that value out"
                )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Categorical):
            return NotImplemented
        mine, its = ((d.ordered, d.weights, d.distance, d.prior is None) for d in (self, other))
        return mine == its and same(self.values, other.values) and same(self.prior, other.prior)

    def __hash__(self) -> int:
        return hash((self.size, self.ordered, self.weights))

    def __repr__(self) -> str:
        parts = [repr(list(self.values))]
        if self.ordered:
            parts.append("ordered=True")
        if self.weights is not None:
            parts.append(f"weights={list(self.weights)!r}")
        if self.distance is not None:
            parts.append(f"distance={self.distance!r}")
        if self.prior is not None:
            parts.append(f"prior={self.prior!r}")
        return f"{type(self).__name__}({', '.join(parts)})"


def same(a: object, b: object) -> bool:
    """Whether two values are one and the same for a search: of one type, and equal.

    NaN is the same as NaN; lists, tuples, dicts and arrays are compared by content;
    whatever cannot be compared is the same as itself only.
    """
    if a is b:
        return True
    if type(a) is not type(b):
        return False
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        if a.dtype == object:
            return a.shape == b.shape and same(a.tolist(), b.tolist())
        return a.dtype == b.dtype and np.array_equal(a, b, equal_nan=a.dtype.kind in "fcmM")
    if isinstance(a, list | tuple) and isinstance(b, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    return _equal(a, b) or (_equal(a, a) is False and _equal(b, b) is False)


def _equal(a: Any, b: Any) -> bool | None:
    try:
        return bool(a == b)
    except (TypeError, ValueError):
        return None


def _alike(a: object, b: object) -> bool:
    """Whether two values of different types are equal: 1 and 1.0, "a" and numpy's "a"."""
    truth = (bool, np.bool_)
    if isinstance(a, truth) or isinstance(b, truth):
        return isinstance(a, truth) and isinstance(b, truth) and bool(a == b)
    if isinstance(a, numbers.Number) and isinstance(b, numbers.Number):
        # As numpy would round the one to the type of the other first.
        a, b = (x.item() if isinstance(x, np.generic) else x for x in (a, b))
        return bool(a == b) or bool(a != a and b != b)
    return isinstance(a, str) and isinstance(b, str) and a == b


def _hashed(value: object) -> object:
    """Return a key that tells 1, 1.0 and True apart; None for what cannot be hashed."""
    # Containers may hold the 1 and the True that the type of the container does not tell.
    if isinstance(value, tuple | frozenset):
        return None
    try:
        hash(value)
    except TypeError:
        return None
    return type(value), value


def _read_values(values: Any) -> tuple[Any, ...]:
    if isinstance(values, str | bytes):
        raise SpaceError(
            f"{values!r} is one string and not a list of values; "
            f"for a list of one string, write [{values!r}]"
        )
    if isinstance(values, np.ndarray) and values.ndim > 1:
        raise SpaceError(
            f"an array of values has to have one dimension, got one of shape {values.shape}; "
            "for rows as values, write list(array)"
        )
    if isinstance(values, set | frozenset):
        raise SpaceError(f"a set has no order; write a list: {brief(values)}")
    one = isinstance(values, np.ndarray) and values.ndim == 0
    if one or not isinstance(values, Sequence | np.ndarray):
        raise SpaceError(
            f"values have to come as a list or a numpy array, got {brief(values)} "
            f"(of type {type(values).__name__}); "
            + (
                "a range here is Float, Int, Categorical or Choice"
                if _is_range_elsewhere(values)
                else "for a single value, write a list of one element"
            )
        )
    if len(values) == 0:
        raise SpaceError(f"a list of values has to have at least one, got {values!r}")
    for value in values:
        inner = _range_within(value)
        if inner is not None and inner is value:
            raise SpaceError(f"{brief(inner)} stands in a list; write it without the brackets")
        if inner is not None:
            raise SpaceError(
                f"{brief(inner)} stands within the value {brief(value)}, where nothing draws from "
                "it; for parameters that one value has and others have not, write "
                'Choice({"a": {"x": Float(0, 1)}, "b": {}})'
            )
    return tuple(values)


def _range_within(value: object) -> object | None:
    """Return a range, of this library or another, that a value is or holds; None if none."""
    todo, seen = [value], set()
    while todo:
        one = todo.pop()
        if isinstance(one, Dimension) or _is_range_elsewhere(one):
            return one
        if isinstance(one, list | tuple | dict) and id(one) not in seen:
            seen.add(id(one))
            todo += one.values() if isinstance(one, dict) else one
    return None


def _is_range_elsewhere(value: object) -> bool:
    """Tell whether something is a range of another library, by the module of its type."""
    return bool(re.search(r"\bpyll\b|^keras_tuner\.|^optuna\.dist", type(value).__module__))


def _read_weights(weights: Any, size: int) -> tuple[float, ...]:
    if isinstance(weights, str) or not isinstance(weights, Sequence | np.ndarray):
        raise SpaceError(f"weights have to be a list of numbers, got {weights!r}")
    if len(weights) != size:
        raise SpaceError(
            f"weights: there are {len(weights)} for {size} values; write one for each value"
        )
    for weight in weights:
        number = isinstance(weight, numbers.Real) and not isinstance(weight, bool)
        if not number or not math.isfinite(weight) or weight <= 0:
            raise SpaceError(
                f"weights have to be finite numbers above 0, got {weight!r}; "
                "leave out a value that is never to be drawn"
            )
    return tuple(float(weight) for weight in weights)


def _distances(distance: Callable[[Any, Any], float], values: Sequence[Any]) -> Any:
    n = len(values)
    table = np.zeros((n, n))
    for i, j in combinations(range(n), 2):
        try:
            told = float(distance(values[i], values[j]))
        except Exception as error:
            raise SpaceError(
                f"distance raised {type(error).__name__}: {error} for {brief(values[i])} and "
                f"{brief(values[j])}; write a function of two values that returns a number"
            ) from error
        if not (math.isfinite(told) and told >= 0):
            raise SpaceError(
                f"distance has to be a finite number, 0 or more, got {told} for "
                f"{brief(values[j])} and {brief(values[i])}"
            )
        table[i, j] = table[j, i] = told
    most = table.max(initial=0.0)
    return table / most if most > 0 else table
