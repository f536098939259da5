"""Compiled programs of Keras models on JAX, shared between the fits of a process.

A program is one of Keras' own stateless steps, state in, state out, compiled for one set of
shapes. It holds no model, so every fit has a model of its own, and only the machine code is
shared.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from tunesmith.evaluation.stages import StageCache
from tunesmith.models.compilation import compile_lowered
from tunesmith.models.program_keys import program_key, replaced, strengths, values
from tunesmith.models.seeding import RandomStreams
from tunesmith.models.steps import Steps
from tunesmith.trial import Work

if TYPE_CHECKING:
    import keras

Program = Callable[..., Any]

_NBYTES = 6 * 2**20
"""What a program holds, by the growth of a process that makes them, besides its machine code."""


_SELDOM = ("last", "predictions")
"""Kinds that take little of a fit's time."""


class Programs(Steps):
    """The compiled programs of one model.

    Parameters
    ----------
    model : keras.Model
        Compiled; on the JAX backend.
    cache : StageCache or None
        Where programs are shared with models of the same architecture; None shares none.
    """

    def __init__(self, model: keras.Model, cache: StageCache | None) -> None:
        super().__init__(model, cache)
        self._own: dict[Any, Program] = {}
        self._strengths = strengths(model)

    def train(self, state: Any, metrics: Any, data: Any) -> tuple[Any, Any, Any]:
        """Take one training step.

        Parameters
        ----------
        state : tuple of three lists
            Trainable, other and optimizer variables; their memory is reused.
        metrics : list
            Variables of metrics.
        data : tuple
            A batch.

        Returns
        -------
        logs, state, metrics
        """
        arguments = (state, metrics, values(self._strengths), data)
        return self._program("train", arguments)(*arguments)  # type: ignore[no-any-return]

    def last(self, state: Any, metrics: Any, data: Any) -> tuple[Any, Any, Any]:
        """Take a training step that comes once an epoch, on a batch of a size of its own.

        The parameters and what is returned are those of `train`.
        """
        arguments = (state, metrics, values(self._strengths), data)
        return self._program("last", arguments)(*arguments)  # type: ignore[no-any-return]

    def epoch(
        self, state: Any, metrics: Any, data: Any, rows: np.ndarray, n: int
    ) -> tuple[Any, Any, Any]:
        """Take a number of training steps in one program.

        Parameters
        ----------
        state, metrics : as in `train`
        data : tuple
            Rows to choose from.
        rows : ndarray of shape (n_batches, batch_size)
            Those of each batch; there may be more batches than are trained on.
        n : int
            Steps.

        Returns
        -------
        logs, state, metrics
        """
        arguments = (state, metrics, values(self._strengths), data, rows, np.int32(n))
        return self._program("epoch", arguments)(*arguments)  # type: ignore[no-any-return]

    def test(self, state: Any, data: Any) -> tuple[Any, Any]:
        """Evaluate one batch, as Keras' ``test_step`` does."""
        arguments = (state, values(self._strengths), data)
        return self._program("test", arguments)(*arguments)  # type: ignore[no-any-return]

    def predict(self, state: Any, data: Any) -> tuple[Any, Any]:
        """Predict one batch, as Keras' ``predict_step`` does."""
        return self._program("predict", (state, data))(state, data)  # type: ignore[no-any-return]

    def predictions(self, state: Any, data: Any, n: int) -> Any:
        """Predict a number of batches in one program.

        Parameters
        ----------
        state : as in `predict`
        data : structure of arrays of shape (n_batches, batch_size, ...)
            There may be more batches than are predicted.
        n : int
            Batches.

        Returns
        -------
        structure of arrays of shape (n_batches, batch_size, ...)
            Zeros beyond `n`.
        """
        arguments = (state, data, np.int32(n))
        return self._program("predictions", arguments)(*arguments)

    def _program(self, kind: str, arguments: tuple[Any, ...]) -> Program:
        name = (kind, _signature(arguments))
        if name not in self._own:
            self._own[name] = self._find(name, arguments)
        return self._own[name]

    def _find(self, name: Any, arguments: tuple[Any, ...]) -> Program:
        key = self._full_key(name)
        kept: Program | None = None if self._cache is None else self._cache.get(key)
        if kept is not None:
            return kept
        start = time.perf_counter()
        drawn = RandomStreams.capture().content()
        program = self._compile(name[0], arguments)
        # What was drawn while compiling is a constant of this program; no other fit may have it.
        pure = drawn == RandomStreams.capture().content()
        if self._cache is not None:
            self._cache.did(Work(programs=1))
            # The model may have changed while it was traced.
            if pure and key == self._full_key(name) is not None:
                took = time.perf_counter() - start
                self._cache.put(key, program, seconds=took, nbytes=_NBYTES + _code_size(program))
        return program

    def _full_key(self, name: Any) -> Any:
        """Key a program of the model as it is now: callbacks may have changed it."""
        key = None if self._cache is None else program_key(self.model)
        return None if key is None else ("program", key, name)

    def _compile(self, kind: str, arguments: tuple[Any, ...]) -> Program:
        import jax

        function, donated = {
            "train": (self._train_step, (0,)),
            "last": (self._train_step, (0,)),
            "epoch": (self._many_steps, (0,)),
            "test": (self._test_step, ()),
            "predict": (self.model.predict_step, ()),
            "predictions": (self._many_predictions, ()),
        }[kind]
        # A new function, so that JAX forgets the trace, and with it the model.
        step = jax.jit(lambda *given: function(*given), donate_argnums=donated)
        shapes = jax.tree.map(_shape, arguments)
        compiled: Program = compile_lowered(step.lower(*shapes), often=kind not in _SELDOM)
        return compiled

    def _train_step(self, state: Any, metrics: Any, inputs: Any, data: Any) -> Any:
        with replaced(self._strengths, inputs):
            logs, (*state, metrics) = self.model.train_step((*state, metrics), data)
        return logs, tuple(state), metrics

    def _many_steps(
        self, state: Any, metrics: Any, inputs: Any, data: Any, rows: Any, n: Any
    ) -> Any:
        import jax

        # Traced once, for the shapes of its results and for the loop.
        step = jax.jit(lambda *given: self._train_step(*given))

        def batch(i: Any) -> Any:
            chosen = jax.lax.dynamic_index_in_dim(rows, i, keepdims=False)
            return jax.tree.map(lambda part: part.at[chosen].get(mode="promise_in_bounds"), data)

        def body(i: Any, carried: Any) -> Any:
            # XLA would fuse the choice of a batch into the sums over it, and add up in another
            # order than in a step by itself; it cannot where the loop before chose the batch.
            _, state, metrics, now = carried
            return (*step(state, metrics, inputs, now), batch(i + 1))

        logs, _, _ = jax.eval_shape(step, state, metrics, inputs, jax.eval_shape(batch, 0))
        logs = jax.tree.map(lambda part: jax.numpy.zeros(part.shape, part.dtype), logs)
        first = (logs, state, metrics, batch(0))
        return jax.lax.fori_loop(0, n, body, first)[:3]

    def _test_step(self, state: Any, inputs: Any, data: Any) -> Any:
        with replaced(self._strengths, inputs):
            return self.model.test_step(state, data)

    def _many_predictions(self, state: Any, data: Any, n: Any) -> Any:
        import jax

        step = jax.jit(lambda *given: self.model.predict_step(*given)[0])

        def batch(i: Any) -> Any:
            choose = jax.lax.dynamic_index_in_dim
            return jax.tree.map(lambda part: choose(part, i, keepdims=False), data)

        def body(i: Any, carried: Any) -> Any:
            now, filled = carried  # the loop before chose the batch, as in `_many_steps`
            put = jax.lax.dynamic_update_index_in_dim
            outputs = step(state, now)
            filled = jax.tree.map(lambda all_, one: put(all_, one, i, 0), filled, outputs)
            return batch(i + 1), filled

        n_batches = len(jax.tree.leaves(data)[0])
        kinds = jax.eval_shape(step, state, jax.eval_shape(batch, 0))
        room = jax.tree.map(lambda one: jax.numpy.zeros((n_batches, *one.shape), one.dtype), kinds)
        return jax.lax.fori_loop(0, n, body, (batch(0), room))[1]

    @contextmanager
    def in_keras(self) -> Iterator[None]:
        """Have Keras' own loops take these programs."""
        model = self.model
        before = model.train_function, model.test_function, model.predict_function

        def train(state: Any, batches: Any) -> Any:
            logs, state, metrics = self.train(tuple(state[:3]), state[3], next(batches))
            return logs, (*state, metrics)

        def test(state: Any, batches: Any) -> Any:
            return self.test(tuple(state), next(batches))

        def predict(state: Any, batches: Any) -> Any:
            outputs, others = self.predict(tuple(state), next(batches))
            return outputs, (state[0], others)

        ours = train, test, predict
        model.train_function, model.test_function, model.predict_function = ours
        try:
            yield
        finally:
            # A callback may have compiled the model anew, and so have made its own.
            if model.train_function is train:
                model.train_function, model.test_function, model.predict_function = before


