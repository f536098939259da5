"""The templates of functions: what they are called, and when they are looked at.

``{{choice([64, 128])}}`` is an expression of Python's: a set of a set, which could not be made as
sets cannot be hashed. So wherever it stands, it stands for a hyperparameter.
"""

from __future__ import annotations

import ast
import builtins
import copy
import difflib
import inspect
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import CodeType
from typing import Any, TypeGuard

from tunesmith.compat.hyperas.distributions import conditional
from tunesmith.compat.hyperas.exceptions import TemplateError
from tunesmith.compat.hyperas.source import Source
from tunesmith.compat.hyperopt import hp
from tunesmith.compat.hyperopt.pyll import scope
from tunesmith.compat.hyperopt.pyll.base import Apply, as_apply
from tunesmith.compat.hyperopt.search_space import SearchSpace
from tunesmith.exceptions import SpaceError

_CHOICES = ("choice", "pchoice")
# What a test may call and still be told before the function runs.
_PURE = (conditional, abs, bool, float, int, isinstance, len, max, min, round, str)


@dataclass(frozen=True)
class Condition:
    """That a choice has one of some values.

    Parameters
    ----------
    template : Template
        The choice.
    numbers : frozenset of int
        Numbers of its options.
    """

    template: Template
    numbers: frozenset[int]


@dataclass(eq=False)
class Template:
    """A hyperparameter in the text of a function.

    Parameters
    ----------
    source : Source
        The function.
    node : ast.Set
        The outer braces.
    call : ast.Call
        What is within both.
    name : str
        What Hyperas calls it.
    conditions : tuple of Condition
        When it is looked at: where all of them hold.
    """

    source: Source
    node: ast.Set
    call: ast.Call
    name: str = ""
    # What is known once it is made: the hyperparameter, and what its options are.
    conditions: tuple[Condition, ...] = ()
    made: Apply | None = field(default=None, repr=False)
    values: list[Any] = field(default_factory=list, repr=False)

    @property
    def distribution(self) -> str:
        """The name of what it is drawn from."""
        assert isinstance(self.call.func, ast.Name)
        return self.call.func.id

    @property
    def options(self) -> list[ast.expr] | None:
        """The options of a choice that are written one by one; None where they are not."""
        listed = self.call.args[0] if self.call.args else None
        if self.distribution not in _CHOICES or not isinstance(listed, ast.List | ast.Tuple):
            return None
        if any(isinstance(option, ast.Starred) for option in listed.elts):
            return None
        if self.distribution == "choice":
            return listed.elts
        pairs = [pair.elts for pair in listed.elts if isinstance(pair, ast.Tuple)]
        return [pair[1] for pair in pairs if len(pair) == 2] or None

    @property
    def text(self) -> str:
        """What is within the braces."""
        return self.source.text(self.call)

    def error(self, text: str) -> TemplateError:
        """Return an error that tells where it is."""
        return self.source.error(self.node, f"{{{{{self.text}}}}}: {text}")

    @property
    def value(self) -> Apply:
        """What the function gets in its place; None where it is not looked at."""
        assert self.made is not None
        return self._where(self.made)

    @property
    def number(self) -> Apply:
        """Of a choice, the number of its option; else its value."""
        assert self.made is not None
        return self._where(self.made.pos_args[0] if self.options is not None else self.made)

    def _where(self, node: Apply) -> Apply:
        for condition in reversed(self.conditions):
            above = condition.template
            assert above.made is not None
            numbers = range(len(above.values))
            options = [node if number in condition.numbers else None for number in numbers]
            node = scope.switch(above.made.pos_args[0], *options)
        return node


def is_template(node: ast.AST) -> TypeGuard[ast.Set]:
    """Tell whether an expression is a set of one set."""
    return isinstance(node, ast.Set) and len(node.elts) == 1 and isinstance(node.elts[0], ast.Set)


def find_templates(sources: Sequence[Source]) -> list[Template]:
    """Return the templates of functions, named, in the order in which they are written.

    Nothing is evaluated: `make_templates` does that.

    Parameters
    ----------
    sources : sequence of Source
        The functions; names are counted over all of them.

    Returns
    -------
    list of Template

    Raises
    ------
    TemplateError
        If a template is none, or asks for a variable of its function.
    """
    found: list[Template] = []
    for source in sources:
        nodes = [node for node in ast.walk(source.node) if is_template(node)]
        nodes.sort(key=lambda node: (node.lineno, node.col_offset))
        found += [Template(source, node, _call(source, node)) for node in nodes]
    for template, name in zip(found, _names(found), strict=True):
        template.name = name
        _check_names(template)
    return found


def make_templates(templates: Sequence[Template], known: Mapping[str, Any]) -> None:
    """Evaluate templates, and the conditions they stand under.

    Parameters
    ----------
    templates : sequence of Template
        All of some functions.
    known : mapping of str to object
        Values of names besides those that the functions know themselves.

    Raises
    ------
    TemplateError
        If one cannot be evaluated before the function runs.
    """
    for source in {id(t.source): t.source for t in templates}.values():
        _Reader(_Maker(source, known), templates).visit(source.node)
    for template in templates:
        _Maker(template.source, known).make(template, templates)


