"""Everything that can go wrong between the bot and Slack, on command, and a log of what was asked."""

from __future__ import annotations

import asyncio
import math
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from bot.sandbox.slack.records import Json

Kind = Literal["error", "status", "hang", "drop"]
When = Literal["before", "after"]
ANY: Final = "*"

# Calls a minute, per method and app (facts: docs.slack.dev/apis/web-api/rate-limits).
TIERS: Final[dict[str, int]] = {
    "chat.update": 50,
    "chat.delete": 50,
    "conversations.open": 50,
    "conversations.info": 50,
    "conversations.history": 50,
    "conversations.replies": 50,
    "users.lookupByEmail": 50,
    "usergroups.list": 20,
    "usergroups.users.list": 20,
    "views.open": 100,
    "views.update": 100,
    "views.push": 100,
    "views.publish": 100,
    "users.info": 100,
    "chat.postEphemeral": 100,
    "conversations.members": 100,
    "files.getUploadURLExternal": 100,
    "files.completeUploadExternal": 100,
}
WINDOW_SECONDS: Final = 60.0
POST_BURST: Final = 5
"""chat.postMessage: about one a second and channel; short bursts pass."""


@dataclass(slots=True, kw_only=True)
class Fault:
    """One thing that goes wrong, for the next `times` calls that it fits."""

    kind: Kind
    method: str = ANY
    times: int = 1
    when: When = "before"
    status: int = 200
    body: Json = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    seconds: float | None = None
    fits: Callable[[Mapping[str, Any]], bool] | None = None
    released: asyncio.Event = field(default_factory=asyncio.Event)
    hit: int = 0

    def release(self) -> None:
        """Lets hanging calls go on, and ends the fault."""
        self.times = 0
        self.released.set()

    async def wait(self) -> None:
        try:
            async with asyncio.timeout(self.seconds):
                await self.released.wait()
        except TimeoutError:
            return


class Faults:
    """The faults that lie in wait; each call meets at most one, the oldest that fits."""

    def __init__(self) -> None:
        self.waiting: list[Fault] = []
        self._used: list[Fault] = []
        self.enforce_rate_limits = False
        """Answer 429 as Slack would when a method is called too often (by the workspace's clock)."""

    def add(self, fault: Fault) -> Fault:
        self.waiting.append(fault)
        return fault

    def rate_limit(self, method: str = ANY, *, times: int = 1, retry_after: int = 1) -> Fault:
        """HTTP 429 with Retry-After; nothing is applied."""
        return self.add(
            Fault(
                kind="status",
                method=method,
                times=times,
                status=429,
                body={"ok": False, "error": "ratelimited"},
                headers={"Retry-After": str(retry_after)},
            )
        )

    def server_error(
        self, method: str = ANY, *, times: int = 1, status: int = 500, when: When = "before"
    ) -> Fault:
        """Slack is ill; with `when="after"` the effect has happened nevertheless."""
        body: Json = {"ok": False, "error": "internal_error"}
        return self.add(Fault(kind="status", method=method, times=times, status=status, body=body, when=when))

    def error(self, method: str, code: str, *, times: int = 1, **extra: Any) -> Fault:
        """`{"ok": false, "error": code}`; nothing is applied."""
        return self.add(
            Fault(kind="error", method=method, times=times, body={"ok": False, "error": code, **extra})
        )

    def hang(
        self, method: str = ANY, *, times: int = 1, seconds: float | None = None, when: When = "before"
    ) -> Fault:
        """No answer for `seconds` (real ones) or until `release()`; it comes before or after the effect."""
        return self.add(Fault(kind="hang", method=method, times=times, seconds=seconds, when=when))

    def drop(self, method: str = ANY, *, times: int = 1, when: When = "before") -> Fault:
        """The connection breaks: `before` the effect, or `after` it, when only the answer is lost."""
        return self.add(Fault(kind="drop", method=method, times=times, when=when))

    def clear(self) -> None:
        """Everything works again; what hangs goes on."""
        for fault in [*self.waiting, *self._used]:
            fault.release()
        self.waiting.clear()
        self._used.clear()

    def take(self, method: str, args: Mapping[str, Any]) -> Fault | None:
        """The fault that this call meets, counted down."""
        self.waiting = [fault for fault in self.waiting if fault.times > 0]
        for fault in self.waiting:
            if fault.method in {ANY, method} and (fault.fits is None or fault.fits(args)):
                fault.times -= 1
                fault.hit += 1
                self._used.append(fault)
                return fault
        return None


class RateLimits:
    """Slack's own limits, by the workspace's clock."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._calls: dict[str, list[float]] = {}
        self._posts: dict[str, tuple[float, float]] = {}

    def retry_after(self, method: str, args: Mapping[str, Any]) -> int | None:
        """Seconds to wait, or None when the call may pass (it is counted then)."""
        now = self._clock()
        if method == "chat.postMessage":
            return self._post(str(args.get("channel", "")), now)
        limit = TIERS.get(method)
        if limit is None:
            return None
        recent = [at for at in self._calls.get(method, []) if now - at < WINDOW_SECONDS]
        self._calls[method] = recent
        if len(recent) >= limit:
            return max(1, math.ceil(recent[0] + WINDOW_SECONDS - now))
        recent.append(now)
        return None

    def _post(self, channel: str, now: float) -> int | None:
        tokens, at = self._posts.get(channel, (float(POST_BURST), now))
        tokens = min(float(POST_BURST), tokens + now - at)
        allowed = tokens >= 1
        self._posts[channel] = (tokens - 1 if allowed else tokens, now)
        return None if allowed else max(1, math.ceil(1 - tokens))


@dataclass(slots=True, kw_only=True)
class Call:
    """One call of the Web API; `outcome` is "ok", Slack's error code, "dropped", "abandoned" or "running"."""

    method: str
    at: float
    args: Json
    outcome: str = "running"
    status: int | None = None
    moment: float = field(default_factory=time.monotonic)
    seconds: float | None = None
    """How long the answer took."""

    @property
    def ok(self) -> bool:
        return self.outcome == "ok"


class CallLog:
    """What the bot asked of Slack, oldest first; tokens are never kept."""

    def __init__(self) -> None:
        self.all: list[Call] = []
        self.watchers: list[Callable[[Call], None]] = []
        """Told of each call once it is over."""

    def __iter__(self) -> Iterator[Call]:
        return iter(self.all)

    def __len__(self) -> int:
        return len(self.all)

    def end(self, call: Call) -> None:
        call.seconds = time.monotonic() - call.moment
        for watcher in list(self.watchers):
            watcher(call)

    def of(self, method: str) -> list[Call]:
        return [call for call in self.all if call.method == method]

    def count(self, method: str | None = None, *, outcome: str | None = None) -> int:
        return sum(method in {None, call.method} and outcome in {None, call.outcome} for call in self.all)

    def counters(self) -> dict[tuple[str, str], int]:
        """Calls by method and outcome."""
        counts: dict[tuple[str, str], int] = {}
        for call in self.all:
            key = (call.method, call.outcome)
            counts[key] = counts.get(key, 0) + 1
        return counts

    def clear(self) -> None:
        self.all.clear()