def can_compile(model: keras.Model) -> bool:
    """Tell whether the programs of a model are compiled here, and not by Keras.

    Parameters
    ----------
    model : keras.Model

    Returns
    -------
    bool
        False on other backends, and for what asks for Keras' own functions: eager execution,
        several steps an execution, a distribution over devices.
    """
    import keras

    if keras.backend.backend() != "jax" or not model.compiled:
        return False
    from keras.src.backend.config import is_nnx_enabled

    plain = model.jit_compile and not model.run_eagerly and model.steps_per_execution == 1
    return bool(plain) and keras.distribution.distribution() is None and not is_nnx_enabled()


def _signature(arguments: tuple[Any, ...]) -> Any:
    import jax

    leaves, structure = jax.tree.flatten(arguments)
    return structure, tuple(
        (leaf.shape, leaf.dtype) if hasattr(leaf, "dtype") else type(leaf) for leaf in leaves
    )


def _shape(leaf: Any) -> Any:
    import jax

    array: Any = jax.ShapeDtypeStruct
    return array(leaf.shape, leaf.dtype) if hasattr(leaf, "dtype") else leaf


def _code_size(program: Any) -> int:
    try:
        return int(program.memory_analysis().generated_code_size_in_bytes)
    except (AttributeError, RuntimeError, TypeError):
        return 0
