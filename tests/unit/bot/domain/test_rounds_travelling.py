"""Which accounts a round has to provision, and what has arrived there or gone."""

from datetime import timedelta

import pytest

from bot.domain.grant import GrantStatus, PushStatus
from bot.domain.names import AccountId
from bot.domain.rounds import accounts_to_push, has_arrived, has_gone
from tests.builders import PROD, READER, TEST, WEEK, a_foreign, a_grant, a_policy, a_push, a_target
from tests.fakes.clock import NOON

PATIENCE = timedelta(minutes=5)
ACTIVE, ENDING, FAILED = GrantStatus.ACTIVE, GrantStatus.ENDING, GrantStatus.FAILED


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


def test_an_arn_of_another_account_is_never_pushed_to() -> None:
    both = [a_grant(1), a_grant(2, target=a_target(AccountId(TEST)))]
    document = a_policy(both)

    assert to_push(document, *both, pushes=(a_push(document),)) == (TEST,)
