"""The grant: the access that an approved request opened, one per account and role."""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import NewType

from bot.domain.errors import Code
from bot.domain.names import (
    AccountId,
    IdentityUserId,
    PermissionSetName,
    ProvisioningId,
    RoleArn,
)
from bot.domain.request import RequestId, Target
from bot.domain.statements import Want

GrantId = NewType("GrantId", int)


class GrantStatus(StrEnum):
    """Where a grant stands; stored, never rename a value."""

    PROVISIONING = "provisioning"
    ACTIVE = "active"
    ENDING = "ending"
    ENDED = "ended"
    FAILED = "failed"


class EndCause(StrEnum):
    """Why a grant ended; stored, never rename a value."""

    EXPIRED = "expired"
    REVOKED = "revoked"
    RELEASED = "released"
    WITHDRAWN = "withdrawn"


TRANSITIONS: dict[GrantStatus, frozenset[GrantStatus]] = {
    GrantStatus.PROVISIONING: frozenset({GrantStatus.ACTIVE, GrantStatus.FAILED, GrantStatus.ENDING}),
    GrantStatus.ACTIVE: frozenset({GrantStatus.ENDING, GrantStatus.PROVISIONING}),
    GrantStatus.FAILED: frozenset({GrantStatus.PROVISIONING, GrantStatus.ENDING}),
    GrantStatus.ENDING: frozenset({GrantStatus.ENDED}),
    GrantStatus.ENDED: frozenset(),
}


def can_end(grant: "Grant") -> bool:
    """Whether there is something to take away: not what is ending anyway, and not what was never written."""
    match grant.status:
        case GrantStatus.PROVISIONING | GrantStatus.ACTIVE:
            return True
        case GrantStatus.FAILED:
            return grant.written
        case GrantStatus.ENDING | GrantStatus.ENDED:
            return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why something failed: a stable code and AWS's own words, which are data."""

    code: Code
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """Access for one account × role. `version` grows with every change."""

    id: GrantId
    version: int
    request: RequestId
    permission_set: PermissionSetName
    target: Target
    role_arn: RoleArn
    person: IdentityUserId | None
    """None: everyone who holds the set in the account."""
    ends_at: datetime | None
    status: GrantStatus
    wanted_at: datetime
    """When the work on its present status began; its deadline counts from here."""
    written: bool = False
    """True once a policy that holds it may have been put: it is wanted until it is withdrawn."""
    already_allowed: bool = False
    """AWS allowed the same already for at least as long; nothing was written for it."""
    rounds: int = 0
    failure: Failure | None = None
    end_cause: EndCause | None = None
    end_note: str = ""
    """What an approver wrote who took it away; the requester reads it, nobody parses it."""
    settled_at: datetime | None = None

    @property
    def is_wanted(self) -> bool:
        """Whether the policy should hold a statement for it now."""
        match self.status:
            case GrantStatus.PROVISIONING | GrantStatus.ACTIVE:
                return not self.already_allowed
            case GrantStatus.FAILED:
                return self.written
            case GrantStatus.ENDING | GrantStatus.ENDED:
                return False

    @property
    def is_settled(self) -> bool:
        """Nothing is under way for it."""
        return self.status not in {GrantStatus.PROVISIONING, GrantStatus.ENDING}

    @property
    def want(self) -> Want:
        return Want(role_arn=self.role_arn, person=self.person, ends_at=self.ends_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenGrants:
    """What has not ended in one permission set."""

    grants: tuple[Grant, ...]
    """By id; those of broken requests are left out: nothing is done for them."""
    broken: frozenset[RequestId]
    """Requests of which a row cannot be read, though something of theirs has not ended."""
    kept: frozenset[Want] | None
    """What may have been written for broken requests and must not be taken away; None: that is not known."""


class PushStatus(StrEnum):
    """How far a provisioning of one account got; stored, never rename a value."""

    STARTING = "starting"
    """About to be asked for, or asked for and not recorded: asking again is harmless."""
    IN_PROGRESS = "in_progress"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Push:
    """The latest provisioning of one permission set into one account by this bot.

    `document` is the policy that travels; `held` the last one that arrived. An account that only our own
    rounds left behind is told by `held` from one where somebody else's edit waits.
    """

    permission_set: PermissionSetName
    account: AccountId
    status: PushStatus
    document: str
    held: str | None = None
    """None: this bot has never provisioned the set there."""
    everywhere: bool = False
    """Travels by one ALL_PROVISIONED_ACCOUNTS call that it shares with the set's other pushes."""
    provisioning: ProvisioningId | None = None
    started_at: datetime | None = None
    failure: Failure | None = None
    levelling: bool = False
    """Not for a grant: it brings accounts level that our own rounds left behind."""

    @property
    def is_in_flight(self) -> bool:
        return self.status in {PushStatus.STARTING, PushStatus.IN_PROGRESS}


@dataclass(frozen=True, slots=True, kw_only=True)
class Flight:
    """Of a push in flight, what counts against the organisation's limits."""

    permission_set: PermissionSetName
    account: AccountId
    everywhere: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SetState:
    """What the bot remembers of one permission set's policy."""

    permission_set: PermissionSetName
    version: int
    sids: frozenset[str] = field(default=frozenset())
    """Every managed Sid that this database ever intended to write: only these may be removed."""
    document: str | None = None
    """The policy as last put or read by us."""
    read_back: bool = False
    """Whether `document` was read from AWS after the last Put of ours was begun; what we only sent proves nothing."""
    troubled_at: datetime | None = None
    """Since when AWS has not let a round through; None while it answers."""
    stopped: Failure | None = None
    """Set while a managed statement altered by hand or an unreadable policy keeps rounds from running."""
    level_at: datetime | None = None
    """When to look whether our own rounds left accounts behind; None while no Put can have done so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Copies:
    """Where a set was seen at its latest version, and what others had written in its policy then.

    What we provisioned ourselves is known from the pushes; this is for the accounts that we never provisioned.
    """

    permission_set: PermissionSetName
    foreign_part: str = ""
    """`policy.foreign_fingerprint` of the policy that the accounts hold."""
    since: datetime | None = None
    """The first look that showed this foreign part; what we provisioned later is better known from the push."""
    accounts: frozenset[AccountId] = frozenset()

    def seen(self, foreign_part: str, latest: AbstractSet[AccountId], *, at: datetime) -> "Copies":
        """With what one more look showed: these accounts hold the latest version, of this foreign part.

        Where the foreign part is the same, accounts seen earlier hold it still, though our Puts left them behind.
        """
        if self.foreign_part == foreign_part and self.since is not None:
            return replace(self, accounts=self.accounts | latest)
        return replace(self, foreign_part=foreign_part, since=at, accounts=frozenset(latest))
