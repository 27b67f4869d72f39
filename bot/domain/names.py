"""Names and ids that travel through every room, each a type of its own."""

from typing import NewType

AccountId = NewType("AccountId", str)
"""Twelve digits."""

RoleName = NewType("RoleName", str)
"""An IAM role's name without path, e.g. `Workbench-BuilderRole`."""

RoleArn = NewType("RoleArn", str)
"""`arn:<partition>:iam::<account>:role/<name>`."""

PermissionSetName = NewType("PermissionSetName", str)
PermissionSetArn = NewType("PermissionSetArn", str)

IdentityUserId = NewType("IdentityUserId", str)
"""The id of a user in Identity Center's identity store; what `identitystore:UserId` compares with."""

IdentityGroupId = NewType("IdentityGroupId", str)

SlackUserId = NewType("SlackUserId", str)
SlackTeamId = NewType("SlackTeamId", str)
ChannelId = NewType("ChannelId", str)

ProvisioningId = NewType("ProvisioningId", str)
"""The `RequestId` that ProvisionPermissionSet answers with."""


def role_arn(partition: str, account: AccountId, role: RoleName) -> RoleArn:
    """The ARN of a Workbench role; Workbench's CDK stack creates its roles without a path."""
    return RoleArn(f"arn:{partition}:iam::{account}:role/{role}")
