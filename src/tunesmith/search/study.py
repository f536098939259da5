"""A search's study: found or made when the search starts, and used when it resumes."""

from __future__ import annotations

import base64
import hashlib
import secrets
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from types import TracebackType
from typing import Any, Self

import numpy as np

from tunesmith.evaluation.crossval import CrossValidation
from tunesmith.evaluation.fold import Split
from tunesmith.evaluation.seeds import unseeded
from tunesmith.exceptions import Conflict, StudyMismatch
from tunesmith.keys import content_key
from tunesmith.search.candidates import Params
from tunesmith.search.identity import parts_of, trial_digest
from tunesmith.storage import Storage, open_storage
from tunesmith.storage.journal import Journal
from tunesmith.storage.parts import check_same, part
from tunesmith.storage.recorder import StudyRecorder, Written
from tunesmith.storage.values import decode
from tunesmith.trial import Part, StudyHead


class SearchStudy:
    """The study that a search writes to.

    Parameters
    ----------
    search : BaseSearch
        Its ``storage``, ``study_name`` and class say where the study is.
    task : Task
        What the study is made from.

    Attributes
    ----------
    name : str
        Name of the study.
    splits : list of (train, test)
        Those of the study where the script's splitter would draw others.
    threads_per_worker : int or None
        With how many threads its evaluations are computed, once that is settled.
    """

    def __init__(self, search: Any, task: Any) -> None:
        self.where = str(search.storage)
        self._draw_seed = search._draw_seed
        self._is_unseeded = bool(unseeded(task.estimator))
        self._storage: Storage = open_storage(search.storage)
        self._owned = self._storage is not search.storage
        self._kind = type(search).__name__
        parts = parts_of(
            estimator=task.estimator,
            X=task.X,
            y=task.y,
            cv=task.cv,
            scoring={"scoring": search.scoring, "train": search.return_train_score},
            routed=_routed_parts(task.routed),
        )
        if search.sharing == "rounding":
            parts["sharing"] = part("sharing", search.sharing)
        if (space := search._drawn_without_seed()) is not None:
            # The study's points stand for draws from this space, and from no other.
            parts["space"] = part("space", space)
        self.name = search.study_name or f"{self._kind}-{_digest(parts)[:12]}"
        head = self._find()
        self.splits = self._drawn_splits(head) or task.split()
        self._unseeded = _draws_anew(task.cv)
        if not self._unseeded:
            parts["splits"] = part("splits", self.splits)
        if head is not None:
            check_same(head, self._kind, parts, self.where)
        self._parts = parts
        self._head = head
        self.threads_per_worker: int | None = head.facts["threads_per_worker"] if head else None
        self.journal: Journal
        self._written: Written = {}

    def settle(self, threads_per_worker: int | None, more: Mapping[str, Any]) -> None:
        """Make the study, if it is new, with what is now known; open it for writing.

        Parameters
        ----------
        threads_per_worker : int or None
            Threads of the numerical libraries.
        more : mapping of str to object
            What else a new study keeps.

        Raises
        ------
        StudyMismatch
            If the study's evaluations are computed with another number of threads.
        """
        if self._head is None:
            facts: dict[str, Any] = {
                "threads_per_worker": threads_per_worker,
                "seed": self._draw_seed() if self._is_unseeded else secrets.randbits(31),
                **more,
            }
            if self._unseeded:
                facts["splits"] = _pack(self.splits)
            head = StudyHead(self.name, self._kind, self._parts, facts, created=time.time())
            try:
                self._storage.create(head)
            except Conflict:
                head = self._find_again(head)
            self._head = head
        stored = self._head.facts["threads_per_worker"]
        if None not in (stored, threads_per_worker) and stored != threads_per_worker:
            raise StudyMismatch(
                f"the study {self.name!r} in {self.where} is computed with "
                f"threads_per_worker={stored}, and this search asks for {threads_per_worker}; "
                f"numerical libraries give other bits for another number of threads. Leave "
                f"threads_per_worker out, or give this search another study_name=."
            )
        self.journal = Journal(self._storage, self.name)

    @property
    def facts(self) -> Mapping[str, Any]:
        """What was drawn once, and stays."""
        assert self._head is not None
        return self._head.facts

    @property
    def seed(self) -> int:
        """What estimators without a seed are seeded from."""
        return int(self.facts["seed"])

    def recorder(
        self, evaluator: CrossValidation, on_found: Callable[[int], None]
    ) -> StudyRecorder:
        """Return what records the evaluations of an evaluator, and tells how many it found."""
        splits = evaluator.splits
        context = part("splits", splits).digest
        return StudyRecorder(
            self.journal,
            self._written,
            len(splits),
            partial(trial_digest, splits=context),
            evaluator.failed,
            on_found,
        )

    def go_on(self, drawn: list[Params], listed: Iterable[Any]) -> list[Params]:
        """Return the points the study has drawn, in its order, then fresh ones.

        Parameters
        ----------
        drawn : list of mapping
            Fresh points, as many as are wanted in all.
        listed : iterable of object
            The values the script's space lists: an estimator or a function comes back
            as the script's own, found by its content.
        """
        choices = {content_key(value).digest: value for value in listed}
        stored = [
            {name: decode(data, choices) for name, data in trial.params.items()}
            for trial in self.journal.trials
        ][: len(drawn)]
        held = Counter(content_key(params).digest for params in stored)
        fresh = []
        for params in drawn:
            digest = content_key(params).digest
            if held[digest]:
                held[digest] -= 1  # a distribution may well draw a point twice
            else:
                fresh.append(params)
        return [*stored, *fresh[: len(drawn) - len(stored)]]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if hasattr(self, "journal"):
                self.journal.__exit__(kind, error, trace)
        finally:
            if self._owned:
                self._storage.close()

    def _find(self) -> StudyHead | None:
        return next((head for head in self._storage.studies() if head.name == self.name), None)

    def _find_again(self, ours: StudyHead) -> StudyHead:
        """Return the head that another driver made while we were about to."""
        head = self._find()
        if head is None:
            raise Conflict(f"the study {self.name!r} in {self.where} was made and removed again")
        check_same(head, self._kind, ours.parts, self.where)
        self.splits = self._drawn_splits(head) or self.splits
        return head

    def _drawn_splits(self, head: StudyHead | None) -> list[Split] | None:
        packed = head and head.facts.get("splits")
        return _unpack(packed) if packed else None


