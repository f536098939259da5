"""Steps of Keras models on TensorFlow, traced once and shared between the fits of a process.

Tracing a step and preparing its graph take longer than a short training. A graph is called with
the variables it is to read and change, so one graph serves all models of an architecture.

The batches are cut by numpy, in the order in which Keras shuffles on JAX. TensorFlow's own
pipeline takes as long to build as some epochs take to run, and its shuffle cannot be gone on with
in another call of ``fit``.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tunesmith.evaluation.stages import StageCache
from tunesmith.models import building
from tunesmith.models.program_keys import Strengths, program_key, replaced, strengths, values
from tunesmith.models.seeding import RandomStreams
from tunesmith.models.steps import Steps
from tunesmith.trial import Work

if TYPE_CHECKING:
    import keras

Step = Callable[[Any], Any]

_ARRAYS = (np.ndarray, list, tuple, dict)
_OWN_FUNCTIONS = ("make_train_function", "make_test_function", "make_predict_function")

_NBYTES = 2 * 2**20
"""What the graph of a small network holds, at most, by the growth of a process."""


class Graphs(Steps):
    """The traced steps of one model.

    Parameters
    ----------
    model : keras.Model
        Compiled; on the TensorFlow backend.
    cache : StageCache or None
        Where they are shared with models of the same architecture; None shares none.
    """

    def __init__(self, model: keras.Model, cache: StageCache | None) -> None:
        super().__init__(model, cache)
        self._own: dict[Any, Step] = {}

    @contextmanager
    def in_keras(self) -> Iterator[None]:
        """Have Keras' own loops take these steps."""
        from keras.src.backend.tensorflow import trainer

        model = self.model
        iterators = trainer.TFEpochIterator

        def train(batches: Any) -> Any:
            return self._take("train", next(batches))

        def test(batches: Any) -> Any:
            return self._take("test", next(batches))

        def predict(batches: Any) -> Any:
            return self._take("predict", batches[0])

        ours = {"train_function": train, "test_function": test, "predict_function": predict}
        before = {name: getattr(model, name) for name in ours}
        for name, function in ours.items():
            setattr(model, name, function)
        trainer.TFEpochIterator = _cut_by_numpy(iterators, lambda caller: caller is model)
        try:
            yield
        finally:
            trainer.TFEpochIterator = iterators
            # A callback may have compiled the model anew, and so have made its own.
            for name, function in ours.items():
                if getattr(model, name) is function:
                    setattr(model, name, before[name])

    def _take(self, kind: str, batch: Any) -> Any:
        import keras

        name = (kind, str(keras.tree.map_structure(_spec, batch)))
        if name not in self._own:
            if kind != "predict":
                building.build_state(self.model, batch)
            self._own[name] = self._find(name, batch)
        return self._own[name](batch)

    def _find(self, name: Any, batch: Any) -> Step:
        variables, inputs = _variables(self.model), _inputs(self.model)
        key = self._key(name, variables)
        graph: _Graph | None = None if self._cache is None else self._cache.get(key)
        if graph is None:
            start = time.perf_counter()
            step = getattr(self.model, f"{name[0]}_step")
            graph = _traced(step, batch, variables, inputs, bool(self.model.jit_compile))
            self.pure = self.pure and graph.places is not None
            if self._cache is not None:
                self._cache.did(Work(programs=1))
                # The model may have changed while it was traced.
                if graph.places is not None and key == self._key(name, variables) is not None:
                    took = time.perf_counter() - start
                    self._cache.put(key, graph, seconds=took, nbytes=graph.nbytes)
        return graph.step_of(variables, values(inputs))

    def _key(self, name: Any, variables: Sequence[Any]) -> Any:
        key = None if self._cache is None else program_key(self.model)
        if key is None:
            return None
        layout = tuple((tuple(v.shape), v.dtype) for v in variables)
        constants = () if _inputs(self.model) else values(strengths(self.model))
        return ("graph", key, name, layout, constants)


@dataclass(frozen=True)
class _Graph:
    """A step as TensorFlow has traced it.

    Parameters
    ----------
    function : ConcreteFunction
        Takes a batch.
    places : tuple of int, or None
        Which of a model's variables it is called with, in its order. None where it holds
        something else, or draws numbers that do not come from a variable.
    nbytes : int
        What it holds, about.
    """

    function: Any
    places: tuple[int, ...] | None
    nbytes: int

    def step_of(self, variables: Sequence[Any], inputs: Sequence[float]) -> Step:
        """Return the step of the model that has these variables and strengths of penalties."""
        import keras
        import tensorflow as tf

        fed = tuple(tf.constant(number, keras.config.floatx()) for number in inputs)
        if self.places is None:
            return lambda batch: self.function(batch, fed)
        handles = [variables[place].value.handle for place in self.places]

        def step(batch: Any) -> Any:
            self.function.set_external_captures(handles)
            return self.function(batch, fed)

        return step


