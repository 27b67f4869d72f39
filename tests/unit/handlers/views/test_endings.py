"""Giving back, taking away, reminders, what has ended and what still allows the same."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bot.domain.errors import Code
from bot.domain.grant import EndCause, Failure, GrantStatus
from bot.domain.messages import Story
from bot.domain.names import ChannelId
from bot.domain.precheck import Holders
from bot.domain.request import REASON_LIMIT, RequestStatus, Scope
from handlers import ids
from handlers.views.approval_card import card, copy
from handlers.views.end_form import end_form
from handlers.views.ended import ended, ended_copy
from handlers.views.outcome import results, results_copy
from handlers.views.parts import REPEATED, Message, repeated
from handlers.views.progress import progress
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
    an_outcome,
    approved,
    ended_by,
    grants,
    some_facts,
    targets,
    verified,
)

ONE, TWO, THREE, FOUR = targets()
CHANNEL = ChannelId("C0APPROVALS")
LAST_HOUR = "at most one hour longer"


def form(story: Story, *, by_requester: bool) -> dict[str, Any]:
    return end_form(story, by_requester=by_requester, channel=CHANNEL)


def inputs(view: dict[str, Any]) -> list[dict[str, Any]]:
    return [block for block in view["blocks"] if block["type"] == "input"]


def actions(message: Message) -> list[str]:
    rows = [block["elements"] for block in message.blocks if block["type"] == "actions"]
    return [element["action_id"] for row in rows for element in row]


def only_me(*statuses: GrantStatus) -> Story:
    return a_story(a_request(RequestStatus.APPROVED, scope=Scope.ONLY_ME), *statuses)


# The form


def test_the_requester_is_asked_once_and_for_no_reason() -> None:
    view = form(approved(GrantStatus.ACTIVE), by_requester=True)

    assert view["callback_id"] == ids.VIEW_END
    assert json.loads(view["private_metadata"]) == {"request": 17, "channel": "C0APPROVALS"}
    assert view["submit"]["text"] == "Give it back"
    assert inputs(view) == []
    assert "Do you want to give back what *WA-17* opened?" in readable(view)
    assert LAST_HOUR in readable(view)


def test_an_approver_has_to_say_why() -> None:
    view = form(approved(GrantStatus.ACTIVE), by_requester=False)
    (reason,) = inputs(view)

    assert view["callback_id"] == ids.VIEW_END
    assert view["submit"]["text"] == "Take it away"
    assert reason["block_id"] == ids.BLOCK_REASON
    assert reason["element"]["action_id"] == ids.ACTION_REASON
    assert reason["element"]["max_length"] == REASON_LIMIT
    assert not reason.get("optional")
    assert "asked for by <@U0ALICE>" in readable(view)
    assert LAST_HOUR in readable(view)


def test_access_for_everyone_says_from_whom_it_is_taken() -> None:
    own = readable(form(approved(GrantStatus.ACTIVE), by_requester=True))
    others = readable(form(approved(GrantStatus.ACTIVE), by_requester=False))

    assert "not only you" in own
    assert "all of them lose it too: 37 people in 2 groups hold this set in these accounts" in own
    assert "not only <@U0ALICE>" in others


def test_how_many_lose_it_is_never_guessed() -> None:
    unknown = approved(GrantStatus.ACTIVE)
    facts = replace(some_facts(), holders=None)
    unknown = replace(unknown, request=replace(unknown.request, facts=facts))
    many = Holders(people=500, groups=1, counted_all=False)
    counted = replace(unknown, request=replace(unknown.request, facts=replace(facts, holders=many)))

    assert "how many people that are is not known" in readable(form(unknown, by_requester=True))
    assert "at least 500 people" in readable(form(counted, by_requester=True))


def test_access_for_one_is_taken_from_one() -> None:
    assert "only you; nobody else" in readable(form(only_me(GrantStatus.ACTIVE), by_requester=True))
    assert "only <@U0ALICE>; nobody" in readable(form(only_me(GrantStatus.ACTIVE), by_requester=False))


def test_the_form_says_what_is_kept_through_other_requests() -> None:
    story = replace(approved(GrantStatus.ACTIVE), still=(a_still(ONE), a_still(TWO, ends_at=None)))

    text = readable(form(story, by_requester=True))

    assert "You still have it through *WA-9*, until <!date^" in text
    assert "You still have it through *WA-9*, with no end" in text
    assert "What other requests allow stays as it is." in text


def test_nothing_is_said_to_be_lost_where_aws_allowed_it_all_along() -> None:
    text = readable(form(already_allowed(approved(GrantStatus.ACTIVE)), by_requester=True))

    assert "perhaps nobody" in text
    assert "37 people" not in text
    assert "For 4 of 4 roles nothing was written" in text


def test_only_what_can_end_stands_in_the_form() -> None:
    text = readable(form(approved(GrantStatus.ACTIVE, GrantStatus.ENDED), by_requester=True))

    assert "Workbench-BuilderRole" in text
    assert "Workbench-ReadOnlyRole" not in text


def test_what_is_still_being_provisioned_is_called_off() -> None:
    text = readable(form(approved(GrantStatus.PROVISIONING), by_requester=False))

    assert "4 roles are still being provisioned; that is called off." in text


@pytest.mark.parametrize("by_requester", [True, False])
@pytest.mark.parametrize(
    ("story", "words"),
    [
        (a_story(), "nobody has decided *WA-17* yet"),
        (a_story(a_request(RequestStatus.DENIED)), "has opened no access"),
        (approved(GrantStatus.ENDING), "is being ended already"),
        (approved(GrantStatus.ENDED), "has ended already"),
        (approved(GrantStatus.FAILED), "nothing stands in the policy that could be taken away"),
    ],
)
def test_a_form_with_nothing_to_end_says_why_and_sends_nothing(
    story: Story, words: str, by_requester: bool
) -> None:
    view = form(story, by_requester=by_requester)

    assert view["callback_id"] == ids.VIEW_NOTE
    assert "submit" not in view
    assert words in readable(view)
    assert_sound(view, "modal")


# Buttons


def test_the_results_of_the_requester_carry_im_done_while_something_can_end() -> None:
    story = an_outcome(approved(GrantStatus.ACTIVE), [verified(ONE)])

    (button,) = [
        element
        for block in results_copy(story, support=SUPPORT).blocks
        if block["type"] == "actions"
        for element in block["elements"]
    ]

    assert button["text"]["text"] == "I'm done"
    assert (button["action_id"], button["value"]) == (ids.ACTION_END, "17")
    assert "WA-17" in button["accessibility_label"]
    assert actions(results(story, support=SUPPORT)) == []
    for status in (GrantStatus.ENDING, GrantStatus.ENDED, GrantStatus.FAILED):
        assert actions(results_copy(an_outcome(approved(status)), support=SUPPORT)) == []


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        ((GrantStatus.ACTIVE,), [ids.ACTION_END, ids.ACTION_DETAILS]),
        (
            (GrantStatus.ACTIVE, GrantStatus.FAILED),
            [ids.ACTION_RETRY, ids.ACTION_END, ids.ACTION_DETAILS],
        ),
        ((GrantStatus.FAILED,), [ids.ACTION_RETRY, ids.ACTION_DETAILS]),
        ((GrantStatus.ACTIVE, GrantStatus.ENDING), [ids.ACTION_END, ids.ACTION_DETAILS]),
        ((GrantStatus.ENDING,), [ids.ACTION_DETAILS]),
        ((GrantStatus.ENDED,), [ids.ACTION_DETAILS]),
    ],
)
def test_a_card_offers_undo_while_something_can_end(
    statuses: tuple[GrantStatus, ...], expected: list[str]
) -> None:
    assert actions(card(approved(*statuses), support=SUPPORT)) == expected
    assert ids.ACTION_END not in actions(copy(approved(*statuses), support=SUPPORT))


def test_a_failure_that_the_policy_may_hold_can_be_undone() -> None:
    story = approved(GrantStatus.FAILED)
    written = replace(story, grants=tuple(replace(grant, written=True) for grant in story.grants))

    message = card(written, support=SUPPORT)

    assert actions(message) == [ids.ACTION_RETRY, ids.ACTION_END, ids.ACTION_DETAILS]
    assert "though the policy may hold it already" in readable(message)
    assert "Nothing of what failed was written" in readable(card(story, support=SUPPORT))


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

    assert "Access that is ending may stay in the policy until then, though no longer than its end." in text


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


# Reminders


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