class _Reader(ast.NodeVisitor):
    """Tells templates the conditions they stand under."""

    def __init__(self, maker: _Maker, templates: Sequence[Template]) -> None:
        self._maker = maker
        self._templates = {template.node: template for template in templates}
        self._conditions: tuple[Condition, ...] = ()

    def visit_Set(self, node: ast.Set) -> None:
        if not is_template(node):
            self.generic_visit(node)
            return
        template = self._templates[node]
        template.conditions = self._conditions
        if template.options is None:
            self.generic_visit(template.call)
            return
        for number, option in enumerate(template.options):
            with_option = (*self._conditions, Condition(template, frozenset([number])))
            self._under(with_option, [option])

    def visit_If(self, node: ast.If) -> None:
        self._visit_branches(node.test, node.body, node.orelse)

    def visit_IfExp(self, node: ast.IfExp) -> None:
        self._visit_branches(node.test, [node.body], [node.orelse])

    def _visit_branches(
        self, test: ast.expr, body: Sequence[ast.AST], orelse: Sequence[ast.AST]
    ) -> None:
        self.visit(test)
        asked = [self._templates[node] for node in ast.walk(test) if is_template(node)]
        numbers = self._maker.numbers_where_true(asked[0], test) if len(asked) == 1 else None
        if numbers is None:
            self._under(self._conditions, [*body, *orelse])
            return
        others = frozenset(range(len(asked[0].values))) - numbers
        self._under((*self._conditions, Condition(asked[0], numbers)), body)
        self._under((*self._conditions, Condition(asked[0], others)), orelse)

    def _under(self, conditions: tuple[Condition, ...], nodes: Sequence[ast.AST]) -> None:
        before, self._conditions = self._conditions, conditions
        for node in nodes:
            self.visit(node)
        self._conditions = before


class _Maker:
    """Evaluates what stands in templates, as the function's module and closure know it."""

    def __init__(self, source: Source, known: Mapping[str, Any]) -> None:
        function = source.function
        closure = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
        bound = {name: cell.cell_contents for name, cell in closure if _is_full(cell)}
        self._known = {**known, **function.__globals__, **bound}
        self._locals = _local_names(function.__code__)
        self._source = source

    def make(self, template: Template, all_templates: Sequence[Template]) -> None:
        """Evaluate the arguments of a template, nested ones first."""
        if template.made is not None:
            return
        within = [t for t in all_templates if t is not template and _holds(template.call, t.node)]
        for inner in within:
            self.make(inner, all_templates)
        standing = {f"__template_{number}__": t.made for number, t in enumerate(within)}
        places = {t.node: name for t, name in zip(within, standing, strict=True)}
        call = _Standing(places).visit(copy.deepcopy(template.call))
        arguments = [self._value(template, argument, standing) for argument in call.args]
        named = {k.arg: self._value(template, k.value, standing) for k in call.keywords}
        if template.distribution in _CHOICES and arguments:
            arguments[0], template.values = _listed(template, arguments[0])
        distribution = getattr(hp, template.distribution)
        _, *takes = inspect.signature(distribution).parameters
        try:
            inspect.signature(distribution).bind(template.name, *arguments, **named)
        except TypeError:
            raise template.error(
                f"{template.distribution} takes {', '.join(takes)}, and no label in a template"
            ) from None
        try:
            template.made = distribution(template.name, *arguments, **named)
            SearchSpace(as_apply(template.made))
        except (TypeError, ValueError, SpaceError) as error:
            raise template.error(str(error)) from error

    def numbers_where_true(self, template: Template, test: ast.expr) -> frozenset[int] | None:
        """Return for which options of a choice a test is true; None if that cannot be told."""
        if template.distribution not in _CHOICES:
            return None
        values = self._values(template)
        expression = _Standing({template.node: "__option__"}).visit(copy.deepcopy(test))
        asked = {node.id for node in ast.walk(expression) if isinstance(node, ast.Name)}
        if asked - {"__option__"} - self._known.keys() - vars(builtins).keys():
            return None
        if asked & self._locals or any(isinstance(value, Apply) for value in values):
            return None
        if not all(self._is_pure(n.func) for n in ast.walk(expression) if isinstance(n, ast.Call)):
            return None
        code = compile(ast.fix_missing_locations(ast.Expression(expression)), "<test>", "eval")
        try:
            found = [bool(eval(code, {**self._known, "__option__": value})) for value in values]
        except Exception:  # whatever it is, it will be raised where the function runs
            return None
        template.values = values
        return frozenset(number for number, true in enumerate(found) if true)

    def _is_pure(self, called: ast.expr) -> bool:
        """Tell whether what a test calls gives the same now as when the function runs."""
        if isinstance(called, ast.Name):
            value = self._known.get(called.id, vars(builtins).get(called.id))
            return any(value is pure for pure in _PURE)
        while isinstance(called, ast.Attribute):
            called = called.value
        return isinstance(called, ast.Name) and called.id == "__option__"

    def _values(self, template: Template) -> list[Any]:
        """Return the options of a choice."""
        listed = template.call.args[0] if template.call.args else None
        if listed is None or any(is_template(node) for node in ast.walk(listed)):
            return [as_apply(None)]
        return _listed(template, self._value(template, listed, {}))[1]

    def _value(self, template: Template, node: ast.expr, standing: Mapping[str, Any]) -> Any:
        expression = ast.fix_missing_locations(ast.Expression(node))
        code = compile(expression, self._source.filename, "eval")
        try:
            return eval(code, {**self._known, **standing})
        except Exception as error:
            raise template.error(
                f"it cannot be evaluated before the function runs: {type(error).__name__}: {error}"
            ) from error


