"""The request form: opens at once, offers what can be had, and says early what could never work."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from bot.sandbox.scene import ANALYST, DATA_SCIENTIST, PRODUCTION, RESEARCH, SANDBOX
from bot.sandbox.slack import payloads
from bot.sandbox.slack.actor import Actor
from bot.sandbox.slack.records import View
from tests.integration.conftest import (
    BUILDER,
    EXECUTION,
    PATIENCE,
    READ_ONLY,
    READ_POLICY,
    World,
    statement,
    words,
)


async def test_the_form_opens_while_aws_hangs_and_fills_itself_afterwards(world: World) -> None:
    silence = world.aws.faults.hang("*", times=None)
    await world.start()

    ack = await world.alice.command("/workbench-access request")
    waiting = await world.screen(world.alice, "One moment")
    silence.release()
    filled = await world.screen(world.alice, "Permission set")

    assert ack.ok
    assert "your permission sets are being read from AWS" in waiting
    assert "For how long" in filled


async def test_the_fields_stand_in_the_order_of_the_guide(world: World) -> None:
    await world.start()

    view = await world.open_form()

    labels = [block["label"]["text"] for block in view.blocks if block["type"] == "input"]
    assert labels == ["Permission set", "Accounts", "Roles", "Who gets it", "For how long", "Reason"]


async def test_the_form_offers_only_the_sets_that_the_caller_holds(world: World) -> None:
    world.org.assign("dana@example.com", DATA_SCIENTIST, PRODUCTION)
    await world.start()

    alices, danas = await world.open_form(), await world.open_form(world.dana)

    assert offered(world.alice, alices, "choose_permission_set") == [DATA_SCIENTIST]
    assert offered(world.dana, danas, "choose_permission_set") == [DATA_SCIENTIST, ANALYST]


async def test_the_set_named_in_the_command_is_chosen_whatever_its_case(world: World) -> None:
    world.org.assign("alice@example.com", ANALYST, RESEARCH)
    await world.start()

    view = await world.open_form(line="/workbench-access request datascientist")

    assert world.alice.value(view, "choose_permission_set") == DATA_SCIENTIST


async def test_choosing_a_set_brings_its_own_fields(world: World) -> None:
    world.org.assign("alice@example.com", ANALYST, RESEARCH)
    await world.start()
    view = await world.open_form()

    before = words(view)
    await world.alice.select(view, "choose_permission_set", ANALYST)
    await world.screen(world.alice, "Accounts")

    assert "Accounts" not in before
    assert await accounts(world.alice, view, "") == [RESEARCH]


async def test_the_global_shortcut_opens_the_same_form(world: World) -> None:
    await world.start()

    await world.alice.shortcut("open_request")

    assert "Permission set" in await world.screen(world.alice, "Reason")


async def test_accounts_are_found_by_name_and_by_id_and_only_where_the_set_is_assigned(world: World) -> None:
    world.org.add_account("444444444444", "Workbench Other")
    await world.start()
    view = await world.open_form()

    assert await accounts(world.alice, view, "") == [PRODUCTION, SANDBOX]
    assert await accounts(world.alice, view, "prod work") == [PRODUCTION]
    assert await accounts(world.alice, view, "1111") == [SANDBOX]
    assert await accounts(world.alice, view, "other") == []
    assert await accounts(world.alice, view, RESEARCH) == []


async def test_who_holds_no_configured_set_reads_so_instead_of_a_form(world: World) -> None:
    await world.start()

    await world.ben.command("/workbench-access request")

    assert "An SSO admin has to assign you one" in await world.screen(world.ben, "You hold no permission set")


# What is known, as soon as accounts and roles are chosen


async def test_the_form_says_what_is_already_allowed_for_good(world: World) -> None:
    world.console_edit(statement("Allow", BUILDER))
    await world.start()

    await world.fill(await world.open_form(), roles=(BUILDER, READ_ONLY))
    known = await world.screen(world.alice, "Already allowed, with no end")

    assert f"`{READ_ONLY}`: ☑️ No obstacle seen" in known
    assert "no obstacle seen for 2 of 2 roles" in known


async def test_the_form_says_until_when_something_is_already_allowed(world: World) -> None:
    end = datetime.now(UTC).replace(microsecond=0) + timedelta(days=3)
    until = {"DateLessThan": {"aws:CurrentTime": f"{end:%Y-%m-%dT%H:%M:%SZ}"}}
    world.console_edit({**statement("Allow", BUILDER), "Condition": until})
    await world.start()

    await world.fill(await world.open_form())

    assert str(int(end.timestamp())) in await world.screen(world.alice, "Already allowed until")


async def test_the_form_names_the_statement_that_denies(world: World) -> None:
    world.console_edit(statement("Deny", BUILDER, sid="NoBuilders"))
    await world.start()

    await world.fill(await world.open_form(), roles=(BUILDER, READ_ONLY))
    known = await world.screen(world.alice, "Explicit deny")

    assert "NoBuilders" in known
    assert f"`{READ_ONLY}`: ☑️ No obstacle seen" in known


async def test_the_form_says_unknown_where_aws_does_not_tell(world: World) -> None:
    await world.start()
    view = await world.open_form()

    world.aws.faults.fail("sso-admin", READ_POLICY, code="AccessDeniedException", times=None)
    await world.fill(view)

    assert "AWS refused the bot" in await world.screen(world.alice, "Unknown")


# Sent


async def test_a_form_sent_twice_makes_one_request(world: World) -> None:
    await world.start()
    view = await world.fill(await world.open_form())
    form = world.slack.delivery.form
    body = _submission(world, view)

    acks = [await form({"payload": body}), await form({"payload": body})]
    await world.card()
    await world.slack.wait_for(
        lambda: "Waiting for approval" in words(world.alice.dm()[-1]), timeout=PATIENCE
    )

    assert [ack.shown for ack in acks] == ["ok", "ok"]
    assert len(world.cards()) == 1
    assert len(world.alice.dm()) == 1


async def test_a_slow_aws_at_the_submission_is_accepted_as_unknown_and_looked_at_later(world: World) -> None:
    await world.start()
    view = await world.fill(await world.open_form())
    await world.screen(world.alice, "No obstacle seen")

    silence = world.aws.faults.hang("sso-admin", READ_POLICY, times=None)
    ack = await world.alice.submit(view)
    copy = await world.dm(world.alice, "Being checked")
    before = list(world.cards())
    silence.release()
    card = await world.card()

    assert ack.ok
    assert 1.4 < ack.elapsed < 3
    assert before == []
    assert "Waiting for approval" in await world.reads(copy, "Waiting for approval")
    assert "No obstacle seen" in words(card)


async def test_what_a_slow_aws_could_not_refuse_at_the_form_is_refused_to_the_requester_alone(
    world: World,
) -> None:
    await world.start()
    view = await world.fill(await world.open_form())
    await world.screen(world.alice, "No obstacle seen")
    world.console_edit(statement("Deny", BUILDER, sid="NoBuilders"))

    silence = world.aws.faults.hang("sso-admin", READ_POLICY, times=None)
    ack = await world.alice.submit(view)
    silence.release()
    copy = await world.dm(world.alice, "Denied")

    assert ack.ok
    assert "Explicit deny" in words(copy)
    assert "NoBuilders" in words(copy)
    assert world.cards() == []


async def test_a_form_sent_before_its_fields_arrived_is_answered_at_the_field_that_is_there(
    world: World,
) -> None:
    world.org.assign("alice@example.com", ANALYST, RESEARCH)
    await world.start()
    view = await world.open_form()

    slow = world.slack.faults.hang("views.update", times=5)
    await world.alice.select(view, "choose_permission_set", ANALYST)
    ack = await world.alice.submit(view)
    slow.release()

    assert ack.problems == ()
    assert list(ack.errors) == ["permission_set"]


# Nothing that could never work


async def test_aws_down_at_the_form_is_said_in_a_clear_sentence(world: World) -> None:
    world.aws.faults.http("*", status=503, times=None)
    await world.start()

    await world.alice.command("/workbench-access request")
    said = await world.screen(world.alice, "Not possible", timeout=20)

    assert "AWS does not answer at the moment" in said
    assert "#workbench-support" in said


async def test_a_bot_that_aws_refuses_says_so_instead_of_a_form(world: World) -> None:
    world.org.bot_policy = statement_document("Deny")
    await world.start()

    await world.alice.command("/workbench-access request")

    assert "#workbench-support" in await world.screen(world.alice, "AWS does not allow Workbench Access")


async def test_a_bot_in_the_wrong_region_says_so_instead_of_loading_for_ever(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    await world.start()

    await world.alice.command("/workbench-access request")

    assert "#workbench-support" in await world.screen(world.alice, "Not possible")


PEOPLE = {
    "no_email": "Your Slack profile shows no e-mail address",
    "unconfirmed_email": "The e-mail address in your Slack profile is not confirmed",
    "two_matches": "More than one user of AWS IAM Identity Center has your e-mail address",
    "not_in_identity_center": "No user of AWS IAM Identity Center has your e-mail address",
    "disabled_in_identity_center": "No user of AWS IAM Identity Center has your e-mail address",
}


@pytest.mark.parametrize("trouble", PEOPLE)
async def test_who_cannot_be_told_apart_reads_why_and_nothing_else_happens(
    world: World, trouble: str
) -> None:
    alice = world.slack.workspace.users[world.alice.id]
    match trouble:
        case "no_email":
            alice.email = None
        case "unconfirmed_email":
            alice.is_email_confirmed = False
        case "two_matches":
            world.org.add_user("alice.other", email="alice@example.com")
        case "not_in_identity_center":
            alice.email = "alice@elsewhere.example.com"
        case "disabled_in_identity_center":
            world.org.directory.user("alice@example.com").status = "DISABLED"
    policy = world.policy()
    await world.start()

    await world.alice.command("/workbench-access request")
    said = await world.screen(world.alice, "Not possible")

    assert PEOPLE[trouble] in said
    assert "#workbench-support" in said
    assert world.slack.workspace.all_messages == []
    assert world.policy() == policy


async def test_a_person_whose_addresses_differ_gets_in_by_the_administrators_entry(world: World) -> None:
    world.slack.workspace.users[world.alice.id].email = "alice@elsewhere.example.com"
    world.rules += '\n[people]\n"U0ALICE" = "alice@example.com"\n'
    await world.start()

    view = await world.open_form()

    assert offered(world.alice, view, "choose_permission_set") == [DATA_SCIENTIST]


@pytest.mark.usefixtures("unhurried")
async def test_where_nobody_could_approve_the_form_says_so_and_takes_nothing(world: World) -> None:
    world.rules = world.rules.replace('usergroups = ["S0SSOADMINS"]', 'users = ["U0ALICE"]')
    await world.start()

    view = await world.open_form()
    said = words(view)
    await world.fill(view, roles=(EXECUTION,))
    ack = await world.alice.submit(view)

    assert "Nobody could approve this" in said
    assert "Nobody could approve this" in "".join(ack.errors.values())
    assert world.slack.workspace.all_messages == []


@pytest.mark.usefixtures("unhurried")
async def test_more_approvals_than_there_are_approvers_are_nothing_to_wait_for(world: World) -> None:
    world.rules = world.rules.replace("[defaults]", "[defaults]\napprovals = 3")
    await world.start()

    ack = await world.ask()

    assert "Nobody could approve this" in "".join(ack.errors.values())
    assert world.slack.workspace.all_messages == []


def offered(who: Actor, view: View, action_id: str) -> list[str]:
    return [option["value"] for option in who.field(view, action_id).element["options"]]


async def accounts(who: Actor, view: View, typed: str) -> list[str]:
    return [option["value"] for option in await who.type_ahead(view, "choose_accounts", typed)]


def statement_document(effect: str) -> dict[str, object]:
    return {"Version": "2012-10-17", "Statement": [{"Effect": effect, "Action": "*", "Resource": "*"}]}


def _submission(world: World, view: View) -> str:
    return json.dumps(payloads.view_submission(world.slack.workspace, world.alice.user, view, []))
