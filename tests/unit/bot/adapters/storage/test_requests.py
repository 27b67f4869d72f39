"""Requests, approvals, grants and history: conditional writes and what they refuse."""

import asyncio
from dataclasses import replace
from threading import Event

import pytest

from bot.adapters.storage.store import SqlStore
from bot.domain.errors import Code, Conflict, NotFound
from bot.domain.grant import GrantStatus
from bot.domain.names import PermissionSetName, SlackUserId
from bot.domain.request import AccessRequest, RequestId, RequestStatus, Ruling
from bot.ports.store import Tx
from tests.fakes.clock import NOON
from tests.unit.bot.adapters.storage.samples import ALICE, BOB, SET, add_grant, add_request, an_ask, an_entry


async def test_numbers_grow_by_one_even_after_a_request_that_was_undone(store: SqlStore) -> None:
    def add_then_fail(tx: Tx) -> None:
        add_request(tx)
        raise Conflict(Code.CONFLICT)

    first = await store.run(add_request)
    with pytest.raises(Conflict):
        await store.run(add_then_fail)
    second = await store.run(add_request)

    assert [first.label, second.label] == ["WA-1", "WA-2"]


async def test_requests_that_arrive_together_get_numbers_without_gaps(store: SqlStore) -> None:
    added = await asyncio.gather(*(store.run(add_request) for _ in range(20)))

    assert sorted(request.id for request in added) == list(range(1, 21))


async def test_a_new_request_is_pending_at_version_one(store: SqlStore) -> None:
    ask = an_ask()

    added = await store.run(lambda tx: add_request(tx, ask))

    assert (added.ask, added.version, added.status, added.created_at) == (ask, 1, RequestStatus.PENDING, NOON)
    assert await store.run(lambda tx: tx.request(added.id)) == added


async def test_a_form_that_is_sent_twice_makes_one_request(store: SqlStore) -> None:
    ask = an_ask(form_key="V123")

    async def send() -> AccessRequest | None:
        try:
            return await store.run(lambda tx: add_request(tx, ask))
        except Conflict:
            return None

    sent = await asyncio.gather(send(), send(), send())

    winner = await store.run(lambda tx: tx.request_by_form("V123"))
    assert [request for request in sent if request] == [winner]


async def test_a_form_that_nobody_sent_has_no_request(store: SqlStore) -> None:
    assert await store.run(lambda tx: tx.request_by_form("V404")) is None


async def test_an_unknown_request_is_not_found_under_its_label(store: SqlStore) -> None:
    with pytest.raises(NotFound) as caught:
        await store.run(lambda tx: tx.request(RequestId(99)))

    assert caught.value.facts == {"id": "WA-99"}


async def test_one_of_twenty_approvers_wins_and_the_others_change_nothing(store: SqlStore) -> None:
    request = await store.run(add_request)
    people = [SlackUserId(f"U{number}") for number in range(20)]

    async def approve(by: SlackUserId) -> Code | None:
        def decide(tx: Tx) -> None:
            tx.add_approval(request.id, by)
            ruling = Ruling(by=by, at=tx.now)
            saved = tx.save_request(request, replace(request, status=RequestStatus.APPROVED, ruling=ruling))
            tx.audit(an_entry(saved.id, version=saved.version, event="request.approved"))

        try:
            await store.run(decide)
        except Conflict as lost:
            return lost.code
        return None

    lost = await asyncio.gather(*(approve(by) for by in people))

    winner = people[lost.index(None)]
    stored = await store.run(lambda tx: tx.request(request.id))
    assert (lost.count(None), lost.count(Code.ALREADY_DECIDED)) == (1, 19)
    assert stored.version == 2
    assert stored.ruling == Ruling(by=winner, at=NOON)
    assert [approval.by for approval in stored.approvals] == [winner]
    assert len(await store.run(lambda tx: tx.history(request.id))) == 1


async def test_approvers_who_read_first_and_count_each_other_never_miss_the_last_yes(store: SqlStore) -> None:
    request = await store.run(add_request)

    async def approve(by: SlackUserId) -> int:
        def count(tx: Tx) -> int:
            before = tx.request(request.id)
            tx.add_approval(before.id, by)
            return len(before.approvals) + 1

        return await store.run(count)

    counts = await asyncio.gather(*(approve(SlackUserId(f"U{number}")) for number in range(10)))

    assert sorted(counts) == list(range(1, 11))


async def test_the_same_approver_counts_once(store: SqlStore) -> None:
    request = await store.run(add_request)

    first = await store.run(lambda tx: tx.add_approval(request.id, BOB))
    second = await store.run(lambda tx: tx.add_approval(request.id, BOB))

    stored = await store.run(lambda tx: tx.request(request.id))
    assert (first, second) == (True, False)
    assert len(stored.approvals) == 1


