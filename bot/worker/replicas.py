"""AWS's limits belong to the organisation: every replica takes its share, and says that it is there."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from secrets import token_hex

from bot.domain.errors import Unavailable
from bot.log import get_logger
from bot.ports.store import Store

log = get_logger(__name__)

EVERY = timedelta(seconds=2)
ALIVE_FOR = timedelta(seconds=10)
NEWCOMER = 6
"""Others learn of a new replica within `EVERY`. Until then it takes no more than a sixth, so that 15 for the one
that was alone and 2 for each of two that come at once stay within AWS's 20 calls a second."""

REMEMBERED = 6
"""Check-ins: who was not seen in any of them is believed to be gone. After an outage of the database everybody
seems gone at first, and whoever came back first would take it all."""


@dataclass(slots=True, kw_only=True)
class Replicas:
    """Checks in as long as it runs; `share` is told how many share."""

    store: Store
    share: Callable[[int], None]
    set_clock: Callable[[], Awaitable[None]]
    """Follow the database's clock again."""
    alone: bool
    """Only one process can serve, by its lock file: there is nobody to share with."""
    name: str = field(default_factory=lambda: token_hex(8))
    _seen: deque[int] = field(default_factory=lambda: deque(maxlen=REMEMBERED))

    async def join(self) -> None:
        """Before the first call to AWS. Raises `Unavailable`."""
        await self.set_clock()
        count = await self.store.check_in(self.name, alive_for=ALIVE_FOR)
        self.share(1 if self.alone else max(NEWCOMER, count))

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await asyncio.sleep(EVERY.total_seconds())
            await self.look()

    async def look(self) -> None:
        """Check in again; a database that does not answer changes nothing."""
        try:
            await self.set_clock()
            count = await self.store.check_in(self.name, alive_for=ALIVE_FOR)
        except Unavailable:
            return
        if not self._seen or count != self._seen[-1]:
            log.info("replicas", count=count)
        self._notice(count)

    def _notice(self, count: int) -> None:
        """A smaller share is taken at once, a greater one only when it has been free for a while."""
        self._seen.append(1 if self.alone else count)
        self.share(max(self._seen))

    async def leave(self) -> None:
        """On the way out; a database that does not answer will notice by itself."""
        try:
            await self.store.check_out(self.name)
        except Unavailable:
            log.warning("replica_left_unsaid")
