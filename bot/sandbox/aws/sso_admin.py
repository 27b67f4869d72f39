"""The sso-admin service: instances, permission sets, assignments, and what is provisioned where."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from bot.sandbox.aws.access import permitted
from bot.sandbox.aws.errors import ServiceError, conflict, denied, invalid, not_found
from bot.sandbox.aws.inline_policy import check_inline_policy
from bot.sandbox.aws.organisation import MANAGED
from bot.sandbox.aws.paging import page

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bot.sandbox.aws.organisation import AwsOrganisation
    from bot.sandbox.aws.provisioning import Request
    from bot.sandbox.aws.records import PermissionSet
    from bot.sandbox.aws.sessions import Caller

Parameters = dict[str, Any]
Answer = dict[str, Any]

_WRITES = {"PutInlinePolicyToPermissionSet", "DeleteInlinePolicyFromPermissionSet", "ProvisionPermissionSet"}
_INSTANCE_ARN = re.compile(r"arn:aws(-[a-z]{1,5}){0,3}:sso:::instance/(sso)?ins-[a-zA-Z0-9-.]{16}")
_SET_ARN = re.compile(
    r"arn:aws(-[a-z]{1,5}){0,3}:sso:::permissionSet/(sso)?ins-[a-zA-Z0-9-.]{16}/ps-[a-zA-Z0-9-./]{16}"
)
_REQUEST_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_STATUSES = {"LATEST_PERMISSION_SET_PROVISIONED": True, "LATEST_PERMISSION_SET_NOT_PROVISIONED": False}


class SsoAdmin:
    """Answers one call at a time; `operations` maps the API's names to methods."""

    def __init__(self, org: AwsOrganisation) -> None:
        self._org = org
        self.operations: dict[str, Callable[[Caller, Parameters], Answer]] = {
            "DescribeInstance": self.describe_instance,
            "ListPermissionSets": self.list_permission_sets,
            "DescribePermissionSet": self.describe_permission_set,
            "ListTagsForResource": self.list_tags,
            "GetInlinePolicyForPermissionSet": self.get_inline_policy,
            "PutInlinePolicyToPermissionSet": self.put_inline_policy,
            "DeleteInlinePolicyFromPermissionSet": self.delete_inline_policy,
            "GetPermissionsBoundaryForPermissionSet": self.get_boundary,
            "ListManagedPoliciesInPermissionSet": self.list_managed_policies,
            "ListCustomerManagedPolicyReferencesInPermissionSet": self.list_customer_managed,
            "ListAccountAssignments": self.list_assignments,
            "ListAccountAssignmentsForPrincipal": self.list_assignments_for_principal,
            "ListAccountsForProvisionedPermissionSet": self.list_provisioned_accounts,
            "ListPermissionSetsProvisionedToAccount": self.list_provisioned_sets,
            "ProvisionPermissionSet": self.provision,
            "DescribePermissionSetProvisioningStatus": self.describe_provisioning,
            "ListPermissionSetProvisioningStatus": self.list_provisioning,
        }

    def answer(self, operation: str, caller: Caller, region: str, parameters: Parameters) -> Answer:
        """Raises ServiceError where the service would refuse."""
        if operation == "ListInstances":
            self._permit(caller, operation, ["*"])
            return self._list_instances(caller, region, parameters)
        handler = self.operations.get(operation)
        if handler is None:
            raise ServiceError("UnknownOperationException", f"{operation} is not simulated.")
        self._check_instance(operation, caller, region, parameters)
        self._permit(caller, operation, self._resources(parameters), self._tags(parameters))
        return handler(caller, parameters)

    # Who may call what, and from where.

    def _permit(
        self, caller: Caller, operation: str, resources: list[str], tags: dict[str, str] | None = None
    ) -> None:
        refused = permitted(self._org, caller, f"sso:{operation}", resources, tags)
        if refused is not None:
            raise denied(
                f"User: {caller.arn} is not authorized to perform: sso:{operation} on resource: {refused}"
            )

    def _resources(self, parameters: Parameters) -> list[str]:
        """The resource types that the service authorisation reference requires for the action."""
        found = [self._org.instance_arn]
        target = parameters.get("PermissionSetArn") or parameters.get("ResourceArn")
        if isinstance(target, str):
            found.append(target)
        account = parameters.get("AccountId") or parameters.get("TargetId")
        if account:
            found.append(f"arn:{self._org.partition}:sso:::account/{account}")
        return found

    def _tags(self, parameters: Parameters) -> dict[str, str]:
        arn = parameters.get("PermissionSetArn") or parameters.get("ResourceArn")
        found = self._org.permission_sets.get(str(arn))
        return {} if found is None else found.tags

    def _check_instance(self, operation: str, caller: Caller, region: str, parameters: Parameters) -> None:
        org = self._org
        arn = parameters.get("InstanceArn")
        if not isinstance(arn, str) or not _INSTANCE_ARN.fullmatch(arn):
            raise invalid("Value at 'instanceArn' failed to satisfy constraint: not an instance ARN")
        if caller.account not in {org.management_account, org.delegated_admin}:
            raise denied(
                f"User: {caller.arn} is not authorized to perform: sso:{operation} on resource: {arn}"
            )
        if arn != org.instance_arn or region not in {org.region, *org.behaviour.replica_regions}:
            raise not_found(f"Instance with ARN {arn} could not be found.")
        if operation in _WRITES and region != org.region:
            raise denied(f"{operation} is only available in the primary Region {org.region}.")

    def _set(self, parameters: Parameters, key: str = "PermissionSetArn") -> PermissionSet:
        arn = parameters.get(key)
        if not isinstance(arn, str) or not _SET_ARN.fullmatch(arn):
            raise invalid(f"Value at '{key[0].lower()}{key[1:]}' failed to satisfy constraint: not an ARN")
        found = self._org.permission_sets.get(arn)
        if found is None:
            raise not_found(f"PermissionSet with ARN {arn} could not be found.")
        return found

    def _account(self, parameters: Parameters, key: str = "AccountId") -> str:
        account = parameters.get(key)
        if not isinstance(account, str) or not re.fullmatch(r"\d{12}", account):
            raise invalid(
                f"Value at '{key[0].lower()}{key[1:]}' failed to satisfy constraint: not an account"
            )
        if account not in self._org.accounts:
            raise not_found(f"Account {account} could not be found in the organization.")
        return account

    def _writable(self, caller: Caller, operation: str, parameters: Parameters) -> PermissionSet:
        """The set, if this caller may change it."""
        org, found = self._org, self._set(parameters)
        refusal = f"User: {caller.arn} is not authorized to perform: sso:{operation} on resource: {found.arn}"
        if org.behaviour.tag_guard and not MANAGED.items() <= found.tags.items():
            raise denied(refusal)
        if caller.account != org.management_account and (found.arn, org.management_account) in org.copies:
            raise denied(refusal)
        return found

    def _page(self, items: Sequence[Any], parameters: Parameters, name: str) -> Answer:
        some, more = page(items, parameters, size=self._org.behaviour.page_size)
        return {name: some, **more}

    # Instances.

    def _instance(self) -> Answer:
        org = self._org
        regions = (org.region, *org.behaviour.replica_regions)
        return {
            "InstanceArn": org.instance_arn,
            "IdentityStoreId": org.directory.store_id,
            "IdentityStoreArn": (
                f"arn:{org.partition}:identitystore::{org.management_account}:"
                f"identitystore/{org.directory.store_id}"
            ),
            "OwnerAccountId": org.management_account,
            "Name": "sandbox",
            "CreatedDate": org.created_at,
            "Status": "ACTIVE",
            "PrimaryRegion": org.region,
            "Regions": [
                {
                    "RegionName": region,
                    "Status": "ACTIVE",
                    "AddedDate": org.created_at,
                    "IsPrimaryRegion": region == org.region,
                }
                for region in regions
            ],
        }

    def _list_instances(self, caller: Caller, region: str, parameters: Parameters) -> Answer:
        """Empty in a Region that is not enabled, unless all Regions are asked for."""
        org = self._org
        here = region in {org.region, *org.behaviour.replica_regions}
        everywhere = parameters.get("RegionScope") == "ALL_REGIONS"
        member = caller.account in {org.management_account, org.delegated_admin}
        instances = [self._instance()] if member and (here or everywhere) else []
        return self._page(instances, parameters, "Instances")

    def describe_instance(self, _caller: Caller, _parameters: Parameters) -> Answer:
        return {**self._instance(), "PermissionSetsEnabled": True}

    # Permission sets.

    def list_permission_sets(self, _caller: Caller, parameters: Parameters) -> Answer:
        return self._page(list(self._org.permission_sets), parameters, "PermissionSets")

    def describe_permission_set(self, _caller: Caller, parameters: Parameters) -> Answer:
        found = self._set(parameters)
        described = {
            "Name": found.name,
            "PermissionSetArn": found.arn,
            "CreatedDate": found.created_at,
            "SessionDuration": found.session_duration,
        }
        return {
            "PermissionSet": described | ({"Description": found.description} if found.description else {})
        }

    def list_tags(self, _caller: Caller, parameters: Parameters) -> Answer:
        found = self._set(parameters, "ResourceArn")
        tags = [{"Key": key, "Value": value} for key, value in found.tags.items()]
        return self._page(tags, parameters, "Tags")

    def get_inline_policy(self, _caller: Caller, parameters: Parameters) -> Answer:
        return {"InlinePolicy": self._set(parameters).inline_policy}

    def put_inline_policy(self, caller: Caller, parameters: Parameters) -> Answer:
        found = self._writable(caller, "PutInlinePolicyToPermissionSet", parameters)
        check_inline_policy(parameters.get("InlinePolicy"))
        return self._write(found, parameters["InlinePolicy"])

    def delete_inline_policy(self, caller: Caller, parameters: Parameters) -> Answer:
        return self._write(self._writable(caller, "DeleteInlinePolicyFromPermissionSet", parameters), "")

    def _write(self, found: PermissionSet, text: str) -> Answer:
        if self._org.behaviour.put_conflicts and self._org.provisioning.running(found.arn):
            raise conflict()
        self._org.edit(found, text)
        return {}

    def get_boundary(self, _caller: Caller, parameters: Parameters) -> Answer:
        found = self._set(parameters)
        if found.boundary is None:
            raise not_found(f"PermissionsBoundary not found for PermissionSet {found.arn}.")
        return {"PermissionsBoundary": found.boundary}

    def list_managed_policies(self, _caller: Caller, parameters: Parameters) -> Answer:
        policies = [
            {"Name": arn.rsplit("/", 1)[1], "Arn": arn} for arn in self._set(parameters).managed_policies
        ]
        return self._page(policies, parameters, "AttachedManagedPolicies")

    def list_customer_managed(self, _caller: Caller, parameters: Parameters) -> Answer:
        references = [{"Name": name, "Path": path} for name, path in self._set(parameters).customer_managed]
        return self._page(references, parameters, "CustomerManagedPolicyReferences")

    # Assignments.

    def list_assignments(self, _caller: Caller, parameters: Parameters) -> Answer:
        account, found = self._account(parameters), self._set(parameters)
        rows = [
            {
                "AccountId": account,
                "PermissionSetArn": found.arn,
                "PrincipalType": one.principal_type,
                "PrincipalId": one.principal_id,
            }
            for one in self._org.assignments
            if (one.account, one.permission_set) == (account, found.arn)
        ]
        return self._page(rows, parameters, "AccountAssignments")

    def list_assignments_for_principal(self, caller: Caller, parameters: Parameters) -> Answer:
        """Management account only. For users it includes what their groups hold."""
        if caller.account != self._org.management_account:
            raise denied(
                f"User: {caller.arn} is not authorized to perform: sso:ListAccountAssignmentsForPrincipal "
                "as this action must be called from the management account"
            )
        who, kind = parameters.get("PrincipalId"), parameters.get("PrincipalType")
        principals = {who}
        if kind == "USER":
            principals |= {group.id for group in self._org.directory.groups_of(str(who))}
        only = (parameters.get("Filter") or {}).get("AccountId")
        rows = [
            {
                "AccountId": one.account,
                "PermissionSetArn": one.permission_set,
                "PrincipalId": one.principal_id,
                "PrincipalType": one.principal_type,
            }
            for one in self._org.assignments
            if one.principal_id in principals and only in {None, one.account}
        ]
        return self._page(rows, parameters, "AccountAssignments")

    # What is provisioned where.

    def _wanted(self, parameters: Parameters) -> bool | None:
        status = parameters.get("ProvisioningStatus")
        if status is not None and status not in _STATUSES:
            raise invalid("Value at 'provisioningStatus' failed to satisfy constraint: unknown status")
        return None if status is None else _STATUSES[status]

    def list_provisioned_accounts(self, _caller: Caller, parameters: Parameters) -> Answer:
        found, wanted = self._set(parameters), self._wanted(parameters)
        accounts = [
            account
            for (arn, account), copy in self._org.copies.items()
            if arn == found.arn and wanted in {None, copy.snapshot.version == found.version}
        ]
        return self._page(accounts, parameters, "AccountIds")

    def list_provisioned_sets(self, _caller: Caller, parameters: Parameters) -> Answer:
        account, wanted = self._account(parameters), self._wanted(parameters)
        arns = [
            arn
            for (arn, where), copy in self._org.copies.items()
            if where == account
            and wanted in {None, copy.snapshot.version == self._org.permission_sets[arn].version}
        ]
        return self._page(arns, parameters, "PermissionSets")

    def provision(self, caller: Caller, parameters: Parameters) -> Answer:
        org = self._org
        found = self._writable(caller, "ProvisionPermissionSet", parameters)
        kind = parameters.get("TargetType")
        if kind == "ALL_PROVISIONED_ACCOUNTS":
            accounts, target = [account for arn, account in org.copies if arn == found.arn], None
        elif kind == "AWS_ACCOUNT" and parameters.get("TargetId"):
            target = self._account(parameters, "TargetId")
            accounts = [target]
        else:
            raise invalid("TargetType must be ALL_PROVISIONED_ACCOUNTS, or AWS_ACCOUNT with a TargetId.")
        if org.management_account in accounts and caller.account != org.management_account:
            raise denied(
                f"User: {caller.arn} is not authorized to perform: sso:ProvisionPermissionSet "
                f"on resource: {found.arn}"
            )
        request = org.provisioning.begin(found, accounts, target)
        # The real service always answers IN_PROGRESS first, however quick the work will be.
        answer = {"PermissionSetProvisioningStatus": self._status(request)}
        org.changed()
        return answer

    def _status(self, request: Request) -> Answer:
        status: Answer = {
            "Status": request.status,
            "RequestId": request.id,
            "PermissionSetArn": request.permission_set,
            "CreatedDate": request.created_at,
        }
        if request.target is not None:
            status["AccountId"] = request.target
        if request.status == "FAILED":
            status["FailureReason"] = request.failure
        return status

    def describe_provisioning(self, _caller: Caller, parameters: Parameters) -> Answer:
        request_id = str(parameters.get("ProvisionPermissionSetRequestId"))
        if not _REQUEST_ID.fullmatch(request_id):
            raise invalid(
                "Value at 'provisionPermissionSetRequestId' failed to satisfy constraint: not a UUID"
            )
        request = self._org.provisioning.visible(request_id)
        if request is None:
            raise not_found(f"Could not find provisioning request with id {request_id}.")
        return {"PermissionSetProvisioningStatus": self._status(request)}

    def list_provisioning(self, _caller: Caller, parameters: Parameters) -> Answer:
        provisioning = self._org.provisioning
        wanted = (parameters.get("Filter") or {}).get("Status")
        rows = [
            {"Status": request.status, "RequestId": request.id, "CreatedDate": request.created_at}
            for request in provisioning.requests.values()
            if wanted in {None, request.status} and provisioning.visible(request.id)
        ]
        return self._page(rows, parameters, "PermissionSetsProvisioningStatus")
