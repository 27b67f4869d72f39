"""Every screen against Slack's limits and against hostile text, with ordinary and with the strangest data."""

from typing import Any

import pytest

from bot.domain.grant import GrantStatus
from bot.domain.messages import Story
from bot.domain.request import RequestStatus, Scope
from handlers.views.approval_card import card, copy
from handlers.views.details import details
from handlers.views.outcome import results, results_copy
from handlers.views.progress import progress
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
SCREENS = [card, copy, progress, results, results_copy]


@pytest.mark.parametrize("draw", SCREENS)
def test_every_message_keeps_slacks_limits(draw: Any) -> None:
    for story in ORDINARY:
        assert_sound(draw(story, support=SUPPORT))


@pytest.mark.parametrize("draw", SCREENS)
def test_the_longest_and_strangest_data_breaks_no_message(draw: Any) -> None:
    for story in EXTREME:
        assert_sound(draw(story, support="<!channel> & #help" * 20))


@pytest.mark.parametrize("stories", [ORDINARY, EXTREME])
def test_details_hold_everything_within_a_modal(stories: list[Story]) -> None:
    for story in stories:
        assert_sound(details(story, support=SUPPORT), "modal")
