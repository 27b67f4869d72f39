"""The Web API answers as Slack does, wrong use included; asked through slack_sdk's own client."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from slack_sdk.models.blocks import DividerBlock
from slack_sdk.web.async_client import AsyncWebClient

from bot.sandbox.slack.server import SlackDouble
from tests.unit.bot.sandbox.slack.samples import (
    code,
    refusal,
    section,
)

if TYPE_CHECKING:
    import aiohttp

    from bot.sandbox.slack.actor import Actor

APPROVALS = "C0APPROVALS"


async def test_auth_test_tells_the_token_its_team_bot_and_scopes(client: AsyncWebClient) -> None:
    answer = await client.auth_test()

    assert (answer["team_id"], answer["user_id"], answer["bot_id"]) == ("T0WORKBENCH", "U0BOT", "B0ACCESS")
    assert "chat:write" in answer.headers["X-OAuth-Scopes"]


async def test_a_token_is_needed_and_must_be_the_right_one(slack: SlackDouble, session: Any) -> None:
    none = AsyncWebClient(base_url=slack.api_url, session=session)
    wrong = AsyncWebClient(token="xoxb-other", base_url=slack.api_url, session=session)

    assert await code(none.auth_test()) == "not_authed"
    assert await code(wrong.auth_test()) == "invalid_auth"


async def test_an_unknown_method_is_an_unknown_method(client: AsyncWebClient) -> None:
    assert await code(client.api_call("chat.shout")) == "unknown_method"
    assert await code(client.apps_connections_open(app_token="xapp-1")) == "invalid_auth"
    assert await code(client.api_call("apps.connections.open")) == "not_allowed_token_type"


async def test_the_double_takes_no_token_of_a_real_workspace() -> None:
    with pytest.raises(ValueError, match="real workspace"):
        SlackDouble(bot_token="-".join(["xoxb", "1" * 12, "2" * 12, "a" * 24]))


async def test_other_sites_cannot_call_the_double(slack: SlackDouble, session: aiohttp.ClientSession) -> None:
    for headers in ({"Host": "evil.example"}, {"Origin": "https://evil.example"}):
        async with session.post(slack.api_url + "auth.test", headers=headers) as answer:
            assert answer.status == 403


# Messages


async def test_a_posted_message_stands_in_the_channel_with_its_metadata(
    slack: SlackDouble, client: AsyncWebClient, ada: Actor
) -> None:
    metadata = {"event_type": "card", "event_payload": {"id": "WA-1"}}

    answer = await client.chat_postMessage(
        channel=APPROVALS, text="Hello", blocks=[section("Hi"), DividerBlock()], metadata=metadata
    )

    (message,) = ada.messages(APPROVALS)
    assert (message.text, message.ts, message.metadata) == ("Hello", answer["ts"], metadata)
    assert answer["message"]["blocks"][0]["block_id"] == message.blocks[0]["block_id"] != ""
    assert answer["message"]["bot_id"] == "B0ACCESS"


async def test_form_bodies_work_like_json_ones(
    slack: SlackDouble, client: AsyncWebClient, ada: Actor
) -> None:
    data = {"channel": APPROVALS, "text": "Hello", "blocks": json.dumps([section("Hi")])}

    await client.api_call("chat.postMessage", data=data)

    assert ada.messages(APPROVALS)[0].blocks[0]["text"]["text"] == "Hi"
    assert "token" not in slack.calls.all[-1].args


async def test_timestamps_are_unique_and_rise_while_the_clock_stands(client: AsyncWebClient) -> None:
    stamps = [(await client.chat_postMessage(channel=APPROVALS, text="x"))["ts"] for _ in range(3)]

    assert stamps == sorted(set(stamps))


async def test_posting_to_a_person_opens_the_direct_channel(client: AsyncWebClient, alice: Actor) -> None:
    answer = await client.chat_postMessage(channel="U0ALICE", text="Hello")
    again = await client.chat_postMessage(channel=answer["channel"], text="Again")

    assert answer["channel"].startswith("D")
    assert again["channel"] == answer["channel"]
    assert [message.text for message in alice.dm()] == ["Hello", "Again"]


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"channel": "C0NOWHERE", "text": "x"}, "channel_not_found"),
        ({"channel": "C0GENERAL", "text": "x"}, "not_in_channel"),
        ({"channel": "C0PRIVATE", "text": "x"}, "channel_not_found"),
        ({"channel": "C0OLD", "text": "x"}, "is_archived"),
        ({"channel": "U0BOT", "text": "x"}, "cannot_dm_bot"),
        ({"channel": "U0GONE", "text": "x"}, "channel_not_found"),
        ({"channel": APPROVALS}, "no_text"),
        ({"channel": APPROVALS, "text": "x" * 40_001}, "msg_too_long"),
        ({"channel": APPROVALS, "text": "x", "thread_ts": "1.000001"}, "thread_not_found"),
        ({"channel": APPROVALS, "text": "x", "blocks": "no json"}, "invalid_blocks_format"),
        ({"channel": APPROVALS, "text": "x", "metadata": {"event_type": "x"}}, "invalid_metadata_schema"),
        ({"channel": APPROVALS, "text": "x", "blocks": [section("x" * 3000)] * 5}, "msg_blocks_too_long"),
        ({"text": "x"}, "invalid_arguments"),
    ],
)
async def test_a_message_that_slack_would_not_post_is_refused_with_its_code(
    slack: SlackDouble, client: AsyncWebClient, arguments: dict[str, Any], error: str
) -> None:
    slack.workspace.add_channel("C0PRIVATE", "secret", [], with_bot=False, is_private=True)
    slack.workspace.add_channel("C0OLD", "old", [], is_archived=True)
    slack.workspace.add_user("U0GONE", "gone", deleted=True)

    assert await code(client.api_call("chat.postMessage", json=arguments)) == error
    assert slack.workspace.all_messages == []


async def test_wrong_blocks_are_refused_with_a_pointer_to_the_place(client: AsyncWebClient) -> None:
    data = await refusal(client.chat_postMessage(channel=APPROVALS, text="x", blocks=[section("x" * 3001)]))

    assert data["error"] == "invalid_blocks"
    assert data["response_metadata"]["messages"] == [
        "[ERROR] must be less than 3001 characters [json-pointer:/blocks/0/text/text]"
    ]


async def test_blocks_without_text_are_posted_but_noted_as_a_problem(
    slack: SlackDouble, client: AsyncWebClient
) -> None:
    await client.api_call("chat.postMessage", json={"channel": APPROVALS, "blocks": [section()]})

    assert slack.problems == ["chat.postMessage: blocks without a top-level text"]


async def test_a_closed_messages_tab_lets_no_direct_message_through(
    slack: SlackDouble, client: AsyncWebClient
) -> None:
    slack.gateway.messages_tab_enabled = False

    assert await code(client.chat_postMessage(channel="U0ALICE", text="x")) == "messages_tab_disabled"


async def test_an_edit_shows_the_new_content_and_keeps_every_old_one(
    slack: SlackDouble, client: AsyncWebClient, ada: Actor
) -> None:
    posted = await client.chat_postMessage(channel=APPROVALS, text="first", blocks=[section("first")])
    await client.chat_update(channel=APPROVALS, ts=posted["ts"], text="second", blocks=[section("second")])
    await client.chat_update(channel=APPROVALS, ts=posted["ts"], text="third")

    (message,) = ada.messages(APPROVALS)
    assert [version.text for version in message.versions] == ["first", "second", "third"]
    assert message.blocks == []


async def test_an_edit_keeps_the_metadata_unless_it_brings_its_own(
    client: AsyncWebClient, ada: Actor
) -> None:
    metadata = {"event_type": "card", "event_payload": {}}
    posted = await client.chat_postMessage(channel=APPROVALS, text="x", metadata=metadata)

    await client.chat_update(channel=APPROVALS, ts=posted["ts"], text="y")

    assert ada.messages(APPROVALS)[0].metadata == metadata


async def test_an_edit_is_refused_when_too_long_not_found_or_of_someone_else(
    slack: SlackDouble, client: AsyncWebClient, ada: Actor
) -> None:
    posted = await client.chat_postMessage(channel=APPROVALS, text="x")
    foreign = ada.say(APPROVALS, "mine")
    hers = slack.workspace.post_ephemeral(APPROVALS, "U0ADMIN1", slack.workspace.content("psst"))

    async def update(channel: str, ts: str, text: str = "y") -> str:
        return await code(client.chat_update(channel=channel, ts=ts, text=text))

    assert await update(APPROVALS, posted["ts"], "x" * 4001) == "msg_too_long"
    assert await update(APPROVALS, "1.000001") == "message_not_found"
    assert await update(APPROVALS, hers.ts) == "message_not_found"
    assert await update(APPROVALS, foreign.ts) == "cant_update_message"
    assert await update("U0ALICE", posted["ts"]) == "channel_not_found"


async def test_a_reply_stands_in_the_thread_of_the_parent(client: AsyncWebClient, ada: Actor) -> None:
    parent = await client.chat_postMessage(channel=APPROVALS, text="card")
    reply = await client.chat_postMessage(channel=APPROVALS, text="progress", thread_ts=parent["ts"])
    await client.chat_postMessage(channel=APPROVALS, text="more", thread_ts=reply["ts"])

    card = ada.messages(APPROVALS)[0]
    assert [message.text for message in ada.thread(card)] == ["progress", "more"]


async def test_a_deleted_message_is_gone_but_remembered(
    slack: SlackDouble, client: AsyncWebClient, ada: Actor
) -> None:
    posted = await client.chat_postMessage(channel=APPROVALS, text="x")

    await client.chat_delete(channel=APPROVALS, ts=posted["ts"])

    assert ada.messages(APPROVALS) == []
    assert slack.workspace.all_messages[0].deleted
    assert await code(client.chat_update(channel=APPROVALS, ts=posted["ts"], text="y")) == "message_not_found"


async def test_an_ephemeral_is_seen_by_one_active_member_and_in_no_history(
    slack: SlackDouble, client: AsyncWebClient, ada: Actor
) -> None:
    await client.chat_postEphemeral(channel=APPROVALS, user="U0ADMIN1", text="psst")
    slack.workspace.users["U0ADMIN2"].is_active = False
    await client.chat_postEphemeral(channel=APPROVALS, user="U0ADMIN2", text="psst")

    assert [one.text for one in ada.ephemerals(APPROVALS)] == ["psst"]
    assert slack.as_user("U0ADMIN2").ephemerals() == []
    assert ada.messages(APPROVALS) == []


async def test_an_ephemeral_to_someone_outside_the_channel_is_refused(client: AsyncWebClient) -> None:
    async def post(user: str) -> str:
        return await code(client.chat_postEphemeral(channel=APPROVALS, user=user, text="x"))

    assert await post("U0ALICE") == "user_not_in_channel"
    assert await post("U0NOBODY") == "user_not_found"


async def test_a_permalink_points_at_the_message(client: AsyncWebClient) -> None:
    parent = await client.chat_postMessage(channel=APPROVALS, text="x")
    reply = await client.chat_postMessage(channel=APPROVALS, text="y", thread_ts=parent["ts"])

    link = (await client.chat_getPermalink(channel=APPROVALS, message_ts=parent["ts"]))["permalink"]
    deep = (await client.chat_getPermalink(channel=APPROVALS, message_ts=reply["ts"]))["permalink"]

    assert link == f"https://workbench.slack.com/archives/{APPROVALS}/p{parent['ts'].replace('.', '')}"
    assert f"thread_ts={parent['ts']}" in deep
    assert await code(client.chat_getPermalink(channel=APPROVALS, message_ts="1.1")) == "message_not_found"
