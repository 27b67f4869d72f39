"""Guests, strangers, bots and deactivated people get nowhere, whatever they send."""

import json

import pytest

from bot.sandbox.scene import ADMINS, APPROVALS
from bot.sandbox.slack import payloads
from bot.sandbox.slack.records import Message, View
from tests.integration.conftest import PATIENCE, World, words

WHO = {
    "guest": "Guests of this Slack workspace cannot use Workbench Access",
    "stranger": "Your Slack account belongs to another workspace",
    "bot": "Only people can use Workbench Access",
    "deactivated": "This Slack account is deactivated",
}
everybody = pytest.mark.parametrize(
    ("who", "is_known"),
    [("guest", False), ("guest", True), ("stranger", False), ("bot", False), ("deactivated", True)],
    ids=["guest", "known guest", "stranger", "bot", "known deactivated"],
)
"""Known: the bot has read their profile in the last minutes and answers without asking Slack again."""


def turn_dana_into(world: World, who: str) -> None:
    """Dana is an approver and holds the set: only who she is can stand in her way."""
    dana = world.slack.workspace.users[world.dana.id]
    match who:
        case "guest":
            dana.is_restricted = True
        case "stranger":
            dana.team_id, dana.is_stranger = "T0ELSEWHERE", True
        case "bot":
            dana.is_bot = True
        case "deactivated":
            dana.deleted = True


async def scene(world: World, who: str, *, is_known: bool) -> Message:
    await world.start()
    card = await world.asked()
    world.slack.workspace.usergroups[ADMINS].users.append(world.dana.id)
    turn_dana_into(world, who)
    if is_known:
        await world.dana.command("/workbench-access help")
        await world.told(world.dana, WHO[who])
        world.dana.reload()
    return card


def read(world: World) -> str:
    """Everything in front of Dana."""
    view = world.dana.open_view
    return "\n".join(
        [
            *map(words, world.dana.ephemerals()),
            *map(words, world.dana.dm()),
            words(view.blocks) if view else "",
        ]
    )


async def is_told(world: World, who: str) -> None:
    await world.slack.wait_for(
        lambda: WHO[who] in read(world), timeout=PATIENCE, what=f"{WHO[who]!r} for Dana"
    )


@everybody
@pytest.mark.parametrize("line", ["request", "verify", "help"])
async def test_on_a_command(world: World, who: str, is_known: bool, line: str) -> None:
    await scene(world, who, is_known=is_known)

    await world.dana.command(f"/workbench-access {line}")

    await is_told(world, who)
    assert "Permission set" not in read(world)
    assert "Commands" not in read(world)


@everybody
async def test_on_the_shortcut(world: World, who: str, is_known: bool) -> None:
    await scene(world, who, is_known=is_known)

    await world.dana.shortcut("open_request")
    if not is_known and who != "stranger":
        await is_told(world, who)
    await world.stop()

    view = world.dana.open_view
    assert view is None or WHO[who] in words(view.blocks)


@everybody
@pytest.mark.parametrize("button", ["Approve", "Deny", "Details"])
async def test_on_a_button(world: World, who: str, is_known: bool, button: str) -> None:
    card = await scene(world, who, is_known=is_known)

    await world.dana.click(card, button)
    await is_told(world, who)
    await world.stop()

    assert "Waiting for approval" in words(card)
    assert "sts:AssumeRole" not in read(world)
    assert world.managed() == []


@everybody
async def test_on_somebody_elses_deny_form(world: World, who: str, is_known: bool) -> None:
    card = await scene(world, who, is_known=is_known)
    await world.ben.click(card, "Deny")
    view = await world.modal(world.ben)
    await world.ben.select(view, "type_reason", "Because")

    answer = await send_as_dana(world, view)
    if WHO[who] not in answer:
        await is_told(world, who)
    await world.stop()

    assert "Waiting for approval" in words(card)


@everybody
async def test_on_somebody_elses_request_form(world: World, who: str, is_known: bool) -> None:
    card = await scene(world, who, is_known=is_known)
    view = await world.fill(await world.open_form())

    answer = await send_as_dana(world, view)
    await world.stop()

    assert WHO[who] in answer
    assert world.cards() == [card]


@everybody
async def test_on_the_accounts_of_a_form(world: World, who: str, is_known: bool) -> None:
    await scene(world, who, is_known=is_known)
    view = await world.open_form()

    question = payloads.block_suggestion(
        world.slack.workspace,
        world.dana.user,
        payloads.place_of_view(world.slack.workspace, view),
        block_id="accounts:DataScientist",
        action_id="choose_accounts",
        query="",
    )
    ack = await world.slack.delivery.interactive(question)

    assert ack.body == {"options": []}


async def test_a_guest_of_a_single_channel_is_a_guest(world: World) -> None:
    world.slack.workspace.users[world.dana.id].is_ultra_restricted = True
    await world.start()

    await world.dana.command("/workbench-access help")

    await is_told(world, "guest")


async def test_a_guest_in_the_approvals_channel_decides_nothing(world: World) -> None:
    guest = world.slack.as_user("U0GUEST")
    world.slack.workspace.usergroups[ADMINS].users.append(guest.id)
    await world.start()
    card = await world.asked()

    await guest.click(card, "Approve")
    await world.told(guest, WHO["guest"])

    assert "Waiting for approval" in words(card)


async def test_who_was_deactivated_just_before_the_click_decides_nothing(world: World) -> None:
    await world.start()
    card = await world.asked()
    await world.ben.command("/workbench-access help")
    await world.told(world.ben, "Commands")

    world.slack.workspace.users[world.ben.id].deleted = True
    await world.ben.click(card, "Approve")
    await world.told(world.ben, WHO["deactivated"])

    assert "Waiting for approval" in words(card)


async def test_a_payload_of_another_workspace_is_refused_whoever_its_user_claims_to_be(world: World) -> None:
    await world.start()
    card = await world.asked()

    elsewhere = {"user": {"team_id": "T0ELSEWHERE"}, "team": {"id": "T0ELSEWHERE"}}
    await world.ben.click(card, "Approve", forge=elsewhere)
    await world.told(world.ben, WHO["stranger"])
    ack = await world.ben.command("/workbench-access verify", forge={"team_id": "T0ELSEWHERE"})
    await world.stop()

    assert ack.ok
    assert "Waiting for approval" in words(card)
    assert len(world.ben.ephemerals(APPROVALS)) <= 1


async def send_as_dana(world: World, view: View) -> str:
    """Somebody's form, signed by Slack as sent by Dana; the bot's answer as text."""
    payload = payloads.view_submission(world.slack.workspace, world.dana.user, view, [])
    ack = await world.slack.delivery.interactive(payload)
    assert ack.shown == "ok"
    return json.dumps(ack.body, ensure_ascii=False)
