"""Identity Center and the organisation, as the management or delegated account sees them.

Every method may raise `Unavailable` (throttled beyond the retries, unreachable, 5xx),
`Provisioning(ACCESS_DENIED | CONFLICT | …, reason=AWS's words)` and `NotFound(PERMISSION_SET_MISSING)`.
Calls keep AWS's shared budget (aws.md §1.3); none blocks the event loop.
"""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Protocol

from bot.domain.names import (
    AccountId,
    IdentityGroupId,
    IdentityUserId,
    PermissionSetArn,
    PermissionSetName,
    ProvisioningId,
)
from bot.domain.people import Identity


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """Where this bot runs and what it administers."""

    partition: str
    region: str
    caller_account: AccountId
    management_account: AccountId
    instance_arn: str
    identity_store: str
    organisation: str | None = None
    """`o-…`; None where AWS does not let the bot ask."""

    @property
    def is_delegated(self) -> bool:
        """A delegated administrator cannot change sets that are provisioned in the management account."""
        return self.caller_account != self.management_account


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    id: AccountId
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignees:
    """Who is assigned one permission set in one account, directly."""

    users: frozenset[IdentityUserId]
    groups: frozenset[IdentityGroupId]

    def include(self, user: IdentityUserId, groups: frozenset[IdentityGroupId]) -> bool:
        return user in self.users or bool(self.groups & groups)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachments:
    """What a permission set has besides its inline policy."""

    managed: tuple[str, ...] = ()
    """ARNs of AWS's own policies."""
    customer_managed: tuple[str, ...] = ()
    """Path and name of policies that each account has of its own."""
    boundary: str | None = None
    """The ARN, or path and name, of the permissions boundary; None where there is none."""


class ProvisioningState(StrEnum):
    IN_PROGRESS = "in_progress"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvisioningReport:
    state: ProvisioningState
    failure_reason: str = ""
    """AWS's own words; data."""


class IdentityCenter(Protocol):
    """Live reads and the only writes of the product."""

    async def home(self) -> Home:
        """Discovered once and kept; raises `Misconfigured` outside the instance's primary region."""
        ...

    async def ping(self) -> None:
        """One cheap live call: returns when AWS answers it."""
        ...

    async def find_user(self, email: str) -> Identity:
        """The one user with this address; raises `Refusal(NOT_IN_IDENTITY_CENTER | AMBIGUOUS_IDENTITY)`."""
        ...

    async def groups_of(self, user: IdentityUserId) -> frozenset[IdentityGroupId]: ...

    async def group_members(self, group: IdentityGroupId, *, at_most: int) -> frozenset[IdentityUserId]:
        """Up to `at_most` members; as many as that means "at least"."""
        ...

    async def permission_set(self, name: PermissionSetName) -> PermissionSetArn:
        """The set's ARN, cached; raises `NotFound(PERMISSION_SET_MISSING)`."""
        ...

    async def assignees(self, permission_set: PermissionSetArn, account: AccountId) -> Assignees: ...

    async def provisioned_accounts(
        self, permission_set: PermissionSetArn, *, stale_only: bool = False, latest_only: bool = False
    ) -> frozenset[AccountId]:
        """Where the set is provisioned; with one of the flags only where an older, or the latest version is."""
        ...

    async def attachments(
        self, permission_set: PermissionSetArn, *, max_age: timedelta = timedelta(0)
    ) -> Attachments:
        """Three calls, unless what was read no longer ago than `max_age` will do."""
        ...

    async def accounts(self) -> tuple[Account, ...]:
        """Every active account of the organisation."""
        ...

    async def read_policy(self, permission_set: PermissionSetArn) -> str:
        """The inline policy's text as AWS holds it; "" when there is none."""
        ...

    async def put_policy(self, permission_set: PermissionSetArn, document: str) -> None:
        """Replace the inline policy; "" deletes it. Sent once: the caller reads again before it tries again."""
        ...

    async def provision(self, permission_set: PermissionSetArn, account: AccountId | None) -> ProvisioningId:
        """Push the present policy into one account, or with None into all provisioned ones."""
        ...

    async def provisioning(self, provisioning: ProvisioningId) -> ProvisioningReport:
        """How far a provisioning got; one that AWS does not know yet counts as in progress."""
        ...


class Directory(Protocol):
    """What the form shows, from a cache that is refreshed in the background: never slow, perhaps minutes old."""

    def account_name(self, account: AccountId) -> str:
        """ "" when it is not known."""
        ...

    async def holdings(self, email: str) -> "Holdings":
        """Which configured sets this person holds, and where; raises as `find_user` does."""
        ...

    def cached_holdings(self, email: str) -> "Holdings | None": ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Holdings:
    """One person's configured sets and the offered accounts in which each is assigned to them."""

    identity: Identity
    accounts: tuple[tuple[PermissionSetName, tuple[Account, ...]], ...]
    complete: bool
    """False: AWS was still being read; more may be there."""

    def of(self, permission_set: PermissionSetName) -> tuple[Account, ...]:
        """The accounts, sorted by name, where the person holds this set."""
        return dict(self.accounts).get(permission_set, ())
