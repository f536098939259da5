"""What a search is given, checked before anything runs."""

from __future__ import annotations

import functools
import inspect
import math
import numbers
import os
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from tunesmith.compat.hyperopt.domain import Domain
from tunesmith.compat.hyperopt.early_stop import no_progress_loss
from tunesmith.compat.hyperopt.exceptions import BadSearchSpace, InvalidAnnotatedParameter
from tunesmith.compat.hyperopt.pyll.base import Apply
from tunesmith.compat.hyperopt.search_space import SearchSpace
from tunesmith.compat.hyperopt.trials import Trials

_NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


def check_search(algo: Any, max_evals: Any, trials: Any) -> None:
    """Raise where what a search is given is not what `fmin` takes.

    Parameters
    ----------
    algo, max_evals, trials : object
        As for `fmin`; `algo` is not None.

    Raises
    ------
    TypeError, ValueError
        If one of them is something else.
    """
    _check("max_evals", max_evals, "a whole number", _is_count)
    if not callable(algo):
        raise TypeError(f"algo={algo!r} cannot be called; give tpe.suggest or rand.suggest")
    part = algo if isinstance(algo, functools.partial) else functools.partial(algo)
    if (getattr(part.func, "__module__", None) or "").split(".")[0] == "hyperopt":
        raise TypeError(
            f"algo={algo!r} is one of Hyperopt itself; import it from tunesmith.compat.hyperopt"
        )
    try:
        inspect.signature(part.func).bind(*part.args, [], None, trials, 0, **part.keywords)
    except ValueError:  # it does not tell what it takes
        pass
    except TypeError as error:
        raise TypeError(
            f"algo={algo!r} cannot be called with new ids, the domain, trials and a seed: {error}"
        ) from None
    if trials is not None and not isinstance(trials, Trials):
        raise TypeError(f"trials={trials!r} are no trials; give Trials() of tunesmith's")


def _check(name: str, value: Any, what: str, is_so: Callable[[Any], bool]) -> None:
    number = isinstance(value, numbers.Real) and not isinstance(value, bool)
    if value is not None and not (number and is_so(value)):
        raise ValueError(f"The {name} argument should be None or {what}. Given value: {value}")


def check_limits(
    timeout: Any, loss_threshold: Any, max_queue_len: Any, early_stop_fn: Any
) -> None:
    """Raise where what ends a search early is not what `fmin` takes."""
    _check("timeout", timeout, "a positive value", _is_positive)
    _check("loss_threshold", loss_threshold, "a numeric value", lambda _: True)
    _check("max_queue_len", max_queue_len, "a positive whole number", _is_positive_count)
    if early_stop_fn is no_progress_loss:
        raise TypeError("early_stop_fn=no_progress_loss: write no_progress_loss() to call it")
    if early_stop_fn is not None and not callable(early_stop_fn):
        raise TypeError(
            f"early_stop_fn={early_stop_fn!r} cannot be called; give no_progress_loss(20)"
        )


def _is_positive(value: float) -> bool:
    return value > 0


def _is_count(value: float) -> bool:
    return value >= 0 and (value == math.inf or value % 1 == 0)


def _is_positive_count(value: float) -> bool:
    return value > 0 and _is_count(value)


def generator_of(rstate: Any) -> np.random.Generator:
    """Return where all randomness comes from."""
    if rstate is None:
        seed = os.environ.get("HYPEROPT_FMIN_SEED", "")
        return np.random.default_rng(int(seed) if seed else None)
    if isinstance(rstate, np.random.RandomState):
        return np.random.default_rng(rstate.randint(2**31 - 1))
    if isinstance(rstate, np.random.Generator):
        return rstate
    if isinstance(rstate, int | np.integer) and not isinstance(rstate, bool) and rstate >= 0:
        return np.random.default_rng(int(rstate))
    raise TypeError(f"rstate={rstate!r} is no generator; write np.random.default_rng(0)")


def annotated(fn: Callable[..., Any]) -> tuple[dict[str, Any], Callable[..., Any]]:
    """Return the space that a function's annotations tell, and the function of its values."""
    if not callable(fn):
        raise TypeError(f"fn={fn!r} is no function; give one with annotated arguments")
    given = fn.keywords if isinstance(fn, functools.partial) else {}
    space = {}
    for name, argument in inspect.signature(fn, eval_str=True).parameters.items():
        annotation = argument.annotation
        is_asked_for = argument.default is argument.empty and argument.kind in _NAMED
        if name in given or (annotation is argument.empty and not is_asked_for):
            continue
        if not isinstance(annotation, Apply):
            found = "nothing" if annotation is argument.empty else repr(annotation)
            raise InvalidAnnotatedParameter(
                f'space="annotated": the argument {name!r} is annotated with {found}; '
                f"write {name}: hp.uniform({name!r}, 0, 1) or the like"
            )
        space[name] = annotation
    if not space:
        raise InvalidAnnotatedParameter(
            f'space="annotated": no argument of {fn!r} is annotated; write '
            'def fn(x: hp.uniform("x", 0, 1)): ...'
        )

    def of_values(values: dict[str, Any]) -> Any:
        return fn(**values)

    return space, of_values


def read_assignment(values: Any, space: SearchSpace) -> dict[str, Any]:
    """Return the values of the labels that have one, or raise where one is no number."""
    if not hasattr(values, "get"):
        raise TypeError(f"space_eval takes a dict of values by label, as of fmin, got {values!r}")
    there = {
        label: values[label] for label in space.hyperparameters if values.get(label) is not None
    }
    for label, value in there.items():
        if not isinstance(value, numbers.Real | np.ndarray):
            raise TypeError(
                f"space_eval takes a number for {label!r}, as fmin returns it, and of a choice "
                f"the number of its option; got {value!r}"
            )
    return there


def read_points(points: Any, domain: Domain) -> list[dict[str, Any]]:
    """Return points to evaluate first, or raise where they are none."""
    if points is None:
        return []
    if not isinstance(points, list) or not all(isinstance(p, Mapping) for p in points):
        raise TypeError(
            f"points_to_evaluate has to be a list of dicts of labels and values, got {points!r}"
        )
    labels = list(domain.search_space.hyperparameters)
    for number, point in enumerate(points):
        if unknown := [label for label in point if label not in labels]:
            raise ValueError(
                f"points_to_evaluate: {unknown[0]!r} is no hyperparameter; there are {labels}"
            )
        for label, value in point.items():
            if not isinstance(value, numbers.Real | np.ndarray):
                raise TypeError(
                    f"points_to_evaluate: {label!r} has to be a number, and of a choice the "
                    f"number of its option; got {value!r}"
                )
        try:
            domain.search_space.check(point)
        except BadSearchSpace as error:
            raise BadSearchSpace(f"points_to_evaluate[{number}]: {error}") from None
    return points
