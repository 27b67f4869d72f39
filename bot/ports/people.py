"""Slack's people and groups, read as freshly as the caller needs."""

from datetime import datetime
from typing import Protocol

from bot.domain.names import SlackUserId
from bot.domain.people import Person


class People(Protocol):
    """Raises `Unavailable(SLACK_UNAVAILABLE)` when Slack does not answer: callers fail closed."""

    async def person(self, user: SlackUserId, *, not_before: datetime | None = None) -> Person:
        """The profile; a cached one serves unless `not_before` asks for a read begun after that instant.

        Raises `NotFound` for an id that Slack does not know.
        """
        ...

    async def members(self, group: str, *, not_before: datetime | None = None) -> frozenset[SlackUserId]:
        """The user group's members; an unknown or disabled group has none.

        One read that began after `not_before` serves everybody who waits for one.
        """
        ...

    def known(self, user: SlackUserId) -> Person | None:
        """The profile if it was read in the last minutes; never a network call."""
        ...