async def test_lists_show_ones_own_newest_first_and_pending_oldest_first(store: SqlStore) -> None:
    hers = [await store.run(add_request) for _ in range(3)]
    his = await store.run(lambda tx: add_request(tx, an_ask(requester=BOB)))
    await store.run(lambda tx: tx.add_approval(hers[2].id, BOB))
    await store.run(lambda tx: tx.save_request(hers[0], replace(hers[0], status=RequestStatus.CANCELLED)))

    newest, _ = await store.run(lambda tx: tx.requests_of(ALICE, at_most=2))
    pending = await store.run(lambda tx: tx.pending_requests(at_most=10))

    assert [request.id for request in newest] == [hers[2].id, hers[1].id]
    assert [approval.by for approval in newest[0].approvals] == [BOB]
    assert [request.id for request in pending] == [hers[1].id, hers[2].id, his.id]


async def test_a_grant_that_was_changed_meanwhile_is_not_overwritten(store: SqlStore) -> None:
    def make(tx: Tx) -> tuple[AccessRequest, int]:
        request = add_request(tx)
        return request, add_grant(tx, request.id).id

    request, _ = await store.run(make)
    (seen,) = await store.run(lambda tx: tx.grants_of(request.id))
    await store.run(lambda tx: tx.save_grant(seen, replace(seen, status=GrantStatus.ACTIVE)))

    with pytest.raises(Conflict) as caught:
        await store.run(lambda tx: tx.save_grant(seen, replace(seen, status=GrantStatus.FAILED)))

    (stored,) = await store.run(lambda tx: tx.grants_of(request.id))
    assert caught.value.code is Code.CONFLICT
    assert (stored.status, stored.version) == (GrantStatus.ACTIVE, 2)


async def test_grants_are_found_by_set_and_status_in_the_order_of_their_ids(store: SqlStore) -> None:
    def make(tx: Tx) -> None:
        request = add_request(tx)
        for status in (GrantStatus.PROVISIONING, GrantStatus.ACTIVE, GrantStatus.ENDED, GrantStatus.ACTIVE):
            grant = add_grant(tx, request.id)
            tx.save_grant(grant, replace(grant, status=status))

    await store.run(make)

    active = await store.run(lambda tx: tx.grants_in(SET, {GrantStatus.ACTIVE, GrantStatus.PROVISIONING}))
    other = await store.run(lambda tx: tx.grants_in(PermissionSetName("Other"), set(GrantStatus)))
    none = await store.run(lambda tx: tx.grants_in(SET, ()))

    assert [grant.id for grant in active] == [1, 2, 4]
    assert (other, none) == ((), ())


async def test_history_keeps_each_version_of_a_subject_once(store: SqlStore) -> None:
    request = await store.run(add_request)
    await store.run(lambda tx: tx.audit(an_entry(request.id, version=2, event="request.approved")))
    await store.run(lambda tx: tx.audit(an_entry(request.id, version=1)))

    with pytest.raises(Conflict):
        await store.run(lambda tx: tx.audit(an_entry(request.id, version=2, event="request.denied")))

    events = [entry.event for entry in await store.run(lambda tx: tx.history(request.id))]
    assert events == ["request.approved", "request.pending"]


async def test_a_set_is_created_when_it_is_first_looked_at_and_saved_conditionally(store: SqlStore) -> None:
    new = await store.run(lambda tx: tx.set_state(SET))
    saved = await store.run(lambda tx: tx.save_set_state(new, replace(new, sids=frozenset({"A", "B"}))))

    with pytest.raises(Conflict):
        await store.run(lambda tx: tx.save_set_state(new, replace(new, document="{}")))

    assert (new.version, saved.version) == (0, 1)
    assert await store.run(lambda tx: tx.set_state(SET)) == saved


@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
async def test_looking_at_a_request_waits_for_nobody_who_decides_it(store: SqlStore) -> None:
    request = await store.run(add_request)
    begun, may_go_on = Event(), Event()

    def decide(tx: Tx) -> None:
        tx.request(request.id)
        begun.set()
        may_go_on.wait(5)

    deciding = asyncio.create_task(store.run(decide))
    await asyncio.to_thread(begun.wait, 5)

    seen = await asyncio.wait_for(store.run(lambda tx: tx.seen_request(request.id)), timeout=3)

    may_go_on.set()
    await deciding
    assert seen == request


async def test_what_is_only_looked_at_has_its_approvals_or_is_not_there(store: SqlStore) -> None:
    request = await store.run(add_request)
    await store.run(lambda tx: tx.add_approval(request.id, BOB))

    seen = await store.run(lambda tx: tx.seen_request(request.id))

    assert [approval.by for approval in seen.approvals] == [BOB]
    with pytest.raises(NotFound):
        await store.run(lambda tx: tx.seen_request(RequestId(99)))
