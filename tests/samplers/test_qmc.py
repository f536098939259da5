from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from tunesmith.exceptions import SpaceError
from tunesmith.samplers.qmc import QMCSampler
from tunesmith.space import Categorical, Float, Int, Space
from tunesmith.trial import History

SPACE = Space.read(
    {
        "c": Categorical(["x", "y"], weights=[3, 1]),
        "n": Int(1, 4),
        "u": Float(0, 1),
        "v": Float(0, 1),
    }
)


def points(sequence, n, seed=0):
    nothing, known = np.empty((0, 4)), np.empty(0, dtype=bool)
    rng = np.random.default_rng(99)
    return [
        QMCSampler(sequence)
        .suggest(SPACE, History(number, (), nothing, nothing, known, seed=seed), rng)
        .params
        for number in range(n)
    ]


@pytest.mark.parametrize("sequence", ["sobol", "halton"])
def test_gaps_are_smaller_than_in_random_points(sequence):
    drawn = np.array([[p["u"], p["v"]] for p in points(sequence, 64)])
    random = np.random.default_rng(0).random((64, 2))
    assert stats.qmc.discrepancy(drawn) < stats.qmc.discrepancy(random) / 4


def test_values_are_as_frequent_as_their_cells_are_wide():
    drawn = points("sobol", 64)
    assert [sum(p["n"] == n for p in drawn) for n in (1, 2, 3, 4)] == [16] * 4
    assert sum(p["c"] == "x" for p in drawn) == 48


@pytest.mark.parametrize("sequence", ["sobol", "halton"])
def test_the_seed_of_the_search_makes_the_scramble(sequence):
    assert points(sequence, 8) == points(sequence, 8)
    assert points(sequence, 8, seed=1) != points(sequence, 8)


def test_unknown_sequence():
    with pytest.raises(SpaceError, match="sequence has to be one of"):
        QMCSampler("hammersley")
