"""A process that slept while an answer was on its way writes nothing: somebody else has taken over."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta

import pytest

from bot.domain.errors import Code, Conflict, Unavailable
from bot.domain.messages import Answer, MessageKind
from bot.domain.request import RequestId
from bot.worker.lease import Lease, under
from bot.worker.outbox import LOOK_AFTER
from tests.builders import ALICE, CHANNEL, SET, an_ask
from tests.fakes.clock import NOON
from tests.fakes.world import World
from tests.unit.bot.worker.rounds import approve

CARD = "WA-1:card"


@dataclass
class Sleeper:
    """The monotonic clock of a process, and whether its lease is still its own."""

    at: float = 1_000.0
    is_held: bool = True

    async def ask(self) -> bool:
        return self.is_held

    def sleep(self) -> None:
        """Longer than any lease: another replica has it now."""
        self.at += 30
        self.is_held = False

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Under a lease of ten seconds; the work ends as soon as the loss is noticed."""
        ten = timedelta(seconds=10)
        lease = Lease(until=self.at + ten.total_seconds(), lasts=ten, ask=self.ask, now=lambda: self.at)
        with under(lease), suppress(Conflict):
            yield


async def owe_a_card(world: World) -> None:
    await world.database.run(lambda tx: tx.add_request(an_ask(), decide_by=NOON + timedelta(days=3)))
    await world.database.run(
        lambda tx: tx.owe(CARD, MessageKind.CARD, CHANNEL, request=RequestId(1), thread_key=None)
    )


async def test_who_slept_through_the_last_look_at_a_policy_does_not_put(world: World) -> None:
    sleeper = Sleeper()

    async def answered_late(name: str) -> None:
        if name == "read_policy":
            world.clock.advance(timedelta(seconds=1))
            if world.aws.calls.count("read_policy") == 2:
                sleeper.sleep()

    world.aws.before = answered_late
    await approve(world)

    with sleeper.at_work():
        await world.reconcile(SET)

    assert world.aws.calls.count("read_policy") == 2
    assert world.aws.puts == []


@pytest.mark.parametrize("call", ["find", "post"])
async def test_who_slept_through_a_search_does_not_post(world: World, call: str) -> None:
    sleeper = Sleeper()
    await owe_a_card(world)
    world.slack.errors["post"] = Unavailable(Code.SLACK_UNAVAILABLE, sent="maybe")
    with suppress(Unavailable):
        await world.outbox(CARD)
    world.slack.errors.clear()
    world.clock.advance(LOOK_AFTER)

    async def answered_late(name: str) -> None:
        if name == "find":
            sleeper.sleep()

    if call == "find":
        world.slack.after = answered_late
    with sleeper.at_work():
        await world.outbox(CARD)

    assert len(world.slack.messages(CARD)) == (0 if call == "find" else 1)


async def test_who_slept_before_an_edit_does_not_make_it(world: World) -> None:
    sleeper = Sleeper()
    await owe_a_card(world)
    await world.outbox(CARD)
    await world.database.run(lambda tx: tx.owe(CARD, MessageKind.CARD, CHANNEL, request=RequestId(1)))

    with sleeper.at_work():
        sleeper.sleep()
        await world.outbox(CARD)

    (shown,) = world.slack.messages(CARD)
    assert shown.edits == 0


async def test_an_answer_is_not_whispered_by_who_has_lost_it(world: World) -> None:
    sleeper = Sleeper()
    await world.database.run(
        lambda tx: tx.owe(
            "click:1:answer", MessageKind.ANSWER, CHANNEL, to=ALICE, answer=Answer(said="denied")
        )
    )

    with sleeper.at_work():
        sleeper.sleep()
        await world.outbox("click:1:answer")

    assert world.slack.whispers == []
