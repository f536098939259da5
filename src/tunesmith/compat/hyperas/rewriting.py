"""Functions with templates, as functions of a point."""

from __future__ import annotations
import __future__

import ast
import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import CellType, CodeType, FunctionType, MethodType
from typing import Any

from tunesmith.compat.hyperas.exceptions import TemplateError
from tunesmith.compat.hyperas.source import Source
from tunesmith.compat.hyperas.templates import Template, is_template

_POINT = "__point__"
"""The variable that holds what templates are looked up in: a name that no script has."""

_SPACE = "space"
"""What Hyperas calls the values of a trial, which a function may read."""


@dataclass(frozen=True)
class Rewritten:
    """Functions in which templates are lookups in a point, and which know each other.

    Each keeps its module's globals, its closure and its lines. Names that it is given besides are
    variables of a function around it; so is ``space``, the values of a trial by the names of the
    templates.

    Parameters
    ----------
    functions : tuple of callable
        The functions as they were.
    codes : tuple of code
        The same, rewritten.
    given : mapping of str to object
        Values of names besides those they know themselves.
    """

    functions: tuple[Callable[..., Any], ...]
    codes: tuple[CodeType, ...]
    given: Mapping[str, Any]

    @classmethod
    def of(
        cls, sources: Sequence[Source], templates: Sequence[Template], given: Mapping[str, Any]
    ) -> Rewritten:
        """Return the functions of some sources."""
        names = [source.function.__name__ for source in sources]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise TemplateError(f"there are two functions named {twice[0]}; rename one of them")
        around = (*names, *given, _POINT, _SPACE)
        codes = tuple(
            compiled(source, _with_lookups(source, templates), around) for source in sources
        )
        return cls(tuple(source.given for source in sources), codes, dict(given))

    def at(self, point: Mapping[str, Any], space: Mapping[str, Any]) -> list[Callable[..., Any]]:
        """Return the functions with the templates' values.

        Parameters
        ----------
        point : mapping of str to object
            Values by the names of the templates; the numbers of options that are written one by
            one.
        space : mapping of str to object
            Values by the names of the templates.

        Returns
        -------
        list of callable
        """
        cells = {name: CellType(value) for name, value in self.given.items()}
        cells[_POINT] = CellType(dict(point))
        cells[_SPACE] = CellType(dict(space))
        made = []
        for function in self.functions:
            cells[function.__name__] = CellType()
        for function, code in zip(self.functions, self.codes, strict=True):
            new = rebuilt(function, code, cells, self.functions)
            cells[function.__name__].cell_contents = new
            made.append(new)
        return made


def rebuilt(
    given: Callable[..., Any],
    code: CodeType,
    cells: Mapping[str, CellType],
    replaced: Sequence[Callable[..., Any]] = (),
) -> Callable[..., Any]:
    """Return a function of rewritten code, which is in all else as it was.

    Variables of its closure that hold one of the functions that are replaced are looked up in the
    cells, as are those that its closure has not.
    """
    function: Any = given.__func__ if isinstance(given, MethodType) else given
    own = dict(zip(function.__code__.co_freevars, function.__closure__ or (), strict=True))
    kept = {name: cell for name, cell in own.items() if not _holds_one_of(cell, replaced)}
    closure = tuple(kept.get(name) or cells[name] for name in code.co_freevars)
    new = FunctionType(
        code, function.__globals__, function.__name__, function.__defaults__, closure
    )
    new.__kwdefaults__ = function.__kwdefaults__
    new.__annotations__ = function.__annotations__
    new.__qualname__ = function.__qualname__
    new.__module__ = function.__module__
    new.__doc__ = function.__doc__
    new.__dict__.update(function.__dict__)
    return MethodType(new, given.__self__) if isinstance(given, MethodType) else new


def _holds_one_of(cell: CellType, functions: Sequence[Callable[..., Any]]) -> bool:
    try:
        return any(cell.cell_contents is function for function in functions)
    except ValueError:  # it is empty
        return False


def compiled(source: Source, node: Any, around: Sequence[str]) -> CodeType:
    """Return the code of a function whose definition has changed.

    It is compiled within a function whose arguments are all names that are not the module's, so
    that they become variables of its closure.

    Parameters
    ----------
    source : Source
        The function as it was.
    node : ast.FunctionDef
        The new definition; it is changed.
    around : sequence of str
        Names of variables that its closure is to have.

    Returns
    -------
    code
    """
    names = list(dict.fromkeys([*source.function.__code__.co_freevars, *around]))
    node.decorator_list = []
    # Defaults are taken from the function itself, and not evaluated again.
    node.args.defaults = [ast.Constant(None) for _ in node.args.defaults]
    node.args.kw_defaults = [d and ast.Constant(None) for d in node.args.kw_defaults]
    arguments = ast.arguments([], [ast.arg(name) for name in names], None, [], [], None, [])
    # Within a class of its name, so that private names are those of the class.
    path = [name for name in (source.class_name, node.name) if name]
    body = ast.ClassDef(path[0], [], [], [node], []) if source.class_name else node
    outer = ast.FunctionDef("__around__", arguments, [ast.copy_location(body, node)], [])
    ast.copy_location(outer, node)
    module = ast.fix_missing_locations(ast.Module([outer], []))
    flags = source.function.__code__.co_flags & __future__.annotations.compiler_flag
    code: CodeType = compile(module, source.filename, "exec", flags=flags, dont_inherit=True)
    for name in ("__around__", *path):
        code = next(c for c in code.co_consts if isinstance(c, CodeType) and c.co_name == name)
    return code


def _with_lookups(source: Source, templates: Sequence[Template]) -> ast.AST:
    own = [template for template in templates if template.source is source]
    found: ast.AST = _Lookups(own).visit(copy.deepcopy(source.node))
    return found


class _Lookups(ast.NodeTransformer):
    """Replaces templates by lookups in a point."""

    def __init__(self, templates: Sequence[Template]) -> None:
        self._templates = {(t.node.lineno, t.node.col_offset): t for t in templates}

    def visit_Set(self, node: ast.Set) -> ast.expr:
        if not is_template(node):
            self.generic_visit(node)
            return node
        template = self._templates[node.lineno, node.col_offset]
        found: ast.expr = ast.Subscript(
            ast.Name(_POINT, ast.Load()), ast.Constant(template.name), ast.Load()
        )
        options = template.options
        if options is not None:
            found = self._option(found, [self.visit(copy.deepcopy(option)) for option in options])
        return ast.copy_location(found, node)

    def _option(self, number: ast.expr, options: list[ast.expr]) -> ast.expr:
        """Return the option of a number, made anew whenever the function runs."""
        chosen = options[-1]
        for place, option in reversed(list(enumerate(options[:-1]))):
            test = ast.Compare(copy.deepcopy(number), [ast.Eq()], [ast.Constant(place)])
            chosen = ast.IfExp(test, option, chosen)
        return chosen
