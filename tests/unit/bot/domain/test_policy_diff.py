"""The diff that people read, and the proof that the engine demands before every Put."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot.domain.names import IdentityUserId, RoleArn
from bot.domain.policy import PolicyUnreadable, merge, parse, serialise
from bot.domain.policy_diff import (
    Change,
    NotMinimal,
    added_permissions,
    change,
    check_minimal,
    unified_diff,
)
from bot.domain.statements import AlteredStatement, ManagedStatement, Want, desired_statements

READER = RoleArn("arn:aws:iam::111111111111:role/Workbench-ReadOnlyRole")
BUILDER = RoleArn("arn:aws:iam::111111111111:role/Workbench-BuilderRole")
ALICE = IdentityUserId("a-alice")
BOB = IdentityUserId("b-bob")
SOON = datetime(2026, 11, 29, 14, 15, tzinfo=UTC)
LATER = SOON + timedelta(days=1)
FOREIGN: dict[str, Any] = {
    "Sid": "Lake",
    "Effect": "Allow",
    "Action": ["s3:GetObject"],
    "Resource": "*",
    "Condition": {"NumericLessThan": {"x": 1}},
}
DENY: dict[str, Any] = {"Effect": "Deny", "NotAction": "iam:*", "Resource": "arn:aws:iam::*:role/é"}


def a_want(
    arn: RoleArn = READER, person: IdentityUserId | None = None, ends_at: datetime | None = None
) -> Want:
    return Want(role_arn=arn, person=person, ends_at=ends_at)


def a_statement(*wants: Want) -> ManagedStatement:
    (statement,) = desired_statements(wants)
    return statement


def a_document(*statements: dict[str, Any] | ManagedStatement) -> str:
    bodies = [each.to_json() if isinstance(each, ManagedStatement) else each for each in statements]
    return json.dumps({"Version": "2012-10-17", "Statement": bodies})


def refused(before: str, after: str, *allowed: Want, **options: Any) -> str:
    with pytest.raises(NotMinimal) as caught:
        check_minimal(before, after, allowed=allowed, **options)
    return caught.value.reason


def test_equal_documents_have_no_diff() -> None:
    document = a_document(FOREIGN, DENY)

    assert unified_diff(document, document) == ""
    assert unified_diff(document, json.dumps(json.loads(document), indent=4)) == ""
    assert unified_diff("", "") == ""


def test_the_diff_shows_what_comes_with_three_lines_around_it() -> None:
    statement = a_statement(a_want(ends_at=SOON))

    diff = unified_diff(a_document(FOREIGN), a_document(FOREIGN, statement))

    assert diff.splitlines() == [
        "@@ -13,6 +13,19 @@",
        '           "x": 1',
        "         }",
        "       }",
        "+    },",
        "+    {",
        f'+      "Sid": "{statement.sid}",',
        '+      "Effect": "Allow",',
        '+      "Action": "sts:AssumeRole",',
        '+      "Resource": [',
        f'+        "{READER}"',
        "+      ],",
        '+      "Condition": {',
        '+        "DateLessThan": {',
        '+          "aws:CurrentTime": "2026-11-29T14:15:00Z"',
        "+        }",
        "+      }",
        "     }",
        "   ]",
        " }",
    ]


def test_a_first_policy_is_all_new_and_the_last_removal_takes_everything() -> None:
    document = a_document(a_statement(a_want()))

    came, went = unified_diff("", document).splitlines(), unified_diff(document, "").splitlines()

    assert came[0] == "@@ -0,0 +1,13 @@"
    assert all(line.startswith("+") for line in came[1:])
    assert went[0] == "@@ -1,13 +0,0 @@"
    assert all(line.startswith("-") for line in went[1:])


def test_a_single_statement_that_becomes_a_list_is_no_difference() -> None:
    single = json.dumps({"Version": "2012-10-17", "Statement": FOREIGN})

    assert unified_diff(single, a_document(FOREIGN)) == ""


def test_a_long_policy_differs_only_where_it_was_changed() -> None:
    many = [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": f"r{number}"} for number in range(60)]
    changed = [*many[:30], many[30] | {"Resource": "x"}, many[31] | {"Resource": "y"}, *many[32:]]

    diff = unified_diff(a_document(*many), a_document(*changed)).splitlines()

    assert [line[0] + line[1:].strip() for line in diff if line[0] in "+-"] == [
        '-"Resource": "r30"',
        '+"Resource": "x"',
        '-"Resource": "r31"',
        '+"Resource": "y"',
    ]


def test_a_document_that_cannot_be_read_has_no_diff() -> None:
    with pytest.raises(PolicyUnreadable):
        unified_diff("{", "")


def test_a_change_names_what_comes_and_what_goes() -> None:
    old, new = a_statement(a_want(ends_at=SOON)), a_statement(a_want(ends_at=LATER))
    kept = a_statement(a_want(BUILDER))

    assert change(parse(a_document(old, FOREIGN, kept)), parse(a_document(kept, new))) == Change(
        added=(new,), removed=(old,)
    )


def test_a_change_names_what_is_repaired_by_its_sid() -> None:
    statement = a_statement(a_want())
    edited = statement.to_json() | {"Resource": "*"}

    assert change(parse(a_document(edited)), parse(a_document(statement))) == Change(
        added=(statement,), removed=(), repaired=(statement.sid,)
    )


def test_a_change_to_something_that_we_would_never_write_is_an_error() -> None:
    edited = a_statement(a_want()).to_json() | {"Resource": "*"}

    with pytest.raises(AlteredStatement):
        change(parse(""), parse(a_document(edited)))


def test_only_what_was_not_allowed_before_counts_as_added() -> None:
    before = parse(a_document(a_statement(a_want(READER, ends_at=SOON), a_want(BUILDER, ends_at=SOON))))
    after = parse(
        a_document(
            a_statement(a_want(READER, ALICE, SOON)),
            a_statement(a_want(READER, BOB, LATER)),
            a_statement(a_want(BUILDER, ends_at=SOON)),
        )
    )

    assert added_permissions(before, after) == (a_want(READER, BOB, LATER),)


def test_what_was_edited_by_hand_proves_nothing() -> None:
    statement = a_statement(a_want())
    edited = a_statement(a_want(ends_at=SOON)).to_json() | {"Effect": "Deny"}

    assert added_permissions(parse(a_document(edited)), parse(a_document(edited, statement))) == (a_want(),)


def test_a_merge_that_adds_what_was_asked_passes() -> None:
    before = a_document(FOREIGN, DENY)
    wants = [a_want(ends_at=SOON), a_want(BUILDER, ALICE)]

    after = serialise(merge(parse(before), desired=desired_statements(wants), removable=frozenset()))

    check_minimal(before, after, allowed=wants)
    check_minimal(before, after, allowed=wants, removable=frozenset())


def test_nothing_at_all_is_minimal() -> None:
    check_minimal("", "", allowed=[])
    check_minimal(a_document(FOREIGN), a_document(FOREIGN), allowed=[])


def test_a_single_statement_may_become_a_list() -> None:
    single = json.dumps({"Version": "2012-10-17", "Statement": FOREIGN})

    check_minimal(single, a_document(FOREIGN, a_statement(a_want())), allowed=[a_want()])


def test_regrouping_what_is_allowed_already_needs_no_new_want() -> None:
    before = a_document(a_statement(a_want(READER, ALICE, SOON), a_want(BUILDER, ALICE, SOON)))
    after = a_document(a_statement(a_want(READER, ALICE, SOON)), a_statement(a_want(BUILDER, ALICE, LATER)))

    check_minimal(before, after, allowed=[a_want(BUILDER, ALICE, LATER)])


def test_less_than_was_asked_for_is_still_minimal() -> None:
    wants = [a_want(ends_at=LATER)]

    check_minimal("", a_document(a_statement(a_want(READER, ALICE, SOON))), allowed=wants)


def test_a_first_policy_has_our_version_and_nothing_else_beside() -> None:
    statement = a_statement(a_want()).to_json()

    check_minimal("", a_document(a_statement(a_want())), allowed=[a_want()])
    for head in ({"Version": "2008-10-17"}, {"Version": "2012-10-17", "Id": "x"}, {}):
        assert "beside" in refused("", json.dumps(head | {"Statement": [statement]}), a_want())


@pytest.mark.parametrize(
    "mutate",
    [
        lambda body: body | {"Resource": [READER, BUILDER]},
        lambda body: body | {"Resource": "*"},
        lambda body: body | {"Action": ["sts:AssumeRole", "sts:TagSession"]},
        lambda body: body | {"Action": "sts:*"},
        lambda body: {name: value for name, value in body.items() if name != "Condition"},
        lambda body: body | {"Condition": {}},
    ],
)
def test_a_new_statement_that_is_not_exactly_of_our_shape_is_caught(
    mutate: Callable[[dict[str, object]], dict[str, Any]],
) -> None:
    body = mutate(a_statement(a_want(ends_at=SOON)).to_json())

    assert "shape" in refused("", a_document(body), a_want(), a_want(BUILDER))


@pytest.mark.parametrize(
    "more",
    [
        a_want(READER, ALICE, LATER),
        a_want(READER, ALICE),
        a_want(READER, BOB, SOON),
        a_want(READER, None, SOON),
        a_want(BUILDER, ALICE, SOON),
    ],
)
def test_a_statement_of_our_shape_that_allows_more_than_was_asked_is_caught(more: Want) -> None:
    asked = a_want(READER, ALICE, SOON)

    assert "more than" in refused("", a_document(a_statement(more)), asked)
    assert "more than" in refused(a_document(a_statement(asked)), a_document(a_statement(more)))


@pytest.mark.parametrize(
    "after",
    [
        [DENY, FOREIGN],
        [FOREIGN],
        [FOREIGN, DENY, DENY],
        [FOREIGN, DENY, {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": READER}],
        [FOREIGN | {"Resource": ["*"]}, DENY],
        [FOREIGN | {"Condition": {"NumericLessThan": {"x": "1"}}}, DENY],
        [FOREIGN | {"Condition": {"NumericLessThan": {"x": True}}}, DENY],
        [FOREIGN | {"Condition": {"NumericLessThan": {"x": 1.0}}}, DENY],
        [{name: value for name, value in FOREIGN.items() if name != "Sid"}, DENY],
        [dict(reversed(FOREIGN.items())), DENY],
    ],
)
def test_anything_that_happens_to_a_foreign_statement_is_caught(after: list[dict[str, Any]]) -> None:
    assert "foreign" in refused(a_document(FOREIGN, DENY), a_document(*after), a_want())


@pytest.mark.parametrize("head", [{"Version": "2008-10-17"}, {}, {"Version": "2012-10-17", "Id": "x"}])
def test_a_member_beside_statement_never_changes(head: dict[str, str]) -> None:
    after = json.dumps(head | {"Statement": [FOREIGN]})

    assert "beside" in refused(a_document(FOREIGN), after)


def test_a_policy_with_foreign_statements_is_never_deleted() -> None:
    assert "foreign" in refused(a_document(FOREIGN), "")


def test_deleting_a_policy_that_was_all_ours_is_minimal() -> None:
    statement = a_statement(a_want())

    check_minimal(a_document(statement), "", allowed=[], removable={statement.sid})


def test_a_managed_statement_that_is_not_ours_to_remove_stays() -> None:
    statement = a_statement(a_want())

    assert "not ours" in refused(a_document(statement), "", removable=frozenset())


def test_what_was_edited_by_hand_stays_unless_it_is_repaired() -> None:
    statement = a_statement(a_want())
    before = a_document(statement.to_json() | {"Resource": "*"})

    check_minimal(before, before, allowed=[])
    for after in ("", a_document(statement)):
        assert "edited by hand" in refused(before, after, a_want())
        check_minimal(before, after, allowed=[a_want()], removable={statement.sid}, repair=True)


def test_repair_gives_nobody_more_than_was_wanted() -> None:
    statement = a_statement(a_want())
    before = a_document(statement.to_json() | {"Resource": "*"})

    assert "more than" in refused(before, a_document(statement), repair=True)


@pytest.mark.parametrize(
    ("after", "reason"),
    [
        ("{", "not JSON"),
        ("[]", "not an object"),
        ('{"Version":"2012-10-17"}', "no Statement"),
        ('{"Statement":[1]}', "no Statement"),
        ('{"Statement":[],"Statement":[]}', "a key twice"),
        ('{"Statement":{"Effect":"Allow","Effect":"Deny"}}', "a key twice"),
        ('{"Statement":[{"Sid":"A"},{"Sid":"A"}]}', "a Sid twice"),
        ("[" * 100_000, "not JSON"),
    ],
)
def test_a_document_that_is_no_policy_is_never_put(after: str, reason: str) -> None:
    assert reason in refused("", after)
    assert reason in refused(after, "")


def test_our_statement_standing_twice_is_caught() -> None:
    statement = a_statement(a_want())

    assert "twice" in refused("", a_document(statement, statement), a_want())


def test_the_reason_never_shows_the_policy() -> None:
    assert "s3" not in refused(a_document(FOREIGN), a_document(DENY))
