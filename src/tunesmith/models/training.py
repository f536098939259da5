"""Training on JAX: Keras' own steps and random draws, with fewer calls between them.

Keras' ``fit`` calls a compiled step for each batch. For dense networks the loop over the batches
is compiled too; convolutions and recurrent layers, which XLA runs slower inside a loop on a CPU,
are stepped. A last batch of another size is a step of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from tunesmith.models import building
from tunesmith.models.drawing import few_programs
from tunesmith.models.programs import Programs

if TYPE_CHECKING:
    import keras

_UNDERSTOOD = frozenset(
    {
        "batch_size",
        "epochs",
        "verbose",
        "callbacks",
        "shuffle",
        "initial_epoch",
        "validation_data",
        "validation_batch_size",
    }
)
_DENSE = ("core", "activations", "normalization", "regularization", "reshaping", "merging")
_OF_BATCHES = ("on_batch_begin", "on_batch_end", "on_train_batch_begin", "on_train_batch_end")

_RESIDENT = 2**28
"""Bytes of data that are given to JAX whole; of more, the rows of some steps at a time."""

_CHUNK = 64
"""How many steps at a time."""


def fit(
    model: keras.Model, programs: Programs, data: tuple[Any, Any, Any], arguments: dict[str, Any]
) -> Any:
    """Train a model as ``model.fit`` does.

    Parameters
    ----------
    model : keras.Model
    programs : Programs
        Its own.
    data : tuple
        X, y, and weights or None.
    arguments : dict
        Those of ``model.fit``; what is out of the ordinary there is left to Keras' own loop,
        with the same programs.

    Returns
    -------
    keras.callbacks.History
    """
    X, y, weights = data
    with programs.in_keras():
        if _is_ordinary(arguments):
            batches = Batches.of(data, arguments)
            if batches is not None:
                return _Training(model, programs, batches, arguments).run()
        return model.fit(X, y, sample_weight=weights, **arguments)


def _is_ordinary(arguments: Mapping[str, Any]) -> bool:
    import keras

    given = {name for name, value in arguments.items() if value is not None}
    return (
        given <= _UNDERSTOOD
        and arguments.get("verbose", "auto") == 0
        and isinstance(arguments.get("shuffle", True), bool)
        and isinstance(arguments.get("epochs", 1), int | np.integer)
        and not any(map(_watches_batches, arguments["callbacks"]))
        and keras.config.max_epochs() is None
        and keras.config.max_steps_per_epoch() is None
    )


def _watches_batches(callback: Any) -> bool:
    import keras

    return any(
        name in vars(callback)
        or getattr(type(callback), name) is not getattr(keras.callbacks.Callback, name)
        for name in _OF_BATCHES
    )


def is_dense(model: keras.Model) -> bool:
    """Tell whether all layers are of the kinds that gain from a compiled loop."""
    places = tuple(f"keras.src.layers.{place}." for place in _DENSE)
    return all(
        type(layer).__module__.startswith((*places, "keras.src.models."))
        for layer in model._flatten_layers()
    )


class Batches:
    """The batches of an epoch, in the order Keras would draw.

    Parameters
    ----------
    iterator : keras' epoch iterator
        Over arrays of numpy.
    shuffle : bool
    """

    def __init__(self, iterator: Any, shuffle: bool) -> None:
        from keras.src import tree
        from keras.src.trainers.data_adapters import array_slicing

        self.iterator = iterator
        adapter = iterator.data_adapter
        self.n, self.size = adapter._num_samples, adapter.batch_size
        self.whole, self.rest = divmod(self.n, self.size)
        self._shuffle = shuffle
        self._resident: Any = None
        parts: Any = array_slicing.convert_to_sliceable(adapter._inputs, target_backend="jax")
        self._parts = tree.map_structure(lambda part: part.array, parts, none_is_leaf=False)

    @classmethod
    def of(cls, data: tuple[Any, Any, Any], arguments: Mapping[str, Any]) -> Batches | None:
        """Make batches of data, or None where it is no plain arrays."""
        import jax
        from keras.src.backend.jax.trainer import JAXEpochIterator
        from keras.src.trainers.data_adapters.array_data_adapter import ArrayDataAdapter

        X, y, weights = data
        if not all(isinstance(leaf, np.ndarray) for leaf in jax.tree.leaves(data)):
            return None
        shuffle = arguments.get("shuffle", True)
        iterator = JAXEpochIterator(
            x=X,
            y=y,
            sample_weight=weights,
            batch_size=arguments.get("batch_size"),
            shuffle=shuffle,
            steps_per_execution=1,
        )
        plain = isinstance(iterator.data_adapter, ArrayDataAdapter)
        return cls(iterator, shuffle) if plain else None

    def order(self) -> np.ndarray:
        """Draw the order of rows for an epoch, from numpy's global generator as Keras does."""
        return np.random.permutation(self.n) if self._shuffle else np.arange(self.n)

    def take(self, rows: np.ndarray) -> Any:
        """Return one batch."""
        import jax

        return jax.tree.map(lambda part: part[rows], self._parts)

    def filled(self, first: int) -> Any:
        """Return the batch that begins with a row, filled up where it is the last."""
        import jax

        last = first + self.size
        return jax.tree.map(lambda part: _padded(part[first:last], self.size), self._parts)

    def stacked(self, first: int, n: int) -> Any:
        """Return n batches, the first of which begins with a row, filled up with zeros."""
        import jax

        def stack(part: np.ndarray) -> np.ndarray:
            rows = part[first : first + n * self.size]
            return _padded(rows, n * self.size).reshape(n, self.size, *part.shape[1:])

        return jax.tree.map(stack, self._parts)

    def whole_epoch(self, order: np.ndarray) -> Iterable[tuple[Any, np.ndarray, int]]:
        """Give the whole batches of an epoch, in as few calls as memory allows.

        Yields
        ------
        data : structure of arrays
            Rows, more than there are.
        rows : ndarray of shape (n_batches, size)
            Those of each batch, for more batches than there are: rooms come in few sizes, so
            that folds share their programs.
        n : int
            How many batches count.
        """
        import jax

        if not self.whole:
            return
        if sum(part.nbytes for part in jax.tree.leaves(self._parts)) <= _RESIDENT:
            if self._resident is None:
                padded = partial(_padded, n=_filled(self.n))
                self._resident = jax.device_put(jax.tree.map(padded, self._parts))
            yield self._resident, self._rows(order, self.whole), self.whole
            return
        for first in range(0, self.whole, _CHUNK):
            n = min(_CHUNK, self.whole - first)
            chosen = order[first * self.size : (first + n) * self.size]
            data = jax.tree.map(lambda part, rows=chosen: part[rows], self._parts)
            data = jax.tree.map(partial(_padded, n=_CHUNK * self.size), data)
            yield data, self._rows(np.arange(len(chosen)), n), n

    def forget(self) -> None:
        """Look at the data anew: a callback may have changed them."""
        self._resident = None

    def _rows(self, order: np.ndarray, n: int) -> np.ndarray:
        rows = _padded(order[: n * self.size].astype(np.int32), self.size << (n - 1).bit_length())
        return rows.reshape(-1, self.size)


