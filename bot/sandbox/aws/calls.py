"""A log of every call that reached the simulator, and the peaks that limits are about."""

from __future__ import annotations

import time
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(slots=True, kw_only=True)
class Call:
    service: str
    operation: str
    parameters: dict[str, Any]
    at: float
    """On the organisation's clock."""
    moment: float
    """Monotonic seconds of this machine, for rates."""
    seconds: float | None = None
    """How long the answer took."""
    caller: str = ""
    account: str = ""
    outcome: str | None = None
    """"ok", an error code, "HTTP 500", "dropped"; None while it is being answered."""


@dataclass(slots=True)
class CallLog:
    """`counts` is by (service, operation), refused calls included."""

    entries: list[Call] = field(default_factory=list)
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    in_flight: Counter[str] = field(default_factory=Counter)
    most_in_flight: Counter[str] = field(default_factory=Counter)
    monotonic: Callable[[], float] = time.monotonic
    watchers: list[Callable[[Call], None]] = field(default_factory=list)
    """Told of each call once it is over."""

    def begin(self, service: str, operation: str, parameters: dict[str, Any], at: float) -> Call:
        call = Call(
            service=service, operation=operation, parameters=parameters, at=at, moment=self.monotonic()
        )
        self.entries.append(call)
        self.counts[service, operation] += 1
        for name in (service, "*"):
            self.in_flight[name] += 1
            self.most_in_flight[name] = max(self.most_in_flight[name], self.in_flight[name])
        return call

    def end(self, call: Call, outcome: str) -> None:
        call.outcome = outcome
        call.seconds = self.monotonic() - call.moment
        for name in (call.service, "*"):
            self.in_flight[name] -= 1
        for watcher in list(self.watchers):
            watcher(call)

    def of(self, service: str, operation: str | None = None) -> list[Call]:
        return [
            call for call in self.entries if call.service == service and operation in {None, call.operation}
        ]

    def count(self, service: str, operation: str | None = None) -> int:
        if operation is not None:
            return self.counts[service, operation]
        return sum(number for (name, _), number in self.counts.items() if name == service)

    def operations(self, service: str) -> list[str]:
        """The names of the calls in the order in which they came."""
        return [call.operation for call in self.of(service)]

    def peak_per_second(self, service: str, operation: str | None = None) -> int:
        """The most calls that arrived within any one second, throttled ones included."""
        window: deque[float] = deque()
        peak = 0
        for call in self.of(service, operation):
            window.append(call.moment)
            while window[0] <= call.moment - 1.0:
                window.popleft()
            peak = max(peak, len(window))
        return peak

    def peak_in_flight(self, service: str = "*") -> int:
        return self.most_in_flight[service]

    def clear(self) -> None:
        """Forget what is over; calls still being answered stay counted as in flight."""
        self.entries.clear()
        self.counts.clear()
        self.most_in_flight = Counter(self.in_flight)
