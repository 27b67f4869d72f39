"""One permission set brought to what the grants want: step by step, and broken off anywhere."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import uuid4

import pytest

from bot.domain.errors import Code, NotFound, Provisioning, Refusal, Unavailable
from bot.domain.grant import EndCause, GrantStatus, PushStatus
from bot.domain.names import AccountId
from bot.domain.policy import LIMIT_BYTES, managed, parse
from bot.domain.request import RequestId, Target
from bot.domain.rounds import CHANGE_DEADLINE, ROUND_LIMIT, WITHDRAW_AFTER, covers
from bot.ports.store import Tx, WorkKind
from bot.usecases.transitions import move_grant, wake_set
from bot.worker.provisioning import FIRST_POLL_AFTER
from bot.worker.reconcile import RETRY_ENDING_AFTER
from tests.builders import (
    BUILDER,
    OTHER_SET,
    PROD,
    READER,
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
    set_rules,
    some_rules,
)
from tests.fakes.clock import NOON
from tests.fakes.crashes import Killed, breaking
from tests.fakes.identity_center import ALICE_IDENTITY
from tests.fakes.world import World, a_world

ACTIVE, ENDED, FAILED = {GrantStatus.ACTIVE}, {GrantStatus.ENDED}, {GrantStatus.FAILED}
PROVISIONING, ENDING = {GrantStatus.PROVISIONING}, {GrantStatus.ENDING}
BOTH = (Target(account=PROD, role=BUILDER), Target(account=TEST, role=BUILDER))
FOREIGN = [a_foreign("Theirs")]
OPEN_TO_ALL = a_foreign("Open", Action="sts:AssumeRole", Resource="*")
DENIED = AccountId("333333333333")


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with a_world() as world:
        world.aws.policy = a_policy(foreign=FOREIGN)
        world.aws.provision_everywhere(PROD, TEST)
        yield world


async def approve(world: World, *targets: Target, ends_at: datetime | None = NOON + WEEK) -> None:
    """What an approval leaves in the store: a request and its wanted grants."""

    def open_grants(tx: Tx) -> None:
        asked = targets or (a_target(),)
        request = tx.add_request(
            an_ask(targets=asked, form_key=uuid4().hex),
            decide_by=NOON + timedelta(days=3),
        )
        for target in asked:
            grant = a_grant(target=target)
            tx.add_grant(
                request=request.id,
                permission_set=SET,
                target=target,
                role_arn=grant.role_arn,
                person=None,
                ends_at=ends_at,
            )
        wake_set(tx, SET)

    await world.database.run(open_grants)


async def end(world: World, cause: EndCause = EndCause.REVOKED, *, request: int = 1) -> None:
    def end_all(tx: Tx) -> None:
        for grant in tx.grants_of(RequestId(request)):
            move_grant(tx, grant, GrantStatus.ENDING, cause=cause)
        wake_set(tx, SET)

    await world.database.run(end_all)


async def passes(world: World, count: int = 1) -> list[datetime | None]:
    """That many passes, each when the last one said."""
    looks: list[datetime | None] = []
    for _ in range(count):
        looks.append(await world.reconcile(SET))
        if looks[-1] is None:
            break
        world.clock.set(max(world.clock.now(), looks[-1]))
    return looks


async def settle(world: World, *, within: timedelta = timedelta(minutes=15), at_most: int = 60) -> None:
    """Passes until nothing is left to do soon. Backs off where the engine would."""
    end_of_patience = world.clock.now() + within
    for _ in range(at_most):
        try:
            again_at = await world.reconcile(SET)
        except (Unavailable, Provisioning, NotFound):
            again_at = world.clock.now() + timedelta(seconds=30)
        if again_at is None or again_at > end_of_patience:
            return
        world.clock.set(max(again_at, world.clock.now()))
    raise AssertionError("it goes round in circles")


def managed_in(document: str) -> list[str]:
    return [statement.sid for statement in managed(parse(document))]


def foreign_in(document: str) -> list[str | None]:
    return [each.sid for each in parse(document).statements if not each.is_managed]


def once(world: World, name: str, do: Callable[[], None]) -> None:
    """Somebody else acts right before the bot's next call of that name."""

    async def before(called: str) -> None:
        if called == name:
            world.aws.before = None
            do()

    world.aws.before = before


# Step by step


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


async def test_a_granted_set_is_looked_at_again_when_the_access_ends(world: World) -> None:
    await approve(world)

    looks = await passes(world, 3)

    assert looks[-1] == NOON + WEEK
    assert covers(world.aws.held_in(PROD), await world.grant())
    assert len(world.aws.puts) == 1


async def test_a_settled_set_without_an_end_needs_no_attention(world: World) -> None:
    await approve(world, ends_at=None)

    assert (await passes(world, 3))[-1] is None


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


# Failures


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

    assert await world.reconcile(SET) is None

    grant = await world.grant()
    assert grant.failure is not None
    assert grant.failure.code is Code.PERMISSION_SET_MISSING


async def test_a_set_taken_out_of_the_configuration_is_not_written_any_more(world: World) -> None:
    await approve(world)
    world.rules = some_rules(set_rules(name=OTHER_SET))

    assert await world.reconcile(SET) is None

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

    assert await world.read(lambda tx: tx.pushes_in_flight()) == ()


async def test_a_conflict_is_waited_for(world: World) -> None:
    world.aws.errors["put_policy"] = Provisioning(Code.CONFLICT, reason="ConflictException")
    await approve(world)

    with pytest.raises(Unavailable):
        await world.reconcile(SET)
    world.aws.errors.clear()
    await settle(world)

    assert await world.statuses() == ACTIVE


# Somebody else writes


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


# The end


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


# Broken off anywhere: whoever comes next finishes it


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
    assert await world.read(lambda tx: tx.pushes_in_flight()) == (), n
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
