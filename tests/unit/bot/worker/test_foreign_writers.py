"""Somebody else writes the same policy, or another database does; and where a change travels."""

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

from bot.domain.errors import Code
from bot.domain.grant import GrantStatus, PushStatus
from bot.domain.rounds import ROUND_LIMIT, covers
from bot.ports.store import WorkKind
from bot.worker.reconcile import RETRY_ENDING_AFTER
from tests.builders import (
    OTHER_SET,
    PROD,
    READER,
    SET,
    TEST,
    a_foreign,
    a_grant,
    a_policy,
    a_push,
    a_target,
    accounts,
)
from tests.fakes.crashes import Killed, breaking
from tests.fakes.world import World, a_world
from tests.unit.bot.worker.rounds import (
    ACTIVE,
    DENIED,
    ENDED,
    ENDING,
    FAILED,
    FOREIGN,
    approve,
    end,
    foreign_in,
    managed_in,
    once,
    passes,
    retry,
    settle,
)


async def test_an_altered_statement_stops_the_rounds_and_says_which(world: World) -> None:
    await approve(world, a_target(PROD))
    await settle(world)
    (sid,) = managed_in(world.aws.policy)
    altered = world.aws.policy.replace(":role/Workbench-BuilderRole", ":role/Workbench-BuilderRole2")
    world.aws.policy = altered
    await approve(world, a_target(TEST))

    await settle(world)

    grant = await world.grant(2)
    assert grant.failure is not None
    assert (grant.failure.code, grant.failure.reason) == (Code.MANAGED_STATEMENT_ALTERED, sid)
    assert world.aws.policy == altered
    state = await world.read(lambda tx: tx.set_state(SET))
    assert state.stopped == grant.failure


async def test_an_unreadable_policy_is_never_rewritten_and_an_ending_waits_for_it(world: World) -> None:
    await approve(world)
    await settle(world)
    await end(world)
    world.aws.policy = '{"Statement":'

    asked_at = world.clock.now()
    (look,) = await passes(world)

    assert look == asked_at + RETRY_ENDING_AFTER
    assert await world.statuses() == ENDING
    assert world.aws.policy == '{"Statement":'


async def test_rounds_go_on_once_a_policy_is_mended(world: World) -> None:
    good = world.aws.policy
    world.aws.policy = '{"Statement":'
    await approve(world, a_target(PROD))
    await settle(world)
    world.aws.policy = good
    await approve(world, a_target(TEST))

    await settle(world)

    assert await world.statuses(2) == ACTIVE
    assert (await world.read(lambda tx: tx.set_state(SET))).stopped is None


async def test_a_policy_that_somebody_overwrites_before_it_travels_is_written_again(world: World) -> None:
    await approve(world)
    theirs = a_policy(foreign=[a_foreign("Terraform")])
    once(world, "provision", lambda: setattr(world.aws, "policy", theirs))

    await settle(world)

    grant = await world.grant()
    assert grant.status is GrantStatus.ACTIVE
    assert covers(world.aws.held_in(PROD), grant)
    assert foreign_in(world.aws.policy) == ["Terraform"]
    assert len(world.aws.puts) == 2


async def test_a_foreign_writer_who_never_stops_is_named_after_five_rounds(world: World) -> None:
    theirs = a_policy(foreign=[a_foreign("Terraform")])

    async def overwrite(called: str) -> None:
        if called == "provision":
            world.aws.policy = theirs

    world.aws.before = overwrite
    await approve(world)

    await settle(world)

    grant = await world.grant()
    assert grant.failure is not None
    assert (grant.failure.code, grant.rounds) == (Code.FOREIGN_WRITER, ROUND_LIMIT)
    assert len(world.aws.puts) == ROUND_LIMIT


async def test_an_ended_grant_that_a_stale_editor_brings_back_is_not_called_ended(world: World) -> None:
    """A console user opened the policy before we removed our statement, and saves before it travels."""
    await approve(world)
    await settle(world)
    grant, opened = await world.grant(), world.aws.policy
    await end(world)
    once(world, "provision", lambda: setattr(world.aws, "policy", opened))

    await settle(world)

    assert await world.statuses() == ENDED
    assert not covers(world.aws.policy, grant)
    assert not covers(world.aws.held_in(PROD), grant)


