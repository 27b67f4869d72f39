"""Work: pokes, claims, leases, back-off."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from threading import Event

import pytest

from bot.adapters.storage.store import SqlStore
from bot.domain.errors import Conflict
from bot.ports.store import Tx, Work, WorkKind
from tests.fakes.clock import NOON, FakeClock

LEASE = timedelta(seconds=10)
SOON = timedelta(minutes=1)
LATER = timedelta(hours=1)


async def poke(store: SqlStore, key: str = "A", *, after: timedelta | None = None) -> None:
    def poke(tx: Tx) -> None:
        tx.poke(WorkKind.PERMISSION_SET, key, due_at=None if after is None else tx.now + after)

    await store.run(poke)


async def claim(store: SqlStore, *, at_most: int = 10) -> Sequence[Work]:
    return await store.claim(at_most=at_most, lease_for=LEASE)


async def claimed(store: SqlStore) -> Work:
    (work,) = await claim(store)
    return work


async def next_due(store: SqlStore) -> datetime | None:
    return min((await store.due()).values(), default=None)


async def test_pokes_for_the_same_work_are_one_piece_of_work(store: SqlStore) -> None:
    await asyncio.gather(*(poke(store) for _ in range(10)))

    work = await claimed(store)

    assert (work.kind, work.key, work.pokes, work.attempts) == (WorkKind.PERMISSION_SET, "A", 10, 1)


async def test_each_piece_of_work_is_claimed_by_one_of_many(store: SqlStore) -> None:
    for number in range(30):
        await poke(store, f"{number:02}")

    hauls = await asyncio.gather(*(claim(store, at_most=5) for _ in range(12)))

    keys = [work.key for haul in hauls for work in haul]
    assert max(len(haul) for haul in hauls) == 5
    assert len(set(keys)) == len(keys)
    keys += [work.key for work in await claim(store, at_most=30)]
    assert sorted(keys) == [f"{number:02}" for number in range(30)]


@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
async def test_a_claim_does_not_wait_for_work_that_somebody_is_writing_to(store: SqlStore) -> None:
    await poke(store, "busy")
    await poke(store, "free")
    begun, may_go_on = Event(), Event()

    def slow(tx: Tx) -> None:
        tx.poke(WorkKind.PERMISSION_SET, "busy")
        begun.set()
        may_go_on.wait(5)

    writer = asyncio.create_task(store.run(slow))
    await asyncio.to_thread(begun.wait, 5)

    works = await asyncio.wait_for(claim(store), timeout=2)

    may_go_on.set()
    await writer
    assert [work.key for work in works] == ["free"]


async def test_the_longest_due_comes_first(store: SqlStore, clock: FakeClock) -> None:
    await poke(store, "late", after=SOON)
    await poke(store, "early")
    await poke(store, "later", after=LATER)
    clock.advance(SOON)

    works = await claim(store)

    assert [work.key for work in works] == ["early", "late"]


async def test_a_poke_for_later_never_postpones_an_earlier_one(store: SqlStore, clock: FakeClock) -> None:
    await poke(store, after=SOON)
    await poke(store, after=LATER)
    clock.advance(SOON)

    assert (await claimed(store)).pokes == 2


async def test_a_poke_for_earlier_brings_work_forward(store: SqlStore) -> None:
    await poke(store, after=LATER)
    await poke(store, after=SOON)

    assert await next_due(store) == NOON + SOON


async def test_finished_work_is_gone(store: SqlStore, clock: FakeClock) -> None:
    await poke(store)

    await store.finish(await claimed(store))

    clock.advance(LATER)
    assert await claim(store) == []
    assert await next_due(store) is None


async def test_work_poked_while_it_was_done_is_due_again_at_once(store: SqlStore, pokes: list[str]) -> None:
    await poke(store)
    work = await claimed(store)
    await poke(store)
    assert await claim(store) == []
    pokes.clear()

    await store.finish(work, again_at=NOON + LATER)

    again = await claimed(store)
    assert (again.pokes, again.attempts) == (2, 1)
    assert again.lease != work.lease
    assert pokes


async def test_work_that_pokes_itself_into_the_future_waits_until_then(
    store: SqlStore, clock: FakeClock
) -> None:
    await poke(store)
    work = await claimed(store)
    await poke(store, after=SOON)

    await store.finish(work)

    assert await claim(store) == []
    assert await next_due(store) == NOON + SOON
    clock.advance(SOON)
    assert (await claimed(store)).key == "A"


@pytest.mark.parametrize(("poked", "again", "due"), [(SOON, LATER, SOON), (LATER, SOON, SOON)])
async def test_the_earlier_of_rescheduled_and_poked_wins(
    store: SqlStore, poked: timedelta, again: timedelta, due: timedelta
) -> None:
    await poke(store)
    work = await claimed(store)
    await poke(store, after=poked)

    await store.finish(work, again_at=NOON + again)

    assert await next_due(store) == NOON + due


async def test_each_kind_has_its_own_next_instant(store: SqlStore) -> None:
    await poke(store, after=LATER)
    await poke(store, after=SOON)
    await store.run(lambda tx: tx.poke(WorkKind.TIDY, "daily", due_at=NOON))

    due = await store.due()

    assert (len(due), min(due.values()), max(due.values())) == (2, NOON, NOON + SOON)
    assert due[WorkKind.TIDY] == NOON


async def test_a_lease_that_ran_out_is_claimed_by_the_next(store: SqlStore, clock: FakeClock) -> None:
    await poke(store)
    lost = await claimed(store)
    assert await next_due(store) == NOON + LEASE
    clock.advance(LEASE)

    work = await claimed(store)

    assert work.attempts == 2
    assert await store.renew(lost, lease_for=LEASE) is False
    assert await store.renew(work, lease_for=LEASE) is True


async def test_a_renewed_lease_keeps_others_out(store: SqlStore, clock: FakeClock) -> None:
    await poke(store)
    work = await claimed(store)
    clock.advance(LEASE / 2)
    await store.renew(work, lease_for=LEASE)
    clock.advance(LEASE / 2)

    assert await claim(store) == []


async def test_whoever_lost_the_lease_changes_nothing_by_finishing_or_failing(
    store: SqlStore, clock: FakeClock
) -> None:
    await poke(store)
    lost = await claimed(store)
    clock.advance(LEASE)
    work = await claimed(store)

    await store.finish(lost)
    await store.fail(lost, again_at=NOON + LATER, error="late")

    assert await store.renew(work, lease_for=LEASE) is True


async def test_whoever_lost_the_lease_cannot_write_under_it(store: SqlStore, clock: FakeClock) -> None:
    def write(tx: Tx) -> None:
        tx.poke(WorkKind.VERIFY, "1", due_at=NOON + LATER)

    await poke(store)
    lost = await claimed(store)
    clock.advance(LEASE)
    work = await claimed(store)

    with store.holding(lost), pytest.raises(Conflict):
        await store.run(write)
    due_without_it = await next_due(store)
    with store.holding(work):
        await store.run(write)
    await store.finish(work)

    assert due_without_it == clock.now() + LEASE
    assert await next_due(store) == NOON + LATER


async def test_failed_work_waits_out_its_back_off_whatever_was_poked_before(
    store: SqlStore, clock: FakeClock
) -> None:
    await poke(store)
    work = await claimed(store)
    await poke(store)

    await store.fail(work, again_at=NOON + SOON, error="ThrottlingException")

    assert await claim(store) == []
    clock.advance(SOON)
    assert (await claimed(store)).attempts == 2


async def test_a_poke_after_the_failure_ends_the_back_off(store: SqlStore) -> None:
    await poke(store)
    await store.fail(await claimed(store), again_at=NOON + LATER, error="ThrottlingException")

    await poke(store)

    assert (await claimed(store)).attempts == 2


async def test_attempts_start_over_once_work_went_well(store: SqlStore, clock: FakeClock) -> None:
    await poke(store)
    await store.fail(await claimed(store), again_at=NOON, error="ThrottlingException")
    await store.finish(await claimed(store), again_at=NOON + SOON)
    clock.advance(SOON)

    assert (await claimed(store)).attempts == 1


async def test_leases_cannot_be_guessed(store: SqlStore) -> None:
    await poke(store)
    work = await claimed(store)

    assert len(work.lease) >= 20


async def test_work_of_a_kind_that_only_a_newer_version_knows_is_left_alone(store: SqlStore) -> None:
    await store.run(lambda tx: tx.poke("telepathy", "A"))  # type: ignore[arg-type]
    await poke(store)

    assert [work.key for work in await claim(store)] == ["A"]
    assert await next_due(store) == NOON + LEASE


async def test_what_was_undone_wakes_nobody(store: SqlStore, pokes: list[str]) -> None:
    def poke_then_fail(tx: Tx) -> None:
        tx.poke(WorkKind.VERIFY, "1")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await store.run(poke_then_fail)

    assert await claim(store) == []
    assert pokes == []


async def test_the_backlog_is_what_is_due_and_not_held(store: SqlStore, clock: FakeClock) -> None:
    def poke(tx: Tx) -> None:
        tx.poke(WorkKind.CLICK, "1", due_at=tx.now - timedelta(seconds=9))
        tx.poke(WorkKind.CLICK, "2", due_at=tx.now - timedelta(seconds=4))
        tx.poke(WorkKind.CLICK, "3", due_at=tx.now + timedelta(seconds=1))

    await store.run(poke)
    before = await store.backlog(within=LEASE)
    await store.claim(at_most=1, lease_for=LEASE)

    after = await store.backlog(within=LEASE)

    assert (before.due, before.oldest) == (2, timedelta(seconds=9))
    assert (after.due, after.oldest) == (1, timedelta(seconds=4))


async def test_without_work_there_is_no_backlog(store: SqlStore) -> None:
    nothing = await store.backlog(within=LEASE)

    assert (nothing.due, nothing.oldest) == (0, timedelta(0))
