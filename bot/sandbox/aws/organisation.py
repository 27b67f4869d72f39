"""An AWS organisation that exists only in memory: what is there, and the hands that change it.

The services in this package answer from here; tests and the sandbox's story build and change it
with the methods below, which stand for the console, for other admins and for other tools. All of
it belongs to one thread: the event loop that serves it.
"""

from __future__ import annotations

import json
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from bot.sandbox.aws import workbench
from bot.sandbox.aws.access import Decision, assume
from bot.sandbox.aws.copies import drop_copy, hold_copy, materialise
from bot.sandbox.aws.directory import Directory
from bot.sandbox.aws.identifiers import Identifiers
from bot.sandbox.aws.inline_policy import check_inline_policy
from bot.sandbox.aws.provisioning import Provisioning
from bot.sandbox.aws.records import Account, Assignment, Behaviour, Copy, Email, PermissionSet, Snapshot
from bot.sandbox.aws.roles import ADMINISTRATOR, Role, Roles
from bot.sandbox.aws.sessions import Sessions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from bot.sandbox.aws.records import Document, Group, User
    from bot.sandbox.aws.sessions import Credentials

MANAGED = {"workbench-access": "managed"}


class AwsOrganisation:
    """One organisation with one Identity Center instance.

    `bot_account` is where the bot's key lives: the delegated admin if there is one, otherwise the
    management account. `clock` gives epoch seconds and rules provisioning, sessions and dates.
    """

    def __init__(
        self,
        *,
        management_account: str = "100000000000",
        delegated_admin: str | None = None,
        bot_account: str | None = None,
        region: str = "eu-central-1",
        partition: str = "aws",
        clock: Callable[[], float] = time.time,
        behaviour: Behaviour | None = None,
    ) -> None:
        self.management_account = management_account
        self.delegated_admin = delegated_admin
        self.bot_account = bot_account or delegated_admin or management_account
        self.region = region
        self.partition = partition
        self.clock = clock
        self.behaviour = behaviour or Behaviour()
        self.id = "o-sandbox0org"
        self.instance_arn = f"arn:{partition}:sso:::instance/ssoins-5a6db0c500000001"
        self.created_at = 1_700_000_000.0
        self.identifiers = Identifiers()
        self.directory = Directory("d-5a6db0c501", self.identifiers)
        self.accounts: dict[str, Account] = {}
        self.permission_sets: dict[str, PermissionSet] = {}
        self.assignments: dict[Assignment, None] = {}
        """In the order in which they were made."""
        self.copies: dict[tuple[str, str], Copy] = {}
        """(permission set ARN, account) to what that account holds."""
        self.roles = Roles(partition, region)
        self.provisioning = Provisioning(self)
        self.sessions = Sessions(self)
        self.bot_policy: Document | None = None
        """What the bot's own IAM policy allows; None allows everything."""
        self._listeners: list[Callable[[], None]] = []
        self.add_account(management_account, "Management")
        for account in (delegated_admin, self.bot_account):
            if account is not None and account not in self.accounts:
                self.add_account(account, "Identity")

    # Being told.

    def on_change(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call `listener` after each change; the answer ends that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def changed(self) -> None:
        for listener in list(self._listeners):
            listener()

    # Accounts and people.

    def add_account(self, account: str, name: str = "", *, status: str = "ACTIVE") -> Account:
        if len(account) != 12 or not account.isdigit():
            raise ValueError(f"an account id has twelve digits, not {account!r}")
        self.accounts[account] = Account(id=account, name=name or f"Account {account}", status=status)
        self.changed()
        return self.accounts[account]

    def add_user(
        self,
        user_name: str,
        *,
        email: str | None = None,
        emails: Iterable[Email] | None = None,
        display_name: str = "",
        groups: Iterable[str] = (),
        status: str = "ENABLED",
    ) -> User:
        """A person; without `email` or `emails` the user name is the address."""
        addresses = [Email(value=email or user_name)] if emails is None else list(emails)
        user = self.directory.add_user(user_name, emails=addresses, display_name=display_name, status=status)
        for group in groups:
            self.directory.join(user, self.directory.group(group))
        self.changed()
        return user

    def add_group(self, name: str, members: Iterable[str] = ()) -> Group:
        group = self.directory.add_group(name)
        for member in members:
            self.directory.join(self.directory.user(member), group)
        self.changed()
        return group

    def join(self, user: str, group: str) -> None:
        self.directory.join(self.directory.user(user), self.directory.group(group))
        self.changed()

    def leave(self, user: str, group: str) -> None:
        self.directory.leave(self.directory.user(user), self.directory.group(group))
        self.changed()

    def delete_user(self, user: str) -> None:
        found = self.directory.user(user)
        for group in self.directory.groups_of(found.id):
            self.directory.leave(found, group)
        del self.directory.users[found.id]
        for assignment in [one for one in self.assignments if one.principal_id == found.id]:
            self._remove(assignment)
        self.changed()

    # Permission sets.

    def add_permission_set(
        self,
        name: str,
        *,
        tags: dict[str, str] | None = None,
        inline: str | Document = "",
        managed_policies: Sequence[str] = (),
        customer_managed: Sequence[tuple[str, str]] = (),
        boundary: Document | None = None,
    ) -> PermissionSet:
        """`tags` default to the one that opts the set in; `managed_policies` are ARNs, or names of AWS's."""
        if any(one.name == name for one in self.permission_sets.values()):
            raise ValueError(f"there already is a permission set {name!r}")
        identity = self.identifiers.hex16(f"ps:{name}")
        instance = self.instance_arn.rsplit("/", 1)[1]
        found = PermissionSet(
            arn=f"arn:{self.partition}:sso:::permissionSet/{instance}/ps-{identity}",
            name=name,
            created_at=self.clock(),
            tags=dict(MANAGED if tags is None else tags),
            inline_policy=inline if isinstance(inline, str) else json.dumps(inline),
            managed_policies=[self._policy_arn(policy) for policy in managed_policies],
            customer_managed=list(customer_managed),
            boundary=boundary,
        )
        self.permission_sets[found.arn] = found
        self.changed()
        return found

    def _policy_arn(self, policy: str) -> str:
        return policy if policy.startswith("arn:") else f"arn:{self.partition}:iam::aws:policy/{policy}"

    def permission_set(self, name_or_arn: str) -> PermissionSet:
        """Raises KeyError."""
        for found in self.permission_sets.values():
            if name_or_arn in {found.arn, found.name}:
                return found
        raise KeyError(f"no permission set {name_or_arn!r}")

    def inline_policy(self, permission_set: str) -> str:
        """The text as it stands in Identity Center, provisioned or not."""
        return self.permission_set(permission_set).inline_policy

    def console_edit(self, permission_set: str, document: str | Document, *, checked: bool = True) -> None:
        """A foreign edit of the inline policy, not provisioned anywhere; "" removes the policy."""
        text = document if isinstance(document, str) else json.dumps(document)
        if text and checked:
            check_inline_policy(text)
        self.edit(self.permission_set(permission_set), text)

    def edit(self, found: PermissionSet, text: str) -> None:
        """Each write makes all copies stale, even one that changes nothing."""
        found.inline_policy = text
        found.version += 1
        self.changed()

    def set_tags(self, permission_set: str, tags: dict[str, str]) -> None:
        self.permission_set(permission_set).tags = dict(tags)
        self.changed()

    def delete_permission_set(self, permission_set: str) -> None:
        found = self.permission_set(permission_set)
        for assignment in [one for one in self.assignments if one.permission_set == found.arn]:
            self._remove(assignment)
        for _, account in [key for key in self.copies if key[0] == found.arn]:
            drop_copy(self, found.arn, account)
        del self.permission_sets[found.arn]
        self.changed()

    # Assignments and what accounts hold.

    def assign(
        self, principal: str, permission_set: str, account: str, *, provision: bool = True
    ) -> Assignment:
        """Assign a user (by user name or id) or a group (by display name or id).

        As CreateAccountAssignment does, this pushes the set's current content into the account.
        """
        found = self.permission_set(permission_set)
        if account not in self.accounts:
            raise KeyError(f"no account {account}")
        try:
            who, kind = self.directory.user(principal).id, "USER"
        except KeyError:
            who, kind = self.directory.group(principal).id, "GROUP"
        assignment = Assignment(
            account=account,
            permission_set=found.arn,
            principal_type="USER" if kind == "USER" else "GROUP",
            principal_id=who,
        )
        self.assignments.setdefault(assignment)
        if provision:
            self.provision_now(permission_set, account)
        self.changed()
        return assignment

    def unassign(self, principal: str, permission_set: str, account: str) -> None:
        """Take an assignment away; with the last one the account's role goes too."""
        arn = self.permission_set(permission_set).arn
        ids = set()
        for lookup in (self.directory.user, self.directory.group):
            with suppress(KeyError):
                ids.add(lookup(principal).id)
        for one in list(self.assignments):
            if (one.permission_set, one.account) == (arn, account) and one.principal_id in ids:
                self._remove(one)
        self.changed()

    def _remove(self, assignment: Assignment) -> None:
        del self.assignments[assignment]
        key = (assignment.permission_set, assignment.account)
        if not any((one.permission_set, one.account) == key for one in self.assignments):
            drop_copy(self, *key)

    def provision_now(self, permission_set: str, account: str) -> None:
        """What an admin does with "Reprovision": at once, past all queues."""
        found = self.permission_set(permission_set)
        snapshot = Snapshot.of(found)
        hold_copy(self, found, account, snapshot)
        materialise(self, found.arn, account, snapshot)
        self.changed()

    def is_provisioned(self, permission_set: str, account: str) -> bool:
        return (self.permission_set(permission_set).arn, account) in self.copies

    def is_latest(self, permission_set: str, account: str) -> bool:
        found = self.permission_set(permission_set)
        return self.copies[found.arn, account].snapshot.version == found.version

    def provisioned_policy(self, permission_set: str, account: str) -> str:
        """The inline policy that this account was given last; "" for none."""
        return self.copies[self.permission_set(permission_set).arn, account].snapshot.inline_policy

    def sso_role(self, permission_set: str, account: str) -> Role:
        """The AWSReservedSSO role of the set in this account; raises KeyError."""
        return self.roles.get(
            account, self.copies[self.permission_set(permission_set).arn, account].role_name
        )

    # Workbench and other roles.

    def deploy_workbench(
        self,
        account: str,
        *,
        sso_groups: Sequence[str] = (),
        roles: Sequence[str] = workbench.ROLES,
        trusted_arns: Sequence[str] = (),
    ) -> list[Role]:
        """What Workbench's CDK stack deploys; `sso_groups` is its WORKBENCH_SSO_GROUPS setting."""
        trust = workbench.trust_policy(self.partition, account, sso_groups, trusted_arns)
        return [self.put_role(account, role, trust, workbench.policies(role)) for role in roles]

    def deploy_member_role(self, account: str, name: str = "WorkbenchAccessVerifier") -> Role:
        """The read-only role that lets the bot look into a member account."""
        trust = workbench.verifier_trust(self.bot_arn, self.id)
        return self.put_role(account, name, trust, workbench.verifier_policies(self.partition, account))

    def put_role(
        self, account: str, name: str, trust: Document, policies: dict[str, Document] | None = None
    ) -> Role:
        """Create or change any role of an account."""
        self.roles.put(account, name, trust)
        self.roles.set_policies(
            account, name, inline={key: json.dumps(value) for key, value in (policies or {}).items()}
        )
        self.changed()
        return self.roles.get(account, name)

    def delete_role(self, account: str, name: str) -> None:
        self.roles.delete(account, name)
        self.changed()

    def role_arn(self, account: str, name: str) -> str:
        return f"arn:{self.partition}:iam::{account}:role/{name}"

    @property
    def bot_arn(self) -> str:
        return f"arn:{self.partition}:iam::{self.bot_account}:user/workbench-access"

    def set_scps(self, account: str, *documents: Document, full_access: bool = True) -> None:
        """Service control policies of an account, beside FullAWSAccess unless that is detached.

        They never apply to the management account.
        """
        self.accounts[account].scps = [*([ADMINISTRATOR] if full_access else []), *documents]
        self.changed()

    # Acting as people, and the truth.

    def sign_in(self, user: str, permission_set: str, account: str) -> Credentials:
        """A fresh session of this person through the access portal, as keywords for boto3.

        Raises PermissionError where the portal would not offer it.
        """
        return self.sessions.sign_in(user, permission_set, account)

    def can_assume(self, user: str, permission_set: str, account: str, role: str) -> Decision:
        """Whether this person, signed in with this set in `account`, may assume `role` right now.

        `role` is a name in the same account, or an ARN.
        """
        arn = role if role.startswith("arn:") else self.role_arn(account, role)
        self.provisioning.settle()
        try:
            caller = self.sessions.portal_caller(user, permission_set, account)
        except PermissionError as refusal:
            return Decision(allowed=False, because=str(refusal))
        return assume(self, caller, arn)
