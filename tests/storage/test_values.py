from __future__ import annotations

import enum
import math
import struct
from collections import namedtuple

import msgspec
import numpy as np
import pytest
from sklearn.svm import SVC

from tunesmith.exceptions import StorageError, UnkeyableError
from tunesmith.keys import content_key
from tunesmith.storage.values import decode, encode


def through_json(value, choices=()):
    keyed = {content_key(choice).digest: choice for choice in choices}
    return decode(msgspec.json.decode(msgspec.json.encode(encode(value))), keyed)


@pytest.mark.parametrize(
    "value",
    [
        *(None, True, False, 0, 1, -1, 2**63 - 1, -(2**63), 2**63, -(2**63) - 1, 10**5000),
        *(0.0, 1.0, 0.1, 1e16, 5e-324, 1.7976931348623157e308, math.inf, -math.inf),
        *("", "relu", "1", "NaN", "ü🙂\n\0", "\ud800", "a\udcff"),
        *([], [32, 32], (), (3, 3), [(1, [2.0, "x"]), []], {}, {"lr": [0.1, (2,)]}),
        # What looks like a stored form is a value like any other.
        *({"key": "d", "text": "t"}, {"int": "0x1"}, {"tuple": [1]}, {"dict": {"dict": {}}}),
    ],
    ids=lambda value: repr(value)[:30] if not isinstance(value, int) else hex(value)[:20],
)
def test_plain_value_comes_back(value):
    back = through_json(value)
    assert type(back) is type(value)
    assert back == value
    if not isinstance(value, int):
        assert repr(back) == repr(value)


def test_float_keeps_what_equality_does_not_see():
    assert math.copysign(1, through_json(-0.0)) == -1
    assert math.isnan(through_json(math.nan))


@pytest.mark.parametrize("code", "?bBhHiIlLqQefdgFDG")
def test_numpy_number_comes_back_with_its_type_and_bits(code):
    kind = np.dtype(code).type
    for value in (kind(0), kind(1), np.ones(1, code)[0] / 3 if code in "efdgFDG" else kind(1)):
        back = through_json(value)
        assert type(back) is type(value) is kind
        assert back == value
        if code not in "gG":  # Theirs are padded with anything.
            assert back.tobytes() == value.tobytes()


def test_numpy_nan_keeps_its_payload():
    value = np.frombuffer(struct.pack("<Q", 0x7FF8_0000_0000_BEEF), "<f8")[0]
    assert through_json(value).tobytes() == value.tobytes()


@pytest.mark.parametrize(
    "value",
    [
        np.float64("-inf"),
        np.float32("nan"),
        np.str_("ü🙂"),
        np.str_(""),
        np.str_("a\0"),
        np.str_("\udcff"),
        np.bytes_(b"\xff\0"),
        np.datetime64("2026-01-02T03:04:05", "s"),
        np.datetime64("NaT"),
        np.timedelta64(5, "ms"),
        np.timedelta64(5, "25s"),
    ],
    ids=repr,
)
def test_other_numpy_scalar_comes_back(value):
    back = through_json(value)
    assert type(back) is type(value)
    assert back.dtype == value.dtype
    assert back.tobytes() == value.tobytes()


class Colour(enum.IntEnum):
    RED = 1


Pair = namedtuple("Pair", "a b")


def make_model(units=3):
    return units


@pytest.mark.parametrize(
    "value",
    [SVC(C=2.0), make_model, Colour.RED, Pair(1, 2), b"bytes", 1j, {1: 2}, frozenset({1})],
    ids=lambda value: type(value).__name__,
)
def test_other_value_comes_back_from_the_script(value):
    stored = encode(value)
    assert set(stored) == {"key", "text"}
    others = [SVC(C=1.0), None, 1, (1, 2)]
    assert through_json(value, [*others, value]) is value
    assert through_json([value, {"x": value}], [value]) == [value, {"x": value}]


def test_value_the_script_lacks_is_named():
    with pytest.raises(StorageError, match=r"the study holds SVC\(C=2\.0.*does not supply"):
        through_json(SVC(C=2.0), [SVC(C=1.0)])


def test_value_without_content_is_refused():
    with pytest.raises(UnkeyableError):
        encode([(i for i in range(3))])


def test_endless_value_is_refused():
    endless = []
    endless.append(endless)
    with pytest.raises(StorageError, match="nested too deeply"):
        encode(endless)


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"int": "many"},
        {"int": 3},
        {"float": "1.0"},
        {"tuple": {}},
        {"dict": []},
        {"str": "zz"},
        {"odd": 1},
        {"numpy": "O", "bytes": "0000000000000000"},
        {"numpy": "V8", "bytes": "0000000000000000"},
        {"numpy": "f8,O", "bytes": "0000000000000000"},
        {"numpy": "d", "bytes": "00"},
        {"numpy": "M8[odd]", "bytes": "0000000000000000"},
        {"numpy": "", "bytes": ""},
    ],
    ids=repr,
)
def test_form_that_is_none_of_ours_is_refused(data):
    with pytest.raises(StorageError, match="a stored value cannot be read"):
        decode(data, {})
