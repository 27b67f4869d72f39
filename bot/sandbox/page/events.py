"""News for the pages that are open: numbered, kept for a while, and drawn for each person when they are sent.

An entry does not hold what happened but where to look: a message that was edited ten times while nobody read is sent
once, as it is now, and only to those who see it.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Hashable
from dataclasses import dataclass
from typing import Any, Final

Json = dict[str, Any]
Drawing = tuple[str, Json]
"""The event's name, and its data."""

KEPT: Final = 5_000
GATHER_SECONDS: Final = 0.02
"""News comes in bursts: an edit, its unread mark, the call that made it."""

QUIET_SECONDS: Final = 15.0
"""So often a line goes out that says nothing, by which both ends notice a broken connection."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One event on its way to one page; `name` is "" for a sign of life."""

    seq: int
    name: str = ""
    data: Json | None = None


@dataclass(frozen=True, slots=True)
class _Entry:
    seq: int
    key: Hashable
    draw: Callable[[str], Drawing | None]


class Hub:
    """`publish` here, `stream` there. Numbers go on through a reset and rise from one sandbox to the next."""

    def __init__(self, first: int = 0) -> None:
        self.seq = first
        self._floor = first
        self._entries: deque[_Entry] = deque(maxlen=KEPT)
        self._readers: set[asyncio.Event] = set()
        self._is_closed = False

    @property
    def has_readers(self) -> bool:
        return bool(self._readers)

    def publish(self, key: Hashable, draw: Callable[[str], Drawing | None]) -> None:
        """News about `key`; `draw` gets the id of a person and answers None where it is not for them."""
        self.seq += 1
        if len(self._entries) == KEPT:
            self._floor = self._entries[0].seq
        self._entries.append(_Entry(self.seq, key, draw))
        self._wake()

    def tell(self, name: str, data: Json) -> None:
        """News for everybody that stands by itself."""
        self.publish(object(), lambda _: (name, data))

    def forget(self) -> None:
        """Everything is another one now: whoever reads is told to look again at the whole."""
        self.seq += 1
        self._entries.clear()
        self._floor = self.seq
        self._wake()

    def close(self) -> None:
        """Ends every stream."""
        self._is_closed = True
        self._wake()

    async def stream(self, viewer: str, after: int) -> AsyncIterator[Event]:
        """What this person is to see from `after` on, as it comes; never ends before `close`."""
        news = asyncio.Event()
        self._readers.add(news)
        try:
            while not self._is_closed:
                news.clear()
                if not self._floor <= after <= self.seq:
                    after = self.seq
                    yield Event(seq=after, name="reload", data={})
                upto = self.seq
                for event in self._since(viewer, after):
                    yield event
                after = upto
                await self._wait(news)
                if not news.is_set():
                    yield Event(seq=after)
        finally:
            self._readers.discard(news)

    def _since(self, viewer: str, after: int) -> list[Event]:
        """Each thing once, at its newest place."""
        new: dict[Hashable, _Entry] = {}
        for entry in reversed(self._entries):
            if entry.seq <= after:
                break
            new.setdefault(entry.key, entry)
        events = []
        for entry in reversed(new.values()):
            drawing = entry.draw(viewer)
            if drawing is not None:
                events.append(Event(seq=entry.seq, name=drawing[0], data=drawing[1]))
        return events

    async def _wait(self, news: asyncio.Event) -> None:
        try:
            async with asyncio.timeout(QUIET_SECONDS):
                await news.wait()
        except TimeoutError:
            return
        await asyncio.sleep(GATHER_SECONDS)

    def _wake(self) -> None:
        for news in self._readers:
            news.set()


class Soon:
    """Calls something at most once in so many seconds, however often it is asked to."""

    def __init__(self, call: Callable[[], None], *, every: float) -> None:
        self._call = call
        self._every = every
        self._timer: asyncio.TimerHandle | None = None
        self._last = -every

    def ask(self) -> None:
        if self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_at(max(loop.time(), self._last + self._every), self._now)

    def cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _now(self) -> None:
        self._timer = None
        self._last = asyncio.get_running_loop().time()
        self._call()
