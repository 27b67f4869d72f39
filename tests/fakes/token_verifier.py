"""Stands for STS: tokens are names, and the test says who made which."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime

from bot.domain.names import AccountId
from bot.domain.proof import TOKEN_PREFIX, CallerIdentity, Flaw, TokenRefused
from tests.fakes.clock import NOON


@dataclass
class FakeVerifier:
    """Implements `ports.token_verifier.TokenVerifier`."""

    made: dict[str, CallerIdentity | Flaw] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    """The token and the nonce of every question."""
    before: Callable[[str], Awaitable[None]] | None = None

    def sign(self, name: str, role: str, session: str, account: AccountId, signed_at: datetime = NOON) -> str:
        """A new token of this caller."""
        token = TOKEN_PREFIX + name
        arn = f"arn:aws:sts::{account}:assumed-role/{role}/{session}"
        self.made[token] = CallerIdentity(
            arn=arn, account=account, user_id=f"AROAX:{session}", signed_at=signed_at
        )
        return token

    async def who_made(
        self, token: str, *, nonce: str, partition: str, not_before: datetime
    ) -> CallerIdentity:
        if self.before is not None:
            await self.before("who_made")
        self.asked.append((token, nonce))
        found = self.made.get(token, Flaw.NOT_BELIEVED)
        if isinstance(found, Flaw):
            raise TokenRefused(found)
        return found
