"""The syntax tree of a function, with its place in its file."""

from __future__ import annotations

import ast
import inspect
import io
import tokenize
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from types import FunctionType, MethodType
from typing import Any

from tunesmith.compat.hyperas.exceptions import TemplateError

_BLANK = {tokenize.NL, tokenize.NEWLINE, tokenize.COMMENT, tokenize.INDENT, tokenize.DEDENT}


@dataclass(frozen=True)
class Source:
    """A function as it was written.

    Parameters
    ----------
    given : callable
        The function, or the method, as it was given.
    function : function
        The function itself.
    node : ast.FunctionDef or ast.AsyncFunctionDef
        Its definition; lines are those of the file.
    lines : list of str
        The lines of its text.
    first : int
        Number of the first of these in the file.
    filename : str
        The file.
    """

    given: Callable[..., Any]
    function: FunctionType
    node: ast.FunctionDef | ast.AsyncFunctionDef
    lines: list[str] = field(repr=False)
    first: int
    filename: str

    @classmethod
    def of(cls, given: Callable[..., Any]) -> Source:
        """Return the source of a function.

        Raises
        ------
        TemplateError
            If it is no function that was written with ``def``, or its text cannot be found.
        """
        function = given.__func__ if isinstance(given, MethodType) else given
        name = getattr(given, "__qualname__", repr(given))
        if not isinstance(function, FunctionType) or function.__name__ == "<lambda>":
            raise TemplateError(f"{given!r} is no function; write it with def")
        if hasattr(function, "__wrapped__"):
            raise TemplateError(
                f"{name} is wrapped by a decorator, which hides its templates; give the function "
                "without it, and decorate what calls it"
            )
        try:
            text, first = inspect.getsourcelines(function)
        except (OSError, TypeError):
            raise TemplateError(
                f"the source of {name} cannot be found, so its templates cannot be read; write it "
                "into a file or a cell of a notebook"
            ) from None
        # A line above, so that a function that is indented can be read as it is.
        above = ["if True:\n"] if text[0][0].isspace() else []
        tree = ast.parse("".join(above + text))
        ast.increment_lineno(tree, first - 1 - len(above))
        for node in ast.walk(tree):
            is_def = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            if is_def and node.name == function.__name__:  # type: ignore[attr-defined]
                return cls(given, function, node, text, first, function.__code__.co_filename)  # type: ignore[arg-type]
        raise TemplateError(f"{name} is no function that was written with def; write it so")

    @property
    def class_name(self) -> str | None:
        """The innermost class in whose text the function stands."""
        names = pairwise(self.function.__code__.co_qualname.split("."))
        classes = [name for name, next_name in names if "<locals>" not in (name, next_name)]
        return classes[-1] if classes else None

    def error(self, node: ast.AST, text: str) -> TemplateError:
        """Return an error that tells where in the file it is."""
        return TemplateError(f"{self.filename}:{node.lineno}: {text}")  # type: ignore[attr-defined]

    def text(self, node: ast.expr) -> str:
        """Return the text of an expression as it was written."""
        last = node.end_lineno
        assert last is not None
        rows = self.lines[node.lineno - self.first : last - self.first + 1]
        rows[-1] = rows[-1].encode()[: node.end_col_offset].decode()
        rows[0] = rows[0].encode()[node.col_offset :].decode()
        return "".join(rows)

    def word_before(self, node: ast.expr) -> str | None:
        """Return the word that an expression is given to: before ``=`` or ``(`` before it."""
        column = len(self.lines[node.lineno - self.first].encode()[: node.col_offset].decode())
        place = self._places.get((node.lineno - self.first + 1, column))
        if place is None or place < 2:
            return None
        word, sign = self._tokens[place - 2 : place]
        if sign.string in ("=", "(") and word.type in (tokenize.NAME, tokenize.NUMBER):
            return word.string
        return None

    @cached_property
    def _tokens(self) -> list[tokenize.TokenInfo]:
        found = tokenize.generate_tokens(io.StringIO("".join(self.lines)).readline)
        return [token for token in found if token.type not in _BLANK]

    @cached_property
    def _places(self) -> dict[tuple[int, int], int]:
        return {token.start: place for place, token in enumerate(self._tokens)}
