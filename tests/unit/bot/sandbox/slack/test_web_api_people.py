"""People, places, history and files over the Web API, asked through slack_sdk's own client."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slack_sdk.web.async_client import AsyncWebClient

from bot.sandbox.slack.records import Team
from bot.sandbox.slack.scene import small_workspace
from bot.sandbox.slack.server import SlackDouble
from bot.sandbox.slack.web_api import DEFAULT_SCOPES
from tests.unit.bot.sandbox.slack.samples import (
    actions,
    button,
    code,
    refusal,
)

if TYPE_CHECKING:
    import aiohttp

    from bot.sandbox.slack.actor import Actor

APPROVALS = "C0APPROVALS"


async def test_users_info_tells_who_may_act(slack: SlackDouble, client: AsyncWebClient) -> None:
    alice = (await client.users_info(user="U0ALICE"))["user"]
    guest = (await client.users_info(user="U0GUEST"))["user"]
    stranger = (await client.users_info(user="U0STRANGER"))["user"]

    assert (alice["profile"]["email"], alice["is_email_confirmed"]) == ("alice@example.com", True)
    assert guest["is_restricted"]
    assert (stranger["is_stranger"], stranger["team_id"]) == (True, "T0ELSEWHERE")
    assert "email" not in stranger["profile"]
    assert await code(client.users_info(user="U0NOBODY")) == "user_not_found"


async def test_people_are_found_by_email_whatever_its_case(client: AsyncWebClient) -> None:
    assert (await client.users_lookupByEmail(email="Alice@Example.com"))["user"]["id"] == "U0ALICE"
    assert await code(client.users_lookupByEmail(email="nobody@example.com")) == "users_not_found"


async def test_a_read_method_does_not_read_a_json_body(client: AsyncWebClient) -> None:
    assert await code(client.api_call("users.info", json={"user": "U0ALICE"})) == "invalid_arguments"


async def test_user_groups_and_their_people(slack: SlackDouble, client: AsyncWebClient) -> None:
    group = (await client.usergroups_list(include_users=True))["usergroups"][0]
    users = (await client.usergroups_users_list(usergroup="S0SSOADMINS"))["users"]
    slack.workspace.usergroups["S0SSOADMINS"].is_disabled = True

    assert group["users"] == users == ["U0ADMIN1", "U0ADMIN2"]
    assert await code(client.usergroups_users_list(usergroup="S0SSOADMINS")) == "no_such_subteam"
    assert await code(client.usergroups_users_list(usergroup="S0NONE")) == "no_such_subteam"
    assert (await client.usergroups_list())["usergroups"] == []


async def test_a_direct_channel_is_opened_once(client: AsyncWebClient) -> None:
    first = await client.conversations_open(users="U0ALICE")
    again = await client.conversations_open(users=["U0ALICE"])

    assert again["already_open"]
    assert first["channel"]["id"] == again["channel"]["id"]
    assert await code(client.conversations_open(users="U0NOBODY")) == "user_not_found"


async def test_the_default_scopes_read_no_channel_and_no_history(client: AsyncWebClient) -> None:
    info = await refusal(client.conversations_info(channel=APPROVALS))

    assert (info["error"], info["needed"]) == ("missing_scope", "channels:read")
    assert await code(client.conversations_history(channel=APPROVALS)) == "missing_scope"
    assert await code(client.conversations_replies(channel=APPROVALS, ts="1.1")) == "missing_scope"
    assert await code(client.conversations_members(channel=APPROVALS)) == "missing_scope"


async def test_without_the_email_scope_no_email_is_told(session: aiohttp.ClientSession) -> None:
    async with SlackDouble(scopes=DEFAULT_SCOPES - {"users:read.email", "chat:write"}) as slack:
        client = AsyncWebClient(token=slack.bot_token, base_url=slack.api_url, session=session)

        assert "email" not in (await client.users_info(user="U0ALICE"))["user"]["profile"]
        assert await code(client.users_lookupByEmail(email="alice@example.com")) == "missing_scope"
        assert await code(client.chat_postMessage(channel="U0ALICE", text="x")) == "missing_scope"


async def test_with_more_scopes_history_is_read_newest_first_page_by_page(
    session: aiohttp.ClientSession,
) -> None:
    scopes = DEFAULT_SCOPES | {"channels:history", "channels:read"}
    async with SlackDouble(scopes=scopes) as slack:
        client = AsyncWebClient(token=slack.bot_token, base_url=slack.api_url, session=session)
        metadata = {"event_type": "card", "event_payload": {}}
        card = await client.chat_postMessage(channel=APPROVALS, text="0", metadata=metadata)
        await client.chat_postMessage(channel=APPROVALS, text="reply", thread_ts=card["ts"])
        for number in range(1, 4):
            await client.chat_postMessage(channel=APPROVALS, text=str(number))

        pages = [
            [message["text"] for message in page["messages"]]
            async for page in await client.conversations_history(channel=APPROVALS, limit=3)
        ]
        replies = await client.conversations_replies(
            channel=APPROVALS, ts=card["ts"], include_all_metadata=True
        )

        assert pages == [["3", "2", "1"], ["0"]]
        assert [message["text"] for message in replies["messages"]] == ["0", "reply"]
        assert replies["messages"][0]["metadata"] == metadata
        info = (await client.conversations_info(channel=APPROVALS))["channel"]
        assert (info["is_member"], info["is_ext_shared"]) == (True, False)
        assert "U0BOT" in (await client.conversations_members(channel=APPROVALS))["members"]
        assert await code(client.conversations_history(channel="C0GENERAL")) == "not_in_channel"


async def test_a_file_is_uploaded_in_three_steps_into_a_direct_channel(
    slack: SlackDouble, client: AsyncWebClient, alice: Actor
) -> None:
    channel = (await client.conversations_open(users="U0ALICE"))["channel"]["id"]

    await client.files_upload_v2(
        filename="audit.csv", content="a,b\n", channel=channel, initial_comment="Here"
    )

    (message,) = alice.dm()
    (file,) = slack.workspace.files.values()
    assert (message.text, message.files[0]["name"], file.content) == ("Here", "audit.csv", b"a,b\n")


async def test_a_file_that_was_not_sent_or_sent_short_cannot_be_completed(
    slack: SlackDouble, client: AsyncWebClient, session: aiohttp.ClientSession
) -> None:
    place = await client.files_getUploadURLExternal(filename="a.csv", length=4)
    async with session.post(place["upload_url"], data=b"abc") as answer:
        assert answer.status == 404

    done = client.files_completeUploadExternal(files=[{"id": place["file_id"], "title": "a"}])

    assert await code(done) == "file_not_found"


async def test_an_enterprise_workspace_says_so(session: aiohttp.ClientSession) -> None:
    workspace = small_workspace()
    workspace.team = Team(id="T1", name="Big", domain="big", enterprise_id="E1")
    async with SlackDouble(workspace) as slack:
        client = AsyncWebClient(token=slack.bot_token, base_url=slack.api_url, session=session)

        assert (await client.auth_test())["enterprise_id"] == "E1"


async def test_buttons_without_names_get_one(client: AsyncWebClient) -> None:
    nameless = {key: value for key, value in button().items() if key != "action_id"}

    answer = await client.chat_postMessage(channel=APPROVALS, text="x", blocks=[actions(nameless)])

    assert answer["message"]["blocks"][0]["elements"][0]["action_id"]
