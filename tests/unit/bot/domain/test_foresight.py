"""What can be said before a change: never a maybe as a no, never a no as a maybe."""

from dataclasses import replace

import pytest

from bot.domain.errors import Code, Unavailable
from bot.domain.foresight import Sight, finding_of
from bot.domain.member_links import Caller
from bot.domain.member_view import Decision, MemberView, RoleSeen, Trouble
from bot.domain.names import role_arn
from bot.domain.policy import parse
from bot.domain.precheck import Finding
from bot.domain.preview import Preview
from bot.domain.set_policies import SetPolicies, attached_policies
from bot.domain.three_valued import Answer
from tests.builders import BUILDER, PROD, SET, WEEK, a_foreign, a_grant, a_policy, a_target
from tests.fakes.clock import NOON
from tests.fakes.identity_center import ALICE_IDENTITY
from tests.fakes.members import trust_of

CALLER = Caller(
    partition="aws",
    region="eu-central-1",
    organisation=None,
    permission_set=SET,
    person=ALICE_IDENTITY.user_id,
    user_name="alice",
    at=NOON,
)
NOTHING = Decision(allowed=False, by_scps=True)
SIGHT = Sight(
    target=a_target(),
    role_arn=role_arn("aws", PROD, BUILDER),
    caller=CALLER,
    whom=None,
    at=NOON,
    assigned=Answer.YES,
    is_provisioned=True,
    is_latest=True,
    is_managements=False,
    policies=SetPolicies(inline=parse("")),
    change=Preview(),
    member=None,
)


def inside(decision: Decision = NOTHING, **roles: RoleSeen) -> MemberView:
    seen = roles.get("role", RoleSeen(exists=Answer.YES, trust=trust_of(PROD, SET)))
    return MemberView(account=PROD, roles={BUILDER: seen}, decisions={BUILDER: decision})


def found(**changes: object) -> Finding:
    return finding_of(replace(SIGHT, **changes))  # type: ignore[arg-type]


def test_where_nothing_stands_in_the_way_it_works() -> None:
    assert found().works is Answer.YES
    assert found(member=inside()).works is Answer.YES


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"is_managements": True}, Code.MANAGEMENT_ACCOUNT),
        ({"is_provisioned": False}, Code.NOT_PROVISIONED),
        ({"assigned": Answer.NO}, Code.NOT_ASSIGNED),
        ({"change": Preview(code=Code.NO_ROOM)}, Code.NO_ROOM),
        ({"change": Preview(code=Code.POLICY_UNREADABLE)}, Code.POLICY_UNREADABLE),
        ({"member": inside(role=RoleSeen(exists=Answer.NO))}, Code.ROLE_NOT_FOUND),
        (
            {"member": inside(role=RoleSeen(exists=Answer.YES, trust=trust_of(PROD, "Analyst")))},
            Code.NOT_TRUSTED,
        ),
        ({"member": inside(Decision(allowed=False, by_scps=False))}, Code.SCP),
        ({"member": inside(Decision(allowed=False, by_scps=True, by_boundary=False))}, Code.BOUNDARY),
    ],
)
def test_what_can_never_work_is_named(changes: dict[str, object], code: Code) -> None:
    finding = found(**changes)

    assert (finding.works, finding.code) == (Answer.NO, code)


def test_a_missing_role_is_known_even_while_the_policy_is_not() -> None:
    blind = SetPolicies(inline=Unavailable(Code.THROTTLED))

    finding = found(policies=blind, member=inside(role=RoleSeen(exists=Answer.NO)))

    assert finding.code is Code.ROLE_NOT_FOUND
    assert (found(policies=blind).works, found(policies=blind).code) == (Answer.UNKNOWN, Code.THROTTLED)


def test_an_account_that_is_late_is_unknown_and_one_without_the_role_is_as_if_it_had_not_been_asked() -> None:
    late = Trouble(code=Code.AWS_UNAVAILABLE)
    closed = Trouble(code=Code.ACCESS_DENIED)

    def view(trouble: Trouble) -> MemberView:
        return MemberView(account=PROD, sso_trouble=trouble, simulation_trouble=trouble)

    assert found(member=view(late)).works is Answer.UNKNOWN
    assert found(member=view(closed)).works is Answer.YES


def test_a_decision_that_hangs_on_an_unknown_key_forbids_nothing() -> None:
    unclear = Decision(allowed=False, by_scps=False, missing=("aws:SourceIp",))

    assert found(member=inside(unclear)).works is Answer.YES


def test_what_is_allowed_already_says_by_what_and_until_when() -> None:
    administrator = attached_policies(["arn:aws:iam::aws:policy/AdministratorAccess"], ())
    inline = parse(a_policy([a_grant()]))

    by_statement = found(policies=SetPolicies(inline=inline))
    by_policy = found(policies=SetPolicies(inline=inline, attached=administrator))

    assert (by_statement.already_allowed, by_statement.allowed_until) == (True, NOON + WEEK)
    assert (by_policy.allowed_by, by_policy.allowed_until) == ("AdministratorAccess", None)


@pytest.mark.parametrize(
    "changes",
    [
        {"is_latest": False},
        {"is_latest": None},
        {"assigned": Answer.UNKNOWN},
        {"member": inside(NOTHING)},
        {"member": inside(Decision(allowed=True, missing=("aws:SourceIp",)))},
    ],
)
def test_what_the_account_may_not_hold_is_not_called_allowed_already(changes: dict[str, object]) -> None:
    policies = SetPolicies(inline=parse(a_policy([a_grant()])))

    assert not found(policies=policies, **changes).already_allowed
    assert found(policies=policies, member=inside(Decision(allowed=True))).already_allowed


def test_what_may_be_denied_is_not_called_allowed_already() -> None:
    deny = a_foreign(Effect="Deny", Action="*", Resource="*", Condition={"Bool": {"aws:Unknown": "true"}})

    finding = found(policies=SetPolicies(inline=parse(a_policy([a_grant()], [deny]))))

    assert not finding.already_allowed
    assert (finding.works, finding.code) == (Answer.UNKNOWN, Code.EXPLICIT_DENY)


def test_a_role_that_trusts_others_says_whom() -> None:
    others = RoleSeen(exists=Answer.YES, trust=trust_of(PROD, "Analyst", "MLOps"))

    assert found(member=inside(role=others)).names == ("Analyst", "MLOps")
