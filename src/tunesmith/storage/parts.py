"""What a study is made from, part by part, so that two studies can be told apart."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tunesmith.exceptions import StudyMismatch, UnkeyableError
from tunesmith.keys import content_key
from tunesmith.trial import Part, StudyHead


def part(name: str, value: Any) -> Part:
    """Return one part: the content key of a value, or an error that names the part."""
    try:
        key = content_key(value)
    except UnkeyableError as error:
        raise UnkeyableError(
            f"a study must know what it was made from, but {name} cannot be told by its "
            f"content: {error}. Build it inside the estimator's own functions, or search "
            f"without storage=."
        ) from error
    return Part(digest=key.digest, text=key.text)


def check_same(
    head: StudyHead,
    kind: str,
    parts: Mapping[str, Part],
    where: str,
    setting: str = "study_name",
) -> None:
    """Check that a study is made from these parts; `setting` is what its name is given by.

    Raises
    ------
    StudyMismatch
        If not; says which parts differ, and how.
    """
    differences = [] if head.kind == kind else [f"it is a {head.kind}, this is a {kind}"]
    for name in sorted(head.parts.keys() | parts.keys()):
        before, now = head.parts.get(name), parts.get(name)
        if before is None or now is None:
            given = "only in this search" if before is None else "only in the study"
            differences.append(f"{name} is given {given}")
        elif before.digest != now.digest:
            if before.text == now.text:
                differences.append(f"{name} has other content ({now.text})")
            else:
                differences.append(f"{name} was {before.text} and is now {now.text}")
    if differences:
        listed = "\n".join(f"  - {difference}" for difference in differences)
        raise StudyMismatch(
            f"the study {head.name!r} in {where} was made from something else:\n{listed}\n"
            f"Give this search another {setting}=, or put back what has changed."
        )
