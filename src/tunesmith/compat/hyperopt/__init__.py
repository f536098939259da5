"""Hyperopt's names over tunesmith's samplers.

A script that begins with ``from hyperopt import fmin, hp, tpe`` runs when it begins with
``from tunesmith.compat.hyperopt import fmin, hp, tpe``. What is different is told on the page
"From Hyperopt" of the documentation.

Examples
--------
>>> from tunesmith.compat.hyperopt import Trials, fmin, hp, tpe
>>> import numpy as np
>>> trials = Trials()
>>> best = fmin(
...     lambda p: (p["x"] - 3) ** 2, {"x": hp.uniform("x", -5, 5)}, algo=tpe.suggest,
...     max_evals=40, trials=trials, rstate=np.random.default_rng(0), show_progressbar=False,
... )
>>> round(best["x"]), len(trials)
(3, 40)
"""

from __future__ import annotations

from tunesmith import __version__
from tunesmith.compat.hyperopt import (
    anneal,
    atpe,
    early_stop,
    exceptions,
    hp,
    mix,
    pyll,
    rand,
    tpe,
)
from tunesmith.compat.hyperopt.base import (
    JOB_STATE_CANCEL,
    JOB_STATE_DONE,
    JOB_STATE_ERROR,
    JOB_STATE_NEW,
    JOB_STATE_RUNNING,
    JOB_STATES,
    STATUS_FAIL,
    STATUS_NEW,
    STATUS_OK,
    STATUS_RUNNING,
    STATUS_STRINGS,
    STATUS_SUSPENDED,
    Ctrl,
    Domain,
    Trials,
    trials_from_docs,
)
from tunesmith.compat.hyperopt.fmin import (
    FMinIter,
    fmin,
    fmin_pass_expr_memo_ctrl,
    generate_trials_to_calculate,
    partial,
    space_eval,
)
from tunesmith.compat.hyperopt.spark import SparkTrials

__all__ = [
    "JOB_STATES",
    "JOB_STATE_CANCEL",
    "JOB_STATE_DONE",
    "JOB_STATE_ERROR",
    "JOB_STATE_NEW",
    "JOB_STATE_RUNNING",
    "STATUS_FAIL",
    "STATUS_NEW",
    "STATUS_OK",
    "STATUS_RUNNING",
    "STATUS_STRINGS",
    "STATUS_SUSPENDED",
    "Ctrl",
    "Domain",
    "FMinIter",
    "SparkTrials",
    "Trials",
    "__version__",
    "anneal",
    "atpe",
    "early_stop",
    "exceptions",
    "fmin",
    "fmin_pass_expr_memo_ctrl",
    "generate_trials_to_calculate",
    "hp",
    "mix",
    "partial",
    "pyll",
    "rand",
    "space_eval",
    "tpe",
    "trials_from_docs",
]
