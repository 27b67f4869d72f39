"""The bot may stop at any moment: what was acknowledged is done, and nothing is said or done twice."""

import asyncio
from typing import Any

import pytest

from bot.sandbox.scene import ALICE, APPROVALS, PRODUCTION, SANDBOX
from bot.sandbox.slack.faults import Fault
from bot.sandbox.slack.records import Message
from bot.sandbox.slack.web_api import DEFAULT_SCOPES
from tests.integration.conftest import PATIENCE, POLL, PROVISION, PUT, World, buttons, words

HISTORY = frozenset({"channels:history", "groups:history", "im:history"})


def drop_after(world: World, channel: str, *, times: int = 1) -> Fault:
    """The next messages to this channel are posted, and Slack's answer to that is lost."""
    fault = world.slack.faults.drop("chat.postMessage", when="after", times=times)
    fault.fits = lambda args: args.get("channel") == channel
    return fault


def said_once(world: World, card: Message) -> None:
    """One card, one progress message, one table; to Alice one copy and one table."""
    assert world.cards() == [card]
    assert len(world.replies(card)) == 2
    assert len(world.tables(card)) == 1
    about = [message.text.partition(" verification")[0][:5] for message in world.alice.dm()]
    assert about == ["WA-1,", "WA-1,"], world.alice.dm()


async def finished(world: World) -> Message:
    table = await world.results()
    card = world.cards()[0]
    await world.settled(card)
    await world.dm(world.alice, "Verification results")
    # Replies wait for their card each on its own: the progress may come after the results.
    await world.slack.wait_for(lambda: len(world.replies(card)) >= 2, timeout=PATIENCE, what="two replies")
    assert table.thread_ts == card.ts
    return card


# Stopped


async def test_a_form_that_was_acknowledged_becomes_a_card_after_the_restart(world: World) -> None:
    await world.start()
    view = await world.fill(await world.open_form())
    silence = world.aws.faults.hang("sso-admin", "ListAccountAssignments", times=None)

    ack = await world.alice.submit(view)
    silence.release()
    await world.stop()
    await world.start()
    card = await world.card()
    await world.dm(world.alice, "Waiting for approval")

    assert ack.ok
    assert world.cards() == [card]
    assert len(world.alice.dm()) == 1


async def test_a_form_sent_again_after_a_restart_is_still_one_request(world: World) -> None:
    await world.start()
    view = await world.fill(await world.open_form())
    twice = asyncio.gather(world.alice.submit(view), world.alice.submit(view))
    await twice
    await world.stop()
    await world.start()
    card = await world.card()

    await world.ben.click(card, "Approve")
    card = await finished(world)

    said_once(world, card)


@pytest.mark.parametrize("method", ["users.info", "usergroups.users.list"])
async def test_a_click_that_was_acknowledged_is_decided_after_the_restart(world: World, method: str) -> None:
    await world.start()
    card = await world.asked()
    world.slack.faults.server_error(method, times=1)

    ack = await world.ben.click(card, "Approve")
    await world.stop()
    before = world.count(PUT)
    await world.start()
    card = await finished(world)

    assert ack.ok
    assert before == 0
    said_once(world, card)
    assert [words(each) for each in world.ben.ephemerals()] == [await world.told(world.ben, "You approved")]


async def test_a_denial_that_was_acknowledged_keeps_its_reason(world: World) -> None:
    await world.start()
    card = await world.asked()
    await world.ben.click(card, "Deny")
    view = await world.modal(world.ben)
    await world.ben.select(view, "type_reason", "Not this week")
    world.slack.faults.server_error("users.info", times=1)

    await world.ben.submit(view)
    await world.stop()
    await world.start()

    assert "Not this week" in await world.reads(card, "Denied")


