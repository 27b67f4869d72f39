"""Rounds that AWS refuses, delays or never answers: what fails, and what is tried again."""

from datetime import timedelta

import pytest

from bot.domain.errors import Code, NotFound, Provisioning, Unavailable
from bot.domain.grant import EndCause, GrantStatus
from bot.domain.policy import LIMIT_BYTES
from bot.domain.rounds import CHANGE_DEADLINE, WITHDRAW_AFTER, covers
from tests.builders import (
    OTHER_SET,
    PROD,
    READER,
    SET,
    TEST,
    WEEK,
    a_foreign,
    a_policy,
    a_target,
    accounts,
    set_rules,
    some_rules,
)
from tests.fakes.clock import NOON
from tests.fakes.world import World
from tests.unit.bot.worker.rounds import (
    ACTIVE,
    BOTH,
    ENDED,
    ENDING,
    FAILED,
    PROVISIONING,
    approve,
    end,
    managed_in,
    passes,
    retry,
    settle,
)


async def test_a_grant_that_does_not_fit_fails_and_keeps_no_other_out(world: World) -> None:
    full = a_foreign("Full", Resource=["arn:aws:s3:::" + "x" * (LIMIT_BYTES - 700)])
    world.aws.policy = a_policy(foreign=[full])
    await approve(world, a_target(PROD))
    many = accounts(8)
    world.aws.provision_everywhere(*many)
    await approve(world, *(a_target(each, READER) for each in many))

    await settle(world)

    assert await world.statuses(1) == ACTIVE
    assert {grant.failure.code for grant in await world.grants(2) if grant.failure} == {Code.NO_ROOM}
    assert not any(covers(world.aws.policy, grant) for grant in await world.grants(2) if grant.failure)


async def test_a_policy_that_aws_refuses_fails_what_was_about_to_be_written(world: World) -> None:
    world.aws.errors["put_policy"] = Provisioning(Code.ACCESS_DENIED, reason="no tag")
    await approve(world)

    await settle(world)

    grant = await world.grant()
    assert grant.failure is not None
    assert (grant.status, grant.failure.code, grant.failure.reason, grant.written) == (
        GrantStatus.FAILED,
        Code.ACCESS_DENIED,
        "no tag",
        False,
    )
    assert managed_in(world.aws.policy) == []


async def test_an_ending_that_aws_refuses_is_not_tried_again_at_once(world: World) -> None:
    await approve(world)
    await settle(world)
    await end(world)
    world.aws.errors["put_policy"] = Provisioning(Code.ACCESS_DENIED, reason="no tag")

    looks = await passes(world, 3)

    assert await world.statuses() == ENDING
    assert None not in looks
    assert len(set(looks)) == len(looks)


async def test_a_provisioning_that_fails_fails_the_grant_with_the_words_of_aws(world: World) -> None:
    world.aws.failing[PROD] = "SCP says no"
    await approve(world, *BOTH)

    await settle(world)

    by_account = {grant.target.account: grant for grant in await world.grants()}
    failed = by_account[PROD]
    assert failed.failure is not None
    assert (failed.status, failed.failure.code, failed.failure.reason) == (
        GrantStatus.FAILED,
        Code.PROVISIONING_FAILED,
        "SCP says no",
    )
    assert by_account[TEST].status is GrantStatus.ACTIVE


async def test_a_failed_grant_is_not_provisioned_again_by_itself(world: World) -> None:
    world.aws.failing[PROD] = "SCP says no"
    await approve(world)
    await settle(world)
    asked = world.aws.calls.count("provision")

    await settle(world, within=timedelta(hours=20))

    assert world.aws.calls.count("provision") == asked == 1


async def test_what_failed_is_withdrawn_after_a_day(world: World) -> None:
    world.aws.failing[PROD] = "SCP says no"
    await approve(world)
    await settle(world)
    assert len(managed_in(world.aws.policy)) == 1
    world.aws.failing.clear()

    world.clock.set(NOON + WITHDRAW_AFTER)
    await settle(world)

    grant = await world.grant()
    assert (grant.status, grant.end_cause) == (GrantStatus.ENDED, EndCause.WITHDRAWN)
    assert managed_in(world.aws.policy) == []


async def test_a_provisioning_that_never_ends_is_called_late_after_ten_minutes(world: World) -> None:
    world.aws.polls = 100_000
    await approve(world)
    await passes(world)

    world.clock.advance(CHANGE_DEADLINE)
    await passes(world)

    grant = await world.grant()
    assert grant.failure is not None
    assert grant.failure.code is Code.TIMED_OUT


async def test_an_aws_that_stays_away_fails_the_change_after_ten_minutes(world: World) -> None:
    world.aws.errors["read_policy"] = Unavailable(Code.AWS_UNAVAILABLE, reason="503")
    await approve(world)

    with pytest.raises(Unavailable):
        await world.reconcile(SET)
    assert await world.statuses() == PROVISIONING
    world.clock.advance(CHANGE_DEADLINE)
    with pytest.raises(Unavailable):
        await world.reconcile(SET)

    grant = await world.grant()
    assert grant.failure is not None
    assert (grant.failure.code, grant.failure.reason) == (Code.AWS_UNAVAILABLE, "503")


async def test_a_change_that_waited_long_is_not_failed_by_a_short_outage(world: World) -> None:
    await approve(world)
    world.clock.advance(CHANGE_DEADLINE * 2)
    world.aws.errors["read_policy"] = Unavailable(Code.AWS_UNAVAILABLE)

    for _ in range(3):
        with pytest.raises(Unavailable):
            await world.reconcile(SET)
        world.clock.advance(timedelta(minutes=1))

    assert await world.statuses() == PROVISIONING


