"""A lease that is lost or hard to keep, and a database that is away or forgets."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

import pytest

from bot.domain.errors import Code, CorruptRow, Unavailable
from bot.ports.store import Work, WorkKind
from bot.worker import engine as engine_module
from bot.worker.engine import back_off
from tests.fakes.clock import NOON
from tests.fakes.crashes import BreakableStore, Breaker
from tests.unit.bot.worker.engine.bench import SOON, Bench, running


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
