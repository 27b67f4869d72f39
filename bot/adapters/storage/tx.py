"""One open transaction, as the use cases see it: reads and conditional writes.

Nothing here commits, rolls back or retries; `runner.py` does. On PostgreSQL `request` locks the row, so that
two approvers of one request come one after the other.
"""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime
from functools import cache
from itertools import groupby

from sqlalchemy import Connection, Executable, Insert, Table, Update, bindparam, case, func, select, update

from bot.adapters.storage import codec, tables
from bot.adapters.storage import work as work_rows
from bot.adapters.storage.codec import AnyRow, Values
from bot.adapters.storage.dialect import insert, insert_new, insert_or_replace
from bot.domain.errors import Code, Conflict, CorruptRow, NotFound
from bot.domain.grant import Grant, GrantId, GrantStatus, Push, PushStatus, SetState
from bot.domain.messages import Answer, AuditEntry, Click, ClickKind, MessageKind, Outcome, OwedMessage
from bot.domain.names import ChannelId, IdentityUserId, PermissionSetName, RoleArn, SlackTeamId, SlackUserId
from bot.domain.pace import Pace, take_turn
from bot.domain.request import (
    AccessRequest,
    Approval,
    Ask,
    RequestId,
    RequestStatus,
    Target,
    label,
)
from bot.log import get_logger
from bot.ports.store import Work, WorkKind

log = get_logger(__name__)

IN_FLIGHT = (PushStatus.STARTING, PushStatus.IN_PROGRESS)

NEXT_NUMBER = (
    update(tables.counters)
    .where(tables.counters.c.name == "request")
    .values(value=tables.counters.c.value + 1)
    .returning(tables.counters.c.value)
)
REQUEST = (
    select(tables.requests)
    .where(tables.requests.c.id == bindparam("request"))
    .with_for_update(key_share=True)
)
APPROVALS = (
    select(tables.approvals)
    .where(tables.approvals.c.request.in_(bindparam("requests", expanding=True)))
    .order_by(tables.approvals.c.request, tables.approvals.c.id)
)
MESSAGE = select(tables.messages).where(tables.messages.c.key == bindparam("message"))


def _save(table: Table) -> Update:
    unchanged = (table.c.id == bindparam("seen_id"), table.c.version == bindparam("seen_version"))
    return update(table).where(*unchanged)


SAVE_REQUEST = _save(tables.requests)
SAVE_GRANT = _save(tables.grants)


@cache
def _owe(dialect: str) -> Insert:
    again = {"wanted": tables.messages.c.wanted + 1}
    return insert(dialect, tables.messages).on_conflict_do_update(
        index_elements=[tables.messages.c.key], set_=again
    )


