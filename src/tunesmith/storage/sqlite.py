"""SQLite: how its files are opened, what keeps them safe, and what its errors mean."""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event

from tunesmith.exceptions import StorageError

LONGEST_VALUE = 256 * 2**20
"""Bytes of one text at most: what a stranger's file can make us read at once."""

_ADVICE = {
    "SQLITE_BUSY": "another process keeps it locked. Wait for that one to end, or end it",
    "SQLITE_CANTOPEN": "it cannot be opened. Check that its folder exists and may be written",
    "SQLITE_CORRUPT": "the file is damaged. Restore a copy, rescue what is left with "
    "`sqlite3 FILE .recover`, or give another path",
    "SQLITE_ERROR": "it is not laid out as tunesmith lays out its files. Give another path",
    "SQLITE_FULL": "the disk is full. Make room and run the same script again",
    "SQLITE_IOERR": "the disk cannot be read or written. Check the disk, then run the same "
    "script again",
    "SQLITE_LOCKED": "another connection keeps it locked. Close that one",
    "SQLITE_NOTADB": "the file is not an SQLite database. Give another path",
    "SQLITE_PERM": "the file may not be opened. Check its permissions",
    "SQLITE_READONLY_DBMOVED": "the file was moved or removed while it was in use. Put it back, "
    "or run the same script again without it",
    "SQLITE_READONLY": "it may not be written. Check the permissions of the file and its folder",
    "SQLITE_TOOBIG": "a text in it is longer than tunesmith reads and writes",
}


def explain(error: BaseException) -> str:
    """Return what an error of a database means, and what to do where that is known."""
    name = getattr(error, "sqlite_errorname", "")
    # Extended codes go on after the plain one: SQLITE_READONLY_DIRECTORY.
    known = next((text for code, text in _ADVICE.items() if name.startswith(code)), None)
    return f"{known} ({error})" if known else str(error)


def journal_mode(version: tuple[int, int, int]) -> str:
    """Return the journal that is safe in a version of SQLite.

    The write-ahead log of 3.7.0 to 3.51.2 can corrupt a database when a checkpoint of
    one connection meets a writer that starts the log afresh [1]_. It is used where that
    is fixed: from 3.51.3, and in the older lines from 3.50.7 and 3.44.6. Elsewhere a
    rollback journal, truncated at each commit: then, unlike after a deletion, the
    commit itself is synced and outlives a power cut.

    Parameters
    ----------
    version : tuple of (int, int, int)
        As in `sqlite3.sqlite_version_info`.

    Returns
    -------
    str
        ``"wal"`` or ``"truncate"``.

    References
    ----------
    .. [1] https://sqlite.org/wal.html#walresetbug

    Examples
    --------
    >>> journal_mode((3, 40, 1)), journal_mode((3, 51, 3))
    ('truncate', 'wal')
    """
    backported = {(3, 44): 6, (3, 50): 7}
    fixed = version >= (3, 51, 3) or version[2] >= backported.get(version[:2], version[2] + 1)
    return "wal" if fixed else "truncate"


def sqlite_engine(url: URL, lock_timeout: float) -> Engine:
    """Return an engine with one connection to an SQLite file.

    Parameters
    ----------
    url : sqlalchemy.URL
        Names the file.
    lock_timeout : float
        Seconds to wait for a lock that another process holds.

    Raises
    ------
    StorageError
        If there cannot be such a file.
    """
    _check_path(url)
    engine = create_engine(
        url, pool_size=1, max_overflow=0, connect_args={"timeout": lock_timeout}
    )
    # A statement for many rows: each statement has to ask a busy search for Python's lock.
    engine.dialect.use_insertmanyvalues_wo_returning = True
    mode = journal_mode(sqlite3.sqlite_version_info[:3])

    @event.listens_for(engine, "connect")
    def prepare(connection: sqlite3.Connection, _: Any) -> None:
        # From here on, only `begin` below begins transactions.
        connection.isolation_level = None
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LONGEST_VALUE)
        for pragma in ("trusted_schema=OFF", "synchronous=FULL", "fullfsync=ON"):
            connection.execute(f"PRAGMA {pragma}")
        _set_journal(connection, mode, lock_timeout)

    @event.listens_for(engine, "close")
    def tidy(connection: sqlite3.Connection, _: Any) -> None:
        # Takes the empty journal away, unless another process is at it.
        with suppress(sqlite3.OperationalError):
            connection.execute("PRAGMA busy_timeout=0")
            if mode != "wal":
                connection.execute("PRAGMA journal_mode=delete")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get("writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _set_journal(connection: sqlite3.Connection, mode: str, patience: float) -> None:
    """Set the journal; a file that may only be read needs none."""
    deadline = time.monotonic() + patience
    while True:
        try:
            connection.execute(f"PRAGMA journal_mode={mode}")
        except sqlite3.OperationalError as error:
            # Into and out of the write-ahead log, SQLite does not wait for the lock itself.
            if error.sqlite_errorname == "SQLITE_BUSY" and time.monotonic() < deadline:
                time.sleep(0.01)
                continue
            if not error.sqlite_errorname.startswith("SQLITE_READONLY"):
                raise
        return


def _check_path(url: URL) -> None:
    if url.database in (None, "", ":memory:") or url.query.get("mode") == "memory":
        raise StorageError(
            f"{url.render_as_string()!r} names no file, so nothing would be kept. Give a path "
            f"such as 'digits.db', or leave storage= out."
        )
    if url.query:
        return  # The path is a URI, for SQLite to read.
    path = Path(str(url.database))
    try:
        os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        pass  # told below, if it matters
    except (OSError, ValueError) as error:
        raise StorageError(f"{str(path)!r} can be no file: {error}. Give another path.") from error
    if path.is_dir():
        raise StorageError(
            f"{str(path)!r} is a folder. Give a file in it: {str(path / 'study.db')!r}."
        )
    if not path.parent.is_dir():
        raise StorageError(
            f"there is no folder {str(path.parent)!r} for {str(path)!r}. Make it first, or give "
            f"another path."
        )
    if not path.exists() and not os.access(path.parent, os.W_OK):
        raise StorageError(
            f"the folder {str(path.parent)!r} may not be written, so {path.name!r} cannot be "
            f"made in it. Give a path in another one."
        )


def check_file(connection: Connection, where: str, mark: str) -> None:
    """Check that an SQLite file is whole, and either empty or tunesmith's.

    Raises
    ------
    StorageError
        If it is not; says which.
    """
    found = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar_one()
    if found != "ok":
        raise StorageError(f"{where}: {_ADVICE['SQLITE_CORRUPT']} ({found}).")
    rows = connection.exec_driver_sql("SELECT name, type FROM sqlite_master").all()
    kinds = {str(name): str(kind) for name, kind in rows}
    if kinds and kinds.get(mark) != "table":
        raise StorageError(
            f"{where}: it is a database of something else (it holds "
            f"{', '.join(sorted(kinds)[:5])}). Give another path."
        )
    added = sorted(name for name, kind in kinds.items() if kind in ("trigger", "view"))
    if added:
        raise StorageError(
            f"{where}: somebody has added SQL of their own to it ({', '.join(added[:5])}), and "
            f"tunesmith does not run it. Drop that, or give another path."
        )