async def test_a_managed_statement_of_another_database_is_left_alone(world: World) -> None:
    theirs = a_grant(target=a_target(DENIED))
    world.aws.policy = a_policy([theirs], FOREIGN)
    await approve(world)

    await settle(world)
    await end(world)
    await settle(world)

    assert await world.statuses() == ENDED
    assert covers(world.aws.policy, theirs)


async def reported(world: World) -> list[tuple[str | int, ...]]:
    """What the approvers were told about statements that nobody explains: each message as its facts."""
    posts = [WorkKind.MESSAGE]
    while claimed := await world.store.claim(at_most=9, lease_for=timedelta(seconds=9), kinds=posts):
        for work in claimed:
            await world.store.finish(work, again_at=await world.outbox(work.key))
    keys = {shown.key for shown in world.slack.channel.values() if "unexplained" in shown.key}
    told = [(await world.message(key)).answer for key in keys for _ in world.slack.messages(key)]
    return sorted(tuple(value for _, value in answer.facts) for answer in told if answer is not None)


async def test_statements_of_another_database_are_reported_once(world: World) -> None:
    one, two = a_grant(target=a_target(DENIED)), a_grant(target=a_target(DENIED, READER), ends_at=None)
    world.aws.policy = a_policy([one, two], FOREIGN)
    await approve(world)

    await settle(world)
    world.aws.policy = a_policy([one, two], [])  # somebody edits the rest again and again
    await approve(world)
    await settle(world)

    assert await reported(world) == [(SET, *sorted(managed_in(a_policy([one, two]))))]


async def test_another_statement_of_another_database_is_news(world: World) -> None:
    one, two = a_grant(target=a_target(DENIED)), a_grant(target=a_target(DENIED, READER), ends_at=None)
    world.aws.policy = a_policy([one], FOREIGN)
    await approve(world)
    await settle(world)

    world.aws.policy = a_policy([one, two], FOREIGN)
    await approve(world)
    await settle(world)

    assert len(await reported(world)) == 2


async def test_a_statement_that_went_and_comes_back_is_reported_again(world: World) -> None:
    theirs = a_grant(target=a_target(DENIED))
    for document in (a_policy([theirs], FOREIGN), a_policy(foreign=FOREIGN), a_policy([theirs], FOREIGN)):
        world.aws.policy = document
        await approve(world)
        await settle(world)

    (sid,) = managed_in(a_policy([theirs]))
    assert await reported(world) == [(SET, sid)] * 2


async def test_a_statement_that_stays_while_another_goes_is_no_news(world: World) -> None:
    one, two = a_grant(target=a_target(DENIED)), a_grant(target=a_target(DENIED, READER), ends_at=None)
    for wants in ([one, two], [one]):
        world.aws.policy = a_policy(wants, FOREIGN)
        await approve(world)
        await settle(world)

    assert len(await reported(world)) == 1


async def test_a_statement_that_an_unreadable_policy_hid_for_a_while_is_no_news(world: World) -> None:
    theirs = a_policy([a_grant(target=a_target(DENIED))], FOREIGN)
    for document in (theirs, '{"Statement":', theirs):
        world.aws.policy = document
        await approve(world)
        await settle(world)

    assert len(await reported(world)) == 1


async def test_what_a_grant_of_this_database_wants_word_for_word_is_not_reported(world: World) -> None:
    world.aws.policy = a_policy([a_grant()], FOREIGN)
    await approve(world)

    await settle(world)

    assert await reported(world) == []


async def test_statements_of_another_database_are_reported_once_wherever_the_round_breaks_off() -> None:
    theirs = a_grant(target=a_target(DENIED))
    for n in range(1, 100, 2):
        async with a_world() as world:
            world.aws.policy = a_policy([theirs], FOREIGN)
            world.aws.provision_everywhere(PROD, TEST)
            await approve(world)
            with breaking(world, n) as breaker, suppress(Killed):
                await settle(world)
            await settle(world)

            assert len(await reported(world)) == 1, n
            if breaker.count < n:
                return
    raise AssertionError("it never came to its end")


# Where it travels


async def test_accounts_that_are_asked_for_in_small_numbers_travel_one_by_one(world: World) -> None:
    few = accounts(3)
    world.aws.provision_everywhere(*few)
    await approve(world, *map(a_target, few))

    await settle(world)

    assert [flight.accounts for flight in world.aws.flights.values()] == [(each,) for each in few]
    assert await world.statuses() == ACTIVE


