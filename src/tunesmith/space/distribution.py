"""Dimensions made of scipy's frozen distributions, and of anything that draws."""

from __future__ import annotations

import math
import numbers
from dataclasses import dataclass
from typing import Any

import numpy as np

from tunesmith.exceptions import SpaceError
from tunesmith.space.categorical import Categorical
from tunesmith.space.dimension import Dimension, brief, unit
from tunesmith.space.numeric import Float, Int, as_float

_TAIL = 2.0**-53
"""Probability cut from an end whose quantile is infinite."""


@dataclass(frozen=True, repr=False, eq=False)
class Distribution(Dimension):
    """A number with a given distribution, mapped by its quantile function.

    Parameters
    ----------
    frozen : scipy frozen distribution
        Continuous or discrete, of one dimension; what is asked of it is ``cdf``, ``ppf``
        and ``support`` (and ``pmf`` where it is discrete).

    Raises
    ------
    SpaceError
        If it is no frozen distribution, or its parameters are not legal.

    Notes
    -----
    A continuous distribution gives floats and a discrete one ints. Both ends of the unit
    interval are legal: where the support has no bound, they stand for the quantiles of
    probability 2**-53 and 1 − 2**-53. Values further out, and whole numbers less probable
    than that, do not come back when encoded and decoded.

    Examples
    --------
    >>> from scipy.stats import norm, poisson
    >>> from tunesmith.space import Distribution
    >>> Distribution(norm(10, 2)).decode(0.5)
    10.0
    >>> Distribution(poisson(3)).decode(0.5)
    3
    """

    frozen: Any

    def __post_init__(self) -> None:
        if not _quantiles(self.frozen):
            raise SpaceError(
                f"Distribution needs a frozen scipy distribution such as norm(0, 1), "
                f"got {brief(self.frozen)}"
            )
        median = self.frozen.ppf(0.5)
        if np.ndim(median):
            raise SpaceError(f"{self!r} has several values; write one distribution for each")
        if not math.isfinite(median):
            raise SpaceError(f"{self!r} is no distribution: its parameters are not legal")

    @property
    def discrete(self) -> bool:
        """Whether the values are whole numbers."""
        return hasattr(self.frozen, "pmf")

    @property
    def size(self) -> int | float:
        """Number of values; ``inf`` if continuous or without bounds."""
        low, high = self.frozen.support()
        if not self.discrete or not math.isfinite(high - low):
            return math.inf
        return int(high) - int(low) + 1

    def decode(self, u: float) -> float | int:  # noqa: D102
        u = unit(u)
        low, high = self.frozen.support()
        if u in (0.0, 1.0) and math.isfinite(high if u else low):
            value = high if u else low
        else:
            # Nearer to an end, quantiles are infinite or beyond what scipy's solvers find.
            value = self.frozen.ppf(min(max(u, _TAIL), 1 - _TAIL))
        return int(value) if self.discrete else float(value)

    def encode(self, value: Any) -> float:  # noqa: D102
        number = as_float(value)
        low, high = self.frozen.support()
        beside = self.discrete and not isinstance(value, numbers.Integral)
        if number is None or beside or not low <= number <= high:
            raise SpaceError(f"{value!r} is not a value of {self!r}")
        place = float(self.frozen.cdf(number))
        if self.discrete:
            place = (place + float(self.frozen.cdf(number - 1))) / 2
        return min(max(place, 0.0), 1.0)

    def point(self, index: int) -> int:  # noqa: D102
        index = self._index(index)
        return int(self.frozen.support()[0]) + index

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Distribution):
            return NotImplemented
        return _identity(self.frozen) == _identity(other.frozen)

    def __hash__(self) -> int:
        return hash(type(self))

    def __repr__(self) -> str:
        dist = getattr(self.frozen, "dist", None)
        if dist is None:
            return f"Distribution({self.frozen!r})"
        parts = [repr(a) for a in self.frozen.args]
        parts += [f"{name}={value!r}" for name, value in self.frozen.kwds.items()]
        return f"Distribution({dist.name}({', '.join(parts)}))"


