"""Expressions, the symbols they are made of, and their evaluation."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from graphlib import TopologicalSorter
from typing import Any, Never, TypeVar

import numpy as np

from tunesmith.compat.hyperopt.exceptions import BadSearchSpace

_FOREIGN = ("hyperopt.pyll.base", "Apply")

Function = TypeVar("Function", bound=Callable[..., Any])


class MissingArgument:
    """Stands for an argument that a symbol was not given."""


class Apply:
    """A function applied to arguments, to be evaluated later.

    Made by the members of `scope` and by arithmetic on other expressions.

    Parameters
    ----------
    name : str
        The symbol.
    pos_args : sequence of Apply
        Positional arguments.
    named_args : sequence of (str, Apply)
        Keyword arguments.
    function : callable
        What the symbol stands for.
    o_len : int or None, default=None
        How many values it gives, if that is known, so that it can be unpacked.
    stochastic : bool, default=False
        Whether the function draws, from its argument ``rng``.
    """

    def __init__(
        self,
        name: str,
        pos_args: Sequence[Apply],
        named_args: Sequence[tuple[str, Apply]],
        function: Callable[..., Any],
        o_len: int | None = None,
        stochastic: bool = False,
    ) -> None:
        self.name = name
        self.pos_args = list(pos_args)
        self.named_args = [(key, value) for key, value in named_args]
        # Kept here so that a worker process needs nothing else to evaluate it.
        self.function = function
        self.o_len = o_len
        self.stochastic = stochastic

    def inputs(self) -> list[Apply]:
        """Return the arguments, positional ones first."""
        return self.pos_args + [value for _, value in self.named_args]

    @property
    def arg(self) -> dict[str, Any]:
        """The arguments by the names of the function's parameters."""
        signature = inspect.signature(self.function)
        given = signature.bind_partial(*self.pos_args, **dict(self.named_args)).arguments
        return {name: given.get(name, MissingArgument) for name in signature.parameters}

    def clone_from_inputs(self, inputs: Sequence[Apply]) -> Apply:
        """Return the same application to other arguments, in the order of `inputs`."""
        n = len(self.pos_args)
        named = [(key, new) for (key, _), new in zip(self.named_args, inputs[n:], strict=True)]
        return Apply(self.name, inputs[:n], named, self.function, self.o_len, self.stochastic)

    def eval(self, memo: Mapping[Apply, Any] | None = None) -> Any:
        """Return the value."""
        return rec_eval(self, memo=memo)

    def __str__(self) -> str:
        parts = [str(argument) for argument in self.pos_args]
        parts += [f"{key}={value}" for key, value in self.named_args]
        return f"{self.name}({', '.join(parts)})"

    __repr__ = __str__

    def __bool__(self) -> Never:
        raise BadSearchSpace(
            f"{self} has no value before it is drawn, so `if`, `and`, `or` and `not` cannot look "
            "at it; do that in the function, or write hp.choice"
        )

    def __iter__(self) -> Iterator[Apply]:
        if self.o_len is None:
            raise BadSearchSpace(f"how many values {self} has is not known before it is drawn")
        return (self[number] for number in range(self.o_len))

    def __len__(self) -> int:
        if self.o_len is None:
            raise TypeError(f"how many values {self} has is not known before it is drawn")
        return self.o_len

    def __getitem__(self, index: Any) -> Apply:
        if self.o_len is not None and isinstance(index, int) and index >= self.o_len:
            raise IndexError(index)
        return scope.getitem(self, index)

    def __call__(self, *args: Any, **kwargs: Any) -> Apply:
        """Return the call of what it evaluates to."""
        return scope.call(self, args, kwargs)

    def __neg__(self) -> Apply:
        return scope.neg(self)

    def __add__(self, other: Any) -> Apply:
        return scope.add(self, other)

    def __radd__(self, other: Any) -> Apply:
        return scope.add(other, self)

    def __sub__(self, other: Any) -> Apply:
        return scope.sub(self, other)

    def __rsub__(self, other: Any) -> Apply:
        return scope.sub(other, self)

    def __mul__(self, other: Any) -> Apply:
        return scope.mul(self, other)

    def __rmul__(self, other: Any) -> Apply:
        return scope.mul(other, self)

    def __truediv__(self, other: Any) -> Apply:
        return scope.truediv(self, other)

    def __rtruediv__(self, other: Any) -> Apply:
        return scope.truediv(other, self)

    def __floordiv__(self, other: Any) -> Apply:
        return scope.floordiv(self, other)

    def __rfloordiv__(self, other: Any) -> Apply:
        return scope.floordiv(other, self)

    def __pow__(self, other: Any) -> Apply:
        return scope.pow(self, other)

    def __rpow__(self, other: Any) -> Apply:
        return scope.pow(other, self)

    def __gt__(self, other: Any) -> Apply:
        return scope.gt(self, other)

    def __ge__(self, other: Any) -> Apply:
        return scope.ge(self, other)

    def __lt__(self, other: Any) -> Apply:
        return scope.lt(self, other)

    def __le__(self, other: Any) -> Apply:
        return scope.le(self, other)


