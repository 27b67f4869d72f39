"""The doctor's questions to Slack: reads only, with the bot's own token."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from slack_sdk.web.async_client import AsyncWebClient

from bot.domain.errors import NotFound
from bot.domain.names import ChannelId, SlackUserId
from bot.ports.diagnosis import ChannelState, SlackIdentity, UserGroup
from handlers.errors import slack_errors


class SlackProbes:
    """See `bot.ports.diagnosis.SlackProbe`."""

    def __init__(self, client: AsyncWebClient) -> None:
        self._client = client

    async def identity(self) -> SlackIdentity:
        with slack_errors():
            answer = await self._client.auth_test()
        scopes = _header(answer.headers, "x-oauth-scopes")
        return SlackIdentity(
            team_name=str(answer.get("team") or ""),
            team_id=str(answer["team_id"]),
            bot_user=str(answer["user_id"]),
            scopes=None if scopes is None else frozenset(each.strip() for each in scopes.split(",")),
            said_at=_date(_header(answer.headers, "date")),
        )

    async def channel(self, channel: ChannelId) -> ChannelState:
        """With channels:read the whole state; without it, a look at the newest message tells who may look."""
        try:
            with slack_errors(missing={"missing_scope"}):
                answer = await self._client.conversations_info(channel=channel)
        except NotFound as error:
            if error.facts.get("error") != "missing_scope":
                raise
            return await self._by_history(channel)
        found = answer["channel"]
        return ChannelState(
            name=str(found.get("name") or ""),
            has_bot=bool(found.get("is_member")),
            is_archived=bool(found.get("is_archived")),
            is_shared_outside=bool(found.get("is_ext_shared") or found.get("is_pending_ext_shared")),
        )

    async def _by_history(self, channel: ChannelId) -> ChannelState:
        has_bot = True
        try:
            with slack_errors():
                await self._client.conversations_history(channel=channel, limit=1)
        except NotFound as error:
            if error.facts.get("error") != "not_in_channel":
                raise
            has_bot = False
        return ChannelState(name="", has_bot=has_bot, is_archived=None, is_shared_outside=None)

    async def user_groups(self) -> Sequence[UserGroup]:
        with slack_errors():
            answer = await self._client.usergroups_list(include_disabled=True, include_users=True)
        return [
            UserGroup(
                id=str(group["id"]),
                name=str(group.get("handle") or group.get("name") or group["id"]),
                is_enabled=not group.get("date_delete"),
                members=frozenset(SlackUserId(user) for user in group.get("users") or ()),
            )
            for group in answer["usergroups"]
        ]


def _header(headers: Mapping[str, Any], name: str) -> str | None:
    """slack_sdk keeps the headers of an answer with aiohttp's or lists as values."""
    for key, value in headers.items():
        if key.casefold() == name:
            return str(value[0] if isinstance(value, list) and value else value)
    return None


def _date(text: str | None) -> datetime | None:
    try:
        at = parsedate_to_datetime(text or "")
    except (TypeError, ValueError):
        return None
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)
