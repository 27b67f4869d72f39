"""One clock for the doubles here and the bot in its own processes: real time plus a shift in shared memory."""

import asyncio
import mmap
import struct
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

_SHIFT = struct.Struct("d")


@dataclass(frozen=True, slots=True, kw_only=True)
class Jump:
    """The moment at which the clock was moved, and by how much altogether from then on."""

    at: float
    """Real epoch seconds."""
    shift: float


class SharedClock:
    """Implements `ports.clock.Clock`; whoever opened the same file sees a move at once.

    It is moved only while no bot lives: a move is time that passed while the bot was dead. A living bot would
    see all of its leases run out at one instant, which no real clock does.
    """

    def __init__(self, file: Path) -> None:
        if not file.exists():
            file.write_bytes(_SHIFT.pack(0.0))
        with file.open("r+b") as opened:
            self._memory = mmap.mmap(opened.fileno(), _SHIFT.size)
        self.file = file
        self.jumps = [Jump(at=0.0, shift=0.0)]

    @property
    def shift(self) -> float:
        return float(_SHIFT.unpack(self._memory[:])[0])

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
        shift = self.shift + by.total_seconds()
        self._memory[:] = _SHIFT.pack(shift)
        self.jumps.append(Jump(at=time.time(), shift=shift))

    def real(self, instant: datetime) -> float:
        """The real moment at which the clock first showed this instant or a later one."""
        seconds = instant.timestamp()
        for jump in self.jumps:
            following = next((later.at for later in self.jumps if later.at > jump.at), None)
            moment = max(seconds - jump.shift, jump.at)
            if following is None or moment < following:
                return moment
        raise AssertionError("the last jump has no following one")
