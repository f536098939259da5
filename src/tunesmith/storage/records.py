"""What a storage takes: records of plain values, so that what is read is what was given."""

from __future__ import annotations

import numbers
import operator
from itertools import pairwise
from typing import Any, TypeVar

import msgspec

from tunesmith.exceptions import StorageError
from tunesmith.trial import (
    EvaluationRecord,
    Part,
    Record,
    Reports,
    Scores,
    State,
    StudyHead,
    TrialRecord,
)

T = TypeVar("T")


def plain(record: Record) -> Record:
    """Return a record of the same content that shares nothing with the one given.

    Numbers become Python's own: a numpy scalar would be stored as its raw bytes.

    Raises
    ------
    StorageError
        If a field holds what a storage cannot give back as it was; names the field.
    """
    if isinstance(record, TrialRecord):
        what = f"params of trial {record.number}"
        return TrialRecord(
            number=_count("number", record.number),
            key=_text("key", record.key),
            params=from_json(to_json(record.params, what), dict[str, Any], what),
        )
    if isinstance(record, EvaluationRecord):
        return EvaluationRecord(
            trial=_count("trial", record.trial),
            split=_count("split", record.split),
            attempt=_count("attempt", record.attempt),
            state=State(record.state),
            test_scores=_scores("test_scores", record.test_scores),
            train_scores=_scores("train_scores", record.train_scores),
            n_test_samples=_count("n_test_samples", record.n_test_samples),
            fit_time=_real("fit_time", record.fit_time),
            score_time=_real("score_time", record.score_time),
            error=None if record.error is None else _readable(record.error),
            ended=_real("ended", record.ended),
            reports=_reports(record.reports),
            met=None if record.met is None else _met(record),
            notes=None if record.notes is None else _notes(record),
        )
    raise StorageError(
        f"a study holds TrialRecord and EvaluationRecord, not {type(record).__name__}."
    )


def plain_head(head: StudyHead) -> StudyHead:
    """Return a study head of the same content that shares nothing with the one given.

    Raises
    ------
    StorageError
        As for `plain`.
    """
    what = f"facts of the study {head.name!r}"
    return StudyHead(
        name=_text("name", head.name),
        kind=_text("kind", head.kind),
        parts={
            _text("part", name): Part(digest=_text(name, part.digest), text=_readable(part.text))
            for name, part in head.parts.items()
        },
        facts=from_json(to_json(head.facts, what), dict[str, Any], what),
        created=_real("created", head.created),
    )


def to_json(value: Any, what: str) -> str:
    """Return the JSON text of a value, which reads back as an equal value.

    Raises
    ------
    StorageError
        If it would not: JSON knows no NaN, no tuple, no object of a class.
    """
    try:
        text = msgspec.json.encode(value)
        exact = bool(msgspec.json.decode(text) == value)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise StorageError(f"{what} cannot be written as JSON: {error}.") from error
    if not exact:
        raise StorageError(
            f"{what} would not come back from JSON as they are. Give lists in place of tuples, "
            f"text for keys, and pass parameter values through tunesmith.storage.values.encode."
        )
    return text.decode()


def from_json(text: str, type_: type[T], what: str) -> T:
    """Return the value of a JSON text.

    Raises
    ------
    StorageError
        If the text is not JSON of that type.
    """
    try:
        return msgspec.json.decode(text, type=type_)
    except (msgspec.MsgspecError, TypeError, ValueError, RecursionError) as error:
        raise StorageError(f"{what} cannot be read: {error}.") from error


def _count(field: str, value: Any) -> int:
    try:
        count = int(operator.index(value))
    except TypeError:
        raise StorageError(f"{field} must be an integer, not {value!r}.") from None
    if not 0 <= count < 2**63:
        raise StorageError(f"{field} must be at least 0 and below 2**63, not {count}.")
    return count


def _real(field: str, value: Any) -> float:
    if type(value) is float:
        return value
    if isinstance(value, numbers.Real):
        try:
            return float(value)
        except OverflowError:
            pass
    raise StorageError(f"{field} must be a number that a double can hold, not {value!r}.")


def _scores(field: str, scores: Any) -> Scores | None:
    if scores is None:
        return None
    if isinstance(scores, dict):
        return {
            _text("metric", metric): _real(f"{field}[{metric!r}]", score)
            for metric, score in scores.items()
        }
    return _real(field, scores)


def _reports(given: Reports) -> Reports:
    reports = tuple((_count("step", step), _real("report", value)) for step, value in given)
    for (before, _), (step, _) in pairwise(reports):
        if step <= before:
            raise StorageError(f"steps of reports have to grow, but {step} comes after {before}.")
    return reports


def _met(record: EvaluationRecord) -> list[dict[str, Any]]:
    what = f"what trial {record.trial} has met"
    return from_json(to_json(record.met, what), list[dict[str, Any]], what)


def _notes(record: EvaluationRecord) -> dict[str, Any]:
    what = f"the notes of trial {record.trial}"
    return from_json(to_json(record.notes, what), dict[str, Any], what)


def _text(field: str, value: Any) -> str:
    if isinstance(value, str):
        text = str(value)
        if _readable(text) == text:
            return text
    raise StorageError(f"{field} must be text without NUL and lone surrogates, not {value!r}.")


def _readable(text: str) -> str:
    """Spell out what no database's text can hold: NUL, and surrogates from a file's name."""
    return str(text).encode("utf-8", "backslashreplace").decode().replace("\0", r"\x00")
