"""Conditions between parameters."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tunesmith.exceptions import SpaceError
from tunesmith.space.dimension import brief

Constraint = Callable[[Mapping[str, Any]], Any]
"""Takes parameters, tells whether they may be tried together."""


def read_constraints(given: Any) -> tuple[Constraint, ...]:
    """Return the constraints that a user gives: one, or a sequence of them.

    Raises
    ------
    SpaceError
        If one is no function.
    """
    if callable(given):
        return (given,)
    if given is None or isinstance(given, str | Mapping) or not isinstance(given, Sequence):
        given = () if given is None else (given,)
    for constraint in given:
        if not callable(constraint):
            raise SpaceError(
                f"a constraint is a function of a dict of parameters, got {brief(constraint)}; "
                "write lambda p: p['a'] < p['b']"
            )
    return tuple(given)


def allows(constraint: Constraint, params: Mapping[str, Any]) -> bool:
    """Tell whether a constraint holds.

    Raises
    ------
    SpaceError
        If it raises, or returns what is neither true nor false.
    """
    try:
        told = constraint(dict(params))
        if told is not None:
            return bool(told)
    except KeyError as error:
        if error.args and error.args[0] not in params:
            raise SpaceError(
                f"{_name(constraint)} asks for {error.args[0]!r}, which {brief(dict(params))} has "
                f"not; write p.get({error.args[0]!r}) where a parameter is not always active"
            ) from error
        raise _raised(constraint, params, error) from error
    except Exception as error:
        raise _raised(constraint, params, error) from error
    raise SpaceError(
        f"{_name(constraint)} returned None at {brief(dict(params))}; return whether it holds"
    )


def _raised(constraint: Constraint, params: Mapping[str, Any], error: Exception) -> SpaceError:
    return SpaceError(
        f"{_name(constraint)} raised {type(error).__name__}: {error} at {brief(dict(params))}"
    )


def _name(constraint: Constraint) -> str:
    name = getattr(constraint, "__name__", type(constraint).__name__)
    try:
        line = inspect.getsourcelines(constraint)[1]
    except (OSError, TypeError):
        return f"the constraint {name}"
    return f"the constraint {name} (line {line})"
