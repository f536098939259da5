from __future__ import annotations

import tempfile
from pathlib import Path

import msgspec
import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import from_dtype, scalar_dtypes

from tunesmith.space import Categorical, Float, Int
from tunesmith.storage import open_storage
from tunesmith.storage.memory import MemoryStorage
from tunesmith.storage.met import decode_met, encode_met
from tunesmith.storage.values import decode, encode
from tunesmith.trial import EvaluationRecord, Met, Part, State, StudyHead, TrialRecord

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
counts = st.integers(0, 2**63 - 1)
floats = st.floats()
scores = st.none() | floats | st.dictionaries(texts, floats)
json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(texts, inner),
    max_leaves=10,
)
trials = st.builds(
    TrialRecord, number=counts, key=texts, params=st.dictionaries(texts, json, max_size=4)
)
evaluations = st.builds(
    EvaluationRecord,
    trial=counts,
    split=counts,
    attempt=counts,
    state=st.sampled_from(State),
    test_scores=scores,
    train_scores=scores,
    n_test_samples=counts,
    fit_time=floats,
    score_time=floats,
    error=st.none() | texts,
    ended=floats,
    reports=st.dictionaries(counts, floats).map(lambda found: tuple(sorted(found.items()))),
    met=st.none() | st.lists(st.dictionaries(texts, json, max_size=3), max_size=3),
    notes=st.none() | st.dictionaries(texts, json, max_size=3),
)
batches = st.lists(
    st.lists(trials | evaluations, max_size=6),
    max_size=4,
)
heads = st.builds(
    StudyHead,
    name=texts,
    kind=texts,
    parts=st.dictionaries(texts, st.builds(Part, digest=texts, text=texts)),
    facts=st.dictionaries(texts, json, max_size=4),
    created=floats,
)


def unique(records):
    """Keep what differs from all before it in each of its unique keys."""
    taken = set()
    for record in records:
        if isinstance(record, TrialRecord):
            names = {("number", record.number), ("key", record.key)}
        else:
            names = {(record.trial, record.split, record.attempt)}
        if not names & taken:
            taken |= names
            yield record


SIGNED = EvaluationRecord(0, 0, 0, State.COMPLETED, -0.0, {"a": -0.0}, 0, -0.0, -0.0, None, -0.0)


@settings(max_examples=30, deadline=None)
@example(StudyHead("s", "k", {}, {}, -0.0), [[SIGNED]])
@given(heads, batches)
def test_any_study_comes_back_from_any_storage(head, batches):
    flat = list(unique(record for batch in batches for record in batch))
    sizes = [len(batch) for batch in batches]
    with tempfile.TemporaryDirectory() as folder:
        sqlite = open_storage(Path(folder) / "s.db")
        for storage, kept in ((MemoryStorage(), lambda item: item), (sqlite, _unsigned)):
            storage.create(head)
            left = list(flat)
            for size in sizes:
                storage.append(head.name, *left[:size])
                del left[:size]
            assert repr(storage.studies()) == repr([kept(head)])
            read = list(storage.read(head.name))
            # By their text: NaN is not equal to itself, and -0.0 is equal to 0.0.
            found = [repr(record) for _, record in read]
            assert found == [repr(kept(record)) for record in flat]
            for i, (position, _) in enumerate(read):
                later = [p for p, _ in storage.read(head.name, after=position)]
                assert later == [p for p, _ in read[i + 1 :]]
        sqlite.close()


def _unsigned(item):
    """Take the sign off times of zero, as SQLite does; scores keep theirs."""
    times = ("fit_time", "score_time", "ended", "created")
    zeros = {name: 0.0 for name in times if getattr(item, name, None) == 0}
    return msgspec.structs.replace(item, **zeros)


numpy_scalars = scalar_dtypes().flatmap(
    lambda dtype: from_dtype(dtype.newbyteorder("=")).map(dtype.newbyteorder("=").type)
)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | floats | st.text() | numpy_scalars,
    lambda inner: (
        st.lists(inner)
        | st.lists(inner).map(tuple)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner)
    ),
    max_leaves=12,
)


def exactly(value):
    """Describe a value to the bit."""
    if isinstance(value, np.generic):
        return type(value), value.dtype, value.tobytes()
    if isinstance(value, list | tuple):
        return type(value), [exactly(item) for item in value]
    if isinstance(value, dict):
        return dict, [(key, exactly(item)) for key, item in value.items()]
    return type(value), repr(value)


dimensions = st.one_of(
    st.builds(
        lambda ends, log: Float(*sorted(ends), log=log),
        st.tuples(*[st.floats(1e-300, 1e300)] * 2),
        st.booleans(),
    ),
    st.builds(
        lambda ends, step: Int(*sorted(ends), step=step),
        st.tuples(*[st.integers(-(2**63), 2**64 - 1)] * 2),
        st.none() | st.integers(1, 2**63),
    ),
    st.lists(values, min_size=1, max_size=4).map(Categorical),
)


@settings(deadline=None)
@given(st.lists(st.builds(Met, name=texts, dimension=dimensions, value=values), max_size=3))
def test_what_is_met_comes_back_from_json(met):
    stored = encode_met(met)
    text = msgspec.json.encode(stored)
    assert msgspec.json.decode(text) == stored
    back = decode_met(msgspec.json.decode(text))
    assert repr(back) == repr(tuple(met))
    assert [one.dimension for one in back] == [one.dimension for one in met]


@settings(deadline=None)
@given(values)
def test_any_plain_value_comes_back_from_json(value):
    stored = encode(value)
    text = msgspec.json.encode(stored)
    assert msgspec.json.decode(text) == stored
    assert exactly(decode(msgspec.json.decode(text), {})) == exactly(value)
