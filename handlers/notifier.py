"""The `Notifier` port: draws owed messages and sends them through Slack's Web API, each with its key inside."""

from datetime import datetime, timedelta
from typing import Any, assert_never

from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from bot.domain.errors import NotFound
from bot.domain.messages import MessageKind, OwedMessage, Story
from bot.domain.names import ChannelId
from bot.ports.notifier import Posted
from handlers import ids
from handlers.errors import slack_errors
from handlers.views.answer import answer
from handlers.views.approval_card import card, copy
from handlers.views.ended import ended, ended_copy
from handlers.views.outcome import results, results_copy
from handlers.views.parts import Message, repeated
from handlers.views.progress import progress
from handlers.views.proved import proved
from handlers.views.reminder import reminder
from handlers.views.unexplained import unexplained

UNREACHABLE = {"user_not_in_channel", "not_in_channel", "channel_not_found", "is_archived"}
"""An ephemeral message needs its reader in the channel; a DM does not."""


CLOCKS_APART = timedelta(minutes=5)
"""Slack stamps messages by its own clock; with more between it and ours its signatures would be refused."""


class SlackNotifier:
    """Sends what `bot.worker.outbox` owes."""

    def __init__(self, client: AsyncWebClient, *, support: str) -> None:
        self._client = client
        self._support = support

    async def post(self, message: OwedMessage, story: Story | None, *, thread: Posted | None) -> Posted:
        """See `bot.ports.notifier.Notifier`."""
        drawn = self._draw(message, story)
        with slack_errors():
            answer = await self._client.chat_postMessage(
                # A thread is where its first message stands, whatever channel is configured by now.
                channel=thread.channel if thread is not None else message.place,
                text=drawn.text,
                blocks=drawn.blocks,
                thread_ts=thread.ts if thread is not None else None,
                metadata=_metadata(message),
                unfurl_links=False,
                unfurl_media=False,
            )
        return _posted(answer)

    async def edit(self, message: OwedMessage, story: Story, posted: Posted) -> None:
        """See `bot.ports.notifier.Notifier`."""
        drawn = self._draw(message, story)
        with slack_errors():
            await self._client.chat_update(
                channel=posted.channel,
                ts=posted.ts,
                text=drawn.text,
                blocks=drawn.blocks,
                metadata=_metadata(message),
            )

    async def whisper(self, message: OwedMessage) -> bool:
        """See `bot.ports.notifier.Notifier`."""
        assert message.to is not None
        drawn = self._draw(message, None)
        try:
            with slack_errors():
                await self._client.chat_postEphemeral(
                    channel=message.channel, user=message.to, text=drawn.text, blocks=drawn.blocks
                )
        except NotFound as missing:
            if missing.facts.get("error") not in UNREACHABLE:
                raise
            return False
        return True

    async def find(self, message: OwedMessage, *, since: datetime, thread: Posted | None) -> Posted | None:
        """See `bot.ports.notifier.Notifier`. Reads at most the newest pages since the first try."""
        oldest = f"{(since - CLOCKS_APART).timestamp():.6f}"
        cursor: str | None = None
        channel = thread.channel if thread is not None else await self._channel(message.place)
        while True:
            with slack_errors():
                if thread is not None:
                    page = await self._client.conversations_replies(
                        channel=channel,
                        ts=thread.ts,
                        oldest=oldest,
                        include_all_metadata=True,
                        limit=200,
                        cursor=cursor,
                    )
                else:
                    page = await self._client.conversations_history(
                        channel=channel, oldest=oldest, include_all_metadata=True, limit=200, cursor=cursor
                    )
            for found in page["messages"]:
                if _key(found) == message.key:
                    return Posted(channel=ChannelId(channel), ts=found["ts"])
            cursor = (page.get("response_metadata") or {}).get("next_cursor")
            if not cursor:
                return None

    async def _channel(self, place: str) -> str:
        """A DM has a channel of its own; to look into it one has to know its id."""
        if not place.startswith(("U", "W")):
            return place
        with slack_errors():
            opened = await self._client.conversations_open(users=place)
        return str(opened["channel"]["id"])

    def _draw(self, message: OwedMessage, story: Story | None) -> Message:
        """The message as it is to be read now; one that may have been sent before says so in every edit, too."""
        drawn = self._draw_plain(message, story)
        return repeated(drawn) if message.repetition else drawn

    def _draw_plain(self, message: OwedMessage, story: Story | None) -> Message:
        if message.kind is MessageKind.ANSWER:
            assert message.answer is not None
            return answer(message.answer, support=self._support)
        if message.kind is MessageKind.PROOF:
            assert message.answer is not None  # what was proved is stored with the message
            return proved(message.answer)
        if message.kind is MessageKind.UNEXPLAINED:
            assert message.answer is not None  # the statements are stored with the message
            return unexplained(message.answer, support=self._support)
        assert story is not None  # every other message that is posted is about a request
        match message.kind:
            case MessageKind.CARD:
                return card(story, support=self._support)
            case MessageKind.COPY:
                return copy(story, support=self._support)
            case MessageKind.PROGRESS:
                return progress(story, support=self._support)
            case MessageKind.RESULTS:
                return results(story, support=self._support)
            case MessageKind.RESULTS_COPY:
                return results_copy(story, support=self._support)
            case MessageKind.ENDED:
                return ended(story, support=self._support)
            case MessageKind.ENDED_COPY:
                return ended_copy(story, support=self._support)
            case MessageKind.REMINDER:
                return reminder(story, support=self._support)
            case other:
                assert_never(other)


def _metadata(message: OwedMessage) -> dict[str, Any]:
    return {"event_type": ids.METADATA_EVENT, "event_payload": {"key": message.key}}


def _key(found: dict[str, Any]) -> str | None:
    metadata = found.get("metadata") or {}
    if metadata.get("event_type") != ids.METADATA_EVENT:
        return None
    key = (metadata.get("event_payload") or {}).get("key")
    return key if isinstance(key, str) else None


def _posted(answer: AsyncSlackResponse) -> Posted:
    return Posted(channel=ChannelId(str(answer["channel"])), ts=str(answer["ts"]))
