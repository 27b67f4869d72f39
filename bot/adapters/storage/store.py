"""The store: opens the database, and hands transactions and work to whoever asks."""

import asyncio
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from sqlalchemy import delete, func, select, update

from bot.adapters.storage import schema, tables
from bot.adapters.storage import work as work_rows
from bot.adapters.storage.codec import instant
from bot.adapters.storage.dialect import dialect_for, insert_or_replace
from bot.adapters.storage.runner import Runner
from bot.adapters.storage.tx import SqlTx
from bot.log import get_logger
from bot.ports.clock import Clock
from bot.ports.store import Backlog, Tx, Work, WorkKind

T = TypeVar("T")

log = get_logger(__name__)

PATIENCE = timedelta(seconds=5)
"""How long one caller waits in the queue, and one transaction for the database."""

_held_work: ContextVar[Work | None] = ContextVar("held_work", default=None)


class SqlStore:
    """Implements `ports.store.Store` on SQLite and PostgreSQL.

    `on_poke` is called in the event loop after a commit that gave the worker something to look at.
    Raises `Misconfigured` for an address that cannot be used.
    """

    def __init__(
        self,
        url: str,
        *,
        clock: Clock,
        on_poke: Callable[[], None] | None = None,
        patience: timedelta = PATIENCE,
    ) -> None:
        self._dialect = dialect_for(url, patience)
        self._engine = self._dialect.engine()
        self._runner = Runner(self._dialect, self._engine, clock, on_poke)
        self._held = ExitStack()

    @property
    def serves_alone(self) -> bool:
        """Whether no other process can serve from the same database."""
        return self._dialect.one_process

    async def open(self, *, serving: bool = True) -> None:
        """Get ready. A serving store migrates the schema; any other one only looks whether it fits.

        On SQLite a serving store also keeps other processes from serving, and gives back the leases that the
        last one held. Raises `Misconfigured`, or `Unavailable` when the database does not answer.
        """
        await asyncio.to_thread(self._open, serving)
        self._runner.start()

    def _open(self, serving: bool) -> None:
        with ExitStack() as stack, schema.outages(self._dialect):
            stack.callback(self._engine.dispose)
            if serving:
                stack.enter_context(self._dialect.serve_alone())
                schema.upgrade(self._dialect, self._engine)
                self._take_over()
            else:
                schema.check(self._dialect, self._engine)
            self._held = stack.pop_all()

    def _take_over(self) -> None:
        with self._engine.begin() as connection:
            if self._dialect.one_process:
                work_rows.void_leases(connection)
            for kind in work_rows.unknown_kinds(connection):
                log.warning("work_of_unknown_kind", kind=kind)

    async def close(self) -> None:
        """Finish the transactions that wait, then let go of the database."""
        await self._runner.close()
        await asyncio.to_thread(self._held.close)

    async def run(self, transaction: Callable[[Tx], T], *, within: timedelta | None = None) -> T:
        work = _held_work.get()
        if work is None:
            return await self._runner.run(transaction, within=within)

        def under_lease(tx: SqlTx) -> T:
            result = transaction(tx)
            # Last, so that the lease's row is locked after the others, in the order in which a poke does it.
            # Reading needs no lease: what comes of it is stored, or done, under one.
            if tx.has_written:
                tx.hold(work)
            return result

        return await self._runner.run(under_lease, within=within)

    @contextmanager
    def holding(self, work: Work) -> Iterator[None]:
        """Tasks started inside inherit it: it belongs to the context, not to the store."""
        token = _held_work.set(work)
        try:
            yield
        finally:
            _held_work.reset(token)

    async def claim(
        self, *, at_most: int, lease_for: timedelta, kinds: Collection[WorkKind] = tuple(WorkKind)
    ) -> Sequence[Work]:
        def claim(tx: SqlTx) -> Sequence[Work]:
            return work_rows.claim(
                tx.connection, tx.now, at_most=at_most, lease_for=lease_for, kinds=tuple(kinds)
            )

        return await self._runner.run(claim)

    async def renew(self, work: Work, *, lease_for: timedelta) -> bool:
        return await self._runner.run(
            lambda tx: work_rows.renew(tx.connection, tx.now, work, lease_for=lease_for)
        )

    async def finish(self, work: Work, *, again_at: datetime | None = None) -> None:
        def finish(tx: SqlTx) -> None:
            tx.poked = work_rows.finish(tx.connection, work, again_at=again_at)

        await self._runner.run(finish)

    async def fail(self, work: Work, *, again_at: datetime, error: str) -> None:
        def fail(tx: SqlTx) -> None:
            tx.poked = work_rows.fail(tx.connection, work, again_at=again_at, error=error)

        await self._runner.run(fail)

    async def due(self) -> Mapping[WorkKind, datetime]:
        return await self._runner.run(lambda tx: work_rows.due(tx.connection))

    async def backlog(self, *, within: timedelta) -> Backlog:
        """How far the work is behind, of all replicas together; raises `Unavailable` if it has to wait longer."""
        return await self._runner.run(lambda tx: work_rows.backlog(tx.connection, tx.now), within=within)

    async def clock_behind(self) -> timedelta:
        """How far this machine's clock is behind the database's; zero where the database has no own clock."""
        if self._dialect.one_process:
            return timedelta(0)

        def compare(tx: SqlTx) -> timedelta:
            asked = datetime.now(UTC)
            theirs = instant(tx.connection.execute(select(func.clock_timestamp())).scalar_one())
            answered = datetime.now(UTC)
            return theirs - (asked + (answered - asked) / 2)

        return await self._runner.run(compare)

    async def check_in(self, replica: str, *, alive_for: timedelta) -> int:
        def check_in(tx: SqlTx) -> int:
            table = tables.replicas
            mine = insert_or_replace(tx.connection.dialect.name, table)
            tx.connection.execute(mine, {"name": replica, "seen_at": tx.now})
            tx.connection.execute(delete(table).where(table.c.seen_at < tx.now - alive_for))
            return tx.connection.execute(select(func.count()).select_from(table)).scalar_one()

        return await self._runner.run(check_in)

    async def check_out(self, replica: str) -> None:
        gone = delete(tables.replicas).where(tables.replicas.c.name == replica)
        await self._runner.run(lambda tx: tx.connection.execute(gone))

    async def ping(self) -> None:
        """A real write: a database that can only be read is no use."""
        counter = tables.counters.c
        count = update(tables.counters).where(counter.name == "ping").values(value=counter.value + 1)

        def ping(tx: SqlTx) -> None:
            tx.connection.execute(count)

        await self._runner.run(ping)
