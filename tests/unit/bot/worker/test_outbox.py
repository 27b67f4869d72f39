"""Messages owed to Slack: posted once, then edited until they show what is true."""

import itertools
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from bot.domain.errors import Code, NotFound, Unavailable
from bot.domain.messages import Answer, MessageKind
from bot.domain.pace import POSTS
from bot.domain.request import RequestId, RequestStatus
from bot.ports.store import Tx
from bot.usecases.transitions import rule_on
from bot.worker.outbox import PARENT_AFTER, Outbox
from tests.builders import ALICE, BOB, CHANNEL, an_ask
from tests.fakes.clock import NOON
from tests.fakes.crashes import Killed, breaking
from tests.fakes.world import World, a_world

CARD, REPLY = "WA-1:card", "WA-1:progress"
LOST = Unavailable(Code.SLACK_UNAVAILABLE, sent="maybe")
REFUSED = Unavailable(Code.SLACK_UNAVAILABLE, sent="no", retry_after=30)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with a_world() as world:
        await world.database.run(lambda tx: tx.add_request(an_ask(), decide_by=NOON + timedelta(days=3)))
        yield world


async def owe(
    world: World, key: str = CARD, kind: MessageKind = MessageKind.CARD, *, thread_key: str | None = None
) -> None:
    await world.database.run(
        lambda tx: tx.owe(key, kind, CHANNEL, request=RequestId(1), thread_key=thread_key)
    )


async def deny(world: World) -> None:
    def decide(tx: Tx) -> None:
        rule_on(tx, tx.request(RequestId(1)), RequestStatus.DENIED, by=BOB)
        tx.owe(CARD, MessageKind.CARD, CHANNEL, request=RequestId(1))

    await world.database.run(decide)


async def send(world: World, key: str = CARD, *, after: timedelta = timedelta(0)) -> datetime | None:
    """Let the outbox try, and again when it says so."""
    world.clock.advance(after)
    return await world.outbox(key)


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


async def test_a_message_whose_answer_was_lost_is_found_and_not_repeated(world: World) -> None:
    await owe(world)
    world.slack.lost["post"] = LOST
    with pytest.raises(Unavailable):
        await send(world)
    world.slack.lost.clear()
    await deny(world)

    await send(world, after=timedelta(seconds=1))

    (shown,) = world.slack.messages(CARD)
    assert shown.story is not None
    assert shown.story.request.status is RequestStatus.DENIED
    message = await world.message(CARD)
    assert (message.ts, message.shown) == (shown.posted.ts, 2)


async def test_a_message_that_never_arrived_is_looked_for_and_posted(world: World) -> None:
    await owe(world)
    world.slack.errors["post"] = LOST
    with pytest.raises(Unavailable):
        await send(world)
    world.slack.errors.clear()

    await send(world, after=timedelta(seconds=1))

    (shown,) = world.slack.messages(CARD)
    assert world.slack.searches == 1
    assert not shown.repetition


async def test_without_the_history_scope_a_message_says_that_it_may_be_a_repetition(world: World) -> None:
    world.slack.has_history = False
    await owe(world)
    world.slack.lost["post"] = LOST
    with pytest.raises(Unavailable):
        await send(world)
    world.slack.lost.clear()

    await send(world, after=timedelta(seconds=1))

    first, second = world.slack.messages(CARD)
    assert (first.repetition, second.repetition) == (False, True)
    assert (await world.message(CARD)).ts == second.posted.ts


async def test_what_slack_refused_is_not_looked_for(world: World) -> None:
    await owe(world)
    world.slack.errors["post"] = REFUSED
    with pytest.raises(Unavailable):
        await send(world)
    world.slack.errors.clear()

    await send(world, after=timedelta(seconds=30))

    (shown,) = world.slack.messages(CARD)
    assert world.slack.searches == 0
    assert not shown.repetition


async def test_what_slack_refused_after_a_lost_answer_is_looked_for_again(world: World) -> None:
    await owe(world)
    for error in (LOST, REFUSED):
        world.slack.errors["post"] = error
        with pytest.raises(Unavailable):
            await send(world, after=timedelta(minutes=1))
    world.slack.errors.clear()

    await send(world, after=timedelta(minutes=1))

    assert len(world.slack.messages(CARD)) == 1
    assert world.slack.searches == 2


