"""Studies in an SQL database, through SQLAlchemy Core."""

from __future__ import annotations

import os
import sqlite3
import threading
import weakref
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from operator import itemgetter
from typing import Any

from sqlalchemy import (
    URL,
    Connection,
    Engine,
    Select,
    Table,
    bindparam,
    column,
    create_engine,
    exc,
    func,
    insert,
    inspect,
    make_url,
    select,
    table,
    union_all,
    update,
)

from tunesmith.exceptions import Conflict, StorageError, StudyNotFound
from tunesmith.storage import lease_rows
from tunesmith.storage.leases import Lease, leases_of
from tunesmith.storage.migrations import migrate
from tunesmith.storage.records import plain, plain_head
from tunesmith.storage.rows import (
    evaluation_rows,
    score_rows,
    study_row,
    to_evaluations,
    to_head,
    to_trial,
    trial_rows,
)
from tunesmith.storage.schema import (
    EVALUATIONS,
    SCORES,
    STUDIES,
    TRIALS,
    VERSION_TABLE,
    VERSIONS,
)
from tunesmith.storage.sqlite import check_file, explain, sqlite_engine
from tunesmith.trial import Record, StudyHead

PAGE = 1000
"""Records read in one transaction, so that a slow reader does not keep writers waiting."""

_NAMED = STUDIES.c.name == bindparam("study")
_FIND = select(STUDIES.c.id, STUDIES.c.last).where(_NAMED)
_COUNT_UP = update(STUDIES).where(_NAMED).values(last=STUDIES.c.last + bindparam("by"))
_ADD_TRIALS = insert(TRIALS)
_ADD_EVALUATIONS = insert(EVALUATIONS)
_ADD_SCORES = insert(SCORES)

_MIGRATING = 0x74756E65
"""Number of the lock that whoever migrates a PostgreSQL database holds."""


