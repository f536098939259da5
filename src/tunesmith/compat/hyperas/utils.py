"""Values of a search space of templates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tunesmith.compat.hyperopt import space_eval


def eval_hyperopt_space(space: Mapping[str, Any], vals: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values that stand for those of a trial: options in place of their numbers.

    Parameters
    ----------
    space : mapping of str to object
        The search space, as `optim.minimize` returns it.
    vals : mapping of str to object
        Values by name, or lists of one value, as in ``trial["misc"]["vals"]``.

    Returns
    -------
    dict of str to object
        Without those that were not looked at.

    Examples
    --------
    >>> from tunesmith.compat.hyperas.distributions import choice
    >>> from tunesmith.compat.hyperas.utils import eval_hyperopt_space
    >>> eval_hyperopt_space({"units": choice("units", [32, 64])}, {"units": [1]})
    {'units': 64}
    """
    known = {
        name: value[0] if isinstance(value, list) else value
        for name, value in vals.items()
        if value != []
    }
    evaluated: dict[str, Any] = space_eval({name: space[name] for name in known}, known)
    return evaluated
