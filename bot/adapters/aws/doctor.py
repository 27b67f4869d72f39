"""What the doctor asks of AWS beside the Identity Center port: reads only, each tried for real."""

import uuid
from collections.abc import Awaitable, Callable, Collection, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

from botocore.exceptions import ClientError

from bot.adapters.aws.client import AwsClient
from bot.domain.errors import AccessError
from bot.domain.names import AccountId, PermissionSetArn
from bot.ports.diagnosis import Caller, SetFacts, Simulated
from bot.ports.identity_center import IdentityCenter

NOBODY: Final = "00000000-0000-4000-8000-000000000000"
"""A user, a group and a provisioning that does not exist: AWS answers that, or that we may not ask."""
NO_ADDRESS: Final = "nobody@workbench-access.invalid"
_VERDICTS: Final = {
    "allowed": Simulated.ALLOWED,
    "implicitDeny": Simulated.DENIED,
    "explicitDeny": Simulated.DENIED,
}

Read = Callable[[], Awaitable[object]]


class AwsDoctor:
    """See `bot.ports.diagnosis.AwsProbe`."""

    def __init__(self, aws: AwsClient, identity_center: IdentityCenter) -> None:
        self._aws = aws
        self._identity_center = identity_center
        self._said_at: datetime | None = None
        self._general: dict[str, Read] = {
            "sso:ListInstances": lambda: aws.call("sso-admin", "ListInstances"),
            "organizations:DescribeOrganization": lambda: aws.call("organizations", "DescribeOrganization"),
            "organizations:ListAccounts": lambda: aws.call("organizations", "ListAccounts"),
            "sso:ListPermissionSets": self._list_permission_sets,
            "sso:DescribePermissionSetProvisioningStatus": self._describe_provisioning,
            "identitystore:GetUserId": self._get_user_id,
            "identitystore:DescribeUser": lambda: self._of_store("DescribeUser", UserId=NOBODY),
            "identitystore:ListGroupMembershipsForMember": lambda: self._of_store(
                "ListGroupMembershipsForMember", MemberId={"UserId": NOBODY}
            ),
            "identitystore:ListGroupMemberships": lambda: self._of_store(
                "ListGroupMemberships", GroupId=NOBODY
            ),
            "identitystore:ListUsers": lambda: self._of_store("ListUsers", MaxResults=1),
        }
        self._of_a_set: dict[str, Callable[[PermissionSetArn], Awaitable[object]]] = {
            "sso:DescribePermissionSet": lambda arn: self._of_set("DescribePermissionSet", arn),
            "sso:GetInlinePolicyForPermissionSet": lambda arn: self._of_set(
                "GetInlinePolicyForPermissionSet", arn
            ),
            "sso:ListAccountsForProvisionedPermissionSet": lambda arn: self._of_set(
                "ListAccountsForProvisionedPermissionSet", arn, MaxResults=1
            ),
            "sso:ListAccountAssignments": self._list_assignments,
            "sso:ListManagedPoliciesInPermissionSet": lambda arn: self._of_set(
                "ListManagedPoliciesInPermissionSet", arn, MaxResults=1
            ),
            "sso:ListCustomerManagedPolicyReferencesInPermissionSet": lambda arn: self._of_set(
                "ListCustomerManagedPolicyReferencesInPermissionSet", arn, MaxResults=1
            ),
            "sso:GetPermissionsBoundaryForPermissionSet": lambda arn: self._of_set(
                "GetPermissionsBoundaryForPermissionSet", arn
            ),
            "sso:ListTagsForResource": self._tags,
        }

    @property
    def reads(self) -> Collection[str]:
        return frozenset(self._general) | frozenset(self._of_a_set)

    async def caller(self) -> Caller:
        try:
            answer = await self._aws.call("sts", "GetCallerIdentity")
        except AccessError as error:
            # A refused signature says most about the clock, and its answer carries a date as well.
            if isinstance(error.__cause__, ClientError):
                self._note_date(error.__cause__.response)
            raise
        self._note_date(answer)
        return Caller(arn=answer["Arn"], account=AccountId(answer["Account"]))

    async def said_at(self) -> datetime | None:
        return self._said_at

    async def try_read(self, action: str, permission_set: PermissionSetArn | None) -> bool:
        if action in self._general:
            await self._general[action]()
            return True
        if permission_set is None:
            return False
        await self._of_a_set[action](permission_set)
        return True

    async def simulate(
        self, principal: str, actions: Collection[str], resources: Collection[str], tags: Mapping[str, str]
    ) -> Mapping[tuple[str, str], Simulated]:
        entries = [
            {
                "ContextKeyName": f"aws:ResourceTag/{key}",
                "ContextKeyValues": [value],
                "ContextKeyType": "string",
            }
            for key, value in tags.items()
        ]
        found: dict[tuple[str, str], Simulated] = {}
        page: dict[str, Any] = {}
        while True:
            answer = await self._aws.call(
                "iam",
                "SimulatePrincipalPolicy",
                PolicySourceArn=principal,
                ActionNames=list(actions),
                ResourceArns=list(resources),
                ContextEntries=entries,
                **page,
            )
            for result in answer.get("EvaluationResults", ()):
                found |= _verdicts(result)
            if not answer.get("IsTruncated"):
                return found
            page = {"Marker": answer["Marker"]}

    async def set_facts(self, permission_set: PermissionSetArn) -> SetFacts:
        tags = await self._tags(permission_set)
        described = await self._of_set("DescribePermissionSet", permission_set)
        return SetFacts(tags=tags, description=described["PermissionSet"].get("Description", ""))

    # Calls

    def _note_date(self, answer: Mapping[str, Any]) -> None:
        text = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date", "")
        try:
            at = parsedate_to_datetime(text)
        except (TypeError, ValueError):
            return
        self._said_at = at if at.tzinfo is not None else at.replace(tzinfo=UTC)

    async def _list_permission_sets(self) -> object:
        home = await self._identity_center.home()
        return await self._aws.call(
            "sso-admin", "ListPermissionSets", InstanceArn=home.instance_arn, MaxResults=1
        )

    async def _describe_provisioning(self) -> object:
        home = await self._identity_center.home()
        return await self._aws.call(
            "sso-admin",
            "DescribePermissionSetProvisioningStatus",
            InstanceArn=home.instance_arn,
            ProvisionPermissionSetRequestId=str(uuid.UUID(NOBODY)),
        )

    async def _get_user_id(self) -> object:
        address = {"AttributePath": "emails.value", "AttributeValue": NO_ADDRESS}
        return await self._of_store("GetUserId", AlternateIdentifier={"UniqueAttribute": address})

    async def _list_assignments(self, arn: PermissionSetArn) -> object:
        home = await self._identity_center.home()
        return await self._of_set("ListAccountAssignments", arn, AccountId=home.caller_account, MaxResults=1)

    async def _tags(self, arn: PermissionSetArn) -> dict[str, str]:
        home = await self._identity_center.home()
        listed = await self._aws.collect(
            "sso-admin", "ListTagsForResource", "Tags", InstanceArn=home.instance_arn, ResourceArn=arn
        )
        return {tag["Key"]: tag["Value"] for tag in listed}

    async def _of_store(self, operation: str, **params: Any) -> object:
        home = await self._identity_center.home()
        return await self._aws.call("identitystore", operation, IdentityStoreId=home.identity_store, **params)

    async def _of_set(self, operation: str, arn: PermissionSetArn, **params: Any) -> dict[str, Any]:
        home = await self._identity_center.home()
        return await self._aws.call(
            "sso-admin", operation, InstanceArn=home.instance_arn, PermissionSetArn=arn, **params
        )


def _verdicts(result: Mapping[str, Any]) -> dict[tuple[str, str], Simulated]:
    """One result of the simulator: IAM lists the resources below it when several were asked about."""
    action = str(result["EvalActionName"])
    specific = result.get("ResourceSpecificResults") or ()
    rows = [
        (one["EvalResourceName"], one["EvalResourceDecision"], one.get("MissingContextValues"))
        for one in specific
    ] or [(result.get("EvalResourceName", "*"), result["EvalDecision"], result.get("MissingContextValues"))]
    found = {}
    for resource, decision, missing in rows:
        verdict = _VERDICTS.get(str(decision), Simulated.UNKNOWN)
        # A condition on a key that the simulator was not told about may hold in reality.
        is_open = verdict is Simulated.DENIED and decision == "implicitDeny" and bool(missing)
        found[action, str(resource)] = Simulated.UNKNOWN if is_open else verdict
    return found
