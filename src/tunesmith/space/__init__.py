"""What can vary: dimensions, the spaces they make, and the map to and from the unit cube."""

from __future__ import annotations

from tunesmith.space.branch import Branch, Column
from tunesmith.space.categorical import Categorical
from tunesmith.space.dimension import Dimension
from tunesmith.space.distribution import Distribution, Sampled
from tunesmith.space.numeric import Float, Int
from tunesmith.space.tree import Choice, Space

__all__ = [
    "Branch",
    "Categorical",
    "Choice",
    "Column",
    "Dimension",
    "Distribution",
    "Float",
    "Int",
    "Sampled",
    "Space",
]
