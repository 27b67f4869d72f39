"""The iam service: moto's answers, but who may ask and SimulatePrincipalPolicy are our own."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from bot.sandbox.aws.access import permitted, scps_allow
from bot.sandbox.aws.conditions import as_list
from bot.sandbox.aws.errors import ServiceError
from bot.sandbox.aws.evaluator import Verdict, evaluate, statements
from bot.sandbox.aws.wire import Reply, members, success

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bot.sandbox.aws.organisation import AwsOrganisation
    from bot.sandbox.aws.records import Document
    from bot.sandbox.aws.sessions import Caller
    from bot.sandbox.aws.wire import Incoming

_WRITES = ("Create", "Put", "Update", "Delete", "Attach", "Detach", "Tag", "Untag")


class Iam:
    def __init__(self, org: AwsOrganisation) -> None:
        self._org = org

    def answer(
        self, call: Incoming, caller: Caller, url: str, headers: Mapping[str, str], body: bytes
    ) -> Reply:
        """Raises ServiceError."""
        self._permit(call, caller)
        if call.operation == "SimulatePrincipalPolicy":
            return success(call, self._simulate(caller, call.parameters))
        if call.operation == "AttachRolePolicy":
            # What AWS has no policy for is left to moto, which answers NoSuchEntity.
            with suppress(KeyError):
                self._org.roles.ensure_policy(caller.account, call.parameters.get("PolicyArn", ""))
        from bot.sandbox.aws import moto_iam

        try:
            status, content = moto_iam.dispatch(self._org.roles.backend(caller.account), url, headers, body)
        except NotImplementedError:
            raise ServiceError("InvalidAction", f"{call.operation} is not simulated.") from None
        if call.operation.startswith(_WRITES):
            self._org.changed()
        return Reply(status=status, body=content, headers={"content-type": "text/xml"})

    def _permit(self, call: Incoming, caller: Caller) -> None:
        org, name = self._org, call.parameters.get("RoleName")
        resource = (
            call.parameters.get("PolicySourceArn") or f"arn:{org.partition}:iam::{caller.account}:role/"
        )
        if name:
            role = org.roles.find(caller.account, name)
            resource = org.role_arn(caller.account, name) if role is None else role.arn
        if permitted(org, caller, f"iam:{call.operation}", [resource]) is not None:
            raise ServiceError(
                "AccessDenied",
                f"User: {caller.arn} is not authorized to perform: iam:{call.operation} "
                f"on resource: {resource} because no identity-based policy allows the "
                f"iam:{call.operation} action",
                status=403,
            )

    def _simulate(self, caller: Caller, parameters: dict[str, str]) -> dict[str, Any]:
        """Identity policies, boundary and SCPs. As with AWS, trust policies are out of its reach."""
        if parameters.get("PolicySourceArn") == self._org.bot_arn and caller.arn == self._org.bot_arn:
            return self._simulate_bot(parameters)
        source = self._org.roles.by_arn(parameters.get("PolicySourceArn", ""))
        if source is None or source.account != caller.account:
            raise ServiceError("NoSuchEntity", "The principal does not exist.", status=404)
        context = _context_entries(parameters)
        documents = [*source.policies, *map(json.loads, members(parameters, "PolicyInputList"))]
        results = []
        for action in members(parameters, "ActionNames"):
            for resource in members(parameters, "ResourceArns") or ["*"]:
                identity = evaluate(documents, action, resource, context)
                bounds = Verdict.ALLOW
                if source.boundary is not None:
                    bounds = evaluate([source.boundary], action, resource, context)
                scp = scps_allow(self._org, source.account, action, resource, context)
                results.append(
                    _result(action, resource, (identity, bounds, scp), source.boundary is not None)
                )
                scps = self._org.accounts[source.account].scps
                missing = _missing(action, [*documents, *scps], context)
                results[-1]["MissingContextValues"] = missing
        return {"EvaluationResults": results, "IsTruncated": False}

    def _simulate_bot(self, parameters: dict[str, str]) -> dict[str, Any]:
        """The bot about itself: its own policy, which is kept beside the roles."""
        org = self._org
        documents = [{"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}]
        if org.bot_policy is not None:
            documents = [org.bot_policy]
        context = _context_entries(parameters)
        results = []
        for action in members(parameters, "ActionNames"):
            for resource in members(parameters, "ResourceArns") or ["*"]:
                identity = evaluate(documents, action, resource, context)
                scp = scps_allow(org, org.bot_account, action, resource, context)
                results.append(_result(action, resource, (identity, Verdict.ALLOW, scp), bounded=False))
        return {"EvaluationResults": results, "IsTruncated": False}


def _context_entries(parameters: dict[str, str]) -> dict[str, str | list[str]]:
    context: dict[str, str | list[str]] = {}
    number = 1
    while name := parameters.get(f"ContextEntries.member.{number}.ContextKeyName"):
        context[name] = members(parameters, f"ContextEntries.member.{number}.ContextKeyValues")
        number += 1
    return context


def _result(
    action: str, resource: str, verdicts: tuple[Verdict, Verdict, Verdict], bounded: bool
) -> dict[str, Any]:
    _, bounds, scp = verdicts
    decision = next(
        (verdict for verdict in (Verdict.DENY, Verdict.SILENT) if verdict in verdicts), Verdict.ALLOW
    )
    result: dict[str, Any] = {
        "EvalActionName": action,
        "EvalResourceName": resource,
        "EvalDecision": decision.value,
        "MatchedStatements": [],
        "OrganizationsDecisionDetail": {"AllowedByOrganizations": scp is Verdict.ALLOW},
    }
    if bounded:
        result["PermissionsBoundaryDecisionDetail"] = {
            "AllowedByPermissionsBoundary": bounds is Verdict.ALLOW
        }
    return result


def _missing(action: str, documents: list[Document], context: Mapping[str, Any]) -> list[str]:
    """Condition keys of the policies for which the caller handed in no value."""
    known = {name.lower() for name in context}
    keys = {
        key
        for document in documents
        for statement in statements(document)
        if any(
            str(one).lower() in {"*", "sts:*", action.lower()} for one in as_list(statement.get("Action", []))
        )
        for block in statement.get("Condition", {}).values()
        for key in block
    }
    return sorted(key for key in keys if key.lower() not in known)
