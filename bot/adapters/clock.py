"""The system's clock, set by the database where several replicas share one."""

import asyncio
from datetime import UTC, datetime, timedelta
from time import monotonic


class SystemClock:
    """Wall-clock time; implements `ports.clock.Clock`.

    Replicas never compare their own clocks: each follows the database's, and so all read the same time. Between
    two looks at it the monotonic clock counts: a machine whose clock is stepped must not end anybody's access
    early, nor take work for abandoned that others are at.
    """

    def __init__(self) -> None:
        self._followed: tuple[datetime, float] | None = None

    def follow(self, behind: timedelta) -> None:
        """This machine's clock is at this moment so much behind the one that counts."""
        self._followed = datetime.now(UTC) + behind, monotonic()

    def now(self) -> datetime:
        """The present instant, aware, in UTC."""
        if self._followed is None:
            return datetime.now(UTC)
        instant, at = self._followed
        return instant + timedelta(seconds=monotonic() - at)

    async def sleep(self, seconds: float) -> None:
        """Pause without holding up anybody else."""
        await asyncio.sleep(seconds)
