"""What the tests of the outbox share: a request, messages owed about it, and tries to send them."""

from datetime import datetime, timedelta

from bot.domain.errors import Code, Unavailable
from bot.domain.messages import Answer, MessageKind
from bot.domain.request import RequestId, RequestStatus
from bot.ports.store import Tx
from bot.usecases.transitions import rule_on
from tests.builders import ALICE, BOB, CHANNEL
from tests.fakes.world import World

CARD, REPLY = "WA-1:card", "WA-1:progress"
LOST = Unavailable(Code.SLACK_UNAVAILABLE, sent="maybe")
REFUSED = Unavailable(Code.SLACK_UNAVAILABLE, sent="no", retry_after=30)
ANSWER = "click:1:answer"


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


async def owe_an_answer(world: World) -> None:
    said = Answer(said="approved", facts=(("label", "WA-1"),))
    await world.database.run(lambda tx: tx.owe(ANSWER, MessageKind.ANSWER, CHANNEL, to=ALICE, answer=said))
