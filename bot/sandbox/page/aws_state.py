"""The AWS side as the panel shows it: read from the organisation itself, judged by the simulator's own evaluator."""

import json
import re
from typing import Any, Final

from bot.sandbox.aws import workbench
from bot.sandbox.aws.organisation import AwsOrganisation
from bot.sandbox.aws.provisioning import Request
from bot.sandbox.aws.records import Account, Assignment, PermissionSet
from bot.sandbox.page.calls import Calls
from bot.sandbox.page.policies import Policies, pretty, size

Json = dict[str, Any]

MEMBER_ROLE: Final = "WorkbenchAccessVerifier"
LIMIT: Final = 10_240
PROVISIONINGS_SHOWN: Final = 20
_TRUSTED_SET: Final = re.compile(r"AWSReservedSSO_([\w+=,.@-]+)_\*$")


class AwsPanel:
    def __init__(self, org: AwsOrganisation, policies: Policies, calls: Calls) -> None:
        self._org = org
        self._policies = policies
        self._calls = calls
        assigned = {one.account for one in org.assignments}
        self.accounts = [one for one in org.accounts.values() if one.id in assigned]
        self.roles = {
            (account.id, name): org.roles.get(account.id, name)
            for account in self.accounts
            for name in workbench.ROLES
            if org.roles.find(account.id, name) is not None
        }
        """As they were deployed; one that was deleted since is still listed, as missing."""

    def state(self) -> Json:
        return {
            "region": self._org.region,
            "clock": self._org.clock(),
            "accounts": [self._account(each) for each in self.accounts],
            "sets": [self._set(each) for each in self._org.permission_sets.values()],
            "provisionings": [
                self._provisioning(each)
                for each in list(reversed(self._org.provisioning.requests.values()))[:PROVISIONINGS_SHOWN]
            ],
            "matrix": self.matrix(),
            "calls": self._calls.state(),
        }

    def matrix(self) -> list[Json]:
        """Everybody who holds a set in an account, and each Workbench role there."""
        people = {person.id: person for person in self._org.directory.users.values()}
        rows = []
        for assignment in self._org.assignments:
            found = self._org.permission_sets[assignment.permission_set]
            for person_id in self._members(assignment):
                person = people[person_id]
                for account, role in self.roles:
                    if account != assignment.account:
                        continue
                    decision = self._org.can_assume(person.user_name, found.name, account, role)
                    rows.append(
                        {
                            "person": person.emails[0].value,
                            "name": person.display_name,
                            "set": found.name,
                            "account": account,
                            "role": role,
                            "can": decision.allowed,
                            "why": decision.because,
                        }
                    )
        return rows

    def _account(self, account: Account) -> Json:
        roles = []
        for (where, name), deployed in self.roles.items():
            if where == account.id:
                now = self._org.roles.find(where, name)
                trust = now.trust if now is not None else deployed.trust
                roles.append(
                    {
                        "name": name,
                        "arn": deployed.arn,
                        "exists": now is not None,
                        "trust": trust,
                        "trusts": trusted_sets(trust),
                    }
                )
        return {
            "id": account.id,
            "name": account.name,
            "status": account.status,
            "member_role": self._org.roles.find(account.id, MEMBER_ROLE) is not None,
            "roles": roles,
        }

    def _set(self, found: PermissionSet) -> Json:
        change = self._policies.last.get(found.arn)
        assignments = [one for one in self._org.assignments if one.permission_set == found.arn]
        accounts = list(dict.fromkeys(one.account for one in assignments))
        return {
            "name": found.name,
            "arn": found.arn,
            "tags": found.tags,
            "policy": json.loads(found.inline_policy) if found.inline_policy else None,
            "policy_text": pretty(found.inline_policy),
            "previous_text": pretty(change.before) if change is not None else "",
            "changed_at": change.at if change is not None else None,
            "changed_by": change.by if change is not None else None,
            "bytes": size(found.inline_policy),
            "limit": LIMIT,
            "accounts": [self._copy(found, account) for account in accounts],
            "assignments": [self._assignment(each) for each in assignments],
        }

    def _copy(self, found: PermissionSet, account: str) -> Json:
        copy = self._org.copies.get((found.arn, account))
        is_latest = copy is not None and copy.snapshot.version == found.version
        pushes = [
            (request, step)
            for request in self._org.provisioning.requests.values()
            for step in request.steps
            if request.permission_set == found.arn and step.account == account
        ]
        last = pushes[-1][0] if pushes else None
        if any(not step.done for _, step in pushes):
            state = "provisioning"
        elif is_latest:
            state = "latest"
        elif last is not None and last.status == "FAILED":
            state = "failed"
        else:
            state = "out_of_date" if copy is not None else "not_provisioned"
        same = copy is not None and copy.snapshot.inline_policy == found.inline_policy
        return {"id": account, "state": state, "policy_is_latest": same}

    def _assignment(self, assignment: Assignment) -> Json:
        directory = self._org.directory
        group = directory.groups.get(assignment.principal_id)
        user = directory.users.get(assignment.principal_id)
        members = [directory.users[each] for each in self._members(assignment)]
        principal = group.display_name if group is not None else user.user_name if user is not None else "?"
        return {
            "account": assignment.account,
            "principal": principal,
            "kind": assignment.principal_type,
            "people": [person.emails[0].value for person in members],
        }

    def _members(self, assignment: Assignment) -> list[str]:
        group = self._org.directory.groups.get(assignment.principal_id)
        if group is not None:
            return list(group.members)
        return [assignment.principal_id] if assignment.principal_id in self._org.directory.users else []

    def _provisioning(self, request: Request) -> Json:
        found = self._org.permission_sets.get(request.permission_set)
        return {
            "id": request.id,
            "set": found.name if found is not None else "?",
            "account": request.target or "ALL",
            "status": request.status,
            "failure": request.failure or "",
            "started": request.created_at,
        }


def trusted_sets(trust: Json) -> list[str] | None:
    """The permission sets that a Workbench trust policy names; None where it admits the whole account."""
    names: list[str] = []
    for statement in trust.get("Statement", []):
        if "AWS" not in statement.get("Principal", {}):
            continue
        patterns = statement.get("Condition", {}).get("ArnLike", {}).get("aws:PrincipalArn")
        if patterns is None:
            return None
        found = [_TRUSTED_SET.search(each) for each in patterns]
        names += [match.group(1) for match in found if match is not None]
    return list(dict.fromkeys(names))
