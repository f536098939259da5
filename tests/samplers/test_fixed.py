from __future__ import annotations

import numpy as np
import pytest

from tunesmith.exceptions import SpaceError
from tunesmith.samplers.fixed import FixedSampler
from tunesmith.space import Space
from tunesmith.trial import History


def suggest(sampler, number):
    nothing = np.empty((0, 0))
    history = History(number, (), nothing, nothing, np.empty(0, dtype=bool))
    return sampler.suggest(Space.read({}), history, np.random.default_rng(0)).params


def test_candidates_come_in_order_with_their_own_values():
    layers = [32, 32]
    sampler = FixedSampler({"n": n, "layers": layers} for n in (3, 1, 2))
    params = [suggest(sampler, number) for number in range(3)]
    assert [p["n"] for p in params] == [3, 1, 2]
    assert all(p["layers"] is layers for p in params)


def test_later_changes_do_not_reach_the_candidates():
    candidate = {"n": 1}
    sampler = FixedSampler([candidate])
    candidate["n"] = 2
    suggest(sampler, 0)["n"] = 3
    assert suggest(sampler, 0) == {"n": 1}


def test_exhausted_candidates():
    with pytest.raises(SpaceError, match="there are 1 candidates"):
        suggest(FixedSampler([{}]), 1)


@pytest.mark.parametrize(
    ("candidates", "message"),
    [({"a": 1}, "list of one dict"), ("ab", "got str"), (3, "got int"), ([{}, 3], "candidate 1")],
)
def test_illegal_candidates(candidates, message):
    with pytest.raises(SpaceError, match=message):
        FixedSampler(candidates)
