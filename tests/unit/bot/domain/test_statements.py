"""Managed statements: what wants become, and how an edit by hand is noticed."""

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest

from bot.domain.errors import Code, Refusal
from bot.domain.names import IdentityUserId, RoleArn
from bot.domain.statements import (
    MANAGED_SID_PREFIX,
    AlteredStatement,
    ManagedStatement,
    Want,
    desired_statements,
    ends_at_for,
    is_altered,
    outlasts,
    parse_managed,
)

READER = RoleArn("arn:aws:iam::111111111111:role/Workbench-ReadOnlyRole")
BUILDER = RoleArn("arn:aws:iam::111111111111:role/Workbench-BuilderRole")
ALICE = IdentityUserId("a-alice")
BOB = IdentityUserId("b-bob")
SOON = datetime(2026, 11, 29, 14, 15, tzinfo=UTC)
LATER = SOON + timedelta(days=1)


def a_want(
    arn: RoleArn = READER, person: IdentityUserId | None = None, ends_at: datetime | None = None
) -> Want:
    return Want(role_arn=arn, person=person, ends_at=ends_at)


def a_statement(
    *arns: RoleArn, people: tuple[IdentityUserId, ...] = (), ends_at: datetime | None = None
) -> ManagedStatement:
    return ManagedStatement(resources=arns or (READER,), people=people, ends_at=ends_at)


def test_a_permanent_statement_for_everyone_has_no_condition() -> None:
    raw = a_statement(READER, BUILDER).to_json()

    assert raw == {
        "Sid": raw["Sid"],
        "Effect": "Allow",
        "Action": "sts:AssumeRole",
        "Resource": [BUILDER, READER],
    }
    assert next(iter(raw)) == "Sid"


def test_end_and_person_are_the_only_conditions() -> None:
    raw = a_statement(people=(ALICE,), ends_at=SOON).to_json()

    assert raw["Condition"] == {
        "DateLessThan": {"aws:CurrentTime": "2026-11-29T14:15:00Z"},
        "StringEquals": {"identitystore:UserId": "a-alice"},
    }


def test_several_people_are_a_sorted_list() -> None:
    raw = a_statement(people=(BOB, ALICE, BOB)).to_json()

    assert raw["Condition"] == {"StringEquals": {"identitystore:UserId": ["a-alice", "b-bob"]}}


def test_the_sid_is_the_prefix_and_sixteen_digits_that_iam_accepts() -> None:
    sid = a_statement().sid

    assert sid.startswith(MANAGED_SID_PREFIX)
    assert len(sid) == len(MANAGED_SID_PREFIX) + 16
    assert sid.isalnum()


def test_the_sid_of_a_known_statement_never_changes() -> None:
    # Sids stand in policies and in databases: another hash would orphan every statement that is out there.
    assert a_statement(people=(ALICE,), ends_at=SOON).sid == "WorkbenchAccess4ee1f052d550ee57"


def test_equal_content_has_an_equal_sid_and_other_content_another() -> None:
    sids = {
        a_statement(READER, BUILDER).sid,
        a_statement(BUILDER, READER, READER).sid,
        a_statement(READER).sid,
        a_statement(READER, people=(ALICE,)).sid,
        a_statement(READER, people=(BOB,)).sid,
        a_statement(READER, ends_at=SOON).sid,
        a_statement(READER, ends_at=LATER).sid,
    }

    assert len(sids) == 6


def test_the_same_instant_in_another_zone_is_the_same_end() -> None:
    east = SOON.astimezone(timezone(timedelta(hours=2)))

    assert a_statement(ends_at=east) == a_statement(ends_at=SOON)
    assert a_statement(ends_at=east).sid == a_statement(ends_at=SOON).sid


@pytest.mark.parametrize(
    "arn",
    [
        "*",
        "arn:aws:iam::*:role/Workbench-ReadOnlyRole",
        "arn:aws:iam::111111111111:role/Workbench-*Role",
        "arn:aws:iam::111111111111:role/Workbench-ReadOnlyRol?",
        "arn:aws:iam::${aws:PrincipalAccount}:role/Workbench-ReadOnlyRole",
        "arn:aws:iam::111111111111:user/alice",
        "arn:aws:iam::111111111111:role/",
        "arn:aws:iam::111111111111:role/Workbench-ReadOnlyRole\n",
        "",
    ],
)
def test_nothing_but_the_arn_of_one_role_can_be_wanted(arn: str) -> None:
    with pytest.raises(ValueError, match="one role"):
        a_want(RoleArn(arn))
    with pytest.raises(ValueError, match="one role"):
        a_statement(READER, RoleArn(arn))


@pytest.mark.parametrize("person", ["", "*", "${identitystore:UserId}", "alice\n"])
def test_a_person_that_is_none_never_becomes_everyone(person: str) -> None:
    with pytest.raises(ValueError, match="one Identity Center user"):
        a_want(person=IdentityUserId(person))
    with pytest.raises(ValueError, match="one Identity Center user"):
        a_statement(people=(IdentityUserId(person),))


