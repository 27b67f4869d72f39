"""Values for tests: everything that a test does not care about has a default here."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from bot.domain.grant import Failure, Grant, GrantId, GrantStatus, Push, PushStatus
from bot.domain.names import (
    AccountId,
    ChannelId,
    IdentityUserId,
    PermissionSetName,
    ProvisioningId,
    RoleName,
    SlackTeamId,
    SlackUserId,
    role_arn,
)
from bot.domain.people import Person
from bot.domain.policy import merge, parse, serialise
from bot.domain.request import AccessRequest, Approval, Ask, RequestId, RequestStatus, Ruling, Scope, Target
from bot.domain.rules import ApproverSource, Rule, Rules, SetRules
from bot.domain.statements import Want, desired_statements
from bot.domain.strict_json import dump
from tests.fakes.clock import NOON

HOME = SlackTeamId("T0HOME")
CHANNEL = ChannelId("C0APPROVALS")
ADMINS = "S0ADMINS"
ALICE, BOB, CAROL, DAN = (SlackUserId(f"U0{name}") for name in ("ALICE", "BOB", "CAROL", "DAN"))
"""Alice asks; Bob and Carol are admins; Dan is neither."""

SET = PermissionSetName("DataScientist")
OTHER_SET = PermissionSetName("Analyst")
PROD, TEST = AccountId("111111111111"), AccountId("222222222222")
BUILDER, READER = RoleName("Workbench-BuilderRole"), RoleName("Workbench-ReadOnlyRole")
WEEK = timedelta(days=7)


def accounts(count: int) -> list[AccountId]:
    return [AccountId(f"{number + 1:012d}") for number in range(count)]


def a_target(account: AccountId = PROD, role: RoleName = BUILDER) -> Target:
    return Target(account=account, role=role)


def a_grant(
    number: int = 1,
    *,
    target: Target | None = None,
    status: GrantStatus = GrantStatus.PROVISIONING,
    failure: Failure | None = None,
    **fields: Any,
) -> Grant:
    target = target if target is not None else a_target()
    given: dict[str, Any] = {
        "id": GrantId(number),
        "version": 1,
        "request": RequestId(1),
        "permission_set": SET,
        "target": target,
        "role_arn": role_arn("aws", target.account, target.role),
        "person": None,
        "ends_at": NOON + WEEK,
        "status": status,
        "wanted_at": NOON,
        "failure": failure,
    }
    return Grant(**(given | fields))


def a_push(
    held: str | None,
    *,
    account: AccountId = PROD,
    status: PushStatus = PushStatus.SUCCEEDED,
    **fields: Any,
) -> Push:
    given: dict[str, Any] = {
        "permission_set": SET,
        "account": account,
        "status": status,
        "document": held or "",
        "held": held,
        "provisioning": ProvisioningId("p-1"),
        "started_at": NOON,
    }
    return Push(**(given | fields))


def a_foreign(sid: str = "Foreign", **members: object) -> dict[str, object]:
    """A statement of somebody else's."""
    return {"Sid": sid, "Effect": "Allow", "Action": "s3:ListBucket", "Resource": "*"} | members


def a_policy(wants: Iterable[Grant | Want] = (), foreign: Sequence[Mapping[str, object]] = ()) -> str:
    """An inline policy with foreign statements, and managed ones for what the grants want."""
    document = dump({"Version": "2012-10-17", "Statement": list(foreign)}) if foreign else ""
    desired = desired_statements(each.want if isinstance(each, Grant) else each for each in wants)
    return serialise(merge(parse(document), desired=desired, removable=frozenset()))


def an_ask(
    *,
    requester: SlackUserId = ALICE,
    targets: Sequence[Target] = (Target(account=PROD, role=BUILDER),),
    scope: Scope = Scope.EVERYONE,
    span: timedelta | None = WEEK,
    reason: str = "Train the churn model",
    form_key: str = "V1",
    permission_set: PermissionSetName = SET,
) -> Ask:
    return Ask(
        requester=requester,
        team=HOME,
        permission_set=permission_set,
        targets=tuple(targets),
        scope=scope,
        span=span,
        reason=reason,
        form_key=form_key,
    )


def a_request(
    status: RequestStatus = RequestStatus.PENDING,
    *,
    ask: Ask | None = None,
    approvals: Iterable[SlackUserId] = (),
    by: SlackUserId | None = BOB,
) -> AccessRequest:
    ruling = None if status is RequestStatus.PENDING else Ruling(by=by, at=NOON)
    return AccessRequest(
        id=RequestId(17),
        version=1,
        status=status,
        ask=ask if ask is not None else an_ask(),
        created_at=NOON,
        decide_by=NOON + timedelta(days=3),
        identity=IdentityUserId("u-alice"),
        ruling=ruling,
        approvals=tuple(Approval(by=each, at=NOON) for each in approvals),
    )


def a_rule(
    *,
    users: Iterable[SlackUserId] = (),
    groups: Iterable[str] = (ADMINS,),
    approvals: int = 1,
    self_approval: bool = False,
    durations: tuple[timedelta | None, ...] = (timedelta(days=1), WEEK, None),
) -> Rule:
    return Rule(
        approver_sources=(ApproverSource(users=frozenset(users), groups=frozenset(groups)),),
        approvals=approvals,
        self_approval=self_approval,
        durations=durations,
        request_ttl=timedelta(days=3),
    )


def set_rules(
    rule: Rule | None = None,
    *,
    name: PermissionSetName = SET,
    roles: tuple[RoleName, ...] = (READER, BUILDER),
    only: Iterable[AccountId] | None = None,
) -> SetRules:
    rule = rule if rule is not None else a_rule()
    return SetRules(
        name=name,
        accounts=None if only is None else frozenset(only),
        roles=roles,
        by_role=dict.fromkeys(roles, rule),
    )


def some_rules(*sets: SetRules, people: Mapping[SlackUserId, str] | None = None) -> Rules:
    offered = sets or (set_rules(), set_rules(name=OTHER_SET))
    return Rules(
        channel=CHANNEL,
        support="#workbench-support",
        member_role=None,
        public_url=None,
        sets={each.name: each for each in offered},
        people=people or {},
    )


def a_person(user: SlackUserId = ALICE, **fields: Any) -> Person:
    given: dict[str, Any] = {
        "user_id": user,
        "team_id": HOME,
        "name": user.removeprefix("U0").title(),
        "email": f"{user.removeprefix('U0').lower()}@example.com",
        "email_confirmed": True,
        "is_deactivated": False,
        "is_bot": False,
        "is_guest": False,
        "is_stranger": False,
    }
    return Person(**(given | fields))
