"""A file of an earlier version is brought up to date as it is opened, and nothing is lost."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import msgspec
import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine

from tunesmith.storage import open_storage
from tunesmith.storage.schema import VERSIONS
from tunesmith.trial import State

from .making import evaluation, head, trial

OLD = Path(__file__).parent / "v0001.sql"
"""The content of a file that a tunesmith of the first layout wrote."""

RECORDS = [
    trial(0),
    evaluation(0, test_scores={"accuracy": 0.5, "loss": -0.0}, train_scores=float("nan")),
    trial(1),
    evaluation(1, state=State.FAILED, test_scores=None, error="no ü"),
    evaluation(1, 1, state=State.LOST, test_scores=float("-inf")),
]


@pytest.fixture
def old(tmp_path):
    path = tmp_path / "old.db"
    connection = sqlite3.connect(path)
    connection.executescript(OLD.read_text())
    connection.close()
    return path


def version(path):
    connection = sqlite3.connect(path)
    ((found,),) = connection.execute("SELECT version_num FROM tunesmith_version").fetchall()
    connection.close()
    return found


def test_an_old_file_is_upgraded_with_all_that_is_in_it(old):
    assert version(old) == "0001"
    storage = open_storage(old)
    assert version(old) == VERSIONS[-1]
    assert storage.studies() == [head()]
    assert repr([record for _, record in storage.read("s")]) == repr(RECORDS)
    more = evaluation(2, state=State.PRUNED, test_scores=None, reports=((0, 0.5),))
    more = msgspec.structs.replace(more, met=[{"a": 1}], notes={"b": [2]})
    storage.append("s", more)
    storage.close()
    storage = open_storage(old)
    assert repr([record for _, record in storage.read("s")]) == repr([*RECORDS, more])
    storage.close()


def test_an_upgrade_that_fails_changes_nothing(old, monkeypatch):
    def broken(connection):
        connection.exec_driver_sql("ALTER TABLE tunesmith_evaluations ADD COLUMN met TEXT")
        raise KeyboardInterrupt

    before = shutil.copy(old, old.with_suffix(".copy"))
    with monkeypatch.context() as patch:
        patch.setattr("tunesmith.storage.sql.migrate", broken)
        with pytest.raises(KeyboardInterrupt):
            open_storage(old)
    assert version(old) == version(before) == "0001"
    storage = open_storage(old)
    assert len(list(storage.read("s"))) == len(RECORDS)
    storage.close()


def test_down_and_up_again(old):
    storage = open_storage(old)
    storage.append("s", evaluation(2, reports=((0, 0.5),), met=[], notes={"a": 1}))
    storage.close()
    engine = create_engine(f"sqlite:///{old}")
    with engine.begin() as connection:
        config = Config(attributes={"connection": connection})
        config.set_main_option("script_location", "tunesmith.storage:migrations")
        command.downgrade(config, "0001")
    engine.dispose()
    storage = open_storage(old)
    assert repr([record for _, record in storage.read("s")]) == repr([*RECORDS, evaluation(2)])
    storage.close()
