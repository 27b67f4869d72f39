"""Access ends on time, and its statement goes."""

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import TypeVar

from bot.domain.errors import Code, Unavailable
from bot.domain.grant import EndCause, GrantStatus
from bot.domain.rounds import covers
from bot.ports.store import Tx
from bot.worker.set_view import CHUNK
from tests.builders import (
    PROD,
    SET,
    TEST,
    WEEK,
    a_grant,
    a_policy,
)
from tests.fakes.clock import NOON
from tests.fakes.crashes import BreakableStore, Breaker
from tests.fakes.world import World
from tests.unit.bot.worker.rounds import (
    BOTH,
    ENDED,
    ENDING,
    FOREIGN,
    approve,
    end,
    foreign_in,
    managed_in,
    settle,
)

T = TypeVar("T")


class WeighingStore(BreakableStore):
    """Counts how many grants one transaction moves at most."""

    heaviest = 0

    async def run(self, transaction: Callable[[Tx], T], *, within: timedelta | None = None) -> T:
        def weigh(tx: Tx) -> T:
            before = {grant.id: grant.status for grant in tx.open_grants(SET).grants}
            result = transaction(tx)
            after = {grant.id: grant.status for grant in tx.open_grants(SET).grants}
            moved = sum(after.get(each, GrantStatus.ENDED) is not status for each, status in before.items())
            self.heaviest = max(self.heaviest, moved)
            return result

        return await super().run(weigh, within=within)


async def test_access_ends_on_time_and_its_statement_goes(world: World) -> None:
    await approve(world)
    await settle(world)
    grant = await world.grant()

    world.clock.set(NOON + WEEK)
    await settle(world)

    ended = await world.grant()
    assert (ended.status, ended.end_cause) == (GrantStatus.ENDED, EndCause.EXPIRED)
    assert not covers(world.aws.policy, grant)
    assert not covers(world.aws.held_in(PROD), grant)
    assert foreign_in(world.aws.policy) == ["Theirs"]


async def test_what_ends_at_the_same_instant_leaves_others_their_turn_in_between(world: World) -> None:
    """Ends are rounded to a quarter of an hour: many fall together, and one long write would hold up every click."""
    requests = range(1, CHUNK + 2)
    for _ in requests:
        await approve(world, *BOTH)
    await settle(world)
    world.clock.set(NOON + WEEK)
    weighing = WeighingStore(world.database, Breaker())
    world.store = weighing

    await settle(world)

    assert [await world.statuses(request) for request in requests] == [ENDED] * len(requests)
    assert weighing.heaviest == CHUNK
    told = await world.read(lambda tx: [tx.message(f"WA-{number}:ended:2") for number in requests])
    assert all(message is not None and message.wanted == 1 for message in told)


async def test_one_grant_ends_and_another_on_the_same_role_stays(world: World) -> None:
    await approve(world, ends_at=NOON + WEEK)
    await approve(world, ends_at=NOON + WEEK * 2)
    await settle(world)

    await end(world, request=2)
    await settle(world)

    assert await world.statuses(2) == ENDED
    assert covers(world.aws.held_in(PROD), await world.grant(1))
    assert not covers(world.aws.held_in(PROD), await world.grant(2))


async def test_an_ending_before_anything_was_provisioned_is_over_at_once(world: World) -> None:
    await approve(world)
    await end(world)

    await settle(world)

    assert await world.statuses() == ENDED
    assert world.aws.puts == []


async def put_and_stop(world: World) -> None:
    """The policy is put; before anything is provisioned, AWS answers no more."""

    async def stop(called: str) -> None:
        if called == "put_policy":
            raise Unavailable(Code.AWS_UNAVAILABLE)

    world.aws.after = stop
    with suppress(Unavailable):
        await world.reconcile(SET)
    world.aws.after = None
    assert await world.pushed() == ()


async def test_an_ending_takes_away_what_somebody_else_has_provisioned(world: World) -> None:
    await approve(world)
    await put_and_stop(world)
    world.aws.provision_everywhere(PROD)
    assert covers(world.aws.held_in(PROD), await world.grant())

    await end(world)
    await settle(world)

    assert await world.statuses() == ENDED
    assert not covers(world.aws.held_in(PROD), await world.grant())


async def test_an_ending_whose_account_holds_the_set_no_more_is_over_without_provisioning(
    world: World,
) -> None:
    await approve(world)
    await put_and_stop(world)
    world.aws.held[world.aws.sets[SET]].pop(PROD)

    await end(world)
    await settle(world)

    assert await world.statuses() == ENDED
    assert world.aws.flights == {}
    assert managed_in(world.aws.policy) == []


async def test_an_ending_whose_provisioning_fails_is_tried_again(world: World) -> None:
    await approve(world)
    await settle(world)
    await end(world)
    world.aws.failing[PROD] = "SCP says no"
    await settle(world, within=timedelta(minutes=1))
    assert await world.statuses() == ENDING
    world.aws.failing.clear()

    await settle(world)

    assert await world.statuses() == ENDED


async def test_the_end_is_told_once_everything_has_ended(world: World) -> None:
    await approve(world, *BOTH)
    await settle(world)
    await end(world)
    world.aws.failing[TEST] = "SCP says no"
    await settle(world, within=timedelta(minutes=1))
    assert await world.statuses() == ENDED | ENDING
    keys = [f"WA-1:ended:{number}{who}" for number in (1, 2) for who in ("", ":copy")]
    assert await world.read(lambda tx: [tx.message(key) for key in keys]) == [None] * 4
    world.aws.failing.clear()

    await settle(world)

    told = await world.read(lambda tx: [tx.message(key) is not None for key in keys])
    assert told == [False, False, True, True]


async def test_a_statement_that_stands_there_word_for_word_is_ended_with_its_grant(world: World) -> None:
    """After a database was restored from a backup, AWS may hold what this database never saw being written."""
    world.aws.policy = a_policy([a_grant()], FOREIGN)
    world.aws.provision_everywhere(PROD)
    await approve(world)
    await settle(world)
    assert world.aws.puts == []

    await end(world)
    await settle(world)

    assert await world.statuses() == ENDED
    assert managed_in(world.aws.policy) == []