async def test_an_answer_is_whispered_once(world: World) -> None:
    said = Answer(said="approved", facts=(("label", "WA-1"),))
    await world.database.run(
        lambda tx: tx.owe("click:1:answer", MessageKind.ANSWER, CHANNEL, to=ALICE, answer=said)
    )

    await send(world, "click:1:answer")
    await send(world, "click:1:answer")

    (whisper,) = world.slack.whispers
    assert (whisper.to, whisper.answer) == (ALICE, said)


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


async def test_a_message_that_somebody_deleted_is_not_edited_for_ever(world: World) -> None:
    """Slack will never let us edit it; trying every five minutes for ever helps nobody."""
    await owe(world)
    await send(world)
    await deny(world)
    world.slack.errors["edit"] = NotFound(Code.SLACK_UNAVAILABLE, sent="no", error="message_not_found")

    await world.work(until=NOON + timedelta(days=1), at_most=80)

    assert await world.database.due() == {}


# Pace


async def test_a_burst_goes_at_once_and_the_rest_at_slacks_pace(world: World) -> None:
    keys = [f"WA-1:results:{number}" for number in range(POSTS.burst + 2)]
    for key in keys:
        await owe(world, key, MessageKind.RESULTS)

    turns = [await send(world, key) for key in keys]

    assert turns == [None] * POSTS.burst + [NOON + POSTS.every, NOON + POSTS.every * 2]
    assert len(world.slack.channel) == POSTS.burst


async def test_whoever_waits_for_a_turn_keeps_the_place(world: World) -> None:
    keys = [f"WA-1:results:{number}" for number in range(POSTS.burst + 1)]
    for key in keys:
        await owe(world, key, MessageKind.RESULTS)
    turns = [await send(world, key) for key in keys]

    assert await send(world, keys[-1]) == turns[-1]
    assert await send(world, keys[-1], after=POSTS.every) is None
    assert len(world.slack.messages(keys[-1])) == 1


async def test_another_channel_has_a_pace_of_its_own(world: World) -> None:
    for number in range(POSTS.burst):
        await owe(world, f"WA-1:results:{number}", MessageKind.RESULTS)
        await send(world, f"WA-1:results:{number}")
    await world.database.run(lambda tx: tx.owe("WA-1:copy", MessageKind.COPY, ALICE, request=RequestId(1)))

    assert await send(world, "WA-1:copy") is None
    assert len(world.slack.messages("WA-1:copy")) == 1


async def test_edits_that_queue_up_show_the_newest_state_alone(world: World) -> None:
    await owe(world)
    await send(world)
    for _ in range(40):
        await owe(world)
    await deny(world)

    await world.work()

    (shown,) = world.slack.messages(CARD)
    assert shown.edits == 1
    assert shown.story is not None
    assert shown.story.request.status is RequestStatus.DENIED


# Turns kept in the store


async def owe_many(world: World, count: int) -> None:
    for number in range(count):
        await owe(world, f"WA-1:results:{number:03}", MessageKind.RESULTS)


async def drain(world: World, *boxes: Outbox, until: datetime = NOON + timedelta(hours=1)) -> list[float]:
    """Let these take turns at the work, as replicas do; the seconds since noon at which something was posted."""
    posts: list[float] = []
    replicas = itertools.cycle(boxes)
    while True:
        seconds, before = (world.clock.now() - NOON).total_seconds(), len(world.slack.channel)
        claimed = await world.store.claim(at_most=1, lease_for=timedelta(seconds=10))
        if not claimed:
            due = min((await world.store.due()).values(), default=None)
            if due is None or due > until:
                return posts
            world.clock.set(due)
            continue
        (work,) = claimed
        try:
            again_at = await next(replicas)(work.key)
        except Unavailable as error:
            wait = timedelta(seconds=int(error.facts.get("retry_after", 1)))
            await world.store.fail(work, again_at=world.clock.now() + wait, error="")
        else:
            await world.store.finish(work, again_at=again_at)
        if len(world.slack.channel) > before:
            posts.append(seconds)


