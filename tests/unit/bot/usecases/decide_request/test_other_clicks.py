"""Deny, cancel, retry, end and preview: who may press them, and what comes of it."""

import pytest

from bot.domain.errors import Code, Refusal
from bot.domain.grant import EndCause, GrantStatus
from bot.domain.messages import ClickKind
from bot.domain.names import PermissionSetName, SlackUserId
from bot.domain.request import RequestId, RequestStatus
from tests.builders import ALICE, BOB, CAROL, DAN, PROD, set_rules, some_rules
from tests.fakes.world import World
from tests.unit.bot.usecases.decide_request.clicks import answers, press


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
