"""What every storage must pass."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from typing import Any

import msgspec

from tunesmith.exceptions import Conflict, StorageError, StudyNotFound
from tunesmith.storage import Storage
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


def check_storage(
    factory: Callable[[], Storage], *, reopen: Callable[[Storage], Storage] | None = None
) -> None:
    """Check that a storage keeps the contract of `tunesmith.storage.Storage`.

    Records come back by value and in order, after any position; unique keys are; an
    append is all or nothing; scores of every kind, reports, parameters met and texts of any length
    survive; threads may write and read at once; and a trial has one holder at a time, until its
    lease runs out.

    Parameters
    ----------
    factory : callable
        Returns a new storage without studies.
    reopen : callable, default=None
        Takes a storage, closes it, returns another on the same studies. Leave it out for
        a storage that keeps nothing once it is closed.

    Raises
    ------
    AssertionError
        If the contract is broken; the message says where.

    Examples
    --------
    >>> from tunesmith.storage.memory import MemoryStorage
    >>> from tunesmith.testing.storage import check_storage
    >>> check_storage(MemoryStorage)
    """
    for check in (
        _check_studies,
        _check_order,
        _check_values,
        _check_reports,
        _check_by_value,
        _check_conflicts,
        _check_refusals,
        _check_threads,
        _check_leases,
        _check_races,
    ):
        storage = factory()
        assert isinstance(storage, Storage), f"{storage!r} lacks a method of Storage"
        assert storage.studies() == [], f"{storage!r} is not empty"
        check(storage)
        _check_close(storage)
    if reopen is not None:
        _check_reopening(factory(), reopen)


def _head(name: str) -> StudyHead:
    return StudyHead(name, "GridSearchCV", parts={"X": Part("d", "X")}, facts={}, created=1.5)


def _trial(number: int) -> TrialRecord:
    return TrialRecord(number, key=f"key {number}", params={"C": number})


def _evaluation(
    trial: int,
    split: int = 0,
    attempt: int = 0,
    *,
    scores: Scores | None = 0.5,
    error: str | None = None,
    reports: Reports = (),
    met: list[dict[str, Any]] | None = None,
    notes: dict[str, Any] | None = None,
) -> EvaluationRecord:
    return EvaluationRecord(
        trial=trial,
        split=split,
        attempt=attempt,
        state=State.COMPLETED if error is None else State.FAILED,
        test_scores=scores,
        train_scores=None,
        n_test_samples=3,
        fit_time=0.25,
        score_time=0.125,
        error=error,
        ended=1.7e9,
        reports=reports,
        met=met,
        notes=notes,
    )


def _records(storage: Storage, study: str = "a", after: int = 0) -> list[Record]:
    return [record for _, record in storage.read(study, after=after)]


def _refuses(error: type[StorageError], act: Callable[[], object], what: str) -> None:
    raised: StorageError | None = None
    try:
        act()
    except StorageError as refusal:
        raised = refusal
    assert type(raised) is error, f"{what}: {raised!r} in place of a {error.__name__}"


def _check_studies(storage: Storage) -> None:
    heads = [_head("a"), _head("ü 試験 '; --"), _head("A")]
    for head in heads:
        storage.create(head)
    assert storage.studies() == heads, "studies() does not give the heads back, oldest first"
    _refuses(Conflict, lambda: storage.create(_head("a")), "a second study of one name")
    assert storage.studies() == heads, "a refused study has left something behind"
    storage.append("a", _trial(0))
    storage.append("A", _trial(0), _trial(1))
    assert _records(storage, "a") == [_trial(0)], "studies mix"
    for act in (lambda: storage.append("b", _trial(0)), lambda: list(storage.read("b"))):
        _refuses(StudyNotFound, act, "a study that is not there")


def _check_order(storage: Storage) -> None:
    storage.create(_head("a"))
    assert _records(storage) == [], "a new study is not empty"
    given: list[Record] = []
    for number in range(5):
        batch: list[Record] = [_evaluation(number, 1), _trial(number), _evaluation(number, 0)]
        storage.append("a", *batch)
        given += batch
    storage.append("a")
    many = [_evaluation(trial, 2) for trial in range(2500)]
    storage.append("a", *many)
    given += many
    read = list(storage.read("a"))
    positions = [position for position, _ in read]
    assert [record for _, record in read] == given, "records are not read as they were appended"
    assert positions[0] > 0, "positions do not begin above 0"
    assert positions == sorted(set(positions)), "positions do not grow"
    for i in (0, 1, 14, 1200, len(given) - 1):
        later = list(storage.read("a", after=positions[i]))
        assert later == read[i + 1 :], f"read(after={positions[i]}) does not give what is after"
    half_read = iter(storage.read("a"))
    next(half_read)
    storage.append("a", _trial(5))
    assert _records(storage, after=positions[-1]) == [_trial(5)], "a reader keeps a writer out"


def _check_values(storage: Storage) -> None:
    storage.create(_head("a"))
    scores: list[Scores | None] = [
        *(None, 0.1 + 0.2, 5e-324, 1.7976931348623157e308, 0.0, -0.0, 1e16, 3.0),
        *(math.nan, math.inf, -math.inf),
        *({}, {"score": 1.0}, {"z": math.nan, "a": -math.inf, "neg_log_loss": -0.0}, {"": 1.0}),
    ]
    for split, score in enumerate(scores):
        storage.append("a", _evaluation(0, split, scores=score))
    found = [r.test_scores for r in _records(storage) if isinstance(r, EvaluationRecord)]
    # By their text: NaN is not equal to itself, and -0.0 is equal to 0.0.
    assert list(map(repr, found)) == list(map(repr, scores)), "a score is not as it was"
    texts = ["", "Zeile\n\t'\"\\", "試験 🙂 \u200b", "x" * 1_000_000]
    for split, text in enumerate(texts):
        storage.append("a", _evaluation(1, split, scores=None, error=text))
        storage.append("a", TrialRecord(split, key=f"{split} {text[:99]}", params={text: [text]}))
    tail = _records(storage)[len(scores) :]
    assert [r.error for r in tail if isinstance(r, EvaluationRecord)] == texts, "texts differ"
    params = [r.params for r in tail if isinstance(r, TrialRecord)]
    assert params == [{text: [text]} for text in texts], "texts in parameters differ"
    storage.append("a", _evaluation(2, scores=None, error="file \udcff"))
    *_, last = _records(storage)
    assert isinstance(last, EvaluationRecord), "an error that UTF-8 cannot hold is lost"
    assert "file" in str(last.error), "an error that UTF-8 cannot hold is lost"


def _check_reports(storage: Storage) -> None:
    storage.create(_head("a"))
    values = (0.1 + 0.2, math.nan, math.inf, -math.inf, -0.0, 5e-324)
    given: list[Record] = [
        _evaluation(
            0, scores=None, reports=tuple(zip((0, 1, 2, 10, 11, 2**40), values, strict=True))
        ),
        _evaluation(1, scores={"0": 1.0}, reports=((0, 2.0),), met=[]),
        _evaluation(2, met=[{"name": "x", "value": 0.5}, {"name": "a", "value": {"tuple": [1]}}]),
        msgspec.structs.replace(_evaluation(3, scores=None), state=State.PRUNED),
        _evaluation(4, notes={"model": {"list": [1, "ü"]}, "empty": None}),
        _evaluation(5, notes={}),
    ]
    storage.append("a", *given)
    found = list(map(repr, _records(storage)))
    assert found == list(map(repr, given)), "reports, parameters met or notes have changed"


def _check_by_value(storage: Storage) -> None:
    facts = {"seeds": [1, 2], "deep": {"x": [None, True, 1, 1.0, -0.0, "1", 2**63 - 1]}}
    expected = repr(facts)
    storage.create(StudyHead("a", "GridSearchCV", parts={}, facts=facts, created=0.5))
    params, scores = {"layers": [32, 32]}, {"accuracy": 0.5}
    trial, evaluation = TrialRecord(0, "k", params), _evaluation(0, scores=scores)
    storage.append("a", trial, evaluation)
    facts["seeds"].append(3)  # type: ignore[attr-defined]
    params["layers"].append(64)
    scores["accuracy"] = 1.0
    for _ in range(2):
        (head,) = storage.studies()
        (_, first), (_, second) = storage.read("a")
        assert repr(head.facts) == expected, "facts are not kept by value"
        assert isinstance(first, TrialRecord), "a trial comes back as something else"
        assert isinstance(second, EvaluationRecord), "an evaluation comes back as something else"
        assert first.params == {"layers": [32, 32]}, "params are not kept by value"
        assert second.test_scores == {"accuracy": 0.5}, "scores are not kept by value"
        head.facts.clear()
        first.params["layers"].clear()
        second.test_scores.clear()


def _check_conflicts(storage: Storage) -> None:
    storage.create(_head("a"))
    storage.append("a", _trial(0), _trial(1), _evaluation(0), _evaluation(0, attempt=1))
    before = list(storage.read("a"))
    taken: dict[str, Record] = {
        "a number twice": TrialRecord(1, key="other", params={}),
        "a key twice": TrialRecord(2, key="key 1", params={}),
        "an attempt twice": _evaluation(0, attempt=1, scores=0.75),
    }
    for what, record in taken.items():
        _refuses(Conflict, lambda record=record: storage.append("a", record), what)  # type: ignore[misc]
        fresh = [_trial(7), _evaluation(7)]
        for batch in ([record, *fresh], [*fresh, record]):
            _refuses(Conflict, lambda batch=batch: storage.append("a", *batch), what)  # type: ignore[misc]
        assert list(storage.read("a")) == before, f"{what}: a refused append has left something"
    _refuses(Conflict, lambda: storage.append("a", _trial(8), _trial(8)), "a batch with itself")
    fine: list[Record] = [_trial(2), _evaluation(0, attempt=2), _evaluation(0, 1), _evaluation(1)]
    storage.append("a", *fine)
    assert _records(storage)[len(before) :] == fine, "what differs is taken for the same"


def _check_refusals(storage: Storage) -> None:
    storage.create(_head("a"))
    bad: dict[str, Record] = {
        "NaN in params": TrialRecord(0, "k", {"x": math.nan}),
        "a tuple in params": TrialRecord(0, "k", {"x": (1, 2)}),
        "an object in params": TrialRecord(0, "k", {"x": object()}),
        "text for a score": _evaluation(0, scores="0.5"),  # type: ignore[arg-type]
        "a score no double holds": _evaluation(0, scores=10**400),
        "a complex score": _evaluation(0, scores=1j),  # type: ignore[arg-type]
        "a fraction for a number": _evaluation(0.5),  # type: ignore[arg-type]
        "a step twice": _evaluation(0, reports=((1, 0.5), (1, 0.25))),
        "steps that fall": _evaluation(0, reports=((1, 0.5), (0, 0.25))),
        "text for a report": _evaluation(0, reports=((1, "0.5"),)),  # type: ignore[arg-type]
        "NaN in what is met": _evaluation(0, met=[{"value": math.nan}]),
        "a tuple in notes": _evaluation(0, notes={"curve": (1, 2)}),
    }
    for what, record in bad.items():
        batch = [_trial(1), record]
        _refuses(StorageError, lambda batch=batch: storage.append("a", *batch), what)  # type: ignore[misc]
        assert _records(storage) == [], f"{what}: a refused append has left something"


def _check_threads(storage: Storage) -> None:
    storage.create(_head("a"))
    n_threads, n_records = 6, 20
    failed: list[BaseException] = []

    def write(thread: int) -> None:
        try:
            for split in range(n_records):
                storage.append("a", _evaluation(thread, split), _evaluation(thread, split, 1))
                _records(storage)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=write, args=(n,)) for n in range(n_threads)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed, f"a thread failed: {failed[0]!r}"
    read = list(storage.read("a"))
    positions = [position for position, _ in read]
    assert positions == sorted(set(positions)), "positions do not grow"
    for n in range(n_threads):
        found = [r for _, r in read if isinstance(r, EvaluationRecord) and r.trial == n]
        given = [
            _evaluation(n, split, attempt) for split in range(n_records) for attempt in (0, 1)
        ]
        assert found == given, "records of one thread are not in its order"


def _check_leases(storage: Storage) -> None:
    for name in ("a", "b"):
        storage.create(_head(name))
        assert storage.leased(name) == {}, "a new study has leases"
    for act in (lambda: storage.claim("c", [0], "me", 60), lambda: storage.leased("c")):
        _refuses(StudyNotFound, act, "leases on a study that is not there")
    mine = storage.claim("a", [0, 1], "me", 60)
    assert [lease.trial for lease in mine] == [0, 1], "free trials cannot be had"
    assert storage.claim("a", [0], "you", 60) == [], "a trial that is held can be had"
    yours = storage.claim("a", [1, 2], "you", None)
    assert [lease.trial for lease in yours] == [2], "of several trials, the free one is not given"
    assert storage.claim("a", [0], "me", 60) == mine[:1], "one's own trial cannot be had again"
    assert storage.leased("a") == {0: "me", 1: "me", 2: "you"}, "holders are not told"
    assert storage.leased("b") == {}, "leases of studies mix"
    assert storage.renew() == [], "no leases are renewed as some"
    assert storage.renew(*mine, *yours) == [*mine, *yours], "leases that are held are not renewed"
    storage.release(mine[0])
    assert storage.leased("a") == {1: "me", 2: "you"}, "a lease that is released is there"
    assert storage.renew(*mine) == mine[1:], "a lease that is released is renewed"
    (taken,) = storage.claim("a", [0], "you", 60)
    storage.release(mine[0])
    assert storage.leased("a").get(0) == "you", "a lease is ended by somebody else"
    assert _records(storage) == [], "leases are among the records"
    _check_running_out(storage, taken.trial)
    for seconds in (0, -1.0, math.inf, math.nan, "60", True):
        claim = lambda s=seconds: storage.claim("b", [0], "me", s)  # noqa: E731
        _refuses(StorageError, claim, f"a lease for {seconds!r} seconds")


def _check_running_out(storage: Storage, trial: int) -> None:
    (short,) = storage.claim("a", [trial], "you", 0.02)
    time.sleep(0.05)
    assert trial not in storage.leased("a"), "a lease does not run out"
    assert storage.renew(short) == [short], "a lease that nobody has taken over is not renewed"
    time.sleep(0.05)
    (mine,) = storage.claim("a", [trial], "me", 60)
    assert storage.renew(short) == [], "a lease that was taken over is renewed"
    assert storage.leased("a").get(trial) == "me", "a lease that has run out is not taken over"
    assert storage.leased("a").get(2) == "you", "a lease for ever runs out"
    storage.release(mine)


def _check_races(storage: Storage) -> None:
    storage.create(_head("a"))
    got: dict[str, list[int]] = {}

    def claim(holder: str) -> None:
        rounds = [storage.claim("a", range(n, n + 4), holder, 60) for n in range(0, 40, 4)]
        got[holder] = [lease.trial for leases in rounds for lease in leases]

    threads = [threading.Thread(target=claim, args=(f"holder {n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    held = sorted(trial for trials in got.values() for trial in trials)
    assert held == list(range(40)), "a trial has two holders, or none"
    told = {trial: holder for holder, trials in got.items() for trial in trials}
    assert storage.leased("a") == told, "a trial is held by another than was told"


def _check_close(storage: Storage) -> None:
    storage.close()
    storage.close()


def _check_reopening(storage: Storage, reopen: Callable[[Storage], Storage]) -> None:
    given: list[Record] = []
    storage.create(_head("a"))
    lease = storage.claim("a", [0], "me", 60)
    for number in range(3):
        batch: list[Record] = [_trial(number), _evaluation(number, scores={"score": number / 3})]
        storage.append("a", *batch)
        given += batch
        before = list(storage.read("a"))
        storage = reopen(storage)
        assert storage.studies() == [_head("a")], "a study is not there after reopening"
        assert list(storage.read("a")) == before, "records are not there after reopening"
        assert _records(storage) == given, "records are not there after reopening"
        assert storage.leased("a") == {0: "me"}, "a lease is not there after reopening"
    assert storage.renew(*lease) == lease, "a lease is not there after reopening"
    _refuses(Conflict, lambda: storage.append("a", _trial(2)), "a number twice, after reopening")
    storage.close()
