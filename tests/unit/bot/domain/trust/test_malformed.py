"""What is no trust policy, or no clear one, is unknown and never an exception."""

import json

import pytest

from bot.domain.trust import Why, sso_groups_in
from bot.sandbox.aws.workbench import trust_policy
from tests.unit.bot.domain.trust.documents import (
    ACCOUNT,
    NO,
    ROOT,
    SSO,
    UNKNOWN,
    YES,
    Json,
    answer,
    ask,
    under,
)


@pytest.mark.parametrize(
    "document",
    [
        "",
        " ",
        "no json",
        "null",
        "[]",
        "{}",
        '{"Statement":[]}',
        '{"Statement":null}',
        '{"Statement":[null]}',
        '{"Statement":[[]]}',
        '{"Statement":{"Effect":"allow","Principal":"*","Action":"*"}}',
        '{"Statement":{"Principal":"*","Action":"*"}}',
        '{"Statement":{"Effect":"Allow","Effect":"Deny","Principal":"*","Action":"*"}}',
        '{"Statement":[{"Sid":"A","Effect":"Allow","Principal":"*","Action":"*"},{"Sid":"A","Effect":"Deny"}]}',
        '{"Statement":{"Effect":"Allow","Principal":"*","Action":"*","Condition":{"A":{"b":NaN}}}}',
        "[" * 100_000,
        '{"Statement":' + '{"a":' * 60 + "1" + "}" * 61,
        "\ud800",
    ],
)
def test_what_is_no_policy_is_unknown_and_never_an_exception(document: str) -> None:
    verdict = ask(document)

    assert (verdict.answer, verdict.without_identity, verdict.why) == (UNKNOWN, UNKNOWN, Why.UNREADABLE)
    assert sso_groups_in(document) == ()


@pytest.mark.parametrize(
    "extra",
    [
        {"Resource": "*"},
        {"action": "sts:AssumeRole"},
        {"Condition": None},
        {"Condition": []},
        {"Condition": "x"},
        {"Condition": {"StringEquals": "x"}},
        {"Condition": {"StringEquals": ["x"]}},
        {"NotAction": "s3:*"},
        {"NotPrincipal": {"AWS": ROOT}},
    ],
)
def test_a_malformed_statement_is_unknown(extra: Json) -> None:
    assert answer(extra) is UNKNOWN


def test_a_parsed_document_is_judged_like_its_text() -> None:
    parsed = trust_policy("aws", ACCOUNT, ["DataScientist"])

    assert ask(parsed) == ask(json.dumps(parsed))
    assert ask({"Statement": {"Effect": "Allow", "Principal": "*", "Action": {1, 2}}}).why is Why.UNREADABLE
    assert (
        ask({"Statement": {"Effect": "Allow", "Principal": "*", "Action": float("nan")}}).why
        is Why.UNREADABLE
    )


def test_a_huge_document_is_judged_too() -> None:
    others = [f"{SSO}*/AWSReservedSSO_{'*a' * 500}{number}_*" for number in range(1_000)]

    assert answer(under("ArnLike", "aws:PrincipalArn", others)) is NO
    assert answer(*[{"Sid": f"S{number}", "Action": "x:y"} for number in range(5_000)], {}) is YES
