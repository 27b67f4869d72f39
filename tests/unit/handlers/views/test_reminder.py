"""Reminders before the end, and messages that were perhaps sent before."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bot.domain.grant import EndCause, GrantStatus
from bot.domain.messages import Story
from bot.domain.names import ChannelId
from bot.domain.request import RequestStatus
from handlers import ids
from handlers.views.end_form import end_form
from handlers.views.ended import ended, ended_copy
from handlers.views.parts import REPEATED, Message, repeated
from handlers.views.reminder import reminder
from tests.unit.handlers.views.judge import assert_sound, readable
from tests.unit.handlers.views.stories import (
    ENDS,
    HOSTILE,
    NOW,
    SUPPORT,
    a_request,
    a_still,
    a_story,
    already_allowed,
    approved,
    ended_by,
    grants,
    some_facts,
    targets,
)

ONE, _, _, FOUR = targets()
CHANNEL = ChannelId("C0APPROVALS")


def form(story: Story, *, by_requester: bool) -> dict[str, Any]:
    return end_form(story, by_requester=by_requester, channel=CHANNEL)


def actions(message: Message) -> list[str]:
    rows = [block["elements"] for block in message.blocks if block["type"] == "actions"]
    return [element["action_id"] for row in rows for element in row]


@pytest.mark.parametrize(
    ("before", "words"),
    [
        (timedelta(days=1), "1 day"),
        (timedelta(hours=23, minutes=56), "1 day"),
        (timedelta(hours=1), "1 hour"),
        (timedelta(minutes=58), "1 hour"),
        (timedelta(minutes=41), "45 minutes"),
        (timedelta(minutes=4), "4 minutes"),
        (timedelta(seconds=5), "1 minute"),
    ],
)
def test_a_reminder_says_in_how_long_and_when(before: timedelta, words: str) -> None:
    message = reminder(replace(approved(GrantStatus.ACTIVE), at=ENDS - before), support=SUPPORT)

    assert f"with DataScientist ends in {words}, <!date^" in message.text
    assert f"⏰ *Ends in {words}*" in readable(message)
    assert_sound(message)


def test_a_reminder_offers_to_extend_and_to_give_back() -> None:
    message = reminder(approved(GrantStatus.ACTIVE), support=SUPPORT)

    assert actions(message) == [ids.ACTION_EXTEND, ids.ACTION_END]
    assert "*Extend* opens a new request, which needs approval" in readable(message)
    for block in message.blocks:
        if block["type"] == "actions":
            assert {element["value"] for element in block["elements"]} == {"17"}


def test_a_reminder_is_about_what_is_active_and_ends() -> None:
    text = readable(reminder(approved(GrantStatus.ACTIVE, GrantStatus.FAILED), support=SUPPORT))

    assert "Workbench-BuilderRole" in text
    assert "Workbench-ReadOnlyRole" not in text


def test_several_ends_are_not_one() -> None:
    story = approved(GrantStatus.ACTIVE)
    first, *rest = story.grants
    spread = (replace(first, ends_at=NOW + timedelta(hours=1)), *rest)

    message = reminder(replace(story, grants=spread), support=SUPPORT)

    assert "begins to end in 1 hour" in message.text
    assert "the first until" in readable(message)


@pytest.mark.parametrize(
    "story",
    [
        approved(GrantStatus.ENDED),
        replace(approved(GrantStatus.ACTIVE), at=ENDS),
        a_story(a_request(RequestStatus.APPROVED, span=None), GrantStatus.ACTIVE),
    ],
)
def test_a_late_reminder_announces_nothing(story: Story) -> None:
    message = reminder(story, support=SUPPORT)

    assert message.text.startswith("Nothing of WA-17 is about to end")
    assert actions(message) == []


def test_a_reminder_does_not_promise_the_end_of_what_others_allow() -> None:
    text = readable(reminder(already_allowed(approved(GrantStatus.ACTIVE), ONE), support=SUPPORT))

    assert "For 1 of 4 roles nothing was written" in text
    assert "may go on allowing it" in text


# Repetitions


def test_a_repetition_says_so_first_and_keeps_the_message() -> None:
    first = ended(ended_by(EndCause.EXPIRED), support=SUPPORT)

    again = repeated(first)

    assert again.text == f"{REPEATED} {first.text}"
    assert again.blocks[0]["type"] == "context"
    assert again.blocks[0]["elements"][0]["text"] == (
        "↻ Possibly a repetition: Slack did not confirm whether this message was posted before."
    )
    assert again.blocks[1:] == first.blocks
    assert_sound(again)


def test_hostile_names_stay_text_in_every_ending() -> None:
    facts = replace(some_facts(), account_names=tuple((each.account, HOSTILE) for each in targets()))
    request = a_request(RequestStatus.APPROVED, facts=facts, reason=HOSTILE)
    story = replace(a_story(request, GrantStatus.ENDED), still=(a_still(ONE), a_still(FOUR)))
    active = replace(story, grants=grants(request, GrantStatus.ACTIVE))

    for draw in (ended, ended_copy, reminder):
        assert_sound(draw(story, support=HOSTILE))
        assert_sound(draw(active, support=HOSTILE))
    assert_sound(form(active, by_requester=True), "modal")
