"""Keras draws its seeds and shuffles from global generators; here they are borrowed and put back.

Keras takes layer seeds and initial weights from Python's ``random``, shuffles batches with
numpy's global generator (JAX) or the backend's own (torch, TensorFlow), and keeps one generator
for operations without a seed.
"""

from __future__ import annotations

import copy
import importlib
import os
import random
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

# One lock for the process, because the generators are the process's.
_GENERATORS = threading.RLock()
_KERAS_GENERATOR = "global_seed_generator"
_TENSORFLOW_STATE = ("_seed", "_rng")


@dataclass(frozen=True)
class RandomStreams:
    """The state of the generators Keras draws from, to go on from later."""

    python: tuple[Any, ...]
    numpy: dict[str, Any]
    torch: np.ndarray | None = None

    @classmethod
    def capture(cls) -> RandomStreams:
        """Copy the state the global generators are in."""
        torch = sys.modules.get("torch") if backend_name() == "torch" else None
        return cls(
            python=random.getstate(),
            numpy=np.random.get_state(legacy=False),
            torch=None if torch is None else torch.get_rng_state().numpy().copy(),
        )

    def content(self) -> tuple[Any, ...]:
        """Give what can be compared: whether anything has been drawn in between."""
        torch = None if self.torch is None else self.torch.tobytes()
        return (*self.python_and_numpy(), torch)

    def python_and_numpy(self) -> tuple[Any, ...]:
        """Give what can be compared of the generators that are none of a backend's own."""
        state = self.numpy["state"]
        gauss = (self.numpy["has_gauss"], self.numpy["gauss"])
        return self.python, state["key"].tobytes(), state["pos"], gauss

    def install(self) -> None:
        """Put the global generators into this state."""
        random.setstate(self.python)
        np.random.set_state(self.numpy)
        if self.torch is not None:
            torch = sys.modules["torch"]
            torch.set_rng_state(torch.from_numpy(self.torch.copy()))


@contextmanager
def global_generators(start: int | RandomStreams | None) -> Iterator[None]:
    """Hold the global generators, started from a seed or a state, and put them back afterwards.

    Parameters
    ----------
    start : int, RandomStreams or None
        None leaves the generators alone. The lock is held all the same, so that another
        thread's unseeded training cannot draw from the generators of a seeded one.
    """
    with _GENERATORS:
        if start is None:
            yield
            return
        from keras.src.backend.common import global_state

        outside = RandomStreams.capture()
        outside_keras = global_state.get_global_attribute(_KERAS_GENERATOR)
        outside_tensorflow = _tensorflow_seed()
        try:
            global_state.set_global_attribute(_KERAS_GENERATOR, None)
            _start(start)
            yield
        finally:
            outside.install()
            global_state.set_global_attribute(_KERAS_GENERATOR, outside_keras)
            _restore_tensorflow_seed(outside_tensorflow)


def drew_unseeded() -> bool:
    """Tell whether an operation without a seed has drawn since `global_generators` began."""
    from keras.src.backend.common import global_state

    return global_state.get_global_attribute(_KERAS_GENERATOR) is not None


def _start(start: int | RandomStreams) -> None:
    if isinstance(start, RandomStreams):
        start.install()
    else:
        random.seed(start)
        np.random.seed(start)
        if backend_name() == "torch":
            sys.modules["torch"].manual_seed(start)
    if backend_name() == "tensorflow":
        # TensorFlow's operations count their own draws, so each start needs a seed of its own.
        sys.modules["tensorflow"].random.set_seed(random.getrandbits(31))


def backend_name() -> str:
    """Return the name of Keras' backend, without loading it where the environment tells."""
    named = os.environ.get("KERAS_BACKEND")
    if "keras" not in sys.modules and named:
        return named
    import keras

    return str(keras.backend.backend())


def _tensorflow_seed() -> Any:
    """Copy what TensorFlow derives its operations' seeds from: no public name gives it back."""
    if backend_name() != "tensorflow":
        return None
    current = _tensorflow_context()
    return {name: copy.deepcopy(getattr(current, name, None)) for name in _TENSORFLOW_STATE}


def _restore_tensorflow_seed(saved: Any) -> None:
    if saved is not None:
        vars(_tensorflow_context()).update(saved)


def _tensorflow_context() -> Any:
    return importlib.import_module("tensorflow.python.eager.context").context()
