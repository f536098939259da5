"""Samplers by their names."""

from __future__ import annotations

import difflib
from importlib import import_module
from typing import Any

from tunesmith.exceptions import SpaceError
from tunesmith.samplers import Sampler

# Some of them load much of scipy.
_SAMPLERS = {
    "auto": ("tunesmith.samplers.auto", "AutoSampler"),
    "cmaes": ("tunesmith.samplers.cmaes", "CMAESSampler"),
    "evolution": ("tunesmith.samplers.evolution", "EvolutionSampler"),
    "gp": ("tunesmith.samplers.gp", "GPSampler"),
    "grid": ("tunesmith.samplers.grid", "GridSampler"),
    "qmc": ("tunesmith.samplers.qmc", "QMCSampler"),
    "random": ("tunesmith.samplers.random", "RandomSampler"),
    "tpe": ("tunesmith.samplers.tpe", "TPESampler"),
}


def as_sampler(given: Any) -> Sampler:
    """Return the sampler of a name, or the one that is given.

    Parameters
    ----------
    given : str or Sampler
        "auto", "cmaes", "evolution", "gp", "grid", "qmc", "random", "tpe", or a sampler.

    Returns
    -------
    Sampler

    Raises
    ------
    SpaceError
        If it is neither.

    Examples
    --------
    >>> from tunesmith.samplers.names import as_sampler
    >>> as_sampler("qmc")
    QMCSampler(sequence='sobol')
    """
    if isinstance(given, str):
        if given in _SAMPLERS:
            module, name = _SAMPLERS[given]
            sampler: Sampler = getattr(import_module(module), name)()
            return sampler
        near = difflib.get_close_matches(given.lower(), _SAMPLERS, n=1, cutoff=0.7)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise SpaceError(f"there is no sampler {given!r}; write one of {list(_SAMPLERS)}.{hint}")
    if isinstance(given, type) or not isinstance(given, Sampler):
        raise SpaceError(
            f"sampler has to be one of {list(_SAMPLERS)}, or an object with `adaptive` and "
            f"`suggest`, got {given!r}"
        )
    return given
