"""Clicks that people made, messages that are owed to them, and the outcomes that these tell."""

from collections.abc import Collection
from functools import cache

from sqlalchemy import Insert, and_, bindparam, case, func, select, update

from bot.adapters.storage import codec, tables
from bot.adapters.storage import work as work_rows
from bot.adapters.storage.dialect import insert
from bot.adapters.storage.rows import Rows, Sieve
from bot.domain.errors import Code, Conflict, NotFound
from bot.domain.messages import Answer, Click, ClickKind, MessageKind, Outcome, OwedMessage
from bot.domain.names import ChannelId, SlackTeamId, SlackUserId
from bot.domain.request import (
    RequestId,
    label,
)
from bot.ports.store import WorkKind

MESSAGE = select(tables.messages).where(tables.messages.c.key == bindparam("message"))

_new: codec.Values = {
    name: bindparam(name) for name in ("kind", "request", "by", "team", "channel", "note", "at")
}
_click = insert("postgresql", tables.clicks).values(_new).returning(tables.clicks).cte("click")
ADD_CLICK_AND_POKE = select(_click).add_cte(work_rows.poke_new(WorkKind.CLICK, _click))
"""An ack waits for each statement's way to the server and back: one for both. SQLite has no such way."""

CLICK = select(tables.clicks).where(tables.clicks.c.id == bindparam("click"))
FINISH_CLICK = (
    update(tables.clicks)
    .where(tables.clicks.c.id == bindparam("click"), tables.clicks.c.done_at.is_(None))
    .values(done_at=bindparam("now"))
)

_latest = (
    select(tables.outcomes.c.request, func.max(tables.outcomes.c.number).label("number"))
    .where(tables.outcomes.c.request.in_(bindparam("requests", expanding=True)))
    .group_by(tables.outcomes.c.request)
    .subquery()
)
NEWEST_OUTCOMES = select(tables.outcomes).join(
    _latest,
    and_(tables.outcomes.c.request == _latest.c.request, tables.outcomes.c.number == _latest.c.number),
)


@cache
def _owe(dialect: str) -> Insert:
    again = {"wanted": tables.messages.c.wanted + 1}
    return insert(dialect, tables.messages).on_conflict_do_update(
        index_elements=[tables.messages.c.key], set_=again
    )


class ClickRows(Rows):
    """The inbox."""

    def add_click(
        self,
        *,
        kind: ClickKind,
        request: RequestId,
        by: SlackUserId,
        team: SlackTeamId,
        channel: ChannelId | SlackUserId,
        note: str = "",
    ) -> Click:
        """The request may be one that this database does not know."""
        values = {
            "kind": kind,
            "request": request,
            "by": by,
            "team": team,
            "channel": channel,
            "note": note,
            "at": self._now,
        }
        if self.connection.dialect.name == "postgresql":
            self.poked = True
            return codec.read_click(self.connection.execute(ADD_CLICK_AND_POKE, values).one())
        row = self._add(tables.clicks, values)
        assert row is not None  # the database gives the id
        self.poke(WorkKind.CLICK, str(row.id))
        return codec.read_click(row)

    def click(self, click: int) -> Click:
        row = self._one(CLICK, {"click": click})
        if row is None:
            raise NotFound(Code.NOT_FOUND, id=f"click {click}")
        return codec.read_click(row)

    def finish_click(self, click: int) -> None:
        self.connection.execute(FINISH_CLICK, {"click": click, "now": self._now})


class MessageRows(Rows):
    """The outbox."""

    def owe(
        self,
        key: str,
        kind: MessageKind,
        channel: ChannelId | SlackUserId,
        *,
        request: RequestId | None = None,
        thread_key: str | None = None,
        to: SlackUserId | None = None,
        answer: Answer | None = None,
        outcome: int = 0,
    ) -> None:
        """A key that is owed already keeps its kind, place and answer; only `wanted` grows."""
        values = {
            "key": key,
            "kind": kind,
            "request": request,
            "channel": channel,
            "thread_key": thread_key,
            "recipient": to,
            "answer": codec.ANSWER.dump(answer),
            "outcome": outcome,
            "wanted": 1,
            "shown": 0,
        }
        self.connection.execute(_owe(self.connection.dialect.name), values)
        self.poke(WorkKind.MESSAGE, key)

    def message(self, key: str) -> OwedMessage | None:
        row = self._one(MESSAGE, {"message": key})
        return None if row is None else codec.read_message(row)

    def save_message(self, message: OwedMessage) -> None:
        """Raises `NotFound` for a message that was never owed."""
        shown = tables.messages.c.shown
        done = self.connection.execute(
            update(tables.messages)
            .where(tables.messages.c.key == message.key)
            .values(
                ts=message.ts,
                posted_channel=message.posted_channel,
                first_try_at=message.first_try_at,
                last_try_at=message.last_try_at,
                repetition=message.repetition,
                by_dm=message.by_dm,
                turn_at=message.turn_at,
                queue=message.queue,
                shown=case((shown > message.shown, shown), else_=message.shown),
            )
        )
        if done.rowcount != 1:
            raise NotFound(Code.NOT_FOUND, id=message.key)

    def add_outcome(self, outcome: Outcome) -> None:
        """Raises `Conflict` when the request has an outcome of this number already."""
        values = {
            "request": outcome.request,
            "number": outcome.number,
            "at": outcome.at,
            "body": codec.OUTCOME.dump(outcome),
        }
        if self._add(tables.outcomes, values) is None:
            raise Conflict(Code.CONFLICT, label=label(outcome.request), outcome=outcome.number)

    def outcome(self, request: RequestId, number: int) -> Outcome | None:
        table = tables.outcomes
        theirs = select(table).where(table.c.request == request)
        if number:
            theirs = theirs.where(table.c.number == number)
        row = self._one(theirs.order_by(table.c.number.desc()).limit(1))
        return None if row is None else codec.read_outcome(row)

    def outcomes_for(self, requests: Collection[RequestId]) -> dict[RequestId, Outcome]:
        if not requests:
            return {}
        rows = self._all(NEWEST_OUTCOMES, {"requests": sorted(requests)})
        return dict(Sieve().read(rows, lambda row: (RequestId(row.request), codec.read_outcome(row))))