class SqlTx:
    """Implements `ports.store.Tx` on one connection."""

    def __init__(self, connection: Connection, now: datetime) -> None:
        self.connection = connection
        self.poked = False
        """Whether the worker has something to look at once this is committed."""
        self._now = now

    @property
    def now(self) -> datetime:
        """When the transaction started."""
        return self._now

    def _one(self, statement: Executable, values: Values | None = None) -> AnyRow | None:
        return self.connection.execute(statement, values).one_or_none()

    def _all(self, statement: Executable, values: Values | None = None) -> Sequence[AnyRow]:
        return self.connection.execute(statement, values).all()

    def _add(self, table: Table, values: Values) -> AnyRow | None:
        """The row as it is stored now; None when there was one with the same key already."""
        return self._one(insert_new(self.connection.dialect.name, table), values)

    def _change(self, statement: Executable, values: Values) -> bool:
        """Whether the row was there, in the state in which it was expected."""
        return self.connection.execute(statement, values).rowcount == 1

    # Requests

    def add_request(self, ask: Ask, *, decide_by: datetime) -> AccessRequest:
        """Raises `Conflict` when the form has made a request already."""
        values = {
            "id": self.connection.execute(NEXT_NUMBER).scalar_one(),
            "version": 1,
            "status": RequestStatus.PENDING,
            **codec.ask_values(ask),
            "created_at": self._now,
            "decide_by": decide_by,
        }
        row = self._add(tables.requests, values)
        if row is None:
            raise Conflict(Code.CONFLICT, form_key=ask.form_key)
        return codec.read_request(row, ())

    def request(self, request: RequestId) -> AccessRequest:
        row = self._one(REQUEST, {"request": request})
        if row is None:
            raise NotFound(Code.NOT_FOUND, id=label(request))
        return self._with_approvals([row])[0]

    def request_by_form(self, form_key: str) -> AccessRequest | None:
        row = self._one(select(tables.requests).where(tables.requests.c.form_key == form_key))
        return None if row is None else self._with_approvals([row])[0]

    def requests_of(self, requester: SlackUserId, *, at_most: int) -> Sequence[AccessRequest]:
        theirs = select(tables.requests).where(tables.requests.c.requester == requester)
        return self._with_approvals(self._all(theirs.order_by(tables.requests.c.id.desc()).limit(at_most)))

    def pending_requests(self, *, at_most: int) -> Sequence[AccessRequest]:
        pending = select(tables.requests).where(tables.requests.c.status == RequestStatus.PENDING)
        return self._with_approvals(self._all(pending.order_by(tables.requests.c.id).limit(at_most)))

    def _with_approvals(self, rows: Sequence[AnyRow]) -> list[AccessRequest]:
        found = self._all(APPROVALS, {"requests": [row.id for row in rows]})
        approvals: dict[int, tuple[Approval, ...]] = {
            request: tuple(codec.read_approval(row) for row in group)
            for request, group in groupby(found, key=lambda row: row.request)
        }
        return [codec.read_request(row, approvals.get(row.id, ())) for row in rows]

    def save_request(self, seen: AccessRequest, changed: AccessRequest) -> AccessRequest:
        saved = replace(changed, version=seen.version + 1)
        seen_row = {"seen_id": seen.id, "seen_version": seen.version}
        if not self._change(SAVE_REQUEST, codec.request_values(saved) | seen_row):
            raise Conflict(Code.ALREADY_DECIDED, label=seen.label)
        return saved

    def add_approval(self, request: RequestId, by: SlackUserId) -> bool:
        values = {"request": request, "approver": by, "at": self._now}
        return self._add(tables.approvals, values) is not None

    # Grants

    def add_grant(
        self,
        *,
        request: RequestId,
        permission_set: PermissionSetName,
        target: Target,
        role_arn: RoleArn,
        person: IdentityUserId | None,
        ends_at: datetime | None,
    ) -> Grant:
        new = Grant(
            id=GrantId(0),
            version=1,
            request=request,
            permission_set=permission_set,
            target=target,
            role_arn=role_arn,
            person=person,
            ends_at=ends_at,
            status=GrantStatus.PROVISIONING,
            wanted_at=self._now,
        )
        row = self._add(tables.grants, codec.grant_values(new))
        assert row is not None  # the database gives the id
        return codec.read_grant(row)

    def grants_of(self, request: RequestId) -> tuple[Grant, ...]:
        theirs = select(tables.grants).where(tables.grants.c.request == request).order_by(tables.grants.c.id)
        return tuple(codec.read_grant(row) for row in self._all(theirs))

    def grants_in(
        self, permission_set: PermissionSetName, statuses: Collection[GrantStatus]
    ) -> tuple[Grant, ...]:
        return tuple(grant for grant in self.open_grants(permission_set)[0] if grant.status in statuses)

    def open_grants(
        self, permission_set: PermissionSetName
    ) -> tuple[tuple[Grant, ...], frozenset[RequestId]]:
        table = tables.grants
        # Not `status in …`: a status of a newer version must be noticed, not overlooked.
        alive = (table.c.permission_set == permission_set, table.c.status != GrantStatus.ENDED)
        grants: list[Grant] = []
        broken: set[RequestId] = set()
        for row in self._all(select(table).where(*alive).order_by(table.c.id)):
            try:
                grants.append(codec.read_grant(row))
            except CorruptRow as corrupt:
                broken.add(RequestId(row.request))
                log.error(
                    "row_corrupt", table=corrupt.table, key=str(corrupt.key), request=label(row.request)
                )
        return tuple(grant for grant in grants if grant.request not in broken), frozenset(broken)

    def active_on(
        self, permission_set: PermissionSetName, roles: Collection[RoleArn], *, at_most: int
    ) -> tuple[Grant, ...]:
        table = tables.grants
        wanted = (
            table.c.permission_set == permission_set,
            table.c.status == GrantStatus.ACTIVE,
            table.c.role_arn.in_(sorted(roles)),
        )
        longest = (table.c.ends_at.is_not(None), table.c.ends_at.desc(), table.c.id)
        rows = self._all(select(table).where(*wanted).order_by(*longest).limit(at_most))
        return tuple(codec.read_grant(row) for row in rows)

    def save_grant(self, seen: Grant, changed: Grant) -> Grant:
        saved = replace(changed, version=seen.version + 1)
        seen_row = {"seen_id": seen.id, "seen_version": seen.version}
        if not self._change(SAVE_GRANT, codec.grant_values(saved) | seen_row):
            raise Conflict(Code.CONFLICT, grant=seen.id)
        return saved

    # Permission sets

    def set_state(self, permission_set: PermissionSetName) -> SetState:
        table = tables.permission_sets
        known = select(table).where(table.c.permission_set == permission_set)
        row = self._one(known)
        if row is None:
            new = SetState(permission_set=permission_set, version=0)
            self._add(table, {"permission_set": permission_set, **codec.set_values(new)})
            row = self.connection.execute(known).one()
        return codec.read_set(row)

    def save_set_state(self, seen: SetState, changed: SetState) -> SetState:
        table = tables.permission_sets
        saved = replace(changed, version=seen.version + 1)
        done = self.connection.execute(
            update(table)
            .where(table.c.permission_set == seen.permission_set, table.c.version == seen.version)
            .values(codec.set_values(saved))
        )
        if done.rowcount != 1:
            raise Conflict(Code.CONFLICT, permission_set=seen.permission_set)
        return saved

    def keep_snapshot(self, permission_set: PermissionSetName, document: str, *, event: str) -> None:
        values = {"permission_set": permission_set, "at": self._now, "event": event, "document": document}
        self._add(tables.snapshots, values)

    def pushes_of(self, permission_set: PermissionSetName) -> tuple[Push, ...]:
        theirs = select(tables.pushes).where(tables.pushes.c.permission_set == permission_set)
        return tuple(codec.read_push(row) for row in self._all(theirs.order_by(tables.pushes.c.account)))

    def pushes_in_flight(self) -> tuple[Push, ...]:
        table = tables.pushes
        flying = select(table).where(table.c.status.in_(IN_FLIGHT))
        rows = self._all(flying.order_by(table.c.permission_set, table.c.account))
        return tuple(codec.read_push(row) for row in rows)

    def save_push(self, push: Push) -> None:
        statement = insert_or_replace(self.connection.dialect.name, tables.pushes)
        self.connection.execute(statement, codec.push_values(push))

    # Clicks

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
        """The request may be one that this database does not know. The caller pokes the work."""
        values = {
            "kind": kind,
            "request": request,
            "by": by,
            "team": team,
            "channel": channel,
            "note": note,
            "at": self._now,
        }
        row = self._add(tables.clicks, values)
        assert row is not None  # the database gives the id
        return codec.read_click(row)

    def click(self, click: int) -> Click:
        row = self._one(select(tables.clicks).where(tables.clicks.c.id == click))
        if row is None:
            raise NotFound(Code.NOT_FOUND, id=f"click {click}")
        return codec.read_click(row)

    def finish_click(self, click: int) -> None:
        unfinished = (tables.clicks.c.id == click, tables.clicks.c.done_at.is_(None))
        self.connection.execute(update(tables.clicks).where(*unfinished).values(done_at=self._now))

    # Messages

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

    def serialise(self, name: str) -> None:
        """SQLite has one writer at a time anyway; PostgreSQL has locks that end with the transaction."""
        if self.connection.dialect.name == "postgresql":
            self.connection.execute(select(func.pg_advisory_xact_lock(func.hashtext(name))))

    def take_turn(self, queue: str, pace: Pace) -> datetime:
        """Takers of one queue come one after the other: the row is locked until the transaction ends."""
        table = tables.queues
        self._add(table, {"name": queue, "full_until": self._now})
        booked = select(table.c.full_until).where(table.c.name == queue).with_for_update()
        full_until = codec.instant(self.connection.execute(booked).scalar_one())
        turn, full_until = take_turn(full_until, pace, now=self._now)
        self.connection.execute(update(table).where(table.c.name == queue).values(full_until=full_until))
        return turn

    # Work

    def poke(self, kind: WorkKind, key: str, *, due_at: datetime | None = None) -> None:
        """A later instant never postpones an earlier one; a poke after a failure ends the back-off."""
        work_rows.poke(self.connection, kind, key, due_at or self._now)
        self.poked = True

    def hold(self, work: Work) -> None:
        """Raises `Conflict` when somebody else has claimed the work: a paused worker must not write."""
        if not work_rows.is_held(self.connection, work):
            raise Conflict(Code.CONFLICT, work=f"{work.kind}:{work.key}")

    # History

    def audit(self, entry: AuditEntry) -> None:
        """Raises `Conflict` when the subject's version has its line already."""
        if self._add(tables.audit, codec.audit_values(entry)) is None:
            raise Conflict(Code.CONFLICT, subject=entry.subject, version=entry.version)

    def history(self, request: RequestId) -> tuple[AuditEntry, ...]:
        """In the order in which it was written."""
        theirs = select(tables.audit).where(tables.audit.c.request == request)
        return tuple(codec.read_audit(row) for row in self._all(theirs.order_by(tables.audit.c.id)))
