"""Hyperas' names: search over templates in a function's text.

A script that begins with ``from hyperas import optim`` and
``from hyperas.distributions import choice, uniform`` runs when these become
``from tunesmith.compat.hyperas``. What is different is told on the page "From Hyperas" of the
documentation.
"""

from __future__ import annotations

from tunesmith.compat.hyperas import distributions, optim, utils

__all__ = ["distributions", "optim", "utils"]
