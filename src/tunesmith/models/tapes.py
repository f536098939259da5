"""Steps of Keras models on torch, recorded once and played without Keras in between.

A step spends most of its time in Keras' layers, between the operations that it ends up calling.
After some steps the operations of one are recorded, gradients and update of the weights
included, and called by themselves from then on: the same ones, on the same numbers, in the same
order, so not a bit changes. Before a tape is played for good, on another batch and at another
learning rate, Keras takes the same step, and a tape that does otherwise by a bit is thrown away.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from tunesmith.evaluation.stages import StageCache
from tunesmith.keys.source import is_users
from tunesmith.models.program_keys import program_key, strengths
from tunesmith.models.seeding import RandomStreams
from tunesmith.trial import Work

if TYPE_CHECKING:
    import keras

Step = Callable[[Any], Any]
Play = Callable[[Sequence[Any], Sequence[Any]], Any]

_WORTH = 5
"""Steps after which one is recorded, which takes as long as is saved in about as many."""

_RESIDENT = 2**28
"""Bytes of data that are made tensors of at once."""

_OPERATION = 4096
"""Bytes that an operation on a tape takes, roughly."""


class Tapes:
    """The tapes of one model.

    Parameters
    ----------
    model : keras.Model
        Compiled; on the torch backend.
    cache : StageCache or None
        Where tapes are shared with models of the same architecture; None shares none.
    """

    def __init__(self, model: keras.Model, cache: StageCache | None) -> None:
        self.model = model
        self._compilation = model._compile_config
        self._cache = cache
        self._key = None if cache is None else _key(model)
        self._own: dict[Any, _Tape] = {}
        self._variables: dict[str, list[Any]] = {}

    def serve(self, model: keras.Model, cache: StageCache | None) -> bool:
        """Tell whether these still are the tapes of a model."""
        same = model is self.model and model._compile_config is self._compilation
        return same and cache is self._cache

    @contextmanager
    def in_keras(self) -> Iterator[None]:
        """Have Keras' own loops play these tapes."""
        import torch
        from keras.src.backend.torch import trainer

        model = self.model
        before = model.train_function, model.test_function, model.predict_function
        iterators = trainer.TorchEpochIterator

        def train(batches: Any) -> Any:
            return self._take("train", model.train_step, batches[0])

        def test(batches: Any) -> Any:
            with torch.no_grad():
                return self._take("test", model.test_step, batches[0])

        def predict(batches: Any) -> Any:
            with torch.no_grad():
                return self._take("predict", model.predict_step, batches[0])

        ours = train, test, predict
        model.train_function, model.test_function, model.predict_function = ours
        trainer.TorchEpochIterator = _light(iterators)
        try:
            yield
        finally:
            trainer.TorchEpochIterator = iterators
            # A callback may have compiled the model anew, and so have made its own.
            if model.train_function is train:
                model.train_function, model.test_function, model.predict_function = before

    def _take(self, kind: str, step: Step, batch: Any) -> Any:
        """Take a step: as Keras does, while it is recorded, or from a tape."""
        import torch
        from torch.utils import _pytree as pytree

        leaves, structure = pytree.tree_flatten(batch)
        if not all(isinstance(leaf, torch.Tensor) or leaf is None for leaf in leaves):
            return step(batch)
        state = self._state(kind)
        name = (kind, structure, tuple(map(_shape, leaves)))
        tape = self._own.get(name) or self._find(name, state)
        if tape.play is not None and tape.proven:
            with torch.no_grad():
                return tape.play(leaves, state)
        if tape.play is not None:
            tape.prove(lambda: step(batch), leaves, state)
            return step(batch)
        tape.seen += 1
        if tape.hopeless or tape.seen <= _WORTH:
            return step(batch)
        start = time.perf_counter()
        tape.record(step, leaves, structure, state)
        if self._cache is not None and tape.play is not None:
            self._cache.did(Work(programs=1))
            self._keep(name, tape, state, time.perf_counter() - start)
        return step(batch)

    def _find(self, name: Any, state: Sequence[Any]) -> _Tape:
        tape: _Tape | None = None
        if self._cache is not None and self._key is not None:
            tape = self._cache.get(self._full(name, state))
        if tape is None:
            tape = _Tape()
            self._keep(name, tape, state, seconds=0.0)
        self._own[name] = tape
        return tape

    def _keep(self, name: Any, tape: _Tape, state: Sequence[Any], seconds: float) -> None:
        # A callback may have changed the model since.
        if self._cache is not None and self._key is not None and self._key == _key(self.model):
            nbytes = (1 + tape.n_operations) * _OPERATION
            self._cache.put(self._full(name, state), tape, seconds=seconds, nbytes=nbytes)

    def _full(self, name: Any, state: Sequence[Any]) -> Any:
        return ("tape", self._key, name, tuple(map(_shape, state)))

    def _state(self, kind: str) -> list[Any]:
        """List the tensors that a kind of step reads or changes."""
        if kind not in self._variables:
            model = self.model
            found = list(model.variables)
            if kind != "predict":
                found += model.metrics_variables
            if kind == "train":
                found += model.optimizer.variables
            self._variables[kind] = found
        return [variable._value for variable in self._variables[kind]]


