"""The work table: who needs attention, when, and who is at it. Each function is a part of a transaction.

A row exists while somebody wants attention. `due_at` is when; while the work is claimed, `asked_at` collects
the earliest instant that was poked for meanwhile, so that nothing asked for during the work is lost and a
handler that pokes itself into the future is not run again at once.
"""

import secrets
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import (
    CTE,
    ColumnElement,
    Connection,
    Insert,
    Integer,
    Text,
    and_,
    bindparam,
    case,
    cast,
    delete,
    func,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.sql.dml import ReturningUpdate

from bot.adapters.storage.codec import Values, instant, read_work, reading
from bot.adapters.storage.dialect import Instant, insert
from bot.adapters.storage.tables import work
from bot.ports.store import Backlog, Work, WorkKind

KINDS = tuple(WorkKind)
"""Kinds of a newer version are left alone: a replica of that version will see to them."""


def _earlier(one: ColumnElement[datetime], other: ColumnElement[datetime]) -> ColumnElement[datetime]:
    return case((one <= other, one), else_=other)


HELD = and_(work.c.id == bindparam("held_id"), work.c.lease == bindparam("held_lease"))
"""The lease's token proves the claim. One that ran out still counts until somebody else claims."""

IS_HELD = select(work.c.id).where(HELD).with_for_update()
RENEW = update(work).where(HELD).values(leased_until=bindparam("until"))
DONE = delete(work).where(HELD, work.c.pokes == bindparam("seen_pokes"))

FREE = {"lease": None, "leased_until": None, "asked_at": None}
POKED_AGAIN = (
    update(work)
    .where(HELD)
    .values(due_at=func.coalesce(work.c.asked_at, work.c.due_at), attempts=0, error="", **FREE)
)
AGAIN_AT = bindparam("again_at", type_=Instant)
AGAIN = (
    update(work)
    .where(HELD)
    .values(
        due_at=case((work.c.asked_at <= AGAIN_AT, work.c.asked_at), else_=AGAIN_AT),
        attempts=0,
        error="",
        **FREE,
    )
)
FAILED = update(work).where(HELD).values(due_at=AGAIN_AT, error=bindparam("why"), **FREE)

CLAIMABLE_AT = case((work.c.leased_until > work.c.due_at, work.c.leased_until), else_=work.c.due_at)
DUE = (
    select(work.c.kind, func.min(CLAIMABLE_AT).label("at"))
    .where(work.c.kind.in_(bindparam("kinds", expanding=True)))
    .group_by(work.c.kind)
)


def _claim() -> ReturningUpdate[*tuple[Any, ...]]:
    now = bindparam("now", type_=Instant)
    due = (
        select(work.c.id)
        .where(
            work.c.kind.in_(bindparam("kinds", expanding=True)),
            work.c.due_at <= now,
            or_(work.c.leased_until.is_(None), work.c.leased_until <= now),
        )
        .order_by(work.c.due_at, work.c.id)
        .limit(bindparam("at_most", type_=Integer))
        .with_for_update(skip_locked=True)  # SQLAlchemy leaves it out for SQLite, which has one writer
        # PostgreSQL may run a plain subquery more than once, and so take more than `at_most`.
        .cte("due")
    )
    return (
        update(work)
        .where(work.c.id.in_(select(due.c.id)))
        .values(
            lease=bindparam("new_lease"),
            leased_until=bindparam("until"),
            attempts=work.c.attempts + 1,
            asked_at=None,
        )
        .returning(work)
    )


CLAIM = _claim()


def _held(claimed: Work) -> Values:
    return {"held_id": f"{claimed.kind}:{claimed.key}", "held_lease": claimed.lease}


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


def poke_new(kind: WorkKind, rows: CTE) -> CTE:
    """On PostgreSQL: the same for each row that a statement inserts, at its `at`; nobody can have poked for it."""
    key = cast(rows.c.id, Text)
    row = {
        "id": literal(f"{kind}:").concat(key),
        "kind": literal(kind.value),
        "key": key,
        "due_at": rows.c.at,
        "pokes": literal(1),
        "asked_at": rows.c.at,
        "attempts": literal(0),
        "error": literal(""),
    }
    return (
        insert("postgresql", work)
        .from_select(list(row), select(*row.values()))
        .returning(work.c.id)
        .cte("poked")
    )


def claim(
    connection: Connection,
    now: datetime,
    *,
    at_most: int,
    lease_for: timedelta,
    kinds: Collection[WorkKind] = KINDS,
) -> Sequence[Work]:
    """Take work that is due and that nobody holds, or whose holder has let the lease run out."""
    values = {
        "now": now,
        "kinds": list(kinds),
        "at_most": at_most,
        "new_lease": secrets.token_urlsafe(16),
        "until": now + lease_for,
    }
    rows = connection.execute(CLAIM, values).all()
    return [read_work(row) for row in sorted(rows, key=lambda row: (row.due_at, row.id))]


def renew(connection: Connection, now: datetime, claimed: Work, *, lease_for: timedelta) -> bool:
    """Hold on to claimed work; False when somebody else has it."""
    return connection.execute(RENEW, _held(claimed) | {"until": now + lease_for}).rowcount == 1


def is_held(connection: Connection, claimed: Work) -> bool:
    """Whether the lease still stands; nobody can claim the work before this transaction ends."""
    return connection.execute(IS_HELD, _held(claimed)).first() is not None


def finish(connection: Connection, claimed: Work, *, again_at: datetime | None) -> bool:
    """Let go of work that is done. True when there is more to do, now or later.

    What was poked for since the claim and `again_at` stand: the earlier one is when it is due.
    """
    if again_at is not None:
        return connection.execute(AGAIN, _held(claimed) | {"again_at": again_at}).rowcount == 1
    if connection.execute(DONE, _held(claimed) | {"seen_pokes": claimed.pokes}).rowcount:
        return False
    return connection.execute(POKED_AGAIN, _held(claimed)).rowcount == 1


def fail(connection: Connection, claimed: Work, *, again_at: datetime, error: str) -> bool:
    """Let go of work that failed, until `again_at`, whatever was poked so far; keeps why, for people."""
    return connection.execute(FAILED, _held(claimed) | {"again_at": again_at, "why": error}).rowcount == 1


def due(connection: Connection) -> dict[WorkKind, datetime]:
    """When something of each kind can be claimed next: what is held comes up again when its lease runs out."""
    found: dict[WorkKind, datetime] = {}
    for row in connection.execute(DUE, {"kinds": list(KINDS)}):
        with reading("work", row.kind):
            found[WorkKind(row.kind)] = instant(row.at)
    return found


def backlog(connection: Connection, now: datetime) -> Backlog:
    """What is due and not held; work that failed is due again only after its pause."""
    waiting = (work.c.due_at <= now, or_(work.c.leased_until.is_(None), work.c.leased_until <= now))
    row = connection.execute(select(func.count(), func.min(work.c.due_at)).where(*waiting)).one()
    count, oldest = row
    if oldest is None:
        return Backlog(due=0, oldest=timedelta(0))
    with reading("work", "due_at"):
        return Backlog(due=count, oldest=now - instant(oldest))


def void_leases(connection: Connection) -> None:
    """Give back what a process held that is gone: where one process serves, nobody else can hold anything."""
    connection.execute(
        update(work).where(work.c.lease.is_not(None)).values(lease=None, leased_until=None, asked_at=None)
    )


def unknown_kinds(connection: Connection) -> Sequence[str]:
    """Kinds of work that only a newer version knows."""
    return connection.scalars(select(work.c.kind).where(work.c.kind.not_in(KINDS)).distinct()).all()
