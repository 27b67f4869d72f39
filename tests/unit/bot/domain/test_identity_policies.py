"""What the policies of a permission set say together, and what both sides of a call say together."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from bot.domain.identity_policies import (
    Attached,
    IdentityVerdict,
    Source,
    evaluate_identity,
    may_assume,
)
from bot.domain.managed_policies import managed_policy
from bot.domain.names import AccountId, IdentityUserId, PermissionSetName, RoleArn
from bot.domain.sso_session import SsoSession
from bot.domain.three_valued import Answer
from bot.domain.trust import TrustVerdict, Why

Json = dict[str, Any]
ACCOUNT = AccountId("111111111111")
ROLE = RoleArn(f"arn:aws:iam::{ACCOUNT}:role/Workbench-BuilderRole")
NOW = datetime(2026, 11, 28, 9, 0, tzinfo=UTC)
YES, NO, UNKNOWN = Answer.YES, Answer.NO, Answer.UNKNOWN

ALLOW: Json = {"Sid": "Yes", "Effect": "Allow", "Action": "sts:AssumeRole", "Resource": ROLE}
DENY: Json = {"Sid": "No", "Effect": "Deny", "Action": "sts:*", "Resource": "*"}
OTHER: Json = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
MAYBE = {"Condition": {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}}
SESSION = SsoSession(
    partition="aws",
    account=ACCOUNT,
    permission_set=PermissionSetName("DataScientist"),
    region="eu-central-1",
    organisation="o-example1234",
)
SECRET = Attached(name="CompanyGuardrail", policy=None)


def a_policy(name: str, *statements: Json) -> Attached:
    return Attached.read(name, json.dumps({"Version": "2012-10-17", "Statement": list(statements)}))


def ask(*documents: Attached, boundary: Attached | None = None) -> IdentityVerdict:
    return evaluate_identity(
        documents,
        boundary,
        role_arn=ROLE,
        person=IdentityUserId("a-alice"),
        at=NOW,
        account=ACCOUNT,
        context=SESSION.context,
    )


def a_trust(answer: Answer, without_identity: Answer = NO, without_boundary: Answer = NO) -> TrustVerdict:
    return TrustVerdict(
        answer=answer,
        without_identity=without_identity,
        without_boundary=without_boundary,
        by=(),
        why=Why.ADMITTED,
    )


def test_one_allow_in_any_policy_is_enough() -> None:
    verdict = ask(a_policy("inline", OTHER), a_policy("Team", ALLOW))

    assert (verdict.allowed, verdict.granted, verdict.denied) == (YES, YES, NO)
    assert verdict.granted_by == (Source(policy="Team", sid="Yes"),)
    assert (verdict.denied_by, verdict.unread) == ((), ())


def test_a_deny_in_any_policy_wins_and_is_named() -> None:
    verdict = ask(a_policy("inline", ALLOW), a_policy("Guardrail", DENY))

    assert (verdict.allowed, verdict.denied) == (NO, YES)
    assert verdict.denied_by == (Source(policy="Guardrail", sid="No"),)


def test_without_any_policy_nothing_is_allowed() -> None:
    verdict = ask()

    assert (verdict.allowed, verdict.granted, verdict.inside, verdict.denied) == (NO, NO, YES, NO)
    assert (verdict.granted_by, verdict.denied_by, verdict.boundary) == ((), (), None)


def test_a_policy_that_nobody_can_read_leaves_it_unknown() -> None:
    verdict = ask(a_policy("inline", ALLOW), SECRET)

    assert (verdict.allowed, verdict.granted, verdict.denied) == (UNKNOWN, YES, UNKNOWN)
    assert verdict.denied_by == (Source(policy="CompanyGuardrail", sid=None),)
    assert verdict.unread == ("CompanyGuardrail",)


def test_a_policy_that_nobody_can_read_does_not_save_what_is_denied() -> None:
    assert ask(a_policy("inline", ALLOW, DENY), SECRET).allowed is NO
    assert ask(a_policy("inline", DENY), SECRET).allowed is NO


def test_a_policy_that_nobody_can_read_might_allow_it() -> None:
    verdict = ask(a_policy("inline", OTHER), SECRET)

    assert (verdict.allowed, verdict.granted) == (UNKNOWN, UNKNOWN)
    assert verdict.granted_by == (Source(policy="CompanyGuardrail", sid=None),)


def test_a_document_that_is_no_policy_counts_as_unread() -> None:
    assert Attached.read("inline", "{}").policy is None
    assert ask(Attached.read("inline", '{"Statement":1}')).unread == ("inline",)


def test_the_boundary_has_to_allow_it_too() -> None:
    inside = ask(a_policy("inline", ALLOW), boundary=a_policy("Limit", {**ALLOW, "Resource": "*"}))
    outside = ask(a_policy("inline", ALLOW), boundary=a_policy("Limit", OTHER))
    denied = ask(a_policy("inline", ALLOW), boundary=a_policy("Limit", ALLOW, DENY))
    unread = ask(a_policy("inline", ALLOW), boundary=SECRET)

    assert [each.allowed for each in (inside, outside, denied, unread)] == [YES, NO, NO, UNKNOWN]
    assert [each.inside for each in (inside, outside, denied, unread)] == [YES, NO, NO, UNKNOWN]
    assert (outside.denied, outside.boundary) == (NO, "Limit")
    assert denied.denied_by == (Source(policy="Limit", sid="No"),)
    assert unread.unread == ("CompanyGuardrail",)


def test_a_boundary_alone_allows_nothing() -> None:
    verdict = ask(boundary=a_policy("Limit", ALLOW))

    assert (verdict.allowed, verdict.granted, verdict.inside) == (NO, NO, YES)


def test_what_is_sure_is_named_before_what_is_unknown() -> None:
    verdict = ask(a_policy("a", ALLOW | MAYBE), a_policy("b", ALLOW), a_policy("c", DENY | MAYBE))

    assert (verdict.granted, verdict.granted_by) == (YES, (Source(policy="b", sid="Yes"),))
    assert (verdict.denied, verdict.denied_by) == (UNKNOWN, (Source(policy="c", sid="No"),))
    assert verdict.allowed is UNKNOWN


def test_the_session_is_known_to_the_conditions_of_identity_policies() -> None:
    ours = {"Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-example1234"}}}
    ops = {"Condition": {"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/*/AWSReservedSSO_Ops_*"}}}

    assert ask(a_policy("inline", ALLOW | ours)).allowed is YES
    assert ask(a_policy("inline", ALLOW | ops)).allowed is NO
    assert ask(a_policy("inline", ALLOW), a_policy("Guardrail", DENY | ops)).allowed is YES


@pytest.mark.parametrize("trusted", list(Answer))
@pytest.mark.parametrize("allowed", list(Answer))
def test_both_sides_have_to_allow(trusted: Answer, allowed: Answer) -> None:
    policies = {YES: [ALLOW], NO: [OTHER], UNKNOWN: [ALLOW | MAYBE]}

    answer = may_assume(a_trust(trusted), ask(a_policy("inline", *policies[allowed])))

    worst = NO if NO in (trusted, allowed) else UNKNOWN if UNKNOWN in (trusted, allowed) else YES
    assert answer is worst


def test_a_trust_policy_that_names_the_role_needs_no_identity_allow_but_the_boundary() -> None:
    trust = a_trust(YES, without_identity=YES)
    limit = a_policy("Limit", OTHER)

    assert may_assume(trust, ask()) is YES
    assert may_assume(trust, ask(boundary=a_policy("Limit", ALLOW))) is YES
    assert may_assume(trust, ask(boundary=limit)) is NO
    assert may_assume(trust, ask(a_policy("inline", DENY))) is NO
    assert may_assume(a_trust(YES, UNKNOWN), ask()) is UNKNOWN
    assert may_assume(a_trust(YES, UNKNOWN), ask(a_policy("inline", ALLOW))) is YES


def test_a_trust_policy_that_names_the_session_needs_neither() -> None:
    trust = a_trust(YES, without_identity=YES, without_boundary=YES)

    assert may_assume(trust, ask(boundary=a_policy("Limit", OTHER))) is YES
    assert may_assume(trust, ask(boundary=a_policy("Limit", DENY))) is NO
    assert may_assume(a_trust(YES, YES, UNKNOWN), ask(boundary=a_policy("Limit", OTHER))) is UNKNOWN


@pytest.mark.parametrize(
    ("arn", "allowed", "denied"),
    [
        ("arn:aws:iam::aws:policy/AdministratorAccess", YES, NO),
        ("arn:aws-us-gov:iam::aws:policy/AdministratorAccess", YES, NO),
        ("arn:aws:iam::aws:policy/PowerUserAccess", YES, NO),
        ("arn:aws:iam::aws:policy/ReadOnlyAccess", NO, NO),
        ("arn:aws:iam::aws:policy/job-function/ViewOnlyAccess", NO, NO),
        ("arn:aws:iam::aws:policy/job-function/DataScientist", NO, NO),
        ("arn:aws:iam::aws:policy/AWSDenyAll", NO, YES),
    ],
)
def test_well_known_policies_of_aws_are_judged_by_name(arn: str, allowed: Answer, denied: Answer) -> None:
    verdict = ask(Attached(name=arn, policy=managed_policy(arn)))

    assert (verdict.allowed, verdict.denied, verdict.unread) == (allowed, denied, ())


@pytest.mark.parametrize(
    "arn",
    [
        "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole",
        "arn:aws:iam::aws:policy/administratoraccess",
        "arn:aws:iam::aws:policy/AdministratorAccess-Amplify",
        "arn:aws-cn:iam::aws:policy/PowerUserAccess",
        "arn:aws:iam::111111111111:policy/AdministratorAccess",
        "arn:aws:iam::aws:policy/AdministratorAccess\n",
        "arn:aws:iam::aws:role/AdministratorAccess",
        "AdministratorAccess",
        "",
    ],
)
def test_every_other_policy_is_not_known_by_name(arn: str) -> None:
    assert managed_policy(arn) is None