async def test_a_change_that_aws_was_still_provisioning_is_finished_after_the_restart(world: World) -> None:
    world.org.provisioning.hold()
    await world.start()
    card = await world.asked(accounts=[SANDBOX, PRODUCTION])

    await world.ben.click(card, "Approve")
    await world.aws.wait_for(lambda: world.count(POLL) >= 1, timeout=PATIENCE)
    await world.stop()
    world.org.provisioning.release()
    await world.start()
    card = await finished(world)

    assert world.allowed()
    assert world.allowed(account=PRODUCTION)
    assert world.count(PUT) == 1
    assert world.count(PROVISION) == 2
    said_once(world, card)


@pytest.mark.parametrize("operation", [PUT, PROVISION])
async def test_a_bot_that_stops_while_aws_is_silent_finishes_after_the_restart(
    world: World, operation: str
) -> None:
    await world.start()
    card = await world.asked()
    silence = world.aws.faults.hang("sso-admin", operation)

    await world.ben.click(card, "Approve")
    await world.aws.wait_for(lambda: world.count(operation) >= 1, timeout=PATIENCE)
    stopping = asyncio.create_task(world.stop())
    silence.release()
    await stopping
    await world.start()
    card = await finished(world)

    assert world.allowed()
    assert len(world.managed()) == 1
    said_once(world, card)


async def test_stopped_again_and_again_it_is_done_once(world: World) -> None:
    await world.start()
    card = await world.asked(accounts=[SANDBOX, PRODUCTION])

    await world.ben.click(card, "Approve")
    for _ in range(4):
        await world.stop()
        await world.start()
    card = await finished(world)

    assert world.allowed()
    assert len(world.managed()) == world.count(PUT) == 1
    said_once(world, card)


async def test_while_the_bot_is_down_slack_says_so_and_nothing_is_half_done(world: World) -> None:
    await world.start()
    card = await world.asked()
    await world.stop()

    ack = await world.ben.click(card, "Approve")
    await world.start()
    await world.ben.click(card, "Approve")
    card = await finished(world)

    assert ack.shown == "dispatch_failed"
    said_once(world, card)


async def test_a_restart_without_work_says_and_writes_nothing(world: World) -> None:
    await world.start()
    card = await world.granted()
    await world.dm(world.alice, "Verification results")
    said = await world.reads(card, "the commands to try")
    calls = world.count(PUT), world.count(PROVISION)
    messages = len(world.slack.workspace.all_messages)

    await world.stop()
    await world.start()
    await world.alice.command("/workbench-access verify")
    await world.told(world.alice, "CONFIGURED")

    assert (world.count(PUT), world.count(PROVISION)) == calls
    assert len(world.slack.workspace.all_messages) == messages
    assert words(card) == said


# Slack's answers are lost


@pytest.mark.parametrize("channel", [APPROVALS, ALICE])
async def test_a_message_whose_answer_was_lost_is_found_again(world: World, channel: str) -> None:
    world.slack.gateway.scopes = DEFAULT_SCOPES | HISTORY
    await world.start()
    drop_after(world, channel)

    card = await world.asked()
    await world.ben.click(card, "Approve")
    card = await finished(world)

    said_once(world, card)
    assert "repetition" not in "".join(world.all_read())


async def test_replies_whose_answers_were_lost_are_found_again(world: World) -> None:
    world.slack.gateway.scopes = DEFAULT_SCOPES | HISTORY
    await world.start()
    card = await world.asked()
    lost = drop_after(world, APPROVALS, times=2)

    await world.ben.click(card, "Approve")
    card = await finished(world)

    assert lost.hit == 2
    said_once(world, card)


async def test_a_message_whose_answer_was_lost_over_a_restart_is_found_again(world: World) -> None:
    world.slack.gateway.scopes = DEFAULT_SCOPES | HISTORY
    await world.start()
    view = await world.fill(await world.open_form())
    lost = drop_after(world, APPROVALS)

    await world.alice.submit(view)
    await world.slack.wait_for(lambda: lost.hit == 1, timeout=PATIENCE)
    await world.stop()
    await world.start()
    await world.ben.click(await world.card(), "Approve")
    card = await finished(world)

    said_once(world, card)


