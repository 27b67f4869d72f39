"""What the inline policy lets somebody do: yes, no, or honestly unknown."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot.domain.evaluate import Answer, Coverage, Verdict, coverage, evaluate
from bot.domain.names import AccountId, IdentityUserId, RoleArn
from bot.domain.policy import EMPTY, Policy, parse
from bot.domain.statements import ManagedStatement
from bot.domain.three_valued import all_of, any_of, like, opposite

ACCOUNT = AccountId("111111111111")
READER = RoleArn("arn:aws:iam::111111111111:role/Workbench-ReadOnlyRole")
ALICE = IdentityUserId("a-alice")
BOB = IdentityUserId("b-bob")
NOW = datetime(2026, 11, 28, 9, 0, tzinfo=UTC)
SOON = datetime(2026, 11, 29, 14, 15, tzinfo=UTC)
YES, NO, UNKNOWN = Answer.YES, Answer.NO, Answer.UNKNOWN


def a_policy(*statements: dict[str, Any] | ManagedStatement, version: str | None = "2012-10-17") -> Policy:
    bodies = [
        each.to_json()
        if isinstance(each, ManagedStatement)
        else {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": READER} | each
        for each in statements
    ]
    head = {"Version": version} if version else {}
    return parse(json.dumps(head | {"Statement": bodies}))


def a_bare_policy(statement: dict[str, Any]) -> Policy:
    return parse(json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow"} | statement]}))


def verdict_of(policy: Policy, person: IdentityUserId | None = ALICE, at: datetime = NOW) -> Verdict:
    return evaluate(policy, role_arn=READER, person=person, at=at, account=ACCOUNT)


def answer_of(policy: Policy, person: IdentityUserId | None = ALICE, at: datetime = NOW) -> Answer:
    return verdict_of(policy, person, at).allowed


def coverage_of(
    policy: Policy,
    person: IdentityUserId | None = ALICE,
    at: datetime = NOW,
    managed: bool | None = None,
) -> Coverage:
    return coverage(policy, role_arn=READER, person=person, at=at, account=ACCOUNT, managed=managed)


def test_an_empty_policy_allows_nothing_and_denies_nothing() -> None:
    assert verdict_of(EMPTY) == Verdict(
        allowed=NO,
        allowed_by=(),
        foreign_allows=NO,
        foreign_allows_until=None,
        denied=NO,
        denied_by=(),
    )


def test_a_verdict_names_the_statements_behind_it() -> None:
    policy = a_policy({"Sid": "One"}, {}, {"Sid": "Other", "Action": "s3:*"})

    assert verdict_of(policy).allowed is YES
    assert verdict_of(policy).allowed_by == ("One", None)


def test_an_explicit_deny_wins_wherever_it_stands() -> None:
    policy = a_policy({"Sid": "No", "Effect": "Deny", "Action": "*", "Resource": "*"}, {"Sid": "Yes"})

    verdict = verdict_of(policy)

    assert (verdict.allowed, verdict.denied) == (NO, YES)
    assert (verdict.allowed_by, verdict.denied_by) == (("Yes",), ("No",))


def test_a_deny_that_nobody_can_judge_makes_an_allow_unknown() -> None:
    unclear = {
        "Sid": "Maybe",
        "Effect": "Deny",
        "Condition": {"Bool": {"aws:MultiFactorAuthPresent": "false"}},
    }

    verdict = verdict_of(a_policy({}, unclear))

    assert (verdict.allowed, verdict.denied, verdict.denied_by) == (UNKNOWN, UNKNOWN, ("Maybe",))
    assert answer_of(a_policy(unclear)) is NO


def test_an_allow_that_nobody_can_judge_is_unknown_until_another_is_sure() -> None:
    unclear = {"Sid": "Maybe", "Condition": {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}}

    assert verdict_of(a_policy(unclear)).allowed is UNKNOWN
    assert verdict_of(a_policy(unclear)).allowed_by == ("Maybe",)
    assert verdict_of(a_policy(unclear, {"Sid": "Sure"})).allowed_by == ("Sure",)


@pytest.mark.parametrize(
    ("action", "answer"),
    [
        ("sts:AssumeRole", YES),
        ("STS:assumerole", YES),
        ("sts:*", YES),
        ("*", YES),
        ("sts:Assume????", YES),
        ("sts:AssumeRol?", YES),
        ("sts:AssumeRole?", NO),
        ("sts:AssumeRoleWithSAML", NO),
        ("sts:Assume", NO),
        ("AssumeRole", NO),
        ("ſts:AssumeRole", NO),
        ("", NO),
        (["s3:*", "sts:AssumeRole"], YES),
        ("s3:*", NO),
        ([], UNKNOWN),
        (["sts:AssumeRole", 1], UNKNOWN),
        ({"a": "b"}, UNKNOWN),
        (None, UNKNOWN),
        (True, UNKNOWN),
    ],
)
def test_actions_match_as_iam_does_or_are_unknown(action: object, answer: Answer) -> None:
    assert answer_of(a_policy({"Action": action})) is answer
    negated = a_bare_policy({"NotAction": action, "Resource": "*"})
    assert answer_of(negated) is opposite(answer)


@pytest.mark.parametrize(
    ("resource", "answer"),
    [
        (READER, YES),
        ("*", YES),
        ("arn:aws:iam::*:role/Workbench-*", YES),
        ("arn:aws:iam::111111111111:*", YES),
        # IAM compares field by field and fills up what is missing; of a star across fields it says too little.
        ("arn:aws:iam", YES),
        ("arn:aws:iam::*", YES),
        ("arn:aws:sns", NO),
        ("arn:*Role", UNKNOWN),
        ("arn:aws:iam:*:role/Workbench-ReadOnlyRole", UNKNOWN),
        ("*Role", UNKNOWN),
        ("arn:aws:iam::11111111111?:role/Workbench-ReadOnlyRole", YES),
        (READER.lower(), NO),
        (READER + "2", NO),
        ("arn:aws:iam::222222222222:role/*", NO),
        (["x", READER], YES),
        ([], UNKNOWN),
        ([READER, None], UNKNOWN),
        (7, UNKNOWN),
        ("arn:aws:iam::${aws:PrincipalAccount}:role/Workbench-ReadOnlyRole", UNKNOWN),
        ("${*}", UNKNOWN),
        ("${unfinished", UNKNOWN),
        ("arn:aws:iam::${aws:PrincipalAccount}:role/Other", NO),
        ("arn:aws:s3:::${aws:username}/*", NO),
    ],
)
def test_resources_match_as_iam_does_or_are_unknown(resource: object, answer: Answer) -> None:
    assert answer_of(a_policy({"Resource": resource})) is answer
    negated = a_bare_policy({"Action": "*", "NotResource": resource})
    assert answer_of(negated) is opposite(answer)


@pytest.mark.parametrize("version", ["2008-10-17", None])
def test_an_old_policy_knows_no_variables(version: str | None) -> None:
    variable = "arn:aws:iam::${aws:PrincipalAccount}:role/Workbench-ReadOnlyRole"

    assert answer_of(a_policy({"Resource": variable}, version=version)) is NO
    assert answer_of(a_policy({"Resource": "*"}, version=version)) is YES


@pytest.mark.parametrize(
    "statement",
    [
        {"Resource": "*"},
        {"Action": "*"},
        {"Action": "*", "NotAction": "x:y", "Resource": "*"},
        {"Action": "*", "Resource": "*", "NotResource": "x"},
        {"Action": "*", "Resource": "*", "Principal": "*"},
        {"Action": "*", "Resource": "*", "condition": {}},
        {"Action": "*", "Resource": "*", "Condition": None},
        {"Action": "*", "Resource": "*", "Condition": []},
        {"Action": "*", "Resource": "*", "Condition": {"StringEquals": "x"}},
        {"Action": "*", "Resource": "*", "Condition": {"StringEquals": {"identitystore:UserId": []}}},
        {"Action": "*", "Resource": "*", "Condition": {"StringEquals": {"identitystore:UserId": 1}}},
    ],
)
def test_a_malformed_statement_is_unknown_and_never_an_exception(statement: dict[str, Any]) -> None:
    assert answer_of(a_bare_policy(statement)) is UNKNOWN


def test_what_surely_does_not_match_is_no_whatever_else_is_unclear() -> None:
    assert answer_of(a_policy({"Action": "s3:*", "Principal": "*"})) is NO
    assert answer_of(a_policy({"Resource": "x", "Condition": {"Odd": {"a:b": "c"}}})) is NO


def test_an_empty_condition_is_no_condition() -> None:
    assert answer_of(a_policy({"Condition": {}})) is YES
    assert answer_of(a_policy({"Condition": {"StringEquals": {}}})) is YES


@pytest.mark.parametrize(
    ("operator", "before", "at", "after"),
    [
        ("DateLessThan", YES, NO, NO),
        ("DateLessThanEquals", YES, YES, NO),
        ("DateGreaterThan", NO, NO, YES),
        ("DateGreaterThanEquals", NO, YES, YES),
        ("DateLessThanIfExists", YES, NO, NO),
        ("DateEquals", UNKNOWN, UNKNOWN, UNKNOWN),
        ("datelessthan", UNKNOWN, UNKNOWN, UNKNOWN),
        ("ForAnyValue:DateLessThan", UNKNOWN, UNKNOWN, UNKNOWN),
    ],
)
def test_date_conditions_hold_to_the_second(operator: str, before: Answer, at: Answer, after: Answer) -> None:
    policy = a_policy({"Condition": {operator: {"AWS:currenttime": "2026-11-29T14:15:00Z"}}})

    moments = (SOON - timedelta(seconds=1), SOON, SOON + timedelta(seconds=1))

    assert [answer_of(policy, at=moment) for moment in moments] == [before, at, after]


@pytest.mark.parametrize(
    ("value", "answer"),
    [
        ("2026-11-29T14:15:00Z", YES),
        ("2026-11-29T14:15Z", YES),
        ("2026-11-29T14:15:00.000Z", YES),
        ("2026-11-29T14:15:00+02:00", YES),
        ("2026-11-29", YES),
        ("2026-11-28T11:00:00+02:00", NO),
        ("2026-11-28", NO),
        (["2026-11-27", "2026-11-29"], YES),
        (["soon", "2026-11-29"], YES),
        (["soon", "2026-11-27"], UNKNOWN),
        ("2026-11-29T14:15:00", UNKNOWN),
        ("1795961700", UNKNOWN),
        ("2026-13-29T14:15:00Z", UNKNOWN),
        ("0001-01-01T00:00:00+14:00", UNKNOWN),
        ("2026-W48-7", UNKNOWN),
        (1795961700, UNKNOWN),
    ],
)
def test_dates_are_read_in_the_documented_forms_only(value: object, answer: Answer) -> None:
    assert answer_of(a_policy({"Condition": {"DateLessThan": {"aws:CurrentTime": value}}})) is answer


@pytest.mark.parametrize(
    ("operator", "value", "alice", "bob", "everyone"),
    [
        ("StringEquals", "a-alice", YES, NO, NO),
        ("StringEquals", ["a-alice", "b-bob"], YES, YES, NO),
        ("StringEquals", "A-ALICE", NO, NO, NO),
        ("StringEquals", "*", NO, NO, NO),
        ("StringEqualsIfExists", "a-alice", YES, NO, NO),
        ("StringEqualsIgnoreCase", "A-ALICE", YES, NO, NO),
        ("StringLike", "a-*", YES, NO, NO),
        ("StringLike", ["x", "*"], YES, YES, YES),
        ("StringNotEquals", "a-alice", NO, YES, UNKNOWN),
        ("StringNotEquals", ["a-alice", "b-bob"], NO, NO, UNKNOWN),
        ("StringNotEqualsIgnoreCase", "A-alice", NO, YES, UNKNOWN),
        ("StringNotLike", "a-*", NO, YES, UNKNOWN),
        ("StringNotLike", "*", NO, NO, NO),
        ("StringEquals", "${identitystore:UserId}", UNKNOWN, UNKNOWN, NO),
        ("ForAllValues:StringEquals", "a-alice", UNKNOWN, UNKNOWN, UNKNOWN),
        ("ArnEquals", "a-alice", UNKNOWN, UNKNOWN, UNKNOWN),
    ],
)
def test_conditions_on_the_person_are_judged_for_one_and_for_everyone(
    operator: str, value: object, alice: Answer, bob: Answer, everyone: Answer
) -> None:
    policy = a_policy({"Condition": {operator: {"IdentityStore:UserId": value}}})

    assert [answer_of(policy, person) for person in (ALICE, BOB, None)] == [alice, bob, everyone]


def test_a_deny_for_one_person_is_unknown_for_everyone() -> None:
    # Whether Bob holds the set is not written in the policy.
    condition = {"StringEquals": {"identitystore:UserId": "b-bob"}}
    policy = a_policy({}, {"Effect": "Deny", "Condition": condition})

    assert [answer_of(policy, person) for person in (ALICE, BOB, None)] == [YES, NO, UNKNOWN]


@pytest.mark.parametrize("key", ["aws:ResourceAccount", "aws:PrincipalAccount"])
def test_conditions_on_the_accounts_are_judged(key: str) -> None:
    inside = a_policy({"Condition": {"StringEquals": {key: ["222222222222", ACCOUNT]}}})
    outside = a_policy({"Condition": {"StringEquals": {key: "222222222222"}}})

    assert (answer_of(inside), answer_of(outside)) == (YES, NO)


def test_the_roles_account_is_not_the_persons() -> None:
    condition = {"StringEquals": {"aws:ResourceAccount": ACCOUNT, "aws:PrincipalAccount": "222222222222"}}

    verdict = evaluate(
        a_policy({"Condition": condition}),
        role_arn=READER,
        person=ALICE,
        at=NOW,
        account=AccountId("222222222222"),
    )

    assert verdict.allowed is YES


@pytest.mark.parametrize("key", ["aws:userid", "aws:PrincipalTag/team", "aws:CurrentTime", "aws:SourceIp"])
def test_any_other_key_is_unknown(key: str) -> None:
    assert answer_of(a_policy({"Condition": {"StringEquals": {key: "x"}}})) is UNKNOWN
    assert answer_of(a_policy({"Condition": {"StringEqualsIfExists": {key: "x"}}})) is UNKNOWN


def test_all_conditions_have_to_hold() -> None:
    condition = {
        "StringEquals": {"identitystore:UserId": "b-bob"},
        "IpAddress": {"aws:SourceIp": "10.0.0.0/8"},
    }

    assert answer_of(a_policy({"Condition": condition}), ALICE) is NO
    assert answer_of(a_policy({"Condition": condition}), BOB) is UNKNOWN


def test_a_managed_statement_means_what_it_was_written_for() -> None:
    statement = ManagedStatement(resources=(READER,), people=(ALICE, BOB), ends_at=SOON)
    policy = a_policy(statement)

    assert verdict_of(policy).allowed_by == (statement.sid,)
    assert verdict_of(policy).foreign_allows is NO
    assert coverage_of(policy) == Coverage(answer=YES, ends_at=SOON)
    assert answer_of(policy, BOB) is YES
    assert answer_of(policy, IdentityUserId("carol")) is NO
    assert answer_of(policy, None) is NO
    assert answer_of(policy, at=SOON) is NO


def test_coverage_tells_managed_from_foreign_statements() -> None:
    policy = a_policy(
        ManagedStatement(resources=(READER,), people=(), ends_at=SOON),
        {"Condition": {"DateLessThan": {"aws:CurrentTime": "2026-12-24T00:00:00Z"}}},
    )

    christmas = datetime(2026, 12, 24, tzinfo=UTC)

    assert coverage_of(policy, managed=True) == Coverage(answer=YES, ends_at=SOON)
    assert coverage_of(policy, managed=False) == Coverage(answer=YES, ends_at=christmas)
    assert coverage_of(policy) == Coverage(answer=YES, ends_at=christmas)
    assert verdict_of(policy).foreign_allows is YES
    assert verdict_of(policy).foreign_allows_until == christmas


def test_the_latest_end_stands_and_no_end_is_the_latest() -> None:
    ending = {"Condition": {"DateLessThan": {"aws:CurrentTime": ["2026-11-29", "2026-12-01"]}}}

    assert coverage_of(a_policy(ending)).ends_at == datetime(2026, 12, 1, tzinfo=UTC)
    assert coverage_of(a_policy(ending, {})) == Coverage(answer=YES, ends_at=None)


def test_of_two_ends_in_one_statement_the_earlier_counts() -> None:
    condition = {
        "DateLessThan": {"aws:CurrentTime": "2026-12-01"},
        "DateLessThanEquals": {"aws:CurrentTime": "2026-11-30"},
        "DateGreaterThan": {"aws:CurrentTime": "2026-11-01"},
    }

    assert coverage_of(a_policy({"Condition": condition})).ends_at == datetime(2026, 11, 30, tzinfo=UTC)


def test_a_condition_on_accounts_is_no_certain_coverage() -> None:
    # Whether aws:ResourceAccount works for AssumeRole is not verified; aws.md, section 3.
    policy = a_policy({"Condition": {"StringEquals": {"aws:ResourceAccount": ACCOUNT}}})

    assert coverage_of(policy).answer is UNKNOWN
    assert coverage_of(a_policy({"Condition": {"StringEquals": {"aws:ResourceAccount": "2"}}})).answer is NO


def test_coverage_is_unknown_where_a_statement_is() -> None:
    policy = a_policy({"Condition": {"Bool": {"aws:SecureTransport": "true"}}})

    assert coverage_of(policy) == Coverage(answer=UNKNOWN)


def test_a_foreign_deny_counts_against_managed_coverage_too() -> None:
    deny = {"Effect": "Deny", "Resource": "*"}
    unclear = deny | {"Condition": {"Bool": {"aws:SecureTransport": "false"}}}
    statement = ManagedStatement(resources=(READER,), people=(), ends_at=None)

    assert coverage_of(a_policy(statement, deny), managed=True).answer is NO
    assert coverage_of(a_policy(statement, unclear), managed=True).answer is UNKNOWN


def test_what_ends_before_the_ask_does_not_last() -> None:
    assert Coverage(answer=YES, ends_at=SOON).lasts(SOON)
    assert not Coverage(answer=YES, ends_at=SOON).lasts(None)
    assert not Coverage(answer=YES, ends_at=SOON).lasts(SOON + timedelta(minutes=15))
    assert Coverage(answer=YES).lasts(None)
    assert not Coverage(answer=UNKNOWN).lasts(SOON)
    assert not Coverage(answer=NO).lasts(SOON)


@pytest.mark.parametrize(
    ("pattern", "text", "matches"),
    [
        ("", "", True),
        ("", "a", False),
        ("*", "", True),
        ("?", "", False),
        ("**a**", "a", True),
        ("a*b*c", "a-b-b-c", True),
        ("a*b*c", "a-b-b", False),
        ("*?a", "a", False),
        ("*ab", "aab", True),
        ("[a]", "a", False),
        ("a.c", "abc", False),
    ],
)
def test_patterns_match_as_iams_do(pattern: str, text: str, matches: bool) -> None:
    assert like(pattern, text) is matches


def test_a_pattern_made_of_stars_takes_no_time() -> None:
    assert not like("*a" * 2_000 + "b", "a" * 2_000)


def test_unknown_is_neither_swallowed_nor_spread() -> None:
    assert all_of([]) is YES
    assert all_of([YES, UNKNOWN]) is UNKNOWN
    assert all_of([UNKNOWN, NO]) is NO
    assert any_of([]) is NO
    assert any_of([NO, UNKNOWN]) is UNKNOWN
    assert any_of([UNKNOWN, YES]) is YES
    assert [opposite(answer) for answer in (YES, NO, UNKNOWN)] == [NO, YES, UNKNOWN]
