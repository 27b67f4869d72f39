"""The loop that claims due work, runs it under a lease, and puts it back."""

import asyncio
import logging
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from bot.adapters.storage.store import SqlStore
from bot.domain.errors import Code, Conflict, CorruptRow, NotFound, Unavailable
from bot.ports.store import Store, Tx, Work, WorkKind
from bot.worker import engine as engine_module
from bot.worker.engine import LONGEST_BACK_OFF, Engine, Handler, back_off
from tests.fakes.clock import NOON, FakeClock
from tests.fakes.crashes import BreakableStore, Breaker

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


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    clock, wake = FakeClock(), asyncio.Event()
    database = SqlStore(f"sqlite:///{tmp_path / 'engine.db'}", clock=clock, on_poke=wake.set)
    await database.open()
    yield Bench(database, clock, wake)
    await database.close()


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


async def test_due_work_is_done_once_and_gone(bench: Bench) -> None:
    await bench.poke()

    async with running(bench.engine(bench.raising(None))):
        await bench.done.wait()

    assert [work.key for work in bench.seen] == ["1"]
    assert await bench.due() is None


async def test_work_that_is_poked_while_the_engine_waits_is_done_at_once(bench: Bench) -> None:
    async with running(bench.engine(bench.raising(None))):
        await asyncio.sleep(0)
        await bench.poke()
        await bench.done.wait()

    assert len(bench.seen) == 1


async def test_work_for_later_is_left_alone(bench: Bench) -> None:
    await bench.poke("later", due_at=NOON + SOON)
    await bench.poke("now")

    async with running(bench.engine(bench.raising(None))):
        await bench.done.wait()

    assert [work.key for work in bench.seen] == ["now"]
    assert await bench.due() == NOON + SOON


async def test_work_comes_back_when_its_handler_says(bench: Bench) -> None:
    async def handle(work: Work) -> datetime | None:
        bench.seen.append(work)
        bench.done.set()
        return NOON + SOON

    await bench.poke()

    async with running(bench.engine(handle)):
        await bench.done.wait()

    assert len(bench.seen) == 1
    assert await bench.due() == NOON + SOON


async def test_work_that_is_poked_while_it_is_done_is_done_again(bench: Bench) -> None:
    async def handle(work: Work) -> datetime | None:
        bench.seen.append(work)
        if len(bench.seen) == 1:
            await bench.poke()
        else:
            bench.done.set()
        return None

    await bench.poke()

    async with running(bench.engine(handle)):
        await bench.done.wait()

    assert len(bench.seen) == 2
    assert await bench.due() is None


async def test_a_kind_that_nobody_here_knows_is_kept_for_whoever_does(bench: Bench) -> None:
    await bench.poke()

    failed = asyncio.Event()

    class Watched(BreakableStore):
        async def fail(self, work: Work, *, again_at: datetime, error: str) -> None:
            await super().fail(work, again_at=again_at, error=error)
            failed.set()

    async with running(bench.engine(None, store=Watched(bench.database, Breaker()))):
        await failed.wait()

    assert await bench.due() == NOON + LONGEST_BACK_OFF


