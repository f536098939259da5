from __future__ import annotations

import copy
import pickle
import random
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tunesmith.keys import content_key

ATOMS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.complex_numbers(), st.text(),
    st.binary(), st.dates(), st.decimals(allow_nan=False), st.fractions(), st.timedeltas(),
    st.sampled_from([np.int8(1), np.float32(1), np.str_("a"), np.bool_(False)]),
)  # fmt: skip
PLAIN = st.integers() | st.text(max_size=4) | st.floats() | st.none()
HASHABLE = PLAIN | st.tuples(PLAIN, PLAIN) | st.frozensets(PLAIN, max_size=4)
ARRAYS = hnp.arrays(
    dtype=hnp.scalar_dtypes(), shape=hnp.array_shapes(min_dims=0, min_side=0, max_side=4)
)
VALUES = st.recursive(
    ATOMS | ARRAYS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.lists(inner, max_size=4).map(tuple),
        st.dictionaries(HASHABLE, inner, max_size=4),
        st.sets(HASHABLE, max_size=4),
    ),
    max_leaves=12,
)


def digest(value: object) -> str:
    return content_key(value).digest


def shuffled(value: Any, rng: random.Random) -> Any:
    """Build an equal value whose dicts and sets were filled in another order."""
    if type(value) in (list, tuple):
        return type(value)([shuffled(item, rng) for item in value])
    if type(value) is dict:
        return {key: shuffled(value[key], rng) for key in rng.sample(list(value), len(value))}
    if type(value) is set:
        return set(rng.sample(list(value), len(value)))
    return np.asfortranarray(value) if type(value) is np.ndarray and value.ndim else value


def mutated(value: Any, rng: random.Random) -> Any:
    """Change one thing, somewhere inside."""
    if type(value) in (list, tuple) and value and rng.random() < 0.8:
        items = list(value)
        at = rng.randrange(len(items))
        items[at] = mutated(items[at], rng)
        return type(value)(items)
    if type(value) in (list, tuple):
        return type(value)([*value, None])
    if type(value) is dict and value and rng.random() < 0.8:
        key = rng.choice(list(value))
        return {**value, key: mutated(value[key], rng)}
    if type(value) is dict:
        return {**value, ("a key of its own",): 1}
    if type(value) is set:
        return value ^ {("a member of its own",)}
    if type(value) is np.ndarray and value.nbytes:
        data = bytearray(value.tobytes())
        data[rng.randrange(len(data))] ^= 1
        return np.frombuffer(bytes(data), dtype=value.dtype).reshape(value.shape)
    return [value]


@given(VALUES, st.randoms(use_true_random=False))
def test_equal_values_have_equal_keys(value: Any, rng: random.Random) -> None:
    before = digest(value)
    assert digest(value) == before
    assert digest(copy.deepcopy(value)) == before
    assert digest(pickle.loads(pickle.dumps(value))) == before
    assert digest(shuffled(value, rng)) == before


@given(VALUES, st.randoms(use_true_random=False))
def test_one_change_anywhere_gives_another_key(value: Any, rng: random.Random) -> None:
    assert digest(mutated(value, rng)) != digest(value)


@given(VALUES, VALUES)
def test_wrapping_keeps_things_apart(one: Any, other: Any) -> None:
    wrapped = [[one], (one,), [one, None], {"k": one}, [[one]]]
    assert len({digest(each) for each in wrapped}) == len(wrapped)
    same = digest(one) == digest(other)
    assert (digest([one, other]) == digest([other, one])) == same


@given(st.data(), st.integers(2, 7))
def test_keys_of_a_graph_do_not_depend_on_what_was_met_before(data: Any, size: int) -> None:
    edges = data.draw(st.lists(st.lists(st.integers(0, size - 1), max_size=3),
                               min_size=size, max_size=size))  # fmt: skip

    def build() -> list[list[Any]]:
        nodes: list[list[Any]] = [[i] for i in range(size)]
        for node, targets in zip(nodes, edges, strict=True):
            node.extend(nodes[target] for target in targets)
        return nodes

    one, other = data.draw(st.integers(0, size - 1)), data.draw(st.integers(0, size - 1))
    nodes = build()
    assert digest([nodes[one], nodes[other]]) == digest([build()[one], build()[other]])