async def test_an_outage_that_is_over_does_not_count_towards_the_next(world: World) -> None:
    world.aws.polls = 100_000
    world.aws.errors["read_policy"] = Unavailable(Code.AWS_UNAVAILABLE)
    await approve(world)
    with pytest.raises(Unavailable):
        await world.reconcile(SET)
    world.aws.errors.clear()
    await passes(world)
    world.clock.advance(CHANGE_DEADLINE)
    world.aws.errors["provisioning"] = Unavailable(Code.AWS_UNAVAILABLE)

    with pytest.raises(Unavailable):
        await world.reconcile(SET)

    assert await world.statuses() == PROVISIONING


@pytest.mark.parametrize("call", ["read_policy", "provisioned_accounts", "provisioning"])
async def test_a_read_that_aws_refuses_does_not_leave_people_waiting_for_ever(
    world: World, call: str
) -> None:
    await approve(world)
    world.aws.errors[call] = Provisioning(Code.ACCESS_DENIED, reason="not authorized")

    await settle(world, within=CHANGE_DEADLINE * 2)

    assert await world.statuses() == FAILED


@pytest.mark.parametrize("call", ["read_policy", "put_policy", "provision", "provisioned_accounts"])
async def test_a_permission_set_deleted_in_the_middle_fails_the_change(world: World, call: str) -> None:
    await approve(world)
    world.aws.errors[call] = NotFound(Code.PERMISSION_SET_MISSING)

    await settle(world, within=CHANGE_DEADLINE * 2)

    assert await world.statuses() == FAILED


async def test_a_missing_permission_set_fails_the_change_at_once(world: World) -> None:
    await approve(world)
    world.aws.sets.clear()

    assert await world.reconcile(SET) == NOON + WITHDRAW_AFTER

    grant = await world.grant()
    assert grant.failure is not None
    assert grant.failure.code is Code.PERMISSION_SET_MISSING


async def test_a_set_taken_out_of_the_configuration_is_not_written_any_more(world: World) -> None:
    await approve(world)
    world.rules = some_rules(set_rules(name=OTHER_SET))

    assert await world.reconcile(SET) == NOON + WITHDRAW_AFTER

    grant = await world.grant()
    assert grant.failure is not None
    assert grant.failure.code is Code.SET_NOT_OFFERED
    assert world.aws.calls == []


@pytest.mark.parametrize("gone", ["from the configuration", "from AWS"])
async def test_a_set_that_is_gone_gives_its_place_among_the_provisionings_back(
    world: World, gone: str
) -> None:
    await approve(world)
    await passes(world)
    if gone == "from AWS":
        world.aws.sets.clear()
    else:
        world.rules = some_rules(set_rules(name=OTHER_SET))

    world.clock.advance(CHANGE_DEADLINE)
    await world.reconcile(SET)

    assert await world.in_flight() == []


@pytest.mark.parametrize("gone", ["from the configuration", "from AWS"])
async def test_access_ends_on_time_though_its_set_was_gone_for_a_while(world: World, gone: str) -> None:
    await world.granted()
    assert await world.statuses() == ACTIVE
    rules, sets = world.rules, dict(world.aws.sets)

    if gone == "from AWS":
        world.aws.sets.clear()
    else:
        world.rules = some_rules(set_rules(name=OTHER_SET))
    await world.work(until=NOON + timedelta(hours=1))
    world.rules = rules
    world.aws.sets.update(sets)
    await world.work(until=NOON + WEEK + timedelta(hours=1))

    assert await world.statuses() == ENDED
    assert managed_in(world.aws.policy) == []


async def test_what_failed_because_of_an_unreadable_policy_is_looked_at_again(world: World) -> None:
    await approve(world)
    world.aws.policy = "not a policy"

    assert await world.reconcile(SET) == NOON + WITHDRAW_AFTER


async def refused_everything(world: World) -> None:
    """One request stands in the policy and cannot travel; another, which is active, cannot be taken out."""
    denied = Provisioning(Code.ACCESS_DENIED, reason="not tagged")
    await approve(world, a_target(PROD))
    await settle(world)
    await approve(world, a_target(TEST))
    world.aws.errors["provision"] = denied
    await settle(world)
    world.aws.errors["put_policy"] = denied
    await end(world, request=1)
    await settle(world)


async def test_a_put_that_aws_refuses_keeps_back_nothing_that_is_in_the_policy_already(world: World) -> None:
    await refused_everything(world)
    assert await world.statuses(2) == FAILED
    del world.aws.errors["provision"]

    await retry(world, request=2)
    await settle(world)

    assert await world.statuses(2) == ACTIVE
    assert covers(world.aws.held_in(TEST), (await world.grants(2))[0])
    assert await world.statuses(1) == ENDING


async def test_where_aws_refuses_everything_nobody_goes_round_in_circles(world: World) -> None:
    await refused_everything(world)

    await retry(world, request=2)
    world.aws.calls.clear()
    await settle(world, within=timedelta(minutes=4))

    assert await world.statuses(2) == FAILED
    assert len(world.aws.calls) < 20


async def test_a_conflict_is_waited_for(world: World) -> None:
    world.aws.errors["put_policy"] = Provisioning(Code.CONFLICT, reason="ConflictException")
    await approve(world)

    with pytest.raises(Unavailable):
        await world.reconcile(SET)
    world.aws.errors.clear()
    await settle(world)

    assert await world.statuses() == ACTIVE
