"""Member accounts, as the optional read-only role in each of them shows them. Nothing is ever written there."""

from datetime import timedelta
from typing import Protocol

from bot.domain.member_view import MemberView, Question
from bot.domain.names import AccountId


class MemberAccounts(Protocol):
    """One account that hangs, refuses or answers garbage makes only its own part unknown."""

    async def look(
        self, question: Question, *, within: float = 8.0, max_age: timedelta = timedelta(0)
    ) -> MemberView:
        """What the account shows within so many seconds; never raises for what AWS says or does not say.

        `max_age`: an earlier complete look at the same may serve again for so long.
        """
        ...

    async def enter(self, account: AccountId) -> None:
        """Only try whether the role lets us in, for `doctor`.

        Raises `Provisioning(ACCESS_DENIED)` where the role is missing or does not admit the bot (AWS does not
        say which), `Unavailable` where AWS does not answer.
        """
        ...
