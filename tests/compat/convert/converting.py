"""Converting scripts of tests, and running what comes of it."""

from __future__ import annotations

import ast
import textwrap

from tunesmith.compat.convert import convert

HYPEROPT = """
from hyperopt import STATUS_FAIL, STATUS_OK, SparkTrials, Trials, fmin, hp, space_eval, tpe
from hyperopt.pyll import scope
import math
"""


def ran(text):
    """Convert a script, run it, and return its variables, and the remarks."""
    found = convert(textwrap.dedent(text))
    names: dict[str, object] = {"__name__": "script"}
    exec(compile(found.text, "<converted>", "exec"), names)
    return names, found.remarks


def told(text):
    """Convert a script that is left in part; return the result and remarks by their lines."""
    found = convert(textwrap.dedent(text))
    ast.parse(found.text)
    assert found.remarks
    lines = textwrap.dedent(text).splitlines()
    by_line: dict[str, str] = {}
    for remark in found.remarks:
        line = lines[remark.line - 1].strip()
        by_line[line] = f"{by_line[line]}; {remark.text}" if line in by_line else remark.text
    return found, by_line


def searched(space, objective="lambda p: p['x']", more=""):
    return f"{HYPEROPT}best = fmin({objective}, {space}, tpe.suggest, 6{more})\n"
