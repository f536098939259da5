"""The hyperparameters of a search space.

Examples
--------
>>> from tunesmith.compat.hyperopt import hp
>>> space = {"C": hp.loguniform("C", -5, 5), "kernel": hp.choice("kernel", ["rbf", "poly"])}
"""

from __future__ import annotations

import difflib
from typing import Never

from tunesmith.compat.hyperopt.pyll_utils import hp_choice as choice
from tunesmith.compat.hyperopt.pyll_utils import hp_lognormal as lognormal
from tunesmith.compat.hyperopt.pyll_utils import hp_loguniform as loguniform
from tunesmith.compat.hyperopt.pyll_utils import hp_normal as normal
from tunesmith.compat.hyperopt.pyll_utils import hp_pchoice as pchoice
from tunesmith.compat.hyperopt.pyll_utils import hp_qlognormal as qlognormal
from tunesmith.compat.hyperopt.pyll_utils import hp_qloguniform as qloguniform
from tunesmith.compat.hyperopt.pyll_utils import hp_qnormal as qnormal
from tunesmith.compat.hyperopt.pyll_utils import hp_quniform as quniform
from tunesmith.compat.hyperopt.pyll_utils import hp_randint as randint
from tunesmith.compat.hyperopt.pyll_utils import hp_uniform as uniform
from tunesmith.compat.hyperopt.pyll_utils import hp_uniformint as uniformint

__all__ = [
    "choice",
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


def __getattr__(name: str) -> Never:
    near = difflib.get_close_matches(name, __all__, n=1)
    hint = f"Did you mean hp.{near[0]}?" if near else f"There are {', '.join(__all__)}."
    raise AttributeError(f"hp has no {name!r}. {hint}")
