"""Whom a role's trust policy lets in: the genuine shapes of Workbench, and what somebody might have written."""

import json
from dataclasses import replace

import pytest

from bot.domain.names import RoleArn
from bot.domain.three_valued import Answer
from bot.domain.trust import TrustVerdict, Why, prefixes_of, sso_groups_in
from bot.sandbox.aws.workbench import trust_policy
from tests.unit.bot.domain.trust.documents import (
    ACCOUNT,
    NO,
    NOT_THERE_YET,
    OTHER,
    ROOT,
    SESSION,
    SSO,
    SSO_ROLE,
    STS_ROLE,
    UNKNOWN,
    YES,
    Json,
    a_document,
    a_session,
    answer,
    ask,
    under,
)


def test_workbench_without_groups_trusts_everybody_in_the_account_whom_an_identity_policy_lets_out() -> None:
    verdict = ask(json.dumps(trust_policy("aws", ACCOUNT)))

    assert verdict == TrustVerdict(
        answer=YES, without_identity=NO, without_boundary=NO, by=("#3",), why=Why.ADMITTED
    )
    assert verdict.needs_identity_allow


@pytest.mark.parametrize("region", ["us-east-1", "eu-central-1"])
@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize(
    ("groups", "expected", "why"),
    [
        (["DataScientist"], YES, Why.ADMITTED),
        (["Admins", "DataScientist"], YES, Why.ADMITTED),
        (["DataScience"], NO, Why.OTHERS_ONLY),
        (["DataScientist_Admin"], NO, Why.OTHERS_ONLY),
        (["datascientist"], NO, Why.OTHERS_ONLY),
    ],
)
def test_workbench_with_groups_trusts_the_sets_of_these_names(
    groups: list[str], region: str, known: bool, expected: Answer, why: Why
) -> None:
    verdict = ask(json.dumps(trust_policy("aws", ACCOUNT, groups)), a_session("DataScientist", region, known))

    assert (verdict.answer, verdict.why) == (expected, why)


@pytest.mark.parametrize("known", [True, False])
def test_a_pattern_admits_longer_names_and_the_cause_can_be_named(known: bool) -> None:
    document = json.dumps(trust_policy("aws", ACCOUNT, ["Admins", "DataScientist"]))

    verdict = ask(document, a_session("DataScientist_Admin", known=known))

    assert (verdict.answer, verdict.by) == (YES, ("#3",))
    assert prefixes_of("DataScientist_Admin", sso_groups_in(document)) == ("DataScientist",)
    assert prefixes_of("DataScientist", sso_groups_in(document)) == ()
    assert prefixes_of("DataScientists", sso_groups_in(document)) == ()


def test_further_trusted_arns_change_nothing_for_a_permission_set() -> None:
    arns = ["arn:aws:iam::222222222222:role/Automation", f"{STS_ROLE}/alice@example.com"]

    assert ask(json.dumps(trust_policy("aws", ACCOUNT, ["DataScientist"], arns))).answer is YES
    assert ask(json.dumps(trust_policy("aws", ACCOUNT, ["Admins"], arns))).answer is NO
    assert ask(json.dumps(trust_policy("aws", ACCOUNT, [], arns))).answer is NO
    assert ask(json.dumps(trust_policy("aws", ACCOUNT, [], [SSO_ROLE]))).answer is YES


def test_workbench_with_groups_admits_nobody_outside_the_commercial_partition() -> None:
    # Its patterns say arn:aws: everywhere, while its principal follows the partition.
    role = RoleArn(f"arn:aws-us-gov:iam::{ACCOUNT}:role/Workbench-BuilderRole")
    session = a_session("DataScientist", "us-gov-west-1", partition="aws-us-gov")

    with_groups = ask(json.dumps(trust_policy("aws-us-gov", ACCOUNT, ["DataScientist"])), session, role)
    without = ask(json.dumps(trust_policy("aws-us-gov", ACCOUNT)), session, role)

    assert (with_groups.answer, with_groups.why) == (NO, Why.OTHERS_ONLY)
    assert without.answer is YES