@dataclass(frozen=True, repr=False)
class Sampled(Dimension):
    """Whatever an object's ``rvs`` draws.

    Parameters
    ----------
    source : object
        Anything with a method ``rvs(random_state=...)``.

    Notes
    -----
    There is no way back from a value to the unit interval: it is encoded as NaN, so that
    samplers that learn pass this dimension over, and every value counts as contained. A
    place in the interval seeds the draw, so that the same place gives the same value.

    Examples
    --------
    >>> from tunesmith.space import Sampled
    >>> class Even:
    ...     def rvs(self, random_state):
    ...         return 2 * random_state.randint(10)
    >>> Sampled(Even()).decode(0.25) % 2
    0
    """

    source: Any

    def __post_init__(self) -> None:
        if not callable(getattr(self.source, "rvs", None)):
            raise SpaceError(
                f"Sampled needs an object with a method rvs, got {brief(self.source)}"
            )

    @property
    def size(self) -> float:
        """``inf``: the values cannot be told."""
        return math.inf

    def decode(self, u: float) -> Any:  # noqa: D102
        bits = int(unit(u) * 2**53)
        return self.source.rvs(random_state=np.random.RandomState([bits >> 32, bits % 2**32]))

    def encode(self, value: Any) -> float:  # noqa: D102
        return math.nan

    def point(self, index: int) -> Any:  # noqa: D102
        return self._index(index)


def from_source(source: Any) -> Dimension:
    """Return the dimension of an object that has ``rvs``.

    Parameters
    ----------
    source : scipy distribution, or object with ``rvs``
        Frozen; or not frozen, where it needs no parameters.

    Returns
    -------
    Dimension
        `Float` for uniform and loguniform, `Int` for randint, `Categorical` for a discrete
        distribution given by its values, `Distribution` for any other with ``cdf`` and
        ``ppf``, `Sampled` for anything else.

    Raises
    ------
    SpaceError
        If the distribution's parameters are missing or not legal.

    Examples
    --------
    >>> from scipy.stats import loguniform, randint
    >>> from tunesmith.space.distribution import from_source
    >>> from_source(loguniform(1e-4, 1.0)), from_source(randint(1, 10))
    (Float(0.0001, 1.0, log=True), Int(1, 9))
    """
    if hasattr(source, "freeze") and hasattr(source, "numargs"):
        if source.numargs:
            raise SpaceError(
                f"the distribution {source.name} needs its parameters; "
                f"write {source.name}({source.shapes})"
            )
        source = source()
    if not _quantiles(source):
        return Sampled(source)
    return _known(source) or Distribution(source)


def _known(frozen: Any) -> Dimension | None:
    # scipy.stats takes long to load; whoever holds a distribution has loaded it.
    from scipy import stats

    distribution: Any = getattr(frozen, "dist", None)
    low, high = frozen.support()
    if np.ndim(low) or not math.isfinite(high - low):
        return None
    if hasattr(distribution, "xk"):
        shift = low - distribution.xk[0]
        values = distribution.xk if shift == 0 else distribution.xk + shift
        weights = frozen.pmf(values)
        kept = weights > 0
        return Categorical(values[kept].tolist(), ordered=True, weights=weights[kept].tolist())
    kind = type(distribution)
    if kind is type(stats.uniform):
        return Float(low, high)
    if kind is type(stats.randint):
        return Int(int(low), int(high))
    # One that is shifted is not logarithmic from its lower end.
    if kind is type(stats.loguniform) and low > 0:
        middle = math.sqrt(low) * math.sqrt(high)
        return Float(low, high, log=True) if math.isclose(frozen.median(), middle) else None
    return None


def _quantiles(source: Any) -> bool:
    return all(callable(getattr(source, name, None)) for name in ("cdf", "ppf", "support"))


def _identity(frozen: Any) -> object:
    distribution = getattr(frozen, "dist", None)
    if distribution is None:
        return frozen
    return type(distribution), distribution.name, frozen.args, frozen.kwds
