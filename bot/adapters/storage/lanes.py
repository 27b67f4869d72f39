"""Who is next at the database: two lanes, and a bounded wait in both.

Ahead are the transactions that somebody waits for with a deadline, above all what is stored before an ack;
behind is everything else, above all the worker.
"""

import time
from collections import deque
from threading import Condition, Lock
from typing import Generic, Protocol, TypeVar

FEW = 4
"""So many transactions of the worker share a commit while people's come in: none of these waits for more."""

LATELY = 0.1
"""Seconds after which people's transactions are no longer coming in."""

PATIENCE = 0.1
"""Seconds that the oldest one behind gives way; from then on both lanes are served in turns."""


class Queued(Protocol):
    """What stands in a lane."""

    @property
    def queued_at(self) -> float:
        """Seconds of the monotonic clock."""


J = TypeVar("J", bound=Queued)


class _Lane(Generic[J]):
    def __init__(self, lock: Lock) -> None:
        self.waiting: deque[J] = deque()
        self.changed = Condition(lock)
        self.under_way = 0
        """Threads that are at what they took from here."""

    def first(self, at_most: int) -> list[J]:
        return [self.waiting.popleft() for _ in range(min(at_most, len(self.waiting)))]

    def is_overdue(self) -> bool:
        return bool(self.waiting) and time.monotonic() - self.waiting[0].queued_at >= PATIENCE


class Lanes(Generic[J]):
    """Threads take from it: a thread serves both lanes (`take`), or one of them alone."""

    def __init__(self, *, batch: int) -> None:
        self._batch = batch
        self._lock = Lock()
        self._changed = Condition(self._lock)
        self._ahead: _Lane[J] = _Lane(self._lock)
        self._behind: _Lane[J] = _Lane(self._lock)
        self._came_at = float("-inf")
        self._is_behinds_turn = False
        self._is_closed = False

    def put(self, job: J, *, ahead: bool) -> None:
        """Stand in line."""
        lane = self._ahead if ahead else self._behind
        with self._lock:
            if ahead:
                self._came_at = time.monotonic()
            lane.waiting.append(job)
            lane.changed.notify()
            self._changed.notify()

    def close(self) -> None:
        """Nothing comes any more: who takes gets what is left, then nothing."""
        with self._lock:
            self._is_closed = True
            for waiting in (self._changed, self._ahead.changed, self._behind.changed):
                waiting.notify_all()

    def take(self) -> list[J]:
        """Of either lane, never of both: an ack must not wait for the worker's share of its commit."""
        ahead, behind = self._ahead, self._behind
        with self._lock:
            self._changed.wait_for(lambda: ahead.waiting or behind.waiting or self._is_closed)
            if ahead.waiting and not (self._is_behinds_turn and behind.is_overdue()):
                self._is_behinds_turn = True
                return ahead.first(self._batch)
            self._is_behinds_turn = False
            return behind.first(FEW if self._is_busy() else self._batch)

    def take_ahead(self) -> list[J]:
        """Of people's transactions alone; `done_ahead` is called after it.

        Those that come while others are under way wait for each other and share the next commit.
        """
        with self._lock:
            self._await(self._ahead)
            return self._ahead.first(self._batch)

    def take_behind(self) -> list[J]:
        """One of the worker's; `done_behind` is called after it.

        While people's come in, more than one or two at once would only take the interpreter from the acks.
        """
        with self._lock:
            self._await(self._behind)
            return self._behind.first(1)

    def done_ahead(self) -> None:
        """What `take_ahead` gave is over."""
        self._done(self._ahead)

    def done_behind(self) -> None:
        """What `take_behind` gave is over."""
        self._done(self._behind)

    def _await(self, lane: _Lane[J]) -> None:
        while not (lane.waiting and self._may_join(lane)):
            if self._is_closed and not lane.waiting:
                return
            # Time lets a thread join, and nobody tells it that it has passed.
            lane.changed.wait(PATIENCE if lane.waiting else None)
        lane.under_way += 1
        if len(lane.waiting) > 1:
            lane.changed.notify()

    def _may_join(self, lane: _Lane[J]) -> bool:
        """One thread at a time; a second one where the first seems stuck; all of them while nobody waits ahead."""
        if lane.under_way == 0 or self._is_closed:
            return True
        if lane is self._behind and not self._is_busy():
            return True
        return lane.under_way == 1 and lane.is_overdue()

    def _done(self, lane: _Lane[J]) -> None:
        with self._lock:
            lane.under_way -= 1
            if lane.waiting:
                lane.changed.notify()

    def _is_busy(self) -> bool:
        return not self._is_closed and time.monotonic() - self._came_at < LATELY
