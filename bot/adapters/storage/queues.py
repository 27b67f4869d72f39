"""Turns in Slack's pace, which all replicas share: how far each queue is booked. Parts of a transaction.

Who waits in a queue, and for which instant, stands with the messages themselves.
"""

from datetime import datetime

from sqlalchemy import Connection, bindparam, select, update

from bot.adapters.storage import tables
from bot.adapters.storage.codec import instant
from bot.adapters.storage.dialect import insert_new
from bot.domain import pace as rules
from bot.domain.pace import Pace

BOOKED = (
    select(tables.queues.c.full_until).where(tables.queues.c.name == bindparam("queue")).with_for_update()
)
BOOK = (
    update(tables.queues)
    .where(tables.queues.c.name == bindparam("queue"))
    .values(full_until=bindparam("until"))
)

WAITING = (
    select(tables.messages.c.key, tables.messages.c.turn_at)
    .where(tables.messages.c.queue == bindparam("queue"), tables.messages.c.turn_at > bindparam("since"))
    # Whoever owes several messages of one request names them in this order too: nobody waits in a ring.
    .order_by(tables.messages.c.key)
)
MOVE = (
    update(tables.messages)
    .where(tables.messages.c.key == bindparam("message"))
    .values(turn_at=bindparam("turn"))
)


def take_turn(connection: Connection, now: datetime, queue: str, pace: Pace) -> datetime:
    """Takers of one queue come one after the other: the row is locked until the transaction ends."""
    turn, full_until = rules.take_turn(_full_until(connection, now, queue), pace, now=now)
    connection.execute(BOOK, {"queue": queue, "until": full_until})
    return turn


def hold_turns(connection: Connection, now: datetime, queue: str, pace: Pace, *, until: datetime) -> datetime:
    """Move every turn of the queue behind `until`; returns the first one there, which is the caller's."""
    full_until = _full_until(connection, now, queue)
    since = rules.oldest_turn(pace, now=now)
    rows = connection.execute(WAITING, {"queue": queue, "since": since}).all()
    turns = {row.key: instant(row.turn_at) for row in rows}
    held = rules.hold(full_until, pace, first=min(turns.values(), default=None), until=max(until, now))
    connection.execute(BOOK, {"queue": queue, "until": held.full_until})
    if turns:
        moved = [{"message": key, "turn": turn + held.later} for key, turn in turns.items()]
        connection.execute(MOVE, moved)
    return held.turn


def _full_until(connection: Connection, now: datetime, queue: str) -> datetime:
    """How far the queue is booked; locks its row, and makes it where it is the first to ask."""
    found = connection.execute(BOOKED, {"queue": queue}).scalar_one_or_none()
    if found is None:
        new = {"name": queue, "full_until": now}
        connection.execute(insert_new(connection.dialect.name, tables.queues), new)
        found = connection.execute(BOOKED, {"queue": queue}).scalar_one()
    return instant(found)
