from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from tunesmith.exceptions import StorageError
from tunesmith.storage import open_storage
from tunesmith.storage.sqlite import journal_mode

from .making import evaluation, head, trial


@pytest.mark.parametrize(
    ("version", "mode"),
    [
        ((3, 6, 23), "truncate"),
        ((3, 7, 0), "truncate"),
        ((3, 40, 1), "truncate"),
        ((3, 44, 5), "truncate"),
        ((3, 44, 6), "wal"),
        ((3, 45, 0), "truncate"),
        ((3, 49, 9), "truncate"),
        ((3, 50, 6), "truncate"),
        ((3, 50, 7), "wal"),
        ((3, 51, 0), "truncate"),
        ((3, 51, 2), "truncate"),
        ((3, 51, 3), "wal"),
        ((3, 52, 0), "wal"),
        ((4, 0, 0), "wal"),
    ],
)
def test_journal_mode_is_safe_in_each_version(version, mode):
    assert journal_mode(version) == mode


def pragma(storage, name):
    with storage._transaction() as connection:
        return connection.exec_driver_sql(f"PRAGMA {name}").scalar()


def test_connection_is_synchronous_and_trusts_no_schema(tmp_path):
    storage = open_storage(tmp_path / "s.db")
    assert pragma(storage, "synchronous") == 2
    assert pragma(storage, "trusted_schema") == 0
    assert pragma(storage, "fullfsync") == 1
    assert pragma(storage, "journal_mode") == journal_mode(sqlite3.sqlite_version_info)
    assert pragma(storage, "busy_timeout") == 60_000
    storage.close()


def test_close_leaves_nothing_but_the_file(tmp_path):
    storage = open_storage(tmp_path / "s.db")
    storage.create(head())
    storage.close()
    assert os.listdir(tmp_path) == ["s.db"]


def test_write_ahead_log_is_used_where_it_is_safe_and_left_where_not(tmp_path, monkeypatch):
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 51, 3))
    storage = open_storage(tmp_path / "s.db")
    assert pragma(storage, "journal_mode") == "wal"
    storage.create(head())
    storage.append("s", trial(0))
    storage.close()
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 51, 2))
    storage = open_storage(tmp_path / "s.db")
    assert pragma(storage, "journal_mode") == "truncate"
    assert list(storage.read("s")) == [(1, trial(0))]
    storage.close()
    assert os.listdir(tmp_path) == ["s.db"]


def made(path):
    storage = open_storage(path)
    storage.create(head())
    storage.append("s", *(evaluation(i, error="x" * 1000) for i in range(500)))
    storage.close()
    return path


def run(path, sql):
    connection = sqlite3.connect(path)
    connection.executescript(sql)
    connection.commit()
    connection.close()


