"""Hyperopt's exceptions, as members of tunesmith's own tree.

TunesmithError
├── SpaceError
│   └── BadSearchSpace                   something is wrong with the search space
│       ├── DuplicateLabel               two hyperparameters of one label
│       └── InvalidAnnotatedParameter    an argument whose annotation is no hyperparameter
├── InvalidTrial                         a document that is no trial (also a ValueError)
├── InvalidResultStatus                  a result of unknown status (also a ValueError)
├── InvalidLoss                          a result without a loss (also a ValueError)
└── AllTrialsFailed                      no trial has a loss
"""

from __future__ import annotations

from typing import Any

from tunesmith.exceptions import SpaceError, TunesmithError


class BadSearchSpace(SpaceError):
    """Something is wrong with the search space."""


class DuplicateLabel(BadSearchSpace):
    """Two different hyperparameters have the same label."""


class InvalidAnnotatedParameter(BadSearchSpace):
    """An argument of the function has an annotation that is no hyperparameter."""


class InvalidTrial(TunesmithError, ValueError):
    """A document that is no trial.

    Parameters
    ----------
    message : str
        What is wrong.
    obj : object
        The document.
    """

    def __init__(self, message: str, obj: Any) -> None:
        super().__init__(message, obj)
        self.obj = obj

    def __str__(self) -> str:
        return f"{self.args[0]}: {self.obj!r}"


class _InvalidResult(TunesmithError, ValueError):
    """A result of the function that cannot be used.

    Parameters
    ----------
    message : str
        What is wrong.
    result : object
        What the function returned.
    """

    def __init__(self, message: str, result: Any) -> None:
        super().__init__(message, result)
        self.result = result

    def __str__(self) -> str:
        return f"{self.args[0]}; the function returned {self.result!r}"


class InvalidResultStatus(_InvalidResult):
    """The function returned a status that there is not."""


class InvalidLoss(_InvalidResult):
    """The function returned no loss, or one that is no number."""


class AllTrialsFailed(TunesmithError):
    """No trial has ended with a loss."""
