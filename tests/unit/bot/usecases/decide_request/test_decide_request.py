"""What a stored click meant: decided once, answered once."""

import asyncio
from datetime import timedelta

import pytest

from bot.domain.errors import Code, Conflict, Unavailable
from bot.domain.messages import ClickKind
from bot.domain.names import SlackUserId
from bot.domain.request import RequestId, RequestStatus, Scope
from bot.usecases.decide_request import TellIncident
from tests.builders import (
    ADMINS,
    ALICE,
    BOB,
    BUILDER,
    CAROL,
    DAN,
    OTHER_SET,
    PROD,
    READER,
    WEEK,
    a_person,
    an_ask,
    set_rules,
    some_rules,
)
from tests.fakes.clock import NOON
from tests.fakes.crashes import breaking
from tests.fakes.identity_center import ALICE_IDENTITY
from tests.fakes.world import World, a_world
from tests.unit.bot.usecases.decide_request.clicks import BOTH_ROLES, answers, press


async def test_an_approval_opens_one_grant_per_account_and_role(world: World) -> None:
    await press(world, BOB)

    request = await world.request()
    assert request.status is RequestStatus.APPROVED
    assert request.ruling is not None
    assert (request.ruling.by, request.ruling.at) == (BOB, NOON)
    grants = await world.grants()
    assert [grant.target for grant in grants] == list(BOTH_ROLES)
    assert {grant.role_arn for grant in grants} == {
        f"arn:aws:iam::{PROD}:role/{READER}",
        f"arn:aws:iam::{PROD}:role/{BUILDER}",
    }
    assert {grant.ends_at for grant in grants} == {NOON + WEEK}
    assert {grant.person for grant in grants} == {None}
    assert await answers(world, BOB) == ["approved"]


async def test_only_me_opens_a_grant_for_the_requester_alone() -> None:
    async with a_world() as world:
        await world.ask(an_ask(scope=Scope.ONLY_ME, span=None))
        await world.prepare(RequestId(1))
        await press(world, BOB)

        grant = await world.grant()

    assert (grant.person, grant.ends_at) == (ALICE_IDENTITY.user_id, None)


async def test_the_group_is_read_after_the_click(world: World) -> None:
    world.people.asked.clear()

    await press(world, BOB)

    assert (ADMINS, NOON) in world.people.asked
    assert (BOB, NOON) in world.people.asked


async def test_whoever_is_no_approver_any_more_is_refused(world: World) -> None:
    world.people.groups[ADMINS] = frozenset({CAROL})

    await press(world, BOB)

    assert await answers(world, BOB) == [Code.NOT_AN_APPROVER.value]
    assert (await world.request()).is_pending


@pytest.mark.parametrize(
    ("by", "fields", "code"),
    [
        (ALICE, {}, Code.OWN_REQUEST),
        (DAN, {}, Code.NOT_AN_APPROVER),
        (BOB, {"is_guest": True}, Code.GUEST),
        (BOB, {"is_stranger": True}, Code.STRANGER),
        (BOB, {"is_bot": True}, Code.NOT_HUMAN),
        (BOB, {"is_deactivated": True}, Code.DEACTIVATED),
        (SlackUserId("U0NOBODY"), None, Code.STRANGER),
    ],
)
@pytest.mark.parametrize("kind", [ClickKind.APPROVE, ClickKind.DENY])
async def test_whoever_may_not_decide_is_told_why(
    world: World, by: SlackUserId, fields: dict[str, bool] | None, code: Code, kind: ClickKind
) -> None:
    if fields is not None:
        world.people.persons[by] = a_person(by, **fields)

    await press(world, by, kind, note="no")

    assert await answers(world, by) == [code.value]
    assert (await world.request()).is_pending
    assert await world.grants() == ()


async def test_an_approver_whose_e_mail_is_not_confirmed_is_refused(world: World) -> None:
    """product.md: "A person whose e-mail is not confirmed, guest, stranger, bot: refused." """
    world.people.persons[BOB] = a_person(BOB, email_confirmed=False)

    await press(world, BOB)

    assert await answers(world, BOB) == [Code.EMAIL_UNCONFIRMED.value]
    assert (await world.request()).is_pending


async def test_the_second_approver_is_told_who_was_first(world: World) -> None:
    await press(world, BOB)
    await press(world, CAROL, ClickKind.DENY, note="no")

    message = await world.message("click:2:answer")
    assert message.answer is not None
    assert message.answer.code is Code.ALREADY_DECIDED
    assert dict(message.answer.facts) | {"by": BOB, "status": "approved"} == dict(message.answer.facts)
    assert len(await world.grants()) == 2


