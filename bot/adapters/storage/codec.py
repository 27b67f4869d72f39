"""Rows to dataclasses and back. Raw rows stop here."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Generic, TypeVar

from pydantic import TypeAdapter
from sqlalchemy import Row

from bot.domain.errors import CorruptRow
from bot.domain.grant import (
    Copies,
    EndCause,
    Failure,
    Grant,
    GrantId,
    GrantStatus,
    Push,
    PushStatus,
    SetState,
)
from bot.domain.messages import Answer, AuditEntry, Click, ClickKind, MessageKind, Outcome, OwedMessage
from bot.domain.names import (
    AccountId,
    ChannelId,
    IdentityUserId,
    PermissionSetName,
    ProvisioningId,
    RoleArn,
    RoleName,
    SlackTeamId,
    SlackUserId,
)
from bot.domain.precheck import Facts
from bot.domain.request import (
    AccessRequest,
    Approval,
    Ask,
    RequestId,
    RequestStatus,
    Ruling,
    Scope,
    Target,
)
from bot.domain.statements import Want
from bot.ports.store import Work, WorkKind

T = TypeVar("T")

AnyRow = Row[*tuple[Any, ...]]
Values = dict[str, Any]

MICROSECOND = timedelta(microseconds=1)


class Json(Generic[T]):
    """A value kept as JSON text. What a newer version added is skipped; what is missing is an error."""

    def __init__(self, shape: Any) -> None:
        self._adapter: TypeAdapter[T] = TypeAdapter(shape)

    def dump(self, value: T | None) -> str | None:
        if value is None:
            return None
        plain = self._adapter.dump_python(value, mode="json")
        return json.dumps(plain, ensure_ascii=False, separators=(",", ":"))

    def load(self, text: str) -> T:
        return self._adapter.validate_json(text, strict=True)

    def load_maybe(self, text: str | None) -> T | None:
        return None if text is None else self.load(text)


TARGETS: Json[tuple[Target, ...]] = Json(tuple[Target, ...])
FACTS: Json[Facts] = Json(Facts)
RULING: Json[Ruling] = Json(Ruling)
FAILURE: Json[Failure] = Json(Failure)
SIDS: Json[tuple[str, ...]] = Json(tuple[str, ...])
ANSWER: Json[Answer] = Json(Answer)
OUTCOME: Json[Outcome] = Json(Outcome)


@contextmanager
def reading(table: str, key: object) -> Iterator[None]:
    """Turn whatever is wrong with one row into `CorruptRow`."""
    try:
        yield
    except (ValueError, TypeError, OverflowError) as exc:
        raise CorruptRow(table, key) from exc


def instant(value: object) -> datetime:
    """A stored instant, as aware UTC."""
    at = datetime.fromisoformat(value) if isinstance(value, str) else value
    if not isinstance(at, datetime) or at.tzinfo is None:
        raise ValueError("not an aware instant")
    return at.astimezone(UTC)


def maybe_instant(value: object) -> datetime | None:
    return None if value is None else instant(value)


def request_values(request: AccessRequest) -> Values:
    """Every column but the id; approvals have a table of their own."""
    return {
        "version": request.version,
        "status": request.status,
        **ask_values(request.ask),
        "created_at": request.created_at,
        "decide_by": request.decide_by,
        "identity": request.identity,
        "facts": FACTS.dump(request.facts),
        "ruling": RULING.dump(request.ruling),
    }


def ask_values(ask: Ask) -> Values:
    return {
        "requester": ask.requester,
        "team": ask.team,
        "permission_set": ask.permission_set,
        "targets": TARGETS.dump(ask.targets),
        "scope": ask.scope,
        "span_us": None if ask.span is None else ask.span // MICROSECOND,
        "reason": ask.reason,
        "form_key": ask.form_key,
    }


def read_request(row: AnyRow, approvals: tuple[Approval, ...]) -> AccessRequest:
    with reading("requests", row.id):
        return AccessRequest(
            id=RequestId(row.id),
            version=int(row.version),
            status=RequestStatus(row.status),
            ask=Ask(
                requester=SlackUserId(row.requester),
                team=SlackTeamId(row.team),
                permission_set=PermissionSetName(row.permission_set),
                targets=TARGETS.load(row.targets),
                scope=Scope(row.scope),
                span=None if row.span_us is None else row.span_us * MICROSECOND,
                reason=row.reason,
                form_key=row.form_key,
            ),
            created_at=instant(row.created_at),
            decide_by=instant(row.decide_by),
            identity=IdentityUserId(row.identity) if row.identity is not None else None,
            facts=FACTS.load_maybe(row.facts),
            ruling=RULING.load_maybe(row.ruling),
            approvals=approvals,
        )


def read_approval(row: AnyRow) -> Approval:
    with reading("approvals", row.id):
        return Approval(by=SlackUserId(row.approver), at=instant(row.at))


def grant_values(grant: Grant) -> Values:
    """Every column but the id."""
    return {
        "version": grant.version,
        "request": grant.request,
        "permission_set": grant.permission_set,
        "account": grant.target.account,
        "role": grant.target.role,
        "role_arn": grant.role_arn,
        "person": grant.person,
        "ends_at": grant.ends_at,
        "status": grant.status,
        "wanted_at": grant.wanted_at,
        "written": grant.written,
        "already_allowed": grant.already_allowed,
        "rounds": grant.rounds,
        "failure": FAILURE.dump(grant.failure),
        "end_cause": grant.end_cause,
        "end_note": grant.end_note,
        "settled_at": grant.settled_at,
    }


def read_grant(row: AnyRow) -> Grant:
    with reading("grants", row.id):
        return Grant(
            id=GrantId(row.id),
            version=int(row.version),
            request=RequestId(row.request),
            permission_set=PermissionSetName(row.permission_set),
            target=Target(account=AccountId(row.account), role=RoleName(row.role)),
            role_arn=RoleArn(row.role_arn),
            person=IdentityUserId(row.person) if row.person is not None else None,
            ends_at=maybe_instant(row.ends_at),
            status=GrantStatus(row.status),
            wanted_at=instant(row.wanted_at),
            written=row.written,
            already_allowed=row.already_allowed,
            rounds=int(row.rounds),
            failure=FAILURE.load_maybe(row.failure),
            end_cause=EndCause(row.end_cause) if row.end_cause is not None else None,
            end_note=row.end_note,
            settled_at=maybe_instant(row.settled_at),
        )


def read_want(row: AnyRow) -> Want:
    """What a grant's row wants, whatever else is wrong with it."""
    with reading("grants", row.id):
        return Want(
            role_arn=RoleArn(row.role_arn),
            person=IdentityUserId(row.person) if row.person is not None else None,
            ends_at=maybe_instant(row.ends_at),
        )


