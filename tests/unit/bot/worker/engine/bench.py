"""What the tests of the engine share: a database, a clock, handlers, and an engine at work."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bot.adapters.storage.store import SqlStore
from bot.ports.store import Store, Work, WorkKind
from bot.worker.engine import Engine, Handler
from tests.fakes.clock import FakeClock

SOON = timedelta(minutes=1)
PATIENCE = 5.0
"""Seconds after which a test gives up; nothing waits that long."""


@dataclass
class Bench:
    """A database, a clock, and the event that wakes the engine."""

    database: SqlStore
    clock: FakeClock
    wake: asyncio.Event
    done: asyncio.Event = field(default_factory=asyncio.Event)
    seen: list[Work] = field(default_factory=list)
    incidents: list[tuple[str, str]] = field(default_factory=list)
    """The pieces of work that ran into a bug, and the id that people were told."""

    def engine(self, handler: Handler | None, *, store: Store | None = None) -> Engine:
        handlers = {} if handler is None else {WorkKind.PREPARE: handler}
        return Engine(
            store=store or self.database,
            clock=self.clock,
            handlers=handlers,
            wake=self.wake,
            on_bug=self._tell,
        )

    async def _tell(self, work: Work, incident: str) -> None:
        self.incidents.append((work.key, incident))

    async def poke(self, key: str = "1", *, due_at: datetime | None = None) -> None:
        await self.database.run(lambda tx: tx.poke(WorkKind.PREPARE, key, due_at=due_at))

    async def due(self) -> datetime | None:
        return min((await self.database.due()).values(), default=None)

    def raising(self, *errors: Exception | None) -> Handler:
        """A handler that ends like this, one after the other; the last time it says that it is done."""
        left = list(errors)

        async def handle(work: Work) -> datetime | None:
            self.seen.append(work)
            error = left.pop(0) if left else None
            if not left:
                self.done.set()
            if error is not None:
                raise error
            return None

        return handle


@asynccontextmanager
async def running(engine: Engine) -> AsyncIterator[None]:
    """The engine at work; on the way out it has come to rest."""
    task = asyncio.create_task(engine.run())
    try:
        async with asyncio.timeout(PATIENCE):
            yield
    finally:
        engine.stop()
        await engine.drain(1)
        async with asyncio.timeout(PATIENCE):
            await task