def test_a_set_in_another_account_is_not_trusted() -> None:
    session = replace(SESSION, account=OTHER, role_arn=SSO_ROLE.replace(ACCOUNT, OTHER))

    verdict = ask(json.dumps(trust_policy("aws", ACCOUNT, ["DataScientist"])), session)

    assert (verdict.answer, verdict.why) == (NO, Why.NOT_NAMED)


@pytest.mark.parametrize(
    "principal", [f"arn:aws:iam::{OTHER}:root", SSO_ROLE.replace(ACCOUNT, OTHER), "*", OTHER]
)
def test_across_accounts_an_identity_policy_has_to_allow_it_whomever_the_trust_policy_names(
    principal: str,
) -> None:
    session = replace(SESSION, account=OTHER, role_arn=SSO_ROLE.replace(ACCOUNT, OTHER))

    verdict = ask(a_document({"Principal": {"AWS": principal}}), session)

    assert (verdict.answer, verdict.without_identity, verdict.without_boundary) == (YES, NO, NO)


@pytest.mark.parametrize(
    ("principal", "expected"),
    [
        ({"AWS": ROOT}, (YES, NO, NO)),
        ({"AWS": ACCOUNT}, (YES, NO, NO)),
        ({"AWS": [f"arn:aws:iam::{OTHER}:root", ROOT]}, (YES, NO, NO)),
        ({"AWS": SSO_ROLE}, (YES, YES, NO)),
        ({"AWS": [ROOT, SSO_ROLE]}, (YES, YES, NO)),
        ({"AWS": f"{STS_ROLE}/alice@example.com"}, (YES, YES, YES)),
        ("*", (YES, YES, UNKNOWN)),
        ({"AWS": "*"}, (YES, YES, UNKNOWN)),
        ({"AWS": f"{STS_ROLE}/bob@example.com"}, (NO, NO, NO)),
        ({"AWS": OTHER}, (NO, NO, NO)),
        ({"AWS": f"arn:aws:iam::{OTHER}:root"}, (NO, NO, NO)),
        ({"AWS": f"arn:aws-cn:iam::{ACCOUNT}:root"}, (NO, NO, NO)),
        ({"AWS": f"{SSO}eu-central-1/AWSReservedSSO_DataScientist_fedcba9876543210"}, (NO, NO, NO)),
        ({"AWS": f"arn:aws:iam::{ACCOUNT}:role/Jenkins"}, (NO, NO, NO)),
        ({"AWS": f"arn:aws:iam::{ACCOUNT}:user/alice"}, (NO, NO, NO)),
        ({"AWS": f"arn:aws:sts::{ACCOUNT}:federated-user/alice"}, (NO, NO, NO)),
        ({"Service": "ecs-tasks.amazonaws.com"}, (NO, NO, NO)),
        ({"Service": ["ecs-tasks.amazonaws.com"], "AWS": ROOT}, (YES, NO, NO)),
        ({"Federated": f"arn:aws:iam::{ACCOUNT}:saml-provider/AWSSSO_X"}, (NO, NO, NO)),
        # Names are unique in an account, so another path or case can hardly mean another role.
        (
            {"AWS": f"arn:aws:iam::{ACCOUNT}:role/AWSReservedSSO_DataScientist_0123456789abcdef"},
            (UNKNOWN, UNKNOWN, NO),
        ),
        ({"AWS": SSO_ROLE.lower()}, (UNKNOWN, UNKNOWN, NO)),
    ],
)
def test_principals_take_hold_of_the_account_the_role_or_the_session(
    principal: object, expected: tuple[Answer, Answer, Answer]
) -> None:
    verdict = ask(a_document({"Principal": principal}))

    assert (verdict.answer, verdict.without_identity, verdict.without_boundary) == expected