@dataclass
class _Tape:
    """The operations of one kind of step, on batches of one shape.

    Parameters
    ----------
    seen : int
        Steps taken before one was recorded.
    play : callable or None
        Takes a batch's leaves and the state's tensors, changes these, returns results.
    n_operations : int
        On the tape.
    proven : bool
        Whether it has done as Keras does.
    hopeless : bool
        Whether there will never be one.
    """

    seen: int = 0
    play: Play | None = None
    n_operations: int = 0
    proven: bool = False
    hopeless: bool = False

    def record(
        self, step: Step, leaves: Sequence[Any], structure: Any, state: Sequence[Any]
    ) -> None:
        """Record a step, if that is possible, and undo it."""
        before = _Moment(state)
        try:
            self.play, self.n_operations = _recorded(step, leaves, structure, state)
        except Exception:  # what a tape cannot hold; errors of the step itself come again
            self.hopeless = True
        if RandomStreams.capture().python_and_numpy() != before.streams.python_and_numpy():
            self.play, self.hopeless = None, True
        before.restore(state)

    def prove(self, step: Callable[[], Any], leaves: Sequence[Any], state: Sequence[Any]) -> None:
        """Take a step from the tape and as Keras does, compare the two, and undo both."""
        import torch

        assert self.play is not None
        before = _Moment(state)
        try:
            with torch.no_grad():
                _shift(state)
                played = self.play(leaves, state)
            after = _Moment(state)
            before.restore(state)
            _shift(state)
            stepped = step()
            self.proven = after == _Moment(state) and _same(played, stepped)
        except Exception:  # errors of the step itself come again
            self.proven = False
        before.restore(state)
        if not self.proven:
            self.play, self.hopeless = None, True


def _shift(state: Sequence[Any]) -> None:
    """Change the learning rate, and whatever else is a single number.

    A tape that holds one as a constant is found out.
    """
    import torch

    with torch.no_grad():
        for tensor in state:
            if tensor.ndim == 0 and tensor.is_floating_point():
                tensor.mul_(0.75)


class _Moment:
    """What a step may change: the tensors of a model, and the random generators."""

    def __init__(self, state: Sequence[Any]) -> None:
        self._state = [tensor.detach().clone() for tensor in state]
        self.streams = RandomStreams.capture()

    def restore(self, state: Sequence[Any]) -> None:
        import torch

        with torch.no_grad():
            for tensor, kept in zip(state, self._state, strict=True):
                tensor.copy_(kept)
        self.streams.install()

    def __eq__(self, other: object) -> bool:
        assert isinstance(other, _Moment)
        same = all(map(_equal, self._state, other._state))
        return same and self.streams.content() == other.streams.content()

    __hash__ = None  # type: ignore[assignment]


