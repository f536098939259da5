"""The distributions that templates may name.

In a template they are written without a label, as in ``{{uniform(0, 1)}}``; called from here, they
are those of `tunesmith.compat.hyperopt.hp`, which take one.
"""

from __future__ import annotations

from typing import TypeVar

from tunesmith.compat.hyperopt.hp import (
    choice,
    lognormal,
    loguniform,
    normal,
    pchoice,
    qlognormal,
    qloguniform,
    qnormal,
    quniform,
    randint,
    uniform,
    uniformint,
)

__all__ = [
    "choice",
    "conditional",
    "lognormal",
    "loguniform",
    "normal",
    "pchoice",
    "qlognormal",
    "qloguniform",
    "qnormal",
    "quniform",
    "randint",
    "uniform",
    "uniformint",
]

T = TypeVar("T")


def conditional(value: T) -> T:
    """Return a value: older scripts write ``if conditional({{choice(["a", "b"])}}) == "a":``."""
    return value
