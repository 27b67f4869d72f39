"""The work table: who needs attention, when, and who is at it. Each function is a part of a transaction.

A row exists while somebody wants attention. `due_at` is when; while the work is claimed, `asked_at` collects
the earliest instant that was poked for meanwhile, so that nothing asked for during the work is lost and a
handler that pokes itself into the future is not run again at once.
"""

import secrets
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from functools import cache

from sqlalchemy import (
    ColumnElement,
    Connection,
    Insert,
    and_,
    case,
    delete,
    func,
    literal,
    or_,
    select,
    update,
)

from bot.adapters.storage.codec import instant, read_work, reading
from bot.adapters.storage.dialect import Instant, insert
from bot.adapters.storage.tables import work
from bot.ports.store import Work, WorkKind

KINDS = tuple(WorkKind)
"""Kinds of a newer version are left alone: a replica of that version will see to them."""


def _earlier(one: ColumnElement[datetime], other: ColumnElement[datetime]) -> ColumnElement[datetime]:
    return case((one <= other, one), else_=other)


def _held_by(claimed: Work) -> ColumnElement[bool]:
    """The lease's token proves the claim. One that ran out still counts until somebody else claims."""
    return and_(work.c.id == f"{claimed.kind}:{claimed.key}", work.c.lease == claimed.lease)


@cache
def _poke(dialect: str) -> Insert:
    row = insert(dialect, work)
    asked = row.excluded.due_at
    return row.on_conflict_do_update(
        index_elements=[work.c.id],
        set_={
            "pokes": work.c.pokes + 1,
            "due_at": _earlier(work.c.due_at, asked),
            "asked_at": _earlier(func.coalesce(work.c.asked_at, asked), asked),
        },
    )


def poke(connection: Connection, kind: WorkKind, key: str, due_at: datetime) -> None:
    """Ask for attention at an instant; an earlier one stands. After a failure it ends the back-off early."""
    values = {
        "id": f"{kind}:{key}",
        "kind": kind,
        "key": key,
        "due_at": due_at,
        "pokes": 1,
        "asked_at": due_at,
        "attempts": 0,
        "error": "",
    }
    connection.execute(_poke(connection.dialect.name), values)


def claim(
    connection: Connection,
    now: datetime,
    *,
    at_most: int,
    lease_for: timedelta,
    kinds: Collection[WorkKind] = KINDS,
) -> Sequence[Work]:
    """Take work that is due and that nobody holds, or whose holder has let the lease run out."""
    due = (
        select(work.c.id)
        .where(
            work.c.kind.in_(kinds),
            work.c.due_at <= now,
            or_(work.c.leased_until.is_(None), work.c.leased_until <= now),
        )
        .order_by(work.c.due_at, work.c.id)
        .limit(at_most)
        .with_for_update(skip_locked=True)  # SQLAlchemy leaves it out for SQLite, which has one writer
        # PostgreSQL may run a plain subquery more than once, and so take more than `at_most`.
        .cte("due")
    )
    rows = connection.execute(
        update(work)
        .where(work.c.id.in_(select(due.c.id)))
        .values(
            lease=secrets.token_urlsafe(16),
            leased_until=now + lease_for,
            attempts=work.c.attempts + 1,
            asked_at=None,
        )
        .returning(work)
    ).all()
    return [read_work(row) for row in sorted(rows, key=lambda row: (row.due_at, row.id))]


def renew(connection: Connection, now: datetime, claimed: Work, *, lease_for: timedelta) -> bool:
    """Hold on to claimed work; False when somebody else has it."""
    renewed = connection.execute(update(work).where(_held_by(claimed)).values(leased_until=now + lease_for))
    return renewed.rowcount == 1


def is_held(connection: Connection, claimed: Work) -> bool:
    """Whether the lease still stands; nobody can claim the work before this transaction ends."""
    return connection.scalar(select(work.c.id).where(_held_by(claimed)).with_for_update()) is not None


def finish(connection: Connection, claimed: Work, *, again_at: datetime | None) -> bool:
    """Let go of work that is done. True when there is more to do, now or later.

    What was poked for since the claim and `again_at` stand: the earlier one is when it is due.
    """
    if again_at is None:
        unpoked = and_(_held_by(claimed), work.c.pokes == claimed.pokes)
        if connection.execute(delete(work).where(unpoked)).rowcount:
            return False
        due_at: ColumnElement[datetime] = func.coalesce(work.c.asked_at, work.c.due_at)
    else:
        due_at = case((work.c.asked_at <= again_at, work.c.asked_at), else_=literal(again_at, Instant))
    return _let_go(connection, claimed, due_at=due_at, attempts=0, error="")


def fail(connection: Connection, claimed: Work, *, again_at: datetime, error: str) -> bool:
    """Let go of work that failed, until `again_at`, whatever was poked so far; keeps why, for people."""
    return _let_go(connection, claimed, due_at=again_at, error=error)


def _let_go(connection: Connection, claimed: Work, **values: object) -> bool:
    freed = (
        update(work).where(_held_by(claimed)).values(lease=None, leased_until=None, asked_at=None, **values)
    )
    return connection.execute(freed).rowcount == 1


def next_due(connection: Connection, kinds: Collection[WorkKind] = KINDS) -> datetime | None:
    """When something can be claimed next: what is held comes up again when its lease runs out."""
    claimable = case((work.c.leased_until > work.c.due_at, work.c.leased_until), else_=work.c.due_at)
    at = connection.scalar(select(func.min(claimable)).where(work.c.kind.in_(kinds)))
    with reading("work", "due_at"):
        return None if at is None else instant(at)


def void_leases(connection: Connection) -> None:
    """Give back what a process held that is gone: where one process serves, nobody else can hold anything."""
    connection.execute(
        update(work).where(work.c.lease.is_not(None)).values(lease=None, leased_until=None, asked_at=None)
    )


def unknown_kinds(connection: Connection) -> Sequence[str]:
    """Kinds of work that only a newer version knows."""
    return connection.scalars(select(work.c.kind).where(work.c.kind.not_in(KINDS)).distinct()).all()
