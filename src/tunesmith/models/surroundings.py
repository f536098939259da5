"""What fits depend on besides the parameters of their estimators."""

from __future__ import annotations

from importlib import import_module
from typing import Any

_OF_KERAS = frozenset({"keras", "scikeras"})


def fit_surroundings(value: Any) -> dict[str, str]:
    """Return what the fits of an estimator, or of one with such a parameter, depend on besides.

    Parameters
    ----------
    value : object
        An estimator, or a parameter of one.

    Returns
    -------
    dict of str to str
        What the value itself says with a method of this name; Keras' surroundings for
        whatever is made of a class of Keras or SciKeras; otherwise nothing.

    Examples
    --------
    >>> from sklearn.svm import SVC
    >>> from tunesmith.models.surroundings import fit_surroundings
    >>> fit_surroundings(SVC())
    {}
    """
    kind = value if isinstance(value, type) else type(value)
    if kind is not value and hasattr(value, "fit_surroundings"):
        told: dict[str, str] = value.fit_surroundings()
        return told
    libraries = {str(base.__module__).partition(".")[0] for base in kind.__mro__}
    return {} if libraries.isdisjoint(_OF_KERAS) else keras_surroundings(import_module("keras"))


def keras_surroundings(keras: Any) -> dict[str, str]:
    """Return Keras' version, its backend with its version, and the numbers it computes with.

    Parameters
    ----------
    keras : module
        Keras 3.

    Returns
    -------
    dict of str to str
        By the names that people know them under.
    """
    backend = str(keras.backend.backend())
    return {
        "version of keras": keras.__version__,
        "Keras backend": f"{backend} {import_module(backend).__version__}",
        "Keras floats": keras.config.floatx(),
        "Keras image format": keras.config.image_data_format(),
        "Keras dtype policy": keras.config.dtype_policy().name,
    }
