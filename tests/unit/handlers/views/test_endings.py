"""Giving back, taking away, reminders, what has ended and what still allows the same."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.domain.errors import Code
from bot.domain.grant import EndCause, Failure, GrantStatus
from bot.domain.names import ChannelId
from bot.domain.request import RequestStatus
from handlers.views.approval_card import card, copy
from handlers.views.ended import ended, ended_copy
from handlers.views.parts import Message
from handlers.views.progress import progress
from tests.unit.handlers.views.judge import assert_sound, readable
from tests.unit.handlers.views.stories import (
    NOW,
    SUPPORT,
    a_request,
    a_still,
    a_story,
    already_allowed,
    an_outcome,
    approved,
    ended_by,
    targets,
)

ONE, TWO, THREE, *_ = targets()
CHANNEL = ChannelId("C0APPROVALS")
LAST_HOUR = "at most one hour longer"


def actions(message: Message) -> list[str]:
    rows = [block["elements"] for block in message.blocks if block["type"] == "actions"]
    return [element["action_id"] for row in rows for element in row]


# What the card says meanwhile


def test_an_ending_card_does_not_speak_of_what_stays() -> None:
    text = readable(card(approved(GrantStatus.ACTIVE, GrantStatus.ENDING), support=SUPPORT))

    assert "🔄 *Ending*: of 4 roles, 2 are granted and 2 are ending." in text
    assert "counts as ended once AWS has confirmed it" in text


def test_a_failed_card_does_not_deny_what_was_there() -> None:
    text = readable(card(approved(GrantStatus.ENDED, GrantStatus.FAILED), support=SUPPORT))

    assert "of 4 roles, 2 have ended and 2 failed" in text
    assert "nothing was opened" not in text


def test_a_card_speaks_of_results_only_once_they_are_there() -> None:
    active = approved(GrantStatus.ACTIVE)
    later = tuple(replace(grant, settled_at=NOW + timedelta(minutes=5)) for grant in active.grants)

    for draw in (card, copy):
        assert "is being checked" in readable(draw(active, support=SUPPORT))
        assert "What was checked" in readable(draw(an_outcome(active), support=SUPPORT))
        stale = replace(an_outcome(active), grants=later)
        assert "is being checked" in readable(draw(stale, support=SUPPORT))


def test_a_stop_says_that_what_should_end_may_stay() -> None:
    stopped = Failure(code=Code.MANAGED_STATEMENT_ALTERED, reason="WorkbenchAccess0001")

    text = readable(card(replace(approved(GrantStatus.ENDING), stopped=stopped), support=SUPPORT))

    assert "Until then, access that is ending may still be there." in text
    assert "If the policy still holds its date unchanged, AWS itself ends it then." in text
    assert "goes on by itself" in text
    assert "no longer than its end" not in text  # whoever altered the statement may have taken its date out


def test_the_requester_reads_you_and_others_read_the_requester() -> None:
    story = ended_by(EndCause.RELEASED)

    assert "given back by you" in readable(copy(story, support=SUPPORT))
    assert "given back by the requester" in readable(card(story, support=SUPPORT))
    cancelled = a_story(a_request(RequestStatus.CANCELLED))
    assert "*Cancelled* by you" in readable(copy(cancelled, support=SUPPORT))
    assert "Cancelled by you." in copy(cancelled, support=SUPPORT).text


def test_progress_of_an_ending_is_called_an_ending() -> None:
    ending = progress(approved(GrantStatus.ENDING), support=SUPPORT)
    over = progress(approved(GrantStatus.ENDED), support=SUPPORT)
    known = progress(already_allowed(approved(GrantStatus.ACTIVE)), support=SUPPORT)

    assert "Ending access of *DataScientist*: 0 of 2 accounts finished" in readable(ending)
    assert "Ended access of *DataScientist*: 2 of 2 accounts finished" in readable(over)
    assert "Changed" not in readable(known)


# Ended


@pytest.mark.parametrize(
    ("cause", "thread", "own"),
    [
        (EndCause.EXPIRED, "its time is up", "its time is up"),
        (EndCause.REVOKED, "taken away by an approver", "taken away by an approver"),
        (EndCause.RELEASED, "given back by the requester", "given back by you"),
        (EndCause.WITHDRAWN, "withdrawn after a failure that nobody retried", "withdrawn after a failure"),
        (None, "no reason recorded", "no reason recorded"),
    ],
)
def test_ended_access_says_which_and_why(cause: EndCause | None, thread: str, own: str) -> None:
    for message, why in (
        (ended(ended_by(cause), support=SUPPORT), thread),
        (ended_copy(ended_by(cause), support=SUPPORT), own),
    ):
        assert why in message.text
        assert why in readable(message)
        assert "`Workbench-BuilderRole`, `Workbench-ReadOnlyRole`: ⏹️ Ended" in readable(message)
        assert LAST_HOUR in readable(message)
        assert_sound(message)


def test_a_dm_says_you_and_the_thread_names_the_requester() -> None:
    story = replace(ended_by(EndCause.EXPIRED), still=(a_still(ONE),))

    own, thread = ended_copy(story, support=SUPPORT), ended(story, support=SUPPORT)

    assert own.text.startswith(
        "WA-17: your access to 2 roles in each of 2 accounts with DataScientist has ended"
    )
    assert "You still have some of it through another request." in own.text
    assert "U0ALICE" not in own.text + readable(own)
    assert "<@U0ALICE> still has some of it" in thread.text
    assert "your" not in thread.text


def test_what_is_kept_is_named_with_its_request_and_end() -> None:
    story = replace(ended_by(EndCause.EXPIRED), still=(a_still(ONE), a_still(THREE, ends_at=None)))

    text = readable(ended_copy(story, support=SUPPORT))

    assert "You still have it through *WA-9*, until <!date^" in text
    assert "`Workbench-BuilderRole` in prod · 111111111111" in text
    assert "with no end: `Workbench-BuilderRole` in test · 222222222222" in text


def test_what_has_ended_meanwhile_is_not_called_kept() -> None:
    story = replace(ended_by(EndCause.EXPIRED), still=(a_still(ONE, ends_at=NOW),))

    message = ended(story, support=SUPPORT)

    assert "still has" not in message.text + readable(message)


def test_a_target_that_did_not_end_is_not_called_kept() -> None:
    story = replace(approved(GrantStatus.ENDED, GrantStatus.ACTIVE), still=(a_still(TWO),))

    assert "still has" not in readable(ended(story, support=SUPPORT))


def test_only_what_was_written_was_taken_out() -> None:
    story = already_allowed(ended_by(EndCause.REVOKED), ONE, TWO)

    text = readable(ended(story, support=SUPPORT))

    assert (
        "For 2 roles the policy holds nothing on behalf of WA-17 any more, and AWS has confirmed it." in text
    )
    assert "⚠️ *Maybe still allowed:* for 2 roles nothing had been written" in text
    assert "which this bot does not touch" in text
    assert "an SSO admin has to change that statement" in text


def test_nothing_is_said_to_be_confirmed_where_nothing_was_written() -> None:
    story = ended_by(EndCause.WITHDRAWN)
    unwritten = replace(story, grants=tuple(replace(grant, written=False) for grant in story.grants))

    message = ended(unwritten, support=SUPPORT)
    text = readable(message)

    assert "AWS has confirmed" not in text
    assert "For 4 roles nothing had been written, so there was nothing to take out." in text
    assert "Access ended" not in text
    assert "the failed change to" in message.text


def test_all_already_allowed_reads_as_maybe_still_allowed() -> None:
    message = ended_copy(already_allowed(ended_by(EndCause.EXPIRED)), support=SUPPORT)

    assert "Another statement of the policy may still allow some of it." in message.text
    assert "AWS has confirmed" not in readable(message)


def test_the_rest_of_a_request_is_told_where_only_a_part_ended() -> None:
    text = readable(ended(approved(GrantStatus.ENDED, GrantStatus.ACTIVE), support=SUPPORT))

    assert "*WA-17 as a whole:* of 4 roles, 2 are granted and 2 have ended." in text


@pytest.mark.parametrize("status", [each for each in GrantStatus if each is not GrantStatus.ENDED])
def test_nothing_is_called_ended_before_aws_has_confirmed(status: GrantStatus) -> None:
    for draw in (ended, ended_copy):
        message = draw(approved(status), support=SUPPORT)

        assert message.text == "Nothing of WA-17 has ended so far."
        assert "AWS has confirmed" not in readable(message)
