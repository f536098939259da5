"""Recording what a step of a model does in torch, as a function that does it again.

Every operation goes by a mode of dispatch, below gradients, so these are operations like any
other. What is read back from a tensor as a number is followed too: torch's optimizers do so with
a learning rate. A step that cannot be recorded is taken to its end all the same, so that nothing
in it is left half done.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from operator import getitem
from typing import Any

import torch
from torch import fx
from torch.overrides import TorchFunctionMode
from torch.utils import _pytree as pytree
from torch.utils._python_dispatch import TorchDispatchMode

_ATEN = torch.ops.aten
_READ = _ATEN._local_scalar_dense.default
_UNTOLD = frozenset({torch.Tag.data_dependent_output, torch.Tag.dynamic_output_shape})
_READERS = frozenset({"numpy", "__array__", "tolist", "__dlpack__", "data_ptr"})

_FEW = 16
"""Numbers of Python's that may come into a step as one tensor: the sizes of a batch, say."""


class NotRecordable(Exception):
    """A step does what cannot be done again by its operations alone."""


def record(
    step: Callable[[Any], Any], leaves: Sequence[Any], structure: Any, state: Sequence[Any]
) -> tuple[Callable[[Sequence[Any], Sequence[Any]], Any], int]:
    """Take a step, with wrong results; return what takes it again, and how long that is.

    Parameters
    ----------
    step : callable
        Takes a batch.
    leaves : sequence of tensors and None
        Of the batch.
    structure : torch.utils._pytree.TreeSpec
        Of the batch.
    state : sequence of tensors
        All that the step reads or changes besides.

    Returns
    -------
    play : callable
        Takes other leaves and another state, like those given; changes the state; returns what
        the step does.
    n_operations : int

    Raises
    ------
    NotRecordable
        Also where the results are no tensors.
    """
    recorder = _Recorder(leaves, state)
    with recorder, _Watch(recorder):
        results = step(pytree.tree_unflatten(leaves, structure))
    if recorder.reason is not None:
        raise NotRecordable(recorder.reason)
    parts, form = pytree.tree_flatten(results)
    if not all(isinstance(part, torch.Tensor) for part in parts):
        raise NotRecordable("results that are no tensors")
    run, used = recorder.finished(parts)

    def play(leaves: Sequence[Any], state: Sequence[Any]) -> Any:
        return pytree.tree_unflatten(run(*leaves, *(state[place] for place in used)), form)

    return play, len(recorder.graph.nodes)


class _Watch(TorchFunctionMode):
    """Notices what is read from tensors for Python, past all operations."""

    def __init__(self, recorder: _Recorder) -> None:
        super().__init__()
        self._recorder = recorder

    def __torch_function__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        if getattr(function, "__name__", None) in _READERS:
            self._recorder.reason = "what is in a tensor is read"
        return function(*args, **(kwargs or {}))


class _Recorder(TorchDispatchMode):
    """Writes down operations while they are carried out."""

    def __init__(self, leaves: Sequence[Any], state: Sequence[Any]) -> None:
        super().__init__()
        self.graph = fx.Graph()
        self._leaves = [self.graph.placeholder(f"leaf_{i}") for i in range(len(leaves))]
        self._state = [self.graph.placeholder(f"state_{i}") for i in range(len(state))]
        known = zip([*leaves, *state], [*self._leaves, *self._state], strict=True)
        self._nodes = {id(tensor): node for tensor, node in known}
        self._constants = torch.nn.Module()
        self._alive: list[Any] = []  # so that no new tensor has the id of one that is gone
        self._read: dict[float, fx.Node] = {}
        self.reason: str | None = None

    def __torch_dispatch__(
        self, operation: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        node = None
        if self.reason is None:
            try:
                if operation is _READ:
                    return self._number(*args)
                node = self._write(operation, args, kwargs)
            except NotRecordable as problem:
                self.reason = str(problem)
        result = operation(*args, **kwargs)
        if node is not None:
            self._remember(result, node)
        return result

    def _write(self, operation: Any, args: Any, kwargs: Any) -> fx.Node:
        if _UNTOLD.intersection(operation.tags):
            raise NotRecordable("what comes next depends on what is in a tensor")
        if operation is _ATEN.lift_fresh.default:
            node = self._constant(*args)
        else:
            known = pytree.tree_map(self._node_of, (args, kwargs))
            node = self.graph.call_function(operation, *known)
        if self._read:
            raise NotRecordable("a number was read, and not for this operation")
        return node

    def finished(self, results: Sequence[Any]) -> tuple[Callable[..., Any], list[int]]:
        """Return a function of leaves and of some tensors of the state, and which these are."""
        self.graph.output([self._node_of(result) for result in results])
        self.graph.eliminate_dead_code()
        used = [place for place, node in enumerate(self._state) if node.users]
        for node in self._state:
            if not node.users:
                self.graph.erase_node(node)
        # A module of fx's would keep its source for as long as the process lives.
        code = self.graph.python_code("self")
        exec(code.src, code.globals)
        return partial(code.globals["forward"], self._constants), used

    def _node_of(self, value: Any) -> Any:
        if isinstance(value, torch.Generator):
            raise NotRecordable("a generator of its own")
        if isinstance(value, float) and value in self._read:
            return self._read.pop(value)
        if not isinstance(value, torch.Tensor):
            return value
        if id(value) not in self._nodes:
            raise NotRecordable("a tensor that is neither state nor made by the step")
        return self._nodes[id(value)]

    def _number(self, tensor: Any) -> float:
        """Read a number; in its place comes one by which the next operation's is known."""
        if not tensor.is_floating_point():
            raise NotRecordable("what comes next depends on a number")
        stand_in = 0.5 + (1 + len(self._alive)) * 2.0**-40
        self._read[stand_in] = self.graph.call_function(_READ, (self._node_of(tensor),))
        self._alive.append(stand_in)
        return stand_in

    def _constant(self, tensor: Any) -> fx.Node:
        """Keep a number of Python's; each time it comes anew, for it may be changed."""
        if tensor.numel() > _FEW:
            raise NotRecordable("numbers of Python's, as many as data")
        name = f"constant_{len(self._alive)}"
        self._constants.register_buffer(name, tensor.clone())
        return self.graph.call_function(torch.clone, (self.graph.get_attr(name),))

    def _remember(self, result: Any, node: fx.Node) -> None:
        self._alive.append(result)
        if isinstance(result, torch.Tensor):
            self._nodes[id(result)] = node
        elif isinstance(result, list | tuple):
            for place, part in enumerate(result):
                self._remember(part, self.graph.call_function(getitem, (node, place)))
