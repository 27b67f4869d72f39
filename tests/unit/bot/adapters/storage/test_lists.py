"""What a list is drawn from: one reading for many says what one reading for each would say."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import text

from bot.adapters.storage.store import SqlStore
from bot.adapters.storage.tx import SqlTx
from bot.domain.errors import Code
from bot.domain.grant import Failure, Flight, Push, PushStatus
from bot.domain.messages import Outcome
from bot.domain.names import AccountId, PermissionSetName
from bot.domain.request import RequestId
from bot.domain.rounds import HOLDS_ITS_PLACE
from bot.ports.store import Tx
from tests.fakes.clock import NOON
from tests.unit.bot.adapters.storage.samples import ALICE, BOB, SET, add_grant, add_request

A, B, C = (PermissionSetName(name) for name in "ABC")
STOPPED = Failure(code=Code.CONFLICT, reason="altered by hand")


async def test_grants_and_newest_outcomes_of_many_are_those_of_each(store: SqlStore) -> None:
    def write(tx: Tx) -> None:
        for grants, outcomes in ((2, 2), (0, 0), (1, 1)):
            request = add_request(tx).id
            for _ in range(grants):
                add_grant(tx, request)
            for number in range(1, outcomes + 1):
                tx.add_outcome(Outcome(request=request, number=number, at=NOON, verifications=()))

    await store.run(write)
    requests = [request.id for request in await store.run(lambda tx: tx.pending_requests(at_most=10))]

    (grants, _), outcomes = await store.run(lambda tx: (tx.grants_for(requests), tx.outcomes_for(requests)))

    for request in requests:
        each = await store.run(lambda tx, one=request: (tx.grants_of(one), tx.outcome(one, 0)))  # type: ignore[misc]
        assert (grants.get(request, ()), outcomes.get(request)) == each
    assert [len(each) for each in grants.values()] == [2, 1]
    assert [outcome.number for outcome in outcomes.values()] == [2, 1]


async def test_pushes_and_stops_of_many_sets_are_those_of_each(store: SqlStore) -> None:
    def write(tx: Tx) -> None:
        for name, account in ((B, "2"), (A, "2"), (A, "1"), (C, "1")):
            account_id = AccountId(account)
            push = Push(permission_set=name, account=account_id, status=PushStatus.STARTING, document="{}")
            tx.save_push(push)
        running, stopped = tx.set_state(A), tx.set_state(B)
        tx.save_set_state(running, running)
        tx.save_set_state(stopped, replace(stopped, stopped=STOPPED))

    await store.run(write)

    pushes, stopped = await store.run(lambda tx: (tx.pushes_in({A, B}), tx.stopped_sets({A, B})))

    assert pushes == await store.run(lambda tx: (*tx.pushes_of(A), *tx.pushes_of(B)))
    assert len(pushes) == 3
    assert stopped == {B: STOPPED}


async def test_nothing_is_read_for_nobody(store: SqlStore) -> None:
    read = await store.run(
        lambda tx: (tx.grants_for(()), tx.outcomes_for(()), tx.pushes_in(()), tx.stopped_sets(()))
    )

    assert read == (({}, ()), {}, (), {})


DAMAGES = [
    "UPDATE requests SET facts = '{' WHERE id = 2",
    "UPDATE requests SET targets = '[]]' WHERE id = 2",
    "UPDATE requests SET scope = 'sideways' WHERE id = 2",
    "UPDATE grants SET failure = '{' WHERE request = 2",
    "UPDATE grants SET end_cause = 'lapsed' WHERE request = 2",
    "UPDATE grants SET role_arn = 'nonsense' WHERE request = 2",
    "UPDATE grants SET status = 'sideways' WHERE request = 2",
]


def damage(*statements: str) -> Callable[[Tx], None]:
    def run(tx: Tx) -> None:
        assert isinstance(tx, SqlTx)
        for statement in statements:
            assert tx.connection.execute(text(statement)).rowcount > 0

    return run


def three_requests(tx: Tx) -> None:
    """One grant each, written."""
    for _ in range(3):
        request = add_request(tx).id
        tx.add_approval(request, BOB)
        grant = add_grant(tx, request)
        tx.save_grant(grant, replace(grant, written=True))
        tx.add_outcome(Outcome(request=request, number=1, at=NOON, verifications=()))


@pytest.mark.parametrize("statement", DAMAGES)
async def test_open_grants_leave_out_each_request_of_which_a_row_cannot_be_read(
    store: SqlStore, statement: str
) -> None:
    await store.run(three_requests)
    await store.run(damage(statement))

    opened = await store.run(lambda tx: tx.open_grants(SET))

    assert [grant.request for grant in opened.grants] == [1, 3]
    assert opened.broken == {2}
    wanted = opened.grants[0].want
    assert opened.kept == (None if "role_arn" in statement else {wanted})


async def test_what_was_never_written_or_has_ended_is_not_kept(store: SqlStore) -> None:
    await store.run(three_requests)
    await store.run(damage("UPDATE grants SET end_cause = 'lapsed' WHERE request < 3"))
    await store.run(damage("UPDATE requests SET facts = '{' WHERE id = 3"))

    def more(tx: Tx) -> None:
        add_grant(tx, RequestId(1))
        add_grant(tx, RequestId(2))

    await store.run(more)
    await store.run(damage("UPDATE grants SET status = 'ended' WHERE written AND request = 1"))
    await store.run(damage("UPDATE grants SET written = false WHERE request > 1"))

    opened = await store.run(lambda tx: tx.open_grants(SET))

    assert opened.grants == ()
    assert opened.broken == {1, 2, 3}
    assert opened.kept == frozenset()


async def test_the_sets_of_others_are_not_touched_by_a_request_that_cannot_be_read(store: SqlStore) -> None:
    await store.run(three_requests)
    await store.run(damage("UPDATE grants SET permission_set = 'A', failure = '{' WHERE request = 2"))

    elsewhere, here = await store.run(lambda tx: (tx.open_grants(A), tx.open_grants(SET)))

    assert elsewhere.broken == {2}
    assert (here.broken, here.kept) == (frozenset(), frozenset())
    assert [grant.request for grant in here.grants] == [1, 3]


@pytest.mark.parametrize("statement", DAMAGES[:3])
async def test_lists_of_requests_leave_out_the_one_that_cannot_be_read(
    store: SqlStore, statement: str
) -> None:
    await store.run(three_requests)
    await store.run(damage(statement))

    (mine, lost), waiting = await store.run(
        lambda tx: (tx.requests_of(ALICE, at_most=9), tx.pending_requests(at_most=9))
    )

    assert [request.id for request in mine] == [3, 1]
    assert [request.id for request in waiting] == [1, 3]
    assert [request.approvals[0].by for request in waiting] == [BOB, BOB]
    assert [each.id for each in lost] == [2]


async def test_lists_of_what_belongs_to_requests_leave_out_what_cannot_be_read(store: SqlStore) -> None:
    await store.run(three_requests)
    await store.run(
        damage(
            "UPDATE grants SET status = 'active' WHERE request <> 2",
            "UPDATE grants SET status = 'active', failure = '{' WHERE request = 2",
            "UPDATE outcomes SET body = '{' WHERE request = 3",
        )
    )
    requests = [RequestId(number) for number in (1, 2, 3)]

    grants, lost = await store.run(lambda tx: tx.grants_for(requests))
    outcomes = await store.run(lambda tx: tx.outcomes_for(requests))
    arn = grants[RequestId(1)][0].role_arn
    active = await store.run(lambda tx: tx.active_on(SET, [arn], at_most=9))

    assert list(grants) == [1, 3]
    assert [each.id for each in lost] == [2]
    assert list(outcomes) == [1, 2]
    assert [grant.request for grant in active] == [1, 3]


async def test_lists_of_sets_leave_out_what_cannot_be_read(store: SqlStore) -> None:
    def write(tx: Tx) -> None:
        for name in (A, B):
            account = AccountId("1")
            tx.save_push(Push(permission_set=name, account=account, status=PushStatus.FAILED, document="{}"))
            state = tx.set_state(name)
            tx.save_set_state(state, replace(state, stopped=STOPPED))

    await store.run(write)
    await store.run(
        damage(
            "UPDATE pushes SET failure = '{' WHERE permission_set = 'A'",
            "UPDATE permission_sets SET stopped = '{' WHERE permission_set = 'A'",
        )
    )

    pushes, stopped = await store.run(lambda tx: (tx.pushes_in({A, B}), tx.stopped_sets({A, B})))

    assert [push.permission_set for push in pushes] == [B]
    assert stopped == {B: STOPPED}
    assert await store.run(lambda tx: tx.pushes_of(A)) == ()


async def test_a_flight_counts_whatever_else_its_row_says_until_it_is_old(store: SqlStore) -> None:
    def write(tx: Tx) -> None:
        for name, age in ((A, 1), (B, 19), (C, 21)):
            tx.save_push(
                Push(
                    permission_set=name,
                    account=AccountId("1"),
                    status=PushStatus.IN_PROGRESS,
                    document="{}",
                    started_at=tx.now - timedelta(minutes=age),
                )
            )

    await store.run(write)
    await store.run(damage("UPDATE pushes SET failure = '{'"))

    flights = await store.run(lambda tx: tx.flights(within=HOLDS_ITS_PLACE))

    assert flights == tuple(
        Flight(permission_set=name, account=AccountId("1"), everywhere=False) for name in (A, B)
    )
