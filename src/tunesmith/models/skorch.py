"""Nets of skorch, whose training can stop after some epochs and go on.

A net has no seed: weights, dropout and shuffling draw from torch's own generator. That is set
for each fit and put back afterwards, and its state is kept with the net to go on from.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import torch
from skorch import NeuralNet, NeuralNetBinaryClassifier, NeuralNetClassifier, NeuralNetRegressor
from skorch.dataset import Dataset, ValidSplit
from torch.utils.data import DataLoader

from tunesmith.evaluation.families import (
    GoingOn,
    Kept,
    adopt,
    family_of,
    fit_alone,
    is_count,
    learned,
)
from tunesmith.evaluation.seeds import seeded
from tunesmith.evaluation.trust import drawn_from_all
from tunesmith.trial import Work

_KINDS = (NeuralNet, NeuralNetBinaryClassifier, NeuralNetClassifier, NeuralNetRegressor)
_LOADING = frozenset({"shuffle", "batch_size", "drop_last", "pin_memory"})
"""Arguments of an iterator that has no state of its own between epochs."""


@seeded.register(NeuralNet)
@contextmanager
def _seeded(net: Any, seed: int) -> Iterator[None]:
    with torch.random.fork_rng(devices=[]):
        # On the CPU, the generators of other devices stay as they are.
        generator = torch.default_generator if net.device == "cpu" else torch
        generator.manual_seed(seed)
        yield


@dataclass(frozen=True)
class Epochs(GoingOn):
    """Fits of a net that are one training run."""

    def fit(
        self, estimator: Any, X: Any, y: Any, params: Mapping[str, Any], kept: Kept | None
    ) -> tuple[Kept, Work]:
        """Go on from where the last fit of the family stopped, if it did not go too far."""
        to, done, before = estimator.max_epochs, 0, 0.0
        others = drawn_from_all(but_torch=True)
        start = time.perf_counter()
        if kept is not None and kept.budget <= to and not params:
            done, before = int(kept.budget), kept.seconds
            state, generator = kept.value
            adopt(estimator, state)
            torch.set_rng_state(generator)
            if done < to:
                _go_on(estimator, X, y, to - done)
        else:
            fit_alone(estimator, X, y, params)
        seconds = before + time.perf_counter() - start
        work = Work(
            fits=int(not done), budget_asked=to, budget_run=to - done, seconds_saved=before
        )
        # skorch ends training early, and says nothing, at Ctrl-C.
        alone = params or others != drawn_from_all(but_torch=True)
        value = learned(estimator), torch.get_rng_state()
        whole = len(estimator.history_) == to and not alone
        budget = to if whole else float("inf")
        return Kept(value, seconds, budget, nbytes=_nbytes(estimator)), work


def _go_on(net: Any, X: Any, y: Any, epochs: int) -> None:
    net.notify("on_train_begin", X=X, y=y)
    net.fit_loop(X, y, epochs=epochs)
    net.notify("on_train_end", X=X, y=y)


def _nbytes(net: Any) -> int:
    """Estimate what a net holds: an optimiser may keep two numbers for each weight."""
    return 4096 + 3 * sum(int(value.nbytes) for value in net.module_.state_dict().values())


@family_of.register(NeuralNet)
def _net(net: Any) -> Epochs | None:
    params = net.get_params(deep=False)
    plain = (
        type(net) in _KINDS
        and is_count(net.max_epochs)
        and net.device == "cpu"
        and not (net.warm_start or net.compile or net.callbacks)
        and net.dataset is Dataset
        and _splits_alike(net.train_split)
        and not any(isinstance(value, torch.nn.Module) for value in params.values())
        and all(_is_plain(name, value) for name, value in params.items())
    )
    return Epochs("max_epochs") if plain else None


def _splits_alike(split: Any) -> bool:
    """Whether a net's own validation takes the same part of the data every time."""
    if split is None:
        return True
    if type(split) is not ValidSplit:
        return False
    drawn = not isinstance(split.cv, Integral)
    return isinstance(split.random_state, Integral) or (split.random_state is None and not drawn)


def _is_plain(name: str, value: Any) -> bool:
    """Whether a parameter brings nothing that changes while a net is trained."""
    if name in ("iterator_train", "iterator_valid"):
        return value is DataLoader
    prefix, _, rest = name.partition("__")
    if prefix in ("iterator_train", "iterator_valid"):
        return rest in _LOADING
    return prefix != "callbacks" or not value