async def test_without_the_history_scope_a_possible_repetition_says_so_to_its_readers(world: World) -> None:
    await world.start()
    drop_after(world, APPROVALS)

    await world.ask()
    second = await world.slack.wait_for(lambda: world.cards()[1:], timeout=PATIENCE, what="a second card")

    assert "epetition" in second[0].text
    assert "epetition" in words(second[0].blocks)
    assert "epetition" not in words(world.cards()[0].blocks)


async def test_a_repeated_card_decides_the_same_request_once(world: World) -> None:
    await world.start()
    drop_after(world, APPROVALS)
    await world.ask()
    await world.slack.wait_for(lambda: len(world.cards()) == 2, timeout=PATIENCE)
    first, second = world.cards()

    await world.ben.click(first, "Approve")
    await world.told(world.ben, "You approved")
    await world.chris.click(second, "Approve", version=0)
    await world.told(world.chris, "decided already")
    await world.results(card=second)

    assert world.count(PUT) == 1
    assert world.tables(first) == []


# Slack is down


@pytest.mark.parametrize("how", ["429", "refused", "500"])
async def test_while_slack_is_down_nothing_is_lost_and_afterwards_all_is_said_once(
    world: World, how: str
) -> None:
    world.slack.gateway.scopes = DEFAULT_SCOPES | HISTORY
    await world.start()
    view = await world.fill(await world.open_form())
    faults: Any = world.slack.faults
    match how:
        case "429":
            faults.rate_limit("chat.postMessage", times=4)
        case "refused":
            faults.error("chat.postMessage", "service_unavailable", times=4)
        case "500":
            faults.server_error("chat.postMessage", times=4)

    ack = await world.alice.submit(view)
    await world.ben.click(await world.card(), "Approve")
    card = await finished(world)

    assert ack.ok
    said_once(world, card)


async def test_an_edit_that_slack_refused_is_made_later(world: World) -> None:
    await world.start()
    card = await world.asked()
    world.slack.faults.server_error("chat.update", times=3)
    world.slack.faults.rate_limit("chat.update", times=2)

    await world.ben.click(card, "Approve")
    card = await finished(world)

    assert buttons(card).count("Approve") == 0
    said_once(world, card)


async def test_a_slow_post_holds_up_neither_the_change_nor_the_answer(world: World) -> None:
    await world.start()
    card = await world.asked()
    slow = world.slack.faults.hang("chat.postMessage", times=5)

    await world.ben.click(card, "Approve")
    await world.told(world.ben, "You approved")
    await world.aws.wait_for(
        lambda: world.org.is_latest("DataScientist", SANDBOX) and bool(world.managed()), timeout=PATIENCE
    )
    allowed = world.allowed()
    slow.release()
    card = await finished(world)

    assert allowed
    assert len(world.tables(card)) == 1


async def test_slacks_own_rate_limits_are_kept_and_not_run_into(world: World) -> None:
    world.slack.faults.enforce_rate_limits = True
    await world.start()
    for _ in range(3):
        await world.asked()

    for card in world.cards():
        await world.ben.click(card, "Approve")
    for card in world.cards():
        await world.results(card=card)

    # A call may arrive a little sooner after the one before than it was sent: that one is sent again.
    assert world.slack.calls.count(outcome="ratelimited") <= 2


async def test_a_card_that_somebody_deleted_does_not_keep_the_change_from_being_made(world: World) -> None:
    await world.start()
    card = await world.asked()
    await world.ben.click(card, "Approve")
    world.slack.workspace.delete(card)

    await world.dm(world.alice, "Verification results", timeout=20)

    assert world.allowed()


async def test_a_channel_that_the_bot_is_not_in_yet_gets_its_card_once_it_was_invited(world: World) -> None:
    channel = world.slack.workspace.channels[APPROVALS]
    channel.members.remove("U0BOT")
    await world.start()

    await world.ask()
    await world.slack.wait_for(
        lambda: world.slack.calls.count(outcome="not_in_channel") >= 1, timeout=PATIENCE
    )
    channel.members.append("U0BOT")
    card = await world.card()

    assert "epetition" not in words(card)
    assert world.cards() == [card]
