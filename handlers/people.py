"""Slack's people and user groups for the use cases: cached for the form, read afresh for a decision."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from slack_sdk.web.async_client import AsyncWebClient

from bot.domain.errors import NotFound
from bot.domain.names import SlackTeamId, SlackUserId
from bot.domain.people import Person
from bot.ports.clock import Clock
from handlers.errors import slack_errors

PERSON_FOR = timedelta(minutes=5)
GROUP_FOR = timedelta(seconds=60)
"""`usergroups.users.list` is a Tier 2 method: about 20 calls a minute."""

CACHED_AT_MOST = 10_000

K = TypeVar("K")
V = TypeVar("V")


@dataclass(slots=True)
class FreshReads(Generic[K, V]):
    """Shares reads: whoever waits for a read begun after an instant is served by the first such read.

    A read that was already under way when a click came may have missed a change made before the click, so it
    does not serve that click; the next one serves all that wait by then.
    """

    read: Callable[[K], Awaitable[V]]
    clock: Clock
    lasts: timedelta
    _known: dict[K, tuple[datetime, V]] = field(default_factory=dict)
    _under_way: dict[K, tuple[datetime, asyncio.Task[V]]] = field(default_factory=dict)

    async def get(self, key: K, *, not_before: datetime | None) -> V:
        """A value read not before the instant, or within the last `lasts` when that is None."""
        oldest = not_before if not_before is not None else self.clock.now() - self.lasts
        known = self._known.get(key)
        if known is not None and known[0] >= oldest:
            return known[1]
        under_way = self._under_way.get(key)
        if under_way is None or under_way[0] < oldest:
            under_way = (self.clock.now(), asyncio.create_task(self._read(key), name=f"read:{key}"))
            self._under_way[key] = under_way
        return await asyncio.shield(under_way[1])

    def peek(self, key: K) -> V | None:
        """The value if it is known and young enough; never reads."""
        known = self._known.get(key)
        return known[1] if known is not None and known[0] >= self.clock.now() - self.lasts else None

    async def _read(self, key: K) -> V:
        begun = self.clock.now()
        me = asyncio.current_task()
        try:
            value = await self.read(key)
        finally:
            if key in self._under_way and self._under_way[key][1] is me:
                del self._under_way[key]
        if len(self._known) >= CACHED_AT_MOST:
            self._known.clear()
        if key not in self._known or self._known[key][0] <= begun:
            self._known[key] = (begun, value)
        return value


class SlackPeople:
    """The `People` port on `users.info` and `usergroups.users.list`."""

    def __init__(self, client: AsyncWebClient, clock: Clock) -> None:
        self._client = client
        self._persons = FreshReads[SlackUserId, Person](self._read_person, clock, PERSON_FOR)
        self._groups = FreshReads[str, frozenset[SlackUserId]](self._read_group, clock, GROUP_FOR)

    async def person(self, user: SlackUserId, *, not_before: datetime | None = None) -> Person:
        """See `bot.ports.people.People`."""
        return await self._persons.get(user, not_before=not_before)

    async def members(self, group: str, *, not_before: datetime | None = None) -> frozenset[SlackUserId]:
        """See `bot.ports.people.People`."""
        return await self._groups.get(group, not_before=not_before)

    def known(self, user: SlackUserId) -> Person | None:
        """See `bot.ports.people.People`."""
        return self._persons.peek(user)

    async def _read_person(self, user: SlackUserId) -> Person:
        with slack_errors(missing={"user_not_found", "user_not_visible"}):
            answer = await self._client.users_info(user=user)
        found = answer["user"]
        profile = found.get("profile") or {}
        return Person(
            user_id=SlackUserId(found["id"]),
            team_id=SlackTeamId(found.get("team_id", "")),
            name=profile.get("real_name") or found.get("real_name") or found.get("name") or found["id"],
            email=profile.get("email"),
            email_confirmed=bool(found.get("is_email_confirmed")),
            is_deactivated=bool(found.get("deleted")),
            is_bot=bool(found.get("is_bot")) or found["id"] == "USLACKBOT",
            is_guest=bool(found.get("is_restricted") or found.get("is_ultra_restricted")),
            is_stranger=bool(found.get("is_stranger")),
        )

    async def _read_group(self, group: str) -> frozenset[SlackUserId]:
        try:
            with slack_errors(missing={"no_such_subteam", "subteam_disabled"}):
                answer = await self._client.usergroups_users_list(usergroup=group)
        except NotFound:
            return frozenset()
        return frozenset(SlackUserId(user) for user in answer["users"])
