"""Every screen against Slack's limits and against hostile text, with ordinary and with the strangest data."""

from dataclasses import replace
from typing import Any

import pytest

from bot.domain.grant import GrantStatus
from bot.domain.messages import Story
from bot.domain.names import ChannelId
from bot.domain.request import RequestId, RequestStatus, Scope, Unreadable
from handlers.views.approval_card import card, copy
from handlers.views.details import details
from handlers.views.end_form import end_form
from handlers.views.ended import ended, ended_copy
from handlers.views.outcome import results, results_copy
from handlers.views.overview import one, overview
from handlers.views.parts import repeated
from handlers.views.progress import progress
from handlers.views.reminder import reminder
from tests.unit.handlers.views.judge import assert_sound
from tests.unit.handlers.views.stories import (
    SUPPORT,
    a_request,
    a_story,
    an_outcome,
    approved,
    extreme_stories,
    unprepared,
)

ORDINARY = [
    a_story(unprepared()),
    *(a_story(a_request(status)) for status in RequestStatus),
    a_story(a_request(scope=Scope.ONLY_ME, span=None)),
    *(an_outcome(approved(status)) for status in GrantStatus),
    an_outcome(approved(GrantStatus.ACTIVE, GrantStatus.FAILED, reason="AWS says no")),
]
EXTREME = list(extreme_stories())
SCREENS = [card, copy, progress, results, results_copy, ended, ended_copy, reminder, one]
LONG_SUPPORT = "<!channel> & #help" * 20


@pytest.mark.parametrize("draw", SCREENS)
def test_every_message_keeps_slacks_limits(draw: Any) -> None:
    for story in ORDINARY:
        assert_sound(draw(story, support=SUPPORT))


@pytest.mark.parametrize("draw", SCREENS)
def test_the_longest_and_strangest_data_breaks_no_message(draw: Any) -> None:
    for story in EXTREME:
        assert_sound(repeated(draw(story, support=LONG_SUPPORT)))


@pytest.mark.parametrize("stories", [ORDINARY, EXTREME])
def test_details_hold_everything_within_a_modal(stories: list[Story]) -> None:
    for story in stories:
        assert_sound(details(story, support=SUPPORT), "modal")


@pytest.mark.parametrize("by_requester", [True, False])
def test_the_form_that_ends_access_holds_everything_within_a_modal(by_requester: bool) -> None:
    for story in [*ORDINARY, *EXTREME]:
        assert_sound(end_form(story, by_requester=by_requester, channel=ChannelId("C0APPROVALS")), "modal")


@pytest.mark.parametrize("shown", [0, 1, 20, 60])
def test_the_overview_keeps_slacks_limits_however_much_there_is(shown: int) -> None:
    pending = [story for story in [*EXTREME, *ORDINARY] if story.request.is_pending]
    few = [replace(story, request=replace(story.request, facts=None)) for story in pending]

    for start in range(0, len(EXTREME), 7):
        mine = (EXTREME[start:] + EXTREME + ORDINARY)[:shown]
        assert_sound(repeated(overview(mine, [], support=LONG_SUPPORT)))
        assert_sound(repeated(overview(mine, (pending + few) * 9, support=LONG_SUPPORT)))
        assert_sound(repeated(overview([], (pending * 20)[:shown], support=LONG_SUPPORT)))
        lost = [Unreadable(id=RequestId(10**9 + each), incident="1a2b3c4d") for each in range(shown)]
        assert_sound(repeated(overview(mine, pending * 9, unreadable=lost, support=LONG_SUPPORT)))
