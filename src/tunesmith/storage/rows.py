"""Records as rows of the tables, and back."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

import msgspec
from sqlalchemy import Row

from tunesmith.exceptions import StorageError
from tunesmith.storage.records import from_json, to_json
from tunesmith.storage.schema import EVALUATIONS
from tunesmith.trial import EvaluationRecord, Part, Record, Reports, Scores, StudyHead, TrialRecord

T = TypeVar("T")

SPECIAL = ("nan", "inf", "-inf", "-0.0")
"""Doubles that not every database gives back, as Python writes them."""

Placed = Sequence[tuple[int, Record]]


def study_row(head: StudyHead) -> dict[str, Any]:
    """Return the row of a new study."""
    return {
        "name": head.name,
        "kind": head.kind,
        "created": _stored(head.created),
        "parts": to_json(msgspec.to_builtins(head.parts), "parts"),
        "facts": to_json(head.facts, "facts"),
        "last": 0,
    }


def to_head(row: Row[Any]) -> StudyHead:
    """Return the head of a study from its row."""
    what = f"the study {row.name!r}"
    fields = {
        "name": row.name,
        "kind": row.kind,
        "parts": from_json(row.parts, dict[str, Part], what),
        "facts": from_json(row.facts, dict[str, Any], what),
        "created": _double(row.created),
    }
    return _typed(fields, StudyHead, what)


def trial_rows(study: int, placed: Placed) -> list[dict[str, Any]]:
    """Return the rows of the trials among some records."""
    return [
        {
            "study": study,
            "position": position,
            "number": record.number,
            "key": record.key,
            "params": to_json(record.params, "params"),
        }
        for position, record in placed
        if isinstance(record, TrialRecord)
    ]


def to_trial(row: Row[Any]) -> TrialRecord:
    """Return a trial from its row."""
    what = f"the record at position {row.position}"
    params = from_json(row.params, dict[str, Any], what)
    return _typed({"number": row.number, "key": row.key, "params": params}, TrialRecord, what)


def evaluation_rows(study: int, placed: Placed) -> list[dict[str, Any]]:
    """Return the rows of the evaluations among some records, without their scores."""
    return [
        {
            "study": study,
            "position": position,
            "trial": record.trial,
            "split": record.split,
            "attempt": record.attempt,
            "state": str(record.state),
            "test": _form(record.test_scores),
            "train": _form(record.train_scores),
            "n_test_samples": record.n_test_samples,
            "fit_time": _stored(record.fit_time),
            "score_time": _stored(record.score_time),
            "error": record.error,
            "ended": _stored(record.ended),
            "met": None if record.met is None else to_json(record.met, "met"),
            "notes": None if record.notes is None else to_json(record.notes, "notes"),
        }
        for position, record in placed
        if isinstance(record, EvaluationRecord)
    ]


def score_rows(study: int, placed: Placed) -> list[dict[str, Any]]:
    """Return the rows of the scores and reports among some records."""
    return [
        {
            "study": study,
            "position": position,
            "part": part,
            "place": place,
            "metric": metric,
            "value": None if (special := repr(score)) in SPECIAL else score,
            "special": special if special in SPECIAL else None,
        }
        for position, record in placed
        if isinstance(record, EvaluationRecord)
        for part, scores in (
            ("test", _by_metric(record.test_scores)),
            ("train", _by_metric(record.train_scores)),
            ("report", {str(step): value for step, value in record.reports}),
        )
        for place, (metric, score) in enumerate(scores.items())
    ]


def to_evaluations(
    rows: Iterable[Row[Any]], scores: Iterable[Row[Any]]
) -> Iterable[tuple[int, EvaluationRecord]]:
    """Yield (position, evaluation) from the rows of both tables, scores in their order."""
    found: defaultdict[tuple[int, str], dict[str, float]] = defaultdict(dict)
    for row in scores:
        found[row.position, row.part][row.metric] = _score(row)
    names = [str(column.name) for column in EVALUATIONS.columns]
    for row in rows:
        what = f"the record at position {row.position}"
        fields: dict[str, Any] = dict(zip(names, row, strict=True))
        fields["test_scores"] = _read(row.test, found[row.position, "test"], what)
        fields["train_scores"] = _read(row.train, found[row.position, "train"], what)
        for name in ("fit_time", "score_time", "ended"):
            fields[name] = _double(fields[name])
        fields["reports"] = _steps(found[row.position, "report"], what)
        if row.met is not None:
            fields["met"] = from_json(row.met, list[dict[str, Any]], what)
        if row.notes is not None:
            fields["notes"] = from_json(row.notes, dict[str, Any], what)
        yield row.position, _typed(fields, EvaluationRecord, what)


def _typed(fields: dict[str, Any], type_: type[T], what: str) -> T:
    try:
        return msgspec.convert(fields, type_)
    except msgspec.ValidationError as error:
        raise StorageError(f"{what} cannot be read: {error}.") from error


def _stored(value: float) -> float | None:
    return None if math.isnan(value) else value


def _double(value: float | None) -> float:
    return math.nan if value is None else value


def _form(scores: Scores | None) -> str:
    if scores is None:
        return "none"
    return "many" if isinstance(scores, dict) else "one"


def _by_metric(scores: Scores | None) -> dict[str, float]:
    if scores is None:
        return {}
    return scores if isinstance(scores, dict) else {"score": scores}


def _score(row: Row[Any]) -> float:
    if row.special in SPECIAL:
        return float(row.special)
    if row.special is None and isinstance(row.value, float):
        return row.value
    raise StorageError(f"the record at position {row.position} cannot be read: a score is none.")


def _steps(reports: dict[str, float], what: str) -> Reports:
    try:
        return tuple((int(step), value) for step, value in reports.items())
    except ValueError as error:
        raise StorageError(f"{what} cannot be read: a step of a report is none.") from error


def _read(form: str, scores: dict[str, float], what: str) -> Scores | None:
    if form == "many":
        return scores
    if form == "one" and len(scores) == 1:
        return next(iter(scores.values()))
    if form == "none" and not scores:
        return None
    raise StorageError(f"{what} cannot be read: it has {len(scores)} scores of the form {form!r}.")