@pytest.mark.parametrize(
    "error",
    [
        Unavailable(Code.AWS_UNAVAILABLE),
        Conflict(Code.CONFLICT),
        NotFound(Code.NOT_FOUND),
        ValueError("a bug"),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_work_that_failed_is_kept_and_backs_off(bench: Bench, error: Exception) -> None:
    await bench.poke()

    async with running(bench.engine(bench.raising(error))):
        await bench.done.wait()

    assert await bench.due() == NOON + timedelta(seconds=0.5)


async def test_whoever_waits_for_work_with_a_bug_is_told_the_id_that_the_log_carries(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    await bench.poke("1")
    await bench.poke("2")

    with caplog.at_level(logging.ERROR):
        async with running(bench.engine(bench.raising(ValueError("a bug"), Conflict(Code.CONFLICT)))):
            await bench.done.wait()

    ((key, incident),) = bench.incidents
    assert key == "1"
    (record,) = [each for each in caplog.records if each.getMessage() == "work_bug"]
    assert incident in str(record.__dict__)


async def test_a_row_that_cannot_be_read_has_the_incident_that_stands_in_the_log(bench: Bench) -> None:
    corrupt = CorruptRow("requests", 1)
    await bench.poke("1")
    await bench.poke("2")

    async with running(bench.engine(bench.raising(corrupt, Conflict(Code.CONFLICT)))):
        await bench.done.wait()

    assert bench.incidents == [("1", corrupt.incident)]


async def test_a_bug_that_nobody_could_be_told_of_is_kept_all_the_same(bench: Bench) -> None:
    async def cannot(work: Work, incident: str) -> None:
        raise Unavailable(Code.STORE_UNAVAILABLE)

    engine = bench.engine(bench.raising(ValueError("a bug")))
    engine.on_bug = cannot
    await bench.poke()

    async with running(engine):
        await bench.done.wait()

    assert await bench.due() == NOON + timedelta(seconds=0.5)


async def test_the_back_off_grows_from_try_to_try(bench: Bench) -> None:
    await bench.poke()
    waits = []
    for _ in range(3):
        bench.done.clear()
        async with running(bench.engine(bench.raising(Unavailable(Code.AWS_UNAVAILABLE)))):
            await bench.done.wait()
        due = await bench.due()
        assert due is not None
        waits.append((due - bench.clock.now()).total_seconds())
        bench.clock.set(due)

    assert waits == [0.5, 1, 2]


@pytest.mark.parametrize(
    ("attempts", "seconds"), [(0, 0.5), (1, 0.5), (2, 1), (3, 2), (9, 128), (11, 300), (10_000, 300)]
)
def test_the_back_off_doubles_up_to_five_minutes(attempts: int, seconds: float) -> None:
    assert back_off(attempts) == timedelta(seconds=seconds)


@pytest.mark.parametrize(("asked", "seconds"), [(120, 120), (0, 0.5)])
async def test_who_says_when_to_come_back_is_listened_to(bench: Bench, asked: int, seconds: float) -> None:
    await bench.poke()
    error = Unavailable(Code.SLACK_UNAVAILABLE, retry_after=asked)

    async with running(bench.engine(bench.raising(error))):
        await bench.done.wait()

    assert await bench.due() == NOON + timedelta(seconds=seconds)


async def test_one_piece_that_fails_keeps_no_other_from_being_done(bench: Bench) -> None:
    for key in ("1", "2", "3"):
        await bench.poke(key)

    async with running(bench.engine(bench.raising(ValueError("a bug"), None, None))):
        await bench.done.wait()

    assert sorted(work.key for work in bench.seen) == ["1", "2", "3"]


async def test_pieces_of_work_run_side_by_side(bench: Bench) -> None:
    together = asyncio.Barrier(3)

    async def handle(work: Work) -> datetime | None:
        await together.wait()
        bench.seen.append(work)
        if len(bench.seen) == 3:
            bench.done.set()
        return None

    for key in ("1", "2", "3"):
        await bench.poke(key)

    async with running(bench.engine(handle)):
        await bench.done.wait()

    assert await bench.due() is None


# Leases


async def test_a_lost_lease_stops_the_work_at_once(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_module, "LEASE", timedelta(milliseconds=30))
    begun, stopped = asyncio.Event(), asyncio.Event()

    async def handle(work: Work) -> datetime | None:
        begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            stopped.set()
            raise
        return None

    await bench.poke()
    store = BreakableStore(bench.database, Breaker())
    async with running(bench.engine(handle, store=store)):
        await begun.wait()
        bench.clock.advance(SOON)
        (elsewhere,) = await bench.database.claim(at_most=1, lease_for=timedelta(hours=1))
        await stopped.wait()

    assert elsewhere.key == "1"
    assert await bench.due() == NOON + SOON + timedelta(hours=1)


async def test_a_lease_is_kept_as_long_as_the_work_takes(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_module, "LEASE", timedelta(milliseconds=30))
    renewed = asyncio.Event()

    class Counting(BreakableStore):
        async def renew(self, work: Work, *, lease_for: timedelta) -> bool:
            held = await super().renew(work, lease_for=lease_for)
            renewed.set()
            return held

    async def handle(work: Work) -> datetime | None:
        await renewed.wait()
        bench.done.set()
        return None

    await bench.poke()
    async with running(bench.engine(handle, store=Counting(bench.database, Breaker()))):
        await bench.done.wait()

    assert await bench.due() is None


async def test_a_database_that_does_not_answer_costs_no_lease(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_module, "LEASE", timedelta(milliseconds=30))
    asked_often = asyncio.Event()

    class Silent(BreakableStore):
        async def renew(self, work: Work, *, lease_for: timedelta) -> bool:
            self.breaker.count += 1
            if self.breaker.count >= 3:
                asked_often.set()
            raise Unavailable(Code.STORE_UNAVAILABLE)

    async def handle(work: Work) -> datetime | None:
        bench.seen.append(work)
        await asked_often.wait()
        bench.done.set()
        return None

    await bench.poke()
    async with running(bench.engine(handle, store=Silent(bench.database, Breaker()))):
        await bench.done.wait()

    assert len(bench.seen) == 1
    assert await bench.due() is None


async def test_a_store_that_is_away_is_waited_for(bench: Bench) -> None:
    asked = asyncio.Event()

    class Away(BreakableStore):
        async def claim(
            self, *, at_most: int, lease_for: timedelta, kinds: Collection[WorkKind] = tuple(WorkKind)
        ) -> Sequence[Work]:
            if not asked.is_set():
                asked.set()
                raise Unavailable(Code.STORE_UNAVAILABLE)
            return await super().claim(at_most=at_most, lease_for=lease_for, kinds=kinds)

    await bench.poke()

    async with running(bench.engine(bench.raising(None), store=Away(bench.database, Breaker()))):
        await asked.wait()
        bench.wake.set()
        await bench.done.wait()

    assert len(bench.seen) == 1


async def test_work_is_kept_though_nobody_can_be_told_of_its_bug(bench: Bench) -> None:
    async def untellable(work: Work, incident: str) -> None:
        bench.done.set()
        raise CorruptRow("clicks", work.key)

    await bench.poke()
    engine = bench.engine(bench.raising(ValueError("a bug"), None))
    engine.on_bug = untellable

    async with running(engine):
        await bench.done.wait()
        engine.stop()

    assert await bench.due() == NOON + back_off(1)


async def test_the_engine_goes_on_after_it_could_not_read_what_is_due(bench: Bench) -> None:
    class Damaged(BreakableStore):
        failures = 2

        async def due(self) -> Mapping[WorkKind, datetime]:
            if self.failures:
                self.failures -= 1
                bench.wake.set()
                raise CorruptRow("work", "click")
            return await self.store.due()

    await bench.poke()

    async with running(bench.engine(bench.raising(None), store=Damaged(bench.database, Breaker()))):
        await bench.done.wait()

    assert len(bench.seen) == 1


async def test_work_whose_end_could_not_be_stored_comes_back(bench: Bench) -> None:
    class Forgetful(BreakableStore):
        async def finish(self, work: Work, *, again_at: datetime | None = None) -> None:
            raise Unavailable(Code.STORE_UNAVAILABLE)

    await bench.poke()

    async with running(bench.engine(bench.raising(None), store=Forgetful(bench.database, Breaker()))):
        await bench.done.wait()

    due = await bench.due()
    assert due is not None
    assert due <= NOON + engine_module.LEASE


# Stopping


@asynccontextmanager
async def stuck(bench: Bench) -> AsyncIterator[tuple[Engine, asyncio.Event, "asyncio.Task[None]"]]:
    """An engine whose handler goes on until it is allowed to end."""
    may_end, begun = asyncio.Event(), asyncio.Event()

    async def handle(work: Work) -> datetime | None:
        begun.set()
        await may_end.wait()
        bench.seen.append(work)
        return None

    await bench.poke()
    engine = bench.engine(handle)
    task = asyncio.create_task(engine.run())
    async with asyncio.timeout(PATIENCE):
        await begun.wait()
        yield engine, may_end, task
        await task


async def test_what_runs_is_finished_before_the_engine_has_stopped(bench: Bench) -> None:
    async with stuck(bench) as (engine, may_end, task):
        engine.stop()
        await asyncio.sleep(0)
        assert not task.done()
        may_end.set()
        await engine.drain(PATIENCE)

    assert len(bench.seen) == 1
    assert await bench.due() is None


async def test_what_takes_too_long_is_handed_over_at_once(bench: Bench) -> None:
    async with stuck(bench) as (engine, _, task):
        engine.stop()
        await engine.drain(0.01)
        await asyncio.wait([task], timeout=1)
        assert task.done()

    assert bench.seen == []
    assert await bench.due() == NOON


async def test_nothing_is_claimed_once_the_engine_was_stopped(bench: Bench) -> None:
    engine = bench.engine(bench.raising(None))
    engine.stop()
    await bench.poke()

    await engine.run()
    await engine.drain(1)

    assert bench.seen == []


async def test_work_claimed_while_the_engine_stops_is_handed_over_too(bench: Bench) -> None:
    claiming, may_claim = asyncio.Event(), asyncio.Event()

    class Slow(BreakableStore):
        async def claim(
            self, *, at_most: int, lease_for: timedelta, kinds: Collection[WorkKind] = tuple(WorkKind)
        ) -> Sequence[Work]:
            claimed = await self.store.claim(at_most=at_most, lease_for=lease_for, kinds=kinds)
            claiming.set()
            await may_claim.wait()
            return claimed

    async def handle(work: Work) -> datetime | None:
        await asyncio.Event().wait()
        return None

    await bench.poke()
    engine = bench.engine(handle, store=Slow(bench.database, Breaker()))
    task = asyncio.create_task(engine.run())
    await claiming.wait()

    engine.stop()
    drained = asyncio.create_task(engine.drain(0.01))
    await asyncio.sleep(0)
    may_claim.set()
    await drained
    finished, unfinished = await asyncio.wait([task], timeout=0.1)
    for each in unfinished:
        await engine.drain(0)
        await asyncio.wait([each])

    assert finished == {task}


@pytest.mark.parametrize(
    "kind", [WorkKind.VERIFY, WorkKind.PREPARE, WorkKind.MESSAGE, WorkKind.PERMISSION_SET]
)
async def test_a_crowd_of_others_keeps_nobodys_click_waiting(bench: Bench, kind: WorkKind) -> None:
    release = asyncio.Event()
    clicked = asyncio.Event()

    async def wait(work: Work) -> datetime | None:
        await release.wait()
        return None

    async def click(work: Work) -> datetime | None:
        clicked.set()
        return None

    def crowd(tx: Tx) -> None:
        for number in range(100):
            tx.poke(kind, str(number), due_at=tx.now - timedelta(seconds=1))
        tx.poke(WorkKind.CLICK, "1")

    await bench.database.run(crowd)
    engine = bench.engine(wait)
    engine.handlers = {kind: wait, WorkKind.CLICK: click}
    async with running(engine):
        await clicked.wait()
        release.set()
