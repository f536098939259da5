"""Small networks and data that the tests share."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
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


def dense(
    meta: dict[str, Any],
    parts: Any = (),
    optimizer: Any = "adam",
    learning_rate: float = 0.02,
    l2: float = 0.0,
    more: Any = (),
    compilation: dict[str, Any] | None = None,
) -> Any:
    """Build a compiled network for iris, of whatever a test is about."""
    import keras

    layers = keras.layers
    penalty = keras.regularizers.L2(l2) if l2 else None
    model = keras.Sequential(
        [
            layers.Input(meta["X_shape_"][1:]),
            layers.Dense(6, "relu", kernel_regularizer=penalty),
            *(part() for part in parts),
            layers.Dense(3, "softmax"),
        ]
    )
    kind = keras.optimizers.get(optimizer)
    settings = kind.get_config()
    if not isinstance(settings["learning_rate"], dict):
        settings["learning_rate"] = learning_rate
    model.compile(
        type(kind).from_config(settings),
        "sparse_categorical_crossentropy",
        metrics=["accuracy", *(metric() for metric in more)],
        **(compilation or {}),
    )
    return model


def convolutions(meta: dict[str, Any]) -> Any:
    """Build a compiled network for the digits."""
    import keras

    layers = keras.layers
    model = keras.Sequential(
        [
            layers.Input(meta["X_shape_"][1:]),
            layers.Conv2D(4, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Dropout(0.2),
            layers.Flatten(),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile("adadelta", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def numbers(meta: dict[str, Any]) -> Any:
    """Build a compiled network for the patients, which knows its input from the data."""
    import keras

    layers = keras.layers
    model = keras.Sequential([layers.Dense(4, "tanh"), layers.Dense(1)])
    model.compile("rmsprop", "mse", metrics=["mae", keras.metrics.R2Score()])
    return model


def assert_same(one: tuple[Any, ...], other: tuple[Any, ...]) -> None:
    """Compare what two fits gave: arrays first, to the bit, and then the rest."""
    assert one[1:] == other[1:]
    for a, b in zip(one[0], other[0], strict=True):
        np.testing.assert_array_equal(a, b)


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
            # Threads that wait for work take the cores from other tests, and from each other.
            "OMP_WAIT_POLICY": "PASSIVE",
            "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        },
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


TESTS = """
import sys

import pytest

options = ["-q", "-x", "-W", "default", "-p", "no:cacheprovider", "-p", "no:xdist"]
sys.exit(pytest.main([*options, {path!r}]))
"""


def run_tests_on(backend: str, path: Path) -> None:
    """Run a file of tests on a backend of Keras."""
    run_on(backend, TESTS.format(path=str(path)))


def look_alikes() -> dict[str, Any]:
    """Return functions that make parts of networks.

    Each takes 1 or 3. The parts compute otherwise for the one and for the other, of which their
    configurations tell nothing.
    """
    import keras

    layers, ops = keras.layers, keras.ops

    class Times:
        def __init__(self, factor: float) -> None:
            self.factor = factor

        def apply(self, x: Any) -> Any:
            return x * self.factor

        def penalise(self, x: Any) -> Any:
            return ops.sum(x * x) * self.factor * 0.01

    class Silent(keras.regularizers.Regularizer):
        def __init__(self, strength: float) -> None:
            self.strength = strength

        def __call__(self, x: Any) -> Any:
            return ops.sum(x * x) * self.strength * 0.01

        def get_config(self) -> dict[str, Any]:
            return {}

    class Tied(layers.Layer):
        def __init__(self, first: bool) -> None:
            super().__init__()
            self.one, self.other = layers.Dense(6), layers.Dense(6)
            self.used = self.one if first else self.other

        def build(self, shape: Any) -> None:
            self.one.build(shape)
            self.other.build(shape)

        def call(self, x: Any) -> Any:
            return self.used(x)

        def get_config(self) -> dict[str, Any]:
            return {}

    def set_later(name: str, value: Any) -> Any:
        layer = layers.Dense(6)
        layer.build((None, 6))
        setattr(layer.kernel, name, value)
        return layer

    def adapted(k: int) -> Any:
        layer = layers.Normalization()
        layer.adapt(np.arange(60.0).reshape(10, 6) * k)
        return layer

    return {
        "bound activation": lambda k: layers.Dense(6, activation=Times(k).apply),
        "bound lambda": lambda k: layers.Lambda(Times(k).apply),
        "bound penalty": lambda k: layers.Dense(6, kernel_regularizer=Times(k).penalise),
        "silent penalty": lambda k: layers.Dense(6, kernel_regularizer=Silent(k)),
        "adapted": adapted,
        "tied": lambda k: Tied(k == 1),
        "penalty set later": lambda k: set_later(
            "regularizer", keras.regularizers.L1L2(0.01 * k, 0.0)
        ),
        "constraint set later": lambda k: set_later(
            "constraint", keras.constraints.MaxNorm(0.2 * k)
        ),
    }
