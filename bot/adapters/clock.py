"""The system's clock."""

import asyncio
from datetime import UTC, datetime


class SystemClock:
    """Wall-clock time of this machine; implements `ports.clock.Clock`."""

    def now(self) -> datetime:
        """The present instant, aware, in UTC."""
        return datetime.now(UTC)

    async def sleep(self, seconds: float) -> None:
        """Pause without holding up anybody else."""
        await asyncio.sleep(seconds)