@cache
def _light(kind: type[Any]) -> type[Any]:
    """Derive a kind of Keras' iterators over epochs that make tensors of the data once."""
    from keras.src.trainers.data_adapters.array_data_adapter import ArrayDataAdapter

    class Light(kind):
        _loader: Any = None

        def _get_iterator(self) -> Any:
            adapter = self.data_adapter
            if not isinstance(adapter, ArrayDataAdapter):
                return super()._get_iterator()
            if self._loader is None:
                own = adapter.get_torch_dataloader()
                self._loader = _Loader(own, adapter._num_samples) if _is_small(adapter) else own
            return self._loader

    return Light


def _is_small(adapter: Any) -> bool:
    import keras

    nbytes: int = sum(part.nbytes for part in keras.tree.flatten(adapter._inputs))
    return nbytes <= _RESIDENT


class _Loader:
    """The batches of a loader over arrays, in the order that it would draw."""

    def __init__(self, loader: Any, n: int) -> None:
        self._sampler = loader.batch_sampler
        self._data = loader.dataset.__getitems__(np.arange(n))

    def __iter__(self) -> Iterator[Any]:
        import torch

        # A loader draws a seed for helpers each time, though it has none.
        torch.empty((), dtype=torch.int64).random_()
        return map(self._batch, self._sampler)

    def _batch(self, rows: list[int]) -> Any:
        import keras
        import torch

        chosen = torch.tensor(rows)
        return keras.tree.map_structure(lambda part: part[chosen], self._data)


def can_record(model: keras.Model) -> bool:
    """Tell whether the steps of a model may be recorded.

    Parameters
    ----------
    model : keras.Model

    Returns
    -------
    bool
        On torch, for models of Keras' own parts alone: other code may do otherwise with every
        step. False for what asks for torch's compiler, or for several devices.
    """
    import keras

    if keras.backend.backend() != "torch" or not model.compiled:
        return False
    if model.jit_compile or model.run_eagerly or keras.distribution.distribution() is not None:
        return False
    import torch

    if torch.cuda.is_available() or torch.backends.mps.is_available():
        return False  # their generators are not among what a moment keeps
    config = model._compile_config.config
    given = [config[name] for name in ("loss", "metrics", "weighted_metrics")]
    parts = [model, model.optimizer, *model._flatten_layers(), *keras.tree.flatten(given)]
    return all(map(_is_keras_own, parts))


def _is_keras_own(part: Any) -> bool:
    if part is None or isinstance(part, str):
        return True
    import keras

    if is_users(part) or isinstance(part, keras.layers.Lambda):
        return False
    module = getattr(part, "__module__", None) or type(part).__module__
    # Wrapped modules of torch are none of Keras' own, though the wrapper is.
    own = module.startswith("keras.src.") and "torch_utils" not in module
    attributes = getattr(part, "__dict__", {}).values()
    return own and not any(is_users(value) for value in attributes if not _is_state(value))


def _is_state(value: Any) -> bool:
    import keras

    return isinstance(value, keras.Variable | keras.layers.Layer | keras.random.SeedGenerator)


def _key(model: Any) -> Any:
    """Key the tapes of a model; strengths of regularizers are constants of a tape."""
    key = program_key(model)
    return None if key is None else (key, tuple(getattr(r, name) for r, name in strengths(model)))


def _recorded(
    step: Step, leaves: Sequence[Any], structure: Any, state: Sequence[Any]
) -> tuple[Play, int]:
    from tunesmith.models.recording import record

    return record(step, leaves, structure, state)


def _same(mine: Any, theirs: Any) -> bool:
    from torch.utils import _pytree as pytree

    (a, one), (b, other) = pytree.tree_flatten(mine), pytree.tree_flatten(theirs)
    return one == other and all(map(_equal, a, b))


def _equal(one: Any, other: Any) -> bool:
    """Tell whether two tensors are equal to the bit, be they numbers or not."""
    import torch

    def content(tensor: Any) -> Any:
        return tensor.detach().contiguous().reshape(-1).view(torch.uint8)

    alike = one.dtype == other.dtype and one.shape == other.shape
    return alike and bool(torch.equal(content(one), content(other)))


def _shape(leaf: Any) -> Any:
    return None if leaf is None else (leaf.shape, leaf.dtype, leaf.device)
