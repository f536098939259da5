"""What a hyperparameter of Hyperopt ranges over, as a dimension of a space."""

from __future__ import annotations

import math
import numbers
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr, ndtri

from tunesmith.compat.hyperopt.exceptions import BadSearchSpace
from tunesmith.compat.hyperopt.pyll.base import Apply, Literal, MissingArgument
from tunesmith.exceptions import SpaceError
from tunesmith.space import Categorical, Dimension, Distribution, Float, Int

Array = NDArray[np.float64]

_NEAR = 1e-6
"""Part of a step by which a value of the user's may lie beside a multiple."""


class Law(Protocol):
    """A continuous distribution, by what `Distribution` asks of it."""

    def cdf(self, x: ArrayLike) -> Array:
        """Return the probability of no more than `x`."""

    def ppf(self, u: ArrayLike) -> Array:
        """Return what is not exceeded with the probability `u`."""

    def support(self) -> tuple[float, float]:
        """Return the bounds."""


@dataclass(frozen=True)
class Uniform:
    """Evenly between two bounds.

    Parameters
    ----------
    low, high : float
        The bounds.
    """

    low: float
    high: float

    def cdf(self, x: ArrayLike) -> Array:  # noqa: D102
        return np.clip((np.asarray(x, float) - self.low) / (self.high - self.low), 0.0, 1.0)

    def ppf(self, u: ArrayLike) -> Array:  # noqa: D102
        return self.low + np.asarray(u, float) * (self.high - self.low)

    def support(self) -> tuple[float, float]:  # noqa: D102
        return self.low, self.high


@dataclass(frozen=True)
class Normal:
    """A normal distribution.

    Parameters
    ----------
    mu, sigma : float
        Mean and standard deviation.
    """

    mu: float
    sigma: float

    def cdf(self, x: ArrayLike) -> Array:  # noqa: D102
        return np.asarray(ndtr((np.asarray(x, float) - self.mu) / self.sigma))

    def ppf(self, u: ArrayLike) -> Array:  # noqa: D102
        return np.asarray(self.mu + self.sigma * ndtri(np.asarray(u, float)))

    def support(self) -> tuple[float, float]:  # noqa: D102
        return -math.inf, math.inf


@dataclass(frozen=True)
class Exponential:
    """A number whose natural logarithm has a given distribution.

    Parameters
    ----------
    law : Law
        The distribution of the logarithm.
    """

    law: Law

    def cdf(self, x: ArrayLike) -> Array:  # noqa: D102
        with np.errstate(divide="ignore"):
            return self.law.cdf(np.log(np.maximum(np.asarray(x, float), 0.0)))

    def ppf(self, u: ArrayLike) -> Array:  # noqa: D102
        with np.errstate(over="ignore"):
            return np.exp(self.law.ppf(u))

    def support(self) -> tuple[float, float]:  # noqa: D102
        low, high = self.law.support()
        return math.exp(low), math.inf if high == math.inf else math.exp(high)


@dataclass(frozen=True)
class Multiples:
    """The whole number *k* for which ``k * q`` is next to a draw.

    Parameters
    ----------
    law : Law
        What is drawn from.
    q : float
        The step.
    """

    law: Law
    q: float

    def cdf(self, k: ArrayLike) -> Array:  # noqa: D102
        whole = np.floor(np.asarray(k, float))
        _, last = self.support()
        return np.where(whole >= last, 1.0, self.law.cdf((whole + 0.5) * self.q))

    def pmf(self, k: ArrayLike) -> Array:  # noqa: D102
        return self.cdf(k) - self.cdf(np.asarray(k, float) - 1)

    def ppf(self, u: ArrayLike) -> Array:  # noqa: D102
        first, last = self.support()
        return np.clip(np.ceil(self.law.ppf(u) / self.q - 0.5), first, last)

    def support(self) -> tuple[float, float]:  # noqa: D102
        low, high = self.law.support()
        # A bound that lies just between two multiples is drawn with no chance at all.
        return float(np.floor(low / self.q + 0.5)), float(np.ceil(high / self.q - 0.5))


