"""Which models on torch do the same in every step, so that one step can stand for all.

Code on torch may do otherwise with every call: count, look at numbers, draw from anywhere. That of
Keras' own layers, losses, metrics and optimizers is known not to, but for kinds that are left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import keras

_LAYERS = tuple(
    f"keras.src.layers.{place}."
    for place in (
        "activations",
        "convolutional",
        "core",
        "merging",
        "normalization",
        "pooling",
        "regularization",
        "reshaping",
    )
)
"""Where layers are that keep nothing from call to call but variables."""


def can_record(model: keras.Model) -> bool:
    """Tell whether the steps of a model may be recorded.

    Parameters
    ----------
    model : keras.Model

    Returns
    -------
    bool
        On torch, for models of Keras' own parts alone: other code may do otherwise with every
        step. False for what asks for torch's compiler, or for several devices.
    """
    import keras

    if keras.backend.backend() != "torch" or not model.compiled:
        return False
    asked = model.jit_compile or model.run_eagerly or model.steps_per_execution != 1
    if asked or keras.distribution.distribution() is not None:
        return False
    import torch

    if torch.cuda.is_available() or torch.backends.mps.is_available():
        return False  # their generators are not among what is put back after a step
    config = model._compile_config.config
    given = [config[name] for name in ("loss", "metrics", "weighted_metrics")]
    parts = [model.optimizer, *keras.tree.flatten(given), *_operations(model)]
    return all(map(_is_keras_own, parts))


def are_keras_own(callbacks: Any) -> bool:
    """Tell whether callbacks change nothing of a model but weights and learning rates."""
    import keras

    return all(
        type(callback).__module__.startswith("keras.src.callbacks.")
        and not isinstance(callback, keras.callbacks.LambdaCallback)
        for callback in callbacks or ()
    )


def _operations(model: Any) -> list[Any]:
    """List the layers of a model, and the operations between them."""
    layers = list(model._flatten_layers(include_self=False))
    nodes = (getattr(part, "operations", ()) for part in (model, *layers))
    return [*layers, *chain.from_iterable(nodes)]


def _is_keras_own(part: Any) -> bool:
    """Tell whether a layer, loss, metric or optimizer is of Keras, and so is all code in it."""
    import keras

    if part is None or isinstance(part, str):
        return True
    module = _module(part)
    if isinstance(part, keras.layers.Lambda) or not module.startswith("keras.src."):
        return False
    if module.startswith("keras.src.layers.") and not module.startswith(_LAYERS):
        return False
    return all(map(_is_harmless, getattr(part, "__dict__", {}).values()))


def _is_harmless(value: Any) -> bool:
    """Tell whether an attribute brings in no code but of Keras."""
    import keras

    if isinstance(value, keras.Variable | keras.Operation | keras.random.SeedGenerator):
        return True  # operations are looked at by themselves
    if isinstance(value, Mapping):
        return all(map(_is_harmless, value.values()))
    if isinstance(value, list | tuple | set | frozenset):
        return all(map(_is_harmless, value))
    return not callable(value) or _module(value).startswith(("keras.", "torch."))


def _module(value: Any) -> str:
    """Name the module that a function, or the class of an object, comes from."""
    if isinstance(value, MethodType):
        return _module(value.__self__)
    named = value if isinstance(value, FunctionType | BuiltinFunctionType | type) else type(value)
    return named.__module__ or ""
