"""Messages owed to Slack: posted once, then edited until they show what is true."""

from contextlib import suppress
from datetime import datetime, timedelta

import pytest

from bot.domain.errors import Code, NotFound
from bot.domain.messages import Answer, MessageKind
from bot.domain.request import RequestStatus
from bot.worker.outbox import PARENT_AFTER
from tests.builders import ALICE, CHANNEL, an_ask
from tests.fakes.clock import NOON
from tests.fakes.crashes import Killed, breaking
from tests.fakes.world import World, a_world
from tests.unit.bot.worker.outbox.owed import (
    CARD,
    REPLY,
    deny,
    owe,
    send,
)


async def test_a_message_is_posted_once_and_its_place_remembered(world: World) -> None:
    await owe(world)

    assert await send(world) is None
    assert await send(world) is None

    (shown,) = world.slack.messages(CARD)
    message = await world.message(CARD)
    assert (message.ts, message.posted_channel) == (shown.posted.ts, shown.posted.channel)
    assert message.shown == message.wanted == 1
    assert not shown.repetition


async def test_a_message_that_nobody_owes_is_nothing_to_do(world: World) -> None:
    assert await send(world, "WA-9:card") is None
    assert world.slack.channel == {}


async def test_a_message_is_edited_to_the_truth_of_that_moment(world: World) -> None:
    await owe(world)
    await send(world)
    await deny(world)
    await owe(world)

    await send(world)

    (shown,) = world.slack.messages(CARD)
    assert shown.story is not None
    assert shown.story.request.status is RequestStatus.DENIED
    assert shown.edits == 1
    assert (await world.message(CARD)).shown == 3


async def test_what_changes_while_a_message_is_sent_is_shown_by_the_next_edit(world: World) -> None:
    await owe(world)

    async def decide(name: str) -> None:
        world.slack.before = None
        await deny(world)

    world.slack.before = decide
    await send(world)
    message = await world.message(CARD)
    assert message.shown < message.wanted

    await send(world)

    (shown,) = world.slack.messages(CARD)
    assert shown.story is not None
    assert shown.story.request.status is RequestStatus.DENIED


async def test_an_edit_never_shows_an_older_state_than_the_message_does(world: World) -> None:
    await owe(world)
    await send(world)
    stale = await world.message(CARD)
    await deny(world)
    await send(world)

    await world.database.run(lambda tx: tx.save_message(stale))

    assert await send(world) is None
    assert (await world.message(CARD)).shown == 2


async def test_a_reply_waits_for_its_card(world: World) -> None:
    await owe(world)
    await owe(world, REPLY, MessageKind.PROGRESS, thread_key=CARD)

    assert await send(world, REPLY) == NOON + PARENT_AFTER
    assert world.slack.channel == {}
    await send(world)
    await send(world, REPLY)

    (card,) = world.slack.messages(CARD)
    (reply,) = world.slack.messages(REPLY)
    assert reply.thread == card.posted


async def test_a_reply_waits_for_a_card_that_is_not_even_owed(world: World) -> None:
    await owe(world, REPLY, MessageKind.PROGRESS, thread_key=CARD)

    assert await send(world, REPLY) == NOON + PARENT_AFTER


async def test_an_answer_is_whispered_once(world: World) -> None:
    said = Answer(said="approved", facts=(("label", "WA-1"),))
    await world.database.run(
        lambda tx: tx.owe("click:1:answer", MessageKind.ANSWER, CHANNEL, to=ALICE, answer=said)
    )

    await send(world, "click:1:answer")
    await send(world, "click:1:answer")

    (whisper,) = world.slack.whispers
    assert (whisper.to, whisper.answer, whisper.repetition) == (ALICE, said, False)


async def test_an_edit_that_fails_is_tried_again(world: World) -> None:
    await owe(world)
    await send(world)
    await deny(world)
    world.slack.errors["edit"] = NotFound(Code.SLACK_UNAVAILABLE, sent="no", error="channel_not_found")
    with pytest.raises(NotFound):
        await send(world, after=timedelta(seconds=5))
    message = await world.message(CARD)
    assert message.shown < message.wanted
    world.slack.errors.clear()

    await send(world, after=timedelta(seconds=5))

    (shown,) = world.slack.messages(CARD)
    assert shown.edits == 1


# What Slack never lets us edit again


def never_again(world: World, error: str) -> None:
    world.slack.errors["edit"] = NotFound(Code.SLACK_UNAVAILABLE, sent="no", error=error)


