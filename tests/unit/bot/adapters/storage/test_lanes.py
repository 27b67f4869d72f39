"""What somebody waits for goes ahead of the worker, and neither lane waits for ever."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from datetime import timedelta
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from bot.adapters.storage import lanes as lanes_module
from bot.adapters.storage.lanes import FEW, PATIENCE, Lanes
from bot.adapters.storage.store import SqlStore
from bot.ports.store import Tx, WorkKind
from tests.fakes.clock import FakeClock

SOON = timedelta(seconds=5)


class Job:
    """Stands in a lane since an instant."""

    def __init__(self, name: str, queued_at: float) -> None:
        self.name = name
        self.queued_at = queued_at


class Time:
    """Stands in for the monotonic clock."""

    def __init__(self) -> None:
        self.at = 1000.0

    def monotonic(self) -> float:
        return self.at


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    time = Time()
    monkeypatch.setattr(lanes_module, "time", time)
    return time


def names(jobs: list[Job]) -> list[str]:
    return [job.name for job in jobs]


def test_a_commit_is_never_shared_between_people_and_the_worker(time: Time) -> None:
    lanes: Lanes[Job] = Lanes(batch=64)
    for number in range(3):
        lanes.put(Job(f"worker {number}", time.at), ahead=False)
        lanes.put(Job(f"click {number}", time.at), ahead=True)

    assert names(lanes.take()) == ["click 0", "click 1", "click 2"]
    assert names(lanes.take()) == ["worker 0", "worker 1", "worker 2"]


def test_the_worker_gives_way_for_a_while_and_then_has_every_other_turn(time: Time) -> None:
    lanes: Lanes[Job] = Lanes(batch=64)
    for number in range(2 * FEW):
        lanes.put(Job(f"worker {number}", time.at), ahead=False)

    served = []
    for number in range(4):
        lanes.put(Job(f"click {number}", time.at), ahead=True)
        lanes.put(Job(f"click {number} too", time.at), ahead=True)
        served.append(names(lanes.take())[0])
    time.at += PATIENCE
    for number in range(4, 7):
        lanes.put(Job(f"click {number}", time.at), ahead=True)
        served.append(names(lanes.take())[0])

    assert served == ["click 0", "click 1", "click 2", "click 3", "worker 0", "click 4", f"worker {FEW}"]


def test_a_click_waits_for_a_few_of_the_worker_at_most(time: Time) -> None:
    lanes: Lanes[Job] = Lanes(batch=64)
    lanes.put(Job("click", time.at), ahead=True)
    for number in range(40):
        lanes.put(Job(f"worker {number}", time.at), ahead=False)
    lanes.take()

    while_they_come = len(lanes.take())
    time.at += 10
    later = len(lanes.take())

    assert (while_they_come, later) == (FEW, 40 - FEW)


@pytest.mark.parametrize("lane", ["ahead", "behind"])
def test_a_lane_that_hangs_gets_a_second_thread(time: Time, lane: str) -> None:
    lanes: Lanes[Job] = Lanes(batch=1)
    take = lanes.take_ahead if lane == "ahead" else lanes.take_behind
    lanes.put(Job("click", time.at), ahead=True)
    for name in ("first", "second"):
        lanes.put(Job(name, time.at), ahead=lane == "ahead")
    take()

    time.at += PATIENCE

    assert names(take()) == [{"ahead": "first", "behind": "second"}[lane]]


def test_what_waits_when_it_closes_is_still_served(time: Time) -> None:
    lanes: Lanes[Job] = Lanes(batch=64)
    lanes.put(Job("worker", time.at), ahead=False)
    lanes.put(Job("click", time.at), ahead=True)

    lanes.close()

    assert [names(lanes.take()) for _ in range(3)] == [["click"], ["worker"], []]


@pytest.fixture
async def file_store(tmp_path: Path, clock: FakeClock) -> AsyncIterator[SqlStore]:
    store = SqlStore(f"sqlite:///{tmp_path / 'store.db'}", clock=clock)
    await store.open()
    yield store
    await store.close()


async def test_a_click_overtakes_the_work_that_waits(file_store: SqlStore) -> None:
    begun, may_go_on = Event(), Event()
    order: list[str] = []

    def hold_up(_tx: Tx) -> None:
        begun.set()
        may_go_on.wait(5)

    def note(what: str) -> Callable[[Tx], None]:
        return lambda _tx: order.append(what)

    first = asyncio.create_task(file_store.run(hold_up))
    await asyncio.to_thread(begun.wait, 5)
    waiting: list[Coroutine[Any, Any, None]] = [file_store.run(note("work")) for _ in range(5)]
    waiting.append(file_store.run(note("click"), within=SOON))
    tasks = [asyncio.create_task(each) for each in waiting]
    await asyncio.sleep(0)
    may_go_on.set()
    await asyncio.gather(first, *tasks)

    assert order == ["click"] + ["work"] * 5


async def test_the_worker_goes_on_while_clicks_keep_coming(store: SqlStore) -> None:
    is_over = asyncio.Event()

    async def click() -> None:
        while not is_over.is_set():
            await store.run(lambda tx: tx.poke(WorkKind.CLICK, "1"), within=SOON)

    async def work() -> None:
        for number in range(20):
            await store.run(lambda tx, key=str(number): tx.poke(WorkKind.TIDY, key))  # type: ignore[misc]

    clicking = [asyncio.create_task(click()) for _ in range(4)]
    async with asyncio.timeout(20):
        await work()
    is_over.set()

    await asyncio.gather(*clicking)


async def test_who_shares_a_commit_with_somebody_who_fails_loses_and_doubles_nothing(store: SqlStore) -> None:
    def add(number: int) -> Callable[[Tx], None]:
        def run(tx: Tx) -> None:
            tx.poke(WorkKind.TIDY, str(number))
            if number % 2:
                raise ZeroDivisionError

        return run

    jobs = (store.run(add(number), within=SOON) for number in range(30))
    results = await asyncio.gather(*jobs, return_exceptions=True)
    claimed = await store.claim(at_most=100, lease_for=timedelta(seconds=10))

    assert [result is None for result in results] == [True, False] * 15
    assert sorted((int(work.key), work.pokes) for work in claimed) == [(n, 1) for n in range(0, 30, 2)]
