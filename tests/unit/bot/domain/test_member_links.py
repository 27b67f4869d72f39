"""What a look into an account says about one role: the four links, each with its own reason."""

import pytest

from bot.domain.errors import Code
from bot.domain.member_links import Caller, member_checks
from bot.domain.member_view import Decision, MemberView, RoleSeen, SsoRole, Trouble
from bot.domain.names import RoleArn, RoleName, role_arn
from bot.domain.three_valued import Answer
from bot.domain.verification import Check, Link
from tests.builders import BUILDER, PROD, SET, a_grant, a_policy
from tests.fakes.clock import NOON
from tests.fakes.identity_center import ALICE_IDENTITY
from tests.fakes.members import SUFFIX, trust_of

ARN = role_arn("aws", PROD, BUILDER)
NAME = f"AWSReservedSSO_{SET}_{SUFFIX}"
PATH = "aws-reserved/sso.amazonaws.com/eu-central-1"
ROLE = SsoRole(name=RoleName(NAME), arn=RoleArn(f"arn:aws:iam::{PROD}:role/{PATH}/{NAME}"), id="AROAX")
CALLER = Caller(
    partition="aws",
    region="eu-central-1",
    organisation=None,
    permission_set=SET,
    person=ALICE_IDENTITY.user_id,
    user_name=None,
    at=NOON,
)
HELD = a_policy([a_grant()])
YES, NO, UNKNOWN = Answer.YES, Answer.NO, Answer.UNKNOWN


def a_view(decision: Decision | None = None, *, trust: str = "", held: str | None = None) -> MemberView:
    return MemberView(
        account=PROD,
        roles={BUILDER: RoleSeen(exists=YES, trust=trust or trust_of(PROD, SET))},
        sso_role=ROLE,
        decisions={BUILDER: decision if decision is not None else Decision(allowed=True)},
        held=held,
    )


def links(view: MemberView | None) -> dict[Link, Check]:
    return {check.link: check for check in member_checks(CALLER, view, role=BUILDER, role_arn=ARN)}


def answers(view: MemberView | None) -> list[Answer]:
    return [check.answer for check in links(view).values()]


def test_a_role_that_is_there_trusts_the_set_and_is_allowed_holds_on_every_link() -> None:
    assert answers(a_view()) == [YES, YES, YES, YES]


def test_without_a_look_nothing_is_known_and_nobody_is_blamed() -> None:
    found = links(None)

    assert set(found) == {Link.ROLE_EXISTS, Link.TRUSTED, Link.HELD, Link.SIMULATED}
    assert all((check.answer, check.code, check.detail) == (UNKNOWN, None, "") for check in found.values())


def test_an_account_that_refuses_says_so_on_every_link() -> None:
    trouble = Trouble(code=Code.ACCESS_DENIED, detail="no")
    view = MemberView(
        account=PROD,
        roles={BUILDER: RoleSeen(exists=UNKNOWN, trouble=trouble)},
        sso_trouble=trouble,
        simulation_trouble=trouble,
    )

    assert {(check.answer, check.code, check.detail) for check in links(view).values()} == {
        (UNKNOWN, Code.ACCESS_DENIED, "no")
    }


def test_a_role_that_is_missing_is_a_no_and_its_trust_is_not_known() -> None:
    view = MemberView(account=PROD, roles={BUILDER: RoleSeen(exists=NO)}, sso_role=ROLE)

    found = links(view)

    assert (found[Link.ROLE_EXISTS].answer, found[Link.ROLE_EXISTS].code) == (NO, Code.ROLE_NOT_FOUND)
    assert found[Link.TRUSTED].answer is UNKNOWN


def test_a_role_of_that_name_under_a_path_is_named_and_counts_as_missing() -> None:
    theirs = f"arn:aws:iam::{PROD}:role/theirs/{BUILDER}"
    view = MemberView(account=PROD, roles={BUILDER: RoleSeen(exists=NO, instead=theirs)}, sso_role=ROLE)

    found = links(view)[Link.ROLE_EXISTS]

    assert (found.answer, found.code, found.detail) == (NO, Code.ROLE_NOT_FOUND, theirs)