def test_an_id_means_somebody_who_is_gone_unless_it_is_our_own() -> None:
    ours = {"Principal": {"AWS": "AROAEXAMPLE0000000001"}}
    gone = {"Principal": {"AWS": "AROAEXAMPLE0000000002"}}

    assert (answer(ours), answer(gone)) == (YES, NO)
    assert answer(gone, session=NOT_THERE_YET) is UNKNOWN
    assert answer({"Principal": {"AWS": "AIDAEXAMPLE0000000002"}}, session=NOT_THERE_YET) is NO


@pytest.mark.parametrize(
    "principal",
    [
        None,
        [],
        {},
        ["*"],
        "",
        ROOT,
        {"AWS": []},
        {"AWS": None},
        {"AWS": 111111111111},
        {"AWS": {"a": ROOT}},
        {"AWS": [OTHER, 1]},
        {"Service": []},
        {"aws": OTHER},
        {"CanonicalUser": "79a59df900b949e5"},
        {"AWS": "11111111111"},
        {"AWS": "１１１１１１１１１１１１"},
        {"AWS": f"arn:aws:iam::{ACCOUNT}:role/*"},
        {"AWS": f"arn:aws:iam::{ACCOUNT}:role/"},
        {"AWS": f"arn:aws:iam::{ACCOUNT}:root/x"},
        {"AWS": f"arn:aws:iam::{ACCOUNT}:group/staff"},
        {"AWS": f"arn:aws:iam::{ACCOUNT}:role/x\n"},
        {"AWS": "arn:aws:iam::*:root"},
        {"AWS": "cloudfront"},
    ],
)
@pytest.mark.parametrize("effect", ["Allow", "Deny"])
def test_a_principal_that_iam_would_not_take_is_unknown(principal: object, effect: str) -> None:
    document = a_document(
        {"Effect": effect, "Principal": principal},
        {"Effect": "Allow"} if effect == "Deny" else {"Action": "x:y"},
    )

    assert ask(document).answer is UNKNOWN


def test_not_principal_is_unknown_where_it_matters() -> None:
    excluding = {"Effect": "Deny", "NotPrincipal": {"AWS": ROOT}, "Action": "sts:*"}
    document = json.dumps({"Statement": [excluding, {"Effect": "Allow", "Principal": "*", "Action": "*"}]})
    elsewhere = document.replace("sts:*", "sts:TagSession")

    assert (ask(document).answer, ask(document).why) == (UNKNOWN, Why.UNCLEAR)
    assert ask(elsewhere).answer is YES


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        ({"Action": "sts:AssumeRole"}, YES),
        ({"Action": "STS:assume*"}, YES),
        ({"Action": ["sts:TagSession", "sts:Assume????"]}, YES),
        ({"Action": "*"}, YES),
        ({"Action": "sts:TagSession"}, NO),
        ({"Action": "sts:AssumeRole "}, NO),
        ({"Action": "ſts:AssumeRole"}, NO),
        ({"Action": []}, UNKNOWN),
        ({"Action": None}, UNKNOWN),
    ],
)
def test_actions_match_in_any_case_and_not_action_is_their_opposite(action: Json, expected: Answer) -> None:
    opposite = {YES: NO, NO: YES, UNKNOWN: UNKNOWN}[expected]
    negated = {"Effect": "Allow", "Principal": "*", "NotAction": action["Action"]}

    assert answer(action) is expected
    assert ask(json.dumps({"Statement": negated})).answer is opposite


def test_an_explicit_deny_wins_and_is_named() -> None:
    verdict = ask(
        a_document({"Sid": "Team"}, {"Sid": "Closed", "Effect": "Deny"}, {"Effect": "Deny", "Action": "s3:*"})
    )

    assert (verdict.answer, verdict.why, verdict.by) == (NO, Why.DENIED, ("Closed",))
    assert verdict.without_identity is NO


