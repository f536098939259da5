"""A study file that the trials of a search are written to as they end."""

from __future__ import annotations

import time
import warnings
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol, Self

from tunesmith.compat.hyperopt.miscs import spec_from_misc
from tunesmith.compat.hyperopt.search_space import SearchSpace
from tunesmith.compat.hyperopt.states import (
    JOB_STATE_DONE,
    JOB_STATE_ERROR,
    STATUS_OK,
)
from tunesmith.exceptions import StudyMismatch
from tunesmith.storage import open_storage
from tunesmith.storage.journal import Journal
from tunesmith.storage.notes import decode_notes, encode_notes
from tunesmith.storage.parts import check_same, part
from tunesmith.storage.values import decode, encode
from tunesmith.trial import EvaluationRecord, State, StudyHead

if TYPE_CHECKING:
    from tunesmith.compat.hyperopt.trials import Trials

Document = dict[str, Any]

_KIND = _NAME = "fmin"


class Saving(Protocol):
    """Keeps the trials of a search."""

    def load(self, trials: Trials) -> int:
        """Add what was kept to trials, and the other way round; return how many were added."""

    def keep(self, trials: Trials) -> None:
        """Keep trials that are new."""

    def end(self, document: Document, trials: Trials) -> None:
        """Keep what has become of a trial. Returns at once."""

    def __enter__(self) -> Self:
        """Return itself."""

    def __exit__(self, *exc: object) -> None:
        """Wait until all is kept."""


