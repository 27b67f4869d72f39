"""What accounts hold of a permission set: the AWSReservedSSO role, written, renamed and deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.sandbox.aws import workbench
from bot.sandbox.aws.records import Copy

if TYPE_CHECKING:
    from bot.sandbox.aws.organisation import AwsOrganisation
    from bot.sandbox.aws.records import Document, PermissionSet, Snapshot

INLINE_NAME = "AwsSSOInlinePolicy"


def sso_path(region: str) -> str:
    """The path of AWSReservedSSO roles: without a Region where that is us-east-1."""
    base = "/aws-reserved/sso.amazonaws.com/"
    return base if region == "us-east-1" else f"{base}{region}/"


def hold_copy(org: AwsOrganisation, found: PermissionSet, account: str, snapshot: Snapshot) -> None:
    """Note that `account` got this content; a first copy gets a role name of its own."""
    copy = org.copies.get((found.arn, account))
    if copy is None:
        suffix = org.identifiers.hex16(f"role:{found.name}:{account}")
        name = f"AWSReservedSSO_{found.name}_{suffix}"
        org.copies[found.arn, account] = Copy(role_name=name, snapshot=snapshot)
    else:
        copy.snapshot = snapshot


def materialise(org: AwsOrganisation, arn: str, account: str, snapshot: Snapshot) -> None:
    """Write the account's AWSReservedSSO role in IAM, unless the copy has gone meanwhile."""
    copy = org.copies.get((arn, account))
    if copy is None:
        return
    trust = workbench.sso_trust(org.partition, account)
    org.roles.put(account, copy.role_name, trust, path=sso_path(org.region))
    policies = f"arn:{org.partition}:iam::{account}:policy"
    org.roles.set_policies(
        account,
        copy.role_name,
        inline={INLINE_NAME: snapshot.inline_policy} if snapshot.inline_policy else {},
        attached=[
            *snapshot.managed_policies,
            *(f"{policies}{path}{name}" for name, path in snapshot.customer_managed),
        ],
        boundary=_boundary_arn(policies, snapshot.boundary),
    )


def _boundary_arn(policies: str, boundary: Document | None) -> str | None:
    if boundary is None:
        return None
    reference = boundary.get("CustomerManagedPolicyReference")
    if reference is None:
        return str(boundary["ManagedPolicyArn"])
    return f"{policies}{reference.get('Path', '/')}{reference['Name']}"


def drop_copy(org: AwsOrganisation, arn: str, account: str) -> None:
    """Delete the account's role, as Identity Center does with the last assignment."""
    copy = org.copies.pop((arn, account), None)
    if copy is not None and org.roles.find(account, copy.role_name) is not None:
        org.roles.delete(account, copy.role_name)
