"""The system's clock and the one that tests move."""

import asyncio
import time
from datetime import UTC, datetime, timedelta, tzinfo

import pytest

from bot.adapters.clock import SystemClock
from tests.fakes.clock import NOON, FakeClock


async def test_the_system_clock_tells_aware_utc_and_moves_on() -> None:
    clock = SystemClock()

    before = clock.now()
    await clock.sleep(0)

    assert before.tzinfo is UTC
    assert clock.now() >= before


async def test_a_step_of_the_machines_clock_moves_nothing_between_two_looks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Stepped(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> "Stepped":
            return cls.fromtimestamp(time.time() + 60, tz)

    clock = SystemClock()
    clock.follow(timedelta(seconds=5))
    before = clock.now()

    monkeypatch.setattr("bot.adapters.clock.datetime", Stepped)

    assert timedelta(0) <= clock.now() - before < timedelta(seconds=30)
    assert timedelta(seconds=4) < before - datetime.now(UTC) < timedelta(seconds=6)


async def test_sleepers_wake_in_order_once_time_has_passed_their_end() -> None:
    clock = FakeClock()
    woken: list[int] = []

    async def sleep(seconds: int) -> None:
        await clock.sleep(seconds)
        woken.append(seconds)

    async with asyncio.TaskGroup() as tasks:
        for seconds in (1, 5, 3):
            tasks.create_task(sleep(seconds))
        await asyncio.sleep(0)
        assert clock.sleepers == 3
        clock.advance(timedelta(seconds=3))
        await asyncio.sleep(0)
        assert woken == [1, 3]
        clock.advance(timedelta(seconds=3))

    assert woken == [1, 3, 5]


async def test_a_clock_that_moves_itself_never_keeps_anybody_waiting() -> None:
    clock = FakeClock(moves_itself=True)

    await clock.sleep(90)

    assert clock.now() == NOON + timedelta(seconds=90)
    assert clock.slept == [90]
