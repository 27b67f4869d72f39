"""Who may talk to the bot, and which address identifies them."""

import pytest

from bot.domain.errors import Code, Refusal
from bot.domain.names import SlackTeamId
from bot.domain.people import Person, admit, verified_email
from tests.builders import ALICE, BOB, HOME, a_person


def test_a_member_of_our_workspace_is_let_in() -> None:
    admit(a_person(), HOME)


@pytest.mark.parametrize(
    ("person", "code"),
    [
        (a_person(is_stranger=True), Code.STRANGER),
        (a_person(team_id=SlackTeamId("T0OTHER")), Code.STRANGER),
        (a_person(team_id=SlackTeamId("")), Code.STRANGER),
        (a_person(is_deactivated=True), Code.DEACTIVATED),
        (a_person(is_bot=True), Code.NOT_HUMAN),
        (a_person(is_guest=True), Code.GUEST),
        (a_person(is_guest=True, is_bot=True, is_deactivated=True, is_stranger=True), Code.STRANGER),
    ],
)
def test_everybody_else_is_refused_with_the_reason(person: Person, code: Code) -> None:
    with pytest.raises(Refusal) as caught:
        admit(person, HOME)

    assert caught.value.code is code


def test_a_confirmed_address_identifies_a_person() -> None:
    assert verified_email(a_person(), {}) == "alice@example.com"


def test_an_administrators_entry_wins_over_the_profile() -> None:
    entries = {ALICE: "alice.smith@example.com"}

    assert verified_email(a_person(), entries) == "alice.smith@example.com"
    assert verified_email(a_person(email=None, email_confirmed=False), entries) == "alice.smith@example.com"


def test_an_entry_for_somebody_else_does_not_count() -> None:
    assert verified_email(a_person(), {BOB: "bob.smith@example.com"}) == "alice@example.com"


@pytest.mark.parametrize(
    ("person", "code"),
    [
        (a_person(email=None), Code.EMAIL_MISSING),
        (a_person(email=""), Code.EMAIL_MISSING),
        (a_person(email_confirmed=False), Code.EMAIL_UNCONFIRMED),
        (a_person(email=None, email_confirmed=False), Code.EMAIL_MISSING),
    ],
)
def test_an_address_that_slack_did_not_confirm_identifies_nobody(person: Person, code: Code) -> None:
    with pytest.raises(Refusal) as caught:
        verified_email(person, {})

    assert caught.value.code is code