def test_file_that_is_no_database_is_refused(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("remember the milk\n" * 100)
    with pytest.raises(StorageError, match=r"notes\.txt: the file is not an SQLite database"):
        open_storage(path)
    assert path.read_text() == "remember the milk\n" * 100


def test_database_of_something_else_is_refused_and_left_alone(tmp_path):
    path = tmp_path / "shop.db"
    run(path, "CREATE TABLE orders (id); CREATE TABLE alembic_version (version_num);")
    before = path.read_bytes()
    with pytest.raises(StorageError, match=r"something else \(it holds alembic_version, orders\)"):
        open_storage(path)
    assert path.read_bytes() == before


def test_damaged_file_is_refused(tmp_path):
    path = made(tmp_path / "s.db")
    content = bytearray(path.read_bytes())
    content[8192:40000] = b"\x55" * (40000 - 8192)
    path.write_bytes(content)
    with pytest.raises(StorageError, match="the file is damaged"):
        open_storage(path)


def test_truncated_file_is_refused(tmp_path):
    path = made(tmp_path / "s.db")
    os.truncate(path, path.stat().st_size // 2)
    with pytest.raises(StorageError, match="the file is damaged"):
        open_storage(path)


@pytest.mark.parametrize("version", ["'0999'", "'0000'", "0", "''"])
def test_file_of_an_unknown_version_is_refused(tmp_path, version):
    path = made(tmp_path / "s.db")
    run(path, f"UPDATE tunesmith_version SET version_num = {version}")
    with pytest.raises(StorageError, match=r"newer tunesmith \(layout .*pip install"):
        open_storage(path)


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE VIEW v AS SELECT 1",
        "CREATE TRIGGER t AFTER INSERT ON tunesmith_trials BEGIN SELECT 1; END",
    ],
)
def test_file_with_sql_of_others_is_refused(tmp_path, sql):
    path = made(tmp_path / "s.db")
    run(path, sql)
    with pytest.raises(StorageError, match="somebody has added SQL"):
        open_storage(path)


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("UPDATE tunesmith_evaluations SET state = 'odd'", "position 1.*Invalid enum value"),
        (
            "UPDATE tunesmith_evaluations SET trial = 'x' WHERE position = 1",
            "position 1.*Expected `int`",
        ),
        ("UPDATE tunesmith_evaluations SET error = x'00'", "position 1.*Expected `str"),
        ("UPDATE tunesmith_scores SET value = 'high'", "position 1.*a score is none"),
        ("DELETE FROM tunesmith_scores", "position 1.*0 scores of the form 'one'"),
        ("UPDATE tunesmith_scores SET special = 'much', value = NULL", "position 1"),
        ("UPDATE tunesmith_studies SET last = 'x'", "damaged"),
        ("UPDATE tunesmith_scores SET part = 'report'", "position 1"),
        (
            "UPDATE tunesmith_scores SET part = 'report';"
            "UPDATE tunesmith_evaluations SET test = 'none'",
            "position 1.*a step of a report is none",
        ),
        ("UPDATE tunesmith_evaluations SET met = '3'", "position 1.*Expected `array`"),
        ("DROP TABLE tunesmith_scores", "not laid out as tunesmith"),
        (
            "INSERT INTO tunesmith_trials VALUES (1, 501, 0, 'k', '[]');"
            "UPDATE tunesmith_studies SET last = 501",
            "position 501.*Expected `object`",
        ),
        (
            "INSERT INTO tunesmith_trials VALUES (1, 501, 0, 'k', '" + "[" * 100_000 + "');"
            "UPDATE tunesmith_studies SET last = 501",
            "position 501",
        ),
    ],
)
def test_record_that_is_none_of_ours_is_refused(tmp_path, sql, message):
    path = made(tmp_path / "s.db")
    run(path, sql)
    storage = open_storage(path)
    with pytest.raises(StorageError, match=message):
        list(storage.read("s"))
    storage.close()


@pytest.mark.parametrize("text", ["", "[]", '{"X": 1}', '{"X": {"digest": 1, "text": ""}}', "{"])
def test_head_that_is_none_of_ours_is_refused(tmp_path, text):
    path = made(tmp_path / "s.db")
    run(path, f"UPDATE tunesmith_studies SET parts = '{text}'")
    storage = open_storage(path)
    with pytest.raises(StorageError, match="the study 's' cannot be read"):
        storage.studies()
    storage.close()


def test_far_away_last_position_ends_the_reading(tmp_path):
    path = made(tmp_path / "s.db")
    run(path, f"UPDATE tunesmith_studies SET last = {2**62}")
    storage = open_storage(path)
    assert len(list(storage.read("s"))) == 500
    storage.close()


def test_text_of_any_size_is_not_read(tmp_path, monkeypatch):
    path = made(tmp_path / "s.db")
    run(path, "UPDATE tunesmith_evaluations SET error = zeroblob(100001) WHERE position = 1")
    monkeypatch.setattr("tunesmith.storage.sqlite.LONGEST_VALUE", 100_000)
    storage = open_storage(path)
    with pytest.raises(StorageError, match="a text in it is longer than tunesmith reads"):
        list(storage.read("s"))
    storage.close()


def test_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(StorageError, match=r"there is no folder '.*nowhere' for '.*s\.db'"):
        open_storage(tmp_path / "nowhere" / "s.db")


@pytest.mark.parametrize("name", ["a" * 300, "nul\0.db", "\ud800.db"])
def test_name_that_no_file_can_have_is_told(tmp_path, name):
    with pytest.raises(StorageError, match=r"can be no file: .*Give another path"):
        open_storage(f"{tmp_path}/{name}")


