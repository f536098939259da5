"""What stands in for the steps that Keras would take with one model."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from tunesmith.evaluation.stages import StageCache

if TYPE_CHECKING:
    import keras


class Steps(ABC):
    """The steps of one model.

    Parameters
    ----------
    model : keras.Model
        Compiled.
    cache : StageCache or None
        Where they are shared with models of the same architecture; None shares none.
    """

    pure = True
    """Whether each follows from a batch and the variables of the model alone."""

    def __init__(self, model: keras.Model, cache: StageCache | None) -> None:
        self.model = model
        self._compilation = model._compile_config
        self._cache = cache

    def serve(self, model: keras.Model, cache: StageCache | None) -> bool:
        """Tell whether these still are the steps of a model."""
        same = model is self.model and model._compile_config is self._compilation
        return same and cache is self._cache

    @abstractmethod
    def in_keras(self) -> AbstractContextManager[None]:
        """Have Keras' own loops take these steps."""
