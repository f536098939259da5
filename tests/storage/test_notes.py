from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from tunesmith.exceptions import StorageError
from tunesmith.space.categorical import same
from tunesmith.storage.notes import decode_notes, encode_notes

LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.binary()
    | arrays.arrays(arrays.scalar_dtypes().filter(lambda d: d.kind in "biufc"), (2, 3))
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner) | st.tuples(inner) | st.dictionaries(st.text(), inner),
    max_leaves=6,
)


def has_array_in_a_tuple(value, inside=False):
    match value:
        case tuple():
            return any(has_array_in_a_tuple(item, True) for item in value)
        case list():
            return any(has_array_in_a_tuple(item, inside) for item in value)
        case dict():
            return any(has_array_in_a_tuple(item, inside) for item in value.values())
    return inside and isinstance(value, np.ndarray | bytes)


@given(st.dictionaries(st.text(), VALUES, max_size=3))
def test_notes_come_back_or_are_named(notes):
    kept, left_out = encode_notes(notes)
    again = decode_notes(json.loads(json.dumps(kept)))
    assert again.keys() | set(left_out) == notes.keys()
    assert not again.keys() & set(left_out)
    for name, value in again.items():
        assert same(value, notes[name])
    for name in left_out:
        assert has_array_in_a_tuple(notes[name])


def test_what_only_a_pickle_could_hold_is_left_out():
    kept, left_out = encode_notes(
        {"loss": math.nan, "model": object(), "deep": [{"f": lambda x: x}], 5: "a"}
    )
    assert left_out == ["model", "deep", 5]
    assert math.isnan(decode_notes(kept)["loss"])


def test_notes_that_are_none_are_an_error():
    with pytest.raises(StorageError, match="cannot be read"):
        decode_notes({"a": {"array": "<f8", "shape": [7], "base64": "AAAA"}})
