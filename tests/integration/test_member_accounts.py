"""With the read-only role in the accounts: what is there, whom it trusts, and what IAM really holds."""

import json
from datetime import timedelta
from typing import Any

import pytest

from bot.sandbox.scene import ANALYST, DATA_SCIENTIST, FOREIGN, PRODUCTION, SANDBOX
from tests.integration.conftest import (
    BUILDER,
    EXECUTION,
    PATIENCE,
    PROVISION,
    READ_ONLY,
    World,
    statement,
    words,
)
from tests.integration.test_verify_and_help import verify

ROLE = "WorkbenchAccessVerifier"
WITH_MEMBER_ROLE = f'member_role = "{ROLE}"\n'
DENY_ASSUMING = {"Version": "2012-10-17", "Statement": [statement("Deny", BUILDER, sid="NoChaining")]}
ONLY_S3 = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}],
}


@pytest.fixture(autouse=True)
def member_role(world: World) -> None:
    """Both accounts have the role, and the rules name it."""
    world.rules = WITH_MEMBER_ROLE + world.rules
    for account in (SANDBOX, PRODUCTION):
        world.org.deploy_member_role(account)


async def granted(world: World, **fields: Any) -> None:
    await world.start()
    await world.granted(**fields)


# Predicted


async def test_where_every_link_holds_it_is_predicted(world: World) -> None:
    await world.start()

    card = await world.granted(accounts=[SANDBOX, PRODUCTION])
    said = await verify(world)

    assert world.allowed()
    assert "2 roles checked: 2 PREDICTED" in words(await world.results(card=card))
    assert "2 roles checked: 2 PREDICTED" in said
    assert "unknown until somebody tries it" not in said
    assert "Only trying it proves it." in said


async def test_a_session_in_an_account_is_used_again(world: World) -> None:
    await granted(world)
    await verify(world)
    before = world.aws.calls.count("sts", "AssumeRole")

    await verify(world)

    assert world.aws.calls.count("sts", "AssumeRole") == before


async def test_a_session_that_has_run_out_is_opened_anew(world: World) -> None:
    await granted(world)
    world.clock.advance(timedelta(hours=2))

    assert "1 role checked: 1 PREDICTED" in await verify(world)


async def test_only_me_stays_configured_until_somebody_has_tried_such_a_condition(world: World) -> None:
    await granted(world, scope="Only me")

    said = await verify(world)

    assert "1 role checked: 1 CONFIGURED" in said
    assert "nobody here has tried yet" in said


# Broken links


async def test_a_role_that_is_missing_means_no_level(world: World) -> None:
    await granted(world)
    world.org.delete_role(SANDBOX, BUILDER)

    said = await verify(world)

    assert "CONFIGURED" not in said
    assert f"Role not found: {BUILDER} does not exist in Workbench Sandbox" in said
    assert "The Workbench stack is not deployed there" in said
    assert "#workbench-support" in said


async def test_a_role_that_trusts_others_says_whom_and_what_to_set(world: World) -> None:
    await granted(world)
    world.org.deploy_workbench(SANDBOX, sso_groups=["DataEngineer", "MLOps"])

    said = await verify(world)

    assert not world.allowed()
    assert f"Not trusted: {BUILDER} in Workbench Sandbox (111111111111) does not admit DataScientist" in said
    assert "now it admits DataEngineer, MLOps" in said
    assert "WORKBENCH_SSO_GROUPS" in said


async def test_a_longer_name_that_the_pattern_lets_in_is_let_in(world: World) -> None:
    """`DataScientist_*` admits `DataScientist_Admin` too: the truth, whatever was meant."""
    world.rules = world.rules.replace("[permission_sets.Analyst]", "[permission_sets.DataScientist_Admin]")
    world.org.add_permission_set("DataScientist_Admin")
    world.org.assign("dana@example.com", "DataScientist_Admin", SANDBOX)
    world.org.console_edit(
        "DataScientist_Admin", {"Version": "2012-10-17", "Statement": [statement("Allow", BUILDER)]}
    )
    world.org.provision_now("DataScientist_Admin", SANDBOX)
    await world.start()

    said = await verify(world, SANDBOX, who=world.dana)

    assert world.org.can_assume("dana@example.com", "DataScientist_Admin", SANDBOX, BUILDER).allowed
    assert said.count("✅ PREDICTED") == 1


