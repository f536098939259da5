"""What a compiled program of a Keras model is made of: everything that is a constant in it.

Weights, optimizer slots, learning rates that are held in variables and the states of random
generators are inputs of a program, so they are no part of its key. Initializers are none either:
they have done their work when a program is made.
"""

from __future__ import annotations

import json
import re
import sys
import types
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

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
            walk = _Walk(strengths(model))
            parts = [
                _architecture(model),
                [walk(layer) for layer in model._flatten_layers(include_self=False)],
                [walk(variable) for variable in model.variables],
                _compilation(model, walk),
                _optimizer(model.optimizer, walk),
                _regularization(model),
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
        if name not in numbers and re.fullmatch(rf"(forward_|backward_)?{stem}(_\d+)?", name):
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


class _Walk:
    """Keys what a model holds: a thing by its content, and where it is met again by its number.

    Layers, variables and generators are numbered as they are met. So a layer that refers to
    another's is told from one that has its own, though the values of both are inputs.

    Parameters
    ----------
    hoisted : Strengths
        Numbers that are inputs.
    """

    def __init__(self, hoisted: Strengths) -> None:
        self._hoisted = {(id(regularizer), name) for regularizer, name in hoisted}
        self._numbers: dict[int, int] = {}

    def __call__(self, value: Any) -> Any:
        """Return what a value is keyed by, for JSON."""
        import keras

        if value is None or type(value) in _PLAIN:
            return [type(value).__name__, value]
        if isinstance(value, list | tuple):
            return [type(value).__name__, *map(self, value)]
        if isinstance(value, Mapping):
            return [type(value).__name__, *([self(k), self(v)] for k, v in value.items())]
        if isinstance(value, types.MethodType):
            return ["method", digest(value.__func__), self(value.__self__)]
        if isinstance(value, keras.KerasTensor):
            return ["tensor", list(value.shape), value.dtype]
        if _is_keras(value):
            return self._numbered(value)
        if keras.ops.is_tensor(value):
            return ["array", digest(np.asarray(keras.ops.convert_to_numpy(value)))]
        return digest(value)

    def _numbered(self, thing: Any) -> Any:
        import keras

        number = self._numbers.get(id(thing))
        if number is not None:
            return ["again", number]
        number = self._numbers[id(thing)] = len(self._numbers)
        if isinstance(thing, keras.Variable):
            more = [self(thing.regularizer), self(thing.constraint)]
            return ["variable", list(thing.shape), str(thing.dtype), thing.trainable, *more]
        if isinstance(thing, keras.random.SeedGenerator):
            return ["generator", self(thing.state)]
        return [number, *self._thing(thing)]

    def _thing(self, thing: Any) -> list[Any]:
        import keras

        kind = type(thing)
        parts: list[Any] = [f"{kind.__module__}.{kind.__qualname__}"]
        if is_users(thing):
            parts.append(digest(kind))
        if kind in (keras.Sequential, _functional()):
            return parts  # its layers are keyed by themselves, and the architecture joins them
        usual = _usual_attributes(thing)
        counts = isinstance(thing, keras.metrics.Metric)  # and makes its variables when it does
        for name, value in sorted(vars(thing).items()):
            if counts and isinstance(value, keras.Variable):
                continue
            if name in _HOOKS and value:
                raise UnkeyableError(f"{kind.__name__} has hooks")
            # Cells of recurrent layers set masks they have not used yet to None in their calls.
            if value is None or isinstance(value, keras.initializers.Initializer):
                continue
            told = name not in usual and not name.startswith("_self_")
            if told and (id(thing), name) not in self._hoisted:
                parts.append([name, self(value)])
        return parts


_PLAIN = (bool, int, float, str)
_TOLD = frozenset(
    {"activity_regularizer", "autocast", "_remat_mode", "_supports_masking", "_trainable"}
)
_NAMES = frozenset(
    {"name", "_name", "path", "_path", "_build_shapes_dict", "_locked", "built", "_built"}
)
_HOOKS = frozenset({"_forward_hooks", "_forward_pre_hooks", "_backward_hooks"})


def _is_keras(value: Any) -> bool:
    """Tell whether a value is of a class of Keras', or of one derived from such a class."""
    if isinstance(value, type) or not hasattr(value, "__dict__"):
        return False
    return any(kind.__module__.partition(".")[0] == "keras" for kind in type(value).__mro__)


def _usual_attributes(thing: Any) -> frozenset[str]:
    """Name the attributes by which Keras keeps books, or that a configuration tells."""
    import keras

    for base in (keras.Model, keras.layers.Layer, keras.metrics.Metric):
        if isinstance(thing, base):
            return _attributes_of(base) - _TOLD | _NAMES
    return _NAMES


@cache
def _attributes_of(base: Any) -> frozenset[str]:
    return frozenset(vars(base(name="plain")))


def _compilation(model: Any, walk: _Walk) -> Any:
    config = model._compile_config.config
    names = ("loss", "loss_weights", "metrics", "weighted_metrics")
    flags = [model.jit_compile, model.run_eagerly, model.steps_per_execution]
    return [[_part(config[name], walk) for name in names], flags]


def _part(value: Any, walk: _Walk) -> Any:
    if isinstance(value, Mapping):
        return [[name, _part(part, walk)] for name, part in value.items()]
    if isinstance(value, list | tuple):
        return [type(value).__name__, *(_part(part, walk) for part in value)]
    if _is_keras(value) and hasattr(value, "get_config"):
        return [walk(value), value.get_config()]
    return walk(value)


def _optimizer(optimizer: Any, walk: _Walk) -> Any:
    import keras

    if optimizer is None:
        return None
    if getattr(optimizer, "_exclude_from_weight_decay", None) or getattr(
        optimizer, "_exclude_from_weight_decay_pattern", None
    ):
        raise UnkeyableError("weights are excluded from decay by their names")
    keras_own = not is_users(optimizer)
    rate = optimizer._learning_rate
    if keras_own and isinstance(rate, keras.Variable):
        # Its value is an input; in the middle of a training it cannot even be read.
        vars(optimizer)["_learning_rate"] = None
        try:
            config = optimizer.get_config()
        finally:
            vars(optimizer)["_learning_rate"] = rate
    else:
        config = optimizer.get_config()
    inner = getattr(optimizer, "inner_optimizer", None)
    if inner is not None:
        config = {**config, "inner_optimizer": None}
    kind = type(optimizer)
    parts = [
        f"{kind.__module__}.{kind.__qualname__}",
        {name: value for name, value in config.items() if name != "name"},
        walk(rate),
        None if inner is None else _optimizer(inner, walk),
    ]
    if keras_own:
        return parts
    # What a class of the user's own keeps besides its configuration, nobody knows.
    usual = _attributes_of(keras.optimizers.SGD)
    more = {n: v for n, v in vars(optimizer).items() if n not in usual and n[:6] != "_self_"}
    return [*parts, digest(kind), walk(more)]


def _regularization(model: Any) -> Any:
    """Tell which regularizers are one object: a program has one input for it."""
    places: dict[int, int] = {}
    shared = [
        None if regularizer is None else places.setdefault(id(regularizer), len(places))
        for regularizer in _regularizers(model)
    ]
    if not all(type(getattr(r, name)) is float for r, name in strengths(model)):
        raise UnkeyableError("a regularizer's strength is no number")
    return shared


def _surroundings() -> Any:
    import keras

    told = [keras.backend.backend(), keras.config.floatx(), keras.config.epsilon()]
    if keras.backend.backend() != "jax":
        return told
    import jax

    settings: Any = jax.config
    return [*told, settings.jax_enable_x64, settings.jax_default_matmul_precision]