@pytest.mark.parametrize("error", ["message_not_found", "cant_update_message", "edit_window_closed"])
async def test_a_message_that_cannot_be_edited_is_not_tried_for_ever_and_the_log_says_so(
    world: World, error: str, caplog: pytest.LogCaptureFixture
) -> None:
    await owe(world)
    await send(world)
    await deny(world)
    never_again(world, error)

    await world.work(until=NOON + timedelta(days=1), at_most=80)

    assert await world.database.due() == {}
    (line,) = [record for record in caplog.records if record.message == "message_not_edited"]
    assert vars(line)["fields"] == {"key": CARD, "error": error}


async def test_a_deleted_card_that_still_waits_for_a_decision_is_posted_anew(world: World) -> None:
    await owe(world)
    await send(world)
    await owe(world)
    never_again(world, "message_not_found")

    await world.work()

    first, second = world.slack.messages(CARD)
    assert (await world.message(CARD)).ts == second.posted.ts != first.posted.ts
    assert not second.repetition
    assert world.slack.searches == 0


async def test_a_deleted_card_of_a_decided_request_stays_deleted(world: World) -> None:
    await owe(world)
    await send(world)
    await deny(world)
    never_again(world, "message_not_found")

    await world.work()

    assert len(world.slack.channel) == 1


@pytest.mark.parametrize("error", ["cant_update_message", "edit_window_closed"])
async def test_a_card_that_stands_there_for_good_gets_a_reply_with_what_is_true(
    world: World, error: str
) -> None:
    await owe(world)
    await send(world)
    await deny(world)
    never_again(world, error)

    await world.work()

    (card,), (reply,) = world.slack.messages(CARD), world.slack.messages(f"{CARD}:again:1")
    assert reply.thread == card.posted
    assert reply.story is not None
    assert reply.story.request.status is RequestStatus.DENIED


async def test_that_reply_is_kept_true_and_followed_by_another_when_it_stays_as_well(world: World) -> None:
    await owe(world)
    await send(world)
    await owe(world)
    never_again(world, "edit_window_closed")
    await world.work()

    async def only_the_card(name: str) -> None:
        never_again(world, "cant_update_message")
        if name == "edit" and len(edits) == 1:
            world.slack.errors.clear()
        edits.append(name)

    edits: list[str] = []
    world.slack.before = only_the_card
    await owe(world)
    await world.work()
    world.slack.before = None
    never_again(world, "edit_window_closed")
    await deny(world)
    await world.work()

    (card,) = world.slack.messages(CARD)
    (first,), (second,) = (world.slack.messages(f"{CARD}:again:{number}") for number in (1, 2))
    assert (card.edits, first.edits) == (0, 1)
    assert first.thread == second.thread == card.posted
    assert second.story is not None
    assert second.story.request.status is RequestStatus.DENIED
    assert len(world.slack.channel) == 3


# Broken off anywhere


async def show_all(world: World) -> None:
    for key in (CARD, REPLY):
        turn = await world.outbox(key)
        if turn is not None:
            world.clock.set(turn)
            await world.outbox(key)


async def test_a_card_and_its_thread_are_there_once_wherever_it_was_broken_off() -> None:
    async def story(n: int) -> int:
        async with a_world() as world:
            await world.database.run(lambda tx: tx.add_request(an_ask(), decide_by=NOON + timedelta(days=3)))
            await owe(world)
            await owe(world, REPLY, MessageKind.PROGRESS, thread_key=CARD)
            with breaking(world, n) as breaker, suppress(Killed):
                await show_all(world)
            await deny(world)
            world.clock.advance(timedelta(minutes=1))
            await show_all(world)

            (card,), (reply,) = world.slack.messages(CARD), world.slack.messages(REPLY)
            assert card.story is not None, n
            assert card.story.request.status is RequestStatus.DENIED, n
            assert reply.thread == card.posted, n
            assert not card.repetition, n
        return breaker.count

    calls = await story(0)
    assert calls > 5

    for n in range(1, calls + 1):
        await story(n)


async def test_a_message_without_a_place_knows_its_first_try_before_it_is_sent(world: World) -> None:
    await owe(world)
    tries: list[datetime | None] = []

    async def look(_: str) -> None:
        tries.append((await world.message(CARD)).first_try_at)

    world.slack.before = look
    await send(world)

    assert tries == [NOON]