async def test_many_accounts_travel_by_one_call(world: World) -> None:
    many = accounts(7)
    world.aws.provision_everywhere(*many)
    await approve(world, *map(a_target, many))

    await settle(world)

    (flight,) = world.aws.flights.values()
    assert set(flight.accounts) == {*many, PROD, TEST}
    assert await world.statuses() == ACTIVE


async def test_many_accounts_travel_one_by_one_while_somebody_elses_edit_waits(world: World) -> None:
    many = accounts(7)
    world.aws.provision_everywhere(*many, PROD)
    world.aws.policy = a_policy(foreign=[*FOREIGN, a_foreign("Waiting")])
    world.aws.provision_everywhere(*many)
    before = world.aws.held_in(PROD)
    await approve(world, *map(a_target, many))

    await settle(world)

    assert await world.statuses() == ACTIVE
    assert world.aws.held_in(PROD) == before
    assert world.aws.most_in_flight <= 3


async def test_an_edit_that_somebody_stages_before_a_retry_stays_where_it_is(world: World) -> None:
    many = accounts(5)
    world.aws.provision_everywhere(*many)
    world.aws.failing = dict.fromkeys(many, "IAM is down")
    await approve(world, *map(a_target, many))
    await settle(world)
    assert await world.statuses() == FAILED
    world.aws.failing.clear()
    world.aws.policy = world.aws.policy.replace('"Theirs"', '"Staged"')
    world.clock.set(world.clock.now() + timedelta(hours=3))

    await retry(world)
    await settle(world)

    assert await world.statuses() == ACTIVE
    assert "Staged" not in world.aws.held_in(PROD)


async def test_an_edit_that_waits_stays_where_it_is_though_two_small_changes_add_up(world: World) -> None:
    many = accounts(4)
    world.aws.provision_everywhere(*many)
    world.aws.policy = a_policy(foreign=[*FOREIGN, a_foreign("Staged")])
    world.aws.failing = dict.fromkeys(many[:2], "IAM is down")
    await approve(world, *map(a_target, many[:2]))
    await settle(world)
    world.aws.failing.clear()

    await retry(world)
    await approve(world, *map(a_target, many[2:]))
    await settle(world)

    assert (await world.statuses(1), await world.statuses(2)) == (ACTIVE, ACTIVE)
    assert "Staged" not in world.aws.held_in(PROD)


async def test_two_small_changes_that_add_up_travel_by_one_call_while_no_edit_waits(world: World) -> None:
    many = accounts(4)
    world.aws.provision_everywhere(*many)
    await approve(world, *map(a_target, many[:2]))
    await approve(world, *map(a_target, many[2:]))

    await settle(world)

    (flight,) = world.aws.flights.values()
    assert set(flight.accounts) == {*many, PROD, TEST}


async def test_many_accounts_still_travel_by_one_call_after_they_had_to_queue(world: World) -> None:
    many = accounts(5)
    world.aws.provision_everywhere(*many)
    busy = a_push(None, account=TEST, permission_set=OTHER_SET, status=PushStatus.IN_PROGRESS)
    await world.database.run(lambda tx: tx.save_push(busy))
    await approve(world, *map(a_target, many))
    await passes(world, 3)
    assert (len(world.aws.puts), world.aws.flights) == (1, {})

    await world.database.run(lambda tx: tx.save_push(replace(busy, status=PushStatus.SUCCEEDED)))
    await settle(world)

    (flight,) = world.aws.flights.values()
    assert set(flight.accounts) == {*many, PROD, TEST}


async def test_an_account_where_the_set_is_gone_fails_alone(world: World) -> None:
    await approve(world, a_target(PROD), a_target(DENIED))

    await settle(world)

    by_account = {grant.target.account: grant.status for grant in await world.grants()}
    assert by_account == {PROD: GrantStatus.ACTIVE, DENIED: GrantStatus.FAILED}


async def test_many_accounts_where_the_set_is_gone_fail_instead_of_travelling_for_ever(world: World) -> None:
    nowhere = accounts(5)
    await approve(world, a_target(PROD), *map(a_target, nowhere))

    await settle(world)

    by_account = {grant.target.account: grant.status for grant in await world.grants()}
    assert by_account == dict.fromkeys(nowhere, GrantStatus.FAILED) | {PROD: GrantStatus.ACTIVE}
