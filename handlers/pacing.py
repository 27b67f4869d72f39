"""Slack's pace, kept rather than run into: about a post a second per channel, 50 edits a minute in all."""

import asyncio
from collections import OrderedDict

from bot.ports.clock import Clock

POSTS_PER_SECOND = 1.0
POST_BURST = 5
"""Slack allows short bursts per channel (docs.slack.dev, rate limits)."""

EDITS_PER_SECOND = 50 / 60
EDIT_BURST = 15

CHANNELS_REMEMBERED = 1_000


class Pacer:
    """A token bucket whose waiters go in the order in which they came."""

    def __init__(self, clock: Clock, *, per_second: float, burst: int) -> None:
        self._clock = clock
        self._per_second = per_second
        self._burst = float(burst)
        self._tokens = float(burst)
        self._at = clock.now()
        self._turn = asyncio.Lock()

    async def wait(self) -> None:
        """Return when one more call is within the pace."""
        async with self._turn:
            self._fill()
            if self._tokens < 1:
                await self._clock.sleep((1 - self._tokens) / self._per_second)
                self._fill()
            self._tokens -= 1

    def _fill(self) -> None:
        now = self._clock.now()
        passed = max((now - self._at).total_seconds(), 0.0)
        self._tokens = min(self._burst, self._tokens + passed * self._per_second)
        self._at = now


class Pace:
    """One pacer per channel for posts, one for all edits."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._edits = Pacer(clock, per_second=EDITS_PER_SECOND, burst=EDIT_BURST)
        self._posts: OrderedDict[str, Pacer] = OrderedDict()

    async def post(self, channel: str) -> None:
        """Wait for a place in the channel."""
        pacer = self._posts.setdefault(
            channel, Pacer(self._clock, per_second=POSTS_PER_SECOND, burst=POST_BURST)
        )
        self._posts.move_to_end(channel)
        if len(self._posts) > CHANNELS_REMEMBERED:
            self._posts.popitem(last=False)
        await pacer.wait()

    async def edit(self) -> None:
        """Wait for a place among all edits of the app."""
        await self._edits.wait()
