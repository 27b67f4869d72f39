"""Generated situations: what is broken where, in an organisation of many accounts, and what a refusal may name."""

import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from bot.domain.errors import Code
from bot.sandbox.aws.organisation import AwsOrganisation

SET = "DataScientist"
ALICE, BOB = "alice@example.com", "bob@example.com"
ROLES = ("Workbench-BuilderRole", "Workbench-ExecutionRole", "Workbench-ReadOnlyRole")
VERSION = "2012-10-17"
AWS = "arn:aws:iam::aws:policy/"

Document = dict[str, Any]
Made = tuple[Document, dict[str, Code], bool]
"""The inline policy, what is broken by role, and whether it hangs on something that nobody can judge."""


@dataclass(slots=True)
class Situation:
    """One account, and what is broken in it."""

    account: str
    faults: list[str]
    broken: dict[str, set[Code]] = field(default_factory=dict)
    """By role: whatever was broken on purpose."""
    is_unclear: bool = False
    """Something hangs on what nobody but AWS can judge, so that "unknown" is a right answer."""

    def breaks(self, code: Code, *roles: str) -> None:
        for role in roles or ROLES:
            self.broken.setdefault(role, set()).add(code)


@dataclass(slots=True)
class Scene:
    """A permission set as it is everywhere, and many accounts."""

    org: AwsOrganisation
    name: str
    situations: list[Situation]


def document(*statements: Document) -> Document:
    return {"Version": VERSION, "Statement": list(statements)}


def arns(accounts: list[str], *roles: str) -> list[str]:
    return [f"arn:aws:iam::{account}:role/{role}" for account in accounts for role in roles or ROLES]