async def test_the_longer_set_is_no_proof_of_the_shorter_one(world: World) -> None:
    """Roles of `DataScientist_Admin` must not be taken for the role of `DataScientist`."""
    world.org.add_permission_set("DataScientist_Admin")
    world.org.assign("alice@example.com", "DataScientist_Admin", SANDBOX)
    await granted(world)
    world.org.delete_role(SANDBOX, world.org.sso_role(DATA_SCIENTIST, SANDBOX).name)

    said = await verify(world)

    assert "PREDICTED" not in said
    assert "Not provisioned" in said


async def test_a_control_policy_of_the_organisation_is_named(world: World) -> None:
    await granted(world)
    world.org.set_scps(SANDBOX, DENY_ASSUMING)

    said = await verify(world)

    assert not world.allowed()
    assert "SCP: a service control policy of the organisation does not let DataScientist do this" in said
    assert "AWS Organizations" in said


async def test_a_boundary_that_leaves_no_room_is_named(world: World) -> None:
    world.org.roles.backend(SANDBOX).create_policy("", "/", json.dumps(ONLY_S3), "OnlyS3", [])
    await granted(world)
    found = world.org.permission_set(DATA_SCIENTIST)
    found.boundary = {"CustomerManagedPolicyReference": {"Name": "OnlyS3", "Path": "/"}}
    world.org.provision_now(DATA_SCIENTIST, SANDBOX)

    said = await verify(world)

    assert not world.allowed()
    assert "Boundary: the permissions boundary" in said


async def test_what_iam_really_holds_is_stronger_than_what_was_provisioned(world: World) -> None:
    await granted(world)
    role = world.org.sso_role(DATA_SCIENTIST, SANDBOX)
    world.org.roles.set_policies(SANDBOX, role.name, inline={"AwsSSOInlinePolicy": json.dumps(FOREIGN)})

    said = await verify(world)

    assert world.org.is_latest(DATA_SCIENTIST, SANDBOX)
    assert not world.allowed()
    assert "CONFIGURED" not in said
    assert "Not provisioned" in said


# Attached policies, seen from the management account


async def test_an_attached_policy_that_denies_everything_is_named(world: World) -> None:
    await granted(world)
    world.org.permission_set(DATA_SCIENTIST).managed_policies.append("arn:aws:iam::aws:policy/AWSDenyAll")
    world.org.provision_now(DATA_SCIENTIST, SANDBOX)

    said = await verify(world)

    assert not world.allowed()
    assert "in the attached policy AWSDenyAll of DataScientist denies this" in said


@pytest.mark.usefixtures("unhurried")
async def test_what_administrator_access_allows_is_said_in_the_form(world: World) -> None:
    world.org.permission_set(DATA_SCIENTIST).managed_policies.append(
        "arn:aws:iam::aws:policy/AdministratorAccess"
    )
    world.org.provision_now(DATA_SCIENTIST, SANDBOX)
    await world.start()

    await world.fill(await world.open_form())

    assert world.allowed()
    assert "Already allowed by AdministratorAccess, with no end" in await world.screen(world.alice, "Already")


# Accounts that do not answer


async def test_an_account_without_the_role_stays_configured_and_says_why(world: World) -> None:
    world.org.delete_role(PRODUCTION, ROLE)
    await granted(world, accounts=[SANDBOX, PRODUCTION])

    said = await verify(world)

    assert "2 roles checked: 1 PREDICTED, 1 CONFIGURED" in said
    assert "Workbench Production (222222222222) could not be looked into" in said
    assert "is not authorized to perform: sts:AssumeRole" in said