def an_outbox(world: World) -> Outbox:
    return Outbox(store=world.store, notifier=world.slack, clock=world.clock)


async def test_a_restart_goes_on_where_the_queue_stood(world: World) -> None:
    await owe_many(world, POSTS.burst + 20)
    early = await drain(world, an_outbox(world), until=NOON + timedelta(seconds=5))

    late = await drain(world, an_outbox(world))

    assert early == [0.0] * POSTS.burst + [1.0, 2.0, 3.0, 4.0, 5.0]
    assert late == [float(second) for second in range(6, 21)]


async def test_two_replicas_are_as_fast_together_as_one_alone(world: World) -> None:
    await owe_many(world, POSTS.burst + 20)

    one, other = an_outbox(world), an_outbox(world)
    posts = await drain(world, one, other, other)

    assert posts == [0.0] * POSTS.burst + [float(second) for second in range(1, 21)]


async def test_those_whose_turns_passed_while_nobody_served_do_not_go_all_at_once(world: World) -> None:
    await owe_many(world, POSTS.burst + 40)
    await drain(world, an_outbox(world), until=NOON)
    world.clock.advance(timedelta(minutes=5))

    posts = await drain(world, an_outbox(world))

    assert posts == [300.0] * POSTS.burst + [300.0 + second for second in range(1, 36)]


async def test_a_turn_to_post_is_not_used_for_an_edit(world: World) -> None:
    await owe_many(world, POSTS.burst)
    await owe(world)
    for key in [f"WA-1:results:{number:03}" for number in range(POSTS.burst)]:
        await send(world, key)
    turn = await send(world)
    assert turn == NOON + POSTS.every
    assert ((await world.message(CARD)).queue, (await world.message(CARD)).turn_at) == (
        f"posts:{CHANNEL}",
        turn,
    )

    def stands(tx: Tx) -> None:
        message = tx.message(CARD)
        assert message is not None
        tx.save_message(replace(message, ts="1.0", posted_channel=CHANNEL))

    await world.database.run(stands)

    assert await send(world) is None
    message = await world.message(CARD)
    assert (message.queue, message.turn_at) == (None, None)


# Slack asks for a pause


async def test_while_slack_wants_a_pause_nothing_goes_to_that_queue(world: World) -> None:
    await owe_many(world, POSTS.burst + 20)
    await drain(world, an_outbox(world), until=NOON + timedelta(seconds=5))
    world.slack.errors["post"] = REFUSED
    tried: list[float] = []

    async def refused_once(_: str) -> None:
        tried.append((world.clock.now() - NOON).total_seconds())
        if len(tried) > 1:
            world.slack.errors.clear()

    world.slack.before = refused_once
    posts = await drain(world, an_outbox(world), an_outbox(world))

    assert tried[:2] == [6.0, 36.0]
    assert posts == [float(second) for second in range(36, 51)]


async def test_what_was_refused_goes_first_after_the_pause(world: World) -> None:
    await owe_many(world, 3)
    world.slack.errors["post"] = REFUSED
    with pytest.raises(Unavailable):
        await send(world, "WA-1:results:001")
    world.slack.errors.clear()

    posts = await drain(world, an_outbox(world))

    assert posts == [30.0, 31.0, 32.0]
    assert [shown.key[-1] for shown in world.slack.channel.values()] == ["1", "0", "2"]


async def test_a_poke_does_not_shorten_the_pause_that_slack_wants(world: World) -> None:
    await owe(world)
    world.slack.errors["post"] = REFUSED
    with pytest.raises(Unavailable):
        await send(world)
    world.slack.errors.clear()
    await owe(world)

    assert await send(world, after=timedelta(seconds=1)) == NOON + timedelta(seconds=30)
    assert world.slack.channel == {}


async def test_a_pause_for_one_channel_is_none_for_another(world: World) -> None:
    await owe(world)
    world.slack.errors["post"] = REFUSED
    with pytest.raises(Unavailable):
        await send(world)
    world.slack.errors.clear()
    await world.database.run(lambda tx: tx.owe("WA-1:copy", MessageKind.COPY, ALICE, request=RequestId(1)))

    assert await send(world, "WA-1:copy") is None
    assert len(world.slack.messages("WA-1:copy")) == 1


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
