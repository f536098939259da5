"""Keras models as bytes, in Keras' own archive format, read back in safe mode."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tunesmith.models.seeding import global_generators

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class SavedModel:
    """A Keras model in bytes: the ``.keras`` archive and what it leaves out.

    Attributes
    ----------
    archive : bytes
        Architecture, weights, compilation and the optimizer's state.
    seeds : list of ndarray
        States of the layers' random generators (dropout), which the archive does not hold.
    """

    archive: bytes
    seeds: list[np.ndarray]

    @classmethod
    def of(cls, model: keras.Model) -> SavedModel:
        """Save a model.

        Raises
        ------
        ValueError
            The model holds a Lambda layer around a Python function: its code could only be
            saved by pickling it.
        """
        import keras

        refuse_lambdas(model)
        optimizer = model.optimizer if model.compiled else None
        if optimizer is not None and model.built and not optimizer.built:
            # Reading back builds the optimizer, and would miss its variables in the archive.
            optimizer.build(model.trainable_variables)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "model.keras")
            keras.saving.save_model(model, path)
            archive = path.read_bytes()
        return cls(archive, [keras.ops.convert_to_numpy(v) for v in _seed_states(model)])

    def load(self) -> keras.Model:
        """Make the model again, optimizer state included, running no code from the archive.

        Raises
        ------
        ValueError
            A class or function in the model is not registered with Keras.
        """
        import keras

        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "model.keras")
            path.write_bytes(self.archive)
            try:
                # Layers draw seeds as they are made, which those of the archive replace.
                with global_generators(0):
                    model = keras.saving.load_model(path, safe_mode=True)
            except (TypeError, ValueError) as error:
                raise ValueError(
                    "the Keras model could not be read back. Decorate layers, losses and metrics "
                    "of your own with @keras.saving.register_keras_serializable() and import the "
                    f"module that defines them before loading. Keras says: {error}"
                ) from error
        for variable, value in zip(_seed_states(model), self.seeds, strict=True):
            variable.assign(value)
        return model


def _seed_states(model: keras.Model) -> list[Any]:
    return [v for v in model.non_trainable_variables if v.name == "seed_generator_state"]


def refuse_lambdas(model: keras.Model) -> None:
    """Raise for a Lambda layer that cannot be saved without pickling its code.

    Raises
    ------
    ValueError
        Names the layer and what to write instead.
    """
    import keras

    for layer in model._flatten_layers():
        if not isinstance(layer, keras.layers.Lambda):
            continue
        parts = [layer.get_config().get(name) for name in ("function", "output_shape", "mask")]
        if any(isinstance(p, dict) and p.get("class_name") == "__lambda__" for p in parts):
            raise ValueError(
                f"the Lambda layer {layer.name!r} holds a Python lambda, which cannot be saved "
                "without pickling its code. Write it as a keras.layers.Layer subclass, or as a "
                "named function decorated with "
                "@keras.saving.register_keras_serializable()."
            )
