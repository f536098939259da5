from __future__ import annotations

import os
import secrets
from dataclasses import replace
from itertools import count

import msgspec
import pytest
from sqlalchemy import create_engine, make_url, text

from tunesmith.exceptions import StorageError
from tunesmith.storage import open_storage
from tunesmith.storage.memory import MemoryStorage
from tunesmith.storage.sql import SQLStorage
from tunesmith.testing.storage import check_storage
from tunesmith.trial import EvaluationRecord


def test_memory_keeps_the_contract():
    check_storage(MemoryStorage)


def test_sqlite_keeps_the_contract(tmp_path):
    files = count()

    def reopen(storage):
        storage.close()
        return open_storage(str(storage))

    check_storage(lambda: open_storage(tmp_path / f"{next(files)}.db"), reopen=reopen)


@pytest.mark.skipif("TUNESMITH_TEST_POSTGRESQL" not in os.environ, reason="no server is named")
def test_postgresql_keeps_the_contract():
    """On the server of a URL whose user may make databases; those made are dropped."""
    url = make_url(os.environ["TUNESMITH_TEST_POSTGRESQL"])
    made = [f"tunesmith_test_{secrets.token_hex(4)}" for _ in range(20)]
    names = iter(made)
    server = create_engine(url, isolation_level="AUTOCOMMIT")

    def make():
        place = url.set(database=next(names))
        with server.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {place.database}"))
        return SQLStorage(place)

    def reopen(storage):
        storage.close()
        return SQLStorage(storage._url)

    try:
        check_storage(make, reopen=reopen)
    finally:
        with server.connect() as connection:
            for name in made:
                connection.execute(text(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
        server.dispose()


class Breaking(MemoryStorage):
    """A storage that breaks the contract in one way."""

    def __init__(self, how):
        super().__init__()
        self.how = how

    def create(self, study):
        if self.how == "studies without names":
            study = type(study)("a", study.kind, study.parts, study.facts, study.created)
        super().create(study)

    def append(self, study, *records):
        if self.how == "one by one":
            for record in records:
                super().append(study, record)
            return
        if self.how == "keeps the objects":
            super().append(study, *records)
            if records:
                self._records[study][-len(records) :] = records
            return
        if self.how == "drops reports":
            records = [_without(record) for record in records]
        if self.how == "drops NaN":
            records = [r for r in records if "nan" not in repr(r)]
        super().append(study, *records)
        if self.how == "shares zero":
            for i, record in enumerate(self._records[study]):
                if isinstance(record, EvaluationRecord) and record.test_scores == 0:
                    self._records[study][i] = _with_score(record, 0.0)

    def read(self, study, after=0):
        if self.how == "after or at":
            return super().read(study, after - 1)
        if self.how == "backwards":
            return reversed(list(super().read(study, after)))
        if self.how == "unknown is empty" and study not in self._heads:
            return iter(())
        return super().read(study, after)

    def claim(self, study, trials, holder, seconds):
        if self.how == "everybody has all":
            holder = "all"
        if self.how == "leases for ever":
            seconds = seconds and 1e9
        if self.how == "all or none":
            trials = list(trials)
            if any(self.leased(study).get(trial, holder) != holder for trial in trials):
                return []
        return super().claim(study, trials, holder, seconds)

    def release(self, *leases):
        if self.how == "ends the lease of another":
            leases = [replace(x, holder=self.leased(x.study)[x.trial]) for x in leases]
        super().release(*leases)


def _without(record):
    if isinstance(record, EvaluationRecord):
        return msgspec.structs.replace(record, reports=())
    return record


def _with_score(record, score):
    fields = {name: getattr(record, name) for name in record.__struct_fields__}
    return EvaluationRecord(**{**fields, "test_scores": score})


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("studies without names", "already"),
        ("one by one", "left something"),
        ("keeps the objects", "by value"),
        ("drops NaN", "not as it was"),
        ("drops reports", "reports, parameters met or notes have changed"),
        ("shares zero", "not as it was"),
        ("after or at", "does not give what is after"),
        ("backwards", "not read as they were"),
        ("unknown is empty", "in place of a StudyNotFound"),
        ("everybody has all", "a trial that is held can be had"),
        ("leases for ever", "a lease does not run out"),
        ("all or none", "the free one is not given"),
        ("ends the lease of another", "a lease is ended by somebody else"),
    ],
)
def test_broken_storage_is_found(how, message):
    with pytest.raises((AssertionError, StorageError), match=message):
        check_storage(lambda: Breaking(how))