def test_folder_in_place_of_a_file_is_named(tmp_path):
    with pytest.raises(StorageError, match=r"is a folder\. Give a file in it"):
        open_storage(tmp_path)


OPENING = """
import os, sys
import tunesmith.storage.sql
from tunesmith.exceptions import StorageError
from tunesmith.storage import open_storage
from tunesmith.trial import TrialRecord
if os.getuid() == 0:  # Permissions do not hold for root.
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
try:
    storage = open_storage(sys.argv[1])
    print(len(list(storage.read("s"))))
    storage.append("s", TrialRecord(0, "k", {}))
except StorageError as error:
    print(error)
"""


def opened_without_rights(path):
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", OPENING, str(path)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        check=False,
    )
    assert not done.stderr
    return done.stdout


@pytest.fixture
def open_folder(tmp_path):
    """A folder that others can reach; pytest makes its own private."""
    for folder in (tmp_path, *tmp_path.parents[:3]):
        if folder.stat().st_mode & 0o777 == 0o700:
            folder.chmod(0o755)
    yield tmp_path
    tmp_path.chmod(0o755)


def test_folder_that_may_not_be_written_is_named(open_folder):
    open_folder.chmod(0o555)
    assert "may not be written, so 's.db' cannot be made in it" in opened_without_rights(
        open_folder / "s.db"
    )


def test_file_that_may_only_be_read_is_read(open_folder):
    path = made(open_folder / "s.db")
    path.chmod(0o444)
    open_folder.chmod(0o555)
    said = opened_without_rights(path)
    assert said.startswith("500\n")
    assert "s.db: it may not be written. Check the permissions" in said


def test_lock_that_stays_is_told(tmp_path):
    from tunesmith.storage.sql import SQLStorage

    path = made(tmp_path / "s.db")
    storage = SQLStorage(f"sqlite:///{path}", lock_timeout=0.05)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(StorageError, match="another process keeps it locked"):
        storage.append("s", trial(0))
    other.execute("ROLLBACK")
    storage.append("s", trial(0))
    other.close()
    storage.close()


def test_full_disk_is_told_and_what_was_there_stays(tmp_path):
    path = made(tmp_path / "s.db")
    storage = open_storage(path)
    before = list(storage.read("s"))
    pages = pragma(storage, "page_count")
    pragma(storage, f"max_page_count={pages}")
    with pytest.raises(StorageError, match=r"the disk is full\. Make room"):
        storage.append("s", *(evaluation(i, 1, error="x" * 10_000) for i in range(100)))
    assert list(storage.read("s")) == before
    pragma(storage, f"max_page_count={pages + 1000}")
    storage.append("s", evaluation(0, 1))
    assert len(list(storage.read("s"))) == len(before) + 1
    storage.close()


def test_a_commit_cut_short_is_rolled_back_and_what_was_before_it_stays(tmp_path):
    """A copy of the file and its journal, taken inside a transaction, is what a kill leaves."""
    path = made(tmp_path / "s.db")
    whole = open_storage(path)
    before = list(whole.read("s"))
    whole.close()
    writer = sqlite3.connect(path, isolation_level=None)
    for statement in (
        "PRAGMA journal_mode=TRUNCATE",
        "PRAGMA cache_size=2",  # so that half of the transaction is in the file already
        "BEGIN IMMEDIATE",
        "UPDATE tunesmith_evaluations SET error = hex(zeroblob(3000))",
    ):
        writer.execute(statement)
    cut = tmp_path / "cut.db"
    shutil.copy(path, cut)
    shutil.copy(f"{path}-journal", f"{cut}-journal")
    writer.execute("ROLLBACK")
    writer.close()
    assert Path(f"{cut}-journal").stat().st_size > 0
    again = open_storage(cut)
    assert list(again.read("s")) == before
    assert before
    again.close()


@pytest.mark.skipif(
    journal_mode(sqlite3.sqlite_version_info[:3]) == "wal",
    reason="with a write-ahead log, SQLite does not look",
)
def test_file_that_is_removed_while_in_use_is_told(tmp_path):
    storage = open_storage(tmp_path / "s.db")
    storage.studies()
    os.remove(tmp_path / "s.db")
    with pytest.raises(StorageError, match="moved or removed while it was in use"):
        storage.create(head("s"))
    storage.close()
