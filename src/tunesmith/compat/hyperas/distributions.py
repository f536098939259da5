"""The distributions that templates may name.

In a template they are written without a label, as in ``{{uniform(0, 1)}}``; called from here, they
are those of `tunesmith.compat.hyperopt.hp`, which take one.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from tunesmith.compat.hyperas.exceptions import TemplateError
from tunesmith.compat.hyperopt import hp
from tunesmith.compat.hyperopt.pyll.base import Apply

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


def _of_template(distribution: Callable[..., Apply]) -> Callable[..., Apply]:
    @wraps(distribution)
    def called(*args: Any, **kwargs: Any) -> Apply:
        if "label" not in kwargs and not (args and isinstance(args[0], str | Apply)):
            name = distribution.__name__.removeprefix("hp_")
            raise TemplateError(
                f"{name}({', '.join(map(repr, args))}) was called as it stands: its template is "
                "in a function that the search was not given; write functions=[the_function]"
            )
        return distribution(*args, **kwargs)

    return called


choice = _of_template(hp.choice)
lognormal = _of_template(hp.lognormal)
loguniform = _of_template(hp.loguniform)
normal = _of_template(hp.normal)
pchoice = _of_template(hp.pchoice)
qlognormal = _of_template(hp.qlognormal)
qloguniform = _of_template(hp.qloguniform)
qnormal = _of_template(hp.qnormal)
quniform = _of_template(hp.quniform)
randint = _of_template(hp.randint)
uniform = _of_template(hp.uniform)
uniformint = _of_template(hp.uniformint)


def conditional(value: T) -> T:
    """Return a value: older scripts write ``if conditional({{choice(["a", "b"])}}) == "a":``."""
    return value
