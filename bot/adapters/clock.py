"""The system's clock, set by the database where several replicas share one."""

import asyncio
from datetime import UTC, datetime, timedelta


class SystemClock:
    """Wall-clock time of this machine; implements `ports.clock.Clock`.

    Replicas never compare their own clocks: each follows the database's, and so all read the same time.
    """

    def __init__(self) -> None:
        self._behind = timedelta(0)

    def follow(self, behind: timedelta) -> None:
        """This machine's clock is so much behind the one that counts."""
        self._behind = behind

    def now(self) -> datetime:
        """The present instant, aware, in UTC."""
        return datetime.now(UTC) + self._behind

    async def sleep(self, seconds: float) -> None:
        """Pause without holding up anybody else."""
        await asyncio.sleep(seconds)
