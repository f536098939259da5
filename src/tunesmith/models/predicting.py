"""Predicting on JAX in batches of one size, so that one program does for any number of rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from tunesmith.models.programs import Programs
from tunesmith.models.training import Batches, is_dense

if TYPE_CHECKING:
    import keras


_ROWS = 1024
"""Predicted by one call of a program, or a batch if that is more."""


def predict(model: keras.Model, programs: Programs, X: Any, arguments: Mapping[str, Any]) -> Any:
    """Predict as ``model.predict`` does, to rounding.

    The last batch is filled up, and the outputs of what fills it cut off, where no layer can
    mix rows.

    Parameters
    ----------
    model : keras.Model
        Trained.
    programs : Programs
        Its own.
    X : array of shape (n_samples, ...), or several of them
    arguments : mapping
        Those of ``model.predict``.

    Returns
    -------
    ndarray or structure of ndarrays
    """
    given = {name for name, value in arguments.items() if value is not None}
    if given <= {"batch_size", "verbose"} and arguments.get("verbose") == 0 and _by_row(model):
        whole = Batches.of((X, None, None), {**arguments, "shuffle": False})
        if whole is not None:
            return _predict(model, programs, whole)
    with programs.in_keras():
        return model.predict(X, **arguments)


def _by_row(model: Any) -> bool:
    """Tell whether a built model of Keras' own layers treats every row by itself."""
    import keras

    return all(
        layer.built
        and type(layer).__module__.startswith("keras.src.")
        and not isinstance(layer, keras.layers.Lambda)
        and not getattr(layer, "stateful", False)
        for layer in model._flatten_layers()
    )


def _predict(model: Any, programs: Programs, batches: Batches) -> Any:
    import jax

    state = model._get_jax_state(trainable_variables=True, non_trainable_variables=True)
    parts = []
    if is_dense(model):
        room = max(1, _ROWS // batches.size)
        for first in range(0, batches.n, room * batches.size):
            n = min(room, -(-(batches.n - first) // batches.size))
            filled = programs.predictions(state, batches.stacked(first, room), n)
            parts.append(jax.tree.map(lambda part: np.concatenate(np.asarray(part)), filled))
    else:
        for first in range(0, batches.n, batches.size):
            outputs, _ = programs.predict(state, batches.filled(first))
            parts.append(outputs)
    return jax.tree.map(lambda *outputs: np.concatenate(outputs)[: batches.n], *parts)
