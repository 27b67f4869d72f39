"""Messages owed to Slack: posted once, then edited until they show what is true."""

import itertools
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from bot.domain.errors import Code, NotFound, Unavailable
from bot.domain.messages import Answer, MessageKind
from bot.domain.names import ChannelId
from bot.domain.pace import POSTS
from bot.domain.request import RequestId, RequestStatus
from bot.ports.notifier import Posted
from bot.ports.store import Tx
from bot.usecases.transitions import rule_on
from bot.worker.engine import LONGEST_BACK_OFF
from bot.worker.outbox import LOOK_AFTER, PARENT_AFTER, Outbox
from tests.builders import ALICE, BOB, CHANNEL, an_ask
from tests.fakes.clock import NOON
from tests.fakes.crashes import Killed, breaking
from tests.fakes.notifier import Shown
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


async def test_an_answer_is_whispered_once(world: World) -> None:
    said = Answer(said="approved", facts=(("label", "WA-1"),))
    await world.database.run(
        lambda tx: tx.owe("click:1:answer", MessageKind.ANSWER, CHANNEL, to=ALICE, answer=said)
    )

    await send(world, "click:1:answer")
    await send(world, "click:1:answer")

    (whisper,) = world.slack.whispers
    assert (whisper.to, whisper.answer, whisper.repetition) == (ALICE, said, False)


ANSWER = "click:1:answer"


async def owe_an_answer(world: World) -> None:
    said = Answer(said="approved", facts=(("label", "WA-1"),))
    await world.database.run(lambda tx: tx.owe(ANSWER, MessageKind.ANSWER, CHANNEL, to=ALICE, answer=said))


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
