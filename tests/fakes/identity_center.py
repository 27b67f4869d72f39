"""Identity Center as a little model: one policy text per set, and what each account's role really holds.

What matters for the rules is true to AWS: a Put changes nothing for anyone, provisioning carries whatever the
policy is when it starts, its answer comes later, and an account whose role holds another version is stale.
"""

from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta

from bot.domain.errors import AccessError, Code, NotFound, Refusal
from bot.domain.names import (
    AccountId,
    IdentityGroupId,
    IdentityUserId,
    PermissionSetArn,
    PermissionSetName,
    ProvisioningId,
)
from bot.domain.people import Identity
from bot.ports.identity_center import (
    Account,
    Assignees,
    Attachments,
    Home,
    ProvisioningReport,
    ProvisioningState,
)
from tests.builders import SET

HOME_ACCOUNT = AccountId("999999999999")
ALICE_IDENTITY = Identity(user_id=IdentityUserId("u-alice"), user_name="alice")


def arn_of(name: PermissionSetName) -> PermissionSetArn:
    return PermissionSetArn(f"arn:aws:sso:::permissionSet/ssoins-1/{name}")


@dataclass
class Flight:
    """One ProvisionPermissionSet request."""

    arn: PermissionSetArn
    accounts: tuple[AccountId, ...]
    document: str
    polls_left: int
    failure: str | None = None
    landed: bool = False