class Unsaved:
    """Keeps nothing."""

    def load(self, trials: Trials) -> int:
        """Add nothing."""
        return 0

    def keep(self, trials: Trials) -> None:
        """Keep nothing."""

    def end(self, document: Document, trials: Trials) -> None:
        """Keep nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        pass


class StudyFile:
    """A study, of which each trial of Hyperopt's is a trial.

    Parameters
    ----------
    place : str
        A path, or the URL of a database.
    space : SearchSpace
        What is searched.

    Raises
    ------
    StorageError
        If what is there is no study file.
    StudyMismatch
        If the study there searches something else.
    """

    def __init__(self, place: str, space: SearchSpace) -> None:
        self._labels = list(space.hyperparameters)
        parts = {
            label: part(label, repr(hyperparameter.dimension))
            for label, hyperparameter in space.hyperparameters.items()
        }
        self._storage = open_storage(place)
        self._left_out: set[str] = set()
        self._kept: set[int] = set()
        self._n_looked_at = 0
        try:
            head = next((h for h in self._storage.studies() if h.name == _NAME), None)
            if head is None:
                head = StudyHead(_NAME, _KIND, parts, {}, created=time.time())
                self._storage.create(head)
            check_same(head, _KIND, parts, place, setting="trials_save_file")
            self._journal = Journal(self._storage, _NAME)
        except BaseException:
            self._storage.close()
            raise

    def load(self, trials: Trials) -> int:
        """Add the trials of the study to others, and the others to the study.

        Returns
        -------
        int
            How many were added to `trials`.

        Raises
        ------
        StudyMismatch
            If they have a trial in common that is not the same.
        """
        there = {document["tid"]: document for document in trials._dynamic_trials}
        stored = {document["tid"]: document for document in self._documents(trials)}
        for tid in there.keys() & stored.keys():
            given, kept = (spec_from_misc(docs[tid]["misc"]) for docs in (there, stored))
            if given != kept:
                raise StudyMismatch(
                    f"trial {tid} is {kept} in the file and {given} in trials=; give another "
                    "trials_save_file="
                )
        trials.insert_trial_docs(doc for tid, doc in stored.items() if tid not in there)
        self._kept.update(stored)
        self.keep(trials)
        trials.refresh()
        return len(stored.keys() - there.keys())

    def keep(self, trials: Trials) -> None:  # noqa: D102
        documents = trials._dynamic_trials
        first = min(self._n_looked_at, len(documents))  # some may have been deleted
        new = [doc for doc in documents[first:] if doc["tid"] not in self._kept]
        self._n_looked_at = len(documents)
        if not new:
            return
        self._journal.enroll(list(map(_trial, new)))
        self._kept.update(document["tid"] for document in new)
        for document in new:
            if document["state"] in (JOB_STATE_DONE, JOB_STATE_ERROR):
                self.end(document, trials)

    def end(self, document: Document, trials: Trials) -> None:  # noqa: D102
        (number,) = self._journal.enroll([_trial(document)])
        self._kept.add(document["tid"])
        notes, left_out = _notes(document, trials)
        self._warn(left_out)
        failed = document["state"] == JOB_STATE_ERROR
        loss = document["result"].get("loss")
        self._journal.append(
            EvaluationRecord(
                trial=number,
                split=0,
                attempt=0,
                state=State.FAILED if failed else State.COMPLETED,
                test_scores=None if loss is None else {"loss": float(loss)},
                train_scores=None,
                n_test_samples=0,
                fit_time=_seconds(document),
                score_time=0.0,
                error=": ".join(document["misc"]["error"]) if failed else None,
                ended=_timestamp(document["refresh_time"]),
                notes=notes,
            )
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        try:
            self._journal.close()
        finally:
            self._storage.close()

    def _documents(self, trials: Trials) -> list[Document]:
        made = []
        for record in self._journal.trials:
            values = {label: decode(value, {}) for label, value in record.params.items()}
            (document,) = trials.documents_of([int(record.key)], [values], self._labels)
            evaluation = self._journal.found.get((record.number, 0))
            if evaluation is not None:
                _fill(document, evaluation, trials)
            made.append(document)
        return made

    def _warn(self, left_out: list[str]) -> None:
        if new := sorted(set(left_out) - self._left_out):
            self._left_out.update(new)
            warnings.warn(
                f"a study file cannot hold {', '.join(new)} of the results: it holds text, "
                "numbers, bytes, arrays of numbers or text, and lists, tuples and dicts of these "
                "whose keys are text",
                stacklevel=2,
            )


def _trial(document: Document) -> tuple[str, dict[str, Any]]:
    """Return the key and the parameters of a trial."""
    values = spec_from_misc(document["misc"])
    return str(document["tid"]), {label: encode(value) for label, value in values.items()}


def _notes(document: Document, trials: Trials) -> tuple[dict[str, Any], list[str]]:
    result = {name: v for name, v in document["result"].items() if name != "loss"}
    start = trials.aname(document, "")
    attached = {
        name.removeprefix(start): value
        for name, value in trials.attachments.items()
        if name.startswith(start)
    }
    error = list(document["misc"].get("error", ()))
    notes: dict[str, Any] = {"error": error}
    left_out = []
    for kind, values in {"result": result, "attachments": attached}.items():
        notes[kind], names = encode_notes(values)
        left_out += [f"{kind}[{name!r}]" for name in names]
    return notes, left_out


def _fill(document: Document, evaluation: EvaluationRecord, trials: Trials) -> None:
    """Write what the study knows of a trial into its document."""
    notes = evaluation.notes or {}
    result = decode_notes(notes.get("result", {}))
    scores = evaluation.test_scores
    if isinstance(scores, dict):
        result = {"loss": scores["loss"], "status": STATUS_OK} | result
    document["result"] = result
    document["state"] = JOB_STATE_DONE
    if evaluation.state is State.FAILED:
        document["state"] = JOB_STATE_ERROR
        document["misc"]["error"] = tuple(notes.get("error", ()))
    document["refresh_time"] = _time(evaluation.ended)
    document["book_time"] = _time(evaluation.ended - evaluation.fit_time)
    for name, value in decode_notes(notes.get("attachments", {})).items():
        trials.trial_attachments(document)[name] = value


def _seconds(document: Document) -> float:
    begun, ended = document["book_time"], document["refresh_time"]
    return (ended - begun).total_seconds() if begun and ended else 0.0


def _timestamp(moment: datetime | None) -> float:
    return moment.replace(tzinfo=UTC).timestamp() if moment else time.time()


def _time(timestamp: float) -> datetime:
    return datetime.fromtimestamp(round(timestamp, 3), UTC).replace(tzinfo=None)