def allow(accounts: list[str], *roles: str, **condition: Document) -> Document:
    statement: Document = {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": arns(accounts, *roles)}
    return statement | ({"Condition": condition} if condition else {})


# What the set is like, everywhere


def _plain(org: AwsOrganisation, accounts: list[str]) -> Made:
    until = {"aws:CurrentTime": "2099-01-01T00:00:00Z"}
    return document(allow(accounts, DateLessThan=until)), {}, False


def _only_me(org: AwsOrganisation, accounts: list[str]) -> Made:
    me = {"identitystore:UserId": org.directory.user(ALICE).id}
    return document(allow(accounts, StringEquals=me)), {}, False


def _only_bob(org: AwsOrganisation, accounts: list[str]) -> Made:
    him = {"identitystore:UserId": org.directory.user(BOB).id}
    return document(allow(accounts, StringEquals=him)), dict.fromkeys(ROLES, Code.NOT_ALLOWED), False


def _expired(org: AwsOrganisation, accounts: list[str]) -> Made:
    past = {"aws:CurrentTime": "2020-01-01T00:00:00Z"}
    return (
        document(allow(accounts, DateLessThan=past)),
        dict.fromkeys(ROLES, Code.NOT_ALLOWED),
        False,
    )


def _one_role(org: AwsOrganisation, accounts: list[str]) -> Made:
    return document(allow(accounts, ROLES[0])), dict.fromkeys(ROLES[1:], Code.NOT_ALLOWED), False


def _denied(org: AwsOrganisation, accounts: list[str]) -> Made:
    deny = {
        "Sid": "No",
        "Effect": "Deny",
        "Action": "sts:Assume*",
        "Resource": f"arn:aws:iam::*:role/{ROLES[1]}",
    }
    return document(allow(accounts), deny), {ROLES[1]: Code.EXPLICIT_DENY}, False


def _unknown_key(org: AwsOrganisation, accounts: list[str]) -> Made:
    network = {"aws:SourceVpc": "vpc-1"}
    return document(allow(accounts, StringEquals=network)), dict.fromkeys(ROLES, Code.NOT_ALLOWED), True


def _administrator(org: AwsOrganisation, accounts: list[str]) -> Made:
    org.permission_set(SET).managed_policies = [f"{AWS}AdministratorAccess"]
    return document({"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}), {}, False


def _power_user(org: AwsOrganisation, accounts: list[str]) -> Made:
    org.permission_set(SET).managed_policies = [f"{AWS}PowerUserAccess"]
    return _plain(org, accounts)


def _deny_all(org: AwsOrganisation, accounts: list[str]) -> Made:
    org.permission_set(SET).managed_policies = [f"{AWS}AWSDenyAll"]
    return _plain(org, accounts)[0], dict.fromkeys(ROLES, Code.EXPLICIT_DENY), False


def _boundary(org: AwsOrganisation, accounts: list[str]) -> Made:
    org.permission_set(SET).boundary = {"ManagedPolicyArn": f"{AWS}ReadOnlyAccess"}
    return _plain(org, accounts)[0], dict.fromkeys(ROLES, Code.BOUNDARY), False


def _own_boundary(org: AwsOrganisation, accounts: list[str]) -> Made:
    """A boundary that only the accounts can read: with it everything works."""
    org.permission_set(SET).boundary = {"CustomerManagedPolicyReference": {"Name": "Fence", "Path": "/"}}
    for account in accounts:
        own_policy(org, account, "Fence", document({"Effect": "Allow", "Action": "*", "Resource": "*"}))
    return _plain(org, accounts)


def _own_policy(org: AwsOrganisation, accounts: list[str]) -> Made:
    """An attached policy that only the accounts can read, and that denies one role."""
    org.permission_set(SET).customer_managed = [("House", "/")]
    deny = {"Effect": "Deny", "Action": "sts:AssumeRole", "Resource": f"arn:aws:iam::*:role/{ROLES[2]}"}
    for account in accounts:
        own_policy(org, account, "House", document(deny))
    return _plain(org, accounts)[0], {ROLES[2]: Code.EXPLICIT_DENY}, False


SETS: dict[str, Callable[[AwsOrganisation, list[str]], Made]] = {
    "plain": _plain,
    "only me": _only_me,
    "only bob": _only_bob,
    "expired": _expired,
    "one role": _one_role,
    "denied": _denied,
    "unknown key": _unknown_key,
    "administrator": _administrator,
    "power user": _power_user,
    "deny all": _deny_all,
    "boundary": _boundary,
    "own boundary": _own_boundary,
    "own policy": _own_policy,
}


def own_policy(org: AwsOrganisation, account: str, name: str, content: Document) -> None:
    org.roles.backend(account).create_policy("", "/", json.dumps(content), name, [])


# What an account is like. Each changes it and says what is broken.

Fault = Callable[[AwsOrganisation, Situation], None]


def _not_assigned(org: AwsOrganisation, at: Situation) -> None:
    org.assign(BOB, SET, at.account)
    org.unassign(ALICE, SET, at.account)
    at.breaks(Code.NOT_ASSIGNED)


def _by_group(org: AwsOrganisation, at: Situation) -> None:
    org.assign("scientists", SET, at.account)
    org.unassign(ALICE, SET, at.account)


def _role_missing(org: AwsOrganisation, at: Situation) -> None:
    org.delete_role(at.account, ROLES[0])
    at.breaks(Code.ROLE_NOT_FOUND, ROLES[0])


def _no_workbench(org: AwsOrganisation, at: Situation) -> None:
    for role in ROLES:
        org.delete_role(at.account, role)
    at.breaks(Code.ROLE_NOT_FOUND)


def _trusts_others(org: AwsOrganisation, at: Situation) -> None:
    org.deploy_workbench(at.account, sso_groups=["Analyst", "Data"])
    at.breaks(Code.NOT_TRUSTED)


def _trusts_longer(org: AwsOrganisation, at: Situation) -> None:
    org.deploy_workbench(at.account, sso_groups=[f"{SET}_Admin"])
    at.breaks(Code.NOT_TRUSTED)


def _trusts_account(org: AwsOrganisation, at: Situation) -> None:
    org.deploy_workbench(at.account)


def _trusts_prefix(org: AwsOrganisation, at: Situation) -> None:
    org.deploy_workbench(
        at.account, sso_groups=["Analyst"], trusted_arns=["arn:aws:iam::*:role/*Scientist_*"]
    )


def _trust_denies(org: AwsOrganisation, at: Situation) -> None:
    role = org.roles.get(at.account, ROLES[1])
    deny = {
        "Sid": "NotThem",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "sts:*",
        "Condition": {"ArnLike": {"aws:PrincipalArn": f"arn:aws:iam::*:role/*AWSReservedSSO_{SET}_*"}},
    }
    org.put_role(at.account, ROLES[1], document(*role.trust["Statement"], deny))
    at.breaks(Code.NOT_TRUSTED, ROLES[1])


def _trust_unclear(org: AwsOrganisation, at: Situation) -> None:
    role = org.roles.get(at.account, ROLES[1])
    own = role.trust["Statement"][-1]
    own = own | {"Condition": {**own.get("Condition", {}), "IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}}
    org.put_role(at.account, ROLES[1], document(own))
    at.breaks(Code.NOT_TRUSTED, ROLES[1])
    at.is_unclear = True


def _scp_denies(org: AwsOrganisation, at: Situation) -> None:
    org.set_scps(
        at.account,
        document({"Effect": "Deny", "Action": "sts:AssumeRole", "Resource": arns(["*"], ROLES[1])}),
    )
    at.breaks(Code.SCP, ROLES[1])


def _scp_allows_nothing(org: AwsOrganisation, at: Situation) -> None:
    s3 = document({"Effect": "Allow", "Action": ["s3:*", "iam:*"], "Resource": "*"})
    org.set_scps(at.account, s3, full_access=False)
    at.breaks(Code.SCP)


def _scp_for_others(org: AwsOrganisation, at: Situation) -> None:
    region = {"StringNotEquals": {"aws:PrincipalAccount": at.account}}
    org.set_scps(
        at.account, document({"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": region})
    )


def _drifted(org: AwsOrganisation, at: Situation) -> None:
    """Somebody changed the role in IAM, behind Identity Center's back."""
    org.roles.backend(at.account).roles[org.sso_role(SET, at.account).id].policies.clear()
    at.breaks(Code.NOT_PROVISIONED)


def _role_gone(org: AwsOrganisation, at: Situation) -> None:
    org.delete_role(at.account, org.sso_role(SET, at.account).name)
    at.breaks(Code.NOT_PROVISIONED)


def _no_member_role(org: AwsOrganisation, at: Situation) -> None:
    org.delete_role(at.account, "WorkbenchAccessVerifier")


FAULTS: dict[str, Fault] = {
    "not assigned": _not_assigned,
    "by group": _by_group,
    "trusts others": _trusts_others,
    "trusts longer": _trusts_longer,
    "trusts account": _trusts_account,
    "trusts prefix": _trusts_prefix,
    "trust denies": _trust_denies,
    "trust unclear": _trust_unclear,
    "role missing": _role_missing,
    "no workbench": _no_workbench,
    "scp denies": _scp_denies,
    "scp allows nothing": _scp_allows_nothing,
    "scp for others": _scp_for_others,
    "drifted": _drifted,
    "role gone": _role_gone,
    "no member role": _no_member_role,
}
"""In the order in which they can be brought about: what takes a role away comes late."""

BEFORE = ("stale", "never provisioned")
"""Faults that have to be there before the set gets its policy."""

KINDS = (
    ("not assigned", "by group"),
    ("trusts others", "trusts longer", "trusts account", "trusts prefix", "trust denies", "trust unclear"),
    ("role missing", "no workbench"),
    ("scp denies", "scp allows nothing", "scp for others"),
    ("drifted", "role gone", *BEFORE),
    ("no member role",),
)
"""At most one of each kind, since two of a kind undo each other."""


def scenes(seed: int, accounts_each: int) -> list[Scene]:
    """One scene for each kind of set; in each account nothing, one or two things are broken."""
    chance = random.Random(seed)  # noqa: S311 -- situations, not secrets
    return [_scene(name, chance, accounts_each) for name in SETS]


def _scene(name: str, chance: random.Random, number: int) -> Scene:
    org = AwsOrganisation()
    org.behaviour.throttle = False
    org.behaviour.page_size = 7
    for user in (ALICE, BOB):
        org.add_user(user)
    org.add_group("scientists", [ALICE])
    org.add_permission_set(SET)
    org.add_permission_set(f"{SET}_Admin", inline=document(allow(["*"])))
    accounts = [f"{each:012d}" for each in range(200_000_000_001, 200_000_000_001 + number)]
    situations = []
    for at, account in enumerate(accounts):
        org.add_account(account)
        org.deploy_workbench(account, sso_groups=[SET])
        org.deploy_member_role(account)
        faults = [chance.choice(kind) for kind in chance.sample(KINDS, k=at % 3)]
        situations.append(Situation(account=account, faults=faults))
    inline, broken, unclear = SETS[name](org, accounts)
    for each in situations:
        org.assign(BOB, f"{SET}_Admin", each.account)
        # A stale copy is of the time before there was any policy; the other has never been made.
        org.assign(ALICE, SET, each.account, provision=False)
        if "stale" in each.faults:
            org.provision_now(SET, each.account)
    org.console_edit(SET, inline)
    for each in situations:
        each.is_unclear |= unclear
        for role, code in broken.items():
            each.breaks(code, role)
        if not set(BEFORE).isdisjoint(each.faults):
            each.breaks(Code.NOT_PROVISIONED)
        else:
            org.provision_now(SET, each.account)
        for fault in [fault for fault in FAULTS if fault in each.faults]:
            FAULTS[fault](org, each)
    return Scene(org=org, name=name, situations=situations)
