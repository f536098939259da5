from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing

import pytest
from sqlalchemy import create_engine

from tunesmith.exceptions import Conflict, StorageError
from tunesmith.storage import open_storage
from tunesmith.storage.memory import MemoryStorage
from tunesmith.storage.schema import METADATA, VERSION_TABLE, VERSIONS
from tunesmith.storage.sql import SQLStorage

from .making import evaluation, head, trial


def test_path_url_storage_and_none_are_opened(tmp_path):
    path = tmp_path / "digits.db"
    storage = open_storage(path)
    storage.create(head())
    assert open_storage(storage) is storage
    storage.close()
    for where in (str(path), path, f"sqlite:///{path}", f"sqlite+pysqlite:///{path}"):
        storage = open_storage(where)
        assert storage.studies() == [head()]
        assert str(storage) == str(path)
        storage.close()
    assert isinstance(open_storage(None), MemoryStorage)


@pytest.mark.parametrize("name", ["50%.db", "a b?.db", "ü#.db", "c:d.db"])
def test_path_may_hold_what_urls_may_not(tmp_path, name):
    storage = open_storage(tmp_path / name)
    storage.create(head())
    storage.close()
    assert os.listdir(tmp_path) == [name]


@pytest.mark.parametrize(
    ("where", "error", "message"),
    [
        (5, TypeError, "not 5"),
        (b"digits.db", TypeError, "not b'digits.db'"),
        ("", StorageError, "names no file"),
        ("  ", StorageError, "names no file"),
        (":memory:", StorageError, "nothing would be kept"),
        ("sqlite://", StorageError, "nothing would be kept"),
        ("mysql://me:secret@there/db", StorageError, "kept in SQLite or PostgreSQL, not in mysql"),
        ("https://there/digits.db", StorageError, "not in https"),
        ("sqlite+aiosqlite:///x.db", StorageError, r"not in sqlite\+aiosqlite"),
        ("://", StorageError, "no database URL"),
        ("postgresql://me:secret@there:port/db", StorageError, "no database URL"),
        ("postgresql+nothing://there/db", StorageError, "postgresql.nothing"),
    ],
)
def test_bad_place_is_named(where, error, message):
    with pytest.raises(error, match=message) as raised:
        open_storage(where)
    assert "secret" not in str(raised.value)


def test_tables_are_those_the_migrations_make(tmp_path):
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    open_storage(tmp_path / "s.db").close()
    engine = create_engine(f"sqlite:///{tmp_path / 's.db'}")
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
        assert context.get_current_revision() == VERSIONS[-1]
        assert compare_metadata(context, METADATA) == []
    engine.dispose()


def test_migrations_are_those_the_code_knows():
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", "tunesmith.storage:migrations")
    scripts = ScriptDirectory.from_config(config).walk_revisions()
    assert tuple(script.revision for script in scripts)[::-1] == VERSIONS


def test_a_study_of_the_first_layout_goes_on(tmp_path, monkeypatch):
    from alembic import command

    path, upgrade = tmp_path / "s.db", command.upgrade
    with monkeypatch.context() as patch:
        patch.setattr("tunesmith.storage.sql.VERSIONS", VERSIONS[:1])
        patch.setattr(command, "upgrade", lambda config, _: upgrade(config, VERSIONS[0]))
        storage = open_storage(path)
    with closing(storage):
        storage.create(head())
        storage.append("s", trial(0))
        with pytest.raises(StorageError, match="tunesmith_leases"):
            storage.leased("s")
    with closing(open_storage(path)) as storage:
        assert list(storage.read("s")) == [(1, trial(0))]
        assert [lease.trial for lease in storage.claim("s", [0], "me", 60)] == [0]


def test_failed_creation_leaves_nothing(tmp_path, monkeypatch):
    path = tmp_path / "s.db"

    def broken(connection):
        connection.exec_driver_sql("CREATE TABLE half (id)")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("tunesmith.storage.sql.migrate", broken)
        with pytest.raises(KeyboardInterrupt):
            open_storage(path)
    storage = open_storage(path)
    storage.create(head())
    storage.close()


STARTING = """
import sys
from tunesmith.exceptions import Conflict
from tunesmith.storage import open_storage
from tunesmith.trial import Part, StudyHead, TrialRecord
path, n = sys.argv[1:]
print("ready", flush=True)
sys.stdin.readline()
storage = open_storage(path)
try:
    storage.create(StudyHead("s", "GridSearchCV", parts={}, facts={}, created=0.0))
except Conflict:
    pass
for i in range(5):
    storage.append("s", TrialRecord(5 * int(n) + i, f"{n} {i}", {}))
storage.close()
"""