def _filled(n: int) -> int:
    """Round up to one of eight sizes between powers of two."""
    step = max(1, 1 << max(0, n.bit_length() - 4))
    return -(-n // step) * step


def _padded(part: np.ndarray, n: int) -> np.ndarray:
    out = np.zeros((n, *part.shape[1:]), part.dtype)
    out[: len(part)] = part
    return out


class _Training:
    """One call of ``fit``."""

    def __init__(
        self, model: Any, programs: Programs, batches: Batches, arguments: Mapping[str, Any]
    ) -> None:
        self.model, self.programs, self.batches = model, programs, batches
        self.arguments = arguments
        self.first = arguments.get("initial_epoch", 0)
        self.epochs = arguments.get("epochs", 1)
        self.validation = arguments.get("validation_data")
        # Somebody may look at the model between epochs.
        self.watched = bool(arguments["callbacks"]) or self.validation is not None

    def run(self) -> Any:
        from keras.src.callbacks import CallbackList

        model = self.model
        model._assert_compile_called("fit")
        model._eval_epoch_iterator = None
        with few_programs():
            _build_state(model, self.batches)
        callbacks = CallbackList(
            self.arguments["callbacks"],
            add_history=True,
            verbose=0,
            epochs=self.epochs,
            steps=self.batches.iterator.num_batches,
            model=model,
        )
        self.by_logs = _are_means(model)
        self.scanned = is_dense(model)
        model.stop_training = False
        logs: dict[str, Any] = {}
        callbacks.on_train_begin()
        try:
            for epoch in range(self.first, self.epochs):
                logs = self._epoch(epoch, callbacks)
                if model.stop_training:
                    break
        finally:
            self._sync()
            if self.epochs > 0:
                model.optimizer.finalize_variable_values(model.trainable_weights)
            vars(model).pop("_eval_epoch_iterator", None)
            model._jax_state = None
        callbacks.on_train_end(logs=logs)
        return model.history

    def _epoch(self, epoch: int, callbacks: Any) -> dict[str, Any]:
        model = self.model
        if self.watched:
            self.batches.forget()
        if self.watched or epoch == self.first:
            model.reset_metrics()
            callbacks.on_epoch_begin(epoch)
            *state, metrics = model._get_jax_state(True, True, True, True)
            self._state, self._at_start = tuple(state), metrics
        else:
            callbacks.on_epoch_begin(epoch)
        model._jax_state_synced = False
        self._metrics = self._at_start
        logs = self._steps()
        if self.watched:
            self._sync()
        elif not self.by_logs:
            for variable, value in zip(model.metrics_variables, self._metrics, strict=True):
                variable.assign(value)
        if not (self.by_logs and not self.watched):
            logs = dict(model._get_metrics_result_or_logs(logs))
        if self.validation is not None:
            logs |= self._validate(callbacks)
        callbacks.on_epoch_end(epoch, logs)
        return logs

    def _steps(self) -> dict[str, Any]:
        batches, programs = self.batches, self.programs
        order = batches.order()
        logs: dict[str, Any] = {}
        if self.scanned:
            for data, rows, n in batches.whole_epoch(order):
                result = programs.epoch(self._state, self._metrics, data, rows, n)
                logs, self._state, self._metrics = result
        else:
            for first in range(0, batches.whole * batches.size, batches.size):
                data = batches.take(order[first : first + batches.size])
                logs, self._state, self._metrics = programs.train(self._state, self._metrics, data)
        if batches.rest:
            data = batches.take(order[batches.whole * batches.size :])
            logs, self._state, self._metrics = programs.last(self._state, self._metrics, data)
        return logs

    def _validate(self, callbacks: Any) -> dict[str, Any]:
        from keras.src.backend.jax.trainer import JAXEpochIterator
        from keras.src.trainers.data_adapters import data_adapter_utils

        model, given = self.model, self.arguments
        X, y, weights = data_adapter_utils.unpack_x_y_sample_weight(self.validation)
        size = given.get("validation_batch_size") or given.get("batch_size")
        if model._eval_epoch_iterator is None:
            model._eval_epoch_iterator = JAXEpochIterator(
                x=X, y=y, sample_weight=weights, batch_size=size, steps_per_execution=1
            )
        logs = model.evaluate(
            x=X,
            y=y,
            sample_weight=weights,
            batch_size=size,
            callbacks=callbacks,
            return_dict=True,
            _use_cached_eval_dataset=True,
        )
        return {f"val_{name}": value for name, value in logs.items()}

    def _sync(self) -> None:
        """Give the model its variables' values."""
        model = self.model
        if model._jax_state_synced or not hasattr(self, "_state"):
            return
        names = ("trainable_variables", "non_trainable_variables", "optimizer_variables")
        state = dict(zip(names, self._state, strict=True))
        model._jax_state = state | {"metrics_variables": self._metrics}
        model.jax_state_sync()


def _build_state(model: Any, batches: Batches) -> None:
    """Build what Keras builds of a first batch, for which it draws a random order."""
    order = batches.order() if building.lacks_state(model) else np.arange(batches.n)
    building.build_state(model, batches.take(order[: batches.size]))


def _are_means(model: Any) -> bool:
    """Tell whether all metrics are means, of which a step's logs are exact.

    Results of others are computed as Keras does, one by one: compiled together with the step,
    they may differ in the last bit.
    """
    import keras
    from keras.src.trainers.compile_utils import CompileMetrics

    metrics: list[Any] = []
    for metric in model.metrics:
        metrics += metric.metrics if isinstance(metric, CompileMetrics) else [metric]
    mean = keras.metrics.Mean
    return all(
        type(m).result is mean.result and type(m).reset_state is mean.reset_state for m in metrics
    )
