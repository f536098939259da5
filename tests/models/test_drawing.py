from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

jax = pytest.importorskip("jax", reason="JAX is not installed")
import keras  # noqa: E402

from tunesmith.models.drawing import few_programs  # noqa: E402

if keras.backend.backend() != "jax":
    pytest.skip("only JAX compiles its draws", allow_module_level=True)

DRAWS = {
    "uniform": {"minval": -0.3, "maxval": 0.2},
    "normal": {"mean": 0.1, "stddev": 0.05},
    "truncated_normal": {"stddev": 2.0},
}


def draw(name, shape, seed, dtype="float32"):
    return getattr(keras.random, name)(shape, **DRAWS[name], dtype=dtype, seed=seed)


# Few lengths of each dimension, since what is compared with is compiled for every shape.
shapes = st.lists(st.sampled_from([1, 3, 70]), max_size=3).map(tuple)


@settings(deadline=None, max_examples=40)  # each shape is compiled once
@given(st.sampled_from(sorted(DRAWS)), shapes, st.integers(0, 2**31 - 1))
def test_draws_are_the_same_to_the_bit(name, shape, seed):
    plain = draw(name, shape, seed)
    with few_programs():
        vector = draw(name, shape, seed)
    assert type(vector) is type(plain)
    assert (vector.dtype, vector.shape) == (plain.dtype, plain.shape)
    np.testing.assert_array_equal(vector, plain)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("name", DRAWS)
def test_short_numbers_are_the_same_too(name, dtype):
    plain = draw(name, (5, 3), 7, dtype)
    with few_programs():
        np.testing.assert_array_equal(draw(name, (5, 3), 7, dtype), plain)


@pytest.mark.parametrize("dtype", [None, "bfloat16", "int32", "bool"])
@pytest.mark.parametrize("name", ["zeros", "ones"])
@pytest.mark.parametrize("shape", [(), (3,), (2, 0), (4, 5)])
def test_constants_are_what_keras_makes(name, dtype, shape):
    make = getattr(keras.ops, name)
    plain = make(shape, dtype)
    with few_programs():
        ours = make(shape, dtype)
    assert (type(ours), ours.weak_type, ours.committed) == (type(plain), False, False)
    assert (ours.dtype, ours.shape) == (plain.dtype, plain.shape)
    np.testing.assert_array_equal(ours, plain)


def test_shapes_of_a_network_share_programs(monkeypatch):
    drawn = []
    plain = jax.random.uniform
    monkeypatch.setattr(
        jax.random, "uniform", lambda *a, shape, **k: drawn.append(shape) or plain(*a, shape, **k)
    )
    with few_programs():
        for shape in [(61, 31), (17, 3), (1000, 500)]:
            draw("uniform", shape, 0)
    assert drawn == [(2**17,)] * 2 + [(2**20,)]


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("uniform", {"minval": np.zeros(4), "maxval": np.arange(1.0, 5)}),
        ("normal", {"mean": np.arange(4.0), "stddev": 1.0}),
    ],
)
def test_bounds_that_are_arrays_are_kept(name, settings):
    plain = getattr(keras.random, name)((3, 4), **settings, seed=1)
    with few_programs():
        np.testing.assert_array_equal(
            getattr(keras.random, name)((3, 4), **settings, seed=1), plain
        )


def test_draws_may_be_traced():
    with few_programs():
        traced = jax.jit(lambda: draw("normal", (4, 3), 1))()
    # Compiled together, a product and a sum may be rounded once instead of twice.
    np.testing.assert_allclose(traced, draw("normal", (4, 3), 1), rtol=1e-6)


def test_generators_whose_draws_depend_on_the_shape_are_left_alone():
    before = keras.src.backend.jax.random.uniform
    with few_programs():
        assert keras.src.backend.jax.random.uniform is not before
    assert keras.src.backend.jax.random.uniform is before
    with jax.threefry_partitionable(False), few_programs():
        assert keras.src.backend.jax.random.uniform is before
