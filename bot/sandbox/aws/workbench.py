"""The roles that Workbench's CDK stack deploys, and two others whose shape is known.

Trust policies follow `workbench_core_stack.py` of SuperCowPowers/workbench, whose ARN patterns say
`arn:aws:` in every partition while the principal follows the partition.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bot.sandbox.aws.records import Document

ROLES = ("Workbench-ExecutionRole", "Workbench-BuilderRole", "Workbench-ReadOnlyRole")
VERSION = "2012-10-17"


def trust_policy(
    partition: str, account: str, sso_groups: Sequence[str] = (), trusted_arns: Sequence[str] = ()
) -> Document:
    """Two services, and the account's root: bare, or for the named permission sets and ARNs alone."""
    base = f"arn:aws:iam::{account}:role/aws-reserved/sso.amazonaws.com/"
    patterns = [f"{base}AWSReservedSSO_{name}_*" for name in sso_groups]
    patterns += [f"{base}*/AWSReservedSSO_{name}_*" for name in sso_groups]
    patterns += trusted_arns
    people: Document = {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:{partition}:iam::{account}:root"},
        "Action": "sts:AssumeRole",
    }
    if patterns:
        people["Condition"] = {"ArnLike": {"aws:PrincipalArn": patterns}}
    services = [
        {"Effect": "Allow", "Principal": {"Service": f"{name}.amazonaws.com"}, "Action": "sts:AssumeRole"}
        for name in ("ecs-tasks", "sagemaker")
    ]
    return {"Version": VERSION, "Statement": [*services, people]}


def policies(role: str) -> dict[str, Document]:
    """A stand-in for the large policies of the real roles; nothing here depends on them."""
    action = ["s3:Get*", "s3:List*"] if role.endswith("ReadOnlyRole") else ["s3:*"]
    return {"WorkbenchPolicy": allow(action, "*")}


def allow(action: list[str], resource: str | list[str]) -> Document:
    return {"Version": VERSION, "Statement": [{"Effect": "Allow", "Action": action, "Resource": resource}]}


def sso_trust(partition: str, account: str) -> Document:
    """What Identity Center's own roles trust: its SAML provider, which nobody can stand in for."""
    provider = f"arn:{partition}:iam::{account}:saml-provider/AWSSSO_5a6db0c500000001_DO_NOT_DELETE"
    return {
        "Version": VERSION,
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Federated": provider},
                "Action": ["sts:AssumeRoleWithSAML", "sts:TagSession"],
                "Condition": {"StringEquals": {"SAML:aud": "https://signin.aws.amazon.com/saml"}},
            }
        ],
    }


def verifier_trust(bot_arn: str, org_id: str) -> Document:
    return {
        "Version": VERSION,
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"AWS": bot_arn},
                "Action": "sts:AssumeRole",
                "Condition": {"StringEquals": {"aws:PrincipalOrgID": org_id}},
            }
        ],
    }


def verifier_policies(partition: str, account: str) -> dict[str, Document]:
    """Read-only, as narrow as the product asks for."""
    roles = f"arn:{partition}:iam::{account}:role/"
    sso = f"{roles}aws-reserved/sso.amazonaws.com/*"
    reads = [
        "iam:ListRolePolicies",
        "iam:GetRolePolicy",
        "iam:ListAttachedRolePolicies",
        "iam:SimulatePrincipalPolicy",
    ]
    return {
        "GetRole": allow(["iam:GetRole"], [f"{roles}Workbench-*Role", sso]),
        "ListRoles": allow(["iam:ListRoles"], "*"),
        "ReadSso": allow(reads, sso),
    }
