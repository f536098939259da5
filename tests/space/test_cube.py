from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from tunesmith.space import Categorical, Choice, Float, Int, Space
from tunesmith.space.cube import FINE, are_among, is_among

SPACE = Space.read(
    {
        "a": Choice({"x": {"b": Int(1, 4)}, "y": {"c": Choice({1: {"d": Float(0, 1)}, 2: {}})}}),
        "e": Categorical(["low", "high"], ordered=True),
        "f": Categorical(["p", "q"], weights=[3, 1]),
        "g": stats.binom(5, 0.3),
        "h": Int(1, 10 * FINE),
    }
)


def test_what_a_column_is():
    names = [column.name for column in SPACE.columns]
    cube = SPACE.cube
    assert dict(zip(names, cube.ordered.tolist(), strict=True)) == {
        **dict.fromkeys("bdegh", True),
        **dict.fromkeys("acf", False),
    }
    sizes = {n: e if e is None else len(e) - 1 for n, e in zip(names, cube.edges, strict=True)}
    assert sizes == {"a": 2, "b": 4, "c": 2, "d": None, "e": 2, "f": 2, "g": 6, "h": None}


def test_closed_columns_have_no_place():
    rng = np.random.default_rng(0)
    places = rng.random((200, SPACE.n_dimensions))
    for place, snapped in zip(places, SPACE.cube.snap(places), strict=True):
        encoded = SPACE.encode(SPACE.decode(place))
        np.testing.assert_array_equal(np.isnan(snapped), np.isnan(encoded))
        np.testing.assert_allclose(snapped[:-1], encoded[:-1], atol=1e-9)


def test_places_among_others():
    places = np.array([[0.25, np.nan], [0.75, 0.5]])
    some = np.array([[0.75, 0.5], [0.25, 0.5], [0.25, np.nan], [0.25 + 1e-13, np.nan]])
    assert are_among(some, places).tolist() == [True, False, True, True]
    assert are_among(some, places[:0]).tolist() == [False] * 4
    assert is_among(some[0], places)


@pytest.mark.parametrize("n", [0, 3])
def test_a_cube_without_columns(n):
    assert Space.read({}).cube.snap(np.empty((n, 0))).shape == (n, 0)
