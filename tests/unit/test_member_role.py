"""The read-only role for member accounts: what is shipped suffices for what the code asks there, and no more."""

import ast
import json
from pathlib import Path
from typing import Any

import botocore.session
import pytest
import yaml

from bot.adapters.aws.client import AwsClient
from bot.adapters.aws.identity_center import AwsIdentityCenter
from bot.adapters.aws.member_account import AwsMemberAccounts
from bot.adapters.clock import SystemClock
from bot.domain.member_view import Question
from bot.domain.names import AccountId, IdentityUserId, PermissionSetName, RoleName
from bot.sandbox.aws.organisation import AwsOrganisation
from bot.sandbox.aws.server import AwsDouble
from bot.sandbox.scene import DATA_SCIENTIST, SANDBOX, organisation
from tests.unit.bot.adapters.aws.wiring import maker
from tests.unit.test_readme import VALUES, Template

ROOT = Path(__file__).parents[2]
ROLE = "WorkbenchAccessVerifier"
IN_THE_SANDBOX = {
    "BotRoleArn": "arn:aws:iam::100000000000:user/workbench-access",
    "OrganizationId": "o-sandbox0org",
    "RoleName": ROLE,
    "WorkbenchRoles": "Workbench-*Role",
    "AWS::AccountId": SANDBOX,
}


@pytest.fixture
def role(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    for name, value in IN_THE_SANDBOX.items():
        monkeypatch.setitem(VALUES, name, value)
    text = (ROOT / "deploy/member-role.yaml").read_text(encoding="utf-8")
    template = yaml.load(text, Template)  # noqa: S506 -- a SafeLoader
    properties: dict[str, Any] = template["Resources"]["Verifier"]["Properties"]
    return properties


def deployed(org: AwsOrganisation, role: dict[str, Any]) -> None:
    document = json.loads(json.dumps(role["Policies"][0]["PolicyDocument"]))
    org.put_role(SANDBOX, ROLE, role["AssumeRolePolicyDocument"], {"read": document})


def test_the_role_allows_exactly_what_the_code_asks_there(role: dict[str, Any]) -> None:
    source = (ROOT / "bot/adapters/aws/member_account.py").read_text(encoding="utf-8")
    constants = {node.value for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Constant)}
    operations = botocore.session.get_session().get_service_model("iam").operation_names
    statements = role["Policies"][0]["PolicyDocument"]["Statement"]

    allowed = {action for statement in statements for action in statement["Action"]}

    assert allowed == {f"iam:{name}" for name in operations if name in constants}


async def test_the_role_suffices_for_a_whole_look(role: dict[str, Any]) -> None:
    org = organisation()
    deployed(org, role)
    names = ("Workbench-BuilderRole", "Workbench-ReadOnlyRole")
    question = Question(
        account=AccountId(SANDBOX),
        permission_set=PermissionSetName(DATA_SCIENTIST),
        roles=tuple(RoleName(name) for name in names),
        person=IdentityUserId(org.directory.user("alice@example.com").id),
        at=SystemClock().now(),
    )
    async with AwsDouble(org) as double, AwsClient(make_client=maker(double.endpoint_url, org.region)) as aws:
        center = AwsIdentityCenter(aws, SystemClock())
        members = AwsMemberAccounts(aws, SystemClock(), role=RoleName(ROLE), home=center.home)

        view = await members.look(question)

        await members.close()
        await center.close()
    assert view.trouble is None
    assert view.sso_role is not None
    # Nothing is granted yet: that is why the policy which IAM holds was read as well.
    assert view.held is not None
    assert set(view.decisions) == set(question.roles)


def test_nobody_else_can_use_the_role(role: dict[str, Any]) -> None:
    (statement,) = role["AssumeRolePolicyDocument"]["Statement"]

    assert statement["Principal"] == {"AWS": IN_THE_SANDBOX["BotRoleArn"]}
    assert statement["Condition"] == {
        "StringEquals": {"aws:PrincipalOrgID": IN_THE_SANDBOX["OrganizationId"]}
    }
