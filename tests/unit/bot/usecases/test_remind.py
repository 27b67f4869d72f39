"""A day and an hour before access ends, its requester is told; once each, and not when it is too late."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from bot.domain.messages import ClickKind
from bot.domain.reminder import next_reminder
from bot.domain.request import RequestId
from bot.usecases.remind import LATE, Remind
from tests.builders import ALICE, WEEK, an_ask
from tests.fakes.clock import NOON
from tests.fakes.world import World, a_world

ONE = RequestId(1)
END = NOON + WEEK
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
DAY_KEY, HOUR_KEY = "WA-1:reminder:86400", "WA-1:reminder:3600"


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """Alice's access is active for a week."""
    async with a_world() as world:
        await world.granted()
        yield world


async def remind(world: World) -> object:
    return await Remind(store=world.store)(ONE)


async def owed(world: World) -> set[str]:
    messages = await world.read(lambda tx: [tx.message(key) for key in (DAY_KEY, HOUR_KEY)])
    return {message.key for message in messages if message is not None}


@pytest.mark.parametrize(
    ("before_end", "expected"),
    [(WEEK, DAY), (DAY, HOUR), (DAY + timedelta(seconds=1), DAY), (HOUR * 2, HOUR), (HOUR, None)],
)
def test_the_next_reminder_is_a_day_or_an_hour_before_the_end(
    before_end: timedelta, expected: timedelta | None
) -> None:
    due_at = next_reminder(END, since=NOON - DAY, now=END - before_end)

    assert due_at == (END - expected if expected is not None else None)


async def test_a_reminder_is_owed_when_it_is_due_and_the_next_one_announced(world: World) -> None:
    assert await remind(world) == END - DAY
    assert await owed(world) == set()

    world.clock.set(END - DAY)
    assert await remind(world) == END - HOUR
    assert await owed(world) == {DAY_KEY}
    world.clock.set(END - HOUR)
    assert await remind(world) is None
    assert await owed(world) == {DAY_KEY, HOUR_KEY}


async def test_a_reminder_is_given_once(world: World) -> None:
    world.clock.set(END - DAY)

    await remind(world)
    await remind(world)

    message = await world.message(DAY_KEY)
    assert (message.channel, message.wanted) == (ALICE, 1)


@pytest.mark.parametrize(("late", "is_given"), [(LATE - timedelta(seconds=1), True), (LATE, False)])
async def test_a_reminder_that_comes_too_late_is_left_out(
    world: World, late: timedelta, is_given: bool
) -> None:
    world.clock.set(END - DAY + late)

    assert await remind(world) == END - HOUR

    assert await owed(world) == ({DAY_KEY} if is_given else set())


async def test_nobody_is_reminded_of_what_has_ended(world: World) -> None:
    await world.click(ClickKind.END, by=ALICE)
    await world.work()
    world.clock.set(END - DAY)

    assert await remind(world) is None
    assert await owed(world) == set()


async def test_access_without_an_end_needs_no_reminder() -> None:
    async with a_world() as world:
        await world.granted(an_ask(span=None))

        assert await remind(world) is None


@pytest.mark.parametrize("minutes", [0, 1, 14])
async def test_access_of_a_day_is_not_announced_to_end_in_a_day(minutes: int) -> None:
    async with a_world() as world:
        world.clock.advance(timedelta(minutes=minutes))
        await world.granted(an_ask(span=DAY))
        await world.work(until=NOON + DAY * 2)

        assert await owed(world) == {HOUR_KEY}
