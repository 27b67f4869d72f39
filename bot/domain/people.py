"""Who somebody is: in Slack, in Identity Center, and whether the bot may talk to them at all."""

from collections.abc import Mapping
from dataclasses import dataclass

from bot.domain.errors import Code, Refusal
from bot.domain.names import IdentityUserId, SlackTeamId, SlackUserId


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A Slack user as `users.info` tells it, read a moment ago."""

    user_id: SlackUserId
    team_id: SlackTeamId
    name: str
    email: str | None
    email_confirmed: bool
    is_deactivated: bool
    is_bot: bool
    is_guest: bool
    is_stranger: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """A user of Identity Center."""

    user_id: IdentityUserId
    user_name: str


def admit(person: Person, team: SlackTeamId) -> None:
    """Let members of our own workspace in; raises `Refusal` for everybody else.

    Guests, bots, deactivated people and people of other workspaces may press buttons in shared
    channels, so this is asked on every payload (slack.md §2.2).
    """
    if person.is_stranger or person.team_id != team:
        raise Refusal(Code.STRANGER)
    if person.is_deactivated:
        raise Refusal(Code.DEACTIVATED)
    if person.is_bot:
        raise Refusal(Code.NOT_HUMAN)
    if person.is_guest:
        raise Refusal(Code.GUEST)


def verified_email(person: Person, overrides: Mapping[SlackUserId, str]) -> str:
    """The address that identifies this person in Identity Center.

    An administrator's entry under `[people]` wins; otherwise the profile's address counts only when Slack
    says that it is confirmed. Raises `Refusal`.
    """
    if person.user_id in overrides:
        return overrides[person.user_id]
    if not person.email:
        raise Refusal(Code.EMAIL_MISSING)
    if not person.email_confirmed:
        raise Refusal(Code.EMAIL_UNCONFIRMED)
    return person.email
