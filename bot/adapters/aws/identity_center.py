"""The Identity Center port over sso-admin, identitystore and organizations: boto3's shapes end here."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

from bot.adapters.aws.addresses import AddressBook
from bot.adapters.aws.budget import Urgency
from bot.adapters.aws.client import AwsClient
from bot.adapters.aws.errors import one_line
from bot.adapters.aws.home import discover
from bot.adapters.aws.permission_sets import PermissionSets
from bot.domain.errors import Code, NotFound, Refusal
from bot.domain.names import (
    AccountId,
    IdentityGroupId,
    IdentityUserId,
    PermissionSetArn,
    PermissionSetName,
    ProvisioningId,
)
from bot.domain.people import Identity
from bot.ports.clock import Clock
from bot.ports.identity_center import (
    Account,
    Assignees,
    Attachments,
    Home,
    ProvisioningReport,
    ProvisioningState,
)

_PAGE = 100
"""The most that sso-admin and identitystore put on one page (aws.md §1.1, §1.2)."""


class AwsIdentityCenter:
    """See `bot.ports.identity_center`. Close before the client that it uses."""

    def __init__(self, aws: AwsClient, clock: Clock, *, search_patience: float = 10.0) -> None:
        """`search_patience`: seconds that a caller waits while all sets, or all people, are read."""
        self._aws = aws
        self._clock = clock
        self._home: Home | None = None
        self._attached: dict[PermissionSetArn, tuple[datetime, Attachments]] = {}
        self._discovering = asyncio.Lock()
        self._sets = PermissionSets(aws, self._instance, clock, patience=search_patience)
        self._addresses = AddressBook(aws, self._store, clock, patience=search_patience)

    async def close(self) -> None:
        """End what reads on in the background."""
        await self._sets.close()
        await self._addresses.close()

    @property
    def notices_shared_addresses(self) -> bool:
        """False once AWS has refused identitystore:ListUsers; for whoever looks after the bot."""
        return self._addresses.is_readable

    async def home(self) -> Home:
        async with self._discovering:
            if self._home is None:
                self._home = await discover(self._aws)
            return self._home

    async def ping(self) -> None:
        if self._home is None:
            await self.home()  # which asks AWS
            return
        await self._aws.call("sso-admin", "ListInstances")

    async def find_user(self, email: str) -> Identity:
        """Two or three calls: GetUserId as typed and, if it differs, in lower case; DescribeUser.

        Whether GetUserId minds the case is undocumented, so both spellings are asked, and the address of the
        one found is compared: what AWS matched by another rule is nobody. Two answers are ambiguous, and so
        is an address of several people, of whom GetUserId would name just one: see `AddressBook`.
        """
        spellings = dict.fromkeys((email, email.lower()))
        is_shared, answers = await asyncio.gather(
            self._addresses.is_shared(email),
            asyncio.gather(*(self._user_with(spelling) for spelling in spellings)),
        )
        found = {user for user in answers if user is not None}
        if len(found) > 1 or is_shared:
            raise Refusal(Code.AMBIGUOUS_IDENTITY, email=email)
        for user in found:
            described = await self._describe(user)
            if described.get("UserStatus", "ENABLED") == "ENABLED" and _has_address(described, email):
                return Identity(user_id=user, user_name=described["UserName"])
        raise Refusal(Code.NOT_IN_IDENTITY_CENTER, email=email)

    async def groups_of(self, user: IdentityUserId) -> frozenset[IdentityGroupId]:
        """Raises Refusal(NOT_IN_IDENTITY_CENTER) for a user who is gone."""
        try:
            memberships = await self._aws.collect(
                "identitystore",
                "ListGroupMembershipsForMember",
                "GroupMemberships",
                IdentityStoreId=await self._store(),
                MemberId={"UserId": user},
                MaxResults=_PAGE,
            )
        except NotFound as error:
            raise Refusal(Code.NOT_IN_IDENTITY_CENTER) from error
        return frozenset(IdentityGroupId(membership["GroupId"]) for membership in memberships)

    async def group_members(self, group: IdentityGroupId, *, at_most: int) -> frozenset[IdentityUserId]:
        """A group that is gone has no members."""
        try:
            memberships = await self._aws.collect(
                "identitystore",
                "ListGroupMemberships",
                "GroupMemberships",
                at_most=at_most,
                IdentityStoreId=await self._store(),
                GroupId=group,
                MaxResults=min(_PAGE, at_most),
            )
        except NotFound:
            return frozenset()
        return frozenset(IdentityUserId(membership["MemberId"]["UserId"]) for membership in memberships)

    async def permission_set(self, name: PermissionSetName) -> PermissionSetArn:
        """Also raises Unavailable(AWS_UNAVAILABLE) while a large organisation is still being searched."""
        return await self._sets.arn(name)

    async def assignees(self, permission_set: PermissionSetArn, account: AccountId) -> Assignees:
        assignments = await self._collect_of(
            permission_set, "ListAccountAssignments", "AccountAssignments", AccountId=account
        )
        users, groups = set(), set()
        for assignment in assignments:
            match assignment["PrincipalType"]:
                case "USER":
                    users.add(IdentityUserId(assignment["PrincipalId"]))
                case "GROUP":
                    groups.add(IdentityGroupId(assignment["PrincipalId"]))
        return Assignees(users=frozenset(users), groups=frozenset(groups))

    async def provisioned_accounts(
        self, permission_set: PermissionSetArn, *, stale_only: bool = False, latest_only: bool = False
    ) -> frozenset[AccountId]:
        only = {"ProvisioningStatus": "LATEST_PERMISSION_SET_NOT_PROVISIONED"} if stale_only else {}
        if latest_only:
            only = {"ProvisioningStatus": "LATEST_PERMISSION_SET_PROVISIONED"}
        accounts = await self._collect_of(
            permission_set, "ListAccountsForProvisionedPermissionSet", "AccountIds", **only
        )
        return frozenset(AccountId(account) for account in accounts)

    async def attachments(
        self, permission_set: PermissionSetArn, *, max_age: timedelta = timedelta(0)
    ) -> Attachments:
        now = self._clock.now()
        kept = self._attached.get(permission_set)
        if kept is not None and kept[0] + max_age > now:
            return kept[1]
        managed, customer_managed, boundary = await asyncio.gather(
            self._collect_of(permission_set, "ListManagedPoliciesInPermissionSet", "AttachedManagedPolicies"),
            self._collect_of(
                permission_set,
                "ListCustomerManagedPolicyReferencesInPermissionSet",
                "CustomerManagedPolicyReferences",
            ),
            self._boundary(permission_set),
        )
        found = Attachments(
            managed=tuple(str(policy.get("Arn", "")) for policy in managed),
            customer_managed=tuple(_reference(policy) for policy in customer_managed),
            boundary=boundary,
        )
        self._attached[permission_set] = (now, found)
        return found

    async def _boundary(self, permission_set: PermissionSetArn) -> str | None:
        try:
            answer = await self._aws.call(
                "sso-admin",
                "GetPermissionsBoundaryForPermissionSet",
                InstanceArn=await self._instance(),
                PermissionSetArn=permission_set,
            )
        except NotFound:
            return None  # No boundary; that the set is gone is what the other two calls say.
        boundary = answer.get("PermissionsBoundary", {})
        reference = boundary.get("CustomerManagedPolicyReference")
        return _reference(reference) if reference else str(boundary.get("ManagedPolicyArn", "")) or None

    async def accounts(self) -> tuple[Account, ...]:
        # A replica among others may ask `organizations` once a second: where we are comes before names.
        await self.home()
        listed = await self._aws.collect("organizations", "ListAccounts", "Accounts")
        return tuple(
            Account(id=AccountId(account["Id"]), name=account.get("Name", ""))
            for account in listed
            # `Status` is the older name of `State`; either may be missing.
            if account.get("State", account.get("Status")) == "ACTIVE"
        )

    async def read_policy(self, permission_set: PermissionSetArn) -> str:
        answer = await self._call_of(permission_set, "GetInlinePolicyForPermissionSet")
        return str(answer.get("InlinePolicy", ""))

    async def put_policy(self, permission_set: PermissionSetArn, document: str) -> None:
        """Also raises Refusal(NO_ROOM, size, limit), both in bytes without white space."""
        if document:
            await self._call_of(
                permission_set,
                "PutInlinePolicyToPermissionSet",
                urgency=Urgency.WRITE,
                once=True,
                InlinePolicy=document,
            )
            return
        try:
            await self._call_of(
                permission_set, "DeleteInlinePolicyFromPermissionSet", urgency=Urgency.WRITE, once=True
            )
        except NotFound:
            # No policy is what was wanted; this tells it from a set that is gone, which raises again.
            if await self.read_policy(permission_set):
                raise

    async def provision(self, permission_set: PermissionSetArn, account: AccountId | None) -> ProvisioningId:
        target = (
            {"TargetType": "ALL_PROVISIONED_ACCOUNTS"}
            if account is None
            else {"TargetType": "AWS_ACCOUNT", "TargetId": account}
        )
        answer = await self._call_of(
            permission_set, "ProvisionPermissionSet", urgency=Urgency.WRITE, **target
        )
        return ProvisioningId(answer["PermissionSetProvisioningStatus"]["RequestId"])

    async def provisioning(self, provisioning: ProvisioningId) -> ProvisioningReport:
        try:
            answer = await self._aws.call(
                "sso-admin",
                "DescribePermissionSetProvisioningStatus",
                InstanceArn=await self._instance(),
                ProvisionPermissionSetRequestId=provisioning,
            )
        except NotFound:
            # Not yet known where the question went; Terraform treats it likewise (aws.md §1.1).
            return ProvisioningReport(state=ProvisioningState.IN_PROGRESS)
        status = answer["PermissionSetProvisioningStatus"]
        return ProvisioningReport(
            state=ProvisioningState(status["Status"].lower()),
            failure_reason=one_line(status.get("FailureReason", "")),
        )

    async def _instance(self) -> str:
        return (await self.home()).instance_arn

    async def _store(self) -> str:
        return (await self.home()).identity_store

    async def _call_of(
        self, permission_set: PermissionSetArn, operation: str, **params: Any
    ) -> dict[str, Any]:
        params |= {"InstanceArn": await self._instance(), "PermissionSetArn": permission_set}
        try:
            return await self._aws.call("sso-admin", operation, **params)
        except NotFound:
            self._sets.forget(permission_set)
            raise

    async def _collect_of(
        self, permission_set: PermissionSetArn, operation: str, member: str, **params: Any
    ) -> list[Any]:
        params |= {"InstanceArn": await self._instance(), "PermissionSetArn": permission_set}
        try:
            return await self._aws.collect("sso-admin", operation, member, MaxResults=_PAGE, **params)
        except NotFound:
            self._sets.forget(permission_set)
            raise

    async def _user_with(self, email: str) -> IdentityUserId | None:
        try:
            answer = await self._aws.call(
                "identitystore",
                "GetUserId",
                IdentityStoreId=await self._store(),
                AlternateIdentifier={
                    "UniqueAttribute": {"AttributePath": "emails.value", "AttributeValue": email}
                },
            )
        except NotFound:
            return None
        return IdentityUserId(answer["UserId"])

    async def _describe(self, user: IdentityUserId) -> dict[str, Any]:
        try:
            return await self._aws.call(
                "identitystore", "DescribeUser", IdentityStoreId=await self._store(), UserId=user
            )
        except NotFound:
            return {}


def _reference(policy: dict[str, Any]) -> str:
    return f"{policy.get('Path', '/')}{policy.get('Name', '')}"


def _has_address(user: dict[str, Any], email: str) -> bool:
    return any(address.get("Value", "").casefold() == email.casefold() for address in user.get("Emails", ()))
