"""What may have been sent is looked for before it is sent again, or says that it may be a repetition."""

import itertools
from datetime import datetime, timedelta

import pytest

from bot.domain.errors import Unavailable
from bot.domain.request import RequestStatus
from bot.ports.notifier import Posted
from bot.worker.engine import LONGEST_BACK_OFF
from bot.worker.outbox import LOOK_AFTER
from tests.builders import ALICE, CHANNEL
from tests.fakes.clock import NOON
from tests.fakes.notifier import Shown
from tests.fakes.world import World
from tests.unit.bot.worker.outbox.owed import (
    ANSWER,
    CARD,
    LOST,
    REFUSED,
    deny,
    owe,
    owe_an_answer,
    send,
)


async def test_a_message_whose_answer_was_lost_is_found_and_not_repeated(world: World) -> None:
    await owe(world)
    world.slack.lost["post"] = LOST
    with pytest.raises(Unavailable):
        await send(world)
    world.slack.lost.clear()
    await deny(world)

    assert await send(world, after=LOOK_AFTER) == world.clock.now()
    await send(world)

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

    await send(world, after=LOOK_AFTER)

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

    await send(world, after=LOOK_AFTER)

    first, second = world.slack.messages(CARD)
    assert (first.repetition, second.repetition) == (False, True)
    assert (await world.message(CARD)).ts == second.posted.ts


async def test_the_mark_of_a_repetition_stays_when_the_message_is_edited(world: World) -> None:
    world.slack.has_history = False
    await owe(world)
    world.slack.lost["post"] = LOST
    with pytest.raises(Unavailable):
        await send(world)
    world.slack.lost.clear()
    await send(world, after=LOOK_AFTER)
    await deny(world)

    await send(world)

    _, second = world.slack.messages(CARD)
    assert (second.edits, second.repetition) == (1, True)


async def test_a_message_of_unknown_fate_is_not_looked_for_before_slack_had_time_to_show_it(
    world: World,
) -> None:
    await owe(world)
    world.slack.errors["post"] = LOST
    with pytest.raises(Unavailable) as told:
        await send(world)
    await owe(world)

    assert told.value.facts["retry_after"] == LOOK_AFTER.total_seconds()
    assert await send(world, after=timedelta(seconds=1)) == NOON + LOOK_AFTER
    assert world.slack.searches == 0


@pytest.mark.parametrize("late_try", [1, 2, 3])
async def test_a_post_that_slack_applies_late_is_found_whichever_try_it_was(
    world: World, late_try: int
) -> None:
    await owe(world)
    world.slack.errors["post"] = LOST
    tries: list[datetime] = []

    async def count(name: str) -> None:
        if name == "post":
            tries.append(world.clock.now())
        if name == "find" and len(tries) == late_try and not world.slack.channel:
            # What was tried 17 seconds ago has come a moment ago.
            assert world.clock.now() - tries[-1] >= timedelta(seconds=17)
            world.slack.channel["1.0"] = Shown(
                key=CARD, posted=Posted(channel=CHANNEL, ts="1.0"), story=None, thread=None, repetition=False
            )

    world.slack.before = count
    await world.work()

    assert len(tries) == late_try
    (shown,) = world.slack.messages(CARD)
    assert (shown.posted.ts, shown.edits) == ("1.0", 1)


async def test_a_poke_does_not_shorten_that_wait_after_a_later_try_either(world: World) -> None:
    await owe(world)
    world.slack.errors["post"] = LOST
    for after in (timedelta(0), LOOK_AFTER):
        with pytest.raises(Unavailable):
            await send(world, after=after)
    await owe(world)

    assert await send(world, after=timedelta(seconds=1)) == NOON + 2 * LOOK_AFTER
    assert world.slack.searches == 1


async def test_while_slack_is_ill_the_pauses_between_tries_grow(world: World) -> None:
    await owe(world)
    world.slack.errors["post"] = LOST
    tries: list[float] = []

    async def count(name: str) -> None:
        if name == "post":
            tries.append((world.clock.now() - NOON).total_seconds())

    world.slack.before = count
    await world.work(until=NOON + timedelta(hours=1))

    pauses = [later - earlier for earlier, later in itertools.pairwise(tries)]
    assert pauses[0] == LOOK_AFTER.total_seconds()
    assert pauses == sorted(pauses)
    assert pauses[-1] == LONGEST_BACK_OFF.total_seconds()


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


async def test_an_answer_whispered_again_says_that_it_may_be_a_repetition(world: World) -> None:
    await owe_an_answer(world)
    world.slack.lost["whisper"] = LOST
    with pytest.raises(Unavailable):
        await send(world, ANSWER)
    world.slack.lost.clear()

    await send(world, ANSWER, after=timedelta(seconds=1))

    assert [whisper.repetition for whisper in world.slack.whispers] == [False, True]


async def test_an_answer_that_slack_refused_is_no_repetition(world: World) -> None:
    await owe_an_answer(world)
    world.slack.errors["whisper"] = REFUSED
    with pytest.raises(Unavailable):
        await send(world, ANSWER)
    world.slack.errors.clear()

    await send(world, ANSWER, after=timedelta(seconds=30))

    assert [whisper.repetition for whisper in world.slack.whispers] == [False]


async def test_an_answer_that_cannot_be_whispered_is_posted_once_even_if_slacks_answer_is_lost(
    world: World,
) -> None:
    await owe_an_answer(world)
    world.slack.reaches = False
    world.slack.lost["post"] = LOST

    await world.work(until=NOON + timedelta(seconds=5))
    world.slack.lost.clear()
    await world.work()

    (shown,) = world.slack.messages(ANSWER)
    assert shown.posted.channel == f"D-{ALICE}"
    assert not shown.repetition
    assert await world.database.due() == {}


async def test_an_answer_by_dm_says_that_it_may_be_a_repetition_where_nobody_can_look(world: World) -> None:
    await owe_an_answer(world)
    world.slack.reaches = world.slack.has_history = False
    world.slack.lost["post"] = LOST

    await world.work(until=NOON + timedelta(seconds=5))
    world.slack.lost.clear()
    await world.work()

    assert [shown.repetition for shown in world.slack.messages(ANSWER)] == [False, True]


async def test_an_answer_by_dm_has_the_pace_of_that_dm(world: World) -> None:
    await owe_an_answer(world)
    world.slack.reaches = False
    await send(world, ANSWER)
    world.slack.errors["post"] = REFUSED

    with pytest.raises(Unavailable):
        await send(world, ANSWER)

    assert (await world.message(ANSWER)).queue == f"posts:{ALICE}"
