"""IAM's simulator: what it is told of the person's call, and how its answers are read."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from bot.domain.member_view import Decision, Question, SsoRole
from bot.domain.names import RoleArn


def decisions(results: Sequence[Mapping[str, Any]], arns: Sequence[RoleArn]) -> dict[RoleArn, Decision]:
    """What the simulator said of each role, in both shapes that AWS answers in.

    In the newer one `EvalResourceName` of a result is a template, and what counts stands in
    `ResourceSpecificResults`; in the older one there is a result for each resource (botocore's service model,
    EvaluationResult). Where both speak of a role, the worse of them stands.
    """
    found: dict[RoleArn, Decision] = {}
    for result in results:
        organisation = _flag(result.get("OrganizationsDecisionDetail"), "AllowedByOrganizations")
        specific = result.get("ResourceSpecificResults")
        each: list[tuple[Mapping[str, Any], object]] = [
            (one, one.get("EvalResourceDecision"))
            for one in (specific if isinstance(specific, list) else ())
            if isinstance(one, dict)
        ]
        named = {one.get("EvalResourceName") for one, _ in each}
        if result.get("EvalResourceName") not in named:
            each.append((result, result.get("EvalDecision")))
        for one, said in each:
            arn = RoleArn(str(one.get("EvalResourceName")))
            if arn not in arns or said not in ("allowed", "implicitDeny", "explicitDeny"):
                continue
            own = _flag(one.get("OrganizationsDecisionDetail"), "AllowedByOrganizations")
            bounds = _flag(one.get("PermissionsBoundaryDecisionDetail"), "AllowedByPermissionsBoundary")
            missing = [*_texts(one.get("MissingContextValues")), *_texts(result.get("MissingContextValues"))]
            decision = Decision(
                allowed=said == "allowed",
                explicit=said == "explicitDeny",
                by_boundary=bounds,
                by_scps=organisation if own is None else own,
                missing=tuple(dict.fromkeys(missing)),
            )
            before = found.get(arn)
            found[arn] = decision if before is None else _worse(before, decision)
    return found


def _worse(one: Decision, other: Decision) -> Decision:
    """The one that says no; of two that allow it, all that either of them hangs on."""
    if not one.allowed:
        return one
    missing = tuple(dict.fromkeys((*one.missing, *other.missing)))
    return replace(other, missing=missing) if other.allowed else other


def context_entries(question: Question, sso_role: SsoRole) -> list[dict[str, Any]]:
    """The condition keys that are known of the person's call; others would be a guess."""
    texts = {
        "identitystore:UserId": question.person,
        "aws:PrincipalArn": sso_role.arn,
        "aws:PrincipalAccount": question.account,
        "aws:PrincipalType": "AssumedRole",
        "aws:ResourceAccount": question.account,
    }
    entries = [
        {"ContextKeyName": name, "ContextKeyType": "string", "ContextKeyValues": [value]}
        for name, value in texts.items()
    ]
    now = question.at.strftime("%Y-%m-%dT%H:%M:%SZ")
    return [
        *entries,
        {"ContextKeyName": "aws:CurrentTime", "ContextKeyType": "date", "ContextKeyValues": [now]},
        {
            "ContextKeyName": "aws:EpochTime",
            "ContextKeyType": "numeric",
            "ContextKeyValues": [str(int(question.at.timestamp()))],
        },
    ]


def mapping(value: object) -> Mapping[str, Any]:
    """An object of AWS's answer; empty where it is anything else."""
    return value if isinstance(value, dict) else {}


def _texts(value: object) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def _flag(value: object, name: str) -> bool | None:
    found = mapping(value).get(name)
    return found if isinstance(found, bool) else None
