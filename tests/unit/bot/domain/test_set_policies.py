"""Everything that a permission set says: what is attached counts as far as its document is known."""

import pytest

from bot.domain.errors import Code, Unavailable
from bot.domain.names import role_arn
from bot.domain.policy import parse
from bot.domain.set_policies import Allowance, SetPolicies, allowance, attached_policies
from bot.domain.statements import Want
from bot.domain.three_valued import Answer
from tests.builders import BUILDER, PROD, WEEK, a_foreign, a_grant, a_policy
from tests.fakes.clock import NOON
from tests.fakes.identity_center import ALICE_IDENTITY

ARN = role_arn("aws", PROD, BUILDER)
GRANTED = a_policy([a_grant()])
AWS = "arn:aws:iam::aws:policy/"


def said(
    inline: str, *managed: str, own: tuple[str, ...] = (), boundary: str = "", **fields: object
) -> Allowance:
    fence = attached_policies([boundary], ())[0] if boundary else None
    policies = SetPolicies(
        inline=parse(inline),
        attached=attached_policies([f"{AWS}{name}" for name in managed], own),
        boundary=fence,
        **fields,  # type: ignore[arg-type]
    )
    return allowance(policies, role_arn=ARN, person=ALICE_IDENTITY.user_id, at=NOON, account=PROD)


def test_the_inline_policy_alone_allows_it_until_its_end() -> None:
    found = said(GRANTED)

    assert (found.allowed.answer, found.not_denied.answer) == (Answer.YES, Answer.YES)
    assert (found.until, found.by, found.only_for_some) == (NOON + WEEK, "", False)


def test_administrator_access_allows_it_for_good() -> None:
    found = said("", "AdministratorAccess")

    assert found.allowed.answer is Answer.YES
    assert (found.until, found.is_endless, found.by) == (None, True, "AdministratorAccess")


def test_the_end_of_what_more_conditions_hang_on_is_unknown() -> None:
    condition = {
        "StringEquals": {"aws:PrincipalAccount": PROD},
        "DateLessThan": {"aws:CurrentTime": "2030-12-01T00:00:00Z"},
    }

    found = said(a_policy((), [a_foreign(Action="sts:AssumeRole", Resource="*", Condition=condition)]))

    assert found.allowed.answer is Answer.YES
    assert (found.until, found.is_endless) == (None, False)


def test_an_attached_deny_is_named_by_its_policy() -> None:
    found = said(GRANTED, "AWSDenyAll")

    assert found.not_denied.answer is Answer.NO
    assert (found.not_denied.code, found.not_denied.names) == (Code.EXPLICIT_DENY, ("AWSDenyAll",))
    assert found.allowed.answer is Answer.YES


def test_what_a_deny_overrules_is_not_called_missing() -> None:
    deny = a_foreign("TheirDeny", Effect="Deny", Action="sts:*", Resource="*")

    found = said(a_policy([a_grant()], [deny]))

    assert found.allowed.answer is Answer.YES
    assert (found.not_denied.answer, found.not_denied.detail) == (Answer.NO, "TheirDeny")


def test_a_policy_of_the_accounts_own_leaves_a_yes_standing() -> None:
    found = said(GRANTED, own=("/House",))

    assert (found.allowed.answer, found.not_denied.answer) == (Answer.YES, Answer.YES)


@pytest.mark.parametrize(
    ("managed", "own", "detail"), [((), ("/team/House",), "team/House"), (("Newest",), (), "Newest")]
)
def test_a_policy_that_cannot_be_read_may_be_what_allows_it(
    managed: tuple[str, ...], own: tuple[str, ...], detail: str
) -> None:
    found = said("", *managed, own=own)

    assert (found.allowed.answer, found.allowed.code, found.allowed.detail) == (Answer.UNKNOWN, None, detail)


def test_a_no_of_the_inline_policy_is_not_sure_while_aws_does_not_tell_what_is_attached() -> None:
    trouble = Unavailable(Code.THROTTLED)

    assert said("", trouble=trouble).allowed.code is Code.THROTTLED
    assert said(GRANTED, trouble=trouble).allowed.answer is Answer.YES


def test_a_boundary_that_surely_leaves_no_room_is_a_no() -> None:
    found = said(GRANTED, boundary=f"{AWS}ReadOnlyAccess")

    assert (found.limited.answer, found.limited.code) == (Answer.NO, Code.BOUNDARY)
    assert found.limited.detail == "ReadOnlyAccess"


@pytest.mark.parametrize("boundary", ["", f"{AWS}PowerUserAccess", f"{AWS}SomethingNew"])
def test_any_other_boundary_is_left_to_iam(boundary: str) -> None:
    assert said(GRANTED, boundary=boundary).limited.answer is Answer.UNKNOWN


def test_only_me_is_told_from_everyone() -> None:
    mine = Want(role_arn=ARN, person=ALICE_IDENTITY.user_id, ends_at=NOON + WEEK)

    assert said(a_policy([mine])).only_for_some
    assert not said(a_policy([mine, a_grant()])).only_for_some