@dataclass(frozen=True)
class Hyperparameter:
    """What a label stands for: a dimension, and its values as Hyperopt gives them.

    Parameters
    ----------
    label : str
        The name.
    dimension : Dimension
        What it ranges over.
    q : float or None, default=None
        The step, where the dimension counts steps.
    """

    label: str
    dimension: Dimension
    q: float | None = None

    @classmethod
    def read(cls, label: str, node: Apply, is_choice: bool = False) -> Hyperparameter:
        """Return the hyperparameter that is drawn from an expression.

        Parameters
        ----------
        label : str
            Its name.
        node : Apply
            What it is drawn from.
        is_choice : bool, default=False
            Whether its values are numbers of options, whose order says nothing.

        Raises
        ------
        BadSearchSpace
            If it is drawn from nothing that can be searched; names the label.
        """
        if node.name not in _KINDS:
            raise BadSearchSpace(
                f"the hyperparameter {label!r} is drawn from {node}, which is none of "
                f"{sorted(_KINDS)}; write it with hp"
            )
        values = {}
        for name, argument in node.arg.items():
            if name in ("rng", "size") or argument is MissingArgument:
                continue
            if not isinstance(argument, Literal):
                raise BadSearchSpace(
                    f"the hyperparameter {label!r}: {name} is {argument}, which is not known "
                    "before it is drawn; write a number"
                )
            values[name] = argument.obj
        try:
            q = values.pop("q", None)
            if q is not None and not (_is_number(q) and 0 < q < math.inf):
                raise SpaceError(f"q has to be a number above 0, got {q!r}")
            dimension = _dimension(node.name, values, None if q is None else float(q))
        except OverflowError:
            raise BadSearchSpace(
                f"the hyperparameter {label!r}: {values} are natural logarithms, and their "
                "exponentials are too large; for a range from 1 to 1000 write "
                f"hp.loguniform({label!r}, 0, math.log(1000))"
            ) from None
        except SpaceError as error:
            raise BadSearchSpace(f"the hyperparameter {label!r}: {error}") from None
        if is_choice and isinstance(dimension, Int):
            dimension = Categorical(range(dimension.low, dimension.high + 1))
        return cls(label, dimension, None if q is None else float(q))

    def value(self, point: Any) -> Any:
        """Return Hyperopt's value for a value of the dimension."""
        return point if self.q is None else point * self.q

    def point(self, value: Any) -> Any:
        """Return the value of the dimension for Hyperopt's value.

        Raises
        ------
        SpaceError
            If there is none.
        """
        if isinstance(value, np.generic):
            value = value.item()
        if isinstance(self.dimension, Int | Categorical) and _is_number(value):
            return int(value) if float(value).is_integer() else value
        if self.q is None:
            return value
        if not _is_number(value) or not math.isfinite(value):
            raise SpaceError(f"{value!r} is no number")
        steps = round(value / self.q)
        if abs(value / self.q - steps) > _NEAR:
            raise SpaceError(f"{value!r} is no multiple of {self.q}")
        return steps


def _dimension(kind: str, values: dict[str, Any], q: float | None) -> Dimension:
    if kind == "categorical":
        chances = values["p"]
        possible = [number for number, p in enumerate(chances) if p > 0]
        return Categorical(possible, weights=[chances[number] for number in possible])
    if kind == "randint":
        low, high = values["low"], values.get("high")
        least, end = (0, low) if high is None else (low, high)
        return Int(_whole(least), _whole(end) - 1)
    for name, value in values.items():
        if not _is_number(value) or not math.isfinite(value):
            raise SpaceError(f"{name} has to be a finite number, got {value!r}")
    if "sigma" in values and values["sigma"] <= 0:
        raise SpaceError(f"sigma has to be above 0, got {values['sigma']}")
    if kind == "uniform":
        return Float(values["low"], values["high"])
    if kind == "loguniform":
        return Float(math.exp(values["low"]), math.exp(values["high"]), log=True)
    law: Law = Normal(**values) if "sigma" in values else Uniform(**values)
    law = Exponential(law) if "log" in kind else law
    return Distribution(law if q is None else Multiples(law, q))


def _whole(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _is_number(value: Any) -> bool:
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


_KINDS = frozenset({"categorical", "randint", "uniform", "loguniform", "normal", "lognormal"})
_KINDS |= {"quniform", "qloguniform", "qnormal", "qlognormal"}
