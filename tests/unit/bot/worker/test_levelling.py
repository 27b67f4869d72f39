"""Accounts that our own rounds left behind are brought level once the set is quiet, and nothing else travels."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.domain.errors import AccessError, Code, Unavailable
from bot.domain.grant import Failure, GrantStatus, PushStatus
from bot.domain.messages import ClickKind
from bot.domain.names import AccountId, role_arn
from bot.domain.policy import parse
from bot.domain.request import Ask, Target
from bot.domain.rounds import LEVEL_AFTER, covers
from bot.ports.store import Tx, WorkKind
from bot.usecases.transitions import move_grant
from bot.worker.levelling import ROOM_AFTER
from bot.worker.provisioning import LEVEL_AGAIN
from tests.builders import BUILDER, PROD, SET, TEST, WEEK, a_foreign, a_policy, a_push, accounts, an_ask
from tests.fakes.crashes import Killed, breaking
from tests.fakes.world import World, a_world

MANY = accounts(5)
FOREIGN = [a_foreign("Theirs")]
LATER = AccountId("333333333333")
SOON = LEVEL_AFTER + timedelta(minutes=1)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """Everything is up to date; then PROD got a grant, and the others were left behind by its Put."""
    async with a_world() as world:
        await left_behind(world)
        yield world


async def left_behind(world: World) -> None:
    world.aws.policy = a_policy(foreign=FOREIGN)
    world.aws.provision_everywhere(*MANY, PROD, TEST)
    await granted(world)
    assert stale(world) == {*MANY, TEST} - {PROD}


async def granted(world: World, ask: Ask | None = None) -> None:
    """Asked for, approved and done within two minutes."""
    request = await world.ask(ask)
    await world.work(until=world.clock.now() + timedelta(minutes=1))
    await world.click(request=request.id)
    await world.work(until=world.clock.now() + timedelta(minutes=1))


def stale(world: World) -> set[AccountId]:
    held = world.aws.held[world.aws.sets[SET]]
    return {account for account, document in held.items() if document != world.aws.policy}


async def quiet(world: World, span: timedelta = SOON) -> None:
    """Nobody does anything for so long."""
    end = world.clock.now() + span
    await world.work(until=end)
    world.clock.set(end)


def provisioned_all(world: World) -> int:
    return sum(len(flight.accounts) > 1 for flight in world.aws.flights.values())


async def forget_the_timer(world: World) -> None:
    """The set is looked at now, whatever was planned."""
    await world.database.run(lambda tx: tx.poke(WorkKind.PERMISSION_SET, SET))


async def test_after_a_quiet_quarter_of_an_hour_one_provisioning_brings_all_level(world: World) -> None:
    posts, puts = len(world.slack.channel), len(world.aws.puts)

    await quiet(world)

    assert stale(world) == set()
    assert provisioned_all(world) == 1
    assert len(world.aws.puts) == puts
    assert len(world.slack.channel) == posts
    assert await world.statuses() == {GrantStatus.ACTIVE}


async def test_what_every_account_holds_by_then_is_recorded(world: World) -> None:
    await quiet(world)

    assert {push.account: push.held for push in await world.pushed()} == dict.fromkeys(
        {*MANY, PROD, TEST}, world.aws.policy
    )


async def test_before_the_quarter_is_over_nothing_travels(world: World) -> None:
    await quiet(world, LEVEL_AFTER - timedelta(minutes=1))
    await forget_the_timer(world)
    await world.work(until=world.clock.now())

    assert provisioned_all(world) == 0


async def test_a_round_begins_the_quarter_anew(world: World) -> None:
    await quiet(world, timedelta(minutes=10))
    await granted(world, an_ask(targets=[Target(account=TEST, role=BUILDER)], form_key="V2"))

    await quiet(world, timedelta(minutes=10))

    assert provisioned_all(world) == 0
    await quiet(world, timedelta(minutes=6))
    assert provisioned_all(world) == 1


async def test_once_level_nothing_travels_again(world: World) -> None:
    await quiet(world)
    calls = list(world.aws.calls)

    await quiet(world, timedelta(days=2))
    await forget_the_timer(world)
    await world.work(until=world.clock.now())

    assert set(world.aws.calls[len(calls) :]) <= {"permission_set"}


async def test_where_somebody_else_provisioned_all_nothing_travels(world: World) -> None:
    world.aws.provision_everywhere(*MANY, PROD, TEST)

    await quiet(world)

    assert provisioned_all(world) == 0


@pytest.mark.parametrize(
    "edit",
    [
        pytest.param(lambda document: a_policy(foreign=FOREIGN), id="ours taken away"),
        pytest.param(lambda document: "no policy", id="unreadable"),
        pytest.param(lambda document: document.replace('"Theirs"', '"Changed"'), id="theirs changed"),
        pytest.param(
            lambda document: document.replace("WorkbenchAccess", "WorkbenchAccess0", 1), id="ours altered"
        ),
    ],
)
async def test_an_edit_that_somebody_else_has_not_provisioned_is_not_pushed(
    world: World, edit: Callable[[str], str]
) -> None:
    world.aws.policy = edit(world.aws.policy)

    await quiet(world, timedelta(days=1))

    assert provisioned_all(world) == 0


async def test_an_edit_that_waited_before_our_first_put_is_not_pushed() -> None:
    async with a_world() as world:
        world.aws.policy = a_policy(foreign=FOREIGN)
        world.aws.provision_everywhere(TEST)
        world.aws.policy = a_policy(foreign=[*FOREIGN, a_foreign("Waiting")])
        world.aws.provision_everywhere(PROD)
        await granted(world)

        await quiet(world, timedelta(days=1))

        assert provisioned_all(world) == 0
        assert "Waiting" not in world.aws.held_in(TEST)


async def test_once_the_foreign_edit_was_provisioned_the_rest_is_brought_level(world: World) -> None:
    mine = world.aws.policy
    world.aws.policy = mine.replace('"Theirs"', '"Changed"')
    await quiet(world)
    world.aws.policy = mine

    await quiet(world, LEVEL_AGAIN)

    assert stale(world) == set()
    assert provisioned_all(world) == 1


async def test_a_managed_statement_that_this_database_does_not_explain_is_not_pushed(world: World) -> None:
    def forget(tx: Tx) -> None:
        state = tx.set_state(SET)
        tx.save_set_state(state, replace(state, sids=frozenset()))

    strange = a_policy([replace(await world.grant(), ends_at=None)])
    (statement,) = (each.text for each in parse(strange).statements)
    world.aws.policy = world.aws.policy[:-2] + "," + statement + "]}"
    await world.database.run(forget)

    await quiet(world, timedelta(days=1))

    assert provisioned_all(world) == 0


async def test_what_people_read_as_failed_does_not_travel(world: World) -> None:
    world.aws.failing[LATER] = "no"
    world.aws.held[world.aws.sets[SET]][LATER] = a_policy(foreign=FOREIGN)
    await granted(world, an_ask(targets=[Target(account=LATER, role=BUILDER)], form_key="V2"))
    assert await world.statuses(2) == {GrantStatus.FAILED}

    await quiet(world, timedelta(hours=12))

    assert provisioned_all(world) == 0


async def test_a_failed_grant_that_never_travelled_does_not_travel_unseen(world: World) -> None:
    active = await world.grant()
    failed = replace(
        active, target=Target(account=TEST, role=BUILDER), role_arn=role_arn("aws", TEST, BUILDER)
    )
    world.aws.policy = a_policy([active, failed], FOREIGN)

    def fail(tx: Tx) -> None:
        grant = tx.add_grant(
            request=failed.request,
            permission_set=SET,
            target=failed.target,
            role_arn=failed.role_arn,
            person=None,
            ends_at=failed.ends_at,
        )
        move_grant(tx, grant, GrantStatus.FAILED, failure=Failure(code=Code.AWS_UNAVAILABLE), written=True)
        sids = frozenset(statement.sid or "" for statement in parse(world.aws.policy).statements)
        state = tx.set_state(SET)
        tx.save_set_state(state, replace(state, sids=state.sids | sids))

    await world.database.run(fail)

    await quiet(world, timedelta(hours=12))

    assert provisioned_all(world) == 0
    assert world.aws.held_in(TEST) == a_policy(foreign=FOREIGN)


async def test_after_a_kill_right_before_the_call_everything_is_looked_at_afresh(world: World) -> None:
    async def kill(call: str) -> None:
        if call == "provision":
            raise Killed(call)

    world.clock.set(world.clock.now() + SOON)
    world.aws.before = kill
    with suppress(Killed):
        await world.reconcile(SET)
    world.aws.before = None
    world.aws.policy = world.aws.policy.replace('"Theirs"', '"Changed"')

    await quiet(world, timedelta(hours=1))

    assert provisioned_all(world) == 0
    assert await world.in_flight() == []


async def test_a_levelling_that_fails_takes_nothing_from_anybody_and_is_tried_later(world: World) -> None:
    before = await world.pushed()
    world.aws.failing[TEST] = "the role cannot be updated"

    await quiet(world)

    (push,) = (push for push in await world.pushed() if push.account == PROD)
    assert (push.status, push.held) == (PushStatus.SUCCEEDED, before[0].held)
    assert await world.statuses() == {GrantStatus.ACTIVE}
    assert provisioned_all(world) == 1
    world.aws.failing.clear()
    await quiet(world, LEVEL_AGAIN)
    assert provisioned_all(world) == 2
    assert stale(world) == set()


async def test_after_a_levelling_that_failed_access_still_ends(world: World) -> None:
    world.aws.failing[TEST] = "the role cannot be updated"
    await quiet(world)

    await world.click(ClickKind.END, note="over")
    await world.work()

    assert await world.statuses() == {GrantStatus.ENDED}


async def test_a_request_while_accounts_are_brought_level_is_served_right_after(world: World) -> None:
    world.aws.polls = 3
    asked = await world.ask(an_ask(targets=[Target(account=TEST, role=BUILDER)], form_key="V2"))
    await world.work(until=world.clock.now())
    world.clock.set(world.clock.now() + SOON)
    await world.reconcile(SET)
    await world.click(request=asked.id)

    await world.work()

    assert await world.statuses(2) == {GrantStatus.ACTIVE}
    assert covers(world.aws.held_in(TEST), await world.grant(2))


async def test_it_waits_while_the_provisionings_of_the_organisation_are_taken(world: World) -> None:
    taken = [
        a_push(None, account=account, permission_set="Other", status=PushStatus.IN_PROGRESS)
        for account in MANY[:3]
    ]

    def take(tx: Tx) -> None:
        for push in taken:
            tx.save_push(push)

    await world.database.run(take)
    world.clock.set(world.clock.now() + SOON)

    again_at = await world.reconcile(SET)

    assert again_at == world.clock.now() + ROOM_AFTER
    assert provisioned_all(world) == 0


async def test_an_edit_between_the_look_and_the_provisioning_is_not_pushed(world: World) -> None:
    async def edit(call: str) -> None:
        if call == "provisioned_accounts":
            world.aws.before = None
            world.aws.policy = world.aws.policy.replace('"Theirs"', '"Changed"')

    world.clock.set(world.clock.now() + SOON)
    world.aws.before = edit

    await world.reconcile(SET)

    assert provisioned_all(world) == 0


@pytest.mark.parametrize(
    ("error", "step"),
    [
        pytest.param(lambda: None, 1, id="killed"),
        pytest.param(asyncio.CancelledError, 3, id="cancelled"),
        pytest.param(lambda: Unavailable(Code.AWS_UNAVAILABLE), 3, id="no answer"),
    ],
)
async def test_broken_off_at_any_call_it_is_finished_by_whoever_comes_next(
    error: Callable[[], BaseException | None], step: int
) -> None:
    for at in range(1, 60, step):
        async with a_world() as world:
            await left_behind(world)
            world.clock.set(world.clock.now() + SOON)
            with (
                breaking(world, at, error()) as breaker,
                suppress(Killed, asyncio.CancelledError, AccessError),
            ):
                await quiet(world, timedelta(minutes=2))
            world.clock.set(world.clock.now() + timedelta(seconds=11))  # the lease of whoever is gone

            await quiet(world)

            assert stale(world) == set(), at
            assert await world.in_flight() == [], at
            assert await world.statuses() == {GrantStatus.ACTIVE}, at
            assert provisioned_all(world) <= 2, at
            if breaker.count < at:
                return
    raise AssertionError("it never came to its end")


async def test_the_cards_of_later_requests_take_what_we_left_behind_for_no_foreign_edit(world: World) -> None:
    request = await world.ask(an_ask(targets=[Target(account=TEST, role=BUILDER)], form_key="V2"))
    await world.work(until=world.clock.now() + timedelta(minutes=1))

    facts = (await world.request(request.id)).facts

    assert facts is not None
    assert facts.waiting_edits == ()
    assert facts.checked_at + WEEK > world.clock.now()
