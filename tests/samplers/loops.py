"""A search without its engine, for tests of samplers."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from tunesmith.samplers import Sampler
from tunesmith.space import Space
from tunesmith.trial import History, Ledger, Outcome, State


def search(
    sampler: Sampler,
    space: Any,
    score: Callable[[Mapping[str, Any]], float],
    n: int,
    seed: int = 0,
    in_flight: int = 1,
) -> tuple[list[Mapping[str, Any]], list[float]]:
    """Run `n` trials; return their parameters and scores. A score of NaN is a failure."""
    space = Space.read(space)
    ledger = Ledger(1, space.n_dimensions, lambda outcome: outcome.test_scores, space.encode, seed)
    scores = []
    for number in range(n):
        history = ledger.view(max(0, number + 1 - in_flight))
        rng = np.random.default_rng([seed, number])
        params = sampler.suggest(space, history, rng).params
        scores.append(score(params))
        state = State.FAILED if math.isnan(scores[-1]) else State.COMPLETED
        ledger.enter(Outcome(ledger.start(params), 0, state, test_scores=scores[-1]))
    return ledger.params, scores


def outcomes(
    sampler: Sampler,
    space: Any,
    values: Callable[[Mapping[str, Any]], tuple[list[float], list[float]]],
    n: int,
    seed: int = 0,
) -> tuple[list[Mapping[str, Any]], np.ndarray, np.ndarray]:
    """Run `n` trials with several scores, and violations of outcome constraints, maybe none.

    Returns
    -------
    params, scores of shape (n, n_objectives), violations of shape (n, n_constraints)
    """
    space = Space.read(space) if not isinstance(space, Space) else space
    params: list[Mapping[str, Any]] = []
    places, scores, violations = np.empty((0, space.n_dimensions)), [], []
    for number in range(n):
        given = np.array(scores)[:, None] if scores else np.empty((0, 1, 1))
        history = History(
            number,
            tuple(params),
            places,
            given[:, :, 0] if given.shape[2] == 1 else given,
            np.ones(number, dtype=bool),
            seed,
            np.array(violations) if violations and violations[0] else None,
        )
        params.append(
            sampler.suggest(space, history, np.random.default_rng([seed, number])).params
        )
        places = np.vstack([places, space.encode(params[-1])])
        score, violation = values(params[-1])
        scores.append(score)
        violations.append(violation)
    return params, np.array(scores), np.array(violations)