async def test_one_of_many_who_decide_at_once_wins_and_all_are_answered(world: World) -> None:
    clicks = [
        await world.click(kind, by=by, note="no")
        for by in (BOB, CAROL) * 3
        for kind in (ClickKind.APPROVE, ClickKind.DENY)
    ]

    await asyncio.gather(*(world.handle_click(click.id) for click in clicks))

    said = await answers(world, BOB) + await answers(world, CAROL)
    assert len(said) == len(clicks)
    assert said.count(Code.ALREADY_DECIDED.value) == len(clicks) - 1
    rulings = [event for event in await world.history() if event in {"request.approved", "request.denied"}]
    assert len(rulings) == 1


async def test_a_click_that_is_handled_again_changes_nothing(world: World) -> None:
    click = await world.click()
    await world.handle_click(click.id)
    before = await world.request()

    await world.handle_click(click.id)

    assert await world.request() == before
    assert len(await world.grants()) == 2
    assert await answers(world, BOB) == ["approved"]


async def test_a_click_that_two_workers_handle_at_once_is_answered_once(world: World) -> None:
    click = await world.click()

    await asyncio.gather(*(world.handle_click(click.id) for _ in range(3)))

    message = await world.message(f"click:{click.id}:answer")
    assert message.answer is not None
    assert (message.answer.said, message.wanted) == ("approved", 1)


async def test_a_decision_that_lost_the_write_is_made_again_on_the_new_truth(world: World) -> None:
    click = await world.click()

    with breaking(world, 3, Conflict(Code.ALREADY_DECIDED)) as breaker:
        await world.handle_click(click.id)

    assert breaker.count > 3
    assert (await world.request()).status is RequestStatus.APPROVED


async def test_a_slack_that_does_not_answer_leaves_the_click_for_later(world: World) -> None:
    click = await world.click()
    world.people.error = Unavailable(Code.SLACK_UNAVAILABLE)
    with pytest.raises(Unavailable):
        await world.handle_click(click.id)
    assert (await world.request()).is_pending
    world.people.error = None

    await world.handle_click(click.id)

    assert (await world.request()).status is RequestStatus.APPROVED


async def test_whoever_waits_noticeably_long_is_told_so_once(world: World) -> None:
    click = await world.click()
    world.people.error = Unavailable(Code.SLACK_UNAVAILABLE)
    for _ in range(4):
        with pytest.raises(Unavailable):
            await world.handle_click(click.id)
        world.clock.advance(timedelta(seconds=2.5))
    await world.work(until=world.clock.now())

    assert world.told(BOB) == ["still_working"]


async def test_nobody_is_told_to_wait_for_what_takes_no_time(world: World) -> None:
    click = await world.click()
    world.people.error = Unavailable(Code.SLACK_UNAVAILABLE)
    with pytest.raises(Unavailable):
        await world.handle_click(click.id)

    assert await world.read(lambda tx: tx.message(f"click:{click.id}:waiting")) is None


async def test_a_click_that_ran_into_a_bug_is_answered_once_and_kept(world: World) -> None:
    click = await world.click()
    tell = TellIncident(store=world.store)

    await tell(click.id, "c0ffee")
    await tell(click.id, "decaf")

    message = await world.message(f"click:{click.id}:incident")
    assert message.answer is not None
    assert (message.answer.code, dict(message.answer.facts)) == (Code.INCIDENT, {"incident": "c0ffee"})
    assert (await world.read(lambda tx: tx.click(click.id))).done_at is None


async def test_a_click_counts_from_when_it_was_made(world: World) -> None:
    click = await world.click()
    world.clock.advance(timedelta(days=4))

    await world.handle_click(click.id)

    assert (await world.request()).status is RequestStatus.APPROVED


async def test_a_click_after_the_time_to_decide_is_refused(world: World) -> None:
    world.clock.advance(timedelta(days=3))

    await press(world, BOB)

    assert await answers(world, BOB) == [Code.EXPIRED.value]


async def test_a_click_on_a_request_that_does_not_exist_is_answered(world: World) -> None:
    await world.click(by=BOB, request=99)

    await world.work()

    assert world.told(BOB) == [Code.NOT_FOUND.value]


async def test_a_set_that_is_not_offered_any_more_cannot_be_approved(world: World) -> None:
    world.rules = some_rules(set_rules(name=OTHER_SET))

    await press(world, BOB)

    assert await answers(world, BOB) == [Code.SET_NOT_OFFERED.value]
