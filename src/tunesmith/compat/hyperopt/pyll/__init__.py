"""Expressions: what a search space is written in."""

from __future__ import annotations

from tunesmith.compat.hyperopt.pyll import stochastic, symbols
from tunesmith.compat.hyperopt.pyll.base import (
    Apply,
    Literal,
    as_apply,
    clone,
    dfs,
    rec_eval,
    scope,
    toposort,
)

__all__ = [
    "Apply",
    "Literal",
    "as_apply",
    "clone",
    "dfs",
    "rec_eval",
    "scope",
    "stochastic",
    "symbols",
    "toposort",
]
