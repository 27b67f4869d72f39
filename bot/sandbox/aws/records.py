"""What the organisation holds: accounts, people, permission sets and who is assigned where."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

PrincipalType = Literal["USER", "GROUP"]
Document = dict[str, Any]
"""A parsed policy document."""


@dataclass(slots=True, kw_only=True)
class Account:
    id: str
    name: str
    status: str = "ACTIVE"
    scps: list[Document] = field(default_factory=list)
    """Service control policies attached here; none at all means FullAWSAccess."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Email:
    """An address in the identity store. `verified` is known to the console only: no API returns it."""

    value: str
    primary: bool = True
    verified: bool = True


@dataclass(slots=True, kw_only=True)
class User:
    id: str
    user_name: str
    display_name: str
    emails: list[Email]
    status: str = "ENABLED"


@dataclass(slots=True, kw_only=True)
class Group:
    id: str
    display_name: str
    members: dict[str, str] = field(default_factory=dict)
    """User id to membership id, in the order of joining."""


@dataclass(slots=True, kw_only=True)
class PermissionSet:
    arn: str
    name: str
    created_at: float
    description: str = ""
    session_duration: str = "PT8H"
    tags: dict[str, str] = field(default_factory=dict)
    inline_policy: str = ""
    managed_policies: list[str] = field(default_factory=list)
    customer_managed: list[tuple[str, str]] = field(default_factory=list)
    """Name and path of policies that must exist in each account."""
    boundary: Document | None = None
    """As the API puts it: ManagedPolicyArn or CustomerManagedPolicyReference."""
    version: int = 1
    """Rises with each edit; an account is up to date if it got this very version."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """The content of a permission set at the moment when a provisioning was asked for."""

    version: int
    inline_policy: str
    managed_policies: tuple[str, ...]
    customer_managed: tuple[tuple[str, str], ...]
    boundary: Document | None

    @classmethod
    def of(cls, found: PermissionSet) -> Snapshot:
        return cls(
            version=found.version,
            inline_policy=found.inline_policy,
            managed_policies=tuple(found.managed_policies),
            customer_managed=tuple(found.customer_managed),
            boundary=found.boundary,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    account: str
    permission_set: str
    principal_type: PrincipalType
    principal_id: str


@dataclass(slots=True, kw_only=True)
class Copy:
    """What one account holds of one permission set: its AWSReservedSSO role and the version in it."""

    role_name: str
    snapshot: Snapshot


@dataclass(slots=True, kw_only=True)
class Behaviour:
    """Switches of the simulated services. Where AWS does not say what happens, the default is the
    answer that is hardest on the caller while still in keeping with what is documented.
    """

    throttle: bool = True
    """20 calls a second for sso-admin together, and for each Identity Store API."""
    rate: float = 20.0
    page_size: int = 100
    """The service may return fewer items than asked for; set it low to force paging."""
    tag_guard: bool = False
    """Refuse writes by the bot to sets without the tag `workbench-access=managed`."""
    provisioning_limit: int = 3
    provisioning_limit_code: str = "ThrottlingException"
    provision_conflicts: Literal["never", "same-account", "same-set"] = "same-account"
    """When a second ProvisionPermissionSet of a set that is still being provisioned is refused."""
    put_conflicts: bool = False
    """Refuse Put and Delete with ConflictException while the set is being provisioned."""
    snapshot_at: Literal["call", "completion"] = "call"
    """Which content a provisioning pushes. `call`: an edit made meanwhile needs another one."""
    status_lag: float = 0.0
    """Seconds for which DescribePermissionSetProvisioningStatus does not know a new request."""
    iam_lag: float = 0.0
    """Seconds between SUCCEEDED and the moment when IAM acts on it."""
    case_sensitive: frozenset[str] = frozenset({"emails.value"})
    """Attribute paths that GetUserId compares exactly. User names are compared as at sign-in."""
    replica_regions: tuple[str, ...] = ()
    """Other enabled Regions: reads work there, writes do not."""
    only_me_key: bool = True
    """Whether sessions carry the condition key identitystore:UserId."""
