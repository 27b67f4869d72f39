"""How long the work at hand is still ours: made sure of before every effect on the outside world.

A process that was paused must not wake up and write what it had read before somebody else took over. Counted
on the monotonic clock from before the claim or renewal was sent, so that the pause itself counts.
"""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import timedelta
from time import monotonic

from bot.domain.errors import Code, Conflict


@dataclass(slots=True, kw_only=True)
class Lease:
    """Held until `until`, in seconds of the monotonic clock; `ask` renews it and says whether it still was ours."""

    until: float
    lasts: timedelta
    ask: Callable[[], Awaitable[bool]]
    now: Callable[[], float] = monotonic

    async def renew(self) -> bool:
        """Hold on for another while; False when somebody else has it."""
        begun = self.now()
        if not await self.ask():
            self.until = begun
            return False
        self.until = begun + self.lasts.total_seconds()
        return True

    def covers(self, needed: timedelta) -> bool:
        """Whether it lasts that much longer."""
        return self.until - self.now() >= needed.total_seconds()


_present: ContextVar[Lease | None] = ContextVar("lease", default=None)


@contextmanager
def under(lease: Lease) -> Iterator[None]:
    """What runs inside runs under this lease."""
    token = _present.set(lease)
    try:
        yield
    finally:
        _present.reset(token)


async def ensure(needed: timedelta) -> None:
    """Make sure that the lease outlasts an effect's own time-out; raises `Conflict(INTERRUPTED)` if it is lost.

    Without a lease (a use case called on its own) there is nobody else to collide with.
    """
    lease = _present.get()
    if lease is None or lease.covers(needed):
        return
    if not await lease.renew() or not lease.covers(needed):
        raise Conflict(Code.INTERRUPTED)
