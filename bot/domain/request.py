"""The access request: who asks for what, until when, and where it stands."""

import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NewType

from bot.domain.errors import Code, Refusal
from bot.domain.names import (
    AccountId,
    IdentityUserId,
    PermissionSetName,
    RoleName,
    SlackTeamId,
    SlackUserId,
)
from bot.domain.precheck import Facts

RequestId = NewType("RequestId", int)

REASON_LIMIT = 1_000
"""Characters. Long enough for a ticket and its context, short enough for a card that people read."""

TARGET_LIMIT = 60
"""Account × role pairs in one request: what a results table and a policy can hold."""


def label(request: RequestId) -> str:
    """The one short id that stands on every card and in every command, e.g. `WA-17`."""
    return f"WA-{request}"


def parse_label(text: str) -> RequestId:
    """Read `WA-17`, `wa-17` or `17`; raises `Refusal(NOT_FOUND)` for anything else."""
    match = re.fullmatch(r"\s*(?:wa-)?([1-9][0-9]{0,8})\s*", text, re.IGNORECASE | re.ASCII)
    if match is None:
        raise Refusal(Code.NOT_FOUND, id=text.strip()[:40])
    return RequestId(int(match[1]))


class Scope(StrEnum):
    """Who gets what the grant opens; stored, never rename a value."""

    EVERYONE = "everyone"
    ONLY_ME = "only_me"


class RequestStatus(StrEnum):
    """Where a request stands; stored, never rename a value."""

    PENDING = "pending"
    APPROVED = "approved"
    DENIED = "denied"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Target:
    """One role in one account."""

    account: AccountId
    role: RoleName


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What the form says, before anything is stored."""

    requester: SlackUserId
    team: SlackTeamId
    permission_set: PermissionSetName
    targets: tuple[Target, ...]
    scope: Scope
    span: timedelta | None
    """None: permanent."""
    reason: str
    form_key: str
    """The form's own id: a form that is sent twice makes one request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruling:
    """How a request left `pending`."""

    by: SlackUserId | None
    """None: the bot itself (expired, or found impossible after it was accepted)."""
    at: datetime
    note: str = ""
    """What the approver wrote; shown to the requester, never parsed."""
    code: Code | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessRequest:
    """A stored request. `version` grows with every change; a write names the version that it saw."""

    id: RequestId
    version: int
    status: RequestStatus
    ask: Ask
    created_at: datetime
    decide_by: datetime
    identity: IdentityUserId | None = None
    """The requester in Identity Center; None until the bot has looked."""
    facts: Facts | None = None
    """What the bot found before it asked anybody; None until then."""
    ruling: Ruling | None = None
    approvals: tuple["Approval", ...] = field(default=())

    @property
    def label(self) -> str:
        return label(self.id)

    @property
    def is_pending(self) -> bool:
        return self.status is RequestStatus.PENDING


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """A request of which a row cannot be read: it stands still, and the log says more under the incident id."""

    id: RequestId
    incident: str

    @property
    def label(self) -> str:
        return label(self.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """One approver's yes; a request may need several."""

    by: SlackUserId
    at: datetime
