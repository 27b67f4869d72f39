"""One round on a permission set, as arithmetic: what the policy should hold, and when to look again."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bot.domain.grant import EndCause, GrantStatus
from bot.domain.names import IdentityUserId
from bot.domain.policy import fits, managed, parse, size_bytes
from bot.domain.rounds import WITHDRAW_AFTER, allowed_by_others, covers, next_look, plan
from tests.builders import (
    BUILDER,
    PROD,
    READER,
    TEST,
    WEEK,
    a_foreign,
    a_grant,
    a_policy,
    a_target,
    accounts,
)
from tests.fakes.clock import NOON

ALICE, BOB = IdentityUserId("u-alice"), IdentityUserId("u-bob")
ACTIVE, ENDING, FAILED = GrantStatus.ACTIVE, GrantStatus.ENDING, GrantStatus.FAILED


def sids_of(document: str) -> frozenset[str]:
    return frozenset(statement.sid for statement in managed(parse(document)))


# covers


@pytest.mark.parametrize(
    ("held", "wanted"),
    [
        (a_grant(), a_grant()),
        (a_grant(ends_at=None), a_grant()),
        (a_grant(ends_at=None), a_grant(ends_at=None)),
        (a_grant(ends_at=NOON + WEEK * 2), a_grant()),
        (a_grant(person=None), a_grant(person=ALICE)),
        (a_grant(person=ALICE), a_grant(person=ALICE)),
    ],
)
def test_a_statement_covers_a_grant_that_it_outlasts(held: object, wanted: object) -> None:
    assert covers(a_policy([held]), wanted)  # type: ignore[list-item, arg-type]


@pytest.mark.parametrize(
    ("held", "wanted"),
    [
        (a_grant(ends_at=NOON + timedelta(days=6)), a_grant()),
        (a_grant(), a_grant(ends_at=None)),
        (a_grant(person=ALICE), a_grant(person=None)),
        (a_grant(person=BOB), a_grant(person=ALICE)),
        (a_grant(target=a_target(TEST)), a_grant()),
        (a_grant(target=a_target(PROD, READER)), a_grant()),
    ],
)
def test_a_statement_that_says_less_does_not_cover(held: object, wanted: object) -> None:
    assert not covers(a_policy([held]), wanted)  # type: ignore[list-item, arg-type]


def test_no_policy_covers_nothing() -> None:
    assert not covers("", a_grant())


def test_what_others_allow_does_not_count_as_ours() -> None:
    document = a_policy(foreign=[a_foreign(Action="sts:AssumeRole", Resource="*")])

    assert not covers(document, a_grant())


# allowed_by_others


@pytest.mark.parametrize(
    ("condition", "ends_at", "lasts"),
    [
        ({}, None, True),
        ({}, NOON + WEEK, True),
        ({"DateLessThan": {"aws:CurrentTime": "2030-01-14T12:00:00Z"}}, NOON + WEEK, True),
        ({"DateLessThan": {"aws:CurrentTime": "2030-01-14T11:59:59Z"}}, NOON + WEEK, False),
        ({"DateLessThan": {"aws:CurrentTime": "2030-01-14T12:00:00Z"}}, None, False),
        ({"Bool": {"aws:MultiFactorAuthPresent": "true"}}, NOON + WEEK, False),
    ],
)
def test_others_allow_it_only_if_they_do_for_at_least_as_long(
    condition: dict[str, object], ends_at: object, lasts: bool
) -> None:
    members: dict[str, Any] = {"Condition": condition} if condition else {}
    document = a_policy(foreign=[a_foreign(Action="sts:AssumeRole", Resource="*", **members)])

    assert allowed_by_others(document, a_grant(ends_at=ends_at), at=NOON) is lasts


def test_our_own_statement_is_nothing_that_others_allow() -> None:
    assert not allowed_by_others(a_policy([a_grant()]), a_grant(), at=NOON)


# plan


def test_a_new_grant_is_added_behind_what_others_wrote() -> None:
    before = a_policy(foreign=[a_foreign("Mine"), a_foreign("Yours")])

    made = plan(before, [a_grant()], removable=frozenset(), fits=fits)

    assert covers(made.after, a_grant())
    assert [each.sid for each in parse(made.after).statements][:2] == ["Mine", "Yours"]
    assert made.before == before
    assert made.sids == sids_of(made.after)
    assert not made.is_noop


def test_a_policy_that_holds_everything_is_left_as_it_is_spelled() -> None:
    document = a_policy([a_grant()]).replace(":", " : ", 1)

    made = plan(document, [a_grant(written=True)], removable=sids_of(document), fits=fits)

    assert made.is_noop
    assert made.after == document


def test_a_grant_that_is_wanted_no_more_leaves_the_policy() -> None:
    document = a_policy([a_grant()], foreign=[a_foreign()])

    made = plan(document, [a_grant(status=ENDING)], removable=sids_of(document), fits=fits)

    assert made.after == a_policy(foreign=[a_foreign()])
    assert made.sids == frozenset()


def test_the_last_statement_leaves_no_policy_behind() -> None:
    document = a_policy([a_grant()])

    assert plan(document, [], removable=sids_of(document), fits=fits).after == ""


def test_a_managed_statement_that_this_database_never_wrote_stays() -> None:
    document = a_policy([a_grant(target=a_target(TEST))])

    made = plan(document, [a_grant()], removable=frozenset(), fits=fits)

    assert covers(made.after, a_grant(target=a_target(TEST)))
    assert covers(made.after, a_grant())
    assert made.sids.isdisjoint(sids_of(document))


@pytest.mark.parametrize(
    "grant",
    [
        a_grant(status=ENDING, written=True),
        a_grant(status=GrantStatus.ENDED, written=True),
        a_grant(status=FAILED, written=False),
        a_grant(already_allowed=True),
        a_grant(status=ACTIVE, already_allowed=True),
    ],
)
def test_what_is_not_wanted_is_not_written(grant: object) -> None:
    made = plan("", [grant], removable=frozenset(), fits=fits)  # type: ignore[list-item]

    assert made.is_noop


def test_a_failed_grant_that_stood_in_the_policy_stays_until_it_is_withdrawn() -> None:
    grant = a_grant(status=FAILED, written=True)

    assert covers(plan("", [grant], removable=frozenset(), fits=fits).after, grant)


def test_one_grant_that_does_not_fit_keeps_no_other_out() -> None:
    first, big, last = (
        a_grant(1, target=a_target(accounts(3)[0])),
        a_grant(2, target=a_target(accounts(3)[1], type(BUILDER)(f"Workbench-{'B' * 400}"))),
        a_grant(3, target=a_target(accounts(3)[2])),
    )
    room = size_bytes(a_policy([first, last]))

    made = plan("", [last, big, first], removable=frozenset(), fits=lambda text: size_bytes(text) <= room)

    assert made.unfitting == (big,)
    assert covers(made.after, first)
    assert covers(made.after, last)
    assert made.sids == sids_of(made.after)


def test_the_earlier_approval_gets_the_last_room() -> None:
    early, late = a_grant(1, person=ALICE), a_grant(2, target=a_target(TEST), person=BOB)
    room = size_bytes(a_policy([early]))

    made = plan("", [late, early], removable=frozenset(), fits=lambda text: size_bytes(text) <= room)

    assert made.unfitting == (late,)
    assert covers(made.after, early)


def test_what_was_written_before_never_makes_room_for_what_is_new() -> None:
    written = a_grant(2, written=True, status=ACTIVE)
    fresh = a_grant(1, target=a_target(TEST), ends_at=None)
    document = a_policy([written])
    room = size_bytes(document)

    made = plan(
        document, [fresh, written], removable=sids_of(document), fits=lambda text: size_bytes(text) <= room
    )

    assert made.unfitting == (fresh,)
    assert made.is_noop


def test_a_policy_with_nothing_to_change_is_not_measured() -> None:
    document = a_policy([a_grant()])

    made = plan(document, [a_grant()], removable=sids_of(document), fits=lambda _: False)

    assert made.is_noop
    assert made.unfitting == ()


# next_look


def test_the_next_look_is_at_the_first_end() -> None:
    grants = [
        a_grant(1, status=ACTIVE, ends_at=NOON + WEEK),
        a_grant(2, status=ACTIVE, ends_at=NOON + timedelta(days=1)),
        a_grant(3, status=ACTIVE, ends_at=None),
        a_grant(4, status=GrantStatus.ENDED, ends_at=NOON, end_cause=EndCause.EXPIRED),
    ]

    assert next_look(grants) == NOON + timedelta(days=1)


def test_a_failed_grant_is_looked_at_again_when_it_is_to_be_withdrawn() -> None:
    assert next_look([a_grant(status=FAILED, ends_at=NOON)]) == NOON + WITHDRAW_AFTER


def test_a_permanent_grant_needs_no_next_look() -> None:
    assert next_look([a_grant(status=ACTIVE, ends_at=None)]) is None
    assert next_look([]) is None


def test_retrying_and_withdrawing_are_the_ways_out_of_failed() -> None:
    failed = a_grant(status=FAILED, written=True)

    assert failed.is_wanted
    assert not replace(failed, written=False).is_wanted
