"""Small networks and data that the tests share."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_diabetes, load_digits, load_iris
from sklearn.preprocessing import StandardScaler

ADAM = {"optimizer": "adam", "optimizer__learning_rate": 0.05}


def iris() -> tuple[np.ndarray, np.ndarray]:
    """150 flowers of three kinds, standardised."""
    X, y = load_iris(return_X_y=True)
    return StandardScaler().fit_transform(X).astype(np.float32), y


def digits(n: int = 120) -> tuple[np.ndarray, np.ndarray]:
    """8 x 8 images with one channel."""
    X, y = load_digits(return_X_y=True)
    return (X[:n] / 16).reshape(-1, 8, 8, 1).astype(np.float32), y[:n]


def diabetes() -> tuple[np.ndarray, np.ndarray]:
    """442 patients, ten features, standardised target."""
    X, y = load_diabetes(return_X_y=True)
    return (X * 20).astype(np.float32), ((y - y.mean()) / y.std()).astype(np.float32)


def classifier(meta: dict[str, Any], hidden: int = 8, dropout: float = 0.0) -> Any:
    """Build an uncompiled network that fits whatever classes there are."""
    import keras

    binary = meta["target_type_"] == "binary"
    softmax = meta["target_type_"].startswith("multiclass")
    layers = [
        keras.layers.Input(meta["X_shape_"][1:]),
        keras.layers.Flatten(),
        keras.layers.Dense(hidden, activation="relu"),
        *([keras.layers.Dropout(dropout)] if dropout else []),
        keras.layers.Dense(
            1 if binary else meta["n_classes_"], activation="softmax" if softmax else "sigmoid"
        ),
    ]
    return keras.Sequential(layers)


def regressor(meta: dict[str, Any], hidden: int = 8) -> Any:
    """Build an uncompiled network with as many outputs as y has columns."""
    import keras

    return keras.Sequential(
        [
            keras.layers.Input(meta["X_shape_"][1:]),
            keras.layers.Dense(hidden, activation="relu"),
            keras.layers.Dense(meta["n_outputs_"]),
        ]
    )


def compiled(
    hidden: int = 8,
    loss: str = "sparse_categorical_crossentropy",
    units: int = 3,
    activation: str = "softmax",
    learning_rate: float = 0.05,
) -> Any:
    """Build a compiled network for iris, as a script of the old wrapper would."""
    import keras

    model = keras.Sequential(
        [
            keras.layers.Input((4,)),
            keras.layers.Dense(hidden, activation="relu"),
            keras.layers.Dense(units, activation=activation),
        ]
    )
    model.compile(keras.optimizers.Adam(learning_rate), loss, metrics=["accuracy"])
    return model


def run_on(backend: str, script: str) -> str:
    """Run a script on a backend of Keras, which binds to one a process; return what it prints."""
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    result = subprocess.run(
        [sys.executable, "-c", script],
        check=False,
        capture_output=True,
        text=True,
        env={
            **os.environ,
            "KERAS_BACKEND": backend,
            "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        },
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout
