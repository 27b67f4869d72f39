"""The decision: checked at the click, taken once, and answered to everybody who clicked."""

import asyncio
from datetime import timedelta

import pytest

from bot.sandbox.scene import ADMINS, ALICE, APPROVALS, BEN, CHRIS
from bot.sandbox.slack.actor import Actor
from bot.sandbox.slack.records import Message
from tests.integration.conftest import PROVISION, PUT, World, buttons, words

TWO_APPROVALS = "[defaults]\napprovals = 2"


async def deny(world: World, card: Message, who: Actor, reason: str) -> None:
    await who.click(card, "Deny")
    view = await world.modal(who)
    await who.select(view, "type_reason", reason)
    ack = await who.submit(view)
    assert ack.ok, ack


# Approve


async def test_who_clicks_late_reads_who_was_first_and_when(world: World) -> None:
    await world.start()
    card = await world.granted()

    await world.chris.click(card, "Approve", version=0)
    said = await world.told(world.chris, "decided already")

    assert f"approved by <@{BEN}>, <!date^" in said
    assert "Your click changed nothing" in said


async def test_two_approvers_in_the_same_millisecond_give_one_decision(world: World) -> None:
    await world.start()
    card = await world.asked()

    await asyncio.gather(world.ben.click(card, "Approve"), world.chris.click(card, "Approve"))
    await world.results()
    (bens,), (chriss,) = await world.answers(world.ben, 1), await world.answers(world.chris, 1)

    first, second = sorted([bens, chriss], key=lambda said: "You approved" not in said)
    assert "You approved WA-1" in first
    assert "approved by <@" in second
    assert words(card).count("Approved by") == 1
    assert len(world.managed()) == world.count(PUT) == world.count(PROVISION) == 1


async def test_approve_and_deny_at_the_same_time_give_one_decision(world: World) -> None:
    await world.start()
    card = await world.asked()
    await world.chris.click(card, "Deny")
    form = await world.modal(world.chris)
    await world.chris.select(form, "type_reason", "Not now")

    await asyncio.gather(world.ben.click(card, "Approve"), world.chris.submit(form))
    (bens,), (chriss,) = await world.answers(world.ben, 1), await world.answers(world.chris, 1)

    assert ["decided already" in bens, "decided already" in chriss].count(True) == 1
    assert ["You approved" in bens, "You denied" in chriss].count(True) == 1


async def test_ten_clicks_get_ten_answers_and_one_grant(world: World) -> None:
    await world.start()
    card = await world.asked()

    await asyncio.gather(*(world.ben.click(card, "Approve") for _ in range(10)))
    await world.results()
    await world.answers(world.ben, 10)
    await world.stop()

    answers = [words(each) for each in world.ben.ephemerals()]
    assert len(answers) == 10
    assert sum("You approved WA-1" in said for said in answers) == 1
    assert len(world.managed()) == world.count(PUT) == 1


async def test_the_confirmation_says_whom_the_approval_benefits(world: World) -> None:
    await world.start()
    card = await world.asked()

    await world.ben.click(card, "Approve", accept=False)

    (dialog,) = world.ben.confirmations
    assert "Everyone with DataScientist gets 1 role in 1 account, for 7 days" in dialog.text
    assert "2 people in 1 group hold this set" in dialog.text
    assert "Waiting for approval" in words(card)


async def test_the_card_says_that_an_approver_would_benefit_too(world: World) -> None:
    await world.start()

    card = await world.asked()

    assert f"<@{CHRIS}> would get this access too, as approver" in words(card)


async def test_two_approvals_need_two_different_people(world: World) -> None:
    world.rules = world.rules.replace("[defaults]", TWO_APPROVALS)
    await world.start()
    card = await world.asked()

    await world.ben.click(card, "Approve")
    counted = await world.reads(card, "1 of 2 approvals")
    await world.ben.click(card, "Approve")
    again = await world.told(world.ben, "already")
    before = world.count(PUT)
    await world.chris.click(card, "Approve")
    await world.results()

    assert f"Approved by <@{BEN}>" in counted
    assert "Your approval of WA-1 counts: 1 of 2" in await world.told(world.ben, "counts")
    assert "You have approved WA-1 already" in again
    assert before == 0
    assert world.allowed()


async def test_an_approval_counts_no_more_once_its_giver_is_no_approver(world: World) -> None:
    world.rules = world.rules.replace("[defaults]", TWO_APPROVALS)
    world.slack.workspace.usergroups[ADMINS].users.append(world.dana.id)
    await world.start()
    card = await world.asked()

    await world.ben.click(card, "Approve")
    await world.reads(card, "1 of 2 approvals")
    world.slack.workspace.usergroups[ADMINS].users.remove(BEN)
    await world.chris.click(card, "Approve")
    chriss = await world.told(world.chris, "counts")
    await world.dana.click(card, "Approve")
    await world.results()

    assert "1 of 2" in chriss
    assert world.allowed()


async def test_nobody_approves_their_own_request(world: World) -> None:
    alice_is_an_approver(world)
    await world.start()
    card = await world.asked()

    await world.alice.click(card, "Approve")

    assert "your own request" in await world.told(world.alice, "somebody else has to decide it")
    assert "Waiting for approval" in words(card)


async def test_where_the_rules_allow_it_people_approve_their_own_request(world: World) -> None:
    alice_is_an_approver(world)
    world.rules = world.rules.replace("[defaults]", "[defaults]\nself_approval = true")
    await world.start()
    card = await world.asked()

    await world.alice.click(card, "Approve")
    await world.results()

    assert world.allowed()


async def test_who_is_not_an_approver_reads_so(world: World) -> None:
    await world.start()
    card = await world.asked()

    await world.dana.click(card, "Approve")

    await world.told(world.dana, "You are not an approver of WA-1")
    assert "Waiting for approval" in words(card)


async def test_an_approver_who_was_taken_out_of_the_group_just_before_the_click_is_refused(
    world: World,
) -> None:
    await world.start()
    card = await world.asked()

    world.slack.workspace.usergroups[ADMINS].users.remove(BEN)
    await world.ben.click(card, "Approve")

    await world.told(world.ben, "You are not an approver of WA-1")
    assert "Waiting for approval" in words(card)


async def test_who_has_joined_the_approvers_just_before_the_click_decides(world: World) -> None:
    await world.start()
    card = await world.asked()

    world.slack.workspace.usergroups[ADMINS].users.append(world.dana.id)
    await world.dana.click(card, "Approve")

    await world.told(world.dana, "You approved WA-1")


# Deny


async def test_the_requester_reads_the_reason_of_a_denial_and_nothing_is_written(world: World) -> None:
    await world.start()
    card = await world.asked()
    policy = world.policy()

    await deny(world, card, world.ben, "Use the *sandbox* first, please")
    said = await world.reads(card, "Denied")
    copy = await world.dm(world.alice, "Denied")

    assert f"by <@{BEN}>" in said
    assert "Use the *sandbox* first, please" in words(copy)
    assert buttons(card) == ["Details"]
    assert buttons(copy) == ["Details"]
    assert world.policy() == policy
    await world.told(world.ben, "You denied WA-1")


async def test_a_denial_without_a_reason_is_asked_for_one(world: World) -> None:
    await world.start()
    card = await world.asked()
    await world.ben.click(card, "Deny")
    view = await world.modal(world.ben)

    await world.ben.select(view, "type_reason", " \n ")
    ack = await world.ben.submit(view)

    assert list(ack.errors) == ["reason"]
    assert "Waiting for approval" in words(card)


async def test_who_may_not_deny_reads_so_instead_of_being_asked_for_a_reason(world: World) -> None:
    await world.start()
    card = await world.asked()

    await world.dana.click(card, "Deny")

    await world.screen(world.dana, "You are not an approver of WA-1")


# Cancel


async def test_the_requester_cancels_from_the_direct_message(world: World) -> None:
    await world.start()
    card = await world.asked()
    copy = await world.dm(world.alice, "Waiting for approval")

    await world.alice.click(copy, "Cancel request")
    said = await world.reads(card, "Cancelled")

    assert f"by <@{ALICE}>" in said
    assert buttons(card) == ["Details"]
    await world.reads(copy, "Cancelled")
    assert buttons(copy) == ["Details"]
    await world.told(world.alice, "You cancelled WA-1")


async def test_nobody_else_cancels_it(world: World) -> None:
    await world.start()
    card = await world.asked()

    await world.chris.click(card, "Details", forge={"actions": [{"action_id": "cancel"}]})

    await world.told(world.chris, "Only the person who sent WA-1 can do this")
    assert "Waiting for approval" in words(card)


async def test_what_was_cancelled_while_aws_was_read_never_reaches_the_approvers(world: World) -> None:
    await world.start()
    view = await world.fill(await world.open_form())
    silence = world.aws.faults.hang("sso-admin", "ListAccountAssignments", times=None)
    await world.alice.submit(view)
    copy = await world.dm(world.alice, "Being checked")

    await world.alice.click(copy, "Cancel request")
    await world.told(world.alice, "You cancelled WA-1")
    silence.release()
    await world.stop()

    assert world.cards() == []


async def test_cancel_and_approve_at_the_same_time_give_one_decision(world: World) -> None:
    await world.start()
    card = await world.asked()
    copy = await world.dm(world.alice, "Waiting for approval")

    await asyncio.gather(world.alice.click(copy, "Cancel request"), world.ben.click(card, "Approve"))
    (bens,), (alices,) = await world.answers(world.ben, 1), await world.answers(world.alice, 1)

    assert ["decided already" in bens, "decided already" in alices].count(True) == 1


# Too late


async def test_an_undecided_request_expires_and_every_later_click_is_answered(world: World) -> None:
    await world.start()
    card = await world.asked()

    world.clock.advance(timedelta(days=3, minutes=1))
    said = await world.reads(card, "Expired")
    copy = await world.dm(world.alice, "Expired")
    await world.ben.click(card, "Approve", version=0)

    assert "nobody decided in time" in said
    assert "Send a new request if you still need it" in words(copy)
    assert buttons(card) == ["Details"]
    assert "expired" in await world.told(world.ben, "WA-1")
    assert world.count(PUT) == 0


async def test_a_click_after_the_deadline_is_too_late_even_while_the_card_does_not_say_so_yet(
    world: World,
) -> None:
    await world.start()
    card = await world.asked()
    late = world.slack.faults.hang("chat.update", times=50)

    world.clock.advance(timedelta(days=3, minutes=1))
    await world.ben.click(card, "Approve")
    said = await world.told(world.ben, "WA-1")
    late.release()

    assert "expired" in said
    assert world.count(PUT) == 0


# Slack and AWS stumble


@pytest.mark.parametrize("trouble", ["429", "500", "dropped"])
@pytest.mark.parametrize("method", ["usergroups.users.list", "users.info"])
async def test_a_click_while_slack_stumbles_is_not_lost(world: World, method: str, trouble: str) -> None:
    await world.start()
    card = await world.asked()
    faults = world.slack.faults
    match trouble:
        case "429":
            faults.rate_limit(method, times=2)
        case "500":
            faults.server_error(method, times=2)
        case "dropped":
            faults.drop(method, times=2)

    ack = await world.ben.click(card, "Approve")
    await world.results()
    await world.stop()

    assert ack.ok
    assert ["You approved WA-1" in words(each) for each in world.ben.ephemerals()] == [True]


async def test_one_group_read_serves_all_clicks_that_wait_for_it(world: World) -> None:
    world.rules = world.rules.replace("[defaults]", TWO_APPROVALS)
    await world.start()
    card = await world.asked()
    before = world.slack.calls.count("usergroups.users.list")
    slow = world.slack.faults.hang("usergroups.users.list", times=20)

    await asyncio.gather(*(world.dana.click(card, "Approve") for _ in range(12)))
    slow.release()
    await world.answers(world.dana, 12)

    assert world.slack.calls.count("usergroups.users.list") - before <= 3


async def test_everybody_reads_the_details(world: World) -> None:
    await world.start()
    card = await world.asked(reason="Because of <everything>")

    await world.ben.click(card, "Details")
    bens = await world.screen(world.ben, "Because of <everything>")
    await world.alice.click(await world.dm(world.alice, "Waiting"), "Details")
    alices = await world.screen(world.alice, "Because of <everything>")

    assert "sts:AssumeRole" in bens
    assert "sts:AssumeRole" in alices


def alice_is_an_approver(world: World) -> None:
    world.slack.workspace.usergroups[ADMINS].users.append(ALICE)
    world.slack.workspace.channels[APPROVALS].members.append(ALICE)
