"""`Space` and `Choice`: two halves of one definition, as each opens the other."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import accumulate, pairwise
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike, NDArray

from tunesmith.exceptions import SpaceError
from tunesmith.space.branch import Branch, Column
from tunesmith.space.categorical import Categorical, same
from tunesmith.space.constraints import Constraint, allows, read_constraints
from tunesmith.space.cube import Cube
from tunesmith.space.dimension import Dimension, brief

_DRAWS = 10_000
"""Random points after which none is believed to satisfy the constraints."""

_COUNTED = 20_000
"""Points that are tried one by one against the constraints at most."""


@dataclass(frozen=True, repr=False, eq=False)
class Choice(Dimension):
    """A choice that opens a subspace: what else varies depends on what is chosen.

    Among the parameters it appears under its own name with the chosen key as its value,
    and beside it the parameters that the key opens, by their own names and not prefixed.
    The same name may occur in several branches, as only one of them is open at a time.

    Parameters
    ----------
    branches : mapping of object to dict, list of dicts or Space
        For each key (any hashable object, such as a string or an estimator) what it opens,
        in any form `Space.read` takes; ``{}`` where it opens nothing. Kept as spaces.
    weights : sequence of float, one for each key, or None, default=None
        How likely a random draw is to give each key, all above 0, on any scale; kept as a tuple.
        None: all the same.

    Attributes
    ----------
    keys : tuple
        The keys.
    spaces : tuple of Space
        What each opens.

    Raises
    ------
    SpaceError
        If there is no branch, one is no space, or the weights do not fit them.

    Examples
    --------
    >>> from tunesmith.space import Choice, Float, Space
    >>> space = Space.read({"optimizer": Choice({
    ...     "sgd": {"lr": Float(0.1, 0.5), "momentum": [0.0, 0.9]},
    ...     "adam": {"lr": Float(0.001, 0.005)},
    ... })})
    >>> space.decode([0.0, 0.5, 1.0, 0.5])
    {'optimizer': 'sgd', 'lr': 0.3, 'momentum': 0.9}
    >>> space.decode([1.0, 0.5, 1.0, 0.5])
    {'optimizer': 'adam', 'lr': 0.003}
    """

    branches: Mapping[Any, Any]
    weights: Sequence[float] | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        if not isinstance(self.branches, Mapping):
            raise SpaceError(
                f"Choice needs a dict of branches, got {brief(self.branches)}; write "
                "Choice({'sgd': {...}, 'adam': {...}}), or Categorical where nothing is opened"
            )
        if not self.branches:
            raise SpaceError("Choice has no branches; write at least one, such as {'sgd': {}}")
        spaces = {}
        for key, branch in self.branches.items():
            if not isinstance(branch, Space | Mapping | list | tuple):
                raise SpaceError(
                    f"Choice: the branch {key!r} has to be a dict of what it opens, got "
                    f"{brief(branch)}; write {{}} if it opens nothing"
                )
            try:
                spaces[key] = Space.read(branch)
            except SpaceError as error:
                raise SpaceError(f"Choice: in the branch {key!r}: {error}") from None
            if spaces[key].constraints:
                raise SpaceError(
                    f"Choice: the branch {key!r} has constraints; give them to the whole space, "
                    "and let them use p.get('name') for what is not always active"
                )
        object.__setattr__(self, "branches", spaces)
        try:
            object.__setattr__(self, "weights", self.switch.weights)
        except SpaceError as error:
            raise SpaceError(f"Choice: {error}") from None

    @property
    def keys(self) -> tuple[Any, ...]:
        """The keys."""
        return tuple(self.branches)

    @property
    def spaces(self) -> tuple[Space, ...]:
        """What each key opens."""
        return tuple(self.branches.values())

    @property
    def size(self) -> int:
        """Number of keys."""
        return len(self.branches)

    @cached_property
    def switch(self) -> Categorical:
        """The bare choice of a key, opening nothing."""
        return Categorical(self.keys, weights=self.weights)

    def decode(self, u: float) -> Any:  # noqa: D102
        return self.switch.decode(u)

    def opened(self, u: float) -> int:  # noqa: D102
        return self.switch.opened(u)

    def encode(self, value: Any) -> float:  # noqa: D102
        return self.switch.encode(value)

    def point(self, index: int) -> Any:  # noqa: D102
        return self.switch.point(index)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Choice):
            return NotImplemented
        mine, its = ((c.spaces, c.weights) for c in (self, other))
        return mine == its and same(self.keys, other.keys)

    def __hash__(self) -> int:
        return hash((type(self), self.spaces))

    def __repr__(self) -> str:
        branches = ", ".join(f"{key!r}: {s._plain()}" for key, s in self.branches.items())
        weights = "" if self.weights is None else f", weights={list(self.weights)!r}"
        return f"Choice({{{branches}}}{weights})"


@dataclass(frozen=True, repr=False)
class Space:
    """What can vary: named dimensions, and a map between their values and the unit cube.

    Made by `Space.read`. Every dimension, those of closed branches included, is one column
    of the cube; a choice between the dicts of a list is a column before theirs.

    Parameters
    ----------
    branches : tuple of Branch
        The alternatives, usually one.
    constraints : tuple of callable, default=()
        Each takes a dict of parameters and tells whether they may be tried together.

    Examples
    --------
    >>> import numpy as np
    >>> from tunesmith.space import Float, Int, Space
    >>> space = Space.read({"lr": Float(1e-4, 1.0, log=True), "layers": [[32], [32, 32]]})
    >>> space.names, space.n_dimensions, space.size
    (('layers', 'lr'), 2, inf)
    >>> params = space.decode([1.0, 0.5])
    >>> params
    {'layers': [32, 32], 'lr': 0.01}
    >>> space.encode(params)
    array([0.75, 0.5 ])
    >>> params in space, {"lr": 7.0, "layers": [32]} in space
    (True, False)
    >>> sorted(space.sample(np.random.default_rng(0)))
    ['layers', 'lr']
    """

    branches: tuple[Branch, ...]
    constraints: tuple[Constraint, ...] = ()

    @classmethod
    def read(cls, space: Any) -> Space:
        """Return the space that a user's description means.

        Parameters
        ----------
        space : Space, dict, or list of dicts
            Each dict maps names of parameters to a `Float`, `Int`, `Categorical`,
            `Choice` or `Distribution`; to a list, tuple or array of values; to a scipy
            distribution; or to an object with ``rvs``. Of a list of dicts, each is an
            alternative, as likely as the others. Names are sorted, as scikit-learn does.

        Returns
        -------
        Space
            The space.

        Raises
        ------
        SpaceError
            If it is no such thing; the message names the parameter.

        Examples
        --------
        >>> from scipy.stats import randint
        >>> from tunesmith.space import Space
        >>> Space.read([{"kernel": ["linear"]}, {"kernel": ["poly"], "degree": randint(2, 5)}])
        Space.read([{'kernel': ['linear']}, {'degree': Int(2, 4), 'kernel': ['poly']}])
        """
        if isinstance(space, Space):
            return space
        if isinstance(space, Mapping):
            return cls((Branch.read(space),))
        if isinstance(space, str) or not isinstance(space, Sequence):
            raise SpaceError(
                f"a space is a dict or a list of dicts, got {brief(space)} "
                f"of type {type(space).__name__}; write {{'name': [value, ...]}}"
            )
        if not space:
            raise SpaceError("a list of dicts has to have at least one, got an empty list")
        for branch in space:
            if not isinstance(branch, Mapping):
                raise SpaceError(
                    f"a space is a dict or a list of dicts, but the list holds {brief(branch)} "
                    f"of type {type(branch).__name__}"
                )
        return cls(tuple(Branch.read(branch) for branch in space))

    def where(self, constraints: Any) -> Space:
        """Return the part of this space in which constraints hold.

        Parameters
        ----------
        constraints : callable or sequence of callable
            Each takes a dict of parameters, and returns whether they may be tried together.
            They hold beside those the space has.

        Returns
        -------
        Space
            Its columns are those of this one.

        Raises
        ------
        SpaceError
            If one is no function.

        Examples
        --------
        >>> from tunesmith.space import Int, Space
        >>> space = Space.read({"low": Int(0, 2), "high": Int(0, 2)})
        >>> space.where(lambda p: p["low"] < p["high"]).size
        3
        """
        return Space(self.branches, self.constraints + read_constraints(constraints))

    def with_optional(self, dimensions: Mapping[str, Dimension]) -> Space:
        """Return the space with further parameters, which are suggested but may be missing.

        Parameters
        ----------
        dimensions : mapping of str to Dimension
            What each ranges over, in every branch; none of them opens a subspace.

        Returns
        -------
        Space
            In each branch, the columns of the further parameters come last.

        Raises
        ------
        SpaceError
            If a parameter of this space has the name of one of them.

        Examples
        --------
        >>> from tunesmith.space import Float, Int, Space
        >>> space = Space.read({"n": Int(1, 4)}).with_optional({"x": Float(0, 1)})
        >>> space.decode([0.0, 0.5])
        {'n': 1, 'x': 0.5}
        >>> space.encode({"n": 1})
        array([0.125,   nan])
        """
        further, names = tuple(sorted(dimensions.items())), frozenset(dimensions)
        return Space(
            tuple(Branch(b.entries + further, b.optional | names) for b in self.branches),
            self.constraints,
        )

    def allows(self, params: Mapping[str, Any]) -> bool:
        """Tell whether all constraints hold for parameters.

        Raises
        ------
        SpaceError
            If a constraint raises; tells which, and at what.
        """
        return all(allows(constraint, params) for constraint in self.constraints)

    def allowed(self, places: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Tell for which places all constraints hold.

        Parameters
        ----------
        places : ndarray of shape (n, n_dimensions)
            NaN where a column is not active.

        Returns
        -------
        ndarray of shape (n,)
        """
        if not self.constraints:
            return np.ones(len(places), dtype=bool)
        return np.array([self.allows(self.decode(place)) for place in places], dtype=bool)

    @cached_property
    def columns(self) -> tuple[Column, ...]:
        """The columns of the encoding, in order."""
        return tuple(self._columns(0, None, None))

    @cached_property
    def cube(self) -> Cube:
        """The unit cube of the encoding, for many places at once."""
        return Cube.of(self.columns)

    @property
    def n_dimensions(self) -> int:
        """Number of columns of the encoding."""
        return len(self.columns)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of all parameters, each once, in the order of the columns."""
        return tuple(dict.fromkeys(c.name for c in self.columns if c.name))

    @cached_property
    def size(self) -> int | float:
        """Number of points, repeats included; ``inf`` where they cannot be counted.

        With constraints, those that are allowed; ``inf`` where there are too many to try them all.
        """
        return self._all if self._points is None else len(self._points)

    @cached_property
    def _all(self) -> int | float:
        """Number of points if there were no constraints."""
        size = sum(branch.size for branch in self.branches)
        return math.inf if self.constraints and size > _COUNTED else size

    @cached_property
    def _points(self) -> list[int] | None:
        """The numbers of the points that are allowed; None where all are, or nobody knows."""
        if not self.constraints or self._all == math.inf:
            return None
        return [number for number in range(int(self._all)) if self.allows(self._point(number))]

    def decode(self, u: ArrayLike) -> dict[str, Any]:
        """Return the parameters at a place in the unit cube.

        Parameters
        ----------
        u : array-like of shape (n_dimensions,)
            The place, each number from 0 to 1; columns that are not active may be NaN.

        Returns
        -------
        dict of str to object
            The active parameters.

        Raises
        ------
        SpaceError
            If the place is not in the cube.
        """
        row = np.asarray(u, dtype=np.float64)
        if row.shape != (self.n_dimensions,):
            raise SpaceError(
                f"a place in this space has {self.n_dimensions} numbers, "
                f"got an array of shape {row.shape}"
            )
        return self._decode(row)

    def encode(self, params: Mapping[str, Any]) -> NDArray[np.float64]:
        """Return the place of parameters in the unit cube.

        Parameters
        ----------
        params : mapping of str to object
            One value for each active parameter, and no more. Where several dicts of a list
            hold them, the first counts.

        Returns
        -------
        ndarray of shape (n_dimensions,)
            The place; NaN where a column is not active or has no encoding (`Sampled`).

        Raises
        ------
        SpaceError
            If they are not in the space; the message names the parameter.
        """
        if unknown := [name for name in params if name not in self.names]:
            raise SpaceError(
                f"{unknown[0]!r} is no parameter of this space, which has {list(self.names)}"
            )
        row = np.full(self.n_dimensions, np.nan)
        self._encode(params, row)
        return row

    def sample(self, rng: Generator) -> dict[str, Any]:
        """Return parameters drawn at random.

        Parameters
        ----------
        rng : numpy.random.Generator
            Asked for `n_dimensions` numbers, whatever is drawn; with constraints, until they hold.

        Returns
        -------
        dict of str to object
            The active parameters.

        Raises
        ------
        SpaceError
            If no point is found for which the constraints hold.
        """
        if not self.constraints:
            return self._decode(rng.random(self.n_dimensions))
        for _ in range(_DRAWS):
            params = self._decode(rng.random(self.n_dimensions))
            if self.allows(params):
                return params
        if self._points:
            return self.point(int(rng.integers(len(self._points))))
        raise SpaceError(
            f"the constraints hold at none of {_DRAWS} random points; loosen them, or narrow the "
            "ranges to where they hold"
        )

    def complete(self, params: Mapping[str, Any], rng: Generator) -> dict[str, Any]:
        """Return parameters with what they leave out drawn at random.

        Parameters
        ----------
        params : mapping of str to object
            Values of some parameters. What they need to be active is chosen so.
        rng : numpy.random.Generator
            Where all randomness comes from.

        Returns
        -------
        dict of str to object
            The active parameters; the values that were given are the objects given.

        Raises
        ------
        SpaceError
            If they are not in the space, or the constraints hold nowhere with them.

        Examples
        --------
        >>> import numpy as np
        >>> from tunesmith.space import Choice, Float, Space
        >>> space = Space.read({"a": Choice({"x": {"b": Float(0, 1)}, "y": {}})})
        >>> space.complete({"b": 0.5}, np.random.default_rng(0))
        {'a': 'x', 'b': 0.5}
        """
        if unknown := [name for name in params if name not in self.names]:
            raise SpaceError(
                f"{unknown[0]!r} is no parameter of this space, which has {list(self.names)}"
            )
        for name, value in params.items():
            dimensions = [column.dimension for column in self.columns if column.name == name]
            if not any(value in dimension for dimension in dimensions):
                error = _outside(dimensions[0], value)
                raise SpaceError(f"the parameter {name!r}: {error}")
        for _ in range(_DRAWS // 10):
            full = self._decode(self._place_with(params, rng))
            if params.keys() <= full.keys():
                full.update(params)
                if full in self:
                    return full
        raise SpaceError(
            f"{brief(dict(params))} cannot be completed: some of it is not active beside the "
            "rest, or the constraints do not hold"
        )

    def _place_with(self, params: Mapping[str, Any], rng: Generator) -> NDArray[np.float64]:
        """Draw a place; put it where parameters are, and what they depend on."""
        place = rng.random(self.n_dimensions)
        for number in rng.permutation(self.n_dimensions):
            column = self.columns[number]
            if column.name not in params or params[column.name] not in column.dimension:
                continue
            code = column.dimension.encode(params[column.name])
            place[number] = place[number] if math.isnan(code) else code
            while column.parent is not None:
                parent = self.columns[column.parent]
                if parent.name not in params:
                    assert column.branch is not None
                    edges = self.cube.edges[column.parent]
                    assert edges is not None
                    place[column.parent] = edges[column.branch : column.branch + 2].mean()
                column = parent
        return place

    def point(self, index: int) -> dict[str, Any]:
        """Return the point of a given number, in the order of scikit-learn's `ParameterGrid`.

        The dicts of a list follow each other; in each, the parameter whose name sorts last
        changes fastest. The keys of a `Choice` follow each other, each with all it opens.

        Parameters
        ----------
        index : int in [0, size)
            Number of the point.

        Returns
        -------
        dict of str to object
            The parameters, computed from the number alone.

        Raises
        ------
        SpaceError
            If the points cannot be counted, or there are not as many.

        Examples
        --------
        >>> from tunesmith.space import Int, Space
        >>> space = Space.read({"a": Int(1, 10**6), "b": ["x", "y", "z"]})
        >>> space.size, space.point(2_000_000)
        (3000000, {'a': 666667, 'b': 'z'})
        """
        if self.size == math.inf:
            endless = [c.name for c in self.columns if c.dimension.size == math.inf]
            if not endless:
                raise SpaceError(
                    f"this space has more than {_COUNTED} points, too many to try the constraints "
                    "on each"
                )
            raise SpaceError(f"the values of the parameter {endless[0]!r} cannot be counted")
        if not 0 <= index < self.size:
            raise SpaceError(f"this space has {self.size} points; there is no number {index}")
        return self._point(index if self._points is None else self._points[index])

    def _point(self, index: int) -> dict[str, Any]:
        """Return the point of a number, whether it is allowed or not."""
        for branch in self.branches:
            if index < branch.size:
                return branch.point(index)
            index -= int(branch.size)
        raise AssertionError("the sizes of the branches add up to the size")

    def map(self, change: Callable[[str, Dimension], Dimension]) -> Space:
        """Return the space with each dimension replaced; a `Choice` keeps its keys.

        Parameters
        ----------
        change : callable
            Takes a parameter's name and its dimension, returns the one to have instead.

        Returns
        -------
        Space
            The new space.

        Examples
        --------
        >>> from tunesmith.space import Categorical, Float, Space
        >>> space = Space.read({"a": Float(0, 1)})
        >>> space.map(lambda name, dimension: Categorical([dimension.decode(0.5)]))
        Space.read({'a': [0.5]})
        """

        def changed(name: str, dimension: Dimension) -> Dimension:
            if isinstance(dimension, Choice):
                branches = {key: s.map(change) for key, s in dimension.branches.items()}
                return Choice(branches, weights=dimension.weights)
            return change(name, dimension)

        return Space(
            tuple(
                Branch(tuple((n, changed(n, d)) for n, d in b.entries), b.optional)
                for b in self.branches
            ),
            self.constraints,
        )

    def __contains__(self, params: object) -> bool:
        if not isinstance(params, Mapping):
            return False
        try:
            self.encode(params)
        except SpaceError:
            return False
        return self.allows(params)

    def __repr__(self) -> str:
        where = f".where({list(self.constraints)!r})" if self.constraints else ""
        return f"Space.read({self._plain()}){where}"

    def __getstate__(self) -> dict[str, Any]:
        return {"branches": self.branches, "constraints": self.constraints}

    def _plain(self) -> str:
        branches = [repr(branch) for branch in self.branches]
        return branches[0] if len(branches) == 1 else f"[{', '.join(branches)}]"

    @cached_property
    def _switch(self) -> Categorical | None:
        """The choice between the dicts of a list."""
        n = len(self.branches)
        return Categorical(range(n)) if n > 1 else None

    def _columns(self, start: int, parent: int | None, branch: int | None) -> Iterator[Column]:
        position = start
        if self._switch is not None:
            yield Column("", self._switch, parent, branch)
            position += 1
        for number, alternative in enumerate(self.branches):
            above = (parent, branch) if self._switch is None else (start, number)
            yield from alternative.columns(position, *above)
            position += alternative.width

    @cached_property
    def _slices(self) -> list[slice]:
        """Return the columns of each branch."""
        ends = list(accumulate((b.width for b in self.branches), initial=self._switch is not None))
        return [slice(first, last) for first, last in pairwise(ends)]

    def _decode(self, row: NDArray[np.float64]) -> dict[str, Any]:
        chosen = 0 if self._switch is None else self._switch.decode(row[0])
        return self.branches[chosen].decode(row[self._slices[chosen]])

    def _encode(self, params: Mapping[str, Any], row: NDArray[np.float64]) -> None:
        """Write the place of this space's own parameters into `row`."""
        own = {name for name in self.names if name in params}
        errors: list[SpaceError] = []
        for number, (branch, columns) in enumerate(zip(self.branches, self._slices, strict=True)):
            try:
                used = branch.encode(params, row[columns])
                if extra := sorted(own - used):
                    raise SpaceError(f"the parameter {extra[0]!r} is not active here")
            except SpaceError as error:
                row[columns] = np.nan
                errors.append(error)
                continue
            if self._switch is not None:
                row[0] = self._switch.encode(number)
            return
        if len(errors) == 1:
            raise errors[0]
        reasons = "; ".join(f"{i}: {error}" for i, error in enumerate(errors))
        raise SpaceError(f"{brief(dict(params))} is in none of the dicts of the list ({reasons})")


def _outside(dimension: Dimension, value: Any) -> SpaceError:
    try:
        dimension.encode(value)
    except SpaceError as error:
        return error
    return SpaceError(f"{brief(value)} is none of its values")
