"""A search without its engine, for tests of samplers."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from tunesmith.samplers import Sampler
from tunesmith.space import Space
from tunesmith.trial import Ledger, Outcome, State


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
