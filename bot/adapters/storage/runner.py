"""Runs transactions off the event loop: two lanes, threads, and one commit for those that wait."""

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from threading import Lock, Thread
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from bot.adapters.storage.dialect import Dialect
from bot.adapters.storage.lanes import Lanes
from bot.adapters.storage.rows import note_writes
from bot.adapters.storage.tx import SqlTx
from bot.domain.errors import Code, Unavailable
from bot.ports.clock import Clock

T = TypeVar("T")

RERUNS = 10
"""How often a transaction is run again that lost against others; each time at least one of them has won."""


class _LostEarly(Exception):
    """The server ended the connection before the commit was asked for: nothing has happened for certain."""


class _OneFailed(Exception):
    """One of several that shared a transaction raised: they are run again, each in a savepoint."""


class _Claim:
    """Settles between a thread that begins and a caller who gives up: exactly one of them has its way."""

    __slots__ = ("_begun", "_lock", "_withdrawn")

    def __init__(self) -> None:
        self._lock = Lock()
        self._begun = False
        self._withdrawn = False

    def begin(self) -> bool:
        """False: the caller has gone, nothing may be done any more. Begun once, it stays begun."""
        with self._lock:
            self._begun = not self._withdrawn
            return self._begun

    def withdraw(self) -> bool:
        """False: it has begun, and its outcome has to be waited for."""
        with self._lock:
            self._withdrawn = not self._begun
            return self._withdrawn


@dataclass(frozen=True, slots=True, kw_only=True)
class _Job:
    claim: _Claim = field(default_factory=_Claim)
    function: Callable[[SqlTx], Any]
    future: Future[Any]
    loop: asyncio.AbstractEventLoop
    queued_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ending:
    """How one function ended: told to its caller only after the commit that it shares with others."""

    result: Any = None
    error: BaseException | None = None
    poked: bool = False


