"""Callbacks, made anew for each fit."""

from __future__ import annotations

import copy
from typing import Any


def own_callbacks(callbacks: Any) -> list[Any]:
    """Make the callbacks of one fit, sharing nothing with any other fit.

    Parameters
    ----------
    callbacks : callback, class, factory, a list of these, or None
        Instances are deep-copied; classes and functions are called without arguments.

    Raises
    ------
    TypeError
        Neither a callback nor callable, or an instance that cannot be copied.
    """
    import keras

    if callbacks is None:
        return []
    given = list(callbacks) if isinstance(callbacks, list | tuple) else [callbacks]
    return [_own(callback, keras.callbacks.Callback) for callback in given]


def _own(callback: Any, base: type) -> Any:
    if isinstance(callback, base):
        try:
            return copy.deepcopy(callback)
        except TypeError as error:
            raise TypeError(
                f"the callback {type(callback).__name__} cannot be copied for a fit of its own "
                f"({error}); give its class, or a function that makes it, in its place"
            ) from error
    made = callback() if callable(callback) else callback
    if not isinstance(made, base):
        returned = f", which returned {made!r}" if callable(callback) else ""
        raise TypeError(
            f"callbacks must be Keras callbacks, or make them; got {callback!r}{returned}"
        )
    return made
