from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse
from sklearn.ensemble import RandomForestClassifier

from tunesmith.evaluation.stages import StageCache, size_of


def test_what_is_worth_least_by_the_byte_goes_first():
    cache = StageCache(limit=100)
    cache.put("large and quick", 1, seconds=1.0, nbytes=60)
    cache.put("small and slow", 2, seconds=1.0, nbytes=10)
    cache.put("new", 3, seconds=5.0, nbytes=60)
    assert cache.get("large and quick") is None
    assert (cache.get("small and slow"), cache.get("new")) == (2, 3)
    assert cache.nbytes == 70


def test_what_is_not_asked_for_ages():
    cache = StageCache(limit=100)
    cache.put("valuable once", 1, seconds=10.0, nbytes=50)
    for turn in range(30):
        cache.put(turn, turn, seconds=1.0, nbytes=50)
    assert "valuable once" not in cache


def test_what_is_asked_for_stays():
    cache = StageCache(limit=100)
    cache.put("wanted", 1, seconds=10.0, nbytes=50)
    for turn in range(30):
        cache.put(turn, turn, seconds=1.0, nbytes=50)
        assert cache.get("wanted") == 1


def test_what_is_larger_than_the_limit_is_not_kept():
    cache = StageCache(limit=100)
    cache.put("a", 1, seconds=1.0, nbytes=10)
    cache.put("b", 2, seconds=9.0, nbytes=101)
    assert "a" in cache
    assert "b" not in cache


def test_a_key_put_again_holds_the_new_value():
    cache = StageCache()
    cache.put("a", 1, seconds=1.0, nbytes=10)
    cache.put("a", 2, seconds=1.0, nbytes=20)
    assert cache.get("a") == 2
    assert cache.nbytes == 20
    cache.drop("a")
    cache.drop("a")
    assert cache.nbytes == 0


steps = st.lists(
    st.tuples(st.integers(0, 9), st.floats(0.001, 10), st.integers(1, 70)), max_size=60
)


@given(steps)
def test_never_more_than_the_limit_and_never_a_wrong_value(steps):
    cache = StageCache(limit=100)
    last = {}
    for key, seconds, nbytes in steps:
        cache.put(key, (key, seconds), seconds=seconds, nbytes=nbytes)
        last[key] = (key, seconds)
        assert cache.nbytes <= 100
        assert all(cache.get(k) in (None, last[k]) for k in last)


@pytest.mark.parametrize(
    ("value", "about"),
    [
        (np.zeros((100, 10)), 8000),
        (sparse.csr_array(np.ones((50, 10))), 50 * 10 * (8 + 4)),
        ([np.zeros(1000)] * 5, 8000),
        ({"a": np.zeros(500), "b": "x" * 4000}, 8000),
    ],
)
def test_sizes(value, about):
    assert about <= size_of(value) <= 1.3 * about + 1000


def test_size_of_a_fitted_forest_counts_its_trees():
    X = np.random.default_rng(0).normal(size=(300, 5))
    forest = RandomForestClassifier(20, random_state=0).fit(X, X[:, 0] > 0)
    nodes = sum(tree.tree_.node_count for tree in forest.estimators_)
    assert size_of(forest) > 64 * nodes