def test_eight_processes_start_at_once_on_an_empty_file(tmp_path):
    path = tmp_path / "s.db"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    processes = [
        subprocess.Popen(
            [sys.executable, "-W", "error", "-c", STARTING, str(path), str(n)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )
        for n in range(8)
    ]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    errors = [process.communicate(timeout=120)[1] for process in processes]
    assert errors == [""] * 8
    storage = open_storage(path)
    assert sorted(record.number for _, record in storage.read("s")) == list(range(40))
    storage.close()


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
# JAX, where another test has loaded it, warns of every fork.
@pytest.mark.filterwarnings("ignore:os.fork:RuntimeWarning")
def test_child_of_a_fork_writes_while_the_parent_does(tmp_path):
    storage = open_storage(tmp_path / "s.db")
    storage.create(head())
    done = threading.Event()

    def write():
        split = 0
        while not done.is_set():
            storage.append("s", evaluation(0, split))
            split += 1

    writer = threading.Thread(target=write)
    writer.start()
    children = []
    for n in range(1, 6):
        if not (pid := os.fork()):
            try:
                for split in range(5):
                    storage.append("s", evaluation(n, split))
                storage.close()
                os._exit(0)
            finally:
                os._exit(1)
        children.append(pid)
    codes = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children]
    done.set()
    writer.join()
    assert codes == [0] * 5
    records = [record for _, record in storage.read("s")]
    for n in range(1, 6):
        assert [r.split for r in records if r.trial == n] == list(range(5))
    mine = [r.split for r in records if r.trial == 0]
    assert mine == list(range(len(mine)))
    storage.close()
    assert open_storage(tmp_path / "s.db").studies() == [head()]


def test_scores_can_be_read_by_sql(tmp_path):
    storage = open_storage(tmp_path / "s.db")
    storage.create(head())
    nan = float("nan")
    storage.append(
        "s",
        evaluation(0, test_scores=0.75, train_scores=1.0),
        evaluation(1, test_scores={"accuracy": 0.5, "neg_log_loss": nan}),
    )
    storage.close()
    connection = sqlite3.connect(tmp_path / "s.db")
    rows = connection.execute(
        "SELECT e.trial, s.part, s.metric, s.value, s.special FROM tunesmith_evaluations e "
        "JOIN tunesmith_scores s USING (study, position) ORDER BY 1, 2, 3"
    ).fetchall()
    connection.close()
    assert rows == [
        (0, "test", "score", 0.75, None),
        (0, "train", "score", 1.0, None),
        (1, "test", "accuracy", 0.5, None),
        (1, "test", "neg_log_loss", None, "nan"),
    ]


def test_conflict_says_what_is_taken(tmp_path):
    storage = open_storage(tmp_path / "s.db")
    storage.create(head())
    storage.append("s", trial(0))
    with pytest.raises(Conflict, match=r"s\.db: another driver wrote this first .*number"):
        storage.append("s", trial(0, key="other"))
    with pytest.raises(Conflict, match=r"a study named 's' is already in .*s\.db"):
        storage.create(head())
    storage.close()


def test_closed_storage_opens_again_when_used(tmp_path):
    storage = open_storage(tmp_path / "s.db")
    storage.create(head())
    storage.close()
    storage.append("s", trial(0))
    assert list(storage.read("s")) == [(1, trial(0))]
    storage.close()


def test_storage_that_is_dropped_closes_itself(tmp_path):
    storage = open_storage(tmp_path / "s.db")
    storage.create(head())
    del storage
    assert os.listdir(tmp_path) == ["s.db"]


@pytest.mark.measures
def test_opening_takes_less_than_a_tenth_of_a_second(tmp_path):
    storage = open_storage(tmp_path / "s.db")
    storage.create(head())
    storage.append("s", *(evaluation(i, error="x" * 500) for i in range(5000)))
    storage.close()
    times = []
    for _ in range(5):
        start = time.perf_counter()
        storage = SQLStorage(f"sqlite:///{tmp_path / 's.db'}")
        times.append(time.perf_counter() - start)
        storage.close()
    assert min(times) < 0.1


def test_opening_a_study_that_is_there_loads_no_alembic(tmp_path):
    open_storage(tmp_path / "s.db").close()
    code = (
        "import sys, tunesmith, tunesmith.storage.journal;"
        "assert 'sqlalchemy' not in sys.modules;"
        "from tunesmith.storage import open_storage;"
        f"open_storage({str(tmp_path / 's.db')!r}).close();"
        "assert 'sqlalchemy' in sys.modules;"
        "assert 'alembic' not in sys.modules"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True, env=environment)
