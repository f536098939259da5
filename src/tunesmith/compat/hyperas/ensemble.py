"""Votes of several models."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tunesmith.exceptions import TunesmithError


class VotingModel:
    """Predicts the class that most of several models predict.

    Parameters
    ----------
    model_list : iterable of Keras models
        Each gives a probability for each class.
    voting : {"hard", "soft"}, default="hard"
        "hard": each model has a vote, and of equals the first class wins; "soft": the class of the
        largest mean probability.
    weights : sequence of float or None, default=None
        How much each model counts; None: all the same.
    nb_classes : int or None, default=None
        Number of classes; None: as the models say.

    Raises
    ------
    TunesmithError
        If an argument is something else.

    Examples
    --------
    >>> import numpy as np
    >>> class Sure:
    ...     def __init__(self, label):
    ...         self.label = label
    ...     def predict(self, X, batch_size=128, verbose=0):
    ...         return np.tile(np.eye(3)[self.label], (len(X), 1))
    >>> VotingModel([Sure(2), Sure(0), Sure(2)]).predict(np.zeros((2, 4)))
    array([2, 2])
    """

    def __init__(
        self,
        model_list: Sequence[Any],
        voting: str = "hard",
        weights: Sequence[float] | None = None,
        nb_classes: int | None = None,
    ) -> None:
        self.model_list = list(model_list)
        self.voting = voting
        self.weights = weights
        self.nb_classes = nb_classes
        check_votes(len(self.model_list), voting, weights)

    def predict(self, X: Any, batch_size: int = 128, verbose: int = 0) -> NDArray[np.intp]:
        """Return the class of each sample.

        Parameters
        ----------
        X : array of shape (n_samples, ...)
            What the models take.
        batch_size : int, default=128
            How many samples at once.
        verbose : int, default=0
            Whether the models tell how far they are.

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        found = [
            np.asarray(model.predict(X, batch_size=batch_size, verbose=verbose))
            for model in self.model_list
        ]
        votes = np.stack([each.reshape(len(each), -1) for each in found])
        if self.nb_classes is not None and votes.shape[2] != self.nb_classes:
            raise TunesmithError(
                f"the models tell of {votes.shape[2]} classes, not of nb_classes={self.nb_classes}"
            )
        if self.voting == "hard":
            votes = np.eye(votes.shape[2])[votes.argmax(axis=2)]
        means = np.average(votes, axis=0, weights=self.weights)
        return np.asarray(means.argmax(axis=1))


def check_votes(n_models: int, voting: str, weights: Sequence[float] | None) -> None:
    """Raise a TunesmithError unless that many models can vote so."""
    if voting not in ("hard", "soft"):
        raise TunesmithError(f"voting has to be 'hard' or 'soft', got {voting!r}")
    if n_models < 1:
        raise TunesmithError("there is no model to vote")
    if weights is not None and len(weights) != n_models:
        raise TunesmithError(
            f"there are {n_models} models, and {len(weights)} weights; write one for each"
        )