def test_a_deny_that_names_the_account_is_no_admission_that_failed() -> None:
    deny = {"Effect": "Deny"} | under("StringEquals", "aws:PrincipalAccount", OTHER)

    verdict = ask(a_document({"Principal": {"AWS": OTHER}}, deny))

    assert (verdict.answer, verdict.why) == (NO, Why.NOT_NAMED)


def test_a_deny_for_the_session_of_somebody_else_is_nothing_to_us() -> None:
    bob = {"Effect": "Deny", "Principal": {"AWS": f"{STS_ROLE}/bob@example.com"}}

    assert answer({}, bob) is YES
    assert answer({}, bob, session=replace(SESSION, user_name=None)) is UNKNOWN


def test_the_unclear_statements_are_named() -> None:
    verdict = ask(a_document({"Sid": "Sure"}, {"Sid": "Odd", "Effect": "Deny"} | under("X", "a:b", "c")))
    other = ask(a_document({"Action": "s3:*"}, {"Sid": "Odd"} | under("X", "a:b", "c")))

    assert (verdict.why, verdict.by) == (Why.UNCLEAR, ("Odd",))
    assert (other.why, other.by) == (Why.UNCLEAR, ("Odd",))


def test_a_statement_with_a_sid_like_a_place_hides_no_other() -> None:
    verdict = ask(a_document({"Sid": "#2", "Effect": "Deny"}, {"Effect": "Deny", "Action": "s3:*"}))

    assert (verdict.answer, verdict.by) == (NO, ("#2",))


@pytest.mark.parametrize(
    ("statement", "by_role"),
    [
        (under("ArnLike", "aws:PrincipalArn", f"{SSO}*/AWSReservedSSO_DataScientist_*"), YES),
        (under("ArnLike", "aws:PrincipalArn", f"{SSO}*AWSReservedSSO_DataScientist_????????????????"), YES),
        (under("StringLike", "aws:PrincipalArn", "*DataScientist_*?"), YES),
        (under("ArnLike", "aws:PrincipalArn", f"{SSO}*/AWSReservedSSO_DataScientist_???????????????"), NO),
        (under("ArnLike", "aws:PrincipalArn", f"{SSO}*/AWSReservedSSO_DataScientist_0*"), UNKNOWN),
        (under("ArnLike", "aws:PrincipalArn", f"{SSO}*/AWSReservedSSO_DataScientist_g*"), NO),
        (under("StringEquals", "aws:PrincipalArn", SSO_ROLE), UNKNOWN),
        (under("StringEquals", "aws:PrincipalArn", SSO_ROLE[:-1]), NO),
        (under("StringEquals", "aws:PrincipalArn", SSO_ROLE[:-1] + "g"), NO),
        (under("StringEqualsIgnoreCase", "aws:PrincipalArn", SSO_ROLE.upper()), UNKNOWN),
        (under("StringNotEquals", "aws:PrincipalArn", SSO_ROLE), UNKNOWN),
        (under("ArnNotLike", "aws:PrincipalArn", f"{SSO}*/AWSReservedSSO_Admins_*"), YES),
        ({"Principal": {"AWS": SSO_ROLE}}, UNKNOWN),
        ({"Principal": {"AWS": f"{STS_ROLE}/alice@example.com"}}, UNKNOWN),
        ({"Principal": {"AWS": f"{STS_ROLE}/bob@example.com"}}, NO),
        ({"Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:role/Jenkins"}}, NO),
    ],
)
def test_a_role_that_is_not_known_yet_is_admitted_only_under_every_suffix(
    statement: Json, by_role: Answer
) -> None:
    assert answer(statement, session=NOT_THERE_YET) is by_role


def test_a_role_arn_that_is_none_admits_nobody_for_sure() -> None:
    condition = under("StringEquals", "aws:ResourceAccount", ACCOUNT)

    verdict = ask(a_document({"Principal": {"AWS": SSO_ROLE}}), role=RoleArn("Workbench-BuilderRole"))

    assert verdict.needs_identity_allow
    assert ask(a_document(condition), role=RoleArn("x")).answer is NO