class Literal(Apply):
    """A value that is known.

    Parameters
    ----------
    obj : object
        The value.
    """

    def __init__(self, obj: Any = None) -> None:
        super().__init__("literal", (), (), _identity, _length(obj))
        self.obj = obj

    @property
    def arg(self) -> dict[str, Any]:
        """No arguments."""
        return {}

    def clone_from_inputs(self, inputs: Sequence[Apply]) -> Literal:
        """Return the same value."""
        return Literal(self.obj)

    def __str__(self) -> str:
        return repr(self.obj)

    __repr__ = __str__


class SymbolTable:
    """The symbols of expressions: each, called, makes an `Apply`.

    Examples
    --------
    >>> from tunesmith.compat.hyperopt import hp
    >>> from tunesmith.compat.hyperopt.pyll import rec_eval, scope
    >>> @scope.define
    ... def double(x):
    ...     return 2 * x
    >>> scope.double(scope.int(3.7))
    double(int(3.7))
    >>> rec_eval(scope.double(scope.int(3.7)))
    6
    """

    def __init__(self) -> None:
        self._impls: dict[str, Callable[..., Any]] = {}
        self._stochastic: set[str] = set()
        self._lengths: dict[str, int | None] = {}
        self._ours: set[str] = set()

    def install(
        self, functions: Mapping[str, Callable[..., Any]], stochastic: bool = False
    ) -> None:
        """Make symbols of functions, which nobody can define anew.

        Parameters
        ----------
        functions : mapping of str to callable
            The functions by their names.
        stochastic : bool, default=False
            Whether they draw, from an argument ``rng``.
        """
        self._impls.update(functions)
        self._ours |= functions.keys()
        if stochastic:
            self._stochastic |= functions.keys()

    def define(self, f: Function, o_len: int | None = None, pure: bool = False) -> Function:
        """Make a symbol of a function, under its name.

        Parameters
        ----------
        f : callable
            The function. Expressions that were made with an earlier one of the name keep that.
        o_len : int or None, default=None
            How many values it returns, so that its results can be unpacked.
        pure : bool, default=False
            Makes no difference.

        Returns
        -------
        callable
            The function, so that this serves as a decorator.

        Raises
        ------
        ValueError
            If the symbol is one of those there are from the start.
        """
        name = f.__name__
        if name in self._ours or name in vars(type(self)):
            raise ValueError(
                f"scope.{name} is there already; give the function another name than {name}"
            )
        self._impls[name] = f
        self._lengths[name] = o_len
        return f

    def define_pure(self, f: Function) -> Function:
        """Make a symbol of a function without side effects, as `define` does."""
        return self.define(f, pure=True)

    def define_if_new(self, f: Function, o_len: int | None = None, pure: bool = False) -> Function:
        """Make a symbol of a function, as `define` does."""
        return self.define(f, o_len, pure)

    def define_info(
        self, o_len: int | None = None, pure: bool = False
    ) -> Callable[[Function], Function]:
        """Return a decorator that makes a symbol of a function, as `define` does."""
        return lambda f: self.define(f, o_len, pure)

    def undefine(self, f: Callable[..., Any] | str) -> None:
        """Remove a symbol, by its name or its function."""
        name = f if isinstance(f, str) else f.__name__
        if name in self._ours or name not in self._impls:
            raise ValueError(f"scope.{name} is no symbol that was defined by scope.define")
        del self._impls[name], self._lengths[name]

    def choice(self, args: Sequence[Any]) -> Apply:
        """Return one of some values, drawn evenly."""
        return self.one_of(*args)

    def one_of(self, *args: Any) -> Apply:
        """Return one of the arguments, drawn evenly."""
        return self.applied("switch", (self.applied("randint", (len(args),), {}), *args), {})

    def kwswitch(self, kw: Any, **kwargs: Any) -> Apply:
        """Return the argument of the name that `kw` gives."""
        names = sorted(kwargs)
        number = self.applied("call_method", (names, "index", kw), {})
        return self.applied("switch", (number, *[kwargs[name] for name in names]), {})

    def applied(self, name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Apply:
        """Return a symbol applied to arguments."""
        return Apply(
            name,
            [as_apply(argument) for argument in args],
            [(key, as_apply(kwargs[key])) for key in sorted(kwargs)],
            self._impls[name],
            self._lengths.get(name),
            name in self._stochastic,
        )

    def __getattr__(self, name: str) -> Callable[..., Apply]:
        if name.startswith("__") or name not in self.__dict__.get("_impls", {}):
            near = difflib.get_close_matches(name, self.__dict__.get("_impls", {}), n=1)
            hint = f" Did you mean scope.{near[0]}?" if near else ""
            raise AttributeError(
                f"scope has no symbol {name!r}; make one with @scope.define.{hint}"
            )
        return lambda *args, **kwargs: self.applied(name, args, kwargs)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *self._impls})


