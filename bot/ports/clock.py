"""The time, as everything but the domain asks for it."""

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """Wall-clock time; a movable one serves the tests and the sandbox."""

    def now(self) -> datetime:
        """The present instant, aware, in UTC."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Pause for back-off and polling."""
        ...
