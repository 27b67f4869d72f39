"""Where two approvals are asked for, each counts once, and only as long as its giver may approve."""

import asyncio

import pytest

from bot.domain.errors import Code
from bot.domain.request import RequestStatus
from tests.builders import ADMINS, BOB, CAROL, DAN
from tests.fakes.world import World
from tests.unit.bot.usecases.decide_request.clicks import TWO, answers, press


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
