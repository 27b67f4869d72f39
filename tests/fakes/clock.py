"""A clock that stands still until a test moves it."""

import asyncio
from datetime import UTC, datetime, timedelta

NOON = datetime(2030, 1, 7, 12, 0, tzinfo=UTC)
"""A Monday: where every fake clock starts unless told otherwise."""


class FakeClock:
    """Implements `ports.clock.Clock`; time passes only by `set` and `advance`.

    `sleep` returns once the time has been moved past its end, so two loops that sleep cannot run away with
    the clock. With `moves_itself=True` a sleep moves the time itself and returns at once: for code that backs
    off or polls alone.
    """

    def __init__(self, now: datetime = NOON, *, moves_itself: bool = False) -> None:
        self._now = now
        self._moves_itself = moves_itself
        self._sleepers: list[tuple[datetime, asyncio.Future[None]]] = []
        self.slept: list[float] = []
        """How long each sleep was meant to be, in seconds, in the order of asking."""

    def now(self) -> datetime:
        return self._now

    def set(self, now: datetime) -> None:
        """Move the time and wake whoever has slept long enough."""
        self._now = now
        woken = [future for until, future in self._sleepers if until <= now]
        self._sleepers = [(until, future) for until, future in self._sleepers if until > now]
        for future in woken:
            if not future.done():
                future.set_result(None)

    def advance(self, span: timedelta) -> None:
        """Let time pass; sleepers run as soon as the test awaits something."""
        self.set(self._now + span)

    @property
    def sleepers(self) -> int:
        """How many wait for the time to move."""
        return sum(not future.done() for _, future in self._sleepers)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        until = self._now + timedelta(seconds=seconds)
        if self._moves_itself:
            self.set(max(self._now, until))
        if until <= self._now:
            await asyncio.sleep(0)
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._sleepers.append((until, future))
        await future
