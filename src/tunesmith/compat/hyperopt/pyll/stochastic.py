"""The symbols that draw, and samples of expressions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.random import Generator

from tunesmith.compat.hyperopt.pyll.base import rec_eval, scope

Size = int | tuple[int, ...]


def uniform(low: float, high: float, rng: Generator, size: Size = ()) -> Any:
    """Draw between two bounds."""
    return rng.uniform(low, high, size=size)


def loguniform(low: float, high: float, rng: Generator, size: Size = ()) -> Any:
    """Draw a number whose logarithm lies between two bounds."""
    return np.exp(rng.uniform(low, high, size=size))


def quniform(low: float, high: float, q: float, rng: Generator, size: Size = ()) -> Any:
    """Draw as `uniform`, rounded to a multiple of `q`."""
    return _rounded(uniform(low, high, rng, size), q)


def qloguniform(low: float, high: float, q: float, rng: Generator, size: Size = ()) -> Any:
    """Draw as `loguniform`, rounded to a multiple of `q`."""
    return _rounded(loguniform(low, high, rng, size), q)


def normal(mu: float, sigma: float, rng: Generator, size: Size = ()) -> Any:
    """Draw from a normal distribution."""
    return rng.normal(mu, sigma, size=size)


def qnormal(mu: float, sigma: float, q: float, rng: Generator, size: Size = ()) -> Any:
    """Draw as `normal`, rounded to a multiple of `q`."""
    return _rounded(normal(mu, sigma, rng, size), q)


def lognormal(mu: float, sigma: float, rng: Generator, size: Size = ()) -> Any:
    """Draw a number whose logarithm has a normal distribution."""
    return np.exp(rng.normal(mu, sigma, size=size))


def qlognormal(mu: float, sigma: float, q: float, rng: Generator, size: Size = ()) -> Any:
    """Draw as `lognormal`, rounded to a multiple of `q`."""
    return _rounded(lognormal(mu, sigma, rng, size), q)


def randint(low: int, high: int | None = None, *, rng: Generator, size: Size = ()) -> Any:
    """Draw a whole number below `low`, or from `low` up to but not including `high`."""
    return rng.integers(low, high, size)


def categorical(p: Sequence[float], rng: Generator, size: Size = ()) -> Any:
    """Draw the number of one of the probabilities, as likely as it says."""
    return rng.choice(len(p), p=np.asarray(p, dtype=float), size=size)


def rng_from_seed(seed: int) -> Generator:
    """Return a generator."""
    return np.random.default_rng(seed)


def sample(expr: Any, rng: Generator | None = None, **kwargs: Any) -> Any:
    """Return a random value of an expression.

    Parameters
    ----------
    expr : object
        A search space.
    rng : numpy.random.Generator or None, default=None
        What all is drawn from; None: a new one.
    **kwargs : object
        Further arguments of `tunesmith.compat.hyperopt.pyll.rec_eval`.

    Returns
    -------
    object
        The value.

    Examples
    --------
    >>> import numpy as np
    >>> from tunesmith.compat.hyperopt import hp
    >>> from tunesmith.compat.hyperopt.pyll.stochastic import sample
    >>> sample({"n": 1 + hp.randint("n", 5)}, np.random.default_rng(0))["n"] in range(1, 6)
    True
    """
    return rec_eval(expr, rng=np.random.default_rng() if rng is None else rng, **kwargs)


def _rounded(drawn: Any, q: float) -> Any:
    return np.round(drawn / q) * q


scope.install({"rng_from_seed": rng_from_seed})
scope.install(
    {
        "categorical": categorical,
        "loguniform": loguniform,
        "lognormal": lognormal,
        "normal": normal,
        "qloguniform": qloguniform,
        "qlognormal": qlognormal,
        "qnormal": qnormal,
        "quniform": quniform,
        "randint": randint,
        "uniform": uniform,
    },
    stochastic=True,
)
