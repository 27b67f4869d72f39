"""The conditions of a trust policy: judged, or unknown."""

from dataclasses import replace

import pytest

from bot.domain.three_valued import Answer
from tests.unit.bot.domain.trust.documents import (
    ACCOUNT,
    NO,
    OTHER,
    SESSION,
    SSO,
    SSO_ROLE,
    STS_ROLE,
    UNKNOWN,
    YES,
    answer,
    under,
)


@pytest.mark.parametrize(
    ("operator", "key", "value", "expected"),
    [
        ("ArnLike", "aws:PrincipalArn", f"{SSO}*/AWSReservedSSO_DataScientist_*", YES),
        ("ArnLike", "AWS:principalarn", f"{SSO}*", YES),
        ("ArnLike", "aws:PrincipalArn", f"{SSO}AWSReservedSSO_DataScientist_*", NO),
        ("ArnLike", "aws:PrincipalArn", f"arn:aws:iam::{ACCOUNT}:*", YES),
        ("ArnLike", "aws:PrincipalArn", "arn:*:iam::11111111111?:role/*", YES),
        # Each field on its own: no star takes a colon with it but the last.
        ("ArnLike", "aws:PrincipalArn", "arn:aws:iam:*:role/x:*", NO),
        ("ArnLike", "aws:PrincipalArn", ["arn:aws:iam::2:role/x", SSO_ROLE], YES),
        ("ArnLike", "aws:PrincipalArn", "*", UNKNOWN),
        ("ArnLike", "aws:PrincipalArn", "arn:aws:iam::*", UNKNOWN),
        ("ArnLike", "aws:PrincipalArn", f"{STS_ROLE}/*", NO),
        ("ArnEquals", "aws:PrincipalArn", f"{SSO}*", YES),
        ("ArnEquals", "aws:PrincipalArn", SSO_ROLE.upper(), NO),
        ("ArnLike", "aws:PrincipalAccount", "111111111111", UNKNOWN),
        ("ArnLike", "aws:PrincipalAccount", "arn:aws:iam::1:x", UNKNOWN),
        ("StringEquals", "aws:PrincipalArn", SSO_ROLE, YES),
        ("StringEquals", "aws:PrincipalArn", f"{SSO}*", NO),
        ("StringLike", "aws:PrincipalArn", "*DataScientist_????????????????", YES),
        ("StringLike", "aws:PrincipalArn", "*DataScientist_???????????????", NO),
        ("StringEqualsIgnoreCase", "aws:PrincipalArn", SSO_ROLE.upper(), YES),
        ("StringEqualsIgnoreCase", "aws:PrincipalType", "assumedrole", YES),
        ("StringEqualsIgnoreCase", "aws:PrincipalType", "aſſumedrole", UNKNOWN),
        ("StringEquals", "aws:PrincipalType", "assumedrole", NO),
        ("StringEquals", "aws:PrincipalAccount", [OTHER, ACCOUNT], YES),
        ("StringEquals", "aws:ResourceAccount", ACCOUNT, YES),
        ("StringEquals", "aws:ResourceAccount", OTHER, NO),
        ("StringEquals", "aws:PrincipalOrgID", "o-example1234", YES),
        ("StringLike", "aws:PrincipalOrgID", "o-other*", NO),
        ("StringEquals", "aws:PrincipalAccount", [], UNKNOWN),
        ("StringEquals", "aws:PrincipalAccount", 111111111111, UNKNOWN),
        ("StringEquals", "aws:PrincipalAccount", None, UNKNOWN),
        ("StringEquals", "aws:PrincipalAccount", "${aws:PrincipalAccount}", UNKNOWN),
        ("ArnLike", "aws:PrincipalArn", "arn:aws:iam::${aws:PrincipalAccount}:role/*", UNKNOWN),
        ("Bool", "aws:PrincipalArn", "true", NO),
        ("Bool", "aws:PrincipalArn", False, NO),
        ("Bool", "aws:PrincipalArn", "maybe", UNKNOWN),
        ("Bool", "aws:MultiFactorAuthPresent", "true", UNKNOWN),
        ("Null", "aws:PrincipalArn", "false", YES),
        ("Null", "aws:PrincipalArn", True, NO),
        ("Null", "aws:PrincipalArn", ["true", "false"], YES),
        ("Null", "aws:PrincipalArn", "no", UNKNOWN),
        ("Null", "aws:PrincipalArn", [], UNKNOWN),
        ("Null", "sts:ExternalId", "true", UNKNOWN),
        ("NullIfExists", "aws:PrincipalArn", "false", UNKNOWN),
        ("ForAnyValue:Null", "aws:PrincipalArn", "false", UNKNOWN),
        ("ForAnyValue:StringLike", "aws:PrincipalArn", "*DataScientist*", YES),
        ("ForAllValues:StringLike", "aws:PrincipalArn", "*Admin*", NO),
        ("ForAllValues:StringNotLikeIfExists", "aws:PrincipalArn", "*Admin*", YES),
        ("ForSomeValue:StringLike", "aws:PrincipalArn", "*Admin*", UNKNOWN),
        (":StringLike", "aws:PrincipalArn", "*Admin*", UNKNOWN),
        ("ForAnyValue:", "aws:PrincipalArn", "*Admin*", UNKNOWN),
        ("StringEqualsIfExists", "aws:PrincipalAccount", OTHER, NO),
        ("stringequals", "aws:PrincipalAccount", OTHER, UNKNOWN),
        ("StringMatches", "aws:PrincipalAccount", OTHER, UNKNOWN),
        ("NumericEquals", "aws:PrincipalAccount", ACCOUNT, UNKNOWN),
        ("BinaryEquals", "aws:PrincipalAccount", ACCOUNT, UNKNOWN),
        ("IpAddress", "aws:SourceIp", "0.0.0.0/0", UNKNOWN),
        ("StringEquals", "aws:PrincipalTag/team", "data", UNKNOWN),
        ("DateLessThan", "aws:CurrentTime", "2030-01-01T00:00:00Z", UNKNOWN),
    ],
)
def test_conditions_are_judged_or_unknown(operator: str, key: str, value: object, expected: Answer) -> None:
    deny = {"Effect": "Deny"} | under(operator, key, value)

    assert answer(under(operator, key, value)) is expected
    assert answer({}, deny) is {YES: NO, NO: YES, UNKNOWN: UNKNOWN}[expected]


