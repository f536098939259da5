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
from threading import get_ident
from typing import TYPE_CHECKING, Any

import numpy as np

from tunesmith.evaluation.stages import StageCache
from tunesmith.models.program_keys import program_key, strengths, values
from tunesmith.models.seeding import RandomStreams
from tunesmith.models.steps import Steps
from tunesmith.trial import Work

if TYPE_CHECKING:
    import keras

Step = Callable[[Any], Any]
Play = Callable[[Sequence[Any], Sequence[Any]], Any]

_WORTH = 3
"""Steps after which one is recorded, which takes as long as is saved in a dozen or two."""

_RESIDENT = 2**28
"""Bytes of data that are made tensors of at once."""

_OPERATION = 4096
"""Bytes that an operation on a tape takes, roughly."""


class Tapes(Steps):
    """The tapes of one model.

    Parameters
    ----------
    model : keras.Model
        Compiled; on the torch backend.
    cache : StageCache or None
        Where tapes are shared with models of the same architecture; None shares none.
    """

    def __init__(self, model: keras.Model, cache: StageCache | None) -> None:
        super().__init__(model, cache)
        self._key: Any = None
        self._own: dict[Any, _Tape] = {}
        self._variables: dict[str, list[Any]] = {}

    @contextmanager
    def in_keras(self) -> Iterator[None]:
        """Have Keras' own loops play these tapes.

        Nothing but weights, states and rates may change meanwhile.
        """
        import torch
        from keras.src.backend.torch import trainer

        model = self.model
        if not self._look_again():
            yield
            return
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

        model.train_function, model.test_function, model.predict_function = train, test, predict
        trainer.TorchEpochIterator = _light(iterators)
        try:
            yield
        finally:
            trainer.TorchEpochIterator = iterators
            model.train_function, model.test_function, model.predict_function = before
            model.zero_grad()  # those of the last step that Keras took

    def _look_again(self) -> bool:
        """Drop the tapes if the model has changed, and tell whether there can be any."""
        key = _key(self.model)
        if key != self._key:
            self._own.clear()
        self._key = key
        self._variables.clear()
        return key is not None

    def _take(self, kind: str, step: Step, batch: Any) -> Any:
        """Take a step: as Keras does, or from a tape."""
        import torch
        from torch.utils import _pytree as pytree

        leaves, structure = pytree.tree_flatten(batch)
        if not all(isinstance(leaf, torch.Tensor) or leaf is None for leaf in leaves):
            return step(batch)
        state = self._state(kind)
        name = (kind, structure, tuple(map(_layout, leaves)))
        tape = self._own.get(name) or self._find(name, state)
        if tape.proven:
            with torch.no_grad():
                return tape.play(leaves, state)  # type: ignore[misc]
        start = time.perf_counter()
        tape.seen += 1
        if tape.play is not None:
            tape.prove(lambda: step(batch), leaves, state)
            if tape.proven and self._cache is not None:
                took, nbytes = time.perf_counter() - start, tape.n_operations * _OPERATION
                self._cache.put(self._full(name, state), tape, seconds=took, nbytes=nbytes)
                self._cache.did(Work(programs=1))
        elif tape.seen > _WORTH and not tape.hopeless:
            tape.record(step, leaves, structure, state)
        return step(batch)

    def _find(self, name: Any, state: Sequence[Any]) -> _Tape:
        found = None if self._cache is None else self._cache.get(self._full(name, state))
        tape: _Tape = found or _Tape()
        self._own[name] = tape
        return tape

    def _full(self, name: Any, state: Sequence[Any]) -> Any:
        return ("tape", self._key, name, tuple(map(_layout, state)))

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
            drew = RandomStreams.capture().python_and_numpy() != before.streams.python_and_numpy()
            self.hopeless = drew
        except Exception:  # what a tape cannot hold; errors of the step itself come again
            self.hopeless = True
        finally:
            before.restore(state)
        if self.hopeless:
            self.play = None

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
        finally:
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


def _light(kind: type[Any]) -> type[Any]:
    """Derive a kind of Keras' iterators over epochs that make tensors of the data once.

    In other threads than this one it is what it was.
    """
    from keras.src.trainers.data_adapters.array_data_adapter import ArrayDataAdapter

    here = get_ident()

    class Light(kind):
        _loader: Any = None

        def _get_iterator(self) -> Any:
            adapter = self.data_adapter
            if get_ident() != here or not isinstance(adapter, ArrayDataAdapter):
                return super()._get_iterator()
            if self._loader is None:
                own = adapter.get_torch_dataloader()
                small = _are_small_arrays(adapter._inputs)
                self._loader = _Loader(own, adapter._num_samples) if small else own
            return self._loader

    return Light


def _are_small_arrays(inputs: Any) -> bool:
    import keras

    parts = [part for part in keras.tree.flatten(inputs) if part is not None]
    arrays = all(isinstance(part, np.ndarray) for part in parts)
    return arrays and sum(part.nbytes for part in parts) <= _RESIDENT


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


def _key(model: Any) -> Any:
    """Key the tapes of a model; strengths of regularizers are constants of a tape."""
    key = program_key(model)
    return None if key is None else (key, values(strengths(model)))


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


def _layout(leaf: Any) -> Any:
    """Tell what a step may go by: a view of one layout is a copy of another."""
    return None if leaf is None else (leaf.shape, leaf.stride(), leaf.dtype, leaf.device)
