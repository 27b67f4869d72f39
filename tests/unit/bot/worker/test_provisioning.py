"""Provisioning within the organisation's budget: three at once, one per account, each remembered at once."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.domain.errors import Code, Provisioning, Unavailable
from bot.domain.grant import GrantStatus, Push, PushStatus
from bot.domain.names import AccountId, ProvisioningId
from bot.domain.policy import parse
from bot.domain.request import Target
from bot.domain.rounds import CHANGE_DEADLINE, HOLDS_ITS_PLACE, PROVISIONINGS_AT_ONCE
from bot.ports.store import Tx
from bot.worker.provisioning import FIRST_POLL_AFTER, QUEUE_AFTER
from bot.worker.set_view import SetView, view_set
from tests.builders import (
    OTHER_SET,
    PROD,
    SET,
    TEST,
    WEEK,
    a_foreign,
    a_grant,
    a_policy,
    a_push,
    a_target,
    accounts,
    an_ask,
)
from tests.fakes.clock import NOON
from tests.fakes.identity_center import arn_of
from tests.fakes.world import World, a_world

ARN = arn_of(SET)
FEW, MANY = accounts(2), accounts(6)
STARTING, IN_PROGRESS = PushStatus.STARTING, PushStatus.IN_PROGRESS


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with a_world() as world:
        world.aws.policy = a_policy([a_grant(target=a_target(each)) for each in [PROD, TEST, *MANY]])
        world.aws.provision_everywhere(PROD, TEST, *MANY)
        yield world


async def grant_for(world: World, *targets: Target) -> None:
    def open_grants(tx: Tx) -> None:
        request = tx.add_request(an_ask(targets=targets), decide_by=NOON + timedelta(days=3))
        for target in targets:
            tx.add_grant(
                request=request.id,
                permission_set=SET,
                target=target,
                role_arn=a_grant(target=target).role_arn,
                person=None,
                ends_at=NOON + WEEK,
            )

    await world.database.run(open_grants)


async def look(world: World) -> SetView:
    return await world.read(lambda tx: view_set(tx, SET))


async def start(world: World, names: list[AccountId]) -> None:
    view = await look(world)
    provisioned = await world.aws.provisioned_accounts(ARN)
    await world.pushes.start(view, ARN, world.aws.policy, names, provisioned=provisioned)


async def save(world: World, push: Push) -> None:
    await world.database.run(lambda tx: tx.save_push(push))


async def statuses(world: World) -> dict[AccountId, PushStatus]:
    return {push.account: push.status for push in await world.pushed()}


async def test_what_is_started_is_remembered_with_the_number_that_aws_gave(world: World) -> None:
    await start(world, FEW)

    first, second = await world.pushed()
    assert [first.account, second.account] == FEW
    assert [first.status, second.status] == [IN_PROGRESS] * 2
    assert [first.provisioning, second.provisioning] == ["p-1", "p-2"]
    assert first.document == world.aws.policy
    assert first.started_at == NOON


async def test_no_more_than_three_are_under_way_whoever_started_them(world: World) -> None:
    for number, account in enumerate(accounts(9)[7:]):
        await save(
            world,
            a_push(
                None,
                account=account,
                status=IN_PROGRESS,
                permission_set=OTHER_SET,
                provisioning=ProvisioningId(f"other-{number}"),
            ),
        )

    await start(world, MANY[:3])

    assert await statuses(world) == {MANY[0]: IN_PROGRESS}
    assert len(await world.read(lambda tx: tx.flights(within=HOLDS_ITS_PLACE))) == PROVISIONINGS_AT_ONCE


async def test_an_account_that_another_set_travels_to_has_to_wait(world: World) -> None:
    await save(world, a_push(None, account=FEW[0], status=IN_PROGRESS, permission_set=OTHER_SET))

    await start(world, FEW)

    assert await statuses(world) == {FEW[1]: IN_PROGRESS}


async def test_one_call_for_all_counts_once(world: World) -> None:
    for account in MANY:
        await save(
            world,
            a_push(None, account=account, status=IN_PROGRESS, permission_set=OTHER_SET, everywhere=True),
        )

    await start(world, [PROD, TEST])

    assert await statuses(world) == {PROD: IN_PROGRESS, TEST: IN_PROGRESS}


async def test_one_call_for_all_waits_for_every_account_to_be_free(world: World) -> None:
    await save(world, a_push(None, account=PROD, status=IN_PROGRESS, permission_set=OTHER_SET))

    await start(world, MANY)

    assert await statuses(world) == {}
    assert world.aws.flights == {}


async def test_many_accounts_share_one_call_and_one_number(world: World) -> None:
    await start(world, MANY)

    pushes = await world.pushed()
    assert {push.account for push in pushes} == {PROD, TEST, *MANY}
    assert {push.provisioning for push in pushes} == {"p-1"}
    assert all(push.everywhere for push in pushes)


async def test_what_succeeded_is_what_the_account_holds(world: World) -> None:
    await start(world, FEW)

    assert await world.pushes.follow(await look(world), ARN)
    assert not await world.pushes.follow(await look(world), ARN)

    for push in await world.pushed():
        assert (push.status, push.held) == (PushStatus.SUCCEEDED, world.aws.policy)


async def test_what_failed_fails_the_grants_that_travelled_and_no_others(world: World) -> None:
    await grant_for(world, a_target(FEW[0]), a_target(FEW[1]))
    world.aws.failing[FEW[0]] = "SCP says no"
    await start(world, FEW)

    while await world.pushes.follow(await look(world), ARN):
        pass

    assert [grant.status for grant in await world.grants()] == [GrantStatus.FAILED, GrantStatus.PROVISIONING]
    failed, _ = await world.pushed()
    assert (failed.status, failed.held) == (PushStatus.FAILED, None)
    assert failed.failure is not None
    assert failed.failure.reason == "SCP says no"


async def test_after_a_failure_nobody_believes_that_the_account_holds_anything(world: World) -> None:
    await save(world, a_push(world.aws.policy))
    world.aws.failing[PROD] = "SCP says no"
    await start(world, [PROD])

    while await world.pushes.follow(await look(world), ARN):
        pass

    (push,) = await world.pushed()
    assert (push.status, push.held) == (PushStatus.FAILED, None)


async def test_a_grant_approved_while_a_push_flew_does_not_fail_with_it(world: World) -> None:
    before = a_policy(foreign=[a_foreign()])
    world.aws.failing[PROD] = "SCP says no"
    await save(world, a_push(None, status=IN_PROGRESS, document=before))
    await world.aws.provision(ARN, PROD)
    await grant_for(world, a_target(PROD))

    while await world.pushes.follow(await look(world), ARN):
        pass

    assert await world.statuses() == {GrantStatus.PROVISIONING}


async def test_a_provisioning_that_was_asked_for_and_not_remembered_is_asked_for_again(world: World) -> None:
    await save(world, a_push(None, status=STARTING, provisioning=None, document=world.aws.policy))

    assert await world.pushes.follow(await look(world), ARN)

    (push,) = await world.pushed()
    assert (push.status, push.provisioning) == (IN_PROGRESS, "p-1")


async def test_one_call_for_all_that_was_not_remembered_is_one_call_again(world: World) -> None:
    for account in MANY:
        await save(
            world,
            a_push(
                None,
                account=account,
                status=STARTING,
                provisioning=None,
                everywhere=True,
                document=world.aws.policy,
            ),
        )

    await world.pushes.follow(await look(world), ARN)

    assert len(world.aws.flights) == 1
    assert {push.provisioning for push in await world.pushed()} == {"p-1"}


async def test_a_conflict_is_waited_for_and_given_up_when_it_is_late(world: World) -> None:
    world.aws.errors["provision"] = Provisioning(Code.CONFLICT, reason="ConflictException")
    await grant_for(world, a_target(PROD))

    with pytest.raises(Unavailable):
        await start(world, [PROD])
    assert await statuses(world) == {PROD: STARTING}
    world.clock.advance(CHANGE_DEADLINE)
    await world.pushes.follow(await look(world), ARN)

    assert await statuses(world) == {PROD: PushStatus.FAILED}
    assert await world.statuses() == {GrantStatus.FAILED}


async def test_an_edit_that_somebody_staged_meanwhile_does_not_travel_with_what_was_not_remembered(
    world: World,
) -> None:
    for account in MANY:
        unremembered = a_push(None, account=account, status=STARTING, provisioning=None, everywhere=True)
        await save(world, replace(unremembered, document=world.aws.policy))
    world.aws.policy = a_policy(foreign=[a_foreign("Staged")])

    running = await world.pushes.follow(await look(world), ARN)

    assert not running
    assert world.aws.flights == {}
    assert not any(push.is_in_flight for push in await world.pushed())


async def test_aws_has_its_ten_minutes_from_when_it_was_asked(world: World) -> None:
    old = a_push(None, status=STARTING, provisioning=None, document=world.aws.policy, started_at=NOON)
    await save(world, old)
    await grant_for(world, a_target(PROD))
    world.clock.advance(CHANGE_DEADLINE * 30)

    assert await world.pushes.follow(await look(world), ARN)
    assert await world.pushes.follow(await look(world), ARN)
    assert not await world.pushes.follow(await look(world), ARN)

    assert await statuses(world) == {PROD: PushStatus.SUCCEEDED}


async def test_a_conflict_in_one_account_keeps_no_other_waiting(world: World) -> None:
    third = MANY[0]
    busy = Provisioning(Code.CONFLICT, reason="ConflictException")
    world.aws.refusing[TEST] = busy
    await grant_for(world, *map(a_target, (PROD, TEST, third)))

    with pytest.raises(Unavailable):
        await start(world, [PROD, TEST, third])
    for _ in range(3):
        with pytest.raises(Unavailable):
            await world.pushes.follow(await look(world), ARN)

    assert await statuses(world) == {
        PROD: PushStatus.SUCCEEDED,
        TEST: STARTING,
        third: PushStatus.SUCCEEDED,
    }
    assert await world.pushes.has_room()
    del world.aws.refusing[TEST]
    assert await world.pushes.follow(await look(world), ARN)


async def test_what_aws_refuses_fails_at_once_with_its_words(world: World) -> None:
    world.aws.errors["provision"] = Provisioning(Code.ACCESS_DENIED, reason="not authorized")
    await grant_for(world, a_target(PROD))

    await start(world, [PROD])

    grant = await world.grant()
    assert grant.failure is not None
    assert (grant.status, grant.failure.reason) == (GrantStatus.FAILED, "not authorized")


async def test_a_push_remembers_what_the_account_held_until_the_new_one_has_arrived(world: World) -> None:
    old = a_policy(foreign=[a_foreign()])
    await save(world, a_push(old))

    await start(world, [PROD])

    (push,) = await world.pushed()
    assert (push.status, push.held) == (IN_PROGRESS, old)


async def test_what_was_started_is_looked_at_soon_and_what_has_to_queue_later(world: World) -> None:
    view = await look(world)
    provisioned = frozenset({PROD, TEST, *MANY})

    started = await world.pushes.start(view, ARN, world.aws.policy, [PROD, TEST], provisioned=provisioned)
    queued = await world.pushes.start(view, ARN, world.aws.policy, [PROD], provisioned=provisioned)

    assert (started, queued) == (NOON + FIRST_POLL_AFTER, NOON + QUEUE_AFTER)


def test_the_fake_policy_is_one_that_the_bot_would_write() -> None:
    assert all(each.is_managed for each in parse(a_policy([a_grant()])).statements)
