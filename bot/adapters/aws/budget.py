"""AWS's request rates, kept rather than run into: one budget per limit, writes first, background work last.

IAM Identity Center allows 20 calls a second for all of sso-admin together, and the Identity Store 20 for each
of its APIs (aws.md §1.3); consoles and Terraform draw on the same limits, hence 15.
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from enum import IntEnum
from math import ceil

WINDOW = 1.0
"""Seconds. The rate holds for every window of this length, wherever it begins."""

_PARTS = 5
"""Nor more than a fifth of the rate in a fifth of the window, rounded up: calls reach AWS later than they
leave, some more so than others, and two full bursts a second apart would overlap there."""

_SHORTEST_PAUSE = 0.001
"""Rounding may leave a wait that is too short to move the clock at all."""


class Urgency(IntEnum):
    """Who goes first when several calls wait for the same budget."""

    WRITE = 0
    READ = 1
    BACKGROUND = 2


_urgency: ContextVar[Urgency] = ContextVar("urgency", default=Urgency.READ)


def present_urgency() -> Urgency:
    """How urgent reads are in this task."""
    return _urgency.get()


@contextmanager
def background() -> Iterator[None]:
    """Reads inside wait for everybody else's, and never take the whole budget."""
    token = _urgency.set(Urgency.BACKGROUND)
    try:
        yield
    finally:
        _urgency.reset(token)


class _Ticket:
    """A place in the queue; `woken` is set when the holder should look whether it is first."""

    __slots__ = ("urgency", "woken")

    def __init__(self, urgency: Urgency) -> None:
        self.urgency = urgency
        self.woken = asyncio.Event()


class _Window:
    """At most `most` calls within any `seconds`.

    A sliding window, not a token bucket: a bucket that was full lets twice its rate through within a second.
    """

    def __init__(self, most: int, seconds: float) -> None:
        self._most = most
        self._seconds = seconds
        self._taken: deque[float] = deque(maxlen=most)

    def pause(self, now: float) -> float:
        """Seconds until one more call fits; not positive if it does now."""
        return self._taken[0] + self._seconds - now if len(self._taken) == self._most else 0.0

    def take(self, now: float) -> None:
        self._taken.append(now)

    def allow(self, most: int) -> None:
        """From now on this many; what was taken lately still counts."""
        if most != self._most:
            self._most = most
            self._taken = deque(self._taken, maxlen=most)


class Budget:
    """At most `rate` calls in any second, evenly spread; fair among equals.

    `gate` is what a call also needs before it may start (a thread). It is entered before the slot is taken,
    so that calls which waited long for a thread do not all leave in one burst.
    """

    def __init__(
        self,
        rate: int,
        *,
        background_rate: int | None = None,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._now = now
        self._sleep = sleep
        self._background_rate = background_rate
        self._windows = (_Window(rate, WINDOW), _Window(ceil(rate / _PARTS), WINDOW / _PARTS))
        self._windows_behind = (*self._windows, _Window(self._behind(rate), WINDOW))
        self._waiting: tuple[deque[_Ticket], ...] = tuple(deque() for _ in Urgency)

    @property
    def waiting(self) -> int:
        """How many calls wait for their turn."""
        return sum(len(queue) for queue in self._waiting)

    def _behind(self, rate: int) -> int:
        share = max(1, rate * 2 // 3) if self._background_rate is None else self._background_rate
        return min(share, rate)

    def allow(self, rate: int) -> None:
        """Change the rate: the budget is shared by as many replicas as there are."""
        for window, most in zip(
            self._windows_behind, (rate, ceil(rate / _PARTS), self._behind(rate)), strict=True
        ):
            window.allow(most)

    async def take(self, urgency: Urgency, gate: asyncio.Semaphore) -> None:
        """Wait for a slot and for `gate`; both are held on return, and the caller releases the gate."""
        ticket = _Ticket(urgency)
        self._waiting[urgency].append(ticket)
        try:
            while not await self._try(ticket, gate):
                pass
        finally:
            self._waiting[urgency].remove(ticket)
            self._wake_first()

    async def _try(self, ticket: _Ticket, gate: asyncio.Semaphore) -> bool:
        if self._first() is not ticket:
            ticket.woken.clear()
            await ticket.woken.wait()
            return False
        if (pause := self._pause(ticket.urgency)) > 0:
            await self._sleep(max(pause, _SHORTEST_PAUSE))
            return False
        await gate.acquire()
        if self._first() is not ticket:
            # Somebody more urgent came while this call waited for a thread.
            gate.release()
            return False
        now = self._now()
        for window in self._counting(ticket.urgency):
            window.take(now)
        return True

    def _pause(self, urgency: Urgency) -> float:
        now = self._now()
        return max(window.pause(now) for window in self._counting(urgency))

    def _counting(self, urgency: Urgency) -> tuple[_Window, ...]:
        return self._windows_behind if urgency is Urgency.BACKGROUND else self._windows

    def _first(self) -> _Ticket:
        return next(queue[0] for queue in self._waiting if queue)

    def _wake_first(self) -> None:
        if self.waiting:
            self._first().woken.set()
