"""The permission sets that a trust policy of Workbench names are read back from it."""

import pytest

from bot.domain.trust import sso_groups_in
from bot.sandbox.aws.workbench import trust_policy
from tests.unit.bot.domain.trust.documents import ACCOUNT, SSO, SSO_ROLE, Json, a_document, under


@pytest.mark.parametrize(
    ("groups", "named"),
    [
        ([], ()),
        (["DataScience"], ("DataScience",)),
        (["DataScience", "Admin_Team"], ("DataScience", "Admin_Team")),
        (["a+b=c,d.e@f-g"], ("a+b=c,d.e@f-g",)),
    ],
)
def test_the_groups_of_a_workbench_stack_are_read_back(groups: list[str], named: tuple[str, ...]) -> None:
    arns = ["arn:aws:iam::222222222222:role/Automation"]

    assert sso_groups_in(trust_policy("aws", ACCOUNT, groups, arns)) == named


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        (under("ArnLike", "aws:PrincipalArn", f"{SSO}AWSReservedSSO_Data*"), ("Data*",)),
        (under("ArnLike", "aws:PrincipalArn", f"{SSO}AWSReservedSSO_*"), ("*",)),
        (under("StringLike", "AWS:PRINCIPALARN", "*AWSReservedSSO_Ops_????????????????"), ("Ops",)),
        (under("ArnEquals", "aws:PrincipalArn", SSO_ROLE), ("DataScientist",)),
        ({"Principal": {"AWS": SSO_ROLE}}, ("DataScientist",)),
        (under("ArnNotLike", "aws:PrincipalArn", f"{SSO}*/AWSReservedSSO_Ops_*"), ()),
        (under("ArnLike", "aws:PrincipalArn", f"{SSO}*/MyAWSReservedSSO_Ops_*"), ()),
        (under("ArnLike", "aws:SourceArn", f"{SSO}*/AWSReservedSSO_Ops_*"), ()),
        ({"Effect": "Deny"} | under("ArnLike", "aws:PrincipalArn", f"{SSO}*/AWSReservedSSO_Ops_*"), ()),
        (
            {"Action": "sts:TagSession"} | under("ArnLike", "aws:PrincipalArn", f"{SSO}AWSReservedSSO_Ops_*"),
            (),
        ),
        (under("ArnLike", "aws:PrincipalArn", 7), ()),
        ({"Condition": {"ArnLike": 7}}, ()),
        ({"Condition": 7, "Principal": 7}, ()),
    ],
)
def test_groups_are_found_in_other_shapes_too(statement: Json, named: tuple[str, ...]) -> None:
    assert sso_groups_in(a_document(statement)) == named
