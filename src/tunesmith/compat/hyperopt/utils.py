"""What scripts that drive a search by hand import."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from tunesmith.compat.hyperopt.pyll.base import Apply, Literal, dfs


def coarse_utcnow() -> datetime:
    """Return the time in UTC to the millisecond, without a zone, as documents hold it."""
    now = datetime.now(UTC).replace(tzinfo=None)
    return now.replace(microsecond=now.microsecond // 1000 * 1000)


def use_obj_for_literal_in_memo(
    expr: Apply, obj: Any, lit: Any, memo: dict[Apply, Any]
) -> dict[Apply, Any]:
    """Put a value into `memo` for each literal of an expression that is another.

    Parameters
    ----------
    expr : Apply
        The expression.
    obj : object
        The value.
    lit : object
        What stands for it in the expression, such as a class.
    memo : dict of Apply to object
        Values of expressions, which is added to.

    Returns
    -------
    dict
        `memo`.

    Examples
    --------
    >>> from tunesmith.compat.hyperopt.pyll import as_apply, rec_eval
    >>> from tunesmith.compat.hyperopt.utils import use_obj_for_literal_in_memo
    >>> space = as_apply({"data": list, "n": 3})
    >>> rec_eval(space, use_obj_for_literal_in_memo(space, [1, 2], list, {}))
    {'data': [1, 2], 'n': 3}
    """
    memo.update(
        (node, obj) for node in dfs(expr) if isinstance(node, Literal) and _is_same(node.obj, lit)
    )
    return memo


def _is_same(one: Any, other: Any) -> bool:
    try:
        return one is other or bool(one == other)
    except ValueError:  # an array has no one truth
        return False
