"""Requests and their approvals. On PostgreSQL `request` locks the row: approvers come one after the other."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import groupby
from operator import itemgetter

from sqlalchemy import Executable, bindparam, select, update

from bot.adapters.storage import codec, tables
from bot.adapters.storage.codec import AnyRow
from bot.adapters.storage.rows import Rows, Sieve, saving
from bot.domain.errors import Code, Conflict, NotFound
from bot.domain.names import PermissionSetName, SlackUserId
from bot.domain.request import (
    AccessRequest,
    Ask,
    RequestId,
    RequestStatus,
    Unreadable,
    label,
)

NEXT_NUMBER = (
    update(tables.counters)
    .where(tables.counters.c.name == "request")
    .values(value=tables.counters.c.value + 1)
    .returning(tables.counters.c.value)
)
SEEN_REQUEST = select(tables.requests).where(tables.requests.c.id == bindparam("request"))
REQUEST = SEEN_REQUEST.with_for_update(key_share=True)
APPROVALS = (
    select(tables.approvals)
    .where(tables.approvals.c.request.in_(bindparam("requests", expanding=True)))
    .order_by(tables.approvals.c.request, tables.approvals.c.id)
)
SAVE_REQUEST = saving(tables.requests)


class RequestRows(Rows):
    """What was asked, and who said yes."""

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
        return self._request(REQUEST, request)

    def seen_request(self, request: RequestId) -> AccessRequest:
        return self._request(SEEN_REQUEST, request)

    def _request(self, statement: Executable, request: RequestId) -> AccessRequest:
        row = self._one(statement, {"request": request})
        if row is None:
            raise NotFound(Code.NOT_FOUND, id=label(request))
        return self._with_approvals(row)

    def request_by_form(self, form_key: str) -> AccessRequest | None:
        row = self._one(select(tables.requests).where(tables.requests.c.form_key == form_key))
        return None if row is None else self._with_approvals(row)

    def requests_of(
        self, requester: SlackUserId, *, at_most: int
    ) -> tuple[Sequence[AccessRequest], Sequence[Unreadable]]:
        theirs = select(tables.requests).where(tables.requests.c.requester == requester)
        rows = self._all(theirs.order_by(tables.requests.c.id.desc()).limit(at_most))
        sieve = Sieve()
        return self._readable(rows, sieve), tuple(sieve.lost.values())

    def pending_requests(
        self, *, at_most: int, of: Collection[PermissionSetName] | None = None
    ) -> Sequence[AccessRequest]:
        pending = select(tables.requests).where(tables.requests.c.status == RequestStatus.PENDING)
        if of is not None:
            pending = pending.where(tables.requests.c.permission_set.in_(sorted(of)))
        return self._readable(self._all(pending.order_by(tables.requests.c.id).limit(at_most)), Sieve())

    def _with_approvals(self, row: AnyRow) -> AccessRequest:
        approvals = self._all(APPROVALS, {"requests": [row.id]})
        return codec.read_request(row, tuple(codec.read_approval(each) for each in approvals))

    def _readable(self, rows: Sequence[AnyRow], sieve: Sieve) -> list[AccessRequest]:
        """Those of which everything can be read."""
        found = self._all(APPROVALS, {"requests": [row.id for row in rows]}) if rows else ()
        given = sieve.read(found, lambda row: (row.request, codec.read_approval(row)))
        approvals = {
            request: tuple(approval for _, approval in group)
            for request, group in groupby(given, key=itemgetter(0))
        }
        whole = (row for row in rows if row.id not in sieve.lost)
        return sieve.read(whole, lambda row: codec.read_request(row, approvals.get(row.id, ())), request="id")

    def save_request(self, seen: AccessRequest, changed: AccessRequest) -> AccessRequest:
        saved = replace(changed, version=seen.version + 1)
        seen_row = {"seen_id": seen.id, "seen_version": seen.version}
        if not self._change(SAVE_REQUEST, codec.request_values(saved) | seen_row):
            raise Conflict(Code.ALREADY_DECIDED, label=seen.label)
        return saved

    def add_approval(self, request: RequestId, by: SlackUserId) -> bool:
        values = {"request": request, "approver": by, "at": self._now}
        return self._add(tables.approvals, values) is not None
