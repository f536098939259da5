"""Scripts of Hyperopt and Hyperas, rewritten for tunesmith's own API."""

from __future__ import annotations

import ast

from tunesmith.compat.convert.conversion import Conversion, ConversionError, Notes, Remark

__all__ = ["Conversion", "ConversionError", "Remark", "convert"]


def convert(text: str, name: str = "<script>") -> Conversion:
    """Rewrite a script.

    What is not touched keeps its text, comments and blank lines included.

    Parameters
    ----------
    text : str
        The script.
    name : str, default="<script>"
        What it is called in errors.

    Returns
    -------
    Conversion

    Raises
    ------
    ConversionError
        If it is no Python, searches with neither Hyperopt nor Hyperas, or with both.
    ImportError
        If libcst is not installed.

    Examples
    --------
    >>> print(convert('''
    ... from hyperopt import fmin, hp, tpe
    ... best = fmin(lambda x: x**2, hp.uniform("x", -1, 1), tpe.suggest, 20)
    ... ''').text)
    <BLANKLINE>
    from tunesmith import Float, minimize
    result = minimize(lambda params: (lambda x: x**2)(params["x"]), {"x": Float(-1, 1)}, ...)
    best = result.best_params
    <BLANKLINE>
    """
    try:
        import libcst as cst
        from libcst.metadata import MetadataWrapper
    except ImportError:
        raise ImportError(
            "tunesmith convert needs libcst: pip install 'tunesmith[convert]'"
        ) from None
    from tunesmith.compat.convert.facts import Facts
    from tunesmith.compat.convert.from_hyperas import Hyperas
    from tunesmith.compat.convert.from_hyperopt import Hyperopt
    from tunesmith.compat.convert.imports import Imports, NamedImports, searches
    from tunesmith.compat.convert.leftovers import note_leftovers

    if name.endswith(".ipynb"):
        raise ConversionError(
            f"{name} is a notebook; make a script of it with `jupyter nbconvert --to script "
            f"{name}`, and convert that"
        )
    try:
        module = cst.parse_module(text).visit(NamedImports())
    except cst.ParserSyntaxError as error:
        raise ConversionError(f"{name}:{error.raw_line}: {error.message}") from None
    facts = Facts(MetadataWrapper(module))
    found = searches(facts)
    if not found:
        raise ConversionError(
            f"{name} calls neither fmin of Hyperopt nor optim.minimize of Hyperas; there is "
            "nothing to convert"
        )
    if len(found) > 1:
        raise ConversionError(
            f"{name} searches with both Hyperopt (line {found['hyperopt']}) and Hyperas (line "
            f"{found['hyperas']}); split it into a script for each"
        )
    notes = Notes(facts.bound)
    script = (Hyperopt if "hyperopt" in found else Hyperas)(facts, notes)
    if not script.searches:
        return Conversion(text, tuple(sorted(notes.remarks)))
    try:
        changed = facts.module.visit(script)
        note_leftovers(module, changed, notes)
        made = changed.visit(Imports(notes)).code
        ast.parse(made)
    except (cst.ParserSyntaxError, cst.CSTValidationError, SyntaxError) as error:
        raise ConversionError(
            f"{name} cannot be converted, as what comes of it would be no Python: {error}"
        ) from None
    return Conversion(made, tuple(sorted(notes.remarks)))
