"""A change and an ending, broken off at any call: whoever comes next finishes it."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from bot.domain.errors import Code, Refusal, Unavailable
from bot.domain.rounds import covers
from bot.ports.store import Tx
from tests.builders import (
    PROD,
    SET,
    TEST,
    a_policy,
)
from tests.fakes.crashes import Killed, breaking
from tests.fakes.identity_center import ALICE_IDENTITY
from tests.fakes.world import World, a_world
from tests.unit.bot.worker.rounds import (
    ACTIVE,
    BOTH,
    ENDED,
    FOREIGN,
    approve,
    end,
    foreign_in,
    managed_in,
    settle,
)


async def grant_and_verify(world: World) -> None:
    await settle(world)
    await world.verify((await world.request()).id)


BREAKS = [
    pytest.param(Killed, 1, id="killed"),
    pytest.param(asyncio.CancelledError, 9, id="cancelled"),
    pytest.param(lambda: Unavailable(Code.STORE_UNAVAILABLE), 3, id="unavailable"),
]
"""How it breaks, and at every how manyeth call: a cancellation takes the same ways as a kill."""


async def begin_change(world: World) -> None:
    """Two accounts just approved."""
    world.aws.policy = a_policy(foreign=FOREIGN)
    world.aws.provision_everywhere(PROD, TEST)
    await approve(world, *BOTH)
    await world.database.run(_identify)


def _identify(tx: Tx) -> None:
    (seen,) = tx.pending_requests(at_most=1)
    tx.save_request(seen, replace(seen, identity=ALICE_IDENTITY.user_id))


async def begin_ending(world: World) -> None:
    """Two accounts active, and the access just revoked."""
    await begin_change(world)
    await settle(world)
    await end(world)


async def broken_off(
    begin: Callable[[World], Awaitable[None]],
    drive: Callable[[World], Awaitable[None]],
    check: Callable[[World, int], Awaitable[None]],
    n: int,
    error: BaseException | None,
) -> int:
    """A story broken off at its n-th call and finished by the next process; tells how many calls there were."""
    async with a_world() as world:
        await begin(world)
        with breaking(world, n, error) as breaker:
            try:
                await drive(world)
            except (Killed, asyncio.CancelledError):
                pass
            except Unavailable:
                assert isinstance(error, Unavailable)
        await drive(world)
        await check(world, n)
    return breaker.count


async def _check_granted(world: World, n: int) -> None:
    grants = await world.grants()
    assert {grant.status for grant in grants} == ACTIVE, n
    assert len(managed_in(world.aws.policy)) == 1, n
    assert foreign_in(world.aws.policy) == ["Theirs"], n
    for grant in grants:
        assert covers(world.aws.held_in(grant.target.account), grant), n
    assert sorted(await world.history()) == ["grant.active", "grant.active"], n
    assert await world.in_flight() == [], n
    state = await world.read(lambda tx: tx.set_state(SET))
    assert state.sids == set(managed_in(world.aws.policy)), n
    outcome = await world.read(lambda tx: tx.outcome(grants[0].request, 0))
    assert outcome is not None, n
    assert world.aws.most_in_flight <= 4, n  # one that was asked for twice, right after a crash


async def _check_ended(world: World, n: int) -> None:
    grants = await world.grants()
    assert {grant.status for grant in grants} == ENDED, n
    assert managed_in(world.aws.policy) == [], n
    assert foreign_in(world.aws.policy) == ["Theirs"], n
    for grant in grants:
        assert not covers(world.aws.held_in(grant.target.account), grant), n
    events = await world.history()
    assert sorted(events) == ["grant.active"] * 2 + ["grant.ended"] * 2 + ["grant.ending"] * 2, n


@pytest.mark.parametrize(("error", "step"), BREAKS)
async def test_a_change_broken_off_at_any_call_is_finished_by_whoever_comes_next(
    error: Callable[[], BaseException], step: int
) -> None:
    calls = await broken_off(begin_change, grant_and_verify, _check_granted, 0, None)
    assert calls > 20

    for n in range(1, calls + 1, step):
        await broken_off(begin_change, grant_and_verify, _check_granted, n, error())


@pytest.mark.parametrize(("error", "step"), BREAKS)
async def test_an_ending_broken_off_at_any_call_is_finished_by_whoever_comes_next(
    error: Callable[[], BaseException], step: int
) -> None:
    calls = await broken_off(begin_ending, settle, _check_ended, 0, None)
    assert calls > 10

    for n in range(1, calls + 1, step):
        await broken_off(begin_ending, settle, _check_ended, n, error())


async def test_an_answer_of_put_that_is_lost_is_found_in_the_policy(world: World) -> None:
    async def lose(name: str) -> None:
        if name == "put_policy":
            world.aws.after = None
            raise Unavailable(Code.AWS_UNAVAILABLE)

    world.aws.after = lose
    await approve(world)

    await settle(world)

    assert await world.statuses() == ACTIVE
    assert len(world.aws.puts) == 1
    assert covers(world.aws.held_in(PROD), await world.grant())


async def test_an_answer_of_provision_that_is_lost_is_asked_for_again(world: World) -> None:
    async def lose(name: str) -> None:
        if name == "provision":
            world.aws.after = None
            raise Unavailable(Code.AWS_UNAVAILABLE)

    world.aws.after = lose
    await approve(world)

    await settle(world)

    assert await world.statuses() == ACTIVE
    assert world.aws.calls.count("provision") == 2


async def test_a_refusal_of_ours_is_no_surprise(world: World) -> None:
    world.aws.errors["put_policy"] = Refusal(Code.NO_ROOM, size=10_241)
    await approve(world)

    await settle(world)

    grant = await world.grant()
    assert grant.failure is not None
    assert grant.failure.code is Code.NO_ROOM