class _Standing(ast.NodeTransformer):
    """Replaces templates by names."""

    def __init__(self, names: Mapping[ast.Set, str]) -> None:
        self._names = {(node.lineno, node.col_offset): name for node, name in names.items()}

    def visit_Set(self, node: ast.Set) -> ast.expr:
        name = self._names.get((node.lineno, node.col_offset)) if is_template(node) else None
        if name is None:
            self.generic_visit(node)
            return node
        return ast.copy_location(ast.Name(name, ast.Load()), node)


def _call(source: Source, node: ast.Set) -> ast.Call:
    """Return what is within the braces of a template."""
    inner = node.elts[0]
    assert isinstance(inner, ast.Set)
    text = source.text(node)
    if len(inner.elts) != 1:
        raise source.error(node, f"{text} holds {len(inner.elts)} values; a template holds one")
    call = inner.elts[0]
    if not isinstance(call, ast.Call):
        raise source.error(
            node,
            f"{text} is no distribution; write {{{{choice([...])}}}} or {{{{uniform(0, 1)}}}}",
        )
    if not isinstance(call.func, ast.Name):
        raise source.error(
            node, f"{text}: write the distribution alone, such as {{{{uniform(0, 1)}}}}"
        )
    if call.func.id not in hp.__all__:
        near = difflib.get_close_matches(call.func.id, hp.__all__, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(hp.__all__)}"
        raise source.error(node, f"{text}: there is no distribution {call.func.id!r}; {hint}")
    return call


def _check_names(template: Template) -> None:
    """Refuse what asks for variables of the function."""
    call = template.call
    nodes = [n for part in (*call.args, *call.keywords) for n in _walk_outside_templates(part)]
    bound = {n.id for n in nodes if _is_name(n, ast.Store)}
    bound |= {a.arg for n in nodes if isinstance(n, ast.arguments) for a in n.args}
    unknown = _local_names(template.source.function.__code__) - bound
    for node in nodes:
        if _is_name(node, ast.Load) and node.id in unknown:
            raise template.error(
                f"{node.id!r} is a variable of the function, which has no value "
                "before it runs; write literals, or names of the module or of the data function"
            )


def _walk_outside_templates(node: ast.AST) -> Iterator[ast.AST]:
    if not is_template(node):
        yield node
        for child in ast.iter_child_nodes(node):
            yield from _walk_outside_templates(child)


def _listed(template: Template, listed: Any) -> tuple[list[Any], list[Any]]:
    """Return what a choice is given as a list, and its options."""
    pairs = template.distribution == "pchoice"
    try:
        given = list(listed)
        return given, [option for _, option in given] if pairs else given
    except (TypeError, ValueError):
        example = '[(0.5, "a"), (0.5, "b")]' if pairs else '["a", "b"]'
        raise template.error(
            f"it takes a list of options, got {listed!r}; write "
            f"{{{{{template.distribution}({example})}}}}"
        ) from None


def _names(templates: Sequence[Template]) -> list[str]:
    """Return the names that Hyperas gives templates.

    It is the word that a template is given to; the first of those with the same text decides for
    all of them, and one without a word has that of the one before. The second of a name is
    followed by ``_1``, the third by ``_2``.
    """
    words: dict[str, str] = {}
    for template in templates:
        word = template.source.word_before(template.node)
        if word is not None:
            words.setdefault(template.source.text(template.node), word)
    bases: list[str] = []
    for template in templates:
        word = words.get(template.source.text(template.node))
        bases.append(word or (bases[-1] if bases else template.distribution))
    seen: Counter[str] = Counter()
    names = []
    for base in bases:
        names.append(f"{base}_{seen[base]}" if seen[base] else base)
        seen[base] += 1
    return names


def _local_names(code: CodeType) -> set[str]:
    """Return the names of a function's variables, and of those within it."""
    names = {*code.co_varnames, *code.co_cellvars}
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            names |= _local_names(constant)
    return names


def _holds(outer: ast.AST, inner: ast.AST) -> bool:
    return any(node is inner for node in ast.walk(outer))


def _is_full(cell: Any) -> bool:
    try:
        cell.cell_contents  # noqa: B018
    except ValueError:
        return False
    return True


def _is_name(node: ast.AST, context: type[ast.expr_context]) -> TypeGuard[ast.Name]:
    return isinstance(node, ast.Name) and isinstance(node.ctx, context)
