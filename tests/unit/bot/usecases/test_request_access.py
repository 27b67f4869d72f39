"""Storing a request, preparing its card, and letting it expire."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from threading import Event

import pytest

from bot.domain.errors import Code, NotFound, Refusal, Unavailable
from bot.domain.evaluate import Answer
from bot.domain.messages import ClickKind
from bot.domain.request import RequestId, RequestStatus, Scope
from bot.ports.identity_center import Assignees
from bot.ports.store import Tx, WorkKind
from tests.builders import (
    ADMINS,
    ALICE,
    BOB,
    CHANNEL,
    PROD,
    TEST,
    a_foreign,
    a_grant,
    a_person,
    a_policy,
    a_target,
    an_ask,
)
from tests.fakes.clock import NOON
from tests.fakes.identity_center import ALICE_IDENTITY
from tests.fakes.world import World, a_world

ONE = RequestId(1)
TTL = timedelta(days=3)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with a_world() as world:
        yield world


async def card(world: World) -> bool:
    return await world.read(lambda tx: tx.message("WA-1:card")) is not None


async def turned_down(world: World) -> Code | None:
    """Why the bot itself denied the request; its card must never have been owed."""
    await world.prepare(ONE)
    request = await world.request()
    assert request.status is RequestStatus.DENIED
    assert request.ruling is not None
    assert request.ruling.by is None
    assert not await card(world)
    return request.ruling.code


# Storing


async def test_a_form_becomes_a_pending_request_that_is_prepared_and_expires(world: World) -> None:
    request = await world.ask()

    assert (request.label, request.status, request.decide_by) == (
        "WA-1",
        RequestStatus.PENDING,
        NOON + TTL,
    )
    due = await world.database.claim(at_most=10, lease_for=timedelta(seconds=10))
    assert sorted((work.kind, work.key) for work in due) == [
        (WorkKind.MESSAGE, "WA-1:copy"),
        (WorkKind.PREPARE, "1"),
    ]
    world.clock.set(NOON + TTL)
    later = await world.database.claim(at_most=10, lease_for=timedelta(seconds=10))
    assert WorkKind.DEADLINE in {work.kind for work in later}


async def test_a_form_never_waits_for_the_database_longer_than_its_sender_does(world: World) -> None:
    begun, free = Event(), Event()

    def hold(_: Tx) -> None:
        begun.set()
        free.wait(10)

    busy = asyncio.create_task(world.database.run(hold))
    await asyncio.to_thread(begun.wait)

    try:
        with pytest.raises(Unavailable):
            async with asyncio.timeout(3):
                await world.ask()
    finally:
        free.set()
        await busy

    with pytest.raises(NotFound):
        await world.request()


async def test_a_form_that_is_sent_twice_is_one_request(world: World) -> None:
    first, second = await asyncio.gather(world.ask(), world.ask())

    assert first.id == second.id
    assert await world.history() == ["request.pending"]


async def test_what_is_not_on_offer_is_not_stored(world: World) -> None:
    with pytest.raises(Refusal):
        await world.ask(an_ask(reason=" "))

    assert await world.read(lambda tx: tx.pending_requests(at_most=10)) == []


# Preparing


async def test_the_card_is_owed_once_the_facts_are_known(world: World) -> None:
    await world.ask()
    assert not await card(world)

    await world.prepare(ONE)

    request = await world.request()
    assert request.identity == ALICE_IDENTITY.user_id
    assert request.facts is not None
    assert request.facts.checked_at == NOON
    assert [finding.works for finding in request.facts.findings] == [Answer.YES]
    assert request.facts.approvals_needed == 1
    assert request.facts.approver_groups == (ADMINS,)
    message = await world.message("WA-1:card")
    assert message.channel == CHANNEL


async def test_the_requesters_profile_is_read_after_the_form_was_sent(world: World) -> None:
    await world.ask()
    world.people.asked.clear()

    await world.prepare(ONE)

    assert (ALICE, NOON) in world.people.asked


async def test_preparing_twice_changes_nothing(world: World) -> None:
    await world.ask()
    await world.prepare(ONE)
    before = await world.request()

    await world.prepare(ONE)

    assert await world.request() == before
    assert await world.history() == ["request.pending", "request.prepared"]


@pytest.mark.parametrize("broken", ["permission_set", "find_user", "home"])
async def test_an_aws_that_does_not_answer_leaves_the_request_for_later(world: World, broken: str) -> None:
    await world.ask()
    world.aws.errors[broken] = Unavailable(Code.AWS_UNAVAILABLE)
    with pytest.raises(Unavailable):
        await world.prepare(ONE)
    assert (await world.request()).is_pending
    world.aws.errors.clear()

    await world.prepare(ONE)

    assert await card(world)


@pytest.mark.parametrize("broken", ["read_policy", "assignees", "groups_of", "provisioned_accounts"])
async def test_what_aws_does_not_tell_now_is_unknown_on_the_card(world: World, broken: str) -> None:
    world.aws.assigned[PROD] = Assignees(users=frozenset(), groups=frozenset({"g-1"}))  # type: ignore[arg-type]
    world.aws.groups["g-1"] = frozenset({ALICE_IDENTITY.user_id})  # type: ignore[index]
    await world.ask()
    world.aws.errors[broken] = Unavailable(Code.AWS_UNAVAILABLE)

    await world.prepare(ONE)

    request = await world.request()
    assert request.facts is not None
    assert [finding.works for finding in request.facts.findings] == [Answer.UNKNOWN]


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"email_confirmed": False}, Code.EMAIL_UNCONFIRMED),
        ({"email": None}, Code.EMAIL_MISSING),
        ({"is_guest": True}, Code.GUEST),
        ({"email": "somebody@example.com"}, Code.NOT_IN_IDENTITY_CENTER),
    ],
)
async def test_who_cannot_be_told_apart_is_told_so_and_nobody_is_asked(
    world: World, fields: dict[str, object], code: Code
) -> None:
    world.people.persons[ALICE] = a_person(ALICE, **fields)
    await world.ask()

    assert await turned_down(world) is code


async def test_what_nobody_could_approve_is_turned_down(world: World) -> None:
    world.people.groups[ADMINS] = frozenset({ALICE})
    await world.ask()

    assert await turned_down(world) is Code.NOBODY_CAN_APPROVE


async def test_an_account_without_assignment_is_turned_down(world: World) -> None:
    world.aws.assigned[PROD] = Assignees(users=frozenset(), groups=frozenset())
    await world.ask()

    assert await turned_down(world) is Code.NOT_ASSIGNED


async def test_an_account_without_the_set_is_turned_down(world: World) -> None:
    await world.ask(an_ask(targets=[a_target(TEST)]))

    assert await turned_down(world) is Code.NOT_PROVISIONED


async def test_what_others_deny_is_turned_down(world: World) -> None:
    world.aws.policy = a_policy(
        foreign=[a_foreign("No", Effect="Deny", Action="sts:AssumeRole", Resource="*")]
    )
    await world.ask()

    assert await turned_down(world) is Code.EXPLICIT_DENY


async def test_a_policy_without_room_is_turned_down(world: World) -> None:
    world.aws.policy = a_policy(foreign=[a_foreign(Resource=["arn:aws:s3:::" + "x" * 10_120])])
    await world.ask()

    assert await turned_down(world) is Code.NO_ROOM


async def test_an_altered_statement_is_turned_down(world: World) -> None:
    world.aws.policy = a_policy([a_grant()]).replace("BuilderRole", "OtherRole")
    await world.ask()

    assert await turned_down(world) is Code.MANAGED_STATEMENT_ALTERED


async def test_a_missing_permission_set_is_turned_down(world: World) -> None:
    world.aws.sets.clear()
    await world.ask()

    assert await turned_down(world) is Code.PERMISSION_SET_MISSING


async def test_a_delegated_administrator_cannot_change_a_set_of_the_management_account(world: World) -> None:
    world.aws.delegated = True
    world.aws.provision_everywhere((await world.aws.home()).management_account)
    await world.ask()

    assert await turned_down(world) is Code.MANAGEMENT_ACCOUNT


async def test_what_is_written_and_has_not_arrived_is_not_called_allowed_already(world: World) -> None:
    world.aws.provision_everywhere(PROD)
    world.aws.policy = a_policy(foreign=[a_foreign(Action="sts:AssumeRole", Resource="*")])
    await world.ask()

    await world.prepare(ONE)

    facts = (await world.request()).facts
    assert facts is not None
    assert [(each.works, each.already_allowed) for each in facts.findings] == [(Answer.YES, False)]


async def test_what_is_allowed_already_is_said_on_the_card(world: World) -> None:
    world.aws.policy = a_policy(foreign=[a_foreign(Action="sts:AssumeRole", Resource="*")])
    world.aws.provision_everywhere(PROD)
    await world.ask()

    await world.prepare(ONE)

    facts = (await world.request()).facts
    assert facts is not None
    assert [(each.works, each.already_allowed) for each in facts.findings] == [(Answer.YES, True)]
    assert facts.diff == ""


async def test_the_card_says_who_else_gets_it_and_which_approver_benefits(world: World) -> None:
    world.aws.users["bob@example.com"] = type(ALICE_IDENTITY)(user_id="u-bob", user_name="bob")  # type: ignore[arg-type]
    users = frozenset({ALICE_IDENTITY.user_id, "u-bob"})
    world.aws.assigned[PROD] = Assignees(users=users, groups=frozenset())  # type: ignore[arg-type]
    await world.ask()

    await world.prepare(ONE)

    facts = (await world.request()).facts
    assert facts is not None
    assert facts.holders is not None
    assert (facts.holders.people, facts.holders.counted_all) == (2, True)
    assert facts.benefiting_approvers == (BOB,)


async def test_on_an_only_me_request_no_approver_benefits(world: World) -> None:
    world.aws.users["bob@example.com"] = ALICE_IDENTITY
    await world.ask(an_ask(scope=Scope.ONLY_ME))

    await world.prepare(ONE)

    facts = (await world.request()).facts
    assert facts is not None
    assert facts.benefiting_approvers == ()


async def test_a_request_that_was_cancelled_meanwhile_gets_no_card(world: World) -> None:
    await world.ask()

    async def cancel(name: str) -> None:
        if name == "home":
            world.aws.before = None
            click = await world.click(ClickKind.CANCEL, by=ALICE)
            await world.handle_click(click.id)

    world.aws.before = cancel
    await world.prepare(ONE)

    assert (await world.request()).status is RequestStatus.CANCELLED
    assert not await card(world)


# Expiring


async def test_an_undecided_request_expires_on_time(world: World) -> None:
    await world.ask()
    await world.work(until=NOON + TTL)

    request = await world.request()
    assert request.status is RequestStatus.EXPIRED
    assert request.ruling is not None
    assert (request.ruling.by, request.ruling.at) == (None, NOON + TTL)
    (shown,) = world.slack.messages("WA-1:card")
    assert shown.story is not None
    assert shown.story.request.status is RequestStatus.EXPIRED


async def test_a_request_is_not_expired_before_its_time(world: World) -> None:
    await world.ask()

    await world.expire(ONE)

    assert (await world.request()).is_pending


async def test_what_was_decided_does_not_expire(world: World) -> None:
    await world.granted()
    world.clock.set(NOON + TTL)

    await world.expire(ONE)

    assert (await world.request()).status is RequestStatus.APPROVED
