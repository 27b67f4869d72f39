"""One clock for workspace, organisation and bot: it runs, and can be moved forward to see what time does."""

import asyncio
import mmap
import struct
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

_SHIFT: Final = struct.Struct("d")


class ShiftedClock:
    """Real time plus what it was moved by; serves as the bot's `Clock` and, by `seconds`, the doubles'."""

    def __init__(self) -> None:
        self._shift = 0.0

    @property
    def shift(self) -> float:
        """Seconds by which it was moved altogether."""
        return self._shift

    def seconds(self) -> float:
        """Epoch seconds."""
        return time.time() + self.shift

    def now(self) -> datetime:
        """The present instant, aware, in UTC."""
        return datetime.fromtimestamp(self.seconds(), UTC)

    async def sleep(self, seconds: float) -> None:
        """Pause in real time."""
        await asyncio.sleep(seconds)

    def advance(self, by: timedelta) -> None:
        """Move the time forward for everybody."""
        self._shift += by.total_seconds()


class SharedClock(ShiftedClock):
    """The same for several processes: whoever opened the same file sees a move at once.

    Move it only while no bot lives, as time that passed while the bot was down. A living bot would see all of its
    leases run out at one instant, which no real clock does.
    """

    def __init__(self, file: Path) -> None:
        super().__init__()
        if not file.exists():
            file.write_bytes(_SHIFT.pack(0.0))
        with file.open("r+b") as opened:
            self._memory = mmap.mmap(opened.fileno(), _SHIFT.size)

    @property
    def shift(self) -> float:
        """Seconds by which it was moved altogether."""
        return float(_SHIFT.unpack(self._memory[:])[0])

    def advance(self, by: timedelta) -> None:
        """Move the time forward for everybody."""
        self._memory[:] = _SHIFT.pack(self.shift + by.total_seconds())

    def close(self) -> None:
        """Let go of the file."""
        self._memory.close()
