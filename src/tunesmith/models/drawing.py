"""Making a network's first variables on JAX with fewer programs to compile.

XLA unrolls a draw of several short dimensions: compiling it takes a second, which a network pays
for every shape of its weights. A number that threefry draws depends on the seed and on its own
position alone, so the beginning of a long vector serves any shape. Arrays of one number, of
which each shape is a program too, need none at all.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import wraps
from typing import Any

_LENGTHS = (2**17, 2**20)
_DRAWS = ("uniform", "normal", "truncated_normal")
_CONSTANTS = ("zeros", "ones")


@contextmanager
def few_programs() -> Iterator[None]:
    """Have Keras make its arrays meanwhile by few programs, the same to the bit."""
    import keras

    if keras.backend.backend() != "jax":
        yield
        return
    import jax
    from keras.src.backend.jax import numpy as arrays
    from keras.src.backend.jax import random as draws

    settings: Any = jax.config
    positional = settings.jax_threefry_partitionable
    with ExitStack() as stack:
        if positional and settings.jax_default_prng_impl == "threefry2x32":
            stack.enter_context(_replaced(draws, _DRAWS, _as_vector))
        stack.enter_context(_replaced(arrays, _CONSTANTS, _by_numpy))
        yield


@contextmanager
def _replaced(module: Any, names: tuple[str, ...], change: Callable[..., Any]) -> Iterator[None]:
    before = {name: getattr(module, name) for name in names}
    for name, function in before.items():
        setattr(module, name, change(function))
    try:
        yield
    finally:
        for name, function in before.items():
            setattr(module, name, function)


def _as_vector(draw: Callable[..., Any]) -> Callable[..., Any]:
    import jax
    import numpy as np

    @wraps(draw)
    def drawn(shape: Any, *args: Any, **kwargs: Any) -> Any:
        n = math.prod(shape)
        bounds = [*args, *(v for name, v in kwargs.items() if name not in ("seed", "dtype"))]
        if n > _LENGTHS[-1] or any(not isinstance(bound, int | float) for bound in bounds):
            return draw(shape, *args, **kwargs)
        vector = draw((min(m for m in _LENGTHS if m >= n),), *args, **kwargs)
        if isinstance(vector, jax.core.Tracer):
            return vector[:n].reshape(shape)
        # By way of numpy, which compiles nothing.
        return _put(np.asarray(vector)[:n].reshape(shape))

    return drawn


def _by_numpy(make: Callable[..., Any]) -> Callable[..., Any]:
    import jax
    import keras
    import numpy as np

    of_numpy = getattr(np, make.__name__)

    @wraps(make)
    def made(shape: Any, dtype: Any = None) -> Any:
        kind = jax.numpy.dtype(dtype or keras.config.floatx())
        return _put(of_numpy(shape, kind))

    return made


def _put(array: Any) -> Any:
    """Give JAX a copy of its own."""
    import jax

    return jax.device_put(array, may_alias=False)
