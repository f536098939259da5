"""Leases as rows of their table, by the clock of the database.

All drivers of a study read one clock, that of the PostgreSQL server or of the machine
whose SQLite file it is, so that their own need not agree.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Connection, and_, delete, func, insert, or_, select, update

from tunesmith.storage.leases import Lease
from tunesmith.storage.schema import LEASES, STUDIES


def claim(connection: Connection, study: int, wanted: Sequence[Lease]) -> list[Lease]:
    """Enter those leases that no other holder keeps from being; return them."""
    # Unlike in SQLite, the transaction itself keeps nobody out; the row of the study does.
    connection.execute(select(STUDIES.c.id).where(STUDIES.c.id == study).with_for_update())
    now = _now(connection)
    holders = _holders(connection, study, now)
    got = [x for x in wanted if holders.get(x.trial, x.holder) == x.holder]
    for lease in got:
        connection.execute(delete(LEASES).where(_row(study, lease)))
    if got:
        connection.execute(insert(LEASES), [_fields(study, lease, now) for lease in got])
    return got


def renew(connection: Connection, leases: Sequence[Lease]) -> list[Lease]:
    """Let those leases begin anew that have not been taken over; return them."""
    now = _now(connection)
    return [
        lease
        for lease in leases
        if connection.execute(
            update(LEASES).where(_held(lease)).values(until=_until(lease, now))
        ).rowcount
    ]


def release(connection: Connection, leases: Sequence[Lease]) -> None:
    """End those leases that have not been taken over."""
    for lease in leases:
        connection.execute(delete(LEASES).where(_held(lease)))


def leased(connection: Connection, study: int) -> dict[int, str]:
    """Return the holders of a study's trials, by number."""
    return _holders(connection, study, _now(connection))


def _now(connection: Connection) -> float:
    """Return the seconds since the epoch on the database's clock."""
    if connection.dialect.name == "sqlite":
        epoch = 2440587.5
        seconds = (func.julianday("now") - epoch) * 86400.0
    else:
        seconds = func.date_part("epoch", func.clock_timestamp())
    return float(connection.execute(select(seconds)).scalar_one())


def _holders(connection: Connection, study: int, now: float) -> dict[int, str]:
    lasting = or_(LEASES.c.until.is_(None), LEASES.c.until > now)
    rows = connection.execute(
        select(LEASES.c.trial, LEASES.c.holder).where(LEASES.c.study == study, lasting)
    )
    return {row.trial: row.holder for row in rows}


def _fields(study: int, lease: Lease, now: float) -> dict[str, int | str | float | None]:
    until = _until(lease, now)
    return {"study": study, "trial": lease.trial, "holder": lease.holder, "until": until}


def _until(lease: Lease, now: float) -> float | None:
    return None if lease.seconds is None else now + lease.seconds


def _row(study: int, lease: Lease) -> ColumnElement[bool]:
    return and_(LEASES.c.study == study, LEASES.c.trial == lease.trial)


def _held(lease: Lease) -> ColumnElement[bool]:
    named = select(STUDIES.c.id).where(STUDIES.c.name == lease.study).scalar_subquery()
    return and_(
        LEASES.c.study == named, LEASES.c.trial == lease.trial, LEASES.c.holder == lease.holder
    )
