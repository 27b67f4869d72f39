"""The form that asks once more, and the buttons that lead to it."""

import json
from dataclasses import replace
from typing import Any

import pytest

from bot.domain.grant import GrantStatus
from bot.domain.messages import Story
from bot.domain.names import ChannelId
from bot.domain.precheck import Holders
from bot.domain.request import REASON_LIMIT, RequestStatus, Scope
from handlers import ids
from handlers.views.approval_card import card, copy
from handlers.views.end_form import end_form
from handlers.views.outcome import results, results_copy
from handlers.views.parts import Message
from tests.unit.handlers.views.judge import assert_sound, readable
from tests.unit.handlers.views.stories import (
    SUPPORT,
    a_request,
    a_still,
    a_story,
    already_allowed,
    an_outcome,
    approved,
    some_facts,
    targets,
    verified,
)

ONE, TWO, *_ = targets()
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

    proof, button = [
        element
        for block in results_copy(story, support=SUPPORT).blocks
        if block["type"] == "actions"
        for element in block["elements"]
    ]

    assert (proof["text"]["text"], proof["action_id"], proof["value"]) == ("Prove it", ids.ACTION_PROVE, "17")
    assert button["text"]["text"] == "I'm done"
    assert (button["action_id"], button["value"]) == (ids.ACTION_END, "17")
    assert "WA-17" in button["accessibility_label"]
    assert actions(results(story, support=SUPPORT)) == [ids.ACTION_PROVE]
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
