"""The level never claims more than was checked."""

from dataclasses import replace
from datetime import timedelta
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.errors import Code
from bot.domain.three_valued import Answer
from bot.domain.verification import Check, Level, Link, Verification
from tests.builders import a_target
from tests.fakes.clock import NOON

VISIBLE = (Link.ASSIGNED, Link.PROVISIONED, Link.ALLOWED, Link.NOT_DENIED)
HIDDEN = (Link.ROLE_EXISTS, Link.TRUSTED, Link.HELD, Link.SIMULATED)
CODES = {
    Link.ASSIGNED: Code.NOT_ASSIGNED,
    Link.PROVISIONED: Code.NOT_PROVISIONED,
    Link.ALLOWED: Code.NOT_ALLOWED,
    Link.NOT_DENIED: Code.EXPLICIT_DENY,
    Link.ROLE_EXISTS: Code.ROLE_NOT_FOUND,
    Link.TRUSTED: Code.NOT_TRUSTED,
    Link.HELD: Code.NOT_PROVISIONED,
    Link.SIMULATED: Code.SCP,
}


def checked(answers: dict[Link, Answer]) -> Verification:
    checks = tuple(
        Check(link=link, answer=answer, code=None if answer is Answer.YES else CODES[link])
        for link, answer in answers.items()
    )
    return Verification(target=a_target(), checks=checks, checked_at=NOON)


def all_yes(*links: Link) -> dict[Link, Answer]:
    return dict.fromkeys(links, Answer.YES)


def test_what_the_management_account_shows_is_configured() -> None:
    assert checked(all_yes(*VISIBLE)).level is Level.CONFIGURED


def test_a_role_that_nobody_could_look_at_stays_configured() -> None:
    assert checked(all_yes(*VISIBLE) | {Link.ROLE_EXISTS: Answer.UNKNOWN}).level is Level.CONFIGURED


def test_every_link_checked_is_predicted() -> None:
    assert checked(all_yes(*VISIBLE, *HIDDEN)).level is Level.PREDICTED


def test_nothing_checked_is_no_level() -> None:
    assert checked({}).level is Level.NONE
    assert checked({}).broken is None


@pytest.mark.parametrize("link", list(Link))
def test_one_no_anywhere_means_no_level_and_is_named(link: Link) -> None:
    verification = checked(all_yes(*Link) | {link: Answer.NO})

    assert verification.level is Level.NONE
    assert verification.broken == Check(link=link, answer=Answer.NO, code=CODES[link])


@pytest.mark.parametrize("link", VISIBLE)
@pytest.mark.parametrize("is_missing", [True, False])
def test_a_visible_link_that_is_not_known_means_no_level(link: Link, is_missing: bool) -> None:
    answers = all_yes(*Link) | {link: Answer.UNKNOWN}
    if is_missing:
        del answers[link]

    assert checked(answers).level is Level.NONE


@pytest.mark.parametrize("link", HIDDEN)
def test_a_hidden_link_that_is_not_known_is_not_predicted(link: Link) -> None:
    assert checked(all_yes(*Link) | {link: Answer.UNKNOWN}).level is Level.CONFIGURED


def test_the_first_no_is_named_before_anything_unknown() -> None:
    answers = all_yes(*Link) | {
        Link.ASSIGNED: Answer.UNKNOWN,
        Link.ALLOWED: Answer.NO,
        Link.TRUSTED: Answer.NO,
    }

    broken = checked(answers).broken

    assert broken is not None
    assert broken.link is Link.ALLOWED


def test_without_a_no_the_first_visible_link_that_is_not_known_is_named() -> None:
    broken = checked(all_yes(*VISIBLE) | {Link.PROVISIONED: Answer.UNKNOWN}).broken

    assert broken is not None
    assert broken.link is Link.PROVISIONED


def test_an_unknown_hidden_link_breaks_nothing() -> None:
    assert checked(all_yes(*VISIBLE) | {Link.ROLE_EXISTS: Answer.UNKNOWN}).broken is None


@pytest.mark.parametrize("order", [(Link.ROLE_EXISTS, Link.ALLOWED), (Link.ALLOWED, Link.ROLE_EXISTS)])
def test_a_hidden_unknown_is_never_named_for_a_missing_level(order: tuple[Link, Link]) -> None:
    answers = dict.fromkeys(order, Answer.UNKNOWN) | all_yes(Link.ASSIGNED, Link.PROVISIONED, Link.NOT_DENIED)

    broken = checked({link: answers[link] for link in (*order, *VISIBLE) if link in answers}).broken

    assert broken is not None
    assert broken.link is Link.ALLOWED


@given(st.dictionaries(st.sampled_from(list(Link)), st.sampled_from(list(Answer))))
def test_no_answers_whatever_claim_more_than_was_checked(answers: dict[Link, Answer]) -> None:
    level = checked(answers).level

    assert level is not Level.PROVEN
    if level is not Level.NONE:
        assert all(answers.get(link) is Answer.YES for link in VISIBLE)
        assert Answer.NO not in answers.values()
    if level is Level.PREDICTED:
        assert all(answers.get(link) is Answer.YES for link in Link)


def test_one_more_yes_never_lowers_the_level() -> None:
    rank = list(Level)
    for given_answers in product(Answer, repeat=len(HIDDEN)):
        answers = all_yes(*VISIBLE) | dict(zip(HIDDEN, given_answers, strict=True))
        for link in HIDDEN:
            more = answers | {link: Answer.YES}

            assert rank.index(checked(more).level) >= rank.index(checked(answers).level)


@given(st.dictionaries(st.sampled_from(list(Link)), st.sampled_from(list(Answer))), st.integers(0, 7_200))
def test_a_proof_counts_for_an_hour_and_never_against_a_no(answers: dict[Link, Answer], age: int) -> None:
    proven = replace(checked(answers), proven_at=NOON - timedelta(seconds=age))

    assert (proven.level is Level.PROVEN) == (age <= 3_600 and Answer.NO not in answers.values())


def test_an_untried_condition_is_not_predicted() -> None:
    assert replace(checked(all_yes(*Link)), is_untried=True).level is Level.CONFIGURED


def test_what_holds_a_level_back_is_named_only_where_the_account_was_asked() -> None:
    blind = checked(all_yes(*VISIBLE) | dict.fromkeys(HIDDEN, Answer.UNKNOWN))
    silent = Check(link=Link.TRUSTED, answer=Answer.UNKNOWN, code=Code.AWS_UNAVAILABLE)
    asked = replace(
        checked(all_yes(*VISIBLE, Link.ROLE_EXISTS)), checks=(*checked(all_yes(*VISIBLE)).checks, silent)
    )

    assert asked.held_back == silent
    assert replace(blind, checks=tuple(replace(c, code=None) for c in blind.checks)).held_back is None
