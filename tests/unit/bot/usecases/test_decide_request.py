"""What a stored click meant: decided once, answered once."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from bot.domain.errors import Code, Conflict, Refusal, Unavailable
from bot.domain.grant import EndCause, GrantStatus
from bot.domain.messages import ClickKind
from bot.domain.names import PermissionSetName, SlackUserId
from bot.domain.request import RequestId, RequestStatus, Scope
from bot.domain.rules import Rules
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
    a_rule,
    a_target,
    an_ask,
    set_rules,
    some_rules,
)
from tests.fakes.clock import NOON
from tests.fakes.crashes import breaking
from tests.fakes.identity_center import ALICE_IDENTITY
from tests.fakes.world import World, a_world

TWO = some_rules(set_rules(a_rule(approvals=2)))
BOTH_ROLES = (a_target(PROD, READER), a_target(PROD, BUILDER))


@pytest.fixture
def rules(request: pytest.FixtureRequest) -> Rules:
    return getattr(request, "param", some_rules())


@pytest.fixture
async def world(rules: Rules) -> AsyncIterator[World]:
    """A prepared request of Alice's, WA-1, whose card hangs in the channel."""
    async with a_world(rules=rules) as world:
        await world.ask(an_ask(targets=BOTH_ROLES))
        await world.prepare(RequestId(1))
        yield world


async def press(
    world: World, by: SlackUserId, kind: ClickKind = ClickKind.APPROVE, *, request: int = 1, note: str = ""
) -> None:
    click = await world.click(kind, by=by, request=request, note=note)
    await world.handle_click(click.id)


async def answers(world: World, by: SlackUserId) -> list[str]:
    """What was owed to one person, in order; read from the store, Slack has not been told yet."""
    found = []
    for number in range(1, 20):
        message = await world.read(lambda tx, key=f"click:{number}:answer": tx.message(key))  # type: ignore[misc]
        if message is not None and message.to == by and message.answer is not None:
            found.append(message.answer.code.value if message.answer.code else message.answer.said)
    return found


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


# Several approvals


@pytest.mark.parametrize("rules", [TWO], indirect=True)
async def test_one_of_two_approvals_is_counted_and_waits(world: World) -> None:
    await press(world, BOB)

    message = await world.message("click:1:answer")
    assert message.answer is not None
    assert message.answer.said == "approval_counted"
    assert dict(message.answer.facts) == {"label": "WA-1", "have": 1, "need": 2}
    assert (await world.request()).is_pending


@pytest.mark.parametrize("rules", [TWO], indirect=True)
async def test_the_second_approval_decides(world: World) -> None:
    await press(world, BOB)
    await press(world, CAROL)

    assert (await world.request()).status is RequestStatus.APPROVED
    assert await world.history() == [
        "request.pending",
        "request.prepared",
        "request.approval",
        "request.approved",
    ]


@pytest.mark.parametrize("rules", [TWO], indirect=True)
async def test_the_same_person_counts_once(world: World) -> None:
    await press(world, BOB)
    await press(world, BOB)

    assert await answers(world, BOB) == ["approval_counted", Code.ALREADY_APPROVED_BY_YOU.value]
    assert (await world.request()).is_pending


@pytest.mark.parametrize("rules", [TWO], indirect=True)
async def test_a_yes_of_somebody_who_is_no_approver_any_more_does_not_count(world: World) -> None:
    await press(world, BOB)
    world.people.groups[ADMINS] = frozenset({CAROL, DAN})

    await press(world, CAROL)

    assert (await world.request()).is_pending


@pytest.mark.parametrize("rules", [TWO], indirect=True)
async def test_two_approvals_at_once_are_both_counted(world: World) -> None:
    clicks = [await world.click(by=by) for by in (BOB, CAROL)]

    await asyncio.gather(*(world.handle_click(click.id) for click in clicks))

    assert (await world.request()).status is RequestStatus.APPROVED
    assert sorted(await answers(world, BOB) + await answers(world, CAROL)) == ["approval_counted", "approved"]


# Deny, cancel, retry, end


