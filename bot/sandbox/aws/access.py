"""Ground truth: may this caller do that? Puts identity policies, boundary, SCPs and trust together.

Follows "Policy evaluation logic" of the IAM user guide, for AssumeRole within and across accounts.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bot.sandbox.aws.evaluator import Grip, Verdict, evaluate, evaluate_trust

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bot.sandbox.aws.organisation import AwsOrganisation
    from bot.sandbox.aws.records import Document
    from bot.sandbox.aws.roles import Role
    from bot.sandbox.aws.sessions import Caller

ASSUME = "sts:AssumeRole"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Truthy if allowed. `because` names the link that decided, in words for a test's message."""

    allowed: bool
    because: str
    explicit: bool = False
    """Whether an explicit Deny decided."""

    def __bool__(self) -> bool:
        return self.allowed


def _no(because: str, *, explicit: bool = False) -> Decision:
    return Decision(allowed=False, because=because, explicit=explicit)


def context_of(org: AwsOrganisation, caller: Caller, resource_account: str) -> dict[str, str | list[str]]:
    """The condition keys that AWS puts into every request."""
    now = org.clock()
    return {
        "aws:CurrentTime": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now)),
        "aws:EpochTime": str(int(now)),
        "aws:SecureTransport": "true",
        "aws:PrincipalArn": caller.role_arn or caller.arn,
        "aws:PrincipalAccount": caller.account,
        "aws:PrincipalOrgID": org.id,
        "aws:PrincipalType": "User" if caller.role_arn is None else "AssumedRole",
        "aws:PrincipalIsAWSService": "false",
        "aws:ResourceAccount": resource_account,
        "aws:ResourceOrgID": org.id,
        "aws:userid": caller.user_id,
        **caller.context,
    }


def scps_allow(
    org: AwsOrganisation, account: str, action: str, resource: str, context: dict[str, str | list[str]]
) -> Verdict:
    """What the account's SCPs say: one must allow, none may deny. The management account has none."""
    scps = org.accounts[account].scps
    if account == org.management_account or not scps:
        return Verdict.ALLOW
    return evaluate(scps, action, resource, context)


def assume(
    org: AwsOrganisation, caller: Caller, role_arn: str, extra: dict[str, str] | None = None
) -> Decision:
    """Whether STS would let `caller` assume the role at this moment."""
    target = org.roles.by_arn(role_arn)
    if target is None:
        return _no(f"there is no role {role_arn}")
    context = {**context_of(org, caller, target.account), **(extra or {})}
    own = _own_policies(org, caller)
    if own is None:
        return _no("the caller's own role no longer exists")
    policies, boundary = own
    trust, grip = evaluate_trust(target.trust, ASSUME, caller.principal, context)
    identity = evaluate(policies, ASSUME, role_arn, context)
    bounds = Verdict.ALLOW if boundary is None else evaluate([boundary], ASSUME, role_arn, context)
    scp = scps_allow(org, caller.account, ASSUME, role_arn, context)
    explicit = {
        "a service control policy": scp,
        "the permissions boundary": bounds,
        "an identity-based policy": identity,
        "the role's trust policy": trust,
    }
    for name, verdict in explicit.items():
        if verdict is Verdict.DENY:
            return _no(f"an explicit deny in {name}", explicit=True)
    if scp is Verdict.SILENT:
        return _no("no service control policy allows it")
    if trust is Verdict.SILENT:
        return _no("the role's trust policy does not admit the caller")
    return _combine(caller, target, grip, identity, bounds)


def _combine(caller: Caller, target: Role, grip: Grip, identity: Verdict, bounds: Verdict) -> Decision:
    same_account = caller.account == target.account
    if same_account and grip is Grip.SESSION:
        # Naming the session (or the user) outdoes silence of its identity policies and boundary.
        return Decision(allowed=True, because="the trust policy names the caller itself")
    if bounds is Verdict.SILENT:
        return _no("the permissions boundary does not allow it")
    if same_account and grip is Grip.ROLE:
        return Decision(allowed=True, because="the trust policy names the caller's role")
    if identity is Verdict.SILENT:
        return _no("no identity-based policy allows it")
    return Decision(allowed=True, because="identity policy and trust policy allow it")


def _own_policies(org: AwsOrganisation, caller: Caller) -> tuple[list[Document], Document | None] | None:
    """The caller's identity policies and boundary as IAM holds them now; None if the role is gone.

    Live sessions see changes of their role's policies without a new login.
    """
    if caller.role_id is None:
        if caller.arn == org.bot_arn and org.bot_policy is not None:
            return [org.bot_policy], None
        return [{"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}], None
    role = org.roles.by_id(caller.account, caller.role_id)
    return None if role is None else (role.policies, role.boundary)


def permitted(
    org: AwsOrganisation,
    caller: Caller,
    action: str,
    resources: Iterable[str],
    tags: dict[str, str] | None = None,
) -> str | None:
    """The first resource on which `caller` may not do `action`; None if all are allowed.

    Each resource is authorised separately. `tags` are those of permission sets, the only resources
    here that have any.
    """
    own = _own_policies(org, caller)
    for resource in resources:
        account = (resource.split(":") + [""] * 5)[4] or caller.account
        context = context_of(org, caller, account)
        if ":permissionSet/" in resource:
            context |= {f"aws:ResourceTag/{key}": value for key, value in (tags or {}).items()}
        if own is None:
            return resource
        policies, boundary = own
        verdicts = [
            evaluate(policies, action, resource, context),
            Verdict.ALLOW if boundary is None else evaluate([boundary], action, resource, context),
            scps_allow(org, caller.account, action, resource, context),
        ]
        if any(verdict is not Verdict.ALLOW for verdict in verdicts):
            return resource
    return None
