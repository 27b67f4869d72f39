"""From the form to the end of access, broken off anywhere: each thing happens, and happens once."""

from datetime import timedelta

from bot.domain.grant import GrantStatus
from bot.domain.messages import ClickKind
from bot.domain.policy import managed, parse
from bot.domain.request import RequestId, RequestStatus
from bot.domain.rounds import covers
from tests.builders import ALICE, BOB, PROD, WEEK, a_foreign, a_policy
from tests.fakes.clock import NOON
from tests.fakes.crashes import Killed, breaking
from tests.fakes.world import LEASE, World, a_world

EVERY = 29
"""Each kill costs a whole story; with a step that is prime to the story's rhythm all kinds of calls are hit."""


async def work_through_kills(world: World, n: int) -> int:
    """Work; a kill at the n-th call leaves the rest to a process that starts when the leases have run out."""
    with breaking(world, n) as breaker:
        try:
            await world.work()
        except Killed:
            world.clock.advance(LEASE)
    await world.work()
    return breaker.count


async def grant(n: int) -> int:
    async with a_world() as world:
        world.aws.policy = a_policy(foreign=[a_foreign()])
        world.aws.provision_everywhere(PROD)
        await world.ask()
        count = await work_through_kills(world, n)
        await world.click()

        count = max(count, await work_through_kills(world, n))

        (one,) = await world.grants()
        assert one.status is GrantStatus.ACTIVE, n
        assert covers(world.aws.held_in(PROD), one), n
        assert len(managed(parse(world.aws.policy))) == 1, n
        assert set(await world.history()) == {
            "request.pending",
            "request.prepared",
            "request.approved",
            "grant.active",
        }, n
        assert len(await world.history()) == 4, n
        for key in ("WA-1:copy", "WA-1:card", "WA-1:progress"):
            assert len(world.slack.messages(key)) == 1, (n, key)
            message = await world.message(key)
            assert message.shown == message.wanted, (n, key)
        (card,) = world.slack.messages("WA-1:card")
        assert card.story is not None, n
        assert [each.status for each in card.story.grants] == [GrantStatus.ACTIVE], n
        assert "approved" in world.told(BOB), n
    return count


async def test_a_request_is_granted_once_and_everybody_told_wherever_the_bot_was_killed() -> None:
    calls = await grant(0)
    assert calls > 100

    for n in range(1, calls + 1, EVERY):
        await grant(n)


async def test_access_is_asked_for_granted_reminded_of_and_ends_on_time() -> None:
    async with a_world() as world:
        await world.granted()

        await world.work(until=NOON + WEEK + timedelta(hours=1))

        one = await world.grant()
        assert one.status is GrantStatus.ENDED
        assert world.aws.policy == ""
        assert world.aws.held_in(PROD) == ""
        assert len(world.slack.messages("WA-1:reminder:86400")) == 1
        assert len(world.slack.messages("WA-1:reminder:3600")) == 1
        assert len(world.slack.messages("WA-1:ended:1")) == 1
        assert await world.history() == [
            "request.pending",
            "request.prepared",
            "request.approved",
            "grant.active",
            "grant.ending",
            "grant.ended",
        ]


async def test_a_cancelled_request_leaves_nothing_behind() -> None:
    async with a_world() as world:
        await world.ask()
        await world.work()
        await world.click(ClickKind.CANCEL, by=ALICE)
        await world.work()

        request = await world.read(lambda tx: tx.request(RequestId(1)))
        assert request.status is RequestStatus.CANCELLED
        assert world.aws.puts == []
        assert await world.grants() == ()
