"""What the bots still owe, asked of the database often: counts and a few names, never whole tables."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Select, and_, func, literal, or_, select
from sqlalchemy.sql import ColumnElement

from bot.adapters.storage.codec import maybe_instant
from bot.adapters.storage.tables import audit, clicks, grants, messages, requests, work
from bot.domain.grant import GrantStatus
from bot.domain.request import RequestStatus
from bot.domain.rounds import WITHDRAW_AFTER
from bot.ports.store import WorkKind

WAITING_KINDS = (WorkKind.CLICK, WorkKind.PREPARE, WorkKind.VERIFY, WorkKind.MESSAGE)
"""Work that only exists while something is owed; the other kinds are timers, too."""

NAMED = 12
"""Of each kind of thing that is owed, so many are named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How far the bots are."""

    owed: int
    """Things that somebody waits for, or that a timer should have noticed by now."""
    names: tuple[str, ...]
    done: int
    """What can only grow: changes in the history and messages that Slack shows."""
    next_due: datetime | None
    """When the next piece of work is due; None without any."""
    is_held: bool
    """Some bot is at work."""


def standing(connection: Connection, now: datetime) -> Standing:
    """Everything as of one read transaction, the caller's."""
    owed, names = 0, list[str]()
    for asked in _owed(now):
        count = connection.scalar(select(func.count()).select_from(asked.subquery())) or 0
        owed += count
        if count:
            names += [" ".join(map(str, row)) for row in connection.execute(asked.limit(NAMED))]
    held = work.c.lease.is_not(None)
    return Standing(
        owed=owed,
        names=tuple(names),
        done=(connection.scalar(select(func.count()).select_from(audit)) or 0)
        + (connection.scalar(select(func.count()).where(messages.c.ts.is_not(None))) or 0),
        next_due=maybe_instant(connection.scalar(select(func.min(work.c.due_at)))),
        is_held=bool(connection.scalar(select(func.count()).where(held))),
    )


def _owed(now: datetime) -> tuple[Select[*tuple[object, ...]], ...]:
    moving = grants.c.status.in_((GrantStatus.PROVISIONING, GrantStatus.ENDING))
    over = and_(grants.c.status == GrantStatus.ACTIVE, grants.c.ends_at <= now)
    withdrawn = and_(grants.c.status == GrantStatus.FAILED, grants.c.wanted_at <= now - WITHDRAW_AFTER)
    late: ColumnElement[bool] = or_(requests.c.facts.is_(None), requests.c.decide_by <= now)
    return (
        select(literal("click"), clicks.c.id).where(clicks.c.done_at.is_(None)),
        select(literal("grant"), grants.c.id, grants.c.status).where(or_(moving, over, withdrawn)),
        select(literal("message"), messages.c.key).where(messages.c.shown < messages.c.wanted),
        select(literal("work"), work.c.id, work.c.attempts, work.c.error).where(
            work.c.kind.in_(WAITING_KINDS)
        ),
        select(literal("request"), requests.c.id, literal("unread or undecided for too long")).where(
            requests.c.status == RequestStatus.PENDING, late
        ),
    )
