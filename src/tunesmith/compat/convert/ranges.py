"""Hyperopt's distributions as text of tunesmith's own."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tunesmith.compat.convert.conversion import Notes

PARAMETERS: Mapping[str, tuple[str, ...]] = {
    "choice": ("options",),
    "lognormal": ("mu", "sigma"),
    "loguniform": ("low", "high"),
    "normal": ("mu", "sigma"),
    "pchoice": ("p_options",),
    "qlognormal": ("mu", "sigma", "q"),
    "qloguniform": ("low", "high", "q"),
    "qnormal": ("mu", "sigma", "q"),
    "quniform": ("low", "high", "q"),
    "randint": ("low", "high"),
    "uniform": ("low", "high"),
    "uniformint": ("low", "high", "q"),
}
"""Parameters of the distributions, after the label."""

_OPTIONAL = {("randint", "high"), ("uniformint", "q")}


@dataclass(frozen=True)
class Range:
    """What a number ranges over.

    Parameters
    ----------
    kind : str
        "Float", "Int" or "Distribution".
    arguments : tuple of str
        Its arguments.
    note : str or None, default=None
        How it differs from Hyperopt's.
    """

    kind: str
    arguments: tuple[str, ...]
    note: str | None = None

    def __str__(self) -> str:
        return self.written(self.kind)

    def written(self, name: str) -> str:
        """Return its text where its kind is imported as `name`."""
        return f"{name}({', '.join(self.arguments)})"

    def asked(self, name: str) -> str:
        """Return what a trial is called with to ask for it, where its kind is one of `ASKED`."""
        return f"{ASKED[self.kind]}({name}, {', '.join(self.arguments)})"


ASKED = {"Float": "suggest_float", "Int": "suggest_int"}
"""Methods of a trial that ask for a kind of range."""


def read_range(
    distribution: str, given: Mapping[str, str], notes: Notes, whole: bool = False
) -> Range | None:
    """Return what a distribution ranges over; None if tunesmith has no such range.

    Parameters
    ----------
    distribution : str
        Its name, none that chooses.
    given : mapping of str to str
        The text of its arguments.
    notes : Notes
        Gets the imports that the text needs.
    whole : bool, default=False
        Whether its values are made ints.
    """
    low, high = given.get("low", ""), given.get("high", "")
    is_whole = whole or distribution in ("randint", "uniformint")
    if is_whole and not all(_may_be_whole(text) for text in given.values()):
        return None
    match distribution:
        case "uniform":
            return Range("Float", (low, high))
        case "loguniform":
            return Range("Float", (_exp(low, notes), _exp(high, notes), "log=True"))
        case "uniformint" if _number(given.get("q", "1")) == 1:
            return Range("Int", (_int(low), _int(high)))
        case "randint":
            if not high:
                return Range("Int", ("0", _less(low)))
            return Range("Int", (low, _less(high)))
        case "quniform":
            note = _beside(low, high, given["q"])
            if not whole:
                return Range("Float", (low, high, f"step={given['q']}"), note)
            step = _int(given["q"])
            steps = () if step == "1" else (f"step={step}",)
            return Range("Int", (_int(low), _int(high), *steps), note)
        case "normal":
            norm = notes.needs("norm", "scipy.stats")
            return Range("Distribution", (f"{norm}({given['mu']}, {given['sigma']})",))
        case "lognormal":
            lognorm = notes.needs("lognorm", "scipy.stats")
            scale = _exp(given["mu"], notes)
            return Range("Distribution", (f"{lognorm}({given['sigma']}, scale={scale})",))
    return None


def arguments_of(
    distribution: str, texts: Sequence[tuple[str | None, str]]
) -> dict[str, str] | None:
    """Return the arguments of a distribution by name, given their keywords and texts in order.

    None if they are not those that it takes.
    """
    names = PARAMETERS[distribution]
    in_order = iter(names)
    given = {keyword or next(in_order, "?"): text for keyword, text in texts}
    needed = {name for name in names if (distribution, name) not in _OPTIONAL}
    is_right = len(given) == len(texts) and needed <= given.keys() <= {*names}
    return given if is_right else None


def _exp(text: str, notes: Notes) -> str:
    """Return the text of an exponential; of a natural logarithm, what that is taken of."""
    if found := re.fullmatch(r"(?:\w+\.)?log\((.*)\)", text, re.DOTALL):
        try:
            call: Any = ast.parse(f"log({found[1]})", mode="eval").body
        except SyntaxError:
            call = None
        is_call = isinstance(call, ast.Call) and isinstance(call.func, ast.Name)
        if (
            is_call
            and len(call.args) == 1
            and not call.keywords
            and not isinstance(call.args[0], ast.Starred)
        ):
            return found[1].rstrip().rstrip(",")
    if _number(text) == 0:
        return "1.0"
    return f"{notes.needs('', 'math')}.exp({text})"


def _may_be_whole(text: str) -> bool:
    value = _number(text)
    return value is None or float(value).is_integer()


def _int(text: str) -> str:
    value = _number(text)
    if value is None:
        return f"int({text})" if not re.fullmatch(r"[\w.]+", text) else text
    return str(int(value))


def _less(text: str) -> str:
    value = _number(text)
    if value is not None:
        return str(int(value) - 1)
    is_sum = isinstance(ast.parse(f"({text})", mode="eval").body, _BINDS_AS_CLOSELY)
    return f"{text} - 1" if is_sum else f"({text}) - 1"


_BINDS_AS_CLOSELY = (ast.Name, ast.Attribute, ast.Call, ast.Subscript)


def _beside(low: str, high: str, q: str) -> str | None:
    """Return how steps from `low` differ from multiples of `q`; None if they do not."""
    numbers = [_number(text) for text in (low, high, q)]
    if None in numbers:
        return f"Hyperopt's values are multiples of {q}; see that {low} and {high} are, too"
    first, last, step = (float(number) for number in numbers if number is not None)
    if not step:
        return f"q is {q}; it has to be above 0"
    if all(abs(bound / step - round(bound / step)) < 1e-9 for bound in (first, last)):
        return None
    return (
        f"Hyperopt's values are multiples of {q}, tunesmith's are {low}, {low} + {q}, ...; choose "
        "bounds that are multiples"
    )


def _number(text: str) -> float | int | None:
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return None
    return value if isinstance(value, int | float) else None
