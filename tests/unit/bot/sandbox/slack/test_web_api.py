"""The Web API answers as Slack does, wrong use included; asked through slack_sdk's own client."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.models.blocks import DividerBlock
from slack_sdk.web.async_client import AsyncWebClient

from bot.sandbox.slack.records import Team
from bot.sandbox.slack.scene import small_workspace
from bot.sandbox.slack.server import SlackDouble
from bot.sandbox.slack.web_api import DEFAULT_SCOPES
from tests.unit.bot.sandbox.slack.samples import (
    actions,
    button,
    home,
    input_block,
    modal,
    plain,
    section,
    select,
    text_input,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable

    import aiohttp

    from bot.sandbox.slack.actor import Actor
    from tests.unit.bot.sandbox.slack.conftest import FakeClock

APPROVALS = "C0APPROVALS"


async def refusal(answer: Awaitable[Any]) -> dict[str, Any]:
    """The whole refusal that Slack answered with."""
    with pytest.raises(SlackApiError) as caught:
        await answer
    data: dict[str, Any] = caught.value.response.data
    return data


async def code(answer: Awaitable[Any]) -> str:
    return str((await refusal(answer))["error"])


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


# Views


async def opened(slack: SlackDouble, client: AsyncWebClient, view: dict[str, Any]) -> dict[str, Any]:
    trigger = slack.workspace.new_trigger("U0ALICE")
    answer: dict[str, Any] = (await client.views_open(trigger_id=trigger, view=view))["view"]
    return answer


async def test_a_trigger_opens_one_view_within_three_seconds(
    slack: SlackDouble, client: AsyncWebClient, alice: Actor, clock: FakeClock
) -> None:
    good, late = slack.workspace.new_trigger("U0ALICE"), slack.workspace.new_trigger("U0ALICE")

    await client.views_open(trigger_id=good, view=modal(private_metadata="WA-1"))
    twice = await code(client.views_open(trigger_id=good, view=modal()))
    clock.now += 3.1

    assert twice == "exchanged_trigger_id"
    assert await code(client.views_open(trigger_id=late, view=modal())) == "expired_trigger_id"
    assert await code(client.views_open(trigger_id="1.2.x", view=modal())) == "invalid_trigger_id"
    assert alice.open_view is not None
    assert alice.open_view.private_metadata == "WA-1"


async def test_a_wrong_view_is_refused_and_leaves_the_trigger_unspent(
    slack: SlackDouble, client: AsyncWebClient
) -> None:
    trigger = slack.workspace.new_trigger("U0ALICE")
    wrong = {"type": "modal", "title": plain(), "blocks": [input_block()]}

    data = await refusal(client.views_open(trigger_id=trigger, view=wrong))
    await client.views_open(trigger_id=trigger, view=modal())

    assert data["error"] == "invalid_arguments"
    assert "submit" in data["response_metadata"]["messages"][0]


async def test_a_view_of_more_than_250_kilobytes_is_too_large(
    slack: SlackDouble, client: AsyncWebClient
) -> None:
    view = modal(*[section("x" * 3000) for _ in range(90)])

    assert await code(opened(slack, client, view)) == "view_too_large"


async def test_an_update_with_an_old_hash_conflicts(
    slack: SlackDouble, client: AsyncWebClient, alice: Actor
) -> None:
    view = await opened(slack, client, modal())
    await client.views_update(view_id=view["id"], hash=view["hash"], view=modal(title=plain("Second")))

    stale = client.views_update(view_id=view["id"], hash=view["hash"], view=modal(title=plain("Third")))

    assert await code(stale) == "hash_conflict"
    assert alice.open_view is not None
    assert alice.open_view.title == "Second"


async def test_an_update_finds_a_view_by_its_external_id_and_no_closed_one(
    slack: SlackDouble, client: AsyncWebClient, alice: Actor
) -> None:
    view = await opened(slack, client, modal(external_id="form-1"))
    await client.views_update(external_id="form-1", view=modal(title=plain("Again"), external_id="form-1"))
    shown = alice.open_view
    assert shown is not None

    await alice.close(shown)

    assert shown.title == "Again"
    assert await code(client.views_update(view_id=view["id"], view=modal())) == "not_found"
    assert await code(client.views_update(external_id="form-1", view=modal())) == "not_found"


async def test_an_external_id_belongs_to_one_view(slack: SlackDouble, client: AsyncWebClient) -> None:
    view = modal(external_id="form-1")
    await opened(slack, client, view)

    assert await code(opened(slack, client, view)) == "duplicate_external_id"


async def test_what_a_person_chose_survives_an_update_where_the_ids_stay(
    slack: SlackDouble, client: AsyncWebClient, alice: Actor
) -> None:
    def form(second_block: str) -> dict[str, Any]:
        return modal(
            input_block(text_input("reason", initial_value="first"), block_id="reason"),
            input_block(select(), "Roles", block_id=second_block),
        )

    view = await opened(slack, client, form("roles-1"))
    shown = alice.open_view
    assert shown is not None
    await alice.select(shown, "reason", "mine")
    await alice.select(shown, "pick", "two")

    await client.views_update(view_id=view["id"], view=form("roles-1"))
    kept = alice.value(shown, "reason"), alice.value(shown, "pick")
    await client.views_update(view_id=view["id"], view=form("roles-2"))

    assert kept == ("mine", "two")
    assert (alice.value(shown, "reason"), alice.value(shown, "pick")) == ("mine", None)
    assert len(shown.versions) == 3


async def test_at_most_three_views_lie_on_the_stack(
    slack: SlackDouble, client: AsyncWebClient, alice: Actor
) -> None:
    await opened(slack, client, modal(title=plain("1")))

    async def push(title: str) -> Any:
        assert alice.open_view is not None
        trigger = slack.workspace.new_trigger("U0ALICE", alice.open_view.id)
        return await client.views_push(trigger_id=trigger, view=modal(title=plain(title)))

    second, third = await push("2"), await push("3")

    assert await code(push("4")) == "push_limit_reached"
    assert third["view"]["previous_view_id"] == second["view"]["id"]
    assert third["view"]["root_view_id"] == second["view"]["root_view_id"] != third["view"]["id"]


async def test_a_push_needs_a_trigger_from_inside_a_modal(slack: SlackDouble, client: AsyncWebClient) -> None:
    trigger = slack.workspace.new_trigger("U0ALICE")

    assert await code(client.views_push(trigger_id=trigger, view=modal())) == "not_found"


async def test_a_home_is_published_and_guarded_by_its_hash(client: AsyncWebClient, alice: Actor) -> None:
    first = await client.views_publish(user_id="U0ALICE", view=home(section("one")))
    again = await client.views_publish(
        user_id="U0ALICE", view=home(section("two")), hash=first["view"]["hash"]
    )
    stale = client.views_publish(user_id="U0ALICE", view=home(), hash=first["view"]["hash"])

    assert again["view"]["id"] == first["view"]["id"]
    assert await code(stale) == "hash_conflict"
    assert alice.home is not None
    assert alice.home.blocks[0]["text"]["text"] == "two"
    assert await code(client.views_publish(user_id="U0NOBODY", view=home())) == "invalid_arguments"


# People and places


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