@dataclass
class FakeIdentityCenter:
    """Implements `ports.identity_center.IdentityCenter`. Tests set the fields, and read them afterwards."""

    sets: dict[PermissionSetName, PermissionSetArn] = field(default_factory=lambda: {SET: arn_of(SET)})
    policies: defaultdict[PermissionSetArn, str] = field(default_factory=lambda: defaultdict(str))
    held: defaultdict[PermissionSetArn, dict[AccountId, str]] = field(
        default_factory=lambda: defaultdict(dict)
    )
    """Per set: the provisioned accounts, and the policy that the role there holds."""
    users: dict[str, Identity] = field(default_factory=lambda: {"alice@example.com": ALICE_IDENTITY})
    groups: dict[IdentityGroupId, frozenset[IdentityUserId]] = field(default_factory=dict)
    assigned: dict[AccountId, Assignees] = field(default_factory=dict)
    polls: int = 1
    """How often a provisioning is still in progress when it is asked for."""
    failing: dict[AccountId, str] = field(default_factory=dict)
    """Accounts where provisioning fails, with AWS's words."""
    refusing: dict[AccountId, AccessError] = field(default_factory=dict)
    """Accounts for which AWS does not even begin a provisioning."""
    errors: dict[str, AccessError] = field(default_factory=dict)
    """By method name: raised instead of an answer, until the test takes it out."""
    before: Callable[[str], Awaitable[None]] | None = None
    """Runs before each call: somebody else's doings, or an injected crash."""
    after: Callable[[str], Awaitable[None]] | None = None
    flights: dict[ProvisioningId, Flight] = field(default_factory=dict)
    puts: list[str] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    most_in_flight: int = 0
    delegated: bool = False
    attached: Attachments = field(default_factory=Attachments)

    def provision_everywhere(self, *names: AccountId, permission_set: PermissionSetName = SET) -> None:
        """Make accounts hold the present policy."""
        arn = self.sets[permission_set]
        self.held[arn].update(dict.fromkeys(names, self.policies[arn]))

    @property
    def policy(self) -> str:
        return self.policies[self.sets[SET]]

    @policy.setter
    def policy(self, document: str) -> None:
        self.policies[self.sets[SET]] = document

    def held_in(self, account: AccountId, permission_set: PermissionSetName = SET) -> str:
        return self.held[self.sets[permission_set]].get(account, "")

    async def _call(self, name: str) -> None:
        self.calls.append(name)
        if self.before is not None:
            await self.before(name)
        if name in self.errors:
            raise self.errors[name]

    async def _answered(self, name: str) -> None:
        if self.after is not None:
            await self.after(name)

    async def home(self) -> Home:
        await self._call("home")
        return Home(
            partition="aws",
            region="eu-central-1",
            caller_account=AccountId("888888888888") if self.delegated else HOME_ACCOUNT,
            management_account=HOME_ACCOUNT,
            instance_arn="arn:aws:sso:::instance/ssoins-1",
            identity_store="d-1",
        )

    async def ping(self) -> None:
        await self._call("ping")

    async def find_user(self, email: str) -> Identity:
        await self._call("find_user")
        if email not in self.users:
            raise Refusal(Code.NOT_IN_IDENTITY_CENTER, email=email)
        return self.users[email]

    async def groups_of(self, user: IdentityUserId) -> frozenset[IdentityGroupId]:
        await self._call("groups_of")
        return frozenset(group for group, members in self.groups.items() if user in members)

    async def group_members(self, group: IdentityGroupId, *, at_most: int) -> frozenset[IdentityUserId]:
        await self._call("group_members")
        return frozenset(sorted(self.groups.get(group, frozenset()))[:at_most])

    async def permission_set(self, name: PermissionSetName) -> PermissionSetArn:
        await self._call("permission_set")
        if name not in self.sets:
            raise NotFound(Code.PERMISSION_SET_MISSING, permission_set=name)
        return self.sets[name]

    async def assignees(self, permission_set: PermissionSetArn, account: AccountId) -> Assignees:
        await self._call("assignees")
        nobody = Assignees(users=frozenset({ALICE_IDENTITY.user_id}), groups=frozenset())
        return self.assigned.get(account, nobody)

    async def provisioned_accounts(
        self, permission_set: PermissionSetArn, *, stale_only: bool = False, latest_only: bool = False
    ) -> frozenset[AccountId]:
        which = (
            "stale_accounts" if stale_only else "latest_accounts" if latest_only else "provisioned_accounts"
        )
        await self._call(which)
        latest = self.policies[permission_set]
        return frozenset(
            account
            for account, document in self.held[permission_set].items()
            if not (stale_only and document == latest) and not (latest_only and document != latest)
        )

    async def attachments(
        self, permission_set: PermissionSetArn, *, max_age: timedelta = timedelta(0)
    ) -> Attachments:
        await self._call("attachments")
        return self.attached

    async def accounts(self) -> tuple[Account, ...]:
        await self._call("accounts")
        known = sorted({account for held in self.held.values() for account in held})
        return tuple(Account(id=account, name=f"account {account}") for account in known)

    async def read_policy(self, permission_set: PermissionSetArn) -> str:
        await self._call("read_policy")
        return self.policies[permission_set]

    async def put_policy(self, permission_set: PermissionSetArn, document: str) -> None:
        await self._call("put_policy")
        self.policies[permission_set] = document
        self.puts.append(document)
        await self._answered("put_policy")

    async def provision(self, permission_set: PermissionSetArn, account: AccountId | None) -> ProvisioningId:
        await self._call("provision")
        if account in self.refusing:
            raise self.refusing[account]
        provisioned = self.held[permission_set]
        there = tuple(sorted(provisioned)) if account is None else (account,)
        unknown = [each for each in there if each not in provisioned]
        refusals = [self.failing[each] for each in there if each in self.failing]
        if unknown:
            refusals.append(f"Permission set is not provisioned in {unknown[0]}")
        number = ProvisioningId(f"p-{len(self.flights) + 1}")
        self.flights[number] = Flight(
            arn=permission_set,
            accounts=there,
            document=self.policies[permission_set],
            polls_left=self.polls,
            failure=refusals[0] if refusals else None,
        )
        flying = [flight for flight in self.flights.values() if not flight.landed]
        self.most_in_flight = max(self.most_in_flight, len(flying))
        await self._answered("provision")
        return number

    async def provisioning(self, provisioning: ProvisioningId) -> ProvisioningReport:
        await self._call("provisioning")
        flight = self.flights[provisioning]
        if flight.polls_left > 0:
            flight.polls_left -= 1
            return ProvisioningReport(state=ProvisioningState.IN_PROGRESS)
        if flight.failure is not None:
            flight.landed = True
            return ProvisioningReport(state=ProvisioningState.FAILED, failure_reason=flight.failure)
        if not flight.landed:
            flight.landed = True
            self.held[flight.arn].update(dict.fromkeys(flight.accounts, flight.document))
        return ProvisioningReport(state=ProvisioningState.SUCCEEDED)
