"""The product's rules against answers of an independent evaluator; and the sandbox's evaluator against the same.

How the answers were made stands in `tests/vectors/make_trust_vectors.mjs`.
"""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final, cast

import pytest

from bot.domain.identity_policies import Attached, IdentityVerdict, evaluate_identity, may_assume
from bot.domain.names import AccountId, PermissionSetName, RoleArn
from bot.domain.sso_session import SsoSession
from bot.domain.three_valued import Answer
from bot.domain.trust import trusts
from bot.sandbox.aws.access import assume
from bot.sandbox.aws.evaluator import Principal
from bot.sandbox.aws.organisation import AwsOrganisation
from bot.sandbox.aws.sessions import Caller

Json = dict[str, Any]
VECTORS: Final = Path(__file__).parents[3] / "vectors" / "trust.json"
NOW: Final = datetime(2026, 11, 28, 9, 0, tzinfo=UTC)
ORGANISATION: Final = "o-example1234"
USER: Final = "alice@example.com"
ALLOW_ALL: Final = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}],
}

STAR_BEYOND_BOUNDARY: Final = {286}
"""Principal `*` and a boundary that allows nothing: the evaluator lets the session in, the sandbox keeps it
out. AWS documents that a role's ARN leaves the boundary in force and a session's ARN does not, and of `*` it
says nothing; so the product says that it does not know."""

OLD_VERSION: Final = {485}
"""`${aws:PrincipalAccount}` under Version 2008-10-17: the evaluator fills it in. AWS takes it for literal text
(reference_policies_elements_version), and so do the product and the sandbox."""


def unpacked(value: Any, texts: list[str]) -> Any:
    """A number stands for a text."""
    if isinstance(value, dict):
        return {texts[int(key)]: unpacked(inner, texts) for key, inner in value.items()}
    if isinstance(value, list):
        return [unpacked(inner, texts) for inner in value]
    return texts[value] if isinstance(value, int) else value


def the_cases() -> list[Json]:
    vectors = json.loads(VECTORS.read_text())
    return [unpacked(case, vectors["texts"]) for case in vectors["cases"]]


CASES: Final = the_cases()


def questions(case: Json) -> Iterator[tuple[str, list[Json], Json | None]]:
    """Trust alone (everything else allows), trust without any identity policy, and the case's own policies."""
    yield "trust", [ALLOW_ALL], None
    yield "bare", [], None
    yield "whole", case["identity"], case.get("boundary")


def session_of(case: Json) -> SsoSession:
    session = case["session"]
    return SsoSession(
        partition=session["partition"],
        account=AccountId(session["account"]),
        permission_set=PermissionSetName(session["set"]),
        region=session["region"],
        role_arn=session["role"],
        role_id="AROAEXAMPLE0000000001",
        user_name=USER,
        organisation=ORGANISATION,
    )


def identity_of(
    case: Json, session: SsoSession, policies: list[Json], boundary: Json | None
) -> IdentityVerdict:
    return evaluate_identity(
        [Attached.read(f"policy {place}", json.dumps(policy)) for place, policy in enumerate(policies)],
        None if boundary is None else Attached.read("boundary", json.dumps(boundary)),
        role_arn=RoleArn(case["role"]),
        person=None,
        at=NOW,
        account=session.account,
        context=session.context,
    )


def product_says(case: Json, session: SsoSession) -> dict[str, Answer]:
    trust = trusts(json.dumps(case["trust"]), session=session, role_arn=RoleArn(case["role"]))
    return {
        question: may_assume(trust, identity_of(case, session, policies, boundary))
        for question, policies, boundary in questions(case)
    }


def contradicts(answer: Answer, oracle: str) -> bool:
    """The oracle answered for a request without, and for one with the keys that the product does not know."""
    return {Answer.YES: "0", Answer.NO: "1", Answer.UNKNOWN: "?"}[answer] in oracle