def test_a_role_that_trusts_others_names_them() -> None:
    trusted = links(a_view(trust=trust_of(PROD, "Analyst", "MLOps")))[Link.TRUSTED]

    assert (trusted.answer, trusted.code, trusted.names) == (NO, Code.NOT_TRUSTED, ("Analyst", "MLOps"))


def test_a_trust_policy_that_denies_names_its_statement_and_nobody_else() -> None:
    deny = '{"Sid":"NotThem","Effect":"Deny","Principal":"*","Action":"sts:AssumeRole"}'
    trust = trust_of(PROD, SET).replace('"Statement":[', f'"Statement":[{deny},')

    trusted = links(a_view(trust=trust))[Link.TRUSTED]

    assert (trusted.answer, trusted.detail, trusted.names) == (NO, "NotThem", ())


def test_a_trust_condition_that_only_aws_can_judge_is_unknown() -> None:
    trust = trust_of(PROD, SET).replace(
        '"Condition":{', '"Condition":{"Bool":{"aws:MultiFactorAuthPresent":"true"},'
    )

    assert links(a_view(trust=trust))[Link.TRUSTED].answer is UNKNOWN


def test_a_trust_policy_that_is_none_is_unknown() -> None:
    trusted = links(a_view(trust="not a policy"))[Link.TRUSTED]

    assert (trusted.answer, trusted.code) == (UNKNOWN, Code.POLICY_UNREADABLE)


def test_a_set_without_a_role_in_the_account_is_not_provisioned_there() -> None:
    view = MemberView(account=PROD, roles={BUILDER: RoleSeen(exists=YES, trust=trust_of(PROD, SET))})

    found = links(view)

    assert (found[Link.HELD].answer, found[Link.HELD].code) == (NO, Code.NOT_PROVISIONED)
    # Workbench's pattern lets in whatever suffix the role will get.
    assert found[Link.TRUSTED].answer is YES


@pytest.mark.parametrize("allowed", [True, False])
def test_a_decision_that_hangs_on_a_key_that_nobody_knows_is_no_decision(allowed: bool) -> None:
    found = links(a_view(Decision(allowed=allowed, by_scps=False, missing=("aws:SourceVpc",))))

    assert found[Link.HELD].answer is found[Link.SIMULATED].answer is UNKNOWN
    assert found[Link.SIMULATED].detail == "aws:SourceVpc"


@pytest.mark.parametrize(
    ("decision", "held", "expected"),
    [
        (Decision(allowed=False, by_scps=False), HELD, (YES, NO, Code.SCP)),
        (Decision(allowed=False, explicit=True, by_scps=False), None, (UNKNOWN, NO, Code.SCP)),
        (Decision(allowed=False, by_scps=True, by_boundary=False), "", (UNKNOWN, NO, Code.BOUNDARY)),
        (Decision(allowed=False, by_scps=True), "", (NO, NO, Code.NOT_PROVISIONED)),
        (Decision(allowed=False), "", (NO, NO, Code.NOT_PROVISIONED)),
        (Decision(allowed=False), None, (UNKNOWN, NO, Code.NOT_PROVISIONED)),
        (Decision(allowed=False), HELD, (YES, NO, Code.NOT_ALLOWED)),
        (Decision(allowed=False, explicit=True, by_scps=True), HELD, (NO, NO, Code.EXPLICIT_DENY)),
        (Decision(allowed=False, explicit=True), HELD, (UNKNOWN, NO, Code.EXPLICIT_DENY)),
        (Decision(allowed=False), "{", (UNKNOWN, NO, Code.NOT_PROVISIONED)),
    ],
)
def test_what_says_no_is_named_as_far_as_iam_tells(
    decision: Decision, held: str | None, expected: tuple[Answer, Answer, Code]
) -> None:
    found = links(a_view(decision, held=held))

    assert (found[Link.HELD].answer, found[Link.SIMULATED].answer, found[Link.SIMULATED].code) == expected


def test_a_role_that_the_simulator_did_not_speak_of_is_unknown() -> None:
    view = MemberView(
        account=PROD,
        roles={BUILDER: RoleSeen(exists=YES, trust=trust_of(PROD, SET))},
        sso_role=ROLE,
        simulation_trouble=Trouble(code=Code.AWS_UNAVAILABLE, detail="no answer in time"),
    )

    assert links(view)[Link.SIMULATED].code is Code.AWS_UNAVAILABLE
