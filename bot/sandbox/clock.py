"""One clock for workspace, organisation and bot: it runs, and can be moved forward to see what time does."""

import asyncio
import time
from datetime import UTC, datetime, timedelta


class ShiftedClock:
    """Real time plus what it was moved by; serves as the bot's `Clock` and, by `seconds`, the doubles'."""

    def __init__(self) -> None:
        self._shift = 0.0

    def seconds(self) -> float:
        """Epoch seconds."""
        return time.time() + self._shift

    def now(self) -> datetime:
        """The present instant, aware, in UTC."""
        return datetime.fromtimestamp(self.seconds(), UTC)

    async def sleep(self, seconds: float) -> None:
        """Pause in real time."""
        await asyncio.sleep(seconds)

    def advance(self, by: timedelta) -> None:
        """Move the time forward for everybody."""
        self._shift += by.total_seconds()
