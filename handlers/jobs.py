"""Background work that a listener starts after its ack: owned, bounded, drained on the way out.

Only what may be lost runs here (filling a form, answering a self-check); whatever must survive a kill is a
row in the store.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from secrets import token_hex
from typing import Any

from bot.domain.errors import AccessError, Code, CorruptRow, Refusal
from bot.log import get_logger

log = get_logger(__name__)

LONGEST = 60.0
"""Seconds; the person who waits for a form or an answer has long given up by then."""


Tell = Callable[[AccessError], Awaitable[None]]
"""Says an error to the person who waits."""


class Jobs:
    """Keeps a strong reference to every task until it is done."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, job: Coroutine[Any, Any, None], *, name: str, tell: Tell | None = None) -> None:
        """Run a job in the background.

        An error in it is a bug: it is logged whole, and `tell` says its incident id to the person who waits.
        """
        task = asyncio.create_task(self._bounded(job, name, tell), name=name)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    async def drain(self, seconds: float) -> None:
        """Let what runs finish within the time-out, then cancel it."""
        if not self._tasks:
            return
        _, late = await asyncio.wait(self._tasks, timeout=seconds)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late)

    @staticmethod
    async def _bounded(job: Coroutine[Any, Any, None], name: str, tell: Tell | None) -> None:
        try:
            async with asyncio.timeout(LONGEST):
                await job
        except Exception as error:  # noqa: BLE001 -- the one place where a bug after an ack ends
            incident = error.incident if isinstance(error, CorruptRow) else token_hex(4)
            log.bug("job_failed", error, job=name, incident=incident)
            if tell is not None:
                await tell(Refusal(Code.INCIDENT, incident=incident))

    def _done(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.bug("incident_not_told", error, job=task.get_name())
