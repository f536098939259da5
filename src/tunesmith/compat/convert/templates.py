"""The templates of Hyperas in a script, and their names."""

from __future__ import annotations

import io
import tokenize
from collections import Counter
from collections.abc import Sequence

import libcst as cst
import libcst.matchers as m

from tunesmith.compat.convert.facts import Facts
from tunesmith.compat.convert.names import text_of

TEMPLATE = m.Set(elements=[m.Element(m.Set(elements=[m.Element(m.Call(func=m.Name()))]))])
_BLANK = (
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
)


def call_of(template: cst.CSTNode) -> cst.Call:
    """Return what is within the braces of a template."""
    call: cst.Call = template.elements[0].value.elements[0].value  # type: ignore[attr-defined]
    return call


def names_of(facts: Facts, functions: Sequence[cst.FunctionDef]) -> dict[cst.CSTNode, str]:
    """Return the names that Hyperas gives the templates of functions, which are counted together.

    They are those of `tunesmith.compat.hyperas.templates`, told without running the script.
    """
    words = _words(facts.module.code)
    found = [node for function in functions for node in facts.find(TEMPLATE, function)]
    first: dict[str, str] = {}
    for node in found:
        if word := words.get(facts.place(node)):
            first.setdefault(text_of(node), word)
    names: dict[cst.CSTNode, str] = {}
    seen: Counter[str] = Counter()
    base = ""
    for node in found:
        base = first.get(text_of(node)) or base or text_of(call_of(node).func)
        names[node] = f"{base}_{seen[base]}" if seen[base] else base
        seen[base] += 1
    return names


def _words(text: str) -> dict[tuple[int, int], str]:
    """Return the words that expressions are given to, before ``=`` or ``(``, by their places."""
    tokens = [
        t for t in tokenize.generate_tokens(io.StringIO(text).readline) if t.type not in _BLANK
    ]
    return {
        token.start: word.string
        for word, sign, token in zip(tokens, tokens[1:], tokens[2:], strict=False)
        if sign.string in ("=", "(") and word.type in (tokenize.NAME, tokenize.NUMBER)
    }
