"""The simulator's own evaluator of IAM policies: which statements speak about a call, and how.

It is the judge of the product, so it shares no code with `bot.domain`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

from bot.sandbox.aws.conditions import arn_like, as_list, conditions_hold, expand, like

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bot.sandbox.aws.conditions import Context
    from bot.sandbox.aws.records import Document


class Verdict(Enum):
    ALLOW = "allowed"
    DENY = "explicitDeny"
    SILENT = "implicitDeny"


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Who calls, in every form in which a resource policy may name it."""

    account: str
    arn: str
    """Of the session or user, as GetCallerIdentity returns it."""
    role_arn: str | None
    """Of the role behind a session, with its path."""


class Grip(Enum):
    """How a trust statement takes hold of the caller."""

    NONE = 0
    ACCOUNT = 1
    """Through the account's root: an identity policy must allow the call as well."""
    ROLE = 2
    """By the role's ARN or `*`."""
    SESSION = 3
    """By the session's or user's own ARN."""


def statements(document: Document) -> list[dict[str, Any]]:
    return as_list(document.get("Statement", []))


def _action_matches(statement: dict[str, Any], action: str) -> bool:
    positive = "Action" in statement
    patterns = as_list(statement["Action"] if positive else statement.get("NotAction", []))
    hit = any(like(str(pattern).lower(), action.lower()) for pattern in patterns)
    return hit == positive


def _resource_matches(pattern: str, resource: str, context: Context, *, variables: bool) -> bool:
    if pattern == "*" or resource == "*":
        return pattern == "*"
    # Variables are expanded in the last field only; in the account field IAM takes them literally.
    head, colon, tail = _split(pattern)
    return arn_like(head + colon + (expand(tail, context) if variables else tail), resource)


def _split(pattern: str) -> tuple[str, str, str]:
    parts = pattern.split(":", 5)
    return (":".join(parts[:5]), ":", parts[5]) if len(parts) == 6 else (pattern, "", "")


def _says(statement: dict[str, Any], held: bool | None) -> Verdict:
    """What a matching statement says. A condition that nobody understands never opens a door."""
    deny = statement.get("Effect") == "Deny"
    if held is None:
        return Verdict.DENY if deny else Verdict.SILENT
    if not held:
        return Verdict.SILENT
    return Verdict.DENY if deny else Verdict.ALLOW


def evaluate(documents: Iterable[Document], action: str, resource: str, context: Context) -> Verdict:
    """Identity policies (also SCPs and boundaries): an explicit Deny wins, silence denies."""
    verdict = Verdict.SILENT
    for document in documents:
        variables = document.get("Version") == "2012-10-17"
        for statement in statements(document):
            if not _action_matches(statement, action):
                continue
            positive = "Resource" in statement
            patterns = as_list(statement["Resource"] if positive else statement.get("NotResource", "*"))
            hit = any(
                _resource_matches(str(pattern), resource, context, variables=variables)
                for pattern in patterns
            )
            if hit != positive and ("Resource" in statement or "NotResource" in statement):
                continue
            held = conditions_hold(statement.get("Condition", {}), context, variables=variables)
            said = _says(statement, held)
            if said is Verdict.DENY:
                return Verdict.DENY
            if said is Verdict.ALLOW:
                verdict = Verdict.ALLOW
    return verdict


def evaluate_trust(
    document: Document, action: str, principal: Principal, context: Context
) -> tuple[Verdict, Grip]:
    """A role's trust policy, and the strongest hold that an Allow has on the caller."""
    grip = Grip.NONE
    variables = document.get("Version") == "2012-10-17"
    for statement in statements(document):
        if not _action_matches(statement, action):
            continue
        hold = _grip(statement, principal)
        if hold is Grip.NONE:
            continue
        said = _says(statement, conditions_hold(statement.get("Condition", {}), context, variables=variables))
        if said is Verdict.DENY:
            return Verdict.DENY, hold
        if said is Verdict.ALLOW and hold.value > grip.value:
            grip = hold
    return (Verdict.SILENT if grip is Grip.NONE else Verdict.ALLOW), grip


def _grip(statement: dict[str, Any], principal: Principal) -> Grip:
    if "NotPrincipal" in statement:
        hold = _named(statement["NotPrincipal"], principal)
        return Grip.ROLE if hold is Grip.NONE else Grip.NONE
    return _named(statement.get("Principal", {}), principal)


def _named(element: Any, principal: Principal) -> Grip:
    if element == "*":
        return Grip.ROLE
    if not isinstance(element, dict):
        return Grip.NONE
    # Service and Federated principals never are a person's session.
    holds = [_one(str(name), principal) for name in as_list(element.get("AWS", []))]
    return max(holds, key=lambda hold: hold.value, default=Grip.NONE)


def _one(name: str, principal: Principal) -> Grip:
    if name == principal.arn:
        return Grip.SESSION
    if name == "*" or name == principal.role_arn:
        return Grip.ROLE
    partition = principal.arn.split(":")[1]
    if name in {principal.account, f"arn:{partition}:iam::{principal.account}:root"}:
        return Grip.ACCOUNT
    return Grip.NONE
