"""Whose code a thing is, and what the user's own code reads."""

from __future__ import annotations

import dis
import functools
import importlib
import importlib.metadata
import importlib.util
import sys
import types
import warnings
from collections.abc import Iterable, Iterator, Mapping
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import PurePath
from typing import Any

from tunesmith.keys.walk import hash_parts, utf8

PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
# What a class is told by the interpreter, what it merely says, and what it keeps for itself.
NOT_CONTENT = frozenset({
    "__module__", "__qualname__", "__doc__", "__dict__", "__weakref__", "__firstlineno__",
    "__static_attributes__", "__annotations__", "__annotate__", "__annotate_func__",
    "__annotations_cache__", "__orig_bases__", "__parameters__", "__type_params__",
    "__abstractmethods__", "_abc_impl", "__slotnames__",  # the last: left by pickling an instance
})  # fmt: skip
_READS = frozenset({"LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS"})
_NO_STEPS = frozenset({"CACHE", "EXTENDED_ARG"})


@functools.cache
def is_library(module: str) -> bool:
    """Whether a module is built in, of the standard library, installed, or compiled."""
    top = module.partition(".")[0]
    if top in sys.stdlib_module_names or top == __name__.partition(".")[0]:
        return True
    if not top or top == "__main__":
        return False
    loaded = sys.modules.get(module) or sys.modules.get(top)
    spec = getattr(loaded, "__spec__", None)
    if loaded is None:
        try:
            spec = importlib.util.find_spec(top)
        except (ImportError, ValueError):
            return False
    origin = getattr(loaded, "__file__", None) or getattr(spec, "origin", None)
    places = [origin] if origin else list(getattr(spec, "submodule_search_locations", None) or ())
    return any(
        place in ("built-in", "frozen")
        or place.endswith(tuple(EXTENSION_SUFFIXES))
        or not {"site-packages", "dist-packages"}.isdisjoint(PurePath(place).parts)
        for place in places
    )


@functools.cache
def version(top: str) -> str:
    """Return the version of the library a top-level module belongs to."""
    if top in sys.stdlib_module_names:
        return PYTHON
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some libraries would have nobody read it
        stated = getattr(sys.modules.get(top), "__version__", None)
    if isinstance(stated, str):
        return stated
    try:
        return importlib.metadata.version(top)
    except importlib.metadata.PackageNotFoundError:
        names = importlib.metadata.packages_distributions().get(top, ())
        return " ".join(sorted(f"{n} {importlib.metadata.version(n)}" for n in set(names)))


def named(module: str, qualname: str) -> bytes:
    """Key what a library defines by its name and the library's version."""
    return hash_parts("library", utf8(module), utf8(qualname), utf8(version(module.split(".")[0])))


def found_by_name(value: Any) -> bool:
    """Whether a library's function or class is what its qualified name stands for."""
    found: Any = sys.modules.get(value.__module__)
    for part in value.__qualname__.split("."):
        found = getattr(found, part, None)
    return found is value


def is_users(value: object) -> bool:
    """Whether a value is the user's own function, or an instance of the user's own class."""
    owner = value if isinstance(value, types.FunctionType) else type(value)
    return not is_library(owner.__module__ or "")


@functools.lru_cache(maxsize=1024)
def instructions(code: types.CodeType) -> tuple[dis.Instruction, ...]:
    """List what code does, without what it tells the interpreter about a class body."""
    steps = [i for i in dis.get_instructions(code) if i.opname not in _NO_STEPS]
    told = {
        at
        for at, step in enumerate(steps)
        if step.opname == "STORE_NAME" and step.argval in NOT_CONTENT
    }
    return tuple(s for at, s in enumerate(steps) if at not in told and at + 1 not in told)


def reads(code: types.CodeType, namespace: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the name and value of each global, and each import, that code reads."""
    steps = instructions(code)
    for at, step in enumerate(steps):
        name = step.argval
        if step.opname in _READS and name in namespace:
            value, ahead = namespace[name], at + 1
            while (
                isinstance(value, types.ModuleType)
                and not is_library(value.__name__)
                and steps[ahead].opname in ("LOAD_ATTR", "LOAD_METHOD")
                and hasattr(value, steps[ahead].argval)
            ):
                name = f"{name}.{steps[ahead].argval}"
                value, ahead = getattr(value, steps[ahead].argval), ahead + 1
            yield name, value
        elif step.opname == "IMPORT_NAME":
            level, names = (i.argval for i in steps[at - 2 : at])
            yield from _imports("." * level + name, namespace.get("__package__"), names)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from reads(constant, namespace)


def _imports(
    name: str, package: str | None, members: Iterable[str] | None
) -> Iterator[tuple[str, Any]]:
    """Yield what an import inside a function brings; what cannot be imported is None."""
    try:
        module = importlib.util.resolve_name(name, package)
        if is_library(module):
            yield f"import {module}", version(module.partition(".")[0])
            return
        source = importlib.import_module(module)
        if members is None:
            yield f"import {module}", source
        for member in members or ():
            if not hasattr(source, member):
                importlib.import_module(f"{module}.{member}")
            yield f"from {module} import {member}", getattr(source, member)
    except ImportError:
        yield f"import {name}", None
