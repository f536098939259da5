"""Inputs: one array of any number of dimensions, or several arrays for several Input layers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from scipy.sparse import issparse
from sklearn.model_selection import train_test_split
from sklearn.utils.validation import _num_samples, check_array, check_consistent_length


def is_multi_input(X: Any, n_samples: int | None = None) -> bool:
    """Tell several inputs from one array-like.

    Parameters
    ----------
    X : object
        A dict, or a list or tuple of arrays, holds several inputs.
    n_samples : int or None
        Length of y where it is known: a list of that many arrays is a list of samples.
    """
    if isinstance(X, Mapping):
        return not issparse(X)  # scipy's dok_array is a dict
    if not isinstance(X, list | tuple) or not X or len(X) == n_samples:
        return False
    if not all(isinstance(part, np.ndarray) and part.ndim >= 2 for part in X):
        return False
    return n_samples is None or all(len(part) == n_samples for part in X)


def check_inputs(X: Any, like: Any = None) -> Any:
    """Validate each of several inputs and give them back in the same container.

    Parameters
    ----------
    X : dict, list or tuple of array-likes
    like : dict or list, default=None
        What was fitted: X must have as many inputs, of the same names.

    Raises
    ------
    ValueError
        NaN, infinities, no samples, unequal lengths, or other inputs than were fitted.
    """
    if like is not None and _describe(X) != _describe(like):
        raise ValueError(f"X is {_describe(X)}, but the model was fitted on {_describe(like)}")
    parts = X.items() if isinstance(X, Mapping) else enumerate(X)
    checked = {
        name: check_array(part, allow_nd=True, ensure_2d=False, input_name=f"X[{name!r}]")
        for name, part in parts
    }
    check_consistent_length(*checked.values())
    return checked if isinstance(X, Mapping) else list(checked.values())


def _describe(X: Any) -> str:
    if isinstance(X, Mapping):
        return f"a dict of the inputs {sorted(X)}"
    return f"a list of {len(X)} inputs" if isinstance(X, list | tuple) else "one array"


def map_inputs(function: Callable[[Any], Any], X: Any) -> Any:
    """Apply a function to the array, or to each of several."""
    if isinstance(X, Mapping):
        return {name: function(part) for name, part in X.items()}
    if isinstance(X, list):
        return [function(part) for part in X]
    return function(X)


def n_samples(X: Any) -> int:
    """Count the rows of one or several inputs."""
    if isinstance(X, Mapping):
        return n_samples(next(iter(X.values())))
    return n_samples(X[0]) if isinstance(X, list) else int(_num_samples(X))


def select(data: Any, rows: np.ndarray) -> Any:
    """Take rows of one or several inputs; None stays None."""
    return None if data is None else map_inputs(lambda part: part[rows], data)


def carve_validation(n: int, *, fraction: float, strata: Any, seed: int) -> list[np.ndarray]:
    """Draw the rows to train on and the rows to validate on.

    Parameters
    ----------
    n : int
        Number of samples.
    fraction : float
        Share of the samples to validate on, between 0 and 1.
    strata : array of shape (n_samples,) or None
        Keep the shares of these classes equal in both parts.
    seed : int

    Returns
    -------
    list of two ndarrays
        Row numbers, shuffled.
    """
    if not 0 < fraction < 1:
        raise ValueError(f"validation_fraction must be between 0 and 1, got {fraction!r}")
    rows = np.arange(n)
    try:
        return list(train_test_split(rows, test_size=fraction, stratify=strata, random_state=seed))
    except ValueError as error:
        raise ValueError(
            f"validation_fraction={fraction!r} does not suit these {n} samples: {error}"
        ) from error
