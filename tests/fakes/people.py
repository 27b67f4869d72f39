"""Slack's people and groups, and the directory, as tables that a test fills."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from bot.domain.errors import AccessError, Code, NotFound
from bot.domain.names import AccountId, SlackUserId
from bot.domain.people import Person
from bot.ports.identity_center import Holdings
from tests.builders import ADMINS, ALICE, BOB, CAROL, DAN, a_person


def everybody() -> dict[SlackUserId, Person]:
    return {user: a_person(user) for user in (ALICE, BOB, CAROL, DAN)}


@dataclass
class FakePeople:
    """Implements `ports.people.People`."""

    persons: dict[SlackUserId, Person] = field(default_factory=everybody)
    groups: dict[str, frozenset[SlackUserId]] = field(
        default_factory=lambda: {ADMINS: frozenset({BOB, CAROL})}
    )
    seen: set[SlackUserId] = field(default_factory=set)
    """Whose profile is cached."""
    error: AccessError | None = None
    asked: list[tuple[str, datetime | None]] = field(default_factory=list)
    """Whom or which group was asked for, and how fresh it had to be."""

    def know(self, users: Iterable[SlackUserId]) -> None:
        self.seen.update(users)

    async def person(self, user: SlackUserId, *, not_before: datetime | None = None) -> Person:
        self.asked.append((user, not_before))
        if self.error is not None:
            raise self.error
        if user not in self.persons:
            raise NotFound(Code.SLACK_UNAVAILABLE, error="user_not_found")
        return self.persons[user]

    async def members(self, group: str, *, not_before: datetime | None = None) -> frozenset[SlackUserId]:
        self.asked.append((group, not_before))
        if self.error is not None:
            raise self.error
        return self.groups.get(group, frozenset())

    def known(self, user: SlackUserId) -> Person | None:
        return self.persons[user] if user in self.seen else None


@dataclass
class FakeDirectory:
    """Implements `ports.identity_center.Directory`."""

    names: dict[AccountId, str] = field(default_factory=dict)
    by_email: dict[str, Holdings] = field(default_factory=dict)

    def account_name(self, account: AccountId) -> str:
        return self.names.get(account, "")

    async def holdings(self, email: str) -> Holdings:
        return self.by_email[email]

    def cached_holdings(self, email: str) -> Holdings | None:
        return self.by_email.get(email)
