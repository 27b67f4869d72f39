"""What one look into a member account showed: values only, each known or with the reason why it is not."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from bot.domain.errors import AccessError, Code
from bot.domain.names import AccountId, IdentityUserId, PermissionSetName, RoleArn, RoleName
from bot.domain.three_valued import Answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One person, one permission set, some roles of one account, at an aware instant."""

    account: AccountId
    permission_set: PermissionSetName
    roles: tuple[RoleName, ...]
    person: IdentityUserId
    at: datetime
    with_policy: bool = False
    """Whether the inline policy that IAM holds is wanted, whatever the simulator says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """Why something in the account is not known."""

    code: Code
    detail: str = ""
    """AWS's own words; data, never parsed."""

    @classmethod
    def of(cls, error: AccessError) -> "Trouble":
        return cls(code=error.code, detail=str(error.facts.get("reason") or ""))


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleSeen:
    """One Workbench role. `exists` UNKNOWN comes with `trouble`, YES with the trust policy's text."""

    exists: Answer
    trust: str = ""
    instead: str = ""
    """With NO: the ARN of a role of that name under another path, which is another role."""
    trouble: Trouble | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SsoRole:
    """The role that Identity Center made of the permission set in the account."""

    name: RoleName
    arn: RoleArn
    """With its path."""
    id: str
    """`AROA…`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What IAM's simulator says of one role: identity policies, boundary and SCPs, but no trust policy."""

    allowed: bool
    explicit: bool = False
    """Whether a Deny decided."""
    by_boundary: bool | None = None
    """Whether the permissions boundary lets it through; None: there is none, or IAM did not say."""
    by_scps: bool | None = None
    missing: tuple[str, ...] = ()
    """Condition keys that the decision depends on and that nobody but the person's session knows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberView:
    """One account as its read-only role showed it."""

    account: AccountId
    roles: Mapping[RoleName, RoleSeen] = field(default_factory=dict)
    sso_role: SsoRole | None = None
    """The permission set's own role there; None with `sso_trouble`, or where there is none."""
    sso_trouble: Trouble | None = None
    decisions: Mapping[RoleName, Decision] = field(default_factory=dict)
    held: str | None = None
    """The inline policy that IAM holds for `sso_role`, "" for none; read only where a decision is no clear yes,
    or where the question wants it."""
    simulation_trouble: Trouble | None = None

    @property
    def trouble(self) -> Trouble | None:
        """The first thing that kept the look from being complete."""
        roles = (seen.trouble for seen in self.roles.values())
        found = (self.sso_trouble, *roles, self.simulation_trouble)
        return next((trouble for trouble in found if trouble is not None), None)

    @classmethod
    def closed(cls, question: Question, trouble: Trouble) -> "MemberView":
        """An account that could not be entered at all."""
        seen = RoleSeen(exists=Answer.UNKNOWN, trouble=trouble)
        return cls(
            account=question.account,
            roles=dict.fromkeys(question.roles, seen),
            sso_trouble=trouble,
            simulation_trouble=trouble,
        )
