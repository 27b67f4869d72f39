"""What is deleted after a while, and what stays for good."""

from datetime import timedelta

from sqlalchemy import select

from bot.adapters.storage import tables
from bot.adapters.storage.store import SqlStore
from bot.adapters.storage.tx import SqlTx
from bot.domain.messages import ClickKind
from bot.domain.request import RequestId
from bot.ports.store import Tx
from bot.worker.tidy import CLICKS_FOR, EVERY, MORE_AFTER, SNAPSHOTS_FOR, SNAPSHOTS_KEPT, Tidy
from tests.builders import ALICE, CHANNEL, HOME, OTHER_SET, SET
from tests.fakes.clock import FakeClock

LONG_AGO = SNAPSHOTS_FOR + timedelta(days=1)


def add_clicks(tx: Tx, count: int, *, done: bool = True) -> list[int]:
    clicks = [
        tx.add_click(kind=ClickKind.APPROVE, request=RequestId(1), by=ALICE, team=HOME, channel=CHANNEL).id
        for _ in range(count)
    ]
    for click in clicks if done else ():
        tx.finish_click(click)
    return clicks


def add_snapshots(tx: Tx, count: int, name: str = SET) -> None:
    for number in range(count):
        tx.keep_snapshot(SET if name == SET else OTHER_SET, f"{name} {number}", event="before")


def clicks(tx: Tx) -> list[int]:
    assert isinstance(tx, SqlTx)
    return list(tx.connection.scalars(select(tables.clicks.c.id).order_by(tables.clicks.c.id)))


def documents(tx: Tx, name: str = SET) -> list[str]:
    assert isinstance(tx, SqlTx)
    table = tables.snapshots.c
    theirs = select(table.document).where(table.permission_set == name)
    return list(tx.connection.scalars(theirs.order_by(table.id)))


async def tidy(store: SqlStore, clock: FakeClock) -> timedelta:
    return await Tidy(store=store, clock=clock)() - clock.now()


async def test_handled_clicks_go_after_a_month_and_the_others_stay(store: SqlStore, clock: FakeClock) -> None:
    await store.run(lambda tx: add_clicks(tx, 3))
    unhandled = await store.run(lambda tx: add_clicks(tx, 1, done=False))
    clock.advance(CLICKS_FOR + timedelta(minutes=1))
    young = await store.run(lambda tx: add_clicks(tx, 2))

    assert await tidy(store, clock) == EVERY

    assert await store.run(clicks) == unhandled + young


async def test_the_number_of_a_click_is_never_given_again(store: SqlStore, clock: FakeClock) -> None:
    before = await store.run(lambda tx: add_clicks(tx, 3))
    clock.advance(CLICKS_FOR + timedelta(minutes=1))

    await tidy(store, clock)

    (after,) = await store.run(lambda tx: add_clicks(tx, 1))
    assert after > max(before)


async def test_young_snapshots_stay_however_many_there_are(store: SqlStore, clock: FakeClock) -> None:
    await store.run(lambda tx: add_snapshots(tx, SNAPSHOTS_KEPT + 5))
    clock.advance(SNAPSHOTS_FOR - timedelta(minutes=1))

    await tidy(store, clock)

    assert len(await store.run(documents)) == SNAPSHOTS_KEPT + 5


async def test_of_old_snapshots_each_set_keeps_its_newest(store: SqlStore, clock: FakeClock) -> None:
    await store.run(lambda tx: add_snapshots(tx, SNAPSHOTS_KEPT + 5))
    await store.run(lambda tx: add_snapshots(tx, 3, OTHER_SET))
    clock.advance(LONG_AGO)

    await tidy(store, clock)

    assert await store.run(documents) == [f"{SET} {number}" for number in range(5, SNAPSHOTS_KEPT + 5)]
    assert len(await store.run(lambda tx: documents(tx, OTHER_SET))) == 3


async def test_a_great_many_go_in_small_steps(store: SqlStore, clock: FakeClock) -> None:
    await store.run(lambda tx: add_clicks(tx, 700))
    clock.advance(CLICKS_FOR + timedelta(minutes=1))

    first = await tidy(store, clock)
    left = len(await store.run(clicks))
    second = await tidy(store, clock)

    assert (first, left, second) == (MORE_AFTER, 200, EVERY)
    assert len(await store.run(clicks)) == 1
