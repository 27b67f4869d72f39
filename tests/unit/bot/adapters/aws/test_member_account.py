"""Looks into member accounts, against the simulated organisation over HTTP."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bot.adapters.aws.client import AwsClient
from bot.adapters.aws.identity_center import AwsIdentityCenter
from bot.adapters.aws.member_account import AwsMemberAccounts
from bot.adapters.aws.simulation import decisions
from bot.domain.errors import Code, Provisioning
from bot.domain.member_view import Decision, Question, RoleSeen
from bot.domain.names import AccountId, IdentityUserId, PermissionSetName, RoleArn, RoleName
from bot.domain.three_valued import Answer
from bot.ports.member_account import MemberAccounts
from bot.sandbox.aws.organisation import AwsOrganisation
from bot.sandbox.aws.server import AwsDouble
from tests.fakes.clock import FakeClock

ONE, TWO = AccountId("111111111111"), AccountId("222222222222")
SET = PermissionSetName("DataScientist")
BUILDER, READER = RoleName("Workbench-BuilderRole"), RoleName("Workbench-ReadOnlyRole")
ROLE = RoleName("WorkbenchAccessVerifier")
ARN = RoleArn(f"arn:aws:iam::{ONE}:role/{BUILDER}")


@pytest.fixture
def org(org: AwsOrganisation, clock: FakeClock) -> AwsOrganisation:
    """Alice may assume the builder role of two accounts that can be looked into."""
    org.clock = lambda: clock.now().timestamp()
    org.add_user("alice@example.com")
    allow = {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": f"arn:aws:iam::*:role/{BUILDER}"}
    org.add_permission_set(SET, inline={"Version": "2012-10-17", "Statement": [allow]})
    org.add_permission_set(f"{SET}_Admin")
    for account in (ONE, TWO):
        org.add_account(account)
        org.deploy_workbench(account, sso_groups=[SET])
        org.deploy_member_role(account)
        org.assign("alice@example.com", SET, account)
        org.assign("alice@example.com", f"{SET}_Admin", account)
    return org


@pytest.fixture
async def members(
    aws: AwsClient, center: AwsIdentityCenter, clock: FakeClock
) -> AsyncIterator[AwsMemberAccounts]:
    opened = AwsMemberAccounts(aws, clock, role=ROLE, home=center.home)
    yield opened
    await opened.close()


def a_question(clock: FakeClock, account: AccountId = ONE, *roles: RoleName) -> Question:
    return Question(
        account=account,
        permission_set=SET,
        roles=roles or (BUILDER,),
        person=IdentityUserId("u-alice"),
        at=clock.now(),
    )


def test_the_adapter_is_the_port(members: AwsMemberAccounts) -> None:
    port: MemberAccounts = members

    assert port is members


async def test_a_look_shows_roles_trust_and_what_iam_decides(
    members: AwsMemberAccounts, org: AwsOrganisation, clock: FakeClock
) -> None:
    view = await members.look(a_question(clock, ONE, BUILDER, READER))

    assert view.trouble is None
    assert view.roles[BUILDER].exists is Answer.YES
    assert json.loads(view.roles[BUILDER].trust) == org.roles.get(ONE, BUILDER).trust
    assert view.sso_role is not None
    assert view.sso_role.arn == org.sso_role(SET, ONE).arn
    assert view.decisions[BUILDER].allowed
    assert not view.decisions[READER].allowed
    assert json.loads(view.held or "") == json.loads(org.inline_policy(SET))


async def test_a_role_that_is_not_there_is_known_to_be_missing(
    members: AwsMemberAccounts, org: AwsOrganisation, clock: FakeClock
) -> None:
    org.delete_role(ONE, BUILDER)

    view = await members.look(a_question(clock))

    assert view.roles[BUILDER].exists is Answer.NO
    assert view.trouble is None


async def test_a_role_of_the_same_name_under_a_path_is_another_role(
    members: AwsMemberAccounts, org: AwsOrganisation, clock: FakeClock
) -> None:
    trust = org.roles.get(ONE, BUILDER).trust
    org.delete_role(ONE, BUILDER)
    theirs = org.roles.put(ONE, BUILDER, trust, path="/Workbench-theirs/")

    view = await members.look(a_question(clock))

    assert view.roles[BUILDER] == RoleSeen(exists=Answer.NO, instead=theirs.arn)


async def test_the_policy_that_iam_holds_is_read_where_it_is_wanted(
    members: AwsMemberAccounts, org: AwsOrganisation, double: AwsDouble, clock: FakeClock
) -> None:
    question = replace(a_question(clock), roles=(), with_policy=True)

    view = await members.look(question)

    assert view.trouble is None
    assert json.loads(view.held or "") == json.loads(org.inline_policy(SET))
    assert double.calls.count("iam", "SimulatePrincipalPolicy") == 0


async def test_the_role_of_a_set_with_a_longer_name_is_not_taken_for_it(
    members: AwsMemberAccounts, org: AwsOrganisation, clock: FakeClock
) -> None:
    org.delete_role(ONE, org.sso_role(SET, ONE).name)

    view = await members.look(a_question(clock))

    assert (view.sso_role, view.sso_trouble) == (None, None)


async def test_a_session_is_kept_until_shortly_before_its_end(
    members: AwsMemberAccounts, double: AwsDouble, clock: FakeClock
) -> None:
    await members.look(a_question(clock))
    clock.advance(timedelta(minutes=54))
    await members.look(a_question(clock))
    before = double.calls.count("sts", "AssumeRole")
    clock.advance(timedelta(minutes=2))

    await members.look(a_question(clock))

    assert (before, double.calls.count("sts", "AssumeRole")) == (1, 2)


async def test_looks_that_come_together_enter_once(
    members: AwsMemberAccounts, double: AwsDouble, clock: FakeClock
) -> None:
    views = await asyncio.gather(*(members.look(a_question(clock)) for _ in range(5)))

    assert double.calls.count("sts", "AssumeRole") == 1
    assert all(view.trouble is None for view in views)


async def test_a_session_that_aws_takes_back_is_opened_anew(
    members: AwsMemberAccounts, org: AwsOrganisation, double: AwsDouble, clock: FakeClock
) -> None:
    await members.look(a_question(clock))
    org.delete_role(ONE, ROLE)
    org.deploy_member_role(ONE)
    refused = await members.look(a_question(clock))

    view = await members.look(a_question(clock))

    assert refused.trouble is not None
    assert view.trouble is None


async def test_an_account_without_the_role_says_so_in_awss_words_and_harms_nobody(
    members: AwsMemberAccounts, org: AwsOrganisation, clock: FakeClock
) -> None:
    org.delete_role(TWO, ROLE)

    one, two = await asyncio.gather(
        members.look(a_question(clock, ONE)), members.look(a_question(clock, TWO))
    )

    assert one.trouble is None
    assert two.trouble is not None
    assert two.trouble.code is Code.ACCESS_DENIED
    assert "sts:AssumeRole" in two.trouble.detail
    assert two.roles[BUILDER].exists is Answer.UNKNOWN
    with pytest.raises(Provisioning):
        await members.enter(TWO)


@pytest.mark.parametrize(
    ("service", "operation"),
    [
        ("sts", "AssumeRole"),
        ("iam", "GetRole"),
        ("iam", "ListRoles"),
        ("iam", "SimulatePrincipalPolicy"),
    ],
)
@pytest.mark.parametrize("status", [200, 403, 503])
async def test_whatever_an_account_answers_nothing_is_raised(
    members: AwsMemberAccounts, double: AwsDouble, clock: FakeClock, service: str, operation: str, status: int
) -> None:
    double.faults.http(service, operation, status=status, times=None)

    view = await members.look(a_question(clock))

    assert view.trouble is not None
    # On a busy machine the next turn may come too late, which is said as such.
    assert view.trouble.code in {Code.ACCESS_DENIED, Code.AWS_UNAVAILABLE, Code.THROTTLED}


async def test_a_silent_account_is_late_and_keeps_what_it_said(
    members: AwsMemberAccounts, double: AwsDouble, clock: FakeClock
) -> None:
    await members.look(a_question(clock))
    double.faults.hang("iam", "SimulatePrincipalPolicy", times=None)

    view = await members.look(a_question(clock), within=0.5)
    double.faults.clear()

    assert view.roles[BUILDER].exists is Answer.YES
    assert view.simulation_trouble is not None
    assert view.simulation_trouble.code is Code.AWS_UNAVAILABLE


async def test_an_earlier_look_serves_those_who_do_not_need_a_fresh_one(
    members: AwsMemberAccounts, org: AwsOrganisation, clock: FakeClock
) -> None:
    await members.look(a_question(clock))
    org.delete_role(ONE, BUILDER)
    clock.advance(timedelta(seconds=20))

    old = await members.look(a_question(clock), max_age=timedelta(seconds=30))
    fresh = await members.look(a_question(clock))

    assert old.roles[BUILDER].exists is Answer.YES
    assert fresh.roles[BUILDER].exists is Answer.NO


# What the simulator's answers mean


def a_result(resource: str, said: str, **members: Any) -> dict[str, Any]:
    return {"EvalActionName": "sts:AssumeRole", "EvalResourceName": resource, "EvalDecision": said, **members}


TEMPLATE = "arn:${Partition}:iam::${Account}:role/${RoleNameWithPath}"


def test_the_newer_shape_has_what_counts_in_the_specific_results() -> None:
    specific = [
        {
            "EvalResourceName": ARN,
            "EvalResourceDecision": "implicitDeny",
            "PermissionsBoundaryDecisionDetail": {"AllowedByPermissionsBoundary": False},
            "MissingContextValues": ["aws:SourceIp"],
        }
    ]
    organisation = {"AllowedByOrganizations": True}
    result = a_result(
        TEMPLATE,
        "implicitDeny",
        ResourceSpecificResults=specific,
        OrganizationsDecisionDetail=organisation,
    )

    assert decisions([result], [ARN]) == {
        ARN: Decision(allowed=False, by_boundary=False, by_scps=True, missing=("aws:SourceIp",))
    }


def test_of_two_answers_on_one_role_the_worse_one_stands() -> None:
    results = [a_result(ARN, "explicitDeny"), a_result(ARN, "allowed")]

    assert not decisions(results, [ARN])[ARN].allowed
    assert not decisions(results[::-1], [ARN])[ARN].allowed


def test_of_two_yeses_on_one_role_everything_that_either_hangs_on_is_kept() -> None:
    hangs = a_result(ARN, "allowed", MissingContextValues=["aws:SourceIp"])
    other = a_result(ARN, "allowed", MissingContextValues=["aws:RequestedRegion"])

    assert decisions([hangs, a_result(ARN, "allowed")], [ARN])[ARN].missing == ("aws:SourceIp",)
    assert decisions([a_result(ARN, "allowed"), hangs], [ARN])[ARN].missing == ("aws:SourceIp",)
    assert set(decisions([hangs, other], [ARN])[ARN].missing) == {"aws:SourceIp", "aws:RequestedRegion"}


@pytest.mark.parametrize(
    "result",
    [
        {},
        a_result("*", "allowed"),
        a_result(ARN, "perhaps"),
        a_result(TEMPLATE, "allowed", ResourceSpecificResults="all of them"),
        a_result(TEMPLATE, "allowed", ResourceSpecificResults=[7, {"EvalResourceName": ARN}]),
    ],
)
def test_an_answer_that_does_not_name_the_role_is_none(result: dict[str, Any]) -> None:
    assert decisions([result], [ARN]) == {}
