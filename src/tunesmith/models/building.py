"""From a build function, or a template, to a compiled Keras model."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from tunesmith.models.inputs import map_inputs
from tunesmith.models.routing import (
    COMPILE,
    OBJECTS,
    build_arguments,
    describe,
    is_keras_model,
    prefixed,
    route,
)

if TYPE_CHECKING:
    import keras


def compile_arguments(params: Mapping[str, Any]) -> dict[str, Any]:
    """Make the arguments of ``compile`` from an estimator's parameters.

    Parameters
    ----------
    params : mapping
        All parameters that are set, flat and prefixed.

    Returns
    -------
    dict
        Optimizers and metrics in it are new objects: Keras ties them to one model.
    """
    arguments = route(params, "compile")
    settings = {name: prefixed(params, name) for name in OBJECTS}
    if "optimizer" in arguments or settings["optimizer"]:
        name = arguments.get("optimizer", "rmsprop")
        arguments["optimizer"] = make_optimizer(name, settings["optimizer"])
    if settings["loss"] and arguments.get("loss") is None:
        raise ValueError("loss__ parameters need loss=: the name or class of a Keras loss")
    if "loss" in arguments:
        arguments["loss"] = make_loss(arguments["loss"], settings["loss"])
    if settings["metrics"] and not arguments.get("metrics"):
        raise ValueError("metrics__ parameters need metrics=: names or classes of Keras metrics")
    for name in ("metrics", "weighted_metrics"):
        if isinstance(arguments.get(name), list | tuple):
            configure = settings["metrics"] if name == "metrics" else {}
            arguments[name] = [make_metric(metric, configure) for metric in arguments[name]]
    return arguments


def make_optimizer(optimizer: Any, settings: Mapping[str, Any]) -> Any:
    """Make a new optimizer from a name, a class, a factory or a like instance.

    Parameters
    ----------
    optimizer : str, dict, callable or keras.optimizers.Optimizer
    settings : mapping
        Arguments of its constructor, such as ``learning_rate``.
    """
    import keras

    if isinstance(optimizer, dict):
        optimizer = keras.optimizers.get(optimizer)
    if isinstance(optimizer, keras.optimizers.Optimizer):
        return type(optimizer).from_config(optimizer.get_config() | settings)
    if callable(optimizer):
        return _configured(optimizer, settings, "optimizer")
    if isinstance(optimizer, str):
        factory = type(keras.optimizers.get(optimizer))
        return _configured(factory, settings, "optimizer")
    return keras.optimizers.get(optimizer)


def make_loss(loss: Any, settings: Mapping[str, Any]) -> Any:
    """Make a loss from a name, a class or an instance; without settings, as it is."""
    import keras

    if isinstance(loss, type):
        return _configured(loss, settings, "loss")
    if not settings:
        return loss
    if isinstance(loss, str):
        return _configured(_by_name(keras.losses, loss), settings, "loss")
    if isinstance(loss, keras.losses.Loss):
        return type(loss).from_config(loss.get_config() | settings)
    raise ValueError(f"loss__ parameters need the name or class of a Keras loss, not {loss!r}")


def make_metric(metric: Any, settings: Mapping[str, Any]) -> Any:
    """Make a metric from a name, a class or a like instance; functions are left as they are."""
    import keras

    if isinstance(metric, keras.metrics.Metric):
        return type(metric).from_config(metric.get_config() | settings)
    if isinstance(metric, type):
        return _configured(metric, settings, "metrics")
    if isinstance(metric, str) and settings:
        return _configured(_by_name(keras.metrics, metric), settings, "metrics")
    return metric


def _by_name(module: Any, name: str) -> Callable[..., Any]:
    """Find a class by its own or its snake-case name."""
    camel = "".join(part[:1].upper() + part[1:] for part in name.split("_"))
    found = getattr(module, camel, None) or getattr(module, name.upper(), None)
    if not isinstance(found, type):
        raise ValueError(f"{name!r} is not the name of a class in {module.__name__}")
    return found


def _configured(factory: Callable[..., Any], settings: Mapping[str, Any], prefix: str) -> Any:
    try:
        return factory(**settings)
    except (TypeError, ValueError) as error:
        given = ", ".join(f"{prefix}__{name}={value!r}" for name, value in settings.items())
        raise ValueError(f"{describe(factory)} does not take {given}: {error}") from error


def make_model(build: Callable[..., Any], arguments: Mapping[str, Any]) -> keras.Model:
    """Call the build function, or clone the template with new weights.

    Parameters
    ----------
    build : callable or keras.Model
    arguments : mapping
        Arguments of the build function.

    Raises
    ------
    TypeError
        What came back is no Keras model.
    """
    import keras

    if is_keras_model(build):
        return _clone(build)
    model = build(**arguments)
    if not isinstance(model, keras.Model):
        missing = "; does it end with `return model`?" if model is None else ""
        raise TypeError(
            f"{describe(build)} returned {type(model).__name__}, not a Keras model{missing}"
        )
    return model


def _clone(template: Any) -> keras.Model:
    import keras

    model = keras.models.clone_model(template)
    if template.compiled:
        loss = getattr(template, "loss", None)
        own = {loss.__name__: loss} if loss is not None and hasattr(loss, "__name__") else {}
        with keras.saving.custom_object_scope(own):
            model.compile_from_config(template.get_compile_config())
    return model


def check_compile_parameters_used(params: Mapping[str, Any], build: Callable[..., Any]) -> None:
    """Raise where a model came compiled and parameters for ``compile`` went nowhere.

    Raises
    ------
    ValueError
        Names the parameters, and how the build function gets them.
    """
    names, _ = build_arguments(build)
    if "compile_kwargs" in names:
        return
    argument = {name: name.removeprefix("compile__").partition("__")[0] for name in params}
    unused = [name for name in params if argument[name] in COMPILE - names]
    if unused:
        raise ValueError(
            f"{describe(build)} returns a compiled model, so {', '.join(unused)} would have no "
            "effect. Return the model uncompiled, or give the build function an argument of that "
            "name (or `compile_kwargs`, for `model.compile(**compile_kwargs)`)."
        )


def output_shape(model: keras.Model, X: Any) -> Any:
    """Find the shape of a network's output, without computing anything.

    Parameters
    ----------
    model : keras.Model
    X : array, or a list or dict of arrays
        Shown by shape and dtype to a model that does not know its output yet.

    Returns
    -------
    tuple, a list or dict of tuples, or None
        With None for the batch; None where a model of the user's own class does not tell.
    """
    import keras

    shape = getattr(model, "output_shape", None)
    if shape is not None:
        return shape

    def symbolic(part: Any) -> Any:
        kind = part.dtype.name if part.dtype.kind != "f" else keras.config.floatx()
        return keras.KerasTensor((None, *part.shape[1:]), kind)

    try:
        return keras.tree.map_structure(lambda t: t.shape, model(map_inputs(symbolic, X)))
    except Exception:  # what the model cannot do, its training says better
        return None


def output_width(shape: Any) -> int | None:
    """Count the units of a network's last layer.

    Returns
    -------
    int or None
        None for several outputs, or where the shape is not known.
    """
    single = isinstance(shape, tuple) and all(n is None or isinstance(n, int) for n in shape)
    return shape[-1] if single and len(shape) == 2 else None


@contextmanager
def own_metric_names() -> Iterator[None]:
    """Name the metrics of one model as if it were the process' first.

    Keras numbers names over all models: the second fit's "auc" would be "auc_1", its history
    another, and ``EarlyStopping(monitor="val_auc")`` would silently never stop it.
    """
    import keras
    from keras.src.backend.common import global_state
    from keras.src.utils.naming import to_snake_case

    counts = global_state.get_global_attribute("object_name_uids")
    names = {to_snake_case(kind.__name__) for kind in _subclasses(keras.metrics.Metric)}
    held = {name: counts.pop(name) for name in names & (counts or {}).keys()}
    try:
        yield
    finally:
        for name, count in held.items():
            counts[name] += count


def _subclasses(base: type) -> Iterator[type]:
    kinds: list[type] = base.__subclasses__()
    for kind in kinds:
        yield kind
        yield from _subclasses(kind)


def release_dead_models() -> None:
    """Run the full garbage collection that is due but put off.

    Models and their compiled programs are reference cycles, which only a full collection frees;
    Python puts that off until a quarter of all objects are new, however large those are.
    """
    if gc.isenabled() and gc.get_count()[2] > gc.get_threshold()[2]:
        gc.collect()


def build_state(model: keras.Model, batch: Any) -> None:
    """Create the state of losses, metrics and optimizer, if it is not there yet.

    Keras would do it from the first batch of its own shuffle, and trace the network three times.
    Where all that is missing are the kinds of the outputs, these are told without.

    Parameters
    ----------
    model : keras.Model
        Compiled.
    batch : tuple
        X, y, and weights or None; looked at by shape and kind alone.
    """
    import keras

    y = batch[1] if len(batch) > 1 else None
    if y is not None and hasattr(y, "shape") and _is_plain(model):
        target = keras.KerasTensor(y.shape, keras.backend.standardize_dtype(y.dtype))
        for part in _unbuilt(model):
            part.build(target, model.outputs[0])
    model._symbolic_build(data_batch=batch)


def lacks_state(model: keras.Model) -> bool:
    """Tell whether Keras would look at a batch to create the state of a model."""
    layers = model._flatten_layers()
    return bool(_unbuilt(model)) or not all(layer.built for layer in layers)


def _unbuilt(model: Any) -> list[Any]:
    parts = (model._compile_metrics, model._compile_loss)
    return [part for part in parts if part is not None and not part.built]


def _is_plain(model: Any) -> bool:
    """Tell whether a network is built, and its metrics have all their variables by then."""
    import keras

    def is_plain(metric: Any) -> bool:
        mean = keras.metrics.MeanMetricWrapper
        return metric in (None, "accuracy", "acc") or type(metric) is mean

    metrics = model._compile_metrics
    given = [] if metrics is None else [metrics._user_metrics, metrics._user_weighted_metrics]
    return (
        all(layer.built for layer in model._flatten_layers())
        and len(getattr(model, "outputs", None) or ()) == 1
        and isinstance(model.output_shape, tuple)
        and all(map(is_plain, keras.tree.flatten(given)))
    )
