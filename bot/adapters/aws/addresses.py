"""Which e-mail addresses several people share, so that nobody is taken for somebody else.

GetUserId answers with one user even where two have the address, and ListUsers has no filter for addresses
(aws.md §1.2). So all people are read, one page at a time, and only the shared addresses are kept.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from datetime import datetime, timedelta

from bot.adapters.aws.budget import background
from bot.adapters.aws.client import AwsClient
from bot.domain.errors import AccessError, Code, Provisioning, Unavailable
from bot.ports.clock import Clock

_FRESH_FOR = timedelta(minutes=10)
_USABLE_FOR = timedelta(hours=1)


class AddressBook:
    """Read when first asked for, then again in the background. Close before the client."""

    def __init__(
        self, aws: AwsClient, store: Callable[[], Awaitable[str]], clock: Clock, *, patience: float = 10.0
    ) -> None:
        self.is_readable = True
        """False where this role may not list people; AWS's word that addresses are unique must do then."""
        self._aws = aws
        self._store = store
        self._clock = clock
        self._patience = patience
        self._shared: frozenset[str] = frozenset()
        self._read_at: datetime | None = None
        self._reading: asyncio.Task[None] | None = None
        self._failure: AccessError | None = None

    async def is_shared(self, email: str) -> bool:
        """Whether two people have this address, whatever its case. Raises Unavailable until all were read."""
        age = self._age()
        if age >= _FRESH_FOR and (self._reading is None or self._reading.done()):
            self._reading = asyncio.create_task(self._read(), name="addresses")
        if age >= _USABLE_FOR and self._reading is not None:
            await self._wait_for(self._reading)
        return email.casefold() in self._shared

    async def close(self) -> None:
        """End the reading."""
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)

    def _age(self) -> timedelta:
        return timedelta.max if self._read_at is None else self._clock.now() - self._read_at

    async def _wait_for(self, reading: asyncio.Task[None]) -> None:
        done, _ = await asyncio.wait({reading}, timeout=self._patience)
        if not done:
            raise Unavailable(Code.AWS_UNAVAILABLE, operation="identitystore:ListUsers")
        if reading.cancelled():
            raise Unavailable(Code.INTERRUPTED, operation="identitystore:ListUsers")
        reading.result()
        if self._failure is not None:
            raise self._failure

    async def _read(self) -> None:
        self._failure = None
        try:
            with background():
                self._shared = await self._all_shared()
            self.is_readable = True
        except Provisioning as error:
            if error.code is not Code.ACCESS_DENIED:
                self._failure = error
                return
            self._shared, self.is_readable = frozenset(), False
        except AccessError as error:
            # Told to those who wait; what was read before serves the others.
            self._failure = error
            return
        self._read_at = self._clock.now()

    async def _all_shared(self) -> frozenset[str]:
        seen: set[str] = set()
        shared: set[str] = set()
        pages = self._aws.pages(
            "identitystore", "ListUsers", "Users", IdentityStoreId=await self._store(), MaxResults=100
        )
        async with aclosing(pages):
            async for users in pages:
                for user in users:
                    # The same address twice in one person's profile is no second person.
                    own = {address.get("Value", "").casefold() for address in user.get("Emails", ())} - {""}
                    shared |= own & seen
                    seen |= own
        return frozenset(shared)