def as_apply(obj: Any) -> Apply:
    """Return an expression for a value.

    Parameters
    ----------
    obj : object
        An expression is returned as it is. Tuples, lists and dicts become expressions of what is
        in them; a list evaluates to a tuple. All else is a `Literal`.

    Returns
    -------
    Apply
    """
    if isinstance(obj, Apply):
        return obj
    if any((c.__module__, c.__name__) == _FOREIGN for c in type(obj).__mro__):
        raise BadSearchSpace(
            f"{obj!s:.40} is of Hyperopt itself; wherever the space is made, import hp and scope "
            "from tunesmith.compat.hyperopt"
        )
    if isinstance(obj, tuple | list):
        length = len(obj) if isinstance(obj, tuple) else None
        return Apply("pos_args", [as_apply(item) for item in obj], (), _tuple, length)
    if isinstance(obj, dict):
        if all(isinstance(key, str) for key in obj):
            named = [(key, as_apply(value)) for key, value in obj.items()]
            return Apply("dict", (), named, dict, len(obj))
        return Apply("dict", [as_apply(list(obj.items()))], (), dict)
    return Literal(obj)


def dfs(expr: Apply) -> list[Apply]:
    """Return the expressions that one is made of, each once and after its arguments."""
    order: list[Apply] = []
    seen: set[Apply] = set()
    todo = [(expr, False)]
    while todo:
        node, ready = todo.pop()
        if ready:
            order.append(node)
        elif node not in seen:
            seen.add(node)
            todo.append((node, True))
            todo.extend((argument, False) for argument in reversed(node.inputs()))
    return order


def toposort(expr: Apply) -> list[Apply]:
    """Return the expressions that one is made of in a topological order.

    Raises
    ------
    graphlib.CycleError
        If it is part of itself.
    """
    return list(TopologicalSorter({node: node.inputs() for node in dfs(expr)}).static_order())


def clone(expr: Apply, memo: dict[Apply, Apply] | None = None) -> Apply:
    """Return a copy of an expression, with those in `memo` replaced by what they stand for."""
    memo = {} if memo is None else memo
    for node in dfs(expr):
        if node not in memo:
            memo[node] = node.clone_from_inputs([memo[argument] for argument in node.inputs()])
    return memo[expr]


def rec_eval(
    expr: Any,
    memo: Mapping[Apply, Any] | None = None,
    *,
    rng: np.random.Generator | None = None,
    print_node_on_error: bool = True,
) -> Any:
    """Return the value of an expression.

    Of a switch, only the option that is taken is evaluated.

    Parameters
    ----------
    expr : object
        The expression, or what `as_apply` makes one of.
    memo : mapping of Apply to object or None, default=None
        Values of expressions that are known.
    rng : numpy.random.Generator or None, default=None
        What symbols that draw, draw from; None if none of them is to be met.
    print_node_on_error : bool, default=True
        Whether an exception gets a note that tells in which expression it was raised.

    Returns
    -------
    object
        The value.

    Raises
    ------
    BadSearchSpace
        If it needs a hyperparameter that was not suggested, or a draw without `rng`.
    """
    top = as_apply(expr)
    values = {} if memo is None else dict(memo)
    todo = [top]
    while todo:
        node = todo[-1]
        if node in values:
            todo.pop()
            continue
        if missing := _missing(node, values, rng):
            todo.extend(reversed(missing))
            continue
        try:
            value = _evaluated(node, values, rng)
        except Exception as error:
            if print_node_on_error:
                error.add_note(f"It was raised in the expression {str(node)[:500]}")
            raise
        values[node] = rec_eval(value, values, rng=rng) if isinstance(value, Apply) else value
        todo.pop()
    return values[top]


def _missing(
    node: Apply, values: Mapping[Apply, Any], rng: np.random.Generator | None
) -> list[Apply]:
    """Return what has to be evaluated before an expression can be."""
    if node.name == "hyperopt_param" and rng is None:
        raise BadSearchSpace(f"there is no value for {node.pos_args[0]}")
    if node.name != "switch":
        return [argument for argument in node.inputs() if argument not in values]
    which, *options = node.pos_args
    if which not in values:
        return [which]
    option = options[_position(values[which], len(options))]
    return [] if option in values else [option]


def _evaluated(node: Apply, values: Mapping[Apply, Any], rng: np.random.Generator | None) -> Any:
    if isinstance(node, Literal):
        return node.obj
    if node.name == "switch":
        which, *options = node.pos_args
        return values[options[_position(values[which], len(options))]]
    kwargs = {key: values[argument] for key, argument in node.named_args}
    if node.stochastic and kwargs.get("rng") is None:
        if rng is None:
            raise BadSearchSpace(
                f"{node} draws a value that has no name; write it with hp and a label"
            )
        kwargs["rng"] = rng
    return node.function(*[values[argument] for argument in node.pos_args], **kwargs)


def _position(value: Any, n: int) -> int:
    """Return the number of the option that a switch takes."""
    # Numbers that have been in a table come back as floats.
    if value not in range(n):
        raise BadSearchSpace(f"a switch of {n} options has no option {value!r}")
    return int(value)


def _tuple(*args: Any) -> tuple[Any, ...]:
    return args


def _identity(obj: Any) -> Any:
    return obj


def _length(obj: Any) -> int | None:
    try:
        return len(obj)
    except (AttributeError, TypeError):  # estimators that are not fitted have none
        return None


scope = SymbolTable()
