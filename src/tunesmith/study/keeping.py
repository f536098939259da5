"""Where the trials of a function are kept, if they are."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from tunesmith.evaluation.function import FunctionEvaluator
from tunesmith.exceptions import Conflict, StudyMismatch
from tunesmith.keys import content_key
from tunesmith.progress import Progress
from tunesmith.storage import Storage, open_storage
from tunesmith.storage.journal import Journal
from tunesmith.storage.parts import check_same, part
from tunesmith.storage.recorder import StudyRecorder
from tunesmith.study.purpose import Purpose
from tunesmith.study.result import Function
from tunesmith.trial import Part, StudyHead


@contextmanager
def open_study(
    storage: Any, name: str | None, purpose: Purpose, function: Function
) -> Iterator[_Unkept | _Kept]:
    """Open the study of a search, and close it."""
    if storage is None:
        yield _Unkept()
        return
    parts = {"function": part("function", function)}
    if purpose.names:
        parts["objectives"] = part("objectives", list(purpose.names))
    opened = open_storage(storage)
    kept = _Kept(opened, str(storage), name, purpose.direction, parts)
    try:
        yield kept
    finally:
        try:
            kept.close()
        finally:
            if opened is not storage:
                opened.close()


class _Unkept:
    """Stands in for a study where nothing is kept."""

    how_to_go_on = 'To be able to go on from here next time, give storage="FILE.db".'

    def facts(self, random_state: int | None, in_flight: int) -> Mapping[str, Any]:
        seed = secrets.randbits(31) if random_state is None else random_state
        return {"seed": seed, "in_flight": in_flight}

    def recorder(self, evaluator: FunctionEvaluator, display: Progress, n: int) -> None:
        return None


class _Kept:
    """The study of a function: found or made, and written to."""

    def __init__(
        self,
        storage: Storage,
        where: str,
        name: str | None,
        direction: str,
        parts: Mapping[str, Part],
    ) -> None:
        self._storage, self._where = storage, where
        self._kind, self._parts = direction, dict(parts)
        self._name = name or f"{direction}-{parts['function'].digest[:12]}"
        self._journal: Journal | None = None

    @property
    def how_to_go_on(self) -> str:
        return f"Call it again to go on from the study {self._name!r} in {self._where}."

    def facts(self, random_state: int | None, in_flight: int) -> Mapping[str, Any]:
        """Return what was drawn once for the study; make it, if it is new.

        Raises
        ------
        StudyMismatch
            If it was made from something else.
        """
        head = self._find()
        if head is None:
            seed = secrets.randbits(31) if random_state is None else int(random_state)
            facts = {"seed": seed, "in_flight": in_flight}
            head = StudyHead(self._name, self._kind, self._parts, facts, created=time.time())
            try:
                self._storage.create(head)
            except Conflict:
                head = self._find()
        if head is None:
            raise StudyMismatch(f"the study {self._name!r} was made and removed again")
        check_same(head, self._kind, self._parts, self._where)
        return head.facts

    def recorder(self, evaluator: FunctionEvaluator, display: Progress, n: int) -> StudyRecorder:
        """Return what records the trials, and tells how many it found."""

        def found(count: int) -> None:
            text = f"study {self._name!r}: {count} of {n} trials found, {n - count} to run"
            display.found(count, text)

        self._journal = Journal(self._storage, self._name)
        # Where all parameters are met in the function, the seed is all that tells trials apart.
        beside = {} if evaluator.names else {"": evaluator.seed}

        def digest(params: Mapping[str, Any]) -> str:
            return content_key({**params, **beside}).digest

        return StudyRecorder(self._journal, {}, 1, digest, evaluator.failed, found)

    def close(self) -> None:
        if self._journal is not None:
            self._journal.close()

    def _find(self) -> StudyHead | None:
        return next((h for h in self._storage.studies() if h.name == self._name), None)
