"""Payloads reach a real Bolt app signed, and its answers mean what they mean in Slack."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

from bot.sandbox.slack.delivery import Signing
from tests.unit.bot.sandbox.slack.samples import actions, button, modal, plain, section

if TYPE_CHECKING:
    import aiohttp
    from slack_bolt.async_app import AsyncApp
    from slack_sdk.web.async_client import AsyncWebClient

    from bot.sandbox.slack.actor import Actor
    from bot.sandbox.slack.server import SlackDouble
    from tests.unit.bot.sandbox.slack.conftest import FakeClock

APPROVALS = "C0APPROVALS"


# Commands


async def test_a_command_arrives_as_slack_sends_it(app: AsyncApp, slack: SlackDouble, alice: Actor) -> None:
    seen: list[dict[str, Any]] = []

    @app.command("/workbench-access")
    async def listener(ack: Any, body: dict[str, Any]) -> None:
        seen.append(body)
        await ack()

    ack = await alice.command("/workbench-access request DataScientist ")

    assert ack.ok
    body = seen[0]
    assert (body["command"], body["text"]) == ("/workbench-access", "request DataScientist")
    assert (body["user_id"], body["team_id"], body["channel_name"]) == ("U0ALICE", "T0WORKBENCH", "general")
    assert body["is_enterprise_install"] == "false"
    assert body["response_url"].startswith(slack.url)


async def test_the_answer_to_a_command_is_seen_by_the_caller_alone(app: AsyncApp, alice: Actor) -> None:
    @app.command("/help")
    async def listener(ack: Any) -> None:
        await ack(text="Help", blocks=[section("Help")])

    await alice.command("/help")

    assert [one.text for one in alice.ephemerals("C0GENERAL")] == ["Help"]
    assert alice.messages("C0GENERAL") == []


async def test_an_answer_in_channel_is_seen_by_all(app: AsyncApp, slack: SlackDouble, alice: Actor) -> None:
    @app.command("/shout")
    async def listener(ack: Any) -> None:
        await ack(text="Hear", response_type="in_channel")

    await alice.command("/shout")

    assert [one.text for one in slack.as_user("U0BOB").messages("C0GENERAL")] == ["Hear"]


async def test_an_answer_with_wrong_blocks_is_an_invalid_command_response(
    app: AsyncApp, slack: SlackDouble, alice: Actor
) -> None:
    @app.command("/help")
    async def listener(ack: Any) -> None:
        await ack(text="Help", blocks=[{"type": "alert", "text": plain()}])

    ack = await alice.command("/help")

    assert not ack.ok
    assert "invalid_command_response" in alice.notices[0]
    assert alice.ephemerals() == []
    assert "unsupported type: alert" in slack.problems[0]


async def test_a_command_that_nobody_handles_fails_with_dispatch_failed(app: AsyncApp, alice: Actor) -> None:
    ack = await alice.command("/unknown")

    assert (ack.shown, ack.status) == ("dispatch_failed", 404)
    assert alice.notices == ["/unknown failed with the error “dispatch_failed”"]


async def test_a_bot_that_is_down_means_dispatch_failed(slack: SlackDouble, alice: Actor) -> None:
    slack.bot_url = "http://127.0.0.1:1/slack/events"

    assert (await alice.command("/help")).shown == "dispatch_failed"


async def test_a_bot_that_dies_while_it_works_means_dispatch_failed(slack: SlackDouble, alice: Actor) -> None:
    async def die(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(die, "127.0.0.1", 0) as server:
        slack.bot_url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/slack/events"

        ack = await alice.command("/help")

    assert (ack.shown, ack.status) == ("dispatch_failed", None)


async def test_a_bot_that_is_too_slow_means_operation_timeout(
    app: AsyncApp, slack: SlackDouble, alice: Actor
) -> None:
    slack.delivery.ack_timeout = 0.05
    done = asyncio.Event()

    @app.command("/slow")
    async def listener(ack: Any) -> None:
        await done.wait()
        await ack()

    ack = await alice.command("/slow")
    done.set()

    assert ack.shown == "operation_timeout"
    assert alice.notices == ["/slow failed with the error “operation_timeout”"]


# Signatures


async def test_a_forged_signature_or_an_old_timestamp_is_refused_by_the_bot(
    app: AsyncApp, alice: Actor
) -> None:
    @app.command("/help")
    async def listener(ack: Any) -> None:
        await ack()

    assert (await alice.command("/help")).status == 200
    assert (await alice.command("/help", signing=Signing(secret="other"))).status == 401
    assert (await alice.command("/help", signing=Signing(timestamp="1"))).status == 401
    assert (await alice.command("/help", signing=Signing(signature="v0=00"))).status == 401


async def test_anything_at_all_can_be_sent(app: AsyncApp, slack: SlackDouble) -> None:
    assert (await slack.send_raw(b"{}", {"Content-Type": "application/json"})).status == 401


async def test_url_verification_gets_its_challenge_back(app: AsyncApp, slack: SlackDouble) -> None:
    ack = await slack.delivery.url_verification("abc")

    assert ack.body == {"challenge": "abc"}


# Buttons


async def test_a_click_carries_the_whole_message_and_a_response_url_that_replaces_it(
    app: AsyncApp, client: AsyncWebClient, ada: Actor
) -> None:
    seen: list[dict[str, Any]] = []

    @app.action("approve")
    async def listener(ack: Any, body: dict[str, Any], respond: Any) -> None:
        await ack()
        seen.append(body)
        await respond(text="Approved", replace_original=True)

    await client.chat_postMessage(
        channel=APPROVALS, text="Card", blocks=[actions(button(value="WA-1", style="primary"))]
    )
    (card,) = ada.messages(APPROVALS)
    ack = await ada.click(card, "Approve")

    assert ack.ok
    body = seen[0]
    assert body["message"]["ts"] == body["container"]["message_ts"] == card.ts
    assert body["message"]["blocks"][0]["elements"][0]["value"] == "WA-1"
    assert body["container"]["is_ephemeral"] is False
    assert body["user"] == {"id": "U0ADMIN1", "username": "ada", "name": "ada", "team_id": "T0WORKBENCH"}
    assert body["team"] == {"id": "T0WORKBENCH", "domain": "workbench"}
    assert (body["actions"][0]["value"], body["actions"][0]["type"]) == ("WA-1", "button")
    assert body["channel"] == {"id": APPROVALS, "name": "access-approvals"}
    assert (card.text, card.blocks) == ("Approved", [])


async def test_a_click_on_an_ephemeral_carries_no_message_and_can_delete_it(
    app: AsyncApp, client: AsyncWebClient, ada: Actor
) -> None:
    seen: list[dict[str, Any]] = []

    @app.action("approve")
    async def listener(ack: Any, body: dict[str, Any], respond: Any) -> None:
        await ack()
        seen.append(body)
        await respond(delete_original=True)

    await client.chat_postEphemeral(channel=APPROVALS, user="U0ADMIN1", text="x", blocks=[actions()])
    await ada.click(ada.ephemerals()[0], action_id="approve")

    assert "message" not in seen[0]
    assert seen[0]["container"]["is_ephemeral"] is True
    assert ada.ephemerals() == []


async def test_a_response_url_serves_five_times_within_half_an_hour(
    slack: SlackDouble, session: aiohttp.ClientSession, clock: FakeClock, alice: Actor
) -> None:
    async def respond(url_id: str, **body: Any) -> tuple[int, str]:
        async with session.post(f"{slack.url}/response/{url_id}", json=body) as answer:
            return answer.status, await answer.text()

    url = slack.workspace.new_response_url("U0ALICE", "C0GENERAL")
    for _ in range(5):
        assert await respond(url.id, text="x") == (200, "ok")
    used = await respond(url.id, text="x")
    late = slack.workspace.new_response_url("U0ALICE", "C0GENERAL")
    clock.now += 1801
    expired = await respond(late.id, text="x")

    assert (used[0], json.loads(used[1])["error"]) == (404, "used_url")
    assert (expired[0], json.loads(expired[1])["error"]) == (404, "expired_url")
    assert len(alice.ephemerals("C0GENERAL")) == 5


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({}, "no_text"),
        ({"text": "x", "blocks": [{"type": "alert", "text": plain()}]}, "invalid_blocks"),
        ({"delete_original": True}, "message_not_found"),
    ],
)
async def test_a_response_url_refuses_what_slack_refuses(
    slack: SlackDouble, session: aiohttp.ClientSession, body: dict[str, Any], error: str
) -> None:
    url = slack.workspace.new_response_url("U0ALICE", "C0GENERAL")

    async with session.post(f"{slack.url}/response/{url.id}", json=body) as answer:
        assert (answer.status, (await answer.json())["error"]) == (400, error)


async def test_a_shortcut_has_a_trigger_but_no_channel(app: AsyncApp, alice: Actor) -> None:
    seen: list[dict[str, Any]] = []

    @app.shortcut("open_request")
    async def listener(ack: Any, body: dict[str, Any], client: AsyncWebClient) -> None:
        await ack()
        seen.append(body)
        await client.views_open(trigger_id=body["trigger_id"], view=modal())

    assert (await alice.shortcut("open_request")).ok
    assert "channel" not in seen[0]
    assert alice.open_view is not None


# Events


async def test_a_look_at_the_home_is_an_event_with_the_home_in_it(
    app: AsyncApp, slack: SlackDouble, client: AsyncWebClient, alice: Actor
) -> None:
    seen: list[dict[str, Any]] = []

    @app.event("app_home_opened")
    async def listener(body: dict[str, Any], client: AsyncWebClient) -> None:
        seen.append(body)
        await client.views_publish(user_id="U0ALICE", view={"type": "home", "blocks": [section("Hi")]})

    await alice.open_home()
    await alice.open_home()

    assert (seen[0]["event"]["tab"], seen[0]["event"]["user"]) == ("home", "U0ALICE")
    assert "view" not in seen[0]["event"]
    assert alice.home is not None
    assert seen[1]["event"]["view"]["id"] == alice.home.id
    assert seen[0]["event_id"] != seen[1]["event_id"]


async def test_an_event_is_redelivered_until_it_is_taken(
    app: AsyncApp, slack: SlackDouble, alice: Actor
) -> None:
    seen: list[tuple[str, list[str] | None]] = []

    @app.event("app_home_opened")
    async def listener(body: dict[str, Any], request: Any) -> None:
        seen.append((body["event_id"], request.headers.get("x-slack-retry-num")))
        if len(seen) < 3:
            raise RuntimeError("not yet")

    acks = await alice.open_home()

    assert [ack.status for ack in acks] == [500, 500, 200]
    assert [number for _, number in seen] == [None, ["1"], ["2"]]
    assert len({event_id for event_id, _ in seen}) == 1


async def test_an_event_that_nobody_takes_is_given_up_after_three_redeliveries(
    slack: SlackDouble, alice: Actor
) -> None:
    slack.bot_url = "http://127.0.0.1:1/slack/events"

    assert len(await alice.open_home()) == 4
