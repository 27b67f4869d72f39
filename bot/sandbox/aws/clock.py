"""A clock that stands still until it is moved."""

from __future__ import annotations


class ManualClock:
    """Epoch seconds, starting on 1 June 2026. Call `AwsDouble.settle` (or any API) after moving it."""

    def __init__(self, now: float = 1_780_272_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds
