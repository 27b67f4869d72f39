"""Whoever stops finishes what runs, hands over what takes too long, and claims nothing more."""

import asyncio
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

from bot.ports.store import Work, WorkKind
from bot.worker.engine import Engine
from tests.fakes.clock import NOON
from tests.fakes.crashes import BreakableStore, Breaker
from tests.unit.bot.worker.engine.bench import PATIENCE, Bench


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
