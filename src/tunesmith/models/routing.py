"""Which parameter goes to which function: names, prefixes and what is legal.

A Keras estimator takes the arguments of the user's build function and of Keras' own
``compile``, ``fit``, ``predict`` and ``evaluate`` as flat parameters, and hands each function
those that stand in its signature. A prefix (``fit__epochs``) addresses one function alone and
beats the flat name.
"""

from __future__ import annotations

import difflib
import inspect
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any

FIT = frozenset(
    {
        "batch_size",
        "epochs",
        "verbose",
        "callbacks",
        "validation_split",
        "validation_data",
        "shuffle",
        "class_weight",
        "initial_epoch",
        "steps_per_epoch",
        "validation_steps",
        "validation_batch_size",
        "validation_freq",
    }
)
PREDICT = frozenset({"batch_size", "verbose", "steps", "callbacks"})
EVALUATE = PREDICT
COMPILE = frozenset(
    {
        "optimizer",
        "loss",
        "metrics",
        "loss_weights",
        "weighted_metrics",
        "run_eagerly",
        "steps_per_execution",
        "jit_compile",
        "auto_scale_loss",
    }
)
CALLEES: Mapping[str, frozenset[str]] = {
    "fit": FIT,
    "predict": PREDICT,
    "evaluate": EVALUATE,
    "compile": COMPILE,
}
KERAS_NAMES = FIT | PREDICT | EVALUATE | COMPILE
OBJECTS = ("optimizer", "loss", "metrics")
SUPPLIED = frozenset({"meta", "compile_kwargs"})
# Training callbacks have no business in predict and evaluate, which name theirs by prefix.
_PREFIX_ONLY = {"predict": {"callbacks"}, "evaluate": {"callbacks"}}


def is_keras_model(value: object) -> bool:
    """Tell whether a value is a Keras model, without importing Keras."""
    model_class = getattr(sys.modules.get("keras"), "Model", None)
    return model_class is not None and isinstance(value, model_class)


def build_arguments(build: Callable[..., Any]) -> tuple[frozenset[str], bool]:
    """Read the signature of a build function.

    Parameters
    ----------
    build : callable or keras.Model
        A template model takes no arguments.

    Returns
    -------
    names : frozenset of str
        Arguments that can be given by keyword.
    open_ended : bool
        Whether it takes ``**kwargs``.
    """
    if is_keras_model(build):
        return frozenset(), False
    parameters = inspect.signature(build).parameters.values()
    by_keyword = {inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY}
    names = frozenset(p.name for p in parameters if p.kind in by_keyword)
    return names, any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters)


def check_legal(
    names: Iterable[str], build: Callable[..., Any], declared: Iterable[str], owner: str
) -> None:
    """Raise for the first name that no function behind an estimator takes.

    Parameters
    ----------
    names : iterable of str
        Parameters, flat or prefixed.
    build : callable or keras.Model
        The build function.
    declared : iterable of str
        Names in the estimator's own constructor.
    owner : str
        The estimator's class name, for the message.

    Raises
    ------
    ValueError
        Names the parameter, those nearest to it and all that are legal.
    """
    arguments, open_ended = build_arguments(build)
    arguments -= SUPPLIED
    flat = arguments | KERAS_NAMES | frozenset(declared)
    for name in names:
        prefix, _, rest = name.partition("__")
        if not rest:
            known, legal = flat, name in flat or open_ended
        elif prefix == "model":
            known = frozenset(f"model__{argument}" for argument in arguments)
            legal = name in known or open_ended
        elif prefix in CALLEES:
            known = frozenset(f"{prefix}__{argument}" for argument in CALLEES[prefix])
            legal = name in known
        else:
            known, legal = flat, prefix in OBJECTS
        if not legal or name in SUPPLIED:
            raise ValueError(_illegal(name, known, f"{owner}({describe(build)})"))


def _illegal(name: str, legal: Iterable[str], owner: str) -> str:
    nearest = difflib.get_close_matches(name, legal, n=3, cutoff=0.5)
    hint = f"nearest: {', '.join(nearest)}; " if nearest else ""
    return f"{name} is not a legal parameter for {owner}; {hint}legal: {', '.join(sorted(legal))}"


def check_call(callee: str, given: Iterable[str], owner: str) -> None:
    """Raise TypeError for a keyword that a Keras method does not take.

    Parameters
    ----------
    callee : {"fit", "predict", "evaluate"}
    given : iterable of str
        Keywords of the call.
    owner : str
        The estimator's class name, for the message.

    Raises
    ------
    TypeError
        As Python does for an unexpected keyword, with the nearest legal ones.
    """
    for name in given:
        if name not in CALLEES[callee]:
            nearest = difflib.get_close_matches(name, CALLEES[callee], n=1)
            hint = f"did you mean {nearest[0]!r}? " if nearest else ""
            legal = ", ".join(sorted(CALLEES[callee]))
            raise TypeError(
                f"{owner}.{callee}() got an unexpected keyword argument {name!r}; "
                f"{hint}legal: {legal}"
            )


def route(params: Mapping[str, Any], callee: str) -> dict[str, Any]:
    """Select the parameters of one Keras method.

    Parameters
    ----------
    params : mapping
        All parameters that are set, flat and prefixed.
    callee : {"fit", "predict", "evaluate", "compile"}

    Returns
    -------
    dict
        Keyword arguments for the method; a prefixed name beats the flat one.

    Examples
    --------
    >>> route({"batch_size": 32, "epochs": 5, "predict__batch_size": 256}, "predict")
    {'batch_size': 256}
    """
    flat = CALLEES[callee] - _PREFIX_ONLY.get(callee, set())
    chosen = {name: value for name, value in params.items() if name in flat}
    return chosen | prefixed(params, callee)


def prefixed(params: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    """Select the parameters that bear a prefix, without it.

    Examples
    --------
    >>> prefixed({"optimizer__learning_rate": 0.1, "optimizer": "sgd"}, "optimizer")
    {'learning_rate': 0.1}
    """
    start = f"{prefix}__"
    return {k.removeprefix(start): v for k, v in params.items() if k.startswith(start)}


def route_build(
    params: Mapping[str, Any], build: Callable[..., Any], declared: Iterable[str]
) -> dict[str, Any]:
    """Select the arguments of the build function.

    Parameters
    ----------
    params : mapping
        All parameters that are set, flat and prefixed.
    build : callable
        Its named arguments are filled; ``**kwargs`` gets the flat names that neither Keras nor
        the estimator knows.
    declared : iterable of str
        Names in the estimator's own constructor.

    Returns
    -------
    dict
        Keyword arguments.
    """
    names, open_ended = build_arguments(build)
    claimed = KERAS_NAMES | frozenset(declared)
    chosen = {
        name: value
        for name, value in params.items()
        if name in names or (open_ended and "__" not in name and name not in claimed)
    }
    return chosen | prefixed(params, "model")


def describe(build: object) -> str:
    """Name a build function for a message."""
    if is_keras_model(build):
        return f"<keras model {getattr(build, 'name', '')!r}>"
    return getattr(build, "__qualname__", None) or type(build).__name__