async def test_a_denial_keeps_the_approvers_words(world: World) -> None:
    await press(world, BOB, ClickKind.DENY, note="Ask <!channel> again & later")

    request = await world.request()
    assert request.ruling is not None
    assert (request.status, request.ruling.note) == (RequestStatus.DENIED, "Ask <!channel> again & later")
    assert await world.grants() == ()


async def test_the_requester_may_cancel_until_somebody_decided(world: World) -> None:
    await press(world, ALICE, ClickKind.CANCEL)
    await press(world, BOB)

    assert (await world.request()).status is RequestStatus.CANCELLED
    assert await answers(world, ALICE) == ["cancelled"]
    assert await answers(world, BOB) == [Code.ALREADY_DECIDED.value]


async def test_nobody_else_may_cancel(world: World) -> None:
    await press(world, BOB, ClickKind.CANCEL)

    assert await answers(world, BOB) == [Code.NOT_YOURS.value]
    assert (await world.request()).is_pending


async def test_what_was_decided_cannot_be_cancelled(world: World) -> None:
    await press(world, BOB)
    await press(world, ALICE, ClickKind.CANCEL)

    assert await answers(world, ALICE) == [Code.ALREADY_DECIDED.value]


async def test_a_retry_takes_up_what_failed_and_nothing_else(world: World) -> None:
    world.aws.failing[PROD] = "SCP says no"
    await press(world, BOB)
    await world.work()
    assert await world.statuses() == {GrantStatus.FAILED}
    world.aws.failing.clear()

    await press(world, CAROL, ClickKind.RETRY)
    await world.work()

    assert await world.statuses() == {GrantStatus.ACTIVE}
    assert world.told(CAROL) == ["retrying"]


@pytest.mark.parametrize(
    ("by", "code"), [(BOB, Code.NOTHING_TO_RETRY), (ALICE, Code.NOT_AN_APPROVER), (DAN, Code.NOT_AN_APPROVER)]
)
async def test_a_retry_without_right_or_reason_is_refused(world: World, by: SlackUserId, code: Code) -> None:
    await press(world, BOB)
    await world.work()

    await press(world, by, ClickKind.RETRY)

    assert (await answers(world, by))[-1] == code.value


@pytest.mark.parametrize(("by", "cause"), [(ALICE, EndCause.RELEASED), (CAROL, EndCause.REVOKED)])
async def test_access_is_given_back_or_taken_away(world: World, by: SlackUserId, cause: EndCause) -> None:
    await press(world, BOB)
    await world.work()

    await press(world, by, ClickKind.END, note="done")
    await world.work()

    assert await world.statuses() == {GrantStatus.ENDED}
    assert {grant.end_cause for grant in await world.grants()} == {cause}
    assert world.aws.policy == ""
    assert world.aws.held_in(PROD) == ""


async def test_an_approver_who_takes_access_away_says_why(world: World) -> None:
    await press(world, BOB)

    await press(world, CAROL, ClickKind.END)

    assert await answers(world, CAROL) == [Code.REASON_MISSING.value]
    assert await world.statuses() == {GrantStatus.PROVISIONING}


async def test_somebody_else_cannot_end_access(world: World) -> None:
    await press(world, BOB)
    await world.work()

    await press(world, DAN, ClickKind.END)

    assert await answers(world, DAN) == [Code.NOT_AN_APPROVER.value]
    assert await world.statuses() == {GrantStatus.ACTIVE}


async def test_what_is_not_there_cannot_be_ended(world: World) -> None:
    await press(world, ALICE, ClickKind.END)

    assert await answers(world, ALICE) == [Code.NOT_ACTIVE.value]


async def test_the_requester_may_give_back_what_is_not_offered_any_more(world: World) -> None:
    await press(world, BOB)
    await world.work()
    world.rules = some_rules(set_rules(name=PermissionSetName("Other")))

    await press(world, ALICE, ClickKind.END)

    assert await world.statuses() == {GrantStatus.ENDING}


# Preview


async def test_a_preview_says_beforehand_who_may_not_decide(world: World) -> None:
    await world.handle_click.preview(RequestId(1), BOB)

    with pytest.raises(Refusal) as caught:
        await world.handle_click.preview(RequestId(1), DAN)
    assert caught.value.code is Code.NOT_AN_APPROVER
