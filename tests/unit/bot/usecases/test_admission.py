"""The door: asked again on every payload."""

from datetime import timedelta

import pytest

from bot.domain.errors import Code, Refusal, Unavailable
from bot.domain.names import SlackUserId
from bot.usecases.admission import Admission
from tests.builders import ALICE, HOME, a_person, some_rules
from tests.fakes.clock import NOON
from tests.fakes.people import FakePeople


@pytest.fixture
def people() -> FakePeople:
    return FakePeople()


@pytest.fixture
def admission(people: FakePeople) -> Admission:
    return Admission(people=people, rules=some_rules(people={ALICE: "alice.smith@example.com"}), team=HOME)


async def test_a_member_is_let_in_with_a_profile_as_fresh_as_asked_for(
    admission: Admission, people: FakePeople
) -> None:
    since = NOON - timedelta(hours=1)

    assert await admission.person(ALICE, not_before=since) == a_person(ALICE)
    assert people.asked == [(ALICE, since)]


async def test_an_id_that_slack_does_not_know_is_a_stranger(admission: Admission) -> None:
    with pytest.raises(Refusal) as caught:
        await admission.person(SlackUserId("U0NOBODY"))

    assert caught.value.code is Code.STRANGER


async def test_a_slack_that_does_not_answer_lets_nobody_in(admission: Admission, people: FakePeople) -> None:
    people.error = Unavailable(Code.SLACK_UNAVAILABLE)

    with pytest.raises(Unavailable):
        await admission.person(ALICE)


async def test_who_is_known_is_judged_without_asking_slack(admission: Admission, people: FakePeople) -> None:
    assert admission.known(ALICE) is None
    people.know([ALICE])

    assert admission.known(ALICE) == a_person(ALICE)
    people.persons[ALICE] = a_person(is_guest=True)
    with pytest.raises(Refusal) as caught:
        admission.known(ALICE)

    assert caught.value.code is Code.GUEST
    assert people.asked == []


def test_the_administrators_entry_is_the_address(admission: Admission) -> None:
    assert admission.email(a_person(ALICE)) == "alice.smith@example.com"
