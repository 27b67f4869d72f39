"""The only place where a request or a grant changes its status.

Each function writes the status by compare-and-set, its audit line, and the messages that Slack owes because
of it, all in the caller's transaction: whoever loses the write loses all of it.
"""

from dataclasses import replace

from bot.domain.errors import Code, Conflict
from bot.domain.grant import TRANSITIONS, EndCause, Failure, Grant, GrantStatus
from bot.domain.messages import Answer, AuditEntry, MessageKind
from bot.domain.names import ChannelId, PermissionSetName, SlackUserId
from bot.domain.reminder import next_reminder
from bot.domain.request import AccessRequest, RequestId, RequestStatus, Ruling, label
from bot.ports.store import Tx, WorkKind


def card_key(request: RequestId) -> str:
    return f"{label(request)}:card"


def copy_key(request: RequestId) -> str:
    return f"{label(request)}:copy"


def progress_key(request: RequestId) -> str:
    return f"{label(request)}:progress"


def record_request(tx: Tx, request: AccessRequest, *, event: str, actor: SlackUserId | None) -> None:
    """The audit line of a request's present version."""
    note = request.ruling.note if request.ruling is not None else ""
    tx.audit(
        AuditEntry(
            request=request.id,
            subject=request.label,
            version=request.version,
            at=tx.now,
            event=event,
            actor=actor,
            permission_set=request.ask.permission_set,
            detail=note,
        )
    )


def rule_on(
    tx: Tx,
    request: AccessRequest,
    status: RequestStatus,
    *,
    by: SlackUserId | None,
    note: str = "",
    code: Code | None = None,
) -> AccessRequest:
    """Let a pending request leave `pending`; raises `Conflict` when somebody else was faster."""
    if not request.is_pending:
        raise Conflict(Code.ALREADY_DECIDED, label=request.label)
    ruling = Ruling(by=by, at=tx.now, note=note, code=code)
    decided = tx.save_request(request, replace(request, status=status, ruling=ruling))
    record_request(tx, decided, event=f"request.{status.value}", actor=by)
    return decided


def show(tx: Tx, request: AccessRequest, channel: ChannelId) -> None:
    """Slack owes the card and the requester's copy in their present state.

    A card is owed only once the request's facts are known: nobody is asked about what was not looked at.
    """
    if request.facts is not None:
        tx.owe(card_key(request.id), MessageKind.CARD, channel, request=request.id)
    tx.owe(copy_key(request.id), MessageKind.COPY, request.ask.requester, request=request.id)


def show_progress(tx: Tx, request: RequestId, channel: ChannelId) -> None:
    """Slack owes the one progress message in the card's thread."""
    tx.owe(
        progress_key(request),
        MessageKind.PROGRESS,
        channel,
        request=request,
        thread_key=card_key(request),
    )


def answer(
    tx: Tx,
    key: str,
    channel: ChannelId | SlackUserId,
    to: SlackUserId,
    said: Answer,
    request: RequestId | None,
) -> None:
    """Slack owes one person one answer that nobody else sees."""
    tx.owe(key, MessageKind.ANSWER, channel, request=request, to=to, answer=said)


def move_grant(
    tx: Tx,
    grant: Grant,
    status: GrantStatus,
    *,
    failure: Failure | None = None,
    cause: EndCause | None = None,
    actor: SlackUserId | None = None,
    note: str = "",
    already_allowed: bool | None = None,
    written: bool | None = None,
) -> Grant:
    """Move a grant along `TRANSITIONS`; raises `Conflict` when it stands elsewhere by now."""
    if status not in TRANSITIONS[grant.status]:
        raise Conflict(Code.CONFLICT, grant=grant.id, status=grant.status.value)
    changed = replace(
        grant,
        status=status,
        failure=failure,
        end_cause=cause if cause is not None else grant.end_cause,
        end_note=note or grant.end_note,
        wanted_at=tx.now if status in {GrantStatus.PROVISIONING, GrantStatus.ENDING} else grant.wanted_at,
        settled_at=tx.now,
        rounds=0 if status is GrantStatus.PROVISIONING else grant.rounds,
        already_allowed=grant.already_allowed if already_allowed is None else already_allowed,
        written=grant.written if written is None else written,
    )
    stored = tx.save_grant(grant, changed)
    record_grant(tx, stored, actor=actor, note=note)
    _remind(tx, stored)
    return stored


def _remind(tx: Tx, grant: Grant) -> None:
    """An active grant with an end sets the clock for its first reminder."""
    if grant.status is GrantStatus.ACTIVE and grant.ends_at is not None:
        due_at = next_reminder(grant.ends_at, since=grant.wanted_at, now=tx.now)
        if due_at is not None:
            tx.poke(WorkKind.REMINDER, str(grant.request), due_at=due_at)


def record_grant(tx: Tx, grant: Grant, *, actor: SlackUserId | None = None, note: str = "") -> None:
    """The audit line of a grant's present version."""
    detail = note
    if grant.failure is not None:
        detail = f"{grant.failure.code.value}: {grant.failure.reason}".removesuffix(": ")
    elif grant.status is GrantStatus.ACTIVE and grant.already_allowed:
        detail = "already_allowed"
    elif grant.end_cause is not None:
        detail = f"{grant.end_cause.value}: {note}" if note else grant.end_cause.value
    tx.audit(
        AuditEntry(
            request=grant.request,
            subject=f"{label(grant.request)}/{grant.id}",
            version=grant.version,
            at=tx.now,
            event=f"grant.{grant.status.value}",
            actor=actor,
            permission_set=grant.permission_set,
            account=grant.target.account,
            role=grant.target.role,
            detail=detail,
        )
    )


def wake_set(tx: Tx, permission_set: PermissionSetName) -> None:
    """Ask for a round on the set; last in a transaction, since everybody who changes the set writes this row."""
    tx.poke(WorkKind.PERMISSION_SET, permission_set)
