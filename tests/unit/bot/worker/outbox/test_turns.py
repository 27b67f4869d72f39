"""Slack's pace: a turn is kept in the store, a burst goes at once, and a pause holds for everybody."""

import itertools
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from bot.domain.errors import Unavailable
from bot.domain.messages import MessageKind
from bot.domain.names import ChannelId
from bot.domain.pace import POSTS
from bot.domain.request import RequestId, RequestStatus
from bot.ports.store import Tx
from bot.worker.outbox import Outbox
from tests.builders import ALICE, CHANNEL
from tests.fakes.clock import NOON
from tests.fakes.world import World
from tests.unit.bot.worker.outbox.owed import (
    CARD,
    REFUSED,
    REPLY,
    deny,
    owe,
    send,
)

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
    return Outbox(store=world.store, notifier=world.slack)


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


async def test_a_reply_has_the_pace_of_the_channel_in_which_its_card_stands(world: World) -> None:
    await owe(world)
    await send(world)
    await world.database.run(
        lambda tx: tx.owe(
            REPLY, MessageKind.PROGRESS, ChannelId("C0NEW"), request=RequestId(1), thread_key=CARD
        )
    )
    await owe_many(world, POSTS.burst - 1)
    for number in range(POSTS.burst - 1):
        await send(world, f"WA-1:results:{number:03}")

    assert await send(world, REPLY) == NOON + POSTS.every
    await send(world, REPLY, after=POSTS.every)

    (card,), (reply,) = world.slack.messages(CARD), world.slack.messages(REPLY)
    assert reply.posted.channel == card.posted.channel == CHANNEL


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
