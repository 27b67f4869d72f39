"""Who is this, and may they talk to the bot: asked again on every payload."""

from dataclasses import dataclass
from datetime import datetime

from bot.domain.errors import Code, NotFound, Refusal
from bot.domain.names import SlackTeamId, SlackUserId
from bot.domain.people import Person, admit, verified_email
from bot.domain.rules import Rules
from bot.ports.people import People


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """The door. `team` is the only workspace whose members are served."""

    people: People
    rules: Rules
    team: SlackTeamId

    async def person(self, user: SlackUserId, *, not_before: datetime | None = None) -> Person:
        """The admitted person; raises `Refusal` for guests, strangers, bots and deactivated people."""
        try:
            person = await self.people.person(user, not_before=not_before)
        except NotFound as unknown:
            raise Refusal(Code.STRANGER) from unknown
        admit(person, self.team)
        return person

    def known(self, user: SlackUserId) -> Person | None:
        """The admitted person if the profile was read in the last minutes, without any network.

        Raises `Refusal` as `person` does; None when only a network call could tell.
        """
        person = self.people.known(user)
        if person is not None:
            admit(person, self.team)
        return person

    def email(self, person: Person) -> str:
        """The address that identifies the person in Identity Center; raises `Refusal`."""
        return verified_email(person, self.rules.people)
