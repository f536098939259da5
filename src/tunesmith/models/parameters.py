"""The parameters of a Keras estimator: declared, or taken by some function behind it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator

from tunesmith.models import routing


class KerasParameters(BaseEstimator):
    """Store, list, check and set parameters; see `KerasClassifier` for what they mean."""

    def __init__(
        self,
        build_fn: Any = None,
        *,
        optimizer: Any = None,
        loss: Any = None,
        metrics: Any = None,
        epochs: int | None = None,
        batch_size: int | None = None,
        verbose: int | str = 0,
        callbacks: Any = None,
        validation_split: float | None = None,
        validation_fraction: float | None = None,
        warm_start: bool = False,
        random_state: int | np.random.RandomState | None = None,
        **sk_params: Any,
    ) -> None:
        if "model" in sk_params:
            if build_fn is not None:
                raise ValueError("give the build function as build_fn or as model, not as both")
            build_fn = sk_params.pop("model")
        self.build_fn = build_fn
        self.optimizer = optimizer
        self.loss = loss
        self.metrics = metrics
        self.epochs = epochs
        self.batch_size = batch_size
        self.verbose = verbose
        self.callbacks = callbacks
        self.validation_split = validation_split
        self.validation_fraction = validation_fraction
        self.warm_start = warm_start
        self.random_state = random_state
        self._sk_params = sk_params
        self._check_legal(build_fn, sk_params)

    @classmethod
    def _get_param_names(cls) -> list[str]:
        """Collect the constructor's names, and a base class' where ``**kwargs`` goes on to it."""
        names: set[str] = set()
        for owner in cls.__mro__:
            if "__init__" not in vars(owner):
                continue
            named, open_ended = _arguments(vars(owner)["__init__"])
            names |= named
            if not open_ended:
                break
        return sorted(names)

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Get the parameters, those of the build function and of Keras included.

        Parameters
        ----------
        deep : bool, default=True
            Without effect: all names are flat.

        Returns
        -------
        dict
            Values are the very objects that were given.
        """
        declared = {name: getattr(self, name) for name in self._get_param_names()}
        return declared | self._sk_params

    def set_params(self, **params: Any) -> Self:
        """Set parameters, declared or not.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            No function takes a parameter of that name; nothing is set then.
        """
        if "model" in params:
            if "build_fn" in params:
                raise ValueError("give the build function as build_fn or as model, not as both")
            params["build_fn"] = params.pop("model")
        declared = set(self._get_param_names())
        routed = {name: value for name, value in params.items() if name not in declared}
        self._check_legal(params.get("build_fn", self.build_fn), self._sk_params | routed)
        for name in params.keys() & declared:
            setattr(self, name, params[name])
        self._sk_params = self._sk_params | routed
        return self

    def _check_legal(self, build_fn: Any, names: Mapping[str, Any]) -> None:
        """Check what can be checked before there is something to build a model with."""
        build = self._builder(build_fn)
        if callable(build):
            routing.check_legal(names, build, self._get_param_names(), type(self).__name__)

    def _builder(self, build_fn: Any) -> Any:
        return build_fn if build_fn is not None else getattr(self, "__call__", None)  # noqa: B004

    def _set_values(self) -> dict[str, Any]:
        """Give the parameters that are set; a declared one that is None leaves a default alone."""
        declared = set(self._get_param_names())
        params = self.get_params()
        return {k: _plain(v) for k, v in params.items() if v is not None or k not in declared}


@lru_cache(maxsize=128)  # scikit-learn asks a few times for each fit
def _arguments(init: Callable[..., None]) -> tuple[frozenset[str], bool]:
    """Name the parameters of a constructor, and tell whether it takes ``**kwargs`` too."""
    parameters = inspect.signature(init).parameters.values()
    by_name = {inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY}
    named = frozenset(p.name for p in parameters if p.kind in by_name and p.name != "self")
    return named, any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters)


def _plain(value: Any) -> Any:
    """Unbox numpy's numbers: a grid of ``np.arange`` holds them, and Keras' layers refuse them."""
    return value.item() if isinstance(value, np.generic) else value
