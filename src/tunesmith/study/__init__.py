"""Search over any Python function: all at once, or trial by trial."""

from __future__ import annotations

from tunesmith.evaluation.handle import Trial
from tunesmith.study.asking import Study
from tunesmith.study.optimize import maximize, minimize
from tunesmith.study.result import FinishedTrial, Result

__all__ = ["FinishedTrial", "Result", "Study", "Trial", "maximize", "minimize"]
