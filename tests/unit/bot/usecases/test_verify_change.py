"""After a change: what IAM does not act on yet is looked at again for a minute, and nothing else waits for it."""

import json
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from bot.domain.errors import Code, Provisioning, Unavailable
from bot.domain.grant import EndCause, GrantStatus
from bot.domain.member_view import Decision
from bot.domain.messages import ClickKind, Outcome
from bot.domain.request import RequestId, Target
from bot.domain.rounds import CHANGE_DEADLINE
from bot.domain.verification import Level
from bot.ports.store import Tx
from bot.usecases.transitions import move_grant
from tests.builders import (
    BUILDER,
    PROD,
    SET,
    TEST,
    a_foreign,
    a_policy,
    a_target,
    an_ask,
    set_rules,
    some_rules,
)
from tests.fakes.members import FakeMembers
from tests.fakes.world import World, a_world
from tests.unit.bot.worker.rounds import FAILED, FOREIGN, end, once, passes, settle

ONE = RequestId(1)
NOT_YET = Decision(allowed=False, by_scps=True)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with a_world(rules=some_rules(set_rules())) as world:
        world.members = FakeMembers()
        yield world


@pytest.fixture
def members(world: World) -> FakeMembers:
    assert world.members is not None
    return world.members


async def settled(world: World, *targets: Target) -> None:
    """A change is through; its verification is still to come."""
    await world.ask(an_ask(targets=targets or (a_target(),)))
    await world.prepare(ONE)
    click = await world.click()
    await world.handle_click(click.id)
    while (again_at := await world.reconcile("DataScientist")) is not None:  # type: ignore[arg-type]
        if again_at > world.clock.now() + timedelta(minutes=5):
            return
        world.clock.set(again_at)


async def outcome(world: World) -> Outcome | None:
    return await world.read(lambda tx: tx.outcome(ONE, 0))


async def test_what_works_is_told_at_once(world: World) -> None:
    await settled(world)

    assert await world.verify(ONE) is None

    found = await outcome(world)
    assert found is not None
    assert [each.level for each in found.verifications] == [Level.PREDICTED]


async def test_a_no_that_our_own_provisioning_mends_is_looked_at_again(
    world: World, members: FakeMembers
) -> None:
    await settled(world)
    members.decision = NOT_YET

    again_at = await world.verify(ONE)

    assert again_at is not None
    assert await outcome(world) is None
    members.decision = Decision(allowed=True)
    world.clock.set(again_at)
    assert await world.verify(ONE) is None
    found = await outcome(world)
    assert found is not None
    assert [each.level for each in found.verifications] == [Level.PREDICTED]


async def test_the_pauses_grow_and_a_minute_is_enough(world: World, members: FakeMembers) -> None:
    await settled(world)
    members.decision = NOT_YET
    began = world.clock.now()
    pauses = []
    while (again_at := await world.verify(ONE)) is not None:
        pauses.append(again_at - world.clock.now())
        world.clock.set(again_at)

    found = await outcome(world)
    assert pauses[:-1] == sorted(pauses[:-1])
    assert 3 <= len(pauses) <= 6
    assert world.clock.now() - began <= timedelta(seconds=60)
    assert found is not None
    assert found.verifications[0].broken is not None
    assert found.verifications[0].broken.code is Code.NOT_PROVISIONED


@pytest.mark.parametrize("broken", ["role", "trust", "scp"])
async def test_what_no_waiting_mends_is_said_at_once(world: World, members: FakeMembers, broken: str) -> None:
    await settled(world)
    if broken == "role":
        members.missing = {BUILDER}
        members.decision = NOT_YET
    elif broken == "trust":
        members.trusted = ("Analyst",)
    else:
        members.decision = Decision(allowed=False, by_scps=False)

    assert await world.verify(ONE) is None

    found = await outcome(world)
    assert found is not None
    assert found.verifications[0].level is Level.NONE


async def test_a_verification_that_comes_an_hour_late_does_not_wait(
    world: World, members: FakeMembers
) -> None:
    await settled(world)
    members.decision = NOT_YET
    world.clock.advance(timedelta(hours=1))

    assert await world.verify(ONE) is None


async def test_the_form_waits_a_second_for_accounts_and_the_card_longer(
    world: World, members: FakeMembers
) -> None:
    await world.ask()
    await world.prepare(ONE)
    card = members.waits[-1]
    request = await world.request()
    await world.precheck.findings(request.ask, await world.aws.find_user("alice@example.com"))

    assert members.waits[-1] <= 1.0 < card


async def undone_before_it_travelled(world: World) -> str:
    """Somebody undoes our Put before it travels, and then AWS lets nobody read: the grants fail. What we had put."""
    world.members = None
    await world.ask()
    await world.prepare(ONE)
    click = await world.click()
    await world.handle_click(click.id)
    ours: list[str] = []

    def undo() -> None:
        ours.append(world.aws.policy)
        world.aws.policy = a_policy(foreign=FOREIGN)

    once(world, "provision", undo)
    await passes(world, 2)
    world.aws.errors["read_policy"] = Provisioning(Code.ACCESS_DENIED, reason="not authorized")
    with pytest.raises(Provisioning):
        await world.reconcile(SET)
    world.clock.advance(CHANGE_DEADLINE)
    with pytest.raises(Provisioning):
        await world.reconcile(SET)
    assert await world.statuses() == FAILED
    return ours[0]


