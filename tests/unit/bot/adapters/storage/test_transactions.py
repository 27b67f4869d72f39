"""What holds for every transaction: all or nothing, cancelled callers, outages, closing, odd rows."""

import asyncio
import sqlite3
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from threading import Event

import pytest
from sqlalchemy import create_engine, make_url, text

from bot.adapters.storage.store import SqlStore
from bot.adapters.storage.tx import SqlTx
from bot.domain.errors import Code, Conflict, CorruptRow, Misconfigured, Unavailable
from bot.domain.request import AccessRequest, RequestId
from bot.ports.store import Tx, WorkKind
from tests.fakes.clock import NOON, FakeClock
from tests.unit.bot.adapters.storage.samples import add_request, an_ask, an_entry

PROMPT = timedelta(milliseconds=50)


def sql(statement: str) -> Callable[[Tx], None]:
    """A transaction that does what no use case would."""

    def run(tx: Tx) -> None:
        assert isinstance(tx, SqlTx)
        tx.connection.execute(text(statement))

    return run


async def test_a_lost_write_undoes_everything_that_its_transaction_did(store: SqlStore) -> None:
    def doomed(tx: Tx) -> None:
        request = add_request(tx)
        tx.audit(an_entry(request.id))
        tx.poke(WorkKind.PREPARE, str(request.id))
        raise Conflict(Code.CONFLICT)

    with pytest.raises(Conflict):
        await store.run(doomed)

    assert await store.run(lambda tx: tx.pending_requests(at_most=10)) == []
    assert await store.due() == {}


async def test_transactions_that_share_a_commit_fail_and_succeed_each_alone(
    store: SqlStore, pokes: list[str]
) -> None:
    def even_ones_only(number: int) -> Callable[[Tx], RequestId]:
        def add(tx: Tx) -> RequestId:
            request = add_request(tx, an_ask(reason=str(number)))
            tx.poke(WorkKind.PREPARE, str(request.id))
            if number % 2:
                raise ZeroDivisionError
            return request.id

        return add

    results = await asyncio.gather(*(store.run(even_ones_only(n)) for n in range(40)), return_exceptions=True)

    pending = await store.run(lambda tx: tx.pending_requests(at_most=100))
    assert [isinstance(result, ZeroDivisionError) for result in results] == [False, True] * 20
    assert sorted(int(request.ask.reason) for request in pending) == list(range(0, 40, 2))
    assert [request.id for request in pending] == list(range(1, 21))
    assert pokes


async def test_a_transaction_that_runs_out_of_items_does_not_keep_its_caller_waiting(store: SqlStore) -> None:
    with pytest.raises(RuntimeError, match="StopIteration"):
        await asyncio.wait_for(store.run(lambda _tx: next(iter(()))), timeout=5)


async def test_a_transaction_knows_when_it_started(store: SqlStore, clock: FakeClock) -> None:
    def look_twice(tx: Tx) -> bool:
        before = tx.now
        clock.advance(timedelta(hours=1))
        return before == tx.now == NOON

    assert await store.run(look_twice)


async def test_a_caller_that_is_cancelled_neither_blocks_nor_halves_its_transaction(store: SqlStore) -> None:
    begun, may_go_on = Event(), Event()

    def slow(tx: Tx) -> None:
        request = add_request(tx)
        begun.set()
        may_go_on.wait(5)
        tx.audit(an_entry(request.id))

    caller = asyncio.create_task(store.run(slow))
    await asyncio.to_thread(begun.wait, 5)
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    may_go_on.set()

    await store.close()
    await store.open()
    (request,) = await store.run(lambda tx: tx.pending_requests(at_most=10))
    assert len(await store.run(lambda tx: tx.history(request.id))) == 1


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
async def test_a_transaction_whose_caller_left_the_queue_never_runs(url: str, clock: FakeClock) -> None:
    store = SqlStore(url, clock=clock)
    await store.open()
    begun, may_go_on = Event(), Event()

    def slow(_tx: Tx) -> None:
        begun.set()
        may_go_on.wait(5)

    first = asyncio.create_task(store.run(slow))
    await asyncio.to_thread(begun.wait, 5)
    second = asyncio.create_task(store.run(add_request))
    await asyncio.sleep(0)
    second.cancel()
    with pytest.raises(asyncio.CancelledError):
        await second
    may_go_on.set()
    await first

    assert await store.run(lambda tx: tx.pending_requests(at_most=10)) == []
    await store.close()


async def test_closing_finishes_what_waits_and_refuses_what_comes_later(store: SqlStore) -> None:
    waiting = [asyncio.create_task(store.run(add_request)) for _ in range(20)]
    await asyncio.sleep(0)

    await store.close()

    assert len(await asyncio.gather(*waiting)) == 20
    with pytest.raises(Unavailable):
        await store.ping()


