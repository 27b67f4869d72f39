"""Whatever a trust policy says: no exception, no yes out of what is not understood, and a Deny is final."""

import json
from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain.sso_session import SsoSession
from bot.domain.three_valued import Answer
from bot.domain.trust import sso_groups_in, trusts
from bot.sandbox.aws.conditions import arn_like
from tests.unit.bot.domain.trust.documents import ACCOUNT, ROLE, ROOT, SSO, STS_ROLE, a_session

quick = settings(max_examples=150, deadline=None)

SESSION = a_session("DataScientist", "us-east-1")
SSO_ROLE = f"{SSO}AWSReservedSSO_DataScientist_0123456789abcdef"
STS = f"{STS_ROLE}/alice@example.com"
DENY_ALL = {"Effect": "Deny", "Principal": "*", "Action": "*"}

words = st.sampled_from(
    [
        "*",
        "sts:AssumeRole",
        "sts:*",
        "s3:*",
        ROOT,
        ACCOUNT,
        SSO_ROLE,
        STS,
        f"{SSO}*",
        "AROAEXAMPLE0000000001",
        "${a}",
    ]
)
scalars = st.one_of(words, st.text(max_size=5), st.integers(), st.booleans(), st.none())
anything = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(words | st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)
one_or_more = words | st.lists(words, max_size=3)
keys = st.sampled_from(
    ["aws:PrincipalArn", "AWS:principalaccount", "aws:SourceIp", "aws:PrincipalTag/team", ""]
)
operators = st.sampled_from(
    [
        "ArnLike",
        "ArnNotLike",
        "StringEquals",
        "StringNotLikeIfExists",
        "ForAllValues:StringLike",
        "Null",
        "Bool",
        "Odd",
    ]
)
conditions = st.dictionaries(operators, st.dictionaries(keys, one_or_more | scalars, max_size=2), max_size=2)
principals = st.just("*") | st.dictionaries(
    st.sampled_from(["AWS", "Service", "Federated", "CanonicalUser"]), one_or_more, max_size=2
)
effects = st.sampled_from(["Allow", "Deny"])


@st.composite
def statements(draw: st.DrawFn) -> dict[str, Any]:
    """Mostly well-formed; sometimes with a member that does not belong, or of a wrong type."""
    statement: dict[str, Any] = {
        "Effect": draw(effects),
        draw(st.sampled_from(["Principal", "Principal", "Principal", "NotPrincipal"])): draw(principals),
        draw(st.sampled_from(["Action", "Action", "NotAction"])): draw(one_or_more),
    }
    if draw(st.booleans()):
        statement["Condition"] = draw(conditions)
    if draw(st.integers(0, 9)) == 0:
        statement[draw(st.sampled_from(["Principal", "Action", "Condition", "Resource", "effect"]))] = draw(
            anything
        )
    return statement


documents = st.lists(statements(), min_size=1, max_size=4)
sessions = st.builds(
    lambda known, person, organisation: replace(
        SESSION,
        role_arn=SSO_ROLE if known else None,
        role_id="AROAEXAMPLE0000000001" if known else None,
        user_name="alice@example.com" if person else None,
        organisation="o-example1234" if organisation else None,
    ),
    st.booleans(),
    st.booleans(),
    st.booleans(),
)


def ask(body: list[dict[str, Any]], session: SsoSession = SESSION) -> Answer:
    document = json.dumps({"Version": "2012-10-17", "Statement": body})
    return trusts(document, session=session, role_arn=ROLE).answer


@quick
@given(document=st.text() | anything.map(json.dumps) | documents.map(json.dumps), session=sessions)
def test_no_document_raises(document: str, session: SsoSession) -> None:
    verdict = trusts(document, session=session, role_arn=ROLE)

    assert isinstance(verdict.answer, Answer)
    assert isinstance(sso_groups_in(document), tuple)


@quick
@given(document=st.dictionaries(st.sampled_from(["Statement", "Version", "Id"]), anything), session=sessions)
def test_no_parsed_document_raises(document: dict[str, object], session: SsoSession) -> None:
    assert isinstance(trusts(document, session=session, role_arn=ROLE).answer, Answer)


@quick
@given(
    body=documents,
    effect=effects,
    operator=st.text(min_size=1, max_size=12) | operators,
    key=st.sampled_from(
        ["aws:SourceIp", "aws:PrincipalTag/team", "sts:ExternalId", "ſ", "aws:PrincipalArn "]
    ),
    value=one_or_more | scalars,
)
def test_a_statement_with_an_unknown_key_never_makes_a_yes(
    body: list[dict[str, Any]], effect: str, operator: str, key: str, value: object
) -> None:
    before = ask(body)
    extra = {
        "Effect": effect,
        "Principal": {"AWS": ROOT},
        "Action": "*",
        "Condition": {operator: {key: value}},
    }

    after = ask([*body, extra])

    # Nor does it turn a yes into a no: what is not understood moves an answer towards unknown only.
    assert after in (before, Answer.UNKNOWN)


@quick
@given(body=documents, at=st.integers(0, 4), session=sessions)
def test_an_unconditional_deny_is_final(body: list[dict[str, Any]], at: int, session: SsoSession) -> None:
    assert ask([*body[:at], DENY_ALL, *body[at:]], session) is Answer.NO


@quick
@given(body=documents)
def test_the_order_of_statements_means_nothing(body: list[dict[str, Any]]) -> None:
    assert ask(body) is ask(body[::-1])


@quick
@given(body=documents, session=sessions)
def test_knowing_less_never_turns_an_answer_round(body: list[dict[str, Any]], session: SsoSession) -> None:
    assert ask(body, session) in (ask(body), Answer.UNKNOWN)


@quick
@given(body=documents)
def test_admission_without_an_identity_policy_is_admission(body: list[dict[str, Any]]) -> None:
    document = json.dumps({"Version": "2012-10-17", "Statement": body})

    verdict = trusts(document, session=SESSION, role_arn=ROLE)

    if verdict.answer is Answer.NO:
        assert (verdict.without_identity, verdict.without_boundary) == (Answer.NO, Answer.NO)
    if verdict.without_boundary is Answer.YES:
        assert verdict.without_identity is Answer.YES
    if verdict.without_identity is Answer.YES:
        assert verdict.answer is Answer.YES


@quick
@given(
    pattern=st.lists(
        st.sampled_from([*"*?:/0af", "arn", "aws", "iam", "role/", "AWSReservedSSO_DataScientist_", ACCOUNT]),
        max_size=14,
    ).map("".join)
    | st.sampled_from([f"{SSO}*_DataScientist_*", SSO_ROLE[:-3] + "???", SSO_ROLE[:-1] + "*"]),
    suffix=st.text("0123456789abcdef", min_size=16, max_size=16),
)
def test_a_pattern_judged_without_the_suffix_agrees_with_every_suffix(pattern: str, suffix: str) -> None:
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": ROOT},
        "Action": "sts:AssumeRole",
        "Condition": {"ArnLike": {"aws:PrincipalArn": pattern}},
    }

    answer = ask([statement], replace(SESSION, role_arn=None))

    truth = arn_like(pattern, f"{SSO}AWSReservedSSO_DataScientist_{suffix}")
    assert answer is Answer.UNKNOWN or (answer is Answer.YES) == truth
