"""Every point of a grid, in order."""

from __future__ import annotations

import math
import numbers
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from numpy.random import Generator

from tunesmith.exceptions import SpaceError
from tunesmith.samplers import Suggestion
from tunesmith.space import Categorical, Dimension, Distribution, Sampled, Space
from tunesmith.trial import History


@dataclass(frozen=True)
class GridSampler:
    """Suggests every point of a space, in the order of scikit-learn's `ParameterGrid`.

    Lists give their values; `Int`, stepped `Float` and bounded discrete `Distribution` all
    of theirs; a `Choice` each key with all it opens. Trial *n* is computed from *n* alone,
    so the grid is never held in memory.

    Parameters
    ----------
    points : int, dict of str to int, or None, default=None
        How many points to put on a continuous dimension (by parameter, where a dict):
        evenly spaced from ``low`` to ``high`` of a `Float` (a single one in the middle), and
        the middle quantiles of so many equal parts of a `Distribution`. None: a continuous
        dimension is an error.

    Examples
    --------
    >>> from tunesmith.samplers.grid import GridSampler
    >>> from tunesmith.space import Float, Space
    >>> space = Space.read({"C": Float(0.01, 100, log=True), "kernel": ["linear", "rbf"]})
    >>> GridSampler(points=5).size(space)
    10
    """

    points: int | Mapping[str, int] | None = None
    adaptive: ClassVar[bool] = False

    def __post_init__(self) -> None:
        given = self.points
        if given is None:
            return
        for count in given.values() if isinstance(given, Mapping) else [given]:
            whole = isinstance(count, numbers.Integral) and not isinstance(count, bool)
            if not whole or count < 1:
                raise SpaceError(
                    f"points has to be a whole number above 0, or a dict of such by parameter, "
                    f"got {given!r}"
                )

    def size(self, space: Space) -> int:
        """Return the number of points.

        Parameters
        ----------
        space : Space
            The space to enumerate.

        Returns
        -------
        int
            The number of points.

        Raises
        ------
        SpaceError
            If a parameter cannot be enumerated.
        """
        return int(self._countable(space).size)

    def suggest(self, space: Space, history: History, rng: Generator) -> Suggestion:
        """Return point ``history.number`` of the grid.

        Parameters
        ----------
        space : Space
            The space to enumerate.
        history : History
            Only its `number` is looked at.
        rng : numpy.random.Generator
            Not used.

        Returns
        -------
        Suggestion
            The point.

        Raises
        ------
        SpaceError
            If a parameter cannot be enumerated, or the grid has no such point.
        """
        countable = self._countable(space)
        if history.number >= countable.size:
            raise SpaceError(
                f"the grid has {countable.size} points, and all have been suggested; "
                "ask for fewer trials or widen the space"
            )
        return Suggestion(countable.point(history.number))

    def _countable(self, space: Space) -> Space:
        named = self.points if isinstance(self.points, Mapping) else {}
        if unknown := [name for name in named if name not in space.names]:
            raise SpaceError(
                f"points: {unknown[0]!r} is no parameter of this space, "
                f"which has {list(space.names)}"
            )
        if space.size < math.inf:
            return space
        listed = space.map(self._listed)
        if listed.size == math.inf:
            listed.point(0)  # which raises, and says why its points cannot be counted
        return listed

    def _listed(self, name: str, dimension: Dimension) -> Dimension:
        if dimension.size < math.inf:
            return dimension
        count = self.points.get(name) if isinstance(self.points, Mapping) else self.points
        # What only draws has no order: its points would be a random sample.
        placed = not isinstance(dimension, Sampled)
        if count is None or not placed:
            ways = "a list of values" + " or step= (or points= for the grid)" * placed
            raise SpaceError(
                f"the parameter {name!r}: the values of {dimension!r} cannot be counted, and a "
                f"grid needs to count them; write {ways}"
            )
        if isinstance(dimension, Distribution) or count == 1:
            places = [(i + 0.5) / count for i in range(count)]
        else:
            places = [i / (count - 1) for i in range(count)]
        # Quantiles of whole numbers repeat where many share one value.
        values = dict.fromkeys(dimension.decode(u) for u in places)
        return Categorical(list(values), ordered=True)
