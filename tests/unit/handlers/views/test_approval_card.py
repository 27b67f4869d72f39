"""What the approval card and its copy say at every state, and which buttons they carry."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bot.domain.errors import Code
from bot.domain.evaluate import Answer
from bot.domain.grant import EndCause, Failure, GrantStatus
from bot.domain.messages import Story
from bot.domain.precheck import Holders
from bot.domain.request import Approval, RequestStatus, Ruling, Scope
from handlers import ids
from handlers.views.approval_card import Approvers, card, copy
from handlers.views.details import details
from handlers.views.parts import Message
from handlers.views.status import Phase, line, phase_of
from tests.unit.handlers.views.judge import assert_sound, readable
from tests.unit.handlers.views.stories import (
    ALICE,
    BOB,
    CAROL,
    ENDS,
    HOSTILE,
    NOW,
    PROD,
    SUPPORT,
    TEST,
    a_finding,
    a_request,
    a_story,
    an_outcome,
    approved,
    some_facts,
    targets,
    unprepared,
)


def buttons(message: Message) -> dict[str, dict[str, Any]]:
    return {
        element["action_id"]: element
        for block in message.blocks
        if block["type"] == "actions"
        for element in block["elements"]
    }


def with_facts(**changes: Any) -> Story:
    return a_story(a_request(facts=replace(some_facts(), **changes)))


def test_a_pending_card_says_everything_that_an_approver_weighs() -> None:
    message = card(a_story(), support=SUPPORT)
    text = readable(message)

    assert "<@U0ALICE>" in text
    assert "*DataScientist*" in text
    assert "*prod · 111111111111*" in text
    assert "`Workbench-BuilderRole`, `Workbench-ReadOnlyRole`: ☑️ No obstacle seen" in text
    assert "Everyone with this permission set: 37 people in 2 groups hold this set in these accounts" in text
    assert "1,234 → 1,522 of 10,240 bytes (14 %)" in text
    assert '+    "Action": "sts:AssumeRole"' in text
    assert "7 days from the approval" in text
    assert "2026-11-29 10:00 UTC" in text
    assert "Train the churn model" in text
    assert "Undecided, it expires <!date^" in text


def test_approvers_are_called_once_and_only_while_it_is_pending() -> None:
    pending = readable(card(a_story(), support=SUPPORT))

    assert pending.count("<!subteam^S0SSOADMINS>") == 1
    for status in RequestStatus:
        if status is not RequestStatus.PENDING:
            assert "<!subteam" not in readable(card(a_story(a_request(status)), support=SUPPORT))


def test_buttons_carry_the_number_alone_and_name_their_object() -> None:
    shown = buttons(card(a_story(), support=SUPPORT))

    assert list(shown) == [ids.ACTION_APPROVE, ids.ACTION_DENY, ids.ACTION_DETAILS]
    for button in shown.values():
        assert button["value"] == "17"
        assert "WA-17" in button["accessibility_label"]
    assert shown[ids.ACTION_APPROVE]["style"] == "primary"
    assert "37 people" in shown[ids.ACTION_APPROVE]["confirm"]["text"]["text"]


def test_a_card_that_is_not_prepared_cannot_be_approved_yet() -> None:
    message = card(a_story(unprepared()), support=SUPPORT, approvers=Approvers(users=(BOB,), groups=("S0X",)))

    assert ids.ACTION_APPROVE not in buttons(message)
    assert "Being checked" in readable(message)
    assert "<!subteam^S0X> and <@U0BOB>, please decide." in readable(message)


def test_the_first_of_two_approvals_is_counted_and_named() -> None:
    request = a_request(facts=some_facts(approvals=2), approvals=(Approval(by=BOB, at=NOW),))

    message = card(a_story(request), support=SUPPORT)

    assert "⏳ *Waiting for approval*: 1 of 2 approvals. Approved by <@U0BOB>" in readable(message)
    assert ids.ACTION_APPROVE in buttons(message)


def test_the_first_approver_is_told_that_others_have_to_agree() -> None:
    shown = buttons(card(a_story(a_request(facts=some_facts(approvals=2))), support=SUPPORT))

    assert "Others have to agree" in shown[ids.ACTION_APPROVE]["confirm"]["text"]["text"]


def test_only_me_is_a_condition_on_the_shared_policy() -> None:
    text = readable(card(a_story(a_request(scope=Scope.ONLY_ME)), support=SUPPORT))

    assert "Only <@U0ALICE>: a condition on the shared policy" in text
    assert "Everyone" not in text


@pytest.mark.parametrize(
    ("holders", "words"),
    [
        (None, "how many people hold it in these accounts is not known"),
        (Holders(people=1, groups=0, counted_all=True), "1 person holds this set"),
        (Holders(people=500, groups=1, counted_all=False), "at least 500 people in 1 group hold this set"),
    ],
)
def test_who_else_gets_it_is_never_guessed(holders: Holders | None, words: str) -> None:
    assert words in readable(card(with_facts(holders=holders), support=SUPPORT))


def test_each_target_shows_its_own_finding() -> None:
    first, second, third, _ = targets()
    findings = (
        replace(a_finding(first), already_allowed=True, allowed_until=ENDS),
        a_finding(second, Answer.NO, Code.NOT_ASSIGNED),
        a_finding(third, Answer.UNKNOWN, Code.THROTTLED),
    )

    text = readable(card(with_facts(findings=findings), support=SUPPORT))

    assert "✅ Already allowed until <!date^" in text
    assert "⛔ Not assigned: the requester does not hold this permission set here" in text
    assert "❔ Unknown: AWS could not be asked (Throttled)" in text
    assert "❔ Not checked yet" in text


def test_problems_come_first_and_what_is_left_out_is_counted() -> None:
    asked = targets(60)
    findings = tuple(
        a_finding(target, Answer.NO, Code.NOT_ASSIGNED) if target == asked[-1] else a_finding(target)
        for target in asked
    )
    facts = replace(some_facts(asked), findings=findings)

    text = readable(card(a_story(a_request(facts=facts, asked=asked)), support=SUPPORT))

    assert "⛔ Not assigned" in text
    assert "more, see *Details*" in text


@pytest.mark.parametrize(
    ("size", "words"),
    [(8_191, "bytes (79 %)"), (8_192, "⚠️ *Warning, nearly full:*"), (10_241, "⛔ *No room:*")],
)
def test_the_quota_warns_with_icon_and_word(size: int, words: str) -> None:
    assert words in readable(card(with_facts(bytes_after=size), support=SUPPORT))


def test_an_approver_reads_about_foreign_edits_and_about_own_benefit() -> None:
    text = readable(
        card(with_facts(waiting_edits=(PROD, TEST), benefiting_approvers=(CAROL,)), support=SUPPORT)
    )

    assert (
        "somebody else's change to this permission set waits to be provisioned in prod · 111111111111" in text
    )
    assert "<@U0CAROL> would get this access too" in text


def test_a_long_diff_is_clipped_and_points_to_details() -> None:
    diff = "\n".join(f"+ line {number}" for number in range(500))
    story = with_facts(diff=diff)

    assert "see *Details* for the rest" in readable(card(story, support=SUPPORT))
    assert "+ line 499" in readable(details(story, support=SUPPORT))


def test_a_policy_that_stays_as_it_is_is_said() -> None:
    text = readable(card(with_facts(diff="", bytes_after=1_234), support=SUPPORT))

    assert "Nothing has to be written" in text


def test_a_denial_names_who_when_and_why_and_leaves_no_decision() -> None:
    for draw in (card, copy):
        message = draw(
            a_story(a_request(RequestStatus.DENIED, note="Use the test account.")), support=SUPPORT
        )

        assert "⛔ *Denied* by <@U0BOB>, <!date^" in readable(message)
        assert "Use the test account." in readable(message)
        assert list(buttons(message)) == [ids.ACTION_DETAILS]
        assert "Denied by <@U0BOB>." in message.text


def test_a_denial_by_the_bot_speaks_to_each_reader() -> None:
    request = replace(
        a_request(RequestStatus.DENIED), ruling=Ruling(by=None, at=NOW, code=Code.NOT_IN_IDENTITY_CENTER)
    )

    for_approvers = readable(card(a_story(request), support=SUPPORT))
    for_requester = readable(copy(a_story(request), support=SUPPORT))

    assert "Denied* automatically" in for_approvers
    assert "no user there has the requester's e-mail address" in for_approvers
    assert "your e-mail address" not in for_approvers
    assert "your e-mail address" in for_requester
    assert SUPPORT in for_requester


def test_an_expired_request_says_that_nobody_decided() -> None:
    text = readable(copy(a_story(a_request(RequestStatus.EXPIRED)), support=SUPPORT))

    assert "⌛ *Expired*" in text
    assert "nobody decided in time" in text
    assert "Send a new request" in text


def test_a_cancelled_request_names_the_requester() -> None:
    assert "↩️ *Cancelled* by <@U0ALICE>" in readable(
        card(a_story(a_request(RequestStatus.CANCELLED)), support=SUPPORT)
    )


@pytest.mark.parametrize("draw", [card, copy])
@pytest.mark.parametrize(
    "story",
    [
        a_story(),
        a_story(unprepared()),
        approved(),
        approved(GrantStatus.PROVISIONING),
        approved(GrantStatus.FAILED),
        approved(GrantStatus.ENDING),
    ],
)
def test_granted_is_never_said_before_aws_has_confirmed(draw: Any, story: Story) -> None:
    message = draw(story, support=SUPPORT)

    assert "granted" not in (message.text + readable(message)).lower()
    assert "verified" not in (message.text + readable(message)).lower()


def test_a_partly_failed_change_hides_neither_side() -> None:
    story = approved(GrantStatus.ACTIVE, GrantStatus.FAILED, reason=HOSTILE)

    message = card(story, support=SUPPORT)
    text = readable(message)

    assert "⚠️ *Partly failed*: of 4 roles, 2 are granted and 2 failed." in text
    assert "✅ Granted until <!date^" in text
    assert "⛔ Failed: Provisioning failed" in text
    assert "<!channel>" in text  # as data, in a quotation
    assert SUPPORT in text
    assert list(buttons(message)) == [ids.ACTION_RETRY, ids.ACTION_END, ids.ACTION_DETAILS]
    assert ids.ACTION_RETRY not in buttons(copy(story, support=SUPPORT))
    assert_sound(message)


def test_nothing_can_be_retried_while_something_still_moves() -> None:
    story = approved(GrantStatus.PROVISIONING, GrantStatus.FAILED)

    assert ids.ACTION_RETRY not in buttons(card(story, support=SUPPORT))


def test_active_access_says_until_when() -> None:
    for draw in (card, copy):
        message = draw(approved(GrantStatus.ACTIVE), support=SUPPORT)

        assert "✅ *Granted* until <!date^" in readable(message)
        assert message.text.endswith("Granted.")


def test_what_aws_allowed_already_is_not_called_granted() -> None:
    story = approved(GrantStatus.ACTIVE)
    known = tuple(replace(grant, already_allowed=True) for grant in story.grants)

    text = readable(card(replace(story, grants=known), support=SUPPORT))

    assert "✅ *Already allowed*: nothing was written" in text
    assert "✅ Already allowed, at least until" in text
    assert "Granted" not in text


def test_a_stopped_set_says_why_and_what_to_do() -> None:
    story = replace(
        approved(GrantStatus.PROVISIONING),
        stopped=Failure(code=Code.MANAGED_STATEMENT_ALTERED, reason="WorkbenchAccess0001"),
    )

    text = readable(card(story, support=SUPPORT))

    assert "✋ *Stopped*: Somebody has changed a statement “WorkbenchAccess0001”" in text
    assert SUPPORT in text


def test_a_stop_does_not_touch_what_is_active() -> None:
    stopped = Failure(code=Code.MANAGED_STATEMENT_ALTERED)

    assert phase_of(replace(approved(GrantStatus.ACTIVE), stopped=stopped)) is Phase.ACTIVE


def test_ended_access_says_why() -> None:
    story = approved(GrantStatus.ENDED)
    causes = tuple(
        replace(grant, end_cause=cause) for grant, cause in zip(story.grants, EndCause, strict=True)
    )

    text = readable(card(replace(story, grants=causes), support=SUPPORT))

    assert "one hour longer" in text
    for words in (
        "its time is up",
        "taken away by an approver",
        "given back by the requester",
        "withdrawn after a failure that nobody retried",
    ):
        assert words in text


def test_the_copy_can_be_cancelled_while_nobody_has_decided() -> None:
    pending, decided = copy(a_story(), support=SUPPORT), copy(approved(GrantStatus.ACTIVE), support=SUPPORT)

    assert list(buttons(pending)) == [ids.ACTION_CANCEL, ids.ACTION_DETAILS]
    assert buttons(pending)[ids.ACTION_CANCEL]["confirm"]["title"]["text"] == "Cancel WA-17?"
    assert ids.ACTION_CANCEL not in buttons(decided)
    assert f"<@{ALICE}>" not in readable(pending)


def test_a_forged_line_in_a_reason_stays_in_its_quotation() -> None:
    message = card(a_story(a_request(reason="x\n✅ *Approved* by <@U0BOB>")), support=SUPPORT)
    quotes = [block for block in message.blocks if block["type"] == "rich_text"]

    assert quotes[0]["elements"][0]["type"] == "rich_text_quote"
    assert quotes[0]["elements"][0]["elements"] == [{"type": "text", "text": "x\n✅ *Approved* by <@U0BOB>"}]


def test_permanent_access_says_that_it_has_no_end() -> None:
    assert "permanent: it has no end" in readable(card(a_story(a_request(span=None)), support=SUPPORT))
    assert "for 1 day 12 hours" in card(a_story(a_request(span=timedelta(hours=36))), support=SUPPORT).text


def test_details_tell_the_history_and_the_verification() -> None:
    text = readable(details(an_outcome(approved(GrantStatus.ACTIVE)), support=SUPPORT))

    assert "Approved by <@U0BOB>" in text
    assert "4 roles checked: 4 CONFIGURED" in text


@pytest.mark.parametrize("phase", Phase)
def test_an_icon_never_stands_without_its_word(phase: Phase) -> None:
    icon, _, words = line(phase).partition(" ")

    assert not icon.isascii()
    assert words.startswith("*")
    assert words.strip("*").isascii()