async def test_what_we_put_and_could_not_read_back_is_not_called_configured(world: World) -> None:
    await undone_before_it_travelled(world)

    await world.verify(ONE)

    found = await outcome(world)
    assert found is not None
    assert [each.level for each in found.verifications] == [Level.NONE]


async def test_where_a_grant_failed_aws_is_asked_what_the_account_holds(world: World) -> None:
    ours = await undone_before_it_travelled(world)
    del world.aws.errors["read_policy"]
    put_back = json.loads(ours)
    put_back["Statement"].append(a_foreign("Another"))
    world.aws.policy = json.dumps(put_back)

    await world.verify(ONE)

    found = await outcome(world)
    assert found is not None
    assert [each.level for each in found.verifications] == [Level.NONE]


# What changes while we look


async def retry(world: World) -> None:
    """Somebody lets the failed grants run again, and it works now."""

    def again(tx: Tx) -> None:
        for grant in tx.grants_of(ONE):
            move_grant(tx, grant, GrantStatus.PROVISIONING)

    world.aws.failing.clear()
    await world.database.run(again)
    await settle(world, within=timedelta(minutes=1))


async def test_a_retry_that_succeeds_while_we_look_is_what_gets_told(
    world: World, members: FakeMembers
) -> None:
    world.aws.failing[PROD] = "IAM is down"
    await settled(world)
    failed = await world.statuses()
    members.meanwhile = lambda: retry(world)

    again_at = await world.verify(ONE)

    assert failed == {GrantStatus.FAILED}
    assert await world.statuses() == {GrantStatus.ACTIVE}
    assert again_at == world.clock.now()
    assert await outcome(world) is None
    assert await world.verify(ONE) is None
    found = await outcome(world)
    assert found is not None
    assert found.failures == ()


async def test_a_retry_that_succeeds_after_a_failure_was_told_is_told_too(world: World) -> None:
    world.aws.failing[PROD] = "IAM is down"
    await settled(world)
    await world.verify(ONE)
    told = await outcome(world)
    await retry(world)

    assert await world.verify(ONE) is None

    found = await outcome(world)
    assert told is not None
    assert found is not None
    assert (len(told.failures), found.failures, found.number) == (1, (), 2)


async def test_results_of_what_ended_while_we_looked_are_never_told(
    world: World, members: FakeMembers
) -> None:
    await settled(world)

    async def revoked() -> None:
        await end(world, EndCause.REVOKED)
        await settle(world, within=timedelta(minutes=1))

    members.meanwhile = revoked

    assert await world.verify(ONE) is not None
    assert await world.verify(ONE) is None

    assert await world.statuses() == {GrantStatus.ENDED}
    assert await outcome(world) is None


async def test_an_outcome_is_as_old_as_what_it_speaks_of(world: World, members: FakeMembers) -> None:
    await settled(world)
    began = world.clock.now()

    async def slow() -> None:
        world.clock.advance(timedelta(seconds=7))

    members.meanwhile = slow

    await world.verify(ONE)

    found = await outcome(world)
    assert found is not None
    assert found.at == began


async def test_a_retry_in_one_account_does_not_vouch_for_another_that_settled_long_ago(world: World) -> None:
    """Somebody has taken the set out of the production account meanwhile."""
    world.aws.provision_everywhere(PROD, TEST)
    world.aws.failing[TEST] = "IAM is down"
    await settled(world, a_target(PROD), a_target(TEST))
    await world.verify(ONE)
    world.clock.advance(timedelta(hours=1))
    world.aws.failing.clear()
    await world.click(ClickKind.RETRY)
    await world.handle_click(2)
    await settle(world, within=timedelta(minutes=1))
    world.aws.held[world.aws.sets[SET]].pop(PROD)

    while (again_at := await world.verify(ONE)) is not None:
        world.clock.set(again_at)

    found = await outcome(world)
    assert found is not None
    assert {each.target.account: each.level for each in found.verifications} == {
        PROD: Level.NONE,
        TEST: Level.PREDICTED,
    }


# What was written and what was not


async def test_a_retry_that_succeeds_is_not_told_that_nothing_was_written(world: World) -> None:
    world.aws.failing[PROD] = "IAM is down"
    await settled(world)
    await world.work(until=world.clock.now() + timedelta(minutes=1))
    world.aws.failing.clear()
    await world.click(ClickKind.RETRY)
    await world.work(until=world.clock.now() + timedelta(minutes=2))

    found = await outcome(world)
    assert found is not None
    assert (found.failures, found.already_allowed) == ((), ())


async def test_a_put_whose_answer_was_lost_is_not_told_as_nothing_written(world: World) -> None:
    async def lost(call: str) -> None:
        if call == "put_policy":
            world.aws.after = None
            raise Unavailable(Code.AWS_UNAVAILABLE)

    world.aws.after = lost
    await world.granted()

    found = await outcome(world)
    assert found is not None
    assert await world.statuses() == {GrantStatus.ACTIVE}
    assert len(world.aws.puts) == 1
    assert found.already_allowed == ()