def set_values(state: SetState) -> Values:
    return {
        "version": state.version,
        "sids": SIDS.dump(tuple(sorted(state.sids))),
        "document": state.document,
        "read_back": state.read_back,
        "troubled_at": state.troubled_at,
        "stopped": FAILURE.dump(state.stopped),
        "level_at": state.level_at,
    }


def read_set(row: AnyRow) -> SetState:
    with reading("permission_sets", row.permission_set):
        return SetState(
            permission_set=PermissionSetName(row.permission_set),
            version=row.version,
            sids=frozenset(SIDS.load(row.sids)),
            document=row.document,
            read_back=row.read_back,
            troubled_at=maybe_instant(row.troubled_at),
            stopped=FAILURE.load_maybe(row.stopped),
            level_at=maybe_instant(row.level_at),
        )


def push_values(push: Push) -> Values:
    return {
        "permission_set": push.permission_set,
        "account": push.account,
        "status": push.status,
        "document": push.document,
        "held": push.held,
        "everywhere": push.everywhere,
        "provisioning": push.provisioning,
        "started_at": push.started_at,
        "failure": FAILURE.dump(push.failure),
        "levelling": push.levelling,
    }


def read_push(row: AnyRow) -> Push:
    with reading("pushes", f"{row.permission_set}/{row.account}"):
        return Push(
            permission_set=PermissionSetName(row.permission_set),
            account=AccountId(row.account),
            status=PushStatus(row.status),
            document=row.document,
            held=row.held,
            everywhere=row.everywhere,
            provisioning=ProvisioningId(row.provisioning) if row.provisioning is not None else None,
            started_at=maybe_instant(row.started_at),
            failure=FAILURE.load_maybe(row.failure),
            levelling=row.levelling,
        )