async def test_an_account_that_hangs_keeps_nobody_else_waiting(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.bootstrap.members.SILENCE", 1.0)
    await granted(world, accounts=[SANDBOX, PRODUCTION])
    asked = world.aws.calls.count("iam", "ListRoles")
    world.aws.faults.hang("iam", "ListRoles", times=None)

    said = await verify(world)
    world.aws.faults.clear()

    assert world.aws.calls.count("iam", "ListRoles") > asked
    assert "2 roles checked: 2 CONFIGURED" in said
    assert "could not be looked into" in said


@pytest.mark.parametrize("operation", ["GetRole", "ListRoles", "SimulatePrincipalPolicy"])
async def test_an_account_that_answers_garbage_is_unknown(world: World, operation: str) -> None:
    await granted(world)
    world.aws.faults.http("iam", operation, status=200, times=None)

    said = await verify(world)

    assert "1 role checked: 1 CONFIGURED" in said
    assert "could not be looked into" in said


async def test_a_role_that_may_do_less_than_it_should_makes_only_that_unknown(world: World) -> None:
    await granted(world)
    world.aws.faults.fail("iam", "SimulatePrincipalPolicy", code="AccessDenied", status=403, times=None)
    world.org.delete_role(SANDBOX, BUILDER)

    assert "Role not found" in await verify(world)


# After a change


async def test_iam_may_act_a_little_later_than_aws_says_succeeded(world: World) -> None:
    world.org.behaviour.iam_lag = 2.0
    await world.start()

    card = await world.granted()

    results = words(await world.results(card=card))
    assert world.count(PROVISION) == 1
    assert "1 PREDICTED" in results
    assert len(world.tables(card)) == 1


async def test_a_no_that_stays_is_said_after_a_minute(world: World) -> None:
    world.org.behaviour.iam_lag = 3600.0
    await world.start()
    card = await world.asked()
    before = world.aws.calls.count("iam", "SimulatePrincipalPolicy")
    await world.ben.click(card, "Approve")
    await world.settled(card)
    await world.aws.wait_for(
        lambda: world.aws.calls.count("iam", "SimulatePrincipalPolicy") > before, timeout=PATIENCE
    )
    assert world.tables(card) == []

    world.clock.advance(timedelta(seconds=61))

    assert "Not provisioned" in words(await world.results(card=card))


# Before a change


@pytest.mark.usefixtures("unhurried")
async def test_the_form_refuses_a_role_that_is_not_there(world: World) -> None:
    world.org.delete_role(SANDBOX, BUILDER)
    await world.start()

    ack = await world.ask()

    assert "Role not found" in str(ack.errors)


@pytest.mark.usefixtures("unhurried")
async def test_the_form_refuses_a_role_that_trusts_others(world: World) -> None:
    world.org.deploy_workbench(SANDBOX, sso_groups=[ANALYST])
    await world.start()

    ack = await world.ask(roles=[READ_ONLY, EXECUTION])

    assert "Not trusted" in str(ack.errors)
    assert "now it admits Analyst. Whoever deploys Workbench" in str(ack.errors)


async def test_a_silent_account_keeps_no_form_waiting(world: World) -> None:
    await world.start()
    world.aws.faults.hang("sts", "AssumeRole", times=None)

    ack = await world.ask()
    world.aws.faults.clear()

    assert ack.ok, ack
    assert ack.elapsed < 3


async def test_no_account_is_asked_without_a_member_role(world: World) -> None:
    world.rules = world.rules.replace(WITH_MEMBER_ROLE, "")
    await granted(world)

    said = await verify(world)

    assert "1 role checked: 1 CONFIGURED" in said
    assert said.count("`member_role`") == 1
    assert world.aws.calls.count("iam") == world.aws.calls.count("sts", "AssumeRole") == 0