class Runner:
    """The threads that talk to the database.

    Functions that somebody waits for with a deadline (`within`) go ahead of the others, and never share a
    transaction with them. Where only one connection writes (SQLite), one thread serves both lanes; elsewhere
    some threads, and so some connections, are kept for those who are ahead.

    The functions that wait in one lane share one transaction: one sync to disk for all of them. Should one of
    them raise, all are undone and run again, each in a savepoint of its own; savepoints from the start would
    cost a third of a short transaction. A commit that fails fails for all, also for those who were refused by
    what then was not committed. Behind, on PostgreSQL, each has its own transaction: two that lock the same rows
    in another order must not hold them for the time of a whole batch.
    """

    def __init__(
        self, dialect: Dialect, engine: Engine, clock: Clock, on_poke: Callable[[], None] | None
    ) -> None:
        self._dialect = dialect
        self._engine = engine
        self._clock = clock
        self._on_poke = on_poke
        event.listen(engine, "before_cursor_execute", note_writes)
        self._lanes: Lanes[_Job] = Lanes(batch=dialect.batch)
        self._threads: list[Thread] = []
        self._is_open = False
        self._is_down = False

    def start(self) -> None:
        self._lanes = Lanes(batch=self._dialect.batch)
        ahead, both = self._dialect.threads_ahead, self._dialect.one_process
        serve = [self._serve_ahead] * ahead
        serve += [self._serve_both if both else self._serve_behind] * (self._dialect.threads - ahead)
        self._threads = [
            Thread(target=each, name=f"store-{number}", daemon=True) for number, each in enumerate(serve)
        ]
        for thread in self._threads:
            thread.start()
        self._is_open = True

    async def close(self) -> None:
        """Finish what waits, then end the threads. Nothing is accepted meanwhile."""
        self._is_open = False
        self._lanes.close()
        for thread in self._threads:
            await asyncio.to_thread(thread.join)
        self._threads = []

    async def run(self, function: Callable[[SqlTx], T], *, within: timedelta | None = None) -> T:
        """Run a function in a transaction; raises what it raised, or `Unavailable`.

        One that could not begin `within` that time is withdrawn for good: then nothing has happened.

        A caller that is cancelled stops waiting: a transaction that has not begun never will, one that has
        begun commits or not as if nothing had happened.
        """
        if not self._is_open:
            raise Unavailable(Code.STORE_UNAVAILABLE)
        future: Future[T] = Future()
        job = _Job(
            function=function, future=future, loop=asyncio.get_running_loop(), queued_at=time.monotonic()
        )
        self._lanes.put(job, ahead=within is not None)
        outcome = asyncio.wrap_future(future)
        if within is None:
            return await outcome
        done, _ = await asyncio.wait((outcome,), timeout=within.total_seconds())
        if not done and job.claim.withdraw():
            outcome.add_done_callback(_forget)
            raise Unavailable(Code.STORE_UNAVAILABLE)
        return await outcome

    def _serve_both(self) -> None:
        while taken := self._lanes.take():
            self._settle(taken)

    def _serve_ahead(self) -> None:
        while taken := self._lanes.take_ahead():
            self._settle(taken)
            self._lanes.done_ahead()

    def _serve_behind(self) -> None:
        while taken := self._lanes.take_behind():
            self._settle(taken)
            self._lanes.done_behind()

    def _settle(self, taken: Sequence[_Job]) -> None:
        """Run some jobs and tell their callers.

        While the database is down, whoever has waited long enough already is told so without another try:
        a queue that formed behind a time-out must not wait for one time-out each.
        """
        jobs = [job for job in taken if job.future.set_running_or_notify_cancel()]
        fresh = list(jobs)
        if self._is_down:
            too_old = time.monotonic() - self._dialect.patience.total_seconds()
            fresh = [job for job in jobs if job.queued_at >= too_old]
            for job in jobs:
                if job.queued_at < too_old:
                    job.future.set_exception(Unavailable(Code.STORE_UNAVAILABLE))
        if fresh:
            self._try(fresh)

    def _try(self, fresh: Sequence[_Job]) -> None:
        try:
            endings = self._commit(fresh)
            self._is_down = False
        except BaseException as exc:  # noqa: BLE001 -- whatever it is, it belongs to the caller who waits
            self._is_down = self._is_outage(exc)
            if self._is_down and self._dialect.one_process:
                self._engine.dispose()  # the next transaction opens the file afresh
            endings = [_Ending(error=self._translated(exc)) for _ in fresh]
        if self._on_poke is not None and any(ending.poked for ending in endings):
            with suppress(RuntimeError):  # the loop is gone, and with it whoever would have been woken
                fresh[0].loop.call_soon_threadsafe(self._on_poke)
        for job, ending in zip(fresh, endings, strict=True):
            if ending.error is None:
                job.future.set_result(ending.result)
            else:
                job.future.set_exception(ending.error)

    def _commit(self, jobs: Sequence[_Job]) -> list[_Ending]:
        if len(jobs) > 1:
            with suppress(_OneFailed):
                return self._persist(partial(self._transaction, jobs, self._for_all))
            return self._persist(partial(self._transaction, jobs, self._in_savepoint))
        return self._persist(partial(self._transaction, jobs, self._call))

    def _persist(self, transaction: Callable[[], list[_Ending]]) -> list[_Ending]:
        for _ in range(RERUNS):
            try:
                return transaction()
            except _LostEarly:
                continue  # all connections were dropped with it; a server that is away refuses the next one
            except DBAPIError as exc:
                if not self._dialect.is_worth_rerunning(exc):
                    raise
        raise Unavailable(Code.STORE_UNAVAILABLE)

    def _transaction(
        self, jobs: Sequence[_Job], call: Callable[[Connection, _Job], _Ending]
    ) -> list[_Ending]:
        with self._engine.begin() as connection:
            try:
                return [call(connection, job) for job in jobs]
            except DBAPIError as exc:
                if exc.connection_invalidated and not self._dialect.one_process:
                    raise _LostEarly from exc
                raise

    def _for_all(self, connection: Connection, job: _Job) -> _Ending:
        try:
            return self._call(connection, job)
        except Exception as exc:
            if self._concerns_all(exc):
                raise
            raise _OneFailed from exc

    def _in_savepoint(self, connection: Connection, job: _Job) -> _Ending:
        savepoint = connection.begin_nested()
        try:
            ending = self._call(connection, job)
        except Exception as exc:
            if self._concerns_all(exc):
                raise
            savepoint.rollback()
            return _Ending(error=exc)
        savepoint.commit()
        return ending

    def _concerns_all(self, error: Exception) -> bool:
        """After a full disk, for one, SQLite has undone the whole transaction by itself; so does a deadlock."""
        if isinstance(error, DBAPIError) and self._dialect.is_worth_rerunning(error):
            return True
        return self._is_outage(error)

    def _call(self, connection: Connection, job: _Job) -> _Ending:
        # The one place that says what time it is for the store. Once replicas must not compare their own
        # clocks, the database is asked here (clock_timestamp() on PostgreSQL).
        if not job.claim.begin():
            return _Ending(error=Unavailable(Code.STORE_UNAVAILABLE))
        tx = SqlTx(connection, self._clock.now())
        try:
            return _Ending(result=job.function(tx), poked=tx.poked)
        except StopIteration as exc:
            # asyncio's futures refuse to carry it, and the caller would wait for ever (as in PEP 479).
            raise RuntimeError("a transaction raised StopIteration") from exc

    def _is_outage(self, error: BaseException) -> bool:
        if isinstance(error, DBAPIError):
            return self._dialect.is_outage(error)
        return isinstance(error, PoolTimeout)

    def _translated(self, error: BaseException) -> BaseException:
        if not self._is_outage(error):
            return error
        unavailable = Unavailable(Code.STORE_UNAVAILABLE)
        unavailable.__cause__ = error
        return unavailable


def _forget(outcome: "asyncio.Future[Any]") -> None:
    """Nobody waits for it any more; looking at its error keeps asyncio from complaining."""
    if not outcome.cancelled():
        outcome.exception()
