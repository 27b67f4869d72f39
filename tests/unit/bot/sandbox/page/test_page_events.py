"""News for open pages: each person theirs, in order, the newest state once, and never a gap that nobody notices."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from bot.sandbox.page.events import KEPT, Event, Hub, Soon


async def following(news: AsyncIterator[Event], number: int = 1) -> list[Event]:
    """The next so many events, within a time that no test needs."""
    async with asyncio.timeout(5):
        return [await anext(news) for _ in range(number)]


def told(events: list[Event]) -> list[tuple[str, Any]]:
    return [(event.name, event.data) for event in events]


async def test_news_arrive_in_the_order_in_which_they_happened() -> None:
    hub = Hub()
    news = hub.stream("U0ALICE", 0)

    for number in (1, 2, 3):
        hub.tell("call", {"n": number})

    assert told(await following(news, 3)) == [("call", {"n": 1}), ("call", {"n": 2}), ("call", {"n": 3})]


async def test_news_that_come_while_one_waits_are_brought() -> None:
    hub = Hub()
    news = hub.stream("U0ALICE", 0)
    waiting = asyncio.create_task(following(news))
    await asyncio.sleep(0)

    hub.tell("clock", {"now": 5})

    assert told(await waiting) == [("clock", {"now": 5})]


async def test_what_changed_often_is_sent_once_as_it_is_now() -> None:
    hub = Hub()
    state = {"edits": 0}
    for _ in range(50):
        state["edits"] += 1
        hub.publish("card", lambda _: ("message", dict(state)))
    hub.tell("end", {})

    assert told(await following(hub.stream("U0ALICE", 0), 2)) == [("message", {"edits": 50}), ("end", {})]


async def test_nobody_gets_what_is_drawn_for_others() -> None:
    hub = Hub()
    hub.publish("secret", lambda viewer: ("message", {}) if viewer == "U0BEN" else None)
    hub.tell("end", {})

    assert told(await following(hub.stream("U0ALICE", 0))) == [("end", {})]
    assert told(await following(hub.stream("U0BEN", 0))) == [("message", {})]


async def test_whoever_comes_back_gets_what_they_missed_and_nothing_twice() -> None:
    hub = Hub(first=1_000)
    hub.tell("call", {"n": 1})
    (seen,) = await following(hub.stream("U0ALICE", 1_000))
    hub.tell("call", {"n": 2})

    assert told(await following(hub.stream("U0ALICE", seen.seq))) == [("call", {"n": 2})]


@pytest.mark.parametrize("after", [0, 999, 10_000_000])
async def test_whoever_was_away_too_long_or_saw_another_run_is_told_to_reload(after: int) -> None:
    hub = Hub(first=1_000)
    for number in range(KEPT + 10):
        hub.tell("call", {"n": number})

    (event,) = await following(hub.stream("U0ALICE", after))

    assert (event.name, event.seq) == ("reload", hub.seq)


async def test_news_that_fell_out_are_a_gap_also_for_somebody_whom_they_did_not_concern() -> None:
    hub = Hub()
    before = hub.seq
    for number in range(KEPT + 1):
        hub.publish(number, lambda _: None)

    assert told(await following(hub.stream("U0ALICE", before))) == [("reload", {})]


async def test_others_news_do_not_make_a_reader_fall_behind() -> None:
    hub = Hub()
    news = hub.stream("U0ALICE", 0)
    waiting = asyncio.create_task(following(news))
    for _ in range(3):
        for number in range(KEPT - 1):
            hub.publish(number, lambda _: None)
        await asyncio.sleep(0.05)

    hub.tell("end", {})

    assert told(await waiting) == [("end", {})]


async def test_after_a_reset_everybody_is_told_to_reload() -> None:
    hub = Hub()
    hub.tell("call", {"n": 1})
    news = hub.stream("U0ALICE", hub.seq)
    waiting = asyncio.create_task(following(news))
    await asyncio.sleep(0)

    hub.forget()

    assert told(await waiting) == [("reload", {})]


async def test_a_closed_hub_ends_its_streams() -> None:
    hub = Hub()
    reading = asyncio.create_task(anext(hub.stream("U0ALICE", 0), None))
    await asyncio.sleep(0)

    hub.close()

    async with asyncio.timeout(5):
        assert await reading is None
    assert not hub.has_readers


async def test_soon_calls_once_for_many_wishes_and_again_for_later_ones() -> None:
    calls: list[float] = []
    twice = asyncio.Event()
    loop = asyncio.get_running_loop()

    def called() -> None:
        calls.append(loop.time())
        if len(calls) == 2:
            twice.set()
        else:
            soon.ask()

    soon = Soon(called, every=0.05)

    for _ in range(100):
        soon.ask()
    async with asyncio.timeout(5):
        await twice.wait()

    assert len(calls) == 2
    assert calls[1] - calls[0] >= 0.045
