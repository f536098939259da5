"""Rules for models, and for whatever has no rule of its own."""

from __future__ import annotations

import copyreg
import re
from collections import OrderedDict
from collections.abc import Iterator
from itertools import count
from pathlib import PurePath
from pickle import whichmodule  # type: ignore[attr-defined]
from typing import Any

import numpy as np

from tunesmith.keys.source import is_library, is_users, named
from tunesmith.keys.walk import Culprit, Hasher, hash_parts, instance_dict


def estimator(walk: Hasher, value: Any) -> bytes:
    """Key an estimator by its class and parameters, as `clone` would keep it."""
    given = instance_dict(value)  # what scikit-learn's `clone` carries over besides the parameters
    kept = {k: given[k] for k in ("_metadata_request", "_sklearn_output_config") if k in given}
    parameters = walk.attributes(value.get_params(deep=False))
    return hash_parts("estimator", walk.digest(type(value)), parameters, walk.attributes(kept))


def frozen(walk: Hasher, value: Any) -> bytes:
    """Key a FrozenEstimator with what the estimator in it has learned."""
    inner = Hasher(walk.rule_of, fitted=True).digest(value.estimator, ".estimator")
    return hash_parts("frozen", walk.digest(type(value)), inner)


def keras(walk: Hasher, value: Any) -> bytes:
    """Key a Keras object by its configuration, weights, and the user's code inside it."""
    try:
        config = _canonical_names(value.get_config())
    except NotImplementedError as error:
        raise Culprit(
            f"a {type(value).__name__} has no `get_config`, so it cannot be keyed"
        ) from error
    layers = value._flatten_layers() if hasattr(value, "_flatten_layers") else [value]
    own = [
        (type(layer), {k: v for k, v in vars(layer).items() if is_users(v)}) for layer in layers
    ]
    weights = (
        value.get_weights()
        if hasattr(value, "get_weights")
        else ([np.asarray(v) for v in getattr(value, "variables", ())])
    )
    compiled = None
    if getattr(value, "compiled", False):
        # A loss of the user's own is but a name in the configuration.
        compiled = (_canonical_names(value.get_compile_config()), value.loss)
    return walk.join(
        "keras", kind=type(value), config=config, own=own, weights=weights, compiled=compiled
    )


def member(walk: Hasher, value: Any) -> bytes:
    """Key a member of an enumeration."""
    return walk.join("member", kind=type(value), name=value.name, value=value._value_)


def path(walk: Hasher, value: PurePath) -> bytes:
    """Key a path by its text, not by what is there."""
    return walk.join("path", kind=type(value), text=str(value))


def variable(walk: Hasher, value: Any) -> bytes:
    """Key a type variable by its name."""
    return walk.join("variable", kind=type(value), name=value.__name__)


def wrapped(walk: Hasher, value: Any) -> bytes:
    """Key a function that a compiled wrapper hides by the function in it."""
    return walk.join("wrapped", kind=type(value), __wrapped__=value.__wrapped__)


def reduced(walk: Hasher, value: Any) -> bytes:
    """Take a value apart as pickle would."""
    kind = type(value)
    try:
        reduce = copyreg.dispatch_table.get(kind)
        reduction = reduce(value) if reduce else value.__reduce_ex__(4)
    except Exception as error:
        if hasattr(value, "__wrapped__"):
            return wrapped(walk, value)
        label = kind.__qualname__
        label = label if kind.__module__ == "builtins" else f"{kind.__module__}.{label}"
        article = "an" if label[0] in "aeiouAEIOU" else "a"
        raise Culprit(f"{article} {label} cannot be keyed") from error
    if isinstance(reduction, str):
        return _global(walk, value, reduction)
    build, args, state, items, pairs = (*reduction, None, None, None)[:5]
    pairs = list(pairs or ())
    return hash_parts(
        "reduced",
        walk.digest(build, ".__reduce__()[0]"),
        walk.digest(args, ".__reduce__()[1]"),
        _state(walk, state),
        walk.digest(list(items or ()), ""),
        *([walk.digest(pairs)] if issubclass(kind, OrderedDict) else walk.pairs(pairs)),
    )


def _state(walk: Hasher, state: Any) -> bytes:
    halves = state if isinstance(state, tuple) and len(state) == 2 else (state,)
    if all(half is None or _is_namespace(half) for half in halves):
        return hash_parts("state", *(walk.attributes(half or {}) for half in halves))
    return walk.digest(state, ".__getstate__()")


def _is_namespace(value: object) -> bool:
    return type(value) is dict and all(type(name) is str for name in value)


def _global(walk: Hasher, value: Any, name: str) -> bytes:
    module = getattr(value, "__module__", None) or whichmodule(value, name)
    if hasattr(value, "__wrapped__"):
        return wrapped(walk, value)
    if is_library(module):
        return named(module, name)
    raise Culprit(f"{module}.{name} is known by its name only, so it cannot be keyed")


def _canonical_names(config: Any) -> Any:
    """Count the names Keras gave to layers from zero, as in a fresh process."""
    names: dict[str, str] = {}
    counters: dict[str, Iterator[int]] = {}

    def collect(node: Any) -> None:
        if isinstance(node, dict) and isinstance(name := node.get("name"), str):
            stem = re.sub(r"_\d+$", "", name)
            if name not in names:
                names[name] = f"{stem}#{next(counters.setdefault(stem, count()))}"
        if isinstance(node, dict | list | tuple):
            for child in node.values() if isinstance(node, dict) else node:
                collect(child)

    def rename(node: Any) -> Any:
        if isinstance(node, dict) and node.get("class_name") == "__lambda__":
            return "lambda"  # its bytes hold line numbers; its layer keys it as a function
        if isinstance(node, dict):
            return {key: rename(child) for key, child in node.items()}
        if isinstance(node, list | tuple):
            return type(node)([rename(child) for child in node])
        return names.get(node, node) if isinstance(node, str) else node

    collect(config)
    return rename(config)