@pytest.mark.parametrize(
    "operator", ["StringEquals", "StringLike", "StringEqualsIgnoreCase", "ArnLike", "ArnEquals"]
)
@pytest.mark.parametrize("value", [SSO_ROLE, f"{SSO}x:y", ["arn:aws:iam::2:role/x", "${x}"]])
def test_a_negated_operator_is_the_opposite_of_its_own(operator: str, value: object) -> None:
    negated = operator.replace("String", "StringNot").replace("Arn", "ArnNot")
    plain = answer(under(operator, "aws:PrincipalArn", value))

    opposite = answer(under(negated, "aws:PrincipalArn", value))

    assert opposite is {YES: NO, NO: YES, UNKNOWN: UNKNOWN}[plain]


def test_an_old_document_knows_no_variables() -> None:
    condition = under("StringNotEquals", "aws:PrincipalAccount", "${aws:PrincipalAccount}")

    assert answer(condition, version="2008-10-17") is YES
    assert answer(condition, version=None) is YES
    assert answer(condition) is UNKNOWN


def test_without_the_organisations_id_a_condition_on_it_is_unknown() -> None:
    session = replace(SESSION, organisation=None)

    assert answer(under("StringEquals", "aws:PrincipalOrgID", "o-x"), session=session) is UNKNOWN
    assert answer(under("Null", "aws:PrincipalOrgID", "false"), session=session) is UNKNOWN


def test_one_condition_that_fails_decides_whatever_else_is_unknown() -> None:
    unknown = {"aws:SourceIp": "10.0.0.0/8"}
    fails = {"Condition": {"IpAddress": unknown, "StringEquals": {"aws:PrincipalAccount": OTHER}}}
    holds = {"Condition": {"IpAddress": unknown, "StringEquals": {"aws:PrincipalAccount": ACCOUNT}}}

    assert (answer(fails), answer(holds)) == (NO, UNKNOWN)
    assert (answer({}, {"Effect": "Deny"} | fails), answer({}, {"Effect": "Deny"} | holds)) == (YES, UNKNOWN)


def test_a_key_twice_in_two_spellings_is_unknown() -> None:
    block = {"aws:PrincipalAccount": ACCOUNT, "AWS:principalaccount": ACCOUNT}

    assert answer({"Condition": {"StringEquals": block}}) is UNKNOWN
