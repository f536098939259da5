"""What the trials of a function are for: its objectives, and bounds on what it returns."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tunesmith.evaluation.bounds import Bounds, excess, limits
from tunesmith.trial import Goal, Outcome

Direction = Literal["minimize", "maximize"]

_DIRECTIONS = ("minimize", "maximize")


@dataclass(frozen=True)
class Purpose:
    """Which of the numbers that a function returns are to be small or large, or within bounds.

    Parameters
    ----------
    direction : {"minimize", "maximize"}
        What is done with the number, where the function returns one.
    objectives : dict of str to {"minimize", "maximize"}, default={}
        What is done with each of several; empty where the function returns one number.
    limits : dict of str to (float, float), default={}
        The least and the most that a number may be.

    Examples
    --------
    >>> from tunesmith.study.purpose import Purpose
    >>> purpose = Purpose.read("minimize", ["loss", "seconds"], {"seconds": 10, "megabytes": 64})
    >>> purpose.names
    ('loss', 'seconds', 'megabytes')
    """

    direction: Direction
    objectives: Mapping[str, Direction] = field(default_factory=dict)
    limits: Mapping[str, Bounds] = field(default_factory=dict)

    @classmethod
    def read(cls, direction: Direction, objectives: Any, outcome_constraints: Any) -> Purpose:
        """Return the purpose that a user's arguments mean.

        Parameters
        ----------
        direction : {"minimize", "maximize"}
            That of objectives for which none is given.
        objectives : sequence of str, mapping of str to direction, or None
            Names of the numbers that are returned.
        outcome_constraints : mapping or None
            As `tunesmith.evaluation.bounds.limits` takes it.

        Raises
        ------
        ValueError
            If they mean none; names the argument.
        """
        bounds = limits(outcome_constraints)
        if objectives is None:
            if bounds:
                raise ValueError(
                    "outcome_constraints are about numbers that the function returns by name; say "
                    "which of them counts, objectives=['loss'], and return {'loss': ..., "
                    f"{next(iter(bounds))!r}: ...}}"
                )
            return cls(direction)
        if isinstance(objectives, str) or not isinstance(objectives, Mapping | Sequence):
            raise ValueError(
                "objectives has to be a list of names such as ['loss', 'seconds'], or a dict of "
                f"them to 'minimize' or 'maximize', got {objectives!r}"
            )
        named = (
            objectives if isinstance(objectives, Mapping) else dict.fromkeys(objectives, direction)
        )
        if not named or len(named) < len(objectives):
            raise ValueError(f"objectives has to hold names, each once, got {objectives!r}")
        for name, way in named.items():
            if not isinstance(name, str) or way not in _DIRECTIONS:
                raise ValueError(
                    f"objectives: {name!r}: {way!r} has to be a name and 'minimize' or 'maximize'"
                )
        return cls(direction, dict(named), bounds)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the numbers that the function returns; empty where it returns one, unnamed."""
        return tuple(dict.fromkeys([*self.objectives, *self.limits]))

    @cached_property
    def signs(self) -> NDArray[np.int_]:
        """What makes each objective one to be maximised, of shape (n_objectives,)."""
        ways = self.objectives.values() or [self.direction]
        return np.array([1 if way == "maximize" else -1 for way in ways])

    @property
    def goal(self) -> Goal:
        """What the engine reads from an outcome: it maximises."""
        n = len(self.signs)
        return Goal(
            self._one if n == 1 else self._several,
            n,
            self._violations if self.limits else None,
            len(self.limits),
        )

    def value(self, outcome: Outcome) -> float | None:
        """Return the one number that counts; None where there is none, or several count."""
        scores = outcome.test_scores
        if isinstance(scores, dict) and len(self.objectives) == 1:
            scores = scores.get(next(iter(self.objectives)))
        return scores if isinstance(scores, float) else None

    def keeps(self, outcome: Outcome) -> bool:
        """Tell whether an outcome keeps the bounds."""
        return all(broken <= 0 for broken in self._violations(outcome))

    def _one(self, outcome: Outcome) -> float:
        value = self.value(outcome)
        if value is None:
            return math.nan
        return value if self.signs[0] > 0 else -value

    def _several(self, outcome: Outcome) -> list[float]:
        scores = outcome.test_scores
        found = scores if isinstance(scores, dict) else {}
        values = [found.get(name, math.nan) for name in self.objectives]
        return [float(sign * value) for sign, value in zip(self.signs, values, strict=True)]

    def _violations(self, outcome: Outcome) -> list[float]:
        scores = outcome.test_scores
        found = scores if isinstance(scores, dict) else {}
        return [excess(found.get(name, math.nan), *b) for name, b in self.limits.items()]