def can_trace(model: keras.Model) -> bool:
    """Tell whether the steps of a model are traced here, and not by Keras.

    Parameters
    ----------
    model : keras.Model

    Returns
    -------
    bool
        False on other backends, and for what asks for other functions: eager execution, several
        steps an execution, a distribution over devices, a model that makes its own.
    """
    import keras

    if keras.backend.backend() != "tensorflow" or not model.compiled:
        return False
    import tensorflow as tf

    eager = model.run_eagerly or tf.config.functions_run_eagerly()
    distributed = model._distribute_strategy is not None or tf.distribute.has_strategy()
    makes_own = any(
        name in vars(model) or getattr(type(model), name) is not getattr(keras.Model, name)
        for name in _OWN_FUNCTIONS
    )
    plain = not eager and not distributed and model.steps_per_execution == 1
    return plain and not makes_own


def _traced(
    step: Step, batch: Any, variables: Sequence[Any], strengths: Strengths, jit: bool
) -> _Graph:
    import keras
    import tensorflow as tf

    def fed(batch: Any, inputs: Sequence[Any]) -> Any:
        with replaced(strengths, inputs):
            return step(batch)

    drawn = RandomStreams.capture().content()
    function = tf.function(fed, autograph=False, jit_compile=jit)
    inputs = tuple(tf.TensorSpec((), keras.config.floatx()) for _ in strengths)
    graph = function.get_concrete_function(keras.tree.map_structure(_spec, batch), inputs)
    places = {id(v.value.handle): place for place, v in enumerate(variables)}
    captured = [places.get(id(tensor), -1) for tensor in graph.captured_inputs]
    drew = drawn != RandomStreams.capture().content()
    shareable = -1 not in captured and not drew and not any(map(_is_own, _operations(graph)))
    if shareable:
        graph.set_variables(())  # it is called with those of others
    held = sum(v.value.dtype.size * v.value.shape.num_elements() for v in variables)
    return _Graph(graph, tuple(captured) if shareable else None, _NBYTES + held)


def _operations(function: Any) -> Iterator[Any]:
    """Give the operations of a graph, and of the functions and branches in it."""
    definition = function.graph.as_graph_def()
    yield from definition.node
    for inner in definition.library.function:
        yield from inner.node_def


def _is_own(operation: Any) -> bool:
    """Tell whether an operation keeps a random generator, or calls back into Python."""
    return "seed2" in operation.attr or "PyFunc" in operation.op


def _variables(model: Any) -> list[Any]:
    """List what a step may read or change, each once."""
    found = [*model.variables, *model.metrics_variables, *model.optimizer.variables]
    return list({id(variable): variable for variable in found}.values())


def _inputs(model: Any) -> Strengths:
    """List the strengths of penalties that a graph takes; none where numbers are of many kinds."""
    import keras

    layers = model._flatten_layers()
    kinds = {kind for layer in layers for kind in (layer.compute_dtype, layer.variable_dtype)}
    return strengths(model) if kinds == {keras.config.floatx()} else []


def _spec(leaf: Any) -> Any:
    """Describe batches of any number of rows."""
    import tensorflow as tf

    return None if leaf is None else tf.TensorSpec((None, *leaf.shape[1:]), leaf.dtype)


def _cut_by_numpy(kind: type[Any], serves: Callable[[Any], bool]) -> type[Any]:
    """Derive a kind of Keras' iterators over epochs that cuts the arrays of a model by numpy.

    For other models, which a callback or another thread may train, and for other data than arrays
    it is what it was.
    """
    from keras.src.trainers.epoch_iterator import EpochIterator

    class CutByNumpy(kind):
        def __init__(self, distribute_strategy: Any = None, **given: Any) -> None:
            # Keras does not say for whom it asks; the caller is a method of the model.
            caller = sys._getframe(1).f_locals.get("self")
            self._by_numpy = serves(caller) and isinstance(given.get("x"), _ARRAYS)
            if self._by_numpy:
                EpochIterator.__init__(self, **given)
            else:
                super().__init__(distribute_strategy=distribute_strategy, **given)

        def _get_iterator(self) -> Any:
            return (
                self.data_adapter.get_numpy_iterator()
                if self._by_numpy
                else super()._get_iterator()
            )

    return CutByNumpy