@pytest.mark.parametrize("ends_at", [SOON.replace(tzinfo=None), SOON.replace(microsecond=1)])
def test_an_end_that_cannot_be_written_down_is_refused(ends_at: datetime) -> None:
    with pytest.raises(ValueError, match="whole second"):
        a_want(ends_at=ends_at)
    with pytest.raises(ValueError, match="whole second"):
        a_statement(ends_at=ends_at)


def test_a_statement_without_roles_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one role"):
        ManagedStatement(resources=(), people=(), ends_at=None)


@pytest.mark.parametrize(
    "statement",
    [
        a_statement(),
        a_statement(READER, BUILDER, ends_at=SOON),
        a_statement(people=(ALICE,)),
        a_statement(READER, BUILDER, people=(ALICE, BOB), ends_at=SOON),
    ],
)
def test_what_was_written_is_read_back(statement: ManagedStatement) -> None:
    raw = json.loads(json.dumps(statement.to_json()))

    assert parse_managed(raw) == statement
    assert not is_altered(raw)


def test_another_spelling_of_the_same_content_is_not_an_edit() -> None:
    statement = a_statement(READER, people=(ALICE,), ends_at=SOON)
    raw = dict(reversed(statement.to_json().items()))
    raw |= {
        "Action": ["sts:AssumeRole"],
        "Resource": READER,
        "Condition": {
            "StringEquals": {"identitystore:UserId": ["a-alice"]},
            "DateLessThan": {"aws:CurrentTime": ["2026-11-29T14:15:00Z"]},
        },
    }

    assert parse_managed(raw) == statement


PERSONAL_END = {
    "DateLessThan": {"aws:CurrentTime": "2026-11-29T14:15:00Z"},
    "StringEquals": {"identitystore:UserId": "a-alice"},
}


@pytest.mark.parametrize(
    "edit",
    [
        {"Effect": "Deny"},
        {"Action": "sts:*"},
        {"Action": "STS:AssumeRole"},
        {"Action": ["sts:AssumeRole", "s3:GetObject"]},
        {"Action": []},
        {"Resource": "*"},
        {"Resource": []},
        {"Resource": [READER, BUILDER]},
        {"Resource": [READER, READER]},
        {"Resource": [READER, 1]},
        {"NotResource": BUILDER},
        {"Condition": {}},
        {"Condition": None},
        {"Condition": "x"},
        {"Condition": {"StringEquals": PERSONAL_END["StringEquals"]}},
        {"Condition": {"DateLessThan": PERSONAL_END["DateLessThan"]}},
        {"Condition": PERSONAL_END | {"DateLessThan": {"aws:CurrentTime": "2027-11-29T14:15:00Z"}}},
        {"Condition": PERSONAL_END | {"DateLessThan": {"aws:CurrentTime": "2026-11-29T14:15:00+00:00"}}},
        {"Condition": PERSONAL_END | {"DateLessThan": {"aws:CurrentTime": "2026-13-29T14:15:00Z"}}},
        {"Condition": PERSONAL_END | {"DateLessThan": {"aws:CurrentTime": []}}},
        {"Condition": PERSONAL_END | {"DateLessThan": {"aws:EpochTime": "2026-11-29T14:15:00Z"}}},
        {"Condition": PERSONAL_END | {"DateLessThan": []}},
        {"Condition": PERSONAL_END | {"StringEquals": {"identitystore:UserId": []}}},
        {"Condition": PERSONAL_END | {"StringEquals": {"identitystore:UserId": ["a-alice", "b-bob"]}}},
        {"Condition": PERSONAL_END | {"Bool": {"aws:SecureTransport": "true"}}},
        {"Sid": "WorkbenchAccess0123456789abcdef"},
        {"Sid": "WorkbenchAccess"},
    ],
)
def test_any_edit_by_hand_is_noticed(edit: dict[str, object]) -> None:
    raw = a_statement(people=(ALICE,), ends_at=SOON).to_json() | edit

    with pytest.raises(AlteredStatement) as caught:
        parse_managed(raw)

    assert is_altered(raw)
    assert isinstance(caught.value, Refusal)
    assert caught.value.code is Code.MANAGED_STATEMENT_ALTERED
    assert caught.value.facts == {"sid": raw["Sid"]}


def test_an_empty_list_of_people_is_not_everyone() -> None:
    # Its content without the list hashes to this very Sid.
    raw = a_statement().to_json() | {"Condition": {"StringEquals": {"identitystore:UserId": []}}}

    assert is_altered(raw)


@pytest.mark.parametrize("member", ["Sid", "Effect", "Action", "Resource", "Condition"])
def test_a_member_that_was_removed_is_noticed(member: str) -> None:
    raw = a_statement(people=(ALICE,), ends_at=SOON).to_json()
    del raw[member]

    assert is_altered(raw)


