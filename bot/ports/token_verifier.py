"""Asking AWS who made a token of `aws eks get-token`."""

from datetime import datetime
from typing import Protocol

from bot.domain.proof import CallerIdentity


class TokenVerifier(Protocol):
    """Tokens are secrets for fifteen minutes: they are never logged, stored, or part of an error."""

    async def who_made(
        self, token: str, *, nonce: str, partition: str, not_before: datetime
    ) -> CallerIdentity:
        """Whom AWS names for a token that was signed over this nonce, not before this time, and when it was.

        Raises `TokenRefused`, and nothing else: also when AWS does not answer.
        """
        ...
