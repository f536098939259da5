"""Rules for functions, classes, modules and what wraps them."""

from __future__ import annotations

import dis
import types
from typing import Any

from tunesmith.keys.source import (
    NOT_CONTENT,
    PYTHON,
    found_by_name,
    instructions,
    is_library,
    named,
    reads,
)
from tunesmith.keys.walk import Hasher, hash_parts, utf8


def function(walk: Hasher, fn: types.FunctionType) -> bytes:
    """Key a function by its code and whatever that code holds or reads."""
    home = fn.__globals__.get("__name__", "")
    library = isinstance(home, str) and is_library(home)
    if library and is_library(fn.__module__ or "") and found_by_name(fn):
        return named(fn.__module__, fn.__qualname__)
    # A library's inner function is its version and its closure; its globals are its own.
    read = {} if library else dict(reads(fn.__code__, fn.__globals__))
    cells = zip(fn.__code__.co_freevars, fn.__closure__ or (), strict=True)
    held = {name: cell.cell_contents if _is_filled(cell) else ... for name, cell in cells}
    extra = fn.__dict__
    if home == "functools" and "registry" in extra:  # singledispatch, with its caches
        held, extra = {}, {"registry": extra["registry"]}
    return hash_parts(
        "function",
        utf8(fn.__name__),
        named(home, fn.__code__.co_qualname) if library else b"",
        walk.digest(fn.__code__),
        walk.attributes(read, ".__globals__['{}']"),
        walk.attributes(held, ".__closure__['{}']"),
        walk.digest(fn.__defaults__, ".__defaults__"),
        walk.digest(fn.__kwdefaults__, ".__kwdefaults__"),
        walk.attributes(extra),
    )


def code(walk: Hasher, code: types.CodeType) -> bytes:
    """Key code by what it does: an unused constant, such as a docstring, does nothing."""
    parts: list[bytes] = []
    for step in instructions(code):
        if step.opcode in dis.hasconst:
            operand = walk.digest(step.argval)
        else:  # a name's place in the table of names says nothing
            operand = utf8(step.argrepr if step.opcode in dis.hasname else repr(step.arg))
        parts += (step.opname.encode(), operand)
    counts = (code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount)
    names = (code.co_name, code.co_varnames, code.co_cellvars, code.co_freevars)
    flags = code.co_flags & 0xFFF  # above: __future__ imports, and whether it has a docstring
    head = repr((PYTHON, counts, names, flags)).encode()
    return hash_parts("code", head, code.co_exceptiontable, *parts)


def method(walk: Hasher, value: types.MethodType) -> bytes:
    """Key a bound method by its function and what it is bound to."""
    return walk.join("method", __func__=value.__func__, __self__=value.__self__)


def wrapper(walk: Hasher, value: Any) -> bytes:
    """Key a staticmethod or classmethod."""
    return walk.join(type(value).__name__, __func__=value.__func__)


def property_(walk: Hasher, value: property) -> bytes:
    """Key a property by its three functions."""
    return walk.join("property", fget=value.fget, fset=value.fset, fdel=value.fdel)


def cached_property(walk: Hasher, value: Any) -> bytes:
    """Key a cached property without its lock."""
    return walk.join("cached", kind=type(value), func=value.func, attrname=value.attrname)


def class_(walk: Hasher, cls: type) -> bytes:
    """Key a class by its bases and what its body defines."""
    if is_library(cls.__module__) and ("<locals>" not in cls.__qualname__ or found_by_name(cls)):
        return named(cls.__module__, cls.__qualname__)
    own = {k: v for k, v in vars(cls).items() if k not in NOT_CONTENT}
    heads = walk.digest(type(cls)), walk.digest(cls.__bases__)
    return hash_parts("class", utf8(cls.__name__), *heads, walk.attributes(own))


def module(walk: Hasher, module: types.ModuleType) -> bytes:
    """Key a module of the user's own by what it defines."""
    if is_library(module.__name__):
        return named(module.__name__, "")
    own = {k: v for k, v in vars(module).items() if not k.startswith("__")}
    return hash_parts("module", walk.attributes(own))


def _is_filled(cell: types.CellType) -> bool:
    try:
        _ = cell.cell_contents
    except ValueError:
        return False
    return True