def test_there_are_enough_vectors_and_both_answers_occur_in_each_kind() -> None:
    seen = Counter((case["kind"], case["oracle"]["trust"]) for case in CASES)

    assert len(CASES) >= 500
    assert all("-" not in answer for case in CASES for answer in case["oracle"].values())
    assert all(seen[kind, both] >= 40 for kind in ("workbench", "known", "hostile") for both in ("00", "11"))


def test_no_answer_contradicts_the_independent_evaluator() -> None:
    wrong = {
        number
        for number, case in enumerate(CASES)
        for question, answer in product_says(case, session_of(case)).items()
        if contradicts(answer, case["oracle"][question])
    }

    assert wrong == OLD_VERSION


def test_what_the_product_claims_to_judge_it_judges() -> None:
    unknown = {
        number
        for number, case in enumerate(CASES)
        if case["kind"] != "hostile" and Answer.UNKNOWN in product_says(case, session_of(case)).values()
    }

    assert unknown == STAR_BEYOND_BOUNDARY


def test_the_hostile_cases_are_not_all_shrugged_off() -> None:
    hostile = [case for case in CASES if case["kind"] == "hostile"]

    answers = Counter(product_says(case, session_of(case))["trust"] for case in hostile)

    assert answers[Answer.UNKNOWN] < 0.4 * len(hostile)


def test_no_answer_for_a_role_that_is_not_known_yet_contradicts_any_suffix() -> None:
    wrong: set[int] = set()
    decided = 0
    for number, case in enumerate(CASES):
        answers = product_says(case, replace(session_of(case), role_arn=None))
        wrong |= {number for question in answers if contradicts(answers[question], case["oracle"][question])}
        decided += case["kind"] == "workbench" and answers["trust"] is not Answer.UNKNOWN

    assert wrong == OLD_VERSION
    assert decided == sum(case["kind"] == "workbench" for case in CASES)


def test_less_knowledge_of_the_person_and_the_organisation_never_turns_an_answer_round() -> None:
    for case in CASES:
        known = session_of(case)
        full = product_says(case, known)
        poor = product_says(
            case, replace(known, role_arn=None, role_id=None, user_name=None, organisation=None)
        )

        assert all(poor[question] in (full[question], Answer.UNKNOWN) for question in full)


def sandbox_says(case: Json, policies: list[Json], boundary: Json | None) -> bool:
    session = case["session"]
    name = session["role"].rpartition("/")[2]
    arn = f"arn:{session['partition']}:sts::{session['account']}:assumed-role/{name}/{USER}"
    own = SimpleNamespace(policies=policies, boundary=boundary)
    target = SimpleNamespace(trust=case["trust"], account=case["role"].split(":")[4])
    organisation = SimpleNamespace(
        id=ORGANISATION,
        clock=NOW.timestamp,
        accounts={session["account"]: SimpleNamespace(scps=[])},
        management_account="999999999999",
        bot_arn="",
        bot_policy=None,
        roles=SimpleNamespace(by_arn=lambda _: target, by_id=lambda *_: own),
    )
    caller = SimpleNamespace(
        arn=arn,
        role_arn=session["role"],
        account=session["account"],
        role_id="AROAEXAMPLE0000000001",
        user_id=f"AROAEXAMPLE0000000001:{USER}",
        context={},
        principal=Principal(account=session["account"], arn=arn, role_arn=session["role"]),
    )
    return bool(assume(cast(AwsOrganisation, organisation), cast(Caller, caller), case["role"]))


@pytest.mark.parametrize("kind", ["workbench", "known"])
def test_the_judge_of_the_sandbox_agrees_with_the_independent_evaluator_too(kind: str) -> None:
    wrong = {
        number
        for number, case in enumerate(CASES)
        if case["kind"] == kind
        for question, policies, boundary in questions(case)
        if sandbox_says(case, policies, boundary) != (case["oracle"][question] == "11")
    }

    assert wrong <= STAR_BEYOND_BOUNDARY
