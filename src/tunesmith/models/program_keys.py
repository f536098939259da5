"""What a compiled program of a Keras model is made of: everything that is a constant in it.

Weights, optimizer slots, learning rates that are held in variables and the states of random
generators are inputs of a program, so they are no part of its key. Initializers are none either:
they have done their work when a program is made.
"""

from __future__ import annotations

import json
import re
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from tunesmith.exceptions import UnkeyableError
from tunesmith.keys import digest
from tunesmith.keys.source import is_users

if TYPE_CHECKING:
    import keras

_STEPS = ("train_step", "test_step", "predict_step", "compute_loss", "compute_metrics", "call")
_GRAPH = frozenset({"name", "keras_history", "input_layers", "output_layers"})
_HOISTED = ("L1", "L2")

Strengths = list[tuple[Any, str]]


def program_key(model: keras.Model) -> str | None:
    """Key the programs of a compiled model.

    Parameters
    ----------
    model : keras.Model

    Returns
    -------
    str or None
        Equal for models whose programs are equal, given inputs of equal shapes; None where that
        cannot be told: a model class of the user's own, or layers of things without content.
    """
    import keras

    if type(model) not in (keras.Sequential, keras.Model, _functional()):
        return None
    if any(name in vars(model) for name in _STEPS):
        return None
    try:
        with _tensorflow_left_alone(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about lambdas that nobody is going to save
            parts = [
                _architecture(model),
                [_object(layer) for layer in model._flatten_layers(include_self=False)],
                _compilation(model),
                _optimizer(model.optimizer),
                _variables(model),
                _surroundings(),
            ]
        return json.dumps(parts, sort_keys=True, default=digest)
    except Exception:  # from a configuration of the user's own, anything may come
        return None


def strengths(model: keras.Model) -> Strengths:
    """List the strengths of L1 and L2 regularizers, which are fed into a program.

    Parameters
    ----------
    model : keras.Model

    Returns
    -------
    list of (regularizer, name of the attribute)
    """
    found = {id(regularizer): regularizer for regularizer in _regularizers(model)}
    return [(r, type(r).__name__.lower()) for r in found.values() if _is_hoisted(r)]


def values(strengths: Strengths) -> tuple[float, ...]:
    """Return what strengths are set to."""
    return tuple(getattr(regularizer, name) for regularizer, name in strengths)


@contextmanager
def replaced(strengths: Strengths, inputs: Sequence[Any]) -> Iterator[None]:
    """Put a program's inputs in the place of strengths, while it is traced."""
    held = values(strengths)
    try:
        for (regularizer, name), value in zip(strengths, inputs, strict=True):
            setattr(regularizer, name, value)
        yield
    finally:
        for (regularizer, name), value in zip(strengths, held, strict=True):
            setattr(regularizer, name, value)


def _regularizers(model: Any) -> list[Any]:
    of_weights = [variable.regularizer for variable in model.trainable_variables]
    layers = model._flatten_layers()
    return of_weights + [getattr(layer, "activity_regularizer", None) for layer in layers]


def _is_hoisted(regularizer: Any) -> bool:
    kind = type(regularizer)
    return kind.__name__ in _HOISTED and kind.__module__.startswith("keras.")


def _functional() -> type:
    from keras.src.models import Functional

    return Functional  # type: ignore[no-any-return]


@contextmanager
def _tensorflow_left_alone() -> Iterator[None]:
    """Keep Keras' serialisation from importing TensorFlow, which takes seconds, for nothing."""
    from keras.src.utils.module_utils import tensorflow

    known = tensorflow._available
    if "tensorflow" not in sys.modules:
        tensorflow._available = False
    try:
        yield
    finally:
        tensorflow._available = known


def _architecture(model: Any) -> Any:
    names = [layer.name for layer in model._flatten_layers()]
    kinds = [type(layer).__name__ for layer in model._flatten_layers()]
    config = _normalised(model.get_config(), _own_numbers(names, kinds), False)
    # Metrics of several outputs bear the outputs' names.
    outputs = list(getattr(model, "output_names", ()))
    return [config, outputs if len(outputs) > 1 else None]


def _own_numbers(names: list[str], kinds: list[str]) -> dict[str, str]:
    """Renumber the names Keras gave, and keep those the user gave."""
    from keras.src.utils.naming import to_snake_case

    numbers: dict[str, str] = {}
    for name, kind in zip(names, kinds, strict=True):
        stem = "keras_tensor" if kind == "KerasTensor" else to_snake_case(kind)
        if name not in numbers and re.fullmatch(rf"{stem}(_\d+)?", name):
            numbers[name] = f"{stem}#{len(numbers)}"
    return numbers


def _normalised(node: Any, numbers: Mapping[str, str], in_graph: bool) -> Any:
    if isinstance(node, Mapping):
        inside = {
            key: _normalised(child, numbers, in_graph or key in _GRAPH)
            for key, child in node.items()
        }
        if str(inside.get("module")).startswith("keras") and isinstance(inside["config"], dict):
            inside["config"] = _without_inputs(inside["config"])
        return inside
    if isinstance(node, list | tuple):
        return [_normalised(child, numbers, in_graph) for child in node]
    if isinstance(node, str) and in_graph:
        return numbers.get(node, node)
    return node


def _without_inputs(config: dict[str, Any]) -> dict[str, Any]:
    """Leave out of a Keras layer's configuration what its programs get as inputs."""
    kept = {name: value for name, value in config.items() if not name.endswith("_initializer")}
    for name, value in kept.items():
        if name.endswith("_regularizer") and isinstance(value, dict):
            keras_own = str(value.get("module")).startswith("keras")
            if keras_own and value.get("class_name") in _HOISTED:
                kept[name] = value["class_name"]
    return kept


def _object(thing: Any) -> Any:
    """Key a layer, loss, metric or optimizer by its class, and what is the user's own in it."""
    kind = type(thing)
    own = is_users(thing)
    parts: list[Any] = [f"{kind.__module__}.{kind.__qualname__}"]
    if own:
        parts.append(digest(kind))
    usual = _usual_attributes(thing) if own else frozenset()
    for name, value in sorted(vars(thing).items()):
        if name not in usual and not _is_state(value) and (own or is_users(value)):
            parts.append([name, digest(value)])
    return parts


def _usual_attributes(thing: Any) -> frozenset[str]:
    """Name the attributes that a class of the user's own has from its Keras base."""
    import keras

    for base in (keras.layers.Layer, keras.metrics.Metric, keras.losses.Loss):
        if isinstance(thing, base):
            plain = base(name="plain")
            return frozenset({*vars(plain), "_build_shapes_dict", "_locked"})
    return frozenset()


def _is_state(value: Any) -> bool:
    """Tell whether a value, or all in a container, is input of a program, or keyed by itself."""
    import keras

    if isinstance(value, Mapping):
        return bool(value) and all(_is_state(part) for part in value.values())
    if isinstance(value, list | tuple):
        return bool(value) and all(_is_state(part) for part in value)
    kinds = (keras.Variable, keras.layers.Layer, keras.random.SeedGenerator)
    return isinstance(value, kinds)


def _compilation(model: Any) -> Any:
    config = model._compile_config.config
    names = ("loss", "loss_weights", "metrics", "weighted_metrics")
    flags = [model.jit_compile, model.run_eagerly, model.steps_per_execution]
    return [[_part(config[name]) for name in names], flags]


def _part(value: Any) -> Any:
    if value is None or isinstance(value, str | int | float | bool):
        return [type(value).__name__, value]
    if isinstance(value, Mapping):
        return [[name, _part(part)] for name, part in value.items()]
    if isinstance(value, list | tuple):
        return [type(value).__name__, *map(_part, value)]
    if hasattr(value, "get_config") and not isinstance(value, type):
        return [_object(value), value.get_config()]
    return digest(value)


def _optimizer(optimizer: Any) -> Any:
    import keras

    if optimizer is None:
        return None
    if getattr(optimizer, "_exclude_from_weight_decay", None) or getattr(
        optimizer, "_exclude_from_weight_decay_pattern", None
    ):
        raise UnkeyableError("weights are excluded from decay by their names")
    keras_own = not is_users(optimizer)
    if keras_own and isinstance(optimizer._learning_rate, keras.Variable):
        # Its value is an input; in the middle of a training it cannot even be read.
        rate = optimizer._learning_rate
        vars(optimizer)["_learning_rate"] = None
        try:
            config = optimizer.get_config()
        finally:
            vars(optimizer)["_learning_rate"] = rate
    else:
        config = optimizer.get_config()
    config = {name: value for name, value in config.items() if name != "name"}
    if keras_own:
        return [_object(optimizer), config]
    # What a class of the user's own keeps besides its configuration, nobody knows.
    usual = vars(keras.optimizers.SGD(name="plain")).keys()
    plain = {k: v for k, v in vars(optimizer).items() if k not in usual and not _is_state(v)}
    return [digest(type(optimizer)), config, digest(plain)]


def _variables(model: Any) -> Any:
    """Tell which regularizers are one object: a program has one input for it."""
    places: dict[int, int] = {}
    shared = [
        None if regularizer is None else places.setdefault(id(regularizer), len(places))
        for regularizer in _regularizers(model)
    ]
    known = [type(getattr(r, name)) is float for r, name in strengths(model)]
    if not all(known):
        raise UnkeyableError("a regularizer's strength is no number")
    return [shared, [variable.trainable for variable in model.variables]]


def _surroundings() -> Any:
    import keras

    told = [keras.backend.backend(), keras.config.floatx(), keras.config.epsilon()]
    if keras.backend.backend() != "jax":
        return told
    import jax

    settings: Any = jax.config
    return [*told, settings.jax_enable_x64, settings.jax_default_matmul_precision]
