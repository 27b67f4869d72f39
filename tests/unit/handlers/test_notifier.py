"""Owed messages as calls of Slack's Web API."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bot.domain.errors import NotFound, Refusal, Unavailable
from bot.domain.messages import Answer, MessageKind, OwedMessage, Story
from bot.domain.names import ChannelId
from bot.domain.request import RequestId
from bot.ports.notifier import Posted
from handlers import ids
from handlers.notifier import SlackNotifier
from handlers.views.parts import REPEATED
from tests.builders import ALICE, CHANNEL, a_request
from tests.fakes.clock import NOON
from tests.fakes.slack_client import FakeClient, api_error

KEY = "WA-17:card"
PLACE = Posted(channel=CHANNEL, ts="1.000100")
METADATA = {"event_type": ids.METADATA_EVENT, "event_payload": {"key": KEY}}
SAID = Answer(said="approved", facts=(("label", "WA-17"),))


def owed(kind: MessageKind = MessageKind.CARD, *, channel: str = CHANNEL, **fields: Any) -> OwedMessage:
    given: dict[str, Any] = {
        "key": KEY,
        "kind": kind,
        "request": RequestId(17),
        "channel": ChannelId(channel),
    }
    return OwedMessage(**(given | fields))


def a_story() -> Story:
    return Story(request=a_request(), at=NOON)


def notifier(client: FakeClient) -> SlackNotifier:
    return SlackNotifier(client.as_client, support="#workbench-support")


def answer_for(to: str = ALICE) -> OwedMessage:
    return owed(MessageKind.ANSWER, to=to, answer=SAID)


# Posting and editing


@pytest.mark.parametrize(
    "kind", [MessageKind.COPY, MessageKind.PROGRESS, MessageKind.REMINDER, MessageKind.ENDED]
)
async def test_a_message_is_posted_with_its_key_inside(kind: MessageKind) -> None:
    client = FakeClient(chat_postMessage={"channel": "D1", "ts": "2.0"})

    posted = await notifier(client).post(owed(kind), a_story(), thread=None)

    assert posted == Posted(channel=ChannelId("D1"), ts="2.0")
    (call,) = client.calls["chat_postMessage"]
    assert call["metadata"] == METADATA
    assert call["channel"] == CHANNEL
    assert call["thread_ts"] is None
    assert call["text"]
    assert (call["unfurl_links"], call["unfurl_media"]) == (False, False)


async def test_a_reply_goes_into_its_thread() -> None:
    client = FakeClient(chat_postMessage={"channel": CHANNEL, "ts": "2.0"})

    await notifier(client).post(owed(MessageKind.PROGRESS), a_story(), thread=PLACE)

    assert client.calls["chat_postMessage"][0]["thread_ts"] == PLACE.ts


async def test_a_reply_goes_where_its_thread_is_whatever_channel_is_configured_by_now() -> None:
    client = FakeClient(
        chat_postMessage={"channel": CHANNEL, "ts": "2.0"}, conversations_replies=page("WA-1:card", KEY)
    )
    reply = owed(MessageKind.PROGRESS, channel="C0NEW")

    await notifier(client).post(reply, a_story(), thread=PLACE)
    found = await notifier(client).find(reply, since=NOON, thread=PLACE)

    assert [call["channel"] for call in client.calls["chat_postMessage"]] == [CHANNEL]
    assert [call["channel"] for call in client.calls["conversations_replies"]] == [CHANNEL]
    assert found == Posted(channel=CHANNEL, ts="1.0")


async def test_an_edit_of_a_repetition_still_says_so() -> None:
    client = FakeClient()

    await notifier(client).edit(owed(MessageKind.COPY, repetition=True), a_story(), PLACE)

    (call,) = client.calls["chat_update"]
    assert call["text"].startswith(REPEATED)
    assert REPEATED in str(call["blocks"][0])


async def test_a_repetition_says_so_in_its_text_and_on_screen() -> None:
    client = FakeClient(chat_postMessage={"channel": CHANNEL, "ts": "2.0"})
    for repetition in (False, True):
        message = owed(MessageKind.COPY, repetition=repetition)
        await notifier(client).post(message, a_story(), thread=None)

    first, second = client.calls["chat_postMessage"]
    assert "repetition" in second["text"].lower()
    assert "repetition" not in first["text"].lower()
    assert second["blocks"] != first["blocks"]


async def test_an_edit_goes_where_the_message_is_and_keeps_its_key() -> None:
    client = FakeClient()

    await notifier(client).edit(owed(MessageKind.COPY, channel=ALICE), a_story(), PLACE)

    (call,) = client.calls["chat_update"]
    assert (call["channel"], call["ts"], call["metadata"]) == (CHANNEL, PLACE.ts, METADATA)


@pytest.mark.parametrize(
    ("error", "family"),
    [
        (api_error("ratelimited", status=429), Unavailable),
        (api_error("channel_not_found"), NotFound),
        (TimeoutError(), Unavailable),
    ],
)
async def test_what_slack_answers_is_translated(error: Exception, family: type[Exception]) -> None:
    client = FakeClient(chat_postMessage=error, chat_update=error)

    with pytest.raises(family):
        await notifier(client).post(owed(MessageKind.COPY), a_story(), thread=None)
    with pytest.raises(family):
        await notifier(client).edit(owed(MessageKind.COPY), a_story(), PLACE)


# Whispering


async def test_an_answer_is_seen_by_one_person_alone() -> None:
    client = FakeClient()

    assert await notifier(client).whisper(answer_for()) is True

    (call,) = client.calls["chat_postEphemeral"]
    assert (call["channel"], call["user"]) == (CHANNEL, ALICE)
    assert client.calls["chat_postMessage"] == []


@pytest.mark.parametrize(
    "error", ["user_not_in_channel", "not_in_channel", "channel_not_found", "is_archived"]
)
async def test_who_cannot_be_whispered_to_is_reported_as_out_of_reach(error: str) -> None:
    client = FakeClient(chat_postEphemeral=api_error(error))

    assert await notifier(client).whisper(answer_for()) is False
    assert client.calls["chat_postMessage"] == []


async def test_an_answer_by_dm_is_posted_to_its_reader_with_its_key_inside() -> None:
    client = FakeClient(chat_postMessage={"channel": "D1", "ts": "2.0"})
    by_dm = replace(answer_for(), by_dm=True)

    posted = await notifier(client).post(by_dm, None, thread=None)

    assert posted == Posted(channel=ChannelId("D1"), ts="2.0")
    (call,) = client.calls["chat_postMessage"]
    assert (call["channel"], call["metadata"]) == (ALICE, METADATA)


async def test_an_answer_by_dm_is_looked_for_in_that_dm() -> None:
    client = FakeClient(conversations_open={"channel": {"id": "D1"}}, conversations_history=page(KEY))

    found = await notifier(client).find(replace(answer_for(), by_dm=True), since=NOON, thread=None)

    assert found == Posted(channel=ChannelId("D1"), ts="0.0")
    assert client.calls["conversations_open"] == [{"users": ALICE}]


async def test_an_answer_whispered_again_says_so_to_its_reader() -> None:
    client = FakeClient()

    await notifier(client).whisper(replace(answer_for(), repetition=True))

    (call,) = client.calls["chat_postEphemeral"]
    assert call["text"].startswith(REPEATED)


async def test_any_other_refusal_of_a_whisper_is_no_reason_for_a_dm() -> None:
    client = FakeClient(chat_postEphemeral=api_error("invalid_blocks"))

    with pytest.raises(NotFound):
        await notifier(client).whisper(answer_for())
    assert client.calls["chat_postMessage"] == []


# Finding


def page(*keys: str, cursor: str = "") -> dict[str, Any]:
    messages = [
        {"ts": f"{number}.0", "metadata": {"event_type": ids.METADATA_EVENT, "event_payload": {"key": key}}}
        for number, key in enumerate(keys)
    ]
    return {"messages": messages, "response_metadata": {"next_cursor": cursor}}


async def test_a_message_is_found_by_its_key_on_any_page() -> None:
    client = FakeClient(conversations_history=[page("WA-1:card", cursor="more"), page("WA-2:card", KEY)])

    found = await notifier(client).find(owed(), since=NOON, thread=None)

    assert found == Posted(channel=CHANNEL, ts="1.0")
    first, second = client.calls["conversations_history"]
    assert (first["cursor"], second["cursor"]) == (None, "more")
    assert first["include_all_metadata"] is True
    assert float(first["oldest"]) == (NOON - timedelta(minutes=5)).timestamp()


@pytest.mark.parametrize(
    "stranger",
    [
        {},
        {"metadata": None},
        {"metadata": {"event_type": "other", "event_payload": {"key": KEY}}},
        {"metadata": {"event_type": ids.METADATA_EVENT}},
        {"metadata": {"event_type": ids.METADATA_EVENT, "event_payload": {"key": 17}}},
    ],
)
async def test_what_is_not_there_is_not_found(stranger: dict[str, Any]) -> None:
    client = FakeClient(conversations_history={"messages": [{"ts": "1.0"} | stranger]})

    assert await notifier(client).find(owed(), since=NOON, thread=None) is None


async def test_a_reply_is_looked_for_in_its_thread() -> None:
    client = FakeClient(conversations_replies=page("WA-1:card", KEY))

    found = await notifier(client).find(owed(), since=NOON, thread=PLACE)

    assert found is not None
    (call,) = client.calls["conversations_replies"]
    assert (call["channel"], call["ts"]) == (PLACE.channel, PLACE.ts)


async def test_a_dm_is_looked_for_in_its_own_channel() -> None:
    client = FakeClient(conversations_open={"channel": {"id": "D1"}}, conversations_history=page(KEY))

    found = await notifier(client).find(owed(MessageKind.COPY, channel=ALICE), since=NOON, thread=None)

    assert found == Posted(channel=ChannelId("D1"), ts="0.0")
    assert client.calls["conversations_open"] == [{"users": ALICE}]


async def test_without_the_scope_nobody_can_know() -> None:
    client = FakeClient(conversations_history=api_error("missing_scope"))

    with pytest.raises(Refusal):
        await notifier(client).find(owed(), since=NOON, thread=None)