class SQLStorage:
    """Keeps studies in an SQL database.

    Each append is one fully synchronous transaction: when it returns, its records
    outlive a kill and a power cut. Threads may share a storage and processes a
    database; a fork waits until no transaction is under way.

    Parameters
    ----------
    url : str or sqlalchemy.URL
        Such as ``"sqlite:///digits.db"``.
    lock_timeout : float, default=60.0
        Seconds to wait for a lock that another process holds.

    Raises
    ------
    StorageError
        If the database cannot be opened, is damaged, is not tunesmith's, or was made by
        a newer version of tunesmith.

    Examples
    --------
    >>> import tempfile
    >>> from tunesmith.storage.sql import SQLStorage
    >>> from tunesmith.trial import StudyHead, TrialRecord
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     storage = SQLStorage(f"sqlite:///{folder}/digits.db")
    ...     storage.create(StudyHead("digits", "GridSearchCV", parts={}, facts={}, created=0.0))
    ...     storage.append("digits", TrialRecord(0, key="a", params={"C": 1.0}))
    ...     records = list(storage.read("digits"))
    ...     storage.close()
    >>> records
    [(1, TrialRecord(number=0, key='a', params={'C': 1.0}))]
    """

    def __init__(self, url: str | URL, *, lock_timeout: float = 60.0) -> None:
        self._url = _parsed(url)
        self._lock = threading.RLock()
        with self._explained():
            self._engine = _engine(self._url, lock_timeout)
        weakref.finalize(self, self._engine.dispose)
        self._close_before_forks()
        try:
            self._open()
        except BaseException:
            self._engine.dispose()
            raise

    def __repr__(self) -> str:
        return f"SQLStorage({str(self)!r})"

    def __str__(self) -> str:
        """Return the file, or the URL without its password."""
        if self._url.get_backend_name() == "sqlite" and self._url.database:
            return self._url.database
        return self._url.render_as_string()

    def create(self, study: StudyHead) -> None:
        """Add a study. Raises `Conflict` if one of that name is there."""
        head = plain_head(study)
        with self._transaction(writes=True) as connection:
            if connection.execute(_FIND, {"study": head.name}).first():
                raise Conflict(f"a study named {head.name!r} is already in {self}.")
            connection.execute(insert(STUDIES), study_row(head))

    def studies(self) -> list[StudyHead]:
        """Return the heads of all studies, oldest first."""
        with self._transaction() as connection:
            rows = connection.execute(select(STUDIES).order_by(STUDIES.c.id)).all()
        return [to_head(row) for row in rows]

    def append(self, study: str, *records: Record) -> None:
        """Append records in one transaction: all of them, safe on disk, or none.

        Raises `Conflict` if a trial number, a trial key or an attempt is taken, and
        `StudyNotFound`.
        """
        added = [plain(record) for record in records]
        with self._transaction(writes=True) as connection:
            # Done first: the row stays locked, so positions are given out in order.
            connection.execute(_COUNT_UP, {"study": study, "by": len(added)})
            key, last = self._find(connection, study)
            placed = list(enumerate(added, start=last - len(added) + 1))
            for statement, rows in (
                (_ADD_TRIALS, trial_rows(key, placed)),
                (_ADD_EVALUATIONS, evaluation_rows(key, placed)),
                (_ADD_SCORES, score_rows(key, placed)),
            ):
                if rows:
                    connection.execute(statement, rows)

    def read(self, study: str, after: int = 0) -> Iterable[tuple[int, Record]]:
        """Yield (position, record) in the order of appending, for positions > `after`.

        Raises `StudyNotFound`.
        """
        with self._transaction() as connection:
            key, last = self._find(connection, study)
        return self._pages(key, after, last)

    def claim(
        self, study: str, trials: Iterable[int], holder: str, seconds: float | None
    ) -> list[Lease]:
        """Take leases on trials, all in one step; return those that could be had.

        Raises `StudyNotFound`.
        """
        wanted = leases_of(study, trials, holder, seconds)
        with self._transaction(writes=True) as connection:
            return lease_rows.claim(connection, self._find(connection, study)[0], wanted)

    def renew(self, *leases: Lease) -> list[Lease]:
        """Let leases begin anew; return those that nobody has taken over."""
        if not leases:
            return []
        with self._transaction(writes=True) as connection:
            return lease_rows.renew(connection, leases)

    def release(self, *leases: Lease) -> None:
        """End leases; nothing happens to those that somebody has taken over."""
        if leases:
            with self._transaction(writes=True) as connection:
                lease_rows.release(connection, leases)

    def leased(self, study: str) -> dict[int, str]:
        """Return who holds which trial, by its number. Raises `StudyNotFound`."""
        with self._transaction() as connection:
            return lease_rows.leased(connection, self._find(connection, study)[0])

    def close(self) -> None:
        """Release the connection; the next call of another method makes a new one."""
        with self._lock:
            self._engine.dispose()

    def _find(self, connection: Connection, study: str) -> tuple[int, int]:
        row = connection.execute(_FIND, {"study": study}).first()
        if row is None:
            raise StudyNotFound(f"no study named {study!r} is in {self}.")
        if not isinstance(row.last, int):
            raise StorageError(f"{self}: the study {study!r} is damaged. Restore a copy.")
        return row.id, row.last

    def _pages(self, study: int, after: int, last: int) -> Iterator[tuple[int, Record]]:
        while after < last:
            with self._transaction() as connection:
                page = _page(connection, study, after, last)
            if not page:
                return
            yield from page
            after = page[-1][0]

    @contextmanager
    def _transaction(self, writes: bool = False) -> Iterator[Connection]:
        with self._lock, self._explained(), self._engine.connect() as connection:
            connection.execution_options(writes=writes)
            with connection.begin():
                yield connection

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Turn what goes wrong in the database into an error that says what to do."""
        try:
            yield
        except exc.IntegrityError as error:
            raise Conflict(f"{self}: another driver wrote this first ({error.orig}).") from error
        except (exc.SQLAlchemyError, sqlite3.Error) as error:
            cause = getattr(error, "orig", None) or error
            raise StorageError(f"{self}: {explain(cause)}.") from error

    def _open(self) -> None:
        with self._transaction() as connection:
            if connection.dialect.name == "sqlite":
                check_file(connection, str(self), VERSION_TABLE)
            version = _version(connection)
        if version is not None and version not in VERSIONS:
            raise StorageError(
                f"{self}: it was made by a newer tunesmith (layout {version[:20]!r}; this one "
                f"knows {VERSIONS[-1]!r}). Upgrade: pip install --upgrade tunesmith."
            )
        if version != VERSIONS[-1]:
            with self._transaction(writes=True) as connection:
                if connection.dialect.name == "postgresql":
                    # Unlike in SQLite, the transaction itself keeps nobody out.
                    connection.execute(select(func.pg_advisory_xact_lock(_MIGRATING)))
                if _version(connection) != VERSIONS[-1]:
                    migrate(connection)

    def _close_before_forks(self) -> None:
        """Have no connection open while the process forks: a child must not inherit one."""
        reference = weakref.ref(self)
        held: list[SQLStorage] = []

        def before() -> None:
            if storage := reference():
                storage._lock.acquire()
                held.append(storage)
                storage._engine.dispose()

        def after() -> None:
            while held:
                held.pop()._lock.release()

        os.register_at_fork(before=before, after_in_parent=after, after_in_child=after)


def _engine(url: URL, lock_timeout: float) -> Engine:
    if url.drivername in ("sqlite", "sqlite+pysqlite"):
        return sqlite_engine(url, lock_timeout)
    if url.get_backend_name() != "postgresql":
        raise StorageError(
            f"{url.render_as_string()}: studies are kept in SQLite or PostgreSQL, not in "
            f"{url.drivername}. Give a path such as 'digits.db'."
        )
    try:
        return create_engine(url, pool_size=1, max_overflow=0, pool_pre_ping=True)
    except ModuleNotFoundError as error:
        raise StorageError(
            f"{url.render_as_string()}: the driver {error.name!r} is not installed. Type "
            f"pip install 'tunesmith[postgres]', and postgresql+psycopg:// in the URL."
        ) from error


def _parsed(url: str | URL) -> URL:
    try:
        return make_url(url)
    except (exc.ArgumentError, ValueError) as error:
        # What cannot be parsed is not repeated: a password may be in it.
        raise StorageError(
            "storage is no database URL. Give one such as 'sqlite:///digits.db' or "
            "'postgresql+psycopg://user@host/name'."
        ) from error


def _version(connection: Connection) -> str | None:
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    version = connection.execute(
        select(column("version_num")).select_from(table(VERSION_TABLE))
    ).scalar()
    return None if version is None else str(version)


def _page(connection: Connection, study: int, after: int, last: int) -> list[tuple[int, Record]]:
    def between(table: Table, upto: int) -> Select[Any]:
        position = table.c.position
        return select(table).where(table.c.study == study, position > after, position <= upto)

    positions = (
        union_all(
            *(
                between(table, last).with_only_columns(table.c.position)
                for table in (TRIALS, EVALUATIONS)
            )
        )
        .order_by("position")
        .limit(PAGE)
        .subquery()
    )
    upto = connection.execute(select(func.max(positions.c.position))).scalar()
    if upto is None:
        return []
    trials = connection.execute(between(TRIALS, upto))
    evaluations = connection.execute(between(EVALUATIONS, upto))
    scores = connection.execute(between(SCORES, upto).order_by(SCORES.c.position, SCORES.c.place))
    page: list[tuple[int, Record]] = [(row.position, to_trial(row)) for row in trials]
    page += to_evaluations(evaluations, scores)
    return sorted(page, key=itemgetter(0))
