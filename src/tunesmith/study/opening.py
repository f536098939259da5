"""Find a study of trials in a storage, or make it."""

from __future__ import annotations

import secrets
import time
from typing import Any

from tunesmith.exceptions import Conflict, StudyMismatch
from tunesmith.storage import Storage
from tunesmith.storage.parts import check_same, part
from tunesmith.study.purpose import Purpose
from tunesmith.trial import StudyHead

_KIND = "Study"


def opened_head(
    storage: Storage,
    name: str,
    purpose: Purpose,
    random_state: int | None,
    in_flight: int | None,
) -> StudyHead:
    """Return the head of a study, which is made where there is none of the name.

    Its facts are the seed and the window.

    Raises
    ------
    StudyMismatch
        If the study is something else, or has another seed or window than is asked for.
    """
    parts = {"direction": part("direction", purpose.direction)}
    if purpose.names:
        parts["objectives"] = part("objectives", list(purpose.names))
    head = _find(storage, name)
    if head is None:
        seed = secrets.randbits(31) if random_state is None else int(random_state)
        facts = {"seed": seed, "in_flight": None if in_flight is None else int(in_flight)}
        head = StudyHead(name, _KIND, parts, facts, created=time.time())
        try:
            storage.create(head)
        except Conflict:
            head = _find(storage, name)
    if head is None:
        raise StudyMismatch(f"the study {name!r} in {storage} was made and removed again")
    check_same(head, _KIND, parts, str(storage), setting="name")
    _check_fact(head, storage, "random_state", head.facts["seed"], random_state)
    _check_fact(head, storage, "in_flight", head.facts["in_flight"], in_flight)
    return head


def _check_fact(head: StudyHead, storage: Storage, setting: str, kept: Any, given: Any) -> None:
    if given is not None and given != kept:
        raise StudyMismatch(
            f"the study {head.name!r} in {storage} was made with {setting}={kept}, and {given} is "
            f"asked for now. Leave {setting}= out, or give another name=."
        )


def _find(storage: Storage, name: str) -> StudyHead | None:
    return next((head for head in storage.studies() if head.name == name), None)
