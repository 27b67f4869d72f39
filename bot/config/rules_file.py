"""The rules file: from a TOML document to Rules, noting every problem on the way.

A faulty value is replaced by a harmless stand-in: reading goes on, and later checks stay quiet about it. No
stand-in ever reaches the bot: whoever passed the problems in refuses to start when there are any.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

from bot.config.addresses import public_url
from bot.config.problems import (
    ACCOUNT,
    CHANNEL,
    EMAIL,
    GROUP,
    PERMISSION_SET,
    ROLE,
    USER,
    Problems,
    did_you_mean,
    shown,
)
from bot.config.table import Table
from bot.domain.names import AccountId, ChannelId, PermissionSetName, RoleName, SlackUserId
from bot.domain.rules import ApproverSource, Rule, Rules, SetRules

TOP_KEYS: Final = (
    "channel",
    "support",
    "member_role",
    "public_url",
    "admins",
    "defaults",
    "permission_sets",
    "people",
)
ADMIN_KEYS: Final = ("users", "usergroups")
ROLE_KEYS: Final = ("approvals", "self_approval", "durations", "request_ttl")
DEFAULT_KEYS: Final = ("roles", *ROLE_KEYS)

BUILT_IN: Final[Mapping[str, object]] = {
    "roles": ["Workbench-ReadOnlyRole", "Workbench-BuilderRole", "Workbench-ExecutionRole"],
    "approvals": 1,
    "self_approval": False,
    "durations": ["1d", "7d", "30d", "permanent"],
    "request_ttl": "3d",
}
"""What holds for a key that [defaults] leaves out."""

MOST_APPROVALS: Final = 20
SOMEBODY: Final = ApproverSource(users=frozenset(), groups=frozenset({"?"}))
"""Stands in for approvers with a problem already noted; a group, since nobody counts its members here."""

NOBODY: Final = ApproverSource(users=frozenset(), groups=frozenset())


def read_document(path: Path, problems: Problems) -> Mapping[str, object] | None:
    """The TOML document at `path`, or None with the problem noted; syntax errors name their line."""
    name = f"WORKBENCH_ACCESS_CONFIG ({path})"
    try:
        # Editors on Windows put a byte order mark in front, which TOML does not know.
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        problems.add(name, "there is no such file", "cp workbench-access.example.toml workbench-access.toml")
    except OSError as error:
        problems.add(
            name, f"cannot be read ({error.strerror})", "WORKBENCH_ACCESS_CONFIG=workbench-access.toml"
        )
    except UnicodeDecodeError as error:
        problems.add(name, f"is not UTF-8 text (byte {error.start})")
    except (ValueError, RecursionError) as error:
        problems.add(name, f"is not TOML: {error}", 'channel = "C0APPROVALS"')
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Level:
    """What holds at one table, inherited values included, and where those that are compared were written."""

    admins: ApproverSource
    admins_at: str
    approvals: int
    approvals_at: str
    self_approval: bool
    durations: tuple[timedelta | None, ...]
    request_ttl: timedelta

    def rule(self) -> Rule:
        return Rule(
            approver_sources=(self.admins,),
            approvals=self.approvals,
            self_approval=self.self_approval,
            durations=self.durations,
            request_ttl=self.request_ttl,
        )


def read_rules(document: Mapping[str, object], problems: Problems) -> Rules:
    """The rules in a TOML document; what they say is only true if no problem was added."""
    top = Table(document, "", problems)
    top.only(TOP_KEYS)
    base, roles = _defaults(top)
    sets: dict[PermissionSetName, SetRules] = {}
    permission_sets = top.table("permission_sets")
    for name in permission_sets.keys_of_shape(PERMISSION_SET):
        table = permission_sets.table(name)
        # What is no table has been noted, and lacks nothing else.
        if isinstance(permission_sets.get(name), dict):
            sets[PermissionSetName(name)] = _set(table, name, base, roles)
    if permission_sets.is_empty():
        permission_sets.wrong(
            "names no permission set, so nothing could be asked for", "[permission_sets.DataScientist]"
        )
    member_role = top.text("member_role", ROLE, required=False)
    return Rules(
        channel=ChannelId(top.text("channel", CHANNEL) or ""),
        support=top.words("support", '"#workbench-support"') or "",
        member_role=None if member_role is None else RoleName(member_role),
        public_url=_public_url(top),
        sets=sets,
        people=_people(top.table("people")),
    )


def _defaults(top: Table) -> tuple[_Level, tuple[RoleName, ...]]:
    """What holds where a permission set says nothing: [defaults] over the built-in values, and [admins]."""
    defaults = top.table("defaults")
    defaults.only(DEFAULT_KEYS)
    admins = top.table("admins")
    admins.only(ADMIN_KEYS)
    built_in = Table(BUILT_IN, "defaults", Problems())
    nothing = _Level(
        admins=NOBODY,
        admins_at="admins",
        approvals=1,
        approvals_at="defaults",
        self_approval=False,
        durations=(),
        request_ttl=timedelta(),
    )
    level = _level(admins, _level(defaults, _level(built_in, nothing)))
    return level, _roles(defaults, _roles(built_in, ()))


def _level(table: Table, inherited: _Level) -> _Level:
    """What holds at `table`: its own keys over the inherited ones.

    A table that names users or usergroups names all of its approvers: whoever writes `users = ["U0CAROL"]`
    below a permission set means Carol, and would be surprised if an inherited group could still decide.
    """
    admins, admins_at = inherited.admins, inherited.admins_at
    if table.has("users") or table.has("usergroups"):
        before = len(table.problems)
        users = table.texts("users", USER, may_be_empty=True) or ()
        groups = table.texts("usergroups", GROUP, may_be_empty=True) or ()
        admins = ApproverSource(users=frozenset(map(SlackUserId, users)), groups=frozenset(groups))
        admins, admins_at = (SOMEBODY if len(table.problems) > before else admins), table.at
    approvals = table.integer("approvals", 1, MOST_APPROVALS)
    self_approval = table.boolean("self_approval")
    return _Level(
        admins=admins,
        admins_at=admins_at,
        approvals=inherited.approvals if approvals is None else approvals,
        approvals_at=inherited.approvals_at if approvals is None else table.at,
        self_approval=inherited.self_approval if self_approval is None else self_approval,
        durations=table.durations("durations") or inherited.durations,
        request_ttl=table.duration("request_ttl") or inherited.request_ttl,
    )


def _roles(table: Table, inherited: tuple[RoleName, ...]) -> tuple[RoleName, ...]:
    """The roles that `table` names, or the inherited ones; empty stands in for roles with a problem."""
    if not table.has("roles"):
        return inherited
    before = len(table.problems)
    names = table.texts("roles", ROLE) or ()
    return () if len(table.problems) > before else tuple(map(RoleName, names))


def _set(table: Table, name: str, base: _Level, base_roles: tuple[RoleName, ...]) -> SetRules:
    table.only(("accounts", *DEFAULT_KEYS, *ADMIN_KEYS, "role"))
    level = _level(table, base)
    roles = _roles(table, base_roles)
    tables = table.table("role")
    levels: dict[RoleName, _Level] = dict.fromkeys(roles, level)
    for role in tables.names():
        own = tables.table(role)
        own.only((*ROLE_KEYS, *ADMIN_KEYS))
        levels[RoleName(role)] = _level(own, level)
        if roles and role not in roles:
            known = ", ".join(roles)
            own.wrong(
                f"is not a role of this permission set{did_you_mean(role, roles)}; its roles are {known}"
            )
    for role in roles:
        _check_approvers(levels[role], table)
    return SetRules(
        name=PermissionSetName(name),
        accounts=_accounts(table),
        roles=roles,
        by_role={role: levels[role].rule() for role in roles},
    )


def _check_approvers(level: _Level, table: Table) -> None:
    """Note a rule that nobody could ever satisfy. How many are in a group is only known at run time."""
    users, groups = level.admins.users, level.admins.groups
    if not users and not groups:
        wrong = "names no users and no usergroups, so nobody could approve"
        table.problems.add(level.admins_at, wrong, 'users = ["U0ADMIN1"]')
    elif not groups and level.approvals > len(users):
        people = "1 user" if len(users) == 1 else f"{len(users)} users"
        table.problems.add(
            f"{level.approvals_at}.approvals",
            f"asks for {level.approvals} approvals, but [{level.admins_at}] has {people} and no usergroup",
            "approvals = 1",
        )


def _accounts(table: Table) -> frozenset[AccountId] | None:
    """The account ids of a permission set; None for "*"."""
    if table.get("accounts") == "*":
        return None
    example = f'accounts = ["{ACCOUNT.example}", "222222222222"], or "*": wherever the set is assigned'
    if not table.has("accounts"):
        table.wrong_key("accounts", "is missing", example)
    return frozenset(map(AccountId, table.texts("accounts", ACCOUNT, example=example) or ()))


def _public_url(top: Table) -> str | None:
    example = 'public_url = "https://access.example.com"'
    written = top.words("public_url", '"https://access.example.com"', required=False)
    if written is None:
        return None
    try:
        return public_url(written)
    except ValueError as wrong:
        top.wrong_key("public_url", str(wrong), example)
        return None


def _people(table: Table) -> dict[SlackUserId, str]:
    people: dict[SlackUserId, str] = {}
    first_with: dict[str, str] = {}
    for user in table.keys_of_shape(USER):
        email = table.text(user, EMAIL)
        if email is None:
            continue
        people[SlackUserId(user)] = email
        # Two people must never be taken for one person in Identity Center, whose user names ignore case.
        first = first_with.setdefault(email.casefold(), user)
        if first != user:
            table.wrong_key(user, f"{shown(email)} already belongs to {first}; an e-mail names one person")
    return people
