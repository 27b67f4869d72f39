"""What the doctor says of permission sets and of the accounts they are offered in."""

from pathlib import Path
from typing import Any

import pytest

from bot.sandbox.scene import (
    ANALYST,
    DATA_SCIENTIST,
    PRODUCTION,
    RESEARCH,
    RULES,
    SANDBOX,
    organisation,
)
from tests.integration.doctor.conftest import Clinic, clinic, shipped_policy

MEMBER_ROLE = 'member_role = "WorkbenchAccessVerifier"\n'


def policy_of(size: int) -> dict[str, Any]:
    resource = "arn:aws:s3:::" + "x" * size
    return {
        "Version": "2012-10-17",
        "Statement": [{"Sid": "Big", "Effect": "Allow", "Action": "s3:GetObject", "Resource": resource}],
    }


# Permission sets
async def test_a_set_without_the_tag_under_the_shipped_role(healthy: Clinic) -> None:
    healthy.org.bot_policy = shipped_policy()
    healthy.org.set_tags(DATA_SCIENTIST, {"team": "data"})

    told = await healthy.doctor()

    line = told.line("tag", DATA_SCIENTIST)
    arn = healthy.org.permission_set(DATA_SCIENTIST).arn
    assert (line["status"], told.code) == ("failure", 1)
    assert line["remedy"] == (
        f"aws sso-admin tag-resource --instance-arn {healthy.org.instance_arn} --resource-arn {arn} "
        "--tags Key=workbench-access,Value=managed"
    )


@pytest.mark.parametrize(
    ("tags", "remedy"),
    [
        ({"ManagedBy": "Terraform"}, "ignore_changes = [inline_policy]"),
        ({"aws:cloudformation:stack-name": "sso"}, "InlinePolicy property"),
    ],
)
async def test_a_set_that_another_tool_writes(healthy: Clinic, tags: dict[str, str], remedy: str) -> None:
    healthy.org.set_tags(DATA_SCIENTIST, {"workbench-access": "managed", **tags})

    told = await healthy.doctor()

    line = told.line("owner", DATA_SCIENTIST)
    assert line["status"] == "warning"
    assert remedy in line["remedy"]
    assert told.line("owner", ANALYST)["status"] == "ok"


async def test_a_set_that_does_not_exist(healthy: Clinic) -> None:
    healthy.rules = RULES + '\n[permission_sets.datascientist]\naccounts = "*"\n'

    told = await healthy.doctor()

    line = told.line("exists", "datascientist")
    assert (line["status"], told.code) == ("failure", 1)
    assert "[permission_sets.datascientist]" in line["remedy"]
    assert told.line("policy", DATA_SCIENTIST)["status"] == "ok"


async def test_accounts_of_nobody_and_accounts_without_the_set(healthy: Clinic) -> None:
    healthy.rules = RULES.replace('"222222222222"]', '"222222222222", "333333333333", "999999999999"]')

    told = await healthy.doctor()

    lines = {check["status"]: check for check in told.checks if check["check"] == "accounts"}
    assert "999999999999" in lines["failure"]["found"]
    assert "not assigned to anybody in 333333333333" in lines["warning"]["found"]
    assert told.code == 1


async def test_a_set_in_the_management_account_under_a_delegated_admin(tmp_path: Path) -> None:
    org = organisation()
    org.add_account("444444444444", "Identity")
    org.delegated_admin = org.bot_account = "444444444444"
    org.sessions = type(org.sessions)(org)
    org.assign("ben@example.com", DATA_SCIENTIST, org.management_account)
    async with clinic(tmp_path, org=org) as made:
        told = await made.doctor()

    assert "delegated administrator" in told.line("account")["found"]
    line = told.line("management_account", DATA_SCIENTIST)
    assert (line["status"], told.code) == ("failure", 1)
    assert org.management_account in line["remedy"]


async def test_a_policy_that_is_nearly_full(healthy: Clinic) -> None:
    healthy.org.console_edit(DATA_SCIENTIST, policy_of(8_300))

    told = await healthy.doctor()

    assert told.line("policy", DATA_SCIENTIST)["status"] == "warning"
    assert "of 10,240 bytes" in told.line("policy", DATA_SCIENTIST)["found"]


async def test_a_policy_that_nobody_should_rewrite(healthy: Clinic) -> None:
    healthy.org.console_edit(DATA_SCIENTIST, '{"Statement": [], "Statement": []}', checked=False)

    told = await healthy.doctor()

    assert told.line("policy", DATA_SCIENTIST)["status"] == "failure"


async def test_a_managed_statement_that_this_database_does_not_explain(healthy: Clinic) -> None:
    from bot.domain.names import RoleArn
    from bot.domain.statements import ManagedStatement

    arn = RoleArn(f"arn:aws:iam::{SANDBOX}:role/Workbench-BuilderRole")
    statement = ManagedStatement(resources=(arn,), people=(), ends_at=None)
    healthy.org.console_edit(DATA_SCIENTIST, {"Version": "2012-10-17", "Statement": [statement.to_json()]})
    assert (await healthy.run("migrate")).code == 0

    told = await healthy.doctor()

    line = told.line("statements", DATA_SCIENTIST)
    assert line["status"] == "warning"
    assert statement.sid in line["found"]


async def test_a_managed_statement_that_was_edited_by_hand(healthy: Clinic) -> None:
    edited = {"Sid": "WorkbenchAccess0123", "Effect": "Allow", "Action": "sts:*", "Resource": "*"}
    healthy.org.console_edit(DATA_SCIENTIST, {"Version": "2012-10-17", "Statement": [edited]})

    told = await healthy.doctor()

    failures = [check for check in told.checks if check["status"] == "failure"]
    assert [(check["check"], check["subject"]) for check in failures] == [("statements", DATA_SCIENTIST)]
    assert "edited WorkbenchAccess0123 by hand" in failures[0]["found"]


# Member accounts
async def test_an_account_without_the_member_role(healthy: Clinic) -> None:
    healthy.rules = MEMBER_ROLE + RULES
    for account in (SANDBOX, RESEARCH):
        healthy.org.deploy_member_role(account)

    told = await healthy.doctor()

    line = told.line("member_role", PRODUCTION)
    assert (line["status"], told.code) == ("failure", 1)
    assert "deploy the role WorkbenchAccessVerifier in account 222222222222" in line["remedy"]
    assert told.line("member_role", SANDBOX)["status"] == "ok"


async def test_an_account_without_the_workbench_roles(healthy: Clinic) -> None:
    healthy.rules = MEMBER_ROLE + RULES
    for account in (SANDBOX, PRODUCTION, RESEARCH):
        healthy.org.deploy_member_role(account)
    healthy.org.delete_role(SANDBOX, "Workbench-BuilderRole")

    told = await healthy.doctor()

    line = told.line("member_role", SANDBOX)
    assert line["status"] == "warning"
    assert "lacks Workbench-BuilderRole" in line["found"]