def test_nothing_wanted_is_no_statement() -> None:
    assert desired_statements([]) == ()


def test_only_the_latest_end_stands_for_one_role_and_person() -> None:
    wants = [a_want(person=ALICE, ends_at=SOON), a_want(person=ALICE, ends_at=LATER)]

    assert desired_statements(wants) == (a_statement(people=(ALICE,), ends_at=LATER),)


def test_permanent_is_later_than_any_end() -> None:
    wants = [a_want(ends_at=SOON), a_want(), a_want(ends_at=LATER)]

    assert desired_statements(wants) == (a_statement(),)


def test_what_everyone_has_for_as_long_swallows_what_one_person_asked_for() -> None:
    wants = [a_want(person=ALICE, ends_at=SOON), a_want(ends_at=SOON)]

    assert desired_statements(wants) == (a_statement(ends_at=SOON),)


def test_what_one_person_has_for_longer_stands_beside_what_everyone_has() -> None:
    wants = [a_want(person=ALICE, ends_at=LATER), a_want(ends_at=SOON)]

    assert desired_statements(wants) == (
        a_statement(ends_at=SOON),
        a_statement(people=(ALICE,), ends_at=LATER),
    )


def test_roles_with_the_same_end_for_the_same_people_share_a_statement() -> None:
    wants = [a_want(READER, ends_at=SOON), a_want(BUILDER, ends_at=SOON)]

    assert desired_statements(wants) == (a_statement(READER, BUILDER, ends_at=SOON),)


def test_people_with_the_same_roles_until_the_same_end_share_a_statement() -> None:
    wants = [a_want(person=ALICE, ends_at=SOON), a_want(person=BOB, ends_at=SOON)]

    assert desired_statements(wants) == (a_statement(people=(ALICE, BOB), ends_at=SOON),)


def test_people_with_different_roles_never_share_a_statement() -> None:
    wants = [a_want(READER, ALICE), a_want(READER, BOB), a_want(BUILDER, BOB)]

    assert desired_statements(wants) == (
        a_statement(READER, people=(ALICE,)),
        a_statement(READER, BUILDER, people=(BOB,)),
    )


def test_permanent_statements_come_first_and_then_the_earliest_end() -> None:
    wants = [a_want(ends_at=LATER), a_want(BUILDER, ends_at=SOON), a_want(BUILDER, ALICE)]

    assert [statement.ends_at for statement in desired_statements(wants)] == [None, SOON, LATER]


def test_a_statement_unfolds_into_the_wants_that_it_serves() -> None:
    statement = a_statement(READER, BUILDER, people=(ALICE, BOB), ends_at=SOON)

    assert set(statement.wants) == {
        a_want(arn, person, SOON) for arn in (READER, BUILDER) for person in (ALICE, BOB)
    }
    assert a_statement().wants == (a_want(),)


def test_an_end_outlasts_itself_and_never_what_does_not_end() -> None:
    assert outlasts(SOON, SOON)
    assert outlasts(LATER, SOON)
    assert not outlasts(SOON, LATER)
    assert outlasts(None, LATER)
    assert outlasts(None, None)
    assert not outlasts(LATER, None)


@pytest.mark.parametrize(
    ("decided_at", "ends_at"),
    [
        (datetime(2026, 11, 28, 14, 15, tzinfo=UTC), datetime(2026, 11, 29, 14, 15, tzinfo=UTC)),
        (datetime(2026, 11, 28, 14, 15, 0, 1, tzinfo=UTC), datetime(2026, 11, 29, 14, 30, tzinfo=UTC)),
        (datetime(2026, 11, 28, 14, 0, 1, tzinfo=UTC), datetime(2026, 11, 29, 14, 15, tzinfo=UTC)),
        (datetime(2026, 12, 30, 23, 59, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)),
        # Nepal's quarters of an hour are UTC's too, but its hours are not.
        (
            datetime(2026, 11, 28, 20, 1, tzinfo=timezone(timedelta(hours=5, minutes=45))),
            datetime(2026, 11, 29, 14, 30, tzinfo=UTC),
        ),
    ],
)
def test_an_end_is_rounded_up_to_the_next_quarter_of_an_hour(decided_at: datetime, ends_at: datetime) -> None:
    assert ends_at_for(decided_at, timedelta(days=1)) == ends_at


def test_permanent_has_no_end() -> None:
    assert ends_at_for(SOON, None) is None


@pytest.mark.parametrize(
    ("decided_at", "span"), [(SOON, timedelta(0)), (SOON.replace(tzinfo=None), timedelta(days=1))]
)
def test_an_end_needs_an_aware_instant_and_a_positive_span(decided_at: datetime, span: timedelta) -> None:
    with pytest.raises(ValueError, match="aware instant"):
        ends_at_for(decided_at, span)
