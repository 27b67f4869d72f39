"""One round on a permission set, as arithmetic."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from bot.domain.grant import Copies, EndCause, GrantStatus, PushStatus
from bot.domain.names import AccountId, IdentityUserId
from bot.domain.policy import fits, foreign_fingerprint, managed, parse, size_bytes
from bot.domain.rounds import (
    WITHDRAW_AFTER,
    accounts_to_push,
    allowed_by_others,
    covers,
    has_arrived,
    has_gone,
    next_look,
    plan,
    waiting_edits,
)
from tests.builders import (
    BUILDER,
    PROD,
    READER,
    SET,
    TEST,
    WEEK,
    a_foreign,
    a_grant,
    a_policy,
    a_push,
    a_target,
    accounts,
)
from tests.fakes.clock import NOON

PATIENCE = timedelta(minutes=5)
ALICE, BOB = IdentityUserId("u-alice"), IdentityUserId("u-bob")
NOWHERE = Copies(permission_set=SET)
ACTIVE, ENDING, FAILED = GrantStatus.ACTIVE, GrantStatus.ENDING, GrantStatus.FAILED


def sids_of(document: str) -> frozenset[str]:
    return frozenset(statement.sid for statement in managed(parse(document)))


def to_push(
    document: str, *grants: object, pushes: tuple[object, ...] = (), after: timedelta = WEEK
) -> object:
    return accounts_to_push(
        document,
        grants,  # type: ignore[arg-type]
        pushes,  # type: ignore[arg-type]
        now=NOON + after,
        retry_after=PATIENCE,
    )


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


# accounts_to_push


def test_a_grant_that_its_account_never_got_is_pushed() -> None:
    assert to_push(a_policy([a_grant()]), a_grant()) == (PROD,)


def test_a_grant_that_its_account_does_not_hold_yet_is_pushed() -> None:
    before = a_policy([a_grant(target=a_target(TEST))])

    assert to_push(a_policy([a_grant()]), a_grant(), pushes=(a_push(before),)) == (PROD,)
    assert to_push(a_policy([a_grant()]), a_grant(), pushes=(a_push(None),)) == (PROD,)


@pytest.mark.parametrize("status", [GrantStatus.PROVISIONING, ACTIVE])
def test_an_account_that_holds_the_grant_is_left_alone(status: GrantStatus) -> None:
    document = a_policy([a_grant()])

    assert to_push(document, a_grant(status=status), pushes=(a_push(document),)) == ()


def test_accounts_come_sorted_and_once() -> None:
    grants = [a_grant(1, target=a_target(TEST)), a_grant(2), a_grant(3, target=a_target(PROD, READER))]

    assert to_push(a_policy(grants), *grants) == (PROD, TEST)


@pytest.mark.parametrize("written", [True, False])
def test_a_failed_grant_waits_for_a_person(written: bool) -> None:
    grant = a_grant(status=FAILED, written=written)

    assert to_push(a_policy([grant]), grant, pushes=(a_push(None, status=PushStatus.FAILED),)) == ()


def test_a_grant_that_is_retried_is_pushed_at_once() -> None:
    document = a_policy([a_grant()])
    failed = a_push(None, status=PushStatus.FAILED)

    assert to_push(document, a_grant(), pushes=(failed,), after=timedelta(0)) == (PROD,)


def test_an_ending_is_pushed_where_the_role_holds_more_than_the_policy() -> None:
    ending = a_grant(status=ENDING)

    assert to_push("", ending, pushes=(a_push(a_policy([a_grant()])),)) == (PROD,)
    assert to_push("", ending, pushes=(a_push(None),)) == (PROD,)


def test_an_ending_where_the_bot_never_provisioned_pushes_nothing() -> None:
    assert to_push("", a_grant(status=ENDING)) == ()


def test_an_ending_of_what_was_written_is_pushed_though_the_bot_never_provisioned_there() -> None:
    assert to_push("", a_grant(status=ENDING, written=True)) == (PROD,)


def test_an_ending_whose_account_is_level_pushes_nothing() -> None:
    held = a_policy(foreign=[a_foreign()])

    assert to_push("", a_grant(status=ENDING), pushes=(a_push(held),)) == ()


def test_other_accounts_do_not_make_an_ending_travel_again() -> None:
    elsewhere = a_grant(2, target=a_target(TEST))

    pushes = (a_push(""),)

    assert to_push(a_policy([elsewhere]), a_grant(status=ENDING), pushes=pushes) == ()


def test_an_ending_that_failed_is_tried_again_after_a_while_and_not_before() -> None:
    ending = a_grant(status=ENDING)
    failed = a_push(None, status=PushStatus.FAILED)

    assert to_push("", ending, pushes=(failed,), after=PATIENCE - timedelta(seconds=1)) == ()
    assert to_push("", ending, pushes=(failed,), after=PATIENCE) == (PROD,)


def test_what_others_allow_travels_until_the_account_has_it() -> None:
    document = a_policy(foreign=[a_foreign(Action="sts:AssumeRole", Resource="*")])
    grant = a_grant(already_allowed=True)

    assert to_push(document, grant, after=timedelta(0)) == (PROD,)
    assert to_push(document, grant, pushes=(a_push(""),), after=timedelta(0)) == (PROD,)
    assert to_push(document, grant, pushes=(a_push(document),), after=timedelta(0)) == ()


def test_an_active_grant_that_others_allow_is_not_pushed() -> None:
    assert to_push("", a_grant(status=ACTIVE, already_allowed=True)) == ()


# has_arrived


def test_a_grant_has_arrived_once_aws_said_succeeded_and_the_policy_still_holds_it() -> None:
    document = a_policy([a_grant()])

    assert has_arrived(a_grant(), document, a_push(document), now=NOON)


@pytest.mark.parametrize("status", [each for each in PushStatus if each is not PushStatus.SUCCEEDED])
def test_nothing_has_arrived_before_aws_said_succeeded(status: PushStatus) -> None:
    document = a_policy([a_grant()])

    assert not has_arrived(a_grant(), document, a_push(document, status=status), now=NOON)


def test_a_grant_has_not_arrived_without_the_account_and_the_policy_both_holding_it() -> None:
    document, other = a_policy([a_grant()]), a_policy([a_grant(target=a_target(TEST))])

    assert not has_arrived(a_grant(), document, None, now=NOON)
    assert not has_arrived(a_grant(), document, a_push(None), now=NOON)
    assert not has_arrived(a_grant(), document, a_push(other), now=NOON)
    assert not has_arrived(a_grant(), other, a_push(document), now=NOON)


def test_what_others_allow_has_arrived_once_the_account_allows_it_too() -> None:
    grant = a_grant(already_allowed=True)
    document = a_policy(foreign=[a_foreign(Action="sts:AssumeRole", Resource="*")])

    assert has_arrived(grant, document, a_push(document), now=NOON)
    assert not has_arrived(grant, document, a_push(""), now=NOON)
    assert not has_arrived(grant, "", a_push(document), now=NOON)


# has_gone


def test_a_grant_that_was_never_written_has_gone_where_nothing_was_ever_provisioned() -> None:
    assert has_gone(a_grant(status=ENDING), "", None)


def test_a_grant_that_was_written_has_not_gone_before_it_was_provisioned_away() -> None:
    assert not has_gone(a_grant(status=ENDING, written=True), "", None)


def test_a_grant_has_gone_once_the_account_holds_what_the_policy_says() -> None:
    assert has_gone(a_grant(status=ENDING), "", a_push(a_policy(foreign=[a_foreign()])))


@pytest.mark.parametrize(
    "push",
    [
        a_push(a_policy([a_grant()])),
        a_push(None),
        a_push("", status=PushStatus.FAILED),
        a_push("", status=PushStatus.IN_PROGRESS),
    ],
)
def test_a_grant_that_its_account_may_still_hold_has_not_gone(push: object) -> None:
    assert not has_gone(a_grant(status=ENDING), "", push)  # type: ignore[arg-type]


def test_a_shorter_grant_has_not_gone_while_the_account_holds_the_longer_end() -> None:
    short, long = a_grant(1), a_grant(2, ends_at=NOON + WEEK * 2)

    assert not has_gone(a_grant(2, status=ENDING), a_policy([short]), a_push(a_policy([short, long])))


# waiting_edits


def test_accounts_that_our_own_rounds_left_behind_are_no_foreign_edit() -> None:
    held = a_policy([a_grant()], foreign=[a_foreign()])
    document = a_policy(foreign=[a_foreign()])

    assert waiting_edits([PROD], document, [a_push(held)], NOWHERE) == ()


def test_an_edit_of_somebody_else_waits_where_another_foreign_part_was_provisioned() -> None:
    held = a_policy(foreign=[a_foreign()])
    document = a_policy(foreign=[a_foreign(), a_foreign("Extra")])

    assert waiting_edits([PROD], document, [a_push(held)], NOWHERE) == (PROD,)


def test_where_we_never_provisioned_an_older_version_is_somebody_elses_edit() -> None:
    assert waiting_edits([TEST, PROD], "", [], NOWHERE) == (PROD, TEST)
    assert waiting_edits([PROD], "", [a_push(None)], NOWHERE) == (PROD,)


def test_an_account_at_the_latest_version_waits_for_nothing() -> None:
    assert waiting_edits([], a_policy(foreign=[a_foreign()]), [a_push("")], NOWHERE) == ()


def seen_with(document: str, *, at: datetime = NOON) -> Copies:
    """PROD was at the latest version of this document."""
    return NOWHERE.seen(foreign_fingerprint(document), {PROD}, at=at)


def test_an_account_that_was_up_to_date_before_our_first_put_has_only_our_statements_missing() -> None:
    before = a_policy(foreign=[a_foreign()])
    after = a_policy([a_grant()], foreign=[a_foreign()])

    assert waiting_edits([PROD, TEST], after, [], seen_with(before)) == (TEST,)


def test_where_an_older_foreign_part_was_seen_the_present_one_waits() -> None:
    document = a_policy(foreign=[a_foreign(), a_foreign("Extra")])

    assert waiting_edits([PROD], document, [], seen_with(a_policy(foreign=[a_foreign()]))) == (PROD,)


@pytest.mark.parametrize(
    ("later", "waiting"), [(-1, ()), (1, (PROD,))], ids=["pushed before", "pushed after"]
)
def test_of_a_look_and_a_push_the_later_one_says_what_an_account_holds(
    later: int, waiting: tuple[AccountId, ...]
) -> None:
    document = a_policy(foreign=[a_foreign("New")])
    push = a_push(a_policy(foreign=[a_foreign("Old")]), started_at=NOON + timedelta(minutes=later))

    assert waiting_edits([PROD], document, [push], seen_with(document)) == waiting


def test_a_provisioning_for_a_grant_that_failed_leaves_nothing_known_of_the_account() -> None:
    document = a_policy(foreign=[a_foreign()])
    failed = a_push(None, status=PushStatus.FAILED, started_at=NOON + timedelta(minutes=1))

    assert waiting_edits([PROD], document, [failed], seen_with(document)) == (PROD,)
    assert waiting_edits([PROD], document, [replace(failed, levelling=True)], seen_with(document)) == ()


def test_a_foreign_edit_that_was_seen_after_a_push_may_have_travelled_over_it() -> None:
    held = a_policy(foreign=[a_foreign("Old")])
    between = foreign_fingerprint(a_policy(foreign=[a_foreign("New")]))
    push = a_push(held, started_at=NOON + timedelta(hours=1))
    first = seen_with(held)
    second = first.seen(between, {PROD}, at=NOON + timedelta(hours=2))
    third = second.seen(foreign_fingerprint(held), set(), at=NOON + timedelta(hours=3))

    assert waiting_edits([PROD], held, [push], first) == ()
    assert waiting_edits([PROD], held, [push], second) == (PROD,)
    assert waiting_edits([PROD], held, [push], third) == (PROD,)


def test_looks_add_up_until_somebody_else_changes_the_policy() -> None:
    first = seen_with(a_policy(foreign=[a_foreign()]))

    second = first.seen(first.foreign_part, {TEST}, at=NOON + WEEK)
    third = second.seen("another", {TEST}, at=NOON + WEEK)

    assert (second.accounts, second.since) == (frozenset({PROD, TEST}), NOON)
    assert (third.accounts, third.since) == (frozenset({TEST}), NOON + WEEK)


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


def test_an_arn_of_another_account_is_never_pushed_to() -> None:
    both = [a_grant(1), a_grant(2, target=a_target(AccountId(TEST)))]
    document = a_policy(both)

    assert to_push(document, *both, pushes=(a_push(document),)) == (TEST,)
