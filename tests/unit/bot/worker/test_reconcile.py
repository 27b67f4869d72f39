"""One permission set brought to what the grants want, step by step."""

from datetime import timedelta

from bot.domain.errors import Code
from bot.domain.grant import GrantStatus, PushStatus
from bot.domain.rounds import LEVEL_AFTER, covers
from bot.ports.store import WorkKind
from bot.worker.provisioning import FIRST_POLL_AFTER
from tests.builders import (
    OTHER_SET,
    PROD,
    SET,
    TEST,
    WEEK,
    a_foreign,
    a_policy,
    a_push,
    a_target,
)
from tests.fakes.clock import NOON
from tests.fakes.world import World
from tests.unit.bot.worker.rounds import (
    ACTIVE,
    BOTH,
    FOREIGN,
    OPEN_TO_ALL,
    PROVISIONING,
    approve,
    foreign_in,
    managed_in,
    passes,
    settle,
)


async def test_the_first_pass_puts_the_policy_and_starts_provisioning(world: World) -> None:
    await approve(world)

    (look,) = await passes(world)

    assert look == NOON + FIRST_POLL_AFTER
    assert foreign_in(world.aws.policy) == ["Theirs"]
    assert len(managed_in(world.aws.policy)) == 1
    (push,) = await world.pushed()
    assert (push.account, push.status, push.held) == (PROD, PushStatus.IN_PROGRESS, None)
    assert await world.statuses() == PROVISIONING


async def test_nothing_is_granted_before_aws_says_succeeded(world: World) -> None:
    world.aws.polls = 3
    await approve(world)

    await passes(world, 4)

    assert await world.statuses() == PROVISIONING
    await passes(world)
    assert await world.statuses() == ACTIVE


async def test_a_granted_set_is_looked_at_again_when_it_is_quiet_and_when_the_access_ends(
    world: World,
) -> None:
    world.aws.provision_everywhere(PROD)
    await approve(world, *BOTH)

    looks = await passes(world, 4)

    assert looks[-2] == NOON + LEVEL_AFTER
    assert looks[-1] == NOON + WEEK
    assert all(covers(world.aws.held_in(each.target.account), each) for each in await world.grants())
    assert len(world.aws.puts) == 1


async def test_a_settled_set_without_an_end_needs_no_attention(world: World) -> None:
    await approve(world, *BOTH, ends_at=None)

    assert (await passes(world, 4))[-1] is None


async def test_the_last_grant_of_a_request_sets_off_its_verification(world: World) -> None:
    await approve(world, *BOTH)
    await settle(world)

    due = await world.database.claim(at_most=50, lease_for=timedelta(seconds=10))

    assert [work.key for work in due if work.kind is WorkKind.VERIFY] == ["1"]


async def test_nothing_is_verified_before_the_last_grant_of_a_request_has_settled(world: World) -> None:
    busy = a_push(None, account=TEST, status=PushStatus.IN_PROGRESS, permission_set=OTHER_SET)
    await world.database.run(lambda tx: tx.save_push(busy))
    await approve(world, *BOTH)
    await passes(world, 6)
    assert await world.statuses() == ACTIVE | PROVISIONING

    due = await world.database.claim(at_most=50, lease_for=timedelta(seconds=10))

    assert WorkKind.VERIFY not in {work.kind for work in due}


async def test_approvals_that_arrive_together_share_one_put(world: World) -> None:
    await approve(world, a_target(PROD))
    await approve(world, a_target(TEST))

    await settle(world)

    assert await world.statuses(1) == await world.statuses(2) == ACTIVE
    assert len(world.aws.puts) == 1


async def test_an_approval_during_a_round_is_served_by_the_next(world: World) -> None:
    await approve(world, a_target(PROD))
    await passes(world)
    await approve(world, a_target(TEST))

    await settle(world)

    assert await world.statuses(1) == await world.statuses(2) == ACTIVE
    assert len(world.aws.puts) == 2
    assert covers(world.aws.policy, await world.grant(1))
    assert covers(world.aws.policy, await world.grant(2))


async def test_what_the_database_remembers_lies_beside_what_aws_holds(world: World) -> None:
    await approve(world)
    await settle(world)

    state = await world.read(lambda tx: tx.set_state(SET))

    assert state.document == world.aws.policy
    assert state.sids == set(managed_in(world.aws.policy))
    assert state.stopped is None


# Others allow it already


async def test_what_aws_allows_already_is_recorded_and_nothing_is_written(world: World) -> None:
    world.aws.policy = a_policy(foreign=[OPEN_TO_ALL])
    world.aws.provision_everywhere(PROD)
    await approve(world)

    await settle(world)

    grant = await world.grant()
    assert (grant.status, grant.already_allowed, grant.written) == (GrantStatus.ACTIVE, True, False)
    assert world.aws.puts == []
    assert "provision" not in world.aws.calls


async def test_what_others_allow_is_not_granted_where_the_set_is_not_provisioned(world: World) -> None:
    world.aws.policy = a_policy(foreign=[OPEN_TO_ALL])
    world.aws.provision_everywhere(TEST)
    del world.aws.held[world.aws.sets[SET]][PROD]
    await approve(world)

    await settle(world)

    grant = await world.grant()
    assert grant.failure is not None
    assert (grant.status, grant.failure.code) == (GrantStatus.FAILED, Code.NOT_PROVISIONED)


async def test_what_others_allow_in_the_policy_alone_is_provisioned_first(world: World) -> None:
    world.aws.policy = a_policy(foreign=[OPEN_TO_ALL])
    await approve(world)

    await settle(world)

    grant = await world.grant()
    assert (grant.status, grant.already_allowed, grant.written) == (GrantStatus.ACTIVE, True, False)
    assert world.aws.puts == []
    assert world.aws.held_in(PROD) == world.aws.policy


async def test_what_others_stop_allowing_while_it_travels_is_written_by_us(world: World) -> None:
    world.aws.policy = a_policy(foreign=[OPEN_TO_ALL])
    await approve(world)
    await passes(world)
    world.aws.policy = a_policy(foreign=FOREIGN)

    await settle(world)

    grant = await world.grant()
    assert grant.status is GrantStatus.ACTIVE
    assert covers(world.aws.held_in(PROD), grant)


async def test_access_that_others_allow_too_shortly_is_written(world: World) -> None:
    soon = {"DateLessThan": {"aws:CurrentTime": "2030-01-08T00:00:00Z"}}
    world.aws.policy = a_policy(foreign=[OPEN_TO_ALL | {"Condition": soon}])
    world.aws.provision_everywhere(PROD)
    await approve(world)

    await settle(world)

    grant = await world.grant()
    assert (grant.status, grant.already_allowed) == (GrantStatus.ACTIVE, False)
    assert covers(world.aws.policy, grant)


async def test_what_others_deny_fails_and_is_never_written(world: World) -> None:
    world.aws.policy = a_policy(
        foreign=[a_foreign("No", Effect="Deny", Action="sts:AssumeRole", Resource="*")]
    )
    await approve(world)

    await settle(world)

    grant = await world.grant()
    assert grant.failure is not None
    assert (grant.failure.code, grant.failure.reason) == (Code.EXPLICIT_DENY, "No")
    assert world.aws.puts == []
