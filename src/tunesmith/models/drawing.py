"""Drawing initial weights on JAX with fewer programs to compile.

XLA unrolls a draw of several short dimensions: compiling it takes a second, which a network pays
for every shape of its weights. A number that threefry draws depends on the seed and on its own
position alone, so the beginning of a long vector serves any shape.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

_SHORTEST, _LONGEST = 2**12, 2**20
_DRAWS = ("uniform", "normal", "truncated_normal")


@contextmanager
def drawn_as_vectors() -> Iterator[None]:
    """Have Keras draw its arrays from vectors of few lengths meanwhile, the same to the bit."""
    import keras

    if keras.backend.backend() != "jax":
        yield
        return
    import jax
    from keras.src.backend.jax import random as module

    settings: Any = jax.config
    positional = settings.jax_threefry_partitionable
    if not positional or settings.jax_default_prng_impl != "threefry2x32":
        yield
        return
    before = {name: getattr(module, name) for name in _DRAWS}
    for name, draw in before.items():
        setattr(module, name, _as_vector(draw))
    try:
        yield
    finally:
        for name, draw in before.items():
            setattr(module, name, draw)


def _as_vector(draw: Callable[..., Any]) -> Callable[..., Any]:
    import jax
    import numpy as np

    @wraps(draw)
    def drawn(shape: Any, *args: Any, **kwargs: Any) -> Any:
        n = math.prod(shape)
        bounds = [*args, *(v for name, v in kwargs.items() if name not in ("seed", "dtype"))]
        if n > _LONGEST or any(not isinstance(bound, int | float) for bound in bounds):
            return draw(shape, *args, **kwargs)
        vector = draw((max(_SHORTEST, 1 << (n - 1).bit_length()),), *args, **kwargs)
        if isinstance(vector, jax.core.Tracer):
            return vector[:n].reshape(shape)
        # By way of numpy, which compiles nothing; a copy, so that nothing holds the vector.
        return jax.numpy.array(np.asarray(vector)[:n].reshape(shape))

    return drawn
