"""Token buckets: 20 calls a second for sso-admin together, and for each Identity Store API."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bot.sandbox.aws.errors import throttled

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(slots=True)
class _Bucket:
    tokens: float
    filled_at: float


class Throttle:
    """Counts in real time, because callers do: a test's clock may stand still."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._buckets: dict[str, _Bucket] = {}

    def take(self, service: str, operation: str, rate: float) -> None:
        """Raises ThrottlingException when the bucket is empty. A full bucket holds one second."""
        if service not in {"sso-admin", "identitystore"}:
            return
        name = service if service == "sso-admin" else f"{service}:{operation}"
        now = self._monotonic()
        bucket = self._buckets.setdefault(name, _Bucket(rate, now))
        bucket.tokens = min(rate, bucket.tokens + (now - bucket.filled_at) * rate)
        bucket.filled_at = now
        if bucket.tokens < 1.0:
            raise throttled()
        bucket.tokens -= 1.0
