"""What `/workbench-access status` answers: everything that concerns the caller, or one request as a whole."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.domain.errors import Code
from bot.domain.grant import EndCause, Failure, GrantStatus
from bot.domain.messages import Story
from bot.domain.request import Approval, RequestId, RequestStatus, Unreadable
from handlers.views.overview import one, overview
from handlers.views.parts import Message
from tests.unit.handlers.views.judge import assert_sound, readable
from tests.unit.handlers.views.stories import (
    BOB,
    HOSTILE,
    NOW,
    SUPPORT,
    a_request,
    a_story,
    already_allowed,
    approved,
    ended_by,
    some_facts,
    targets,
    unprepared,
)


def numbered(story: Story, number: int) -> Story:
    return replace(story, request=replace(story.request, id=RequestId(number)))


def seen(*mine: Story, waiting: tuple[Story, ...] = ()) -> Message:
    return overview(mine, waiting, support=SUPPORT)


def test_whoever_has_nothing_yet_reads_how_to_start() -> None:
    message = seen()

    assert "To ask for access, type `/workbench-access request`." in message.text
    assert "Request access" in readable(message)
    assert_sound(message)


def test_own_requests_stand_newest_first() -> None:
    text = readable(seen(*(numbered(a_story(), number) for number in (3, 12, 7))))

    assert text.index("*WA-12*") < text.index("*WA-7*") < text.index("*WA-3*")


def test_what_waits_stands_oldest_first_with_who_what_and_since_when() -> None:
    message = seen(waiting=tuple(numbered(a_story(), number) for number in (12, 3)))
    text = readable(message)

    assert text.index("*WA-3*") < text.index("*WA-12*")
    assert (
        "*WA-3* · <@U0ALICE> asks for 2 roles in each of 2 accounts with *DataScientist*, for 7 days\n"
        "⏳ *Waiting* since <!date^"
    ) in text
    assert "0 of 1 approval" in text
    assert "on the cards in the approvals channel" in text
    assert message.text.startswith("2 requests wait for your decision.")
    assert "You have asked for nothing yourself so far." in text


@pytest.mark.parametrize(
    ("is_cut", "headline", "rest"),
    [
        (False, "35 requests wait for your decision.", "… and 33 more"),
        (True, "At least 35 requests wait for your decision.", "… and at least 33 more"),
    ],
)
def test_what_waits_is_counted_though_it_does_not_all_fit(is_cut: bool, headline: str, rest: str) -> None:
    waiting = tuple(numbered(a_story(), number) for number in (12, 3))

    message = overview((), waiting, support=SUPPORT, unlisted=33, is_cut=is_cut)

    assert message.text.startswith(headline)
    assert rest in readable(message)
    assert_sound(message)


@pytest.mark.parametrize("mine", [(), (a_story(),)])
@pytest.mark.parametrize("waiting", [(), (numbered(a_story(), 9),)])
def test_own_requests_that_cannot_be_read_are_named_with_their_incident(
    mine: tuple[Story, ...], waiting: tuple[Story, ...]
) -> None:
    lost = [Unreadable(id=RequestId(number), incident=f"1a2b3c4{number}") for number in (4, 5)]

    message = overview(mine, waiting, unreadable=lost, support=SUPPORT)

    text = readable(message)
    assert "⚠️ *WA-4* cannot be read at present (incident 1a2b3c44)." in text
    assert "⚠️ *WA-5* cannot be read at present (incident 1a2b3c45)." in text
    assert "WA-4 and WA-5 cannot be read at present." in message.text
    assert "asked for nothing" not in text + message.text
    assert_sound(message)


def test_what_has_no_card_yet_is_not_looked_for() -> None:
    assert "AWS is still being read, its card follows" in readable(seen(waiting=(a_story(unprepared()),)))


@pytest.mark.parametrize(
    ("story", "words"),
    [
        (a_story(unprepared()), "⏳ *Being checked*: the approvers are asked after that"),
        (a_story(), "⏳ *Waiting for approval*: 0 of 1 approval, undecided it expires <!date^"),
        (a_story(a_request(RequestStatus.DENIED)), "⛔ *Denied*, <!date^"),
        (a_story(a_request(RequestStatus.CANCELLED)), "↩️ *Cancelled*, <!date^"),
        (a_story(a_request(RequestStatus.EXPIRED)), "⌛ *Expired*, <!date^"),
        (approved(GrantStatus.PROVISIONING), "🔄 *Approved, being provisioned*"),
        (approved(GrantStatus.ACTIVE), "✅ *Granted* until <!date^"),
        (already_allowed(approved(GrantStatus.ACTIVE)), "✅ *Already allowed*, at least until <!date^"),
        (
            approved(GrantStatus.ACTIVE, GrantStatus.FAILED),
            "⚠️ *Partly failed*: of 4 roles, 2 are granted and 2 failed, until <!date^",
        ),
        (approved(GrantStatus.FAILED), "⛔ *Failed*: `/workbench-access status WA-17` says why"),
        (approved(GrantStatus.ENDING), "🔄 *Ending*: its time is up"),
        (ended_by(EndCause.RELEASED), "⏹️ *Ended*: given back by you"),
        (
            replace(approved(GrantStatus.PROVISIONING), stopped=Failure(code=Code.POLICY_UNREADABLE)),
            "✋ *Stopped*: `/workbench-access status WA-17` says why",
        ),
    ],
)
def test_every_state_is_told_in_words_and_until_when(story: Story, words: str) -> None:
    message = seen(story)

    assert words in readable(message)
    assert_sound(message)


def test_giving_back_is_only_offered_where_something_can_end() -> None:
    assert "`/workbench-access revoke WA-17`" in readable(seen(approved(GrantStatus.ACTIVE)))
    assert "revoke" not in readable(seen(approved(GrantStatus.ENDED)))


def test_what_does_not_fit_is_counted() -> None:
    many = tuple(numbered(a_story(), number) for number in range(1, 61))

    message = seen(*many, waiting=many)

    assert readable(message).count("more: `/workbench-access status` with an id shows each.") == 2
    assert_sound(message)


# One request


def test_one_request_is_shown_as_a_whole() -> None:
    story = approved(GrantStatus.ACTIVE, GrantStatus.FAILED, reason="Internal failure")

    message = one(story, support=SUPPORT)
    text = readable(message)

    assert "⚠️ *Partly failed*: of 4 roles, 2 are granted and 2 failed." in text
    assert "Approved by <@U0BOB>" in text
    assert "`Workbench-BuilderRole`: ✅ Granted until <!date^" in text
    assert "⛔ *Provisioning failed* in prod · 111111111111 and test · 222222222222." in text
    assert "An approver can press Retry on the card." in text
    assert "Internal failure" in text
    assert SUPPORT in text
    assert "`/workbench-access revoke WA-17`" in text
    assert "Train the churn model" in text
    assert_sound(message)


def test_a_name_that_belongs_into_the_sentence_stands_there() -> None:
    story = approved(GrantStatus.FAILED)
    denied = Failure(code=Code.EXPLICIT_DENY, reason="DenyAll")
    story = replace(story, grants=tuple(replace(grant, failure=denied) for grant in story.grants))

    assert "a statement “DenyAll” in the inline policy" in readable(one(story, support=SUPPORT))


def test_one_pending_request_says_who_agreed_and_until_when_it_waits() -> None:
    request = a_request(facts=some_facts(approvals=2), approvals=(Approval(by=BOB, at=NOW),))

    text = readable(one(a_story(request), support=SUPPORT))

    assert "1 of 2 approvals" in text
    assert "Approved by <@U0BOB>" in text
    assert "*Undecided, it expires:* <!date^" in text
    assert "revoke" not in text


def test_one_denied_request_tells_why() -> None:
    text = readable(one(a_story(a_request(RequestStatus.DENIED, note="Use test.")), support=SUPPORT))

    assert "⛔ *Denied* by <@U0BOB>" in text
    assert "Use test." in text


def test_one_request_speaks_to_either_reader() -> None:
    for status in GrantStatus:
        message = one(approved(status), support=SUPPORT)

        assert " you " not in message.text + readable(message).replace("If you need help", "")


def test_names_from_elsewhere_stay_text() -> None:
    facts = replace(some_facts(), account_names=tuple((each.account, HOSTILE) for each in targets()))
    request = replace(a_request(facts=facts, reason=HOSTILE), created_at=NOW - timedelta(days=400))

    assert_sound(one(a_story(request), support=HOSTILE))
    assert_sound(overview([a_story(request)], [a_story(request)], support=HOSTILE))
