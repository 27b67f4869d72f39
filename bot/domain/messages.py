"""What Slack owes people: messages that are kept true, and answers that are given once."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bot.domain.errors import Code
from bot.domain.grant import Failure, Grant, Push
from bot.domain.names import AccountId, ChannelId, PermissionSetName, RoleName, SlackTeamId, SlackUserId
from bot.domain.request import AccessRequest, RequestId
from bot.domain.verification import Verification


class MessageKind(StrEnum):
    """What a message is for; stored, never rename a value."""

    CARD = "card"
    """The approval card in the approvals channel; edited at every state."""
    COPY = "copy"
    """The requester's own copy, by DM, with Cancel."""
    PROGRESS = "progress"
    """One message in the card's thread, edited while the change runs."""
    RESULTS = "results"
    """The verification table, in the card's thread; posted once per outcome."""
    RESULTS_COPY = "results_copy"
    """The same by DM to the requester."""
    ENDED = "ended"
    """What ended and what still allows the same, in the card's thread; posted once per ending."""
    ENDED_COPY = "ended_copy"
    """The same by DM to the requester."""
    REMINDER = "reminder"
    """By DM to the requester, a day and an hour before the end."""
    PROOF = "proof"
    """What somebody has proved, in the card's thread, or by DM where there is no request; posted once."""
    UNEXPLAINED = "unexplained"
    """To the approvals channel, about statements in a policy that no request explains; posted once for them."""
    ANSWER = "answer"
    """To one person alone, about something that this person did."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OwedMessage:
    """A row of the outbox. `wanted` grows when the truth changes, `shown` when Slack shows it."""

    key: str
    """`<request>:<what>`; also stands in the message's metadata, so that a sent one is found again."""
    kind: MessageKind
    request: RequestId | None
    channel: ChannelId | SlackUserId
    """A channel, or a user for a DM; after the first post the channel that Slack answered with."""
    thread_key: str | None = None
    to: SlackUserId | None = None
    """For answers: the one person who sees it."""
    answer: "Answer | None" = None
    outcome: int = 0
    """For results: which outcome of the request."""
    wanted: int = 1
    shown: int = 0
    ts: str | None = None
    posted_channel: ChannelId | None = None
    first_try_at: datetime | None = None
    """Set before the first post is tried: from then on it may be there without our knowing."""
    last_try_at: datetime | None = None
    """The same of the newest try: what Slack applies late may come this long after it."""
    repetition: bool = False
    """Whether it may have been sent before without our knowing; says so for good, after an edit too."""
    by_dm: bool = False
    """For answers: set once an ephemeral message cannot reach the person."""
    turn_at: datetime | None = None
    """Its place in `queue`, counted already; kept until it is its turn, whoever sends it then."""
    queue: str | None = None

    @property
    def is_whisper(self) -> bool:
        """Whether one person alone sees it, and nobody can look for it afterwards."""
        return self.kind is MessageKind.ANSWER and not self.by_dm

    @property
    def place(self) -> ChannelId | SlackUserId:
        """Where it is posted, unless it belongs into a thread: that is where its first message stands."""
        return self.to if self.by_dm and self.to is not None else self.channel


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What one person is told alone: a code or a plain outcome, with the facts of its sentence."""

    code: Code | None = None
    said: str = ""
    """Without a code: which outcome, a key of the wording table."""
    facts: tuple[tuple[str, str | int], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What verification found after a change; stored, shown in the thread and by DM."""

    request: RequestId
    number: int
    at: datetime
    verifications: tuple[Verification, ...]
    failures: tuple[tuple[AccountId, RoleName, Failure], ...] = ()
    role_arns: tuple[str, ...] = ()
    already_allowed: tuple[tuple[AccountId, RoleName], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Still:
    """Another grant that allows the same as one that ended."""

    request: RequestId
    account: AccountId
    role: RoleName
    ends_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """All that a message about one request is drawn from: the truth at one instant."""

    request: AccessRequest
    grants: tuple[Grant, ...] = ()
    pushes: tuple[Push, ...] = ()
    outcome: Outcome | None = None
    at: datetime
    stopped: Failure | None = None
    """Set while the permission set's rounds are stopped."""
    still: tuple[Still, ...] = ()
    """For what has ended, is ending or could: the grants of other requests that still allow the requester the same."""


class ClickKind(StrEnum):
    """What a person did on a message; stored, never rename a value."""

    APPROVE = "approve"
    DENY = "deny"
    CANCEL = "cancel"
    RETRY = "retry"
    END = "end"
    """The requester is done, or an approver takes the access away."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Click:
    """A click or a small form, stored before it is acknowledged."""

    id: int
    kind: ClickKind
    request: RequestId
    by: SlackUserId
    team: SlackTeamId
    channel: ChannelId | SlackUserId
    """Where the answer goes: the channel of the message that was clicked."""
    note: str = ""
    at: datetime
    done_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """One line of the history; append-only, once per (subject, version)."""

    request: RequestId | None
    """None for a proof that belongs to no request."""
    subject: str
    """`WA-17`, `WA-17/3` for its grant 3, or `proof/…`: what `version` counts."""
    version: int
    at: datetime
    event: str
    """`request.<status>`, `grant.<status>`, … – a grammar, not a sentence."""
    actor: SlackUserId | None = None
    permission_set: PermissionSetName | None = None
    account: AccountId | None = None
    role: RoleName | None = None
    detail: str = ""
