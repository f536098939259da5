"""The unit cube of a space, for many places at once."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tunesmith.space.branch import Column
from tunesmith.space.categorical import Categorical
from tunesmith.space.dimension import Dimension
from tunesmith.space.distribution import Distribution, Sampled
from tunesmith.space.numeric import Int

FINE = 1024
"""Cells on an ordered column beyond which it is as good as continuous."""

_DIGITS = 9

_BELIEVED = 0.6
"""How sure the user is taken to be of a category that is thought good."""

Places = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Cube:
    """What a sampler that learns has to know of the columns of an encoding.

    Parameters
    ----------
    edges : tuple of ndarray of shape (n_cells + 1,), or None
        For each column where its cells begin and end; None where it is continuous. A column
        that is not ordered has them.
    ordered : ndarray of shape (n_dimensions,), dtype bool
        Whether neighbours on a column are alike.
    encoded : ndarray of shape (n_dimensions,), dtype bool
        Whether a value has a place at all; not so for `Sampled`.
    distances : tuple of ndarray of shape (n_cells, n_cells), or None
        For each column how far its categories are from each other, at most 1, as the distances of
        points in a Euclidean space that come nearest to the user's; None where nobody has told.
    prior : tuple of ndarray of shape (n_cells,), float, or None
        For each column where its good values are thought to be: how likely each category is, or
        a place in the unit interval. None where nobody has told.
    parents, branches : ndarray of shape (n_dimensions,), dtype int
        The column each depends on, -1 for none, and the number of the cell of it at which the
        column is active.

    Examples
    --------
    >>> import numpy as np
    >>> from tunesmith.space import Choice, Float, Space
    >>> from tunesmith.space.cube import Cube
    >>> space = Space.read({"a": Choice({"x": {"b": Float(0, 1)}, "y": {}})})
    >>> Cube.of(space.columns).snap(np.array([[0.1, 0.3], [0.9, 0.3]]))
    array([[0.25, 0.3 ],
           [0.75,  nan]])
    """

    edges: tuple[NDArray[np.float64] | None, ...]
    ordered: NDArray[np.bool_]
    encoded: NDArray[np.bool_]
    distances: tuple[NDArray[np.float64] | None, ...]
    prior: tuple[NDArray[np.float64] | float | None, ...]
    parents: NDArray[np.int_]
    branches: NDArray[np.int_]

    @classmethod
    def of(cls, columns: Sequence[Column]) -> Cube:
        """Return the cube with these columns."""
        dimensions = [column.dimension for column in columns]
        return cls(
            edges=tuple(map(_edges, dimensions)),
            ordered=np.array([_is_ordered(d) for d in dimensions], dtype=bool),
            encoded=np.array([not isinstance(d, Sampled) for d in dimensions], dtype=bool),
            distances=tuple(map(_distances, dimensions)),
            prior=tuple(map(_prior, dimensions)),
            parents=np.array([-1 if c.parent is None else c.parent for c in columns], dtype=int),
            branches=np.array([-1 if c.branch is None else c.branch for c in columns], dtype=int),
        )

    def cells(self, column: int, places: Places) -> NDArray[np.intp]:
        """Return the numbers of the cells of a column in which places of it lie."""
        edges = self.edges[column]
        assert edges is not None
        return np.searchsorted(edges[1:-1], places, side="right")

    def snap(self, places: Places) -> Places:
        """Return places at the centres of their cells, as they are encoded.

        Parameters
        ----------
        places : ndarray of shape (n, n_dimensions)

        Returns
        -------
        ndarray of shape (n, n_dimensions)
            NaN where a column is not active.
        """
        snapped = np.array(places)
        active = np.ones(places.shape, dtype=bool)
        numbers: dict[int, NDArray[np.intp]] = {}
        for column, edges in enumerate(self.edges):
            if edges is not None:
                number = numbers[column] = self.cells(column, places[:, column])
                snapped[:, column] = (edges[number] + edges[number + 1]) / 2
            parent = self.parents[column]
            if parent >= 0:
                opened = numbers[parent] == self.branches[column]
                active[:, column] = active[:, parent] & opened
        snapped[~active] = np.nan
        return snapped


def _edges(dimension: Dimension) -> NDArray[np.float64] | None:
    size = dimension.size
    if size > FINE and (size == math.inf or _is_ordered(dimension)):
        return None
    n = int(size)
    dimension = getattr(dimension, "switch", dimension)  # of a choice, its bare keys
    if isinstance(dimension, Categorical) and dimension.weights is not None:
        return np.concatenate([[0.0], dimension._edges])
    if isinstance(dimension, Int) and dimension.log:
        bounds = np.log(np.arange(dimension.low, dimension.high + 2) - 0.5)
        return np.asarray((bounds - bounds[0]) / (bounds[-1] - bounds[0]))
    if isinstance(dimension, Distribution):
        low = dimension.frozen.support()[0]
        return np.concatenate([[0.0], dimension.frozen.cdf(low + np.arange(n))])
    return np.arange(n + 1) / n


def _distances(dimension: Dimension) -> NDArray[np.float64] | None:
    if not isinstance(dimension, Categorical) or dimension.distances is None:
        return None
    # Classical scaling: what is no distance in a Euclidean space has negative eigenvalues.
    squares = dimension.distances**2
    centring = np.eye(len(squares)) - 1 / len(squares)
    values, vectors = np.linalg.eigh(-0.5 * centring @ squares @ centring)
    points = vectors * np.sqrt(np.maximum(values, 0.0))
    distances = np.linalg.norm(points[:, None] - points[None], axis=2)
    most = distances.max(initial=0.0)
    return np.asarray(distances / most if most > 0 else distances)


def _prior(dimension: Dimension) -> NDArray[np.float64] | float | None:
    value = getattr(dimension, "prior", None)
    if value is None:
        return None
    if not isinstance(dimension, Categorical) or dimension.ordered:
        return dimension.encode(value)
    likely = np.full(dimension.size, (1 - _BELIEVED) / dimension.size)
    likely[dimension.index(value)] += _BELIEVED
    return likely


def _is_ordered(dimension: Dimension) -> bool:
    if isinstance(dimension, Categorical):
        return dimension.ordered
    return dimension.size == math.inf or not dimension.spaces


def is_among(place: Places, places: Places) -> bool:
    """Tell whether a place is there already, but for rounding.

    Parameters
    ----------
    place : ndarray of shape (n_dimensions,)
    places : ndarray of shape (n, n_dimensions)
    """
    closed = np.isnan(place)
    near = np.abs(places[:, ~closed] - place[~closed]) < 10.0**-_DIGITS
    return bool((near.all(axis=1) & np.isnan(places[:, closed]).all(axis=1)).any())


def are_among(some: Places, places: Places) -> NDArray[np.bool_]:
    """Tell which places are there already, but for rounding.

    Parameters
    ----------
    some : ndarray of shape (n, n_dimensions)
    places : ndarray of shape (m, n_dimensions)

    Returns
    -------
    ndarray of shape (n,)
    """
    known = set(_rounded(places))
    return np.array([row in known for row in _rounded(some)], dtype=bool)


def _rounded(places: Places) -> list[bytes]:
    return [row.tobytes() for row in np.nan_to_num(places, nan=-1.0).round(_DIGITS)]