def _draws_anew(cv: Any) -> bool:
    """Whether a splitter draws other splits each time it is asked."""
    return getattr(cv, "shuffle", True) and getattr(cv, "random_state", 0) is None


def _digest(parts: Mapping[str, Part]) -> str:
    text = "\n".join(f"{name}={parts[name].digest}" for name in sorted(parts))
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def _routed_parts(routed: Any) -> dict[str, Any]:
    """Return the metadata of a fit by the names users know it under."""
    groups = {"fit parameter": routed.estimator.fit, "splitter parameter": routed.splitter.split}
    groups["scorer parameter"] = routed.scorer.score
    return {
        f"{group} {name}": value
        for group, values in groups.items()
        for name, value in sorted(values.items())
    }


def _pack(splits: list[Split]) -> list[list[str]]:
    return [[_pack_indices(train), _pack_indices(test)] for train, test in splits]


def _pack_indices(indices: Any) -> str:
    indices = np.asarray(indices)
    if indices.dtype == bool:
        indices = np.flatnonzero(indices)
    data = np.ascontiguousarray(indices, dtype="<i8").tobytes()
    return base64.b64encode(zlib.compress(data)).decode()


def _unpack(packed: list[list[str]]) -> list[Split]:
    return [(_unpack_indices(train), _unpack_indices(test)) for train, test in packed]


def _unpack_indices(text: str) -> Any:
    data = zlib.decompress(base64.b64decode(text))
    return np.frombuffer(data, dtype="<i8").astype(np.intp)
