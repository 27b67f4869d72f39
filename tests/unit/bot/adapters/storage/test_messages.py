"""The inbox and the outbox."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.adapters.storage.store import SqlStore
from bot.domain.errors import Code, Conflict, NotFound
from bot.domain.messages import Answer, ClickKind, MessageKind, Outcome, OwedMessage
from bot.domain.names import ChannelId, SlackTeamId
from bot.domain.pace import Pace
from bot.domain.request import RequestId
from bot.ports.store import Tx, WorkKind
from tests.fakes.clock import NOON
from tests.unit.bot.adapters.storage.samples import BOB, add_request

CHANNEL = ChannelId("C0APPROVALS")


def owe_card(tx: Tx) -> None:
    tx.owe("WA-1:card", MessageKind.CARD, CHANNEL, request=RequestId(1))


async def card(store: SqlStore) -> OwedMessage:
    message = await store.run(lambda tx: tx.message("WA-1:card"))
    assert message is not None
    return message


async def test_what_is_owed_again_grows_its_wanted_version_and_wakes_the_outbox(
    store: SqlStore, pokes: list[str]
) -> None:
    for _ in range(3):
        await store.run(owe_card)

    owed = await card(store)
    assert (owed.wanted, owed.shown) == (3, 0)
    (work,) = await store.claim(at_most=10, lease_for=timedelta(seconds=10))
    assert (work.kind, work.key) == (WorkKind.MESSAGE, "WA-1:card")
    assert len(pokes) == 3


async def test_an_answer_keeps_its_reader_and_its_facts(store: SqlStore) -> None:
    said = Answer(code=Code.ALREADY_DECIDED, facts=(("by", BOB), ("at", 17), ("number", "17")))

    await store.run(lambda tx: tx.owe("click:1:answer", MessageKind.ANSWER, CHANNEL, to=BOB, answer=said))

    owed = await store.run(lambda tx: tx.message("click:1:answer"))
    assert owed is not None
    assert (owed.to, owed.answer, owed.request) == (BOB, said, None)


async def test_an_older_edit_never_lowers_what_is_shown(store: SqlStore) -> None:
    await store.run(owe_card)
    await store.run(owe_card)
    owed = await card(store)
    await store.run(lambda tx: tx.save_message(replace(owed, shown=2, ts="1.2", posted_channel=CHANNEL)))

    await store.run(
        lambda tx: tx.save_message(
            replace(owed, shown=1, ts="1.2", posted_channel=CHANNEL, first_try_at=NOON)
        )
    )

    shown = await card(store)
    assert (shown.shown, shown.ts, shown.posted_channel, shown.first_try_at) == (2, "1.2", CHANNEL, NOON)


async def test_saving_what_was_shown_leaves_alone_what_is_wanted_by_now(store: SqlStore) -> None:
    await store.run(owe_card)
    seen = await card(store)
    await store.run(owe_card)

    await store.run(lambda tx: tx.save_message(replace(seen, shown=1)))

    owed = await card(store)
    assert (owed.wanted, owed.shown) == (2, 1)


async def test_a_message_that_nobody_owes_is_none_and_cannot_be_saved(store: SqlStore) -> None:
    stray = OwedMessage(key="WA-9:card", kind=MessageKind.CARD, request=None, channel=CHANNEL)

    assert await store.run(lambda tx: tx.message("WA-9:card")) is None
    with pytest.raises(NotFound):
        await store.run(lambda tx: tx.save_message(stray))


async def test_a_click_on_a_request_that_this_database_lacks_is_kept_all_the_same(store: SqlStore) -> None:
    def press(tx: Tx) -> int:
        return tx.add_click(
            kind=ClickKind.DENY,
            request=RequestId(404),
            by=BOB,
            team=SlackTeamId("T0HOME"),
            channel=CHANNEL,
            note="no",
        ).id

    first = await store.run(press)
    second = await store.run(press)

    click = await store.run(lambda tx: tx.click(first))
    assert second > first
    assert (click.kind, click.request, click.note, click.at, click.done_at) == (
        ClickKind.DENY,
        404,
        "no",
        NOON,
        None,
    )


async def test_a_finished_click_says_when(store: SqlStore) -> None:
    click = await store.run(
        lambda tx: tx.add_click(
            kind=ClickKind.APPROVE, request=RequestId(1), by=BOB, team=SlackTeamId("T"), channel=CHANNEL
        )
    )

    await store.run(lambda tx: tx.finish_click(click.id))

    assert await store.run(lambda tx: tx.click(click.id)) == replace(click, done_at=NOON)


async def test_an_unknown_click_is_not_found(store: SqlStore) -> None:
    with pytest.raises(NotFound):
        await store.run(lambda tx: tx.click(404))


async def test_outcomes_are_kept_by_number_and_zero_means_the_newest(store: SqlStore) -> None:
    request = await store.run(add_request)
    first, second = (
        Outcome(request=request.id, number=number, at=NOON, verifications=()) for number in (1, 2)
    )
    assert await store.run(lambda tx: tx.outcome(request.id, 0)) is None
    await store.run(lambda tx: tx.add_outcome(first))
    await store.run(lambda tx: tx.add_outcome(second))

    with pytest.raises(Conflict):
        await store.run(lambda tx: tx.add_outcome(second))

    assert await store.run(lambda tx: tx.outcome(request.id, 0)) == second
    assert await store.run(lambda tx: tx.outcome(request.id, 1)) == first
    assert await store.run(lambda tx: tx.outcome(request.id, 3)) is None


async def test_turns_taken_at_the_same_time_are_a_pace_apart_once_the_burst_is_used(store: SqlStore) -> None:
    pace = Pace(every=timedelta(seconds=1), burst=5)

    turns = await asyncio.gather(*(store.run(lambda tx: tx.take_turn("post:C1", pace)) for _ in range(20)))
    elsewhere = await store.run(lambda tx: tx.take_turn("post:C2", pace))

    assert sorted(turns) == [NOON] * 5 + [NOON + timedelta(seconds=n) for n in range(1, 16)]
    assert elsewhere == NOON


async def test_a_pause_moves_those_who_wait_in_its_queue_and_nobody_else(store: SqlStore) -> None:
    pace = Pace(every=timedelta(seconds=1), burst=1)

    def wait(tx: Tx, key: str, queue: str) -> None:
        tx.owe(key, MessageKind.CARD, CHANNEL, request=RequestId(1))
        owed = tx.message(key)
        assert owed is not None
        tx.save_message(replace(owed, queue=queue, turn_at=tx.take_turn(queue, pace)))

    for key, queue in (("a", "edits"), ("b", "edits"), ("c", "edits"), ("d", "posts")):
        await store.run(lambda tx, key=key, queue=queue: wait(tx, key, queue))  # type: ignore[misc]

    own = await store.run(lambda tx: tx.hold_turns("edits", pace, until=tx.now + timedelta(seconds=30)))

    def turns(tx: Tx) -> list[timedelta]:
        owed = [tx.message(key) for key in "abcd"]
        return [each.turn_at - NOON for each in owed if each is not None and each.turn_at is not None]

    seconds = [each.total_seconds() for each in await store.run(turns)]
    assert own == NOON + timedelta(seconds=30)
    assert seconds == [31, 32, 33, 0]
    assert await store.run(lambda tx: tx.take_turn("edits", pace)) == NOON + timedelta(seconds=34)
    assert await store.run(lambda tx: tx.take_turn("posts", pace)) == NOON + timedelta(seconds=1)