def copies_values(copies: Copies) -> Values:
    return {
        "permission_set": copies.permission_set,
        "foreign_part": copies.foreign_part,
        "since": copies.since,
        "accounts": SIDS.dump(tuple(sorted(copies.accounts))),
    }


def read_copies(row: AnyRow) -> Copies:
    with reading("copies", row.permission_set):
        return Copies(
            permission_set=PermissionSetName(row.permission_set),
            foreign_part=row.foreign_part,
            since=maybe_instant(row.since),
            accounts=frozenset(AccountId(account) for account in SIDS.load(row.accounts)),
        )


def read_click(row: AnyRow) -> Click:
    with reading("clicks", row.id):
        return Click(
            id=row.id,
            kind=ClickKind(row.kind),
            request=RequestId(row.request),
            by=SlackUserId(row.by),
            team=SlackTeamId(row.team),
            channel=ChannelId(row.channel),
            note=row.note,
            at=instant(row.at),
            done_at=maybe_instant(row.done_at),
        )


def read_message(row: AnyRow) -> OwedMessage:
    with reading("messages", row.key):
        return OwedMessage(
            key=row.key,
            kind=MessageKind(row.kind),
            request=RequestId(row.request) if row.request is not None else None,
            channel=ChannelId(row.channel),
            thread_key=row.thread_key,
            to=SlackUserId(row.recipient) if row.recipient is not None else None,
            answer=ANSWER.load_maybe(row.answer),
            outcome=row.outcome,
            wanted=row.wanted,
            shown=row.shown,
            ts=row.ts,
            posted_channel=ChannelId(row.posted_channel) if row.posted_channel is not None else None,
            first_try_at=maybe_instant(row.first_try_at),
            last_try_at=maybe_instant(row.last_try_at),
            repetition=row.repetition,
            by_dm=row.by_dm,
            turn_at=maybe_instant(row.turn_at),
            queue=row.queue,
        )


def read_outcome(row: AnyRow) -> Outcome:
    with reading("outcomes", f"{row.request}/{row.number}"):
        return OUTCOME.load(row.body)


def audit_values(entry: AuditEntry) -> Values:
    return {
        "request": entry.request,
        "subject": entry.subject,
        "version": entry.version,
        "at": entry.at,
        "event": entry.event,
        "actor": entry.actor,
        "permission_set": entry.permission_set,
        "account": entry.account,
        "role": entry.role,
        "detail": entry.detail,
    }


def read_audit(row: AnyRow) -> AuditEntry:
    with reading("audit", row.id):
        return AuditEntry(
            request=RequestId(row.request) if row.request is not None else None,
            subject=row.subject,
            version=row.version,
            at=instant(row.at),
            event=row.event,
            actor=SlackUserId(row.actor) if row.actor is not None else None,
            permission_set=PermissionSetName(row.permission_set) if row.permission_set is not None else None,
            account=AccountId(row.account) if row.account is not None else None,
            role=RoleName(row.role) if row.role is not None else None,
            detail=row.detail,
        )


def read_work(row: AnyRow) -> Work:
    with reading("work", row.id):
        return Work(
            kind=WorkKind(row.kind), key=row.key, lease=row.lease, pokes=row.pokes, attempts=row.attempts
        )
