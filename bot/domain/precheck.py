"""What the bot found out before it asked anybody: per target and for the card as a whole."""

from dataclasses import dataclass
from datetime import datetime

from bot.domain.errors import Code
from bot.domain.evaluate import Answer
from bot.domain.names import AccountId, RoleName, SlackUserId


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What is known of one role in one account before the change.

    `works` is NO when it can never work (`code` says why), YES when nothing visible stands in the way,
    UNKNOWN when AWS could not be asked.
    """

    account: AccountId
    role: RoleName
    works: Answer
    code: Code | None = None
    detail: str = ""
    """A name that belongs to `code`: the denying statement's Sid, AWS's words; data, never parsed."""
    names: tuple[str, ...] = ()
    """With NOT_TRUSTED the permission sets that the role lets in, with EXPLICIT_DENY the attached policy."""
    already_allowed: bool = False
    allowed_until: datetime | None = None
    """With `already_allowed`: when that ends; None for no end."""
    allowed_by: str = ""
    """With `already_allowed`: the attached policy that allows it, where the inline policy does not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Holders:
    """Who else holds the set in the asked accounts, and so gets what an "Everyone" grant opens."""

    people: int
    groups: int
    counted_all: bool
    """False: counting stopped at a cap or AWS did not answer; `people` is then a lower bound."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """The card's facts, as of `checked_at`."""

    checked_at: datetime
    findings: tuple[Finding, ...]
    account_names: tuple[tuple[AccountId, str], ...]
    holders: Holders | None
    diff: str
    bytes_before: int
    bytes_after: int
    waiting_edits: tuple[AccountId, ...]
    """Accounts where somebody else's edit waits to be provisioned; provisioning there pushes it too."""
    benefiting_approvers: tuple[SlackUserId, ...]
    approvals_needed: int
    approver_users: tuple[SlackUserId, ...] = ()
    approver_groups: tuple[str, ...] = ()
    policy_code: Code | None = None
    """Why the policy could not be read or would not take the change; None when it can."""

    @property
    def all_work(self) -> bool:
        """Whether AWS answered for every target: what was left unknown is not taken for a yes."""
        return all(finding.works is Answer.YES for finding in self.findings)

    def name_of(self, account: AccountId) -> str:
        """The account's name, or "" when the directory does not know it."""
        return dict(self.account_names).get(account, "")

    def finding(self, account: AccountId, role: RoleName) -> Finding | None:
        """What is known of one target."""
        return next((f for f in self.findings if (f.account, f.role) == (account, role)), None)