async def test_a_store_that_can_be_written_answers_a_ping(store: SqlStore) -> None:
    await store.ping()


async def test_a_locked_database_is_unavailable_after_a_bounded_time_and_then_comes_back(
    tmp_path: Path, clock: FakeClock
) -> None:
    store = SqlStore(f"sqlite:///{tmp_path / 'store.db'}", clock=clock, patience=PROMPT)
    await store.open()
    other = sqlite3.connect(tmp_path / "store.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    outcomes = await asyncio.gather(*(store.run(add_request) for _ in range(3)), return_exceptions=True)

    other.execute("ROLLBACK")
    other.close()
    assert [type(outcome) for outcome in outcomes] == [Unavailable] * 3
    assert len({id(outcome) for outcome in outcomes}) == 3
    assert (await store.run(add_request)).label == "WA-1"
    await store.close()


async def test_a_database_that_cannot_be_written_is_unavailable_and_then_comes_back(
    tmp_path: Path, clock: FakeClock
) -> None:
    store = SqlStore(f"sqlite:///{tmp_path / 'store.db'}", clock=clock)
    await store.open()
    await store.run(sql("PRAGMA query_only = ON"))

    with pytest.raises(Unavailable) as caught:
        await store.ping()

    assert caught.value.code is Code.STORE_UNAVAILABLE
    await store.ping()  # by a connection that was opened afresh
    await store.close()


async def test_a_full_disk_fails_all_who_share_the_commit_and_keeps_what_was_there(
    tmp_path: Path, clock: FakeClock
) -> None:
    store = SqlStore(f"sqlite:///{tmp_path / 'store.db'}", clock=clock)
    await store.open()
    kept = await store.run(add_request)
    await store.run(sql("PRAGMA max_page_count = 1"))
    begun, may_go_on = Event(), Event()

    def hold_up(_tx: Tx) -> None:
        begun.set()
        may_go_on.wait(5)

    first = asyncio.create_task(store.run(hold_up))
    await asyncio.to_thread(begun.wait, 5)
    small = asyncio.create_task(store.run(add_request))
    large = asyncio.create_task(store.run(lambda tx: add_request(tx, an_ask(reason="x" * 1_000_000))))
    await asyncio.sleep(0)
    may_go_on.set()
    await first
    outcomes = await asyncio.gather(small, large, return_exceptions=True)

    assert [type(outcome) for outcome in outcomes] == [Unavailable, Unavailable]
    assert await store.run(lambda tx: tx.pending_requests(at_most=10)) == [kept]
    await store.close()


async def test_a_database_that_does_not_answer_is_unavailable(clock: FakeClock) -> None:
    store = SqlStore("postgresql://nobody@127.0.0.1:9/none", clock=clock)

    with pytest.raises(Unavailable):
        await store.open()


@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
async def test_a_server_that_ended_our_connections_is_reached_again(store: SqlStore, url: str) -> None:
    await asyncio.gather(*(store.run(add_request) for _ in range(20)))
    ours = make_url(url)
    other = create_engine(
        ours.set(drivername="postgresql+psycopg").update_query_dict({"application_name": "x"})
    )
    with other.begin() as connection:
        end_ours = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = :name"
        ended = connection.execute(text(end_ours), {"name": ours.query["application_name"]}).all()
    other.dispose()

    again = await asyncio.gather(*(store.run(add_request) for _ in range(20)))

    assert len(ended) > 1
    assert sorted(request.id for request in again) == list(range(21, 41))


async def test_two_processes_beside_each_other_wait_for_each_other(url: str, store: SqlStore) -> None:
    beside = SqlStore(url, clock=FakeClock())
    await beside.open(serving=False)
    request = await store.run(add_request)

    def bump(tx: Tx) -> None:
        seen = tx.request(request.id)
        tx.save_request(seen, seen)

    for _ in range(30):
        await asyncio.gather(store.run(bump), beside.run(bump))

    assert (await store.run(lambda tx: tx.request(request.id))).version == 61
    await beside.close()


@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
async def test_transactions_that_block_each_other_are_run_again(store: SqlStore) -> None:
    first, second = [await store.run(add_request) for _ in range(2)]
    ready = [Event(), Event()]

    def lock(mine: int, one: RequestId, other: RequestId) -> Callable[[Tx], bool]:
        def run(tx: Tx) -> bool:
            tx.request(one)
            ready[mine].set()
            ready[1 - mine].wait(5)
            tx.request(other)
            return tx.add_approval(one, tx.request(one).ask.requester)

        return run

    done = await asyncio.gather(
        store.run(lock(0, first.id, second.id)), store.run(lock(1, second.id, first.id))
    )

    assert all(done)


@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
async def test_a_replica_that_sleeps_in_a_transaction_gives_its_rows_back(url: str, store: SqlStore) -> None:
    sleepy = SqlStore(url, clock=FakeClock(), patience=timedelta(seconds=1))
    await sleepy.open()
    asleep, wake = Event(), Event()
    tries: list[int] = []

    def fall_asleep(tx: Tx) -> AccessRequest:
        tries.append(len(tries))
        request = add_request(tx, an_ask(form_key="sleepy"))
        if len(tries) == 1:
            asleep.set()
            wake.wait(20)
            tx.add_approval(request.id, request.ask.requester)
        return request

    sleeping = asyncio.create_task(sleepy.run(fall_asleep))
    await asyncio.to_thread(asleep.wait)
    other = await store.run(lambda tx: add_request(tx, an_ask(form_key="other")))
    wake.set()
    request = await sleeping

    assert (int(other.id), int(request.id)) == (1, 2)
    assert tries == [0, 1]
    await sleepy.close()


@pytest.mark.parametrize(
    ("damage", "row"),
    [
        ("UPDATE requests SET status = 'maybe'", "requests 1"),
        ("UPDATE requests SET targets = '[{'", "requests 1"),
        ("UPDATE requests SET facts = '{\"checked_at\": 1}'", "requests 1"),
        ("UPDATE approvals SET approver = 'U1', request = 1, id = 7", None),
    ],
)
async def test_a_row_that_cannot_be_read_is_named(store: SqlStore, damage: str, row: str | None) -> None:
    request = await store.run(add_request)
    await store.run(sql(damage))

    if row is None:
        await store.run(lambda tx: tx.request(request.id))
        return
    with pytest.raises(CorruptRow) as caught:
        await store.run(lambda tx: tx.request(request.id))

    assert str(caught.value) == row


async def test_an_instant_that_cannot_be_read_is_named(tmp_path: Path, clock: FakeClock) -> None:
    store = SqlStore(f"sqlite:///{tmp_path / 'store.db'}", clock=clock)
    await store.open()
    request = await store.run(add_request)
    await store.run(sql("UPDATE requests SET created_at = 'yesterday'"))

    with pytest.raises(CorruptRow):
        await store.run(lambda tx: tx.request(request.id))
    await store.close()


async def test_text_that_no_database_can_keep_is_kept_with_marks(store: SqlStore) -> None:
    added = await store.run(
        lambda tx: add_request(tx, an_ask(reason="a\0b\ud800c\ud83d\ude00", form_key="k\0"))
    )

    stored = await store.run(lambda tx: tx.request(added.id))
    assert stored.ask.reason == added.ask.reason == "a�b�c😀"
    assert await store.run(lambda tx: tx.request_by_form("k\0")) == stored


async def test_a_second_process_may_not_serve_the_same_file(tmp_path: Path, clock: FakeClock) -> None:
    url = f"sqlite:///{tmp_path / 'store.db'}"
    first, second = SqlStore(url, clock=clock), SqlStore(url, clock=clock)
    await first.open()

    with pytest.raises(Misconfigured) as caught:
        await second.open()
    await second.open(serving=False)
    assert await second.run(lambda tx: tx.pending_requests(at_most=1)) == []
    await second.close()
    await first.close()
    await second.open()
    await second.close()

    assert "already serves" in caught.value.problems[0]


async def test_work_that_a_dead_process_held_is_due_as_soon_as_the_next_one_starts(
    tmp_path: Path, clock: FakeClock
) -> None:
    url = f"sqlite:///{tmp_path / 'store.db'}"
    first, second = SqlStore(url, clock=clock), SqlStore(url, clock=clock)
    await first.open()
    await first.run(lambda tx: tx.poke(WorkKind.VERIFY, "1"))
    await first.claim(at_most=1, lease_for=timedelta(hours=1))
    await first.close()

    await second.open()

    (work,) = await second.claim(at_most=1, lease_for=timedelta(hours=1))
    assert work.attempts == 2
    await second.close()


@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
async def test_replicas_do_not_take_each_others_leases_away(
    url: str, store: SqlStore, clock: FakeClock
) -> None:
    await store.run(lambda tx: tx.poke(WorkKind.VERIFY, "1"))
    (work,) = await store.claim(at_most=1, lease_for=timedelta(hours=1))
    replica = SqlStore(url, clock=clock)
    await replica.open()

    assert await replica.claim(at_most=1, lease_for=timedelta(hours=1)) == []
    assert await store.renew(work, lease_for=timedelta(hours=1))
    await replica.close()
