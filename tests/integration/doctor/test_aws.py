"""What the doctor says of a wrong account, Region, clock or role."""

import time
from pathlib import Path

import pytest

from bot.sandbox.scene import PRODUCTION, organisation
from tests.integration.doctor.conftest import Clinic, clinic


async def test_a_clock_that_disagrees_with_aws(tmp_path: Path) -> None:
    def late() -> float:
        return time.time() + 200

    async with clinic(tmp_path, org=organisation(clock=late)) as made:
        told = await made.doctor()

    (clock,) = [check for check in told.checks if (check["area"], check["check"]) == ("aws", "clock")]
    assert clock["status"] == "warning"
    assert "behind the clock of AWS" in clock["found"]


async def test_credentials_that_aws_refuses(healthy: Clinic) -> None:
    healthy.environment = {"AWS_ACCESS_KEY_ID": "AKIAUNKNOWN000000000"}

    told = await healthy.doctor()

    assert told.line("caller")["status"] == "failure"
    assert told.code == 1
    assert told.line("token")["status"] == "ok", "Slack is looked at all the same"


async def test_no_credentials_at_all(healthy: Clinic) -> None:
    healthy.environment = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}

    told = await healthy.run("doctor", "--json")

    assert told.line("caller")["status"] == "failure"
    assert told.line("caller")["remedy"]
    assert told.code == 1


async def test_the_wrong_region(healthy: Clinic) -> None:
    healthy.environment = {"AWS_DEFAULT_REGION": "us-east-1"}

    told = await healthy.doctor()

    line = told.line("home")
    assert (line["status"], told.code) == ("failure", 1)
    assert line["remedy"] == "Set AWS_DEFAULT_REGION=eu-central-1"


async def test_an_account_from_which_nothing_can_be_changed(tmp_path: Path) -> None:
    org = organisation()
    org.add_account("555555555555", "Elsewhere")
    org.bot_account = "555555555555"
    org.sessions = type(org.sessions)(org)
    async with clinic(tmp_path, org=org) as made:
        told = await made.doctor()

    assert told.line("home")["status"] == "failure"
    assert "delegated administrator" in told.line("home")["remedy"]
    assert told.code == 1


@pytest.mark.parametrize(
    "action",
    [
        "sso:GetInlinePolicyForPermissionSet",
        "identitystore:GetUserId",
        "sso:DescribePermissionSetProvisioningStatus",
        "sso:PutInlinePolicyToPermissionSet",
    ],
)
async def test_an_action_that_the_role_lacks(healthy: Clinic, action: str) -> None:
    healthy.org.bot_policy = {
        "Statement": [
            {"Effect": "Allow", "Action": "*", "Resource": "*"},
            {"Effect": "Deny", "Action": action, "Resource": "*"},
        ]
    }

    told = await healthy.doctor()

    line = told.line("action", action)
    assert (line["status"], told.code) == ("failure", 1)
    assert f'"{action}"' in line["remedy"]


@pytest.mark.parametrize(
    "action",
    ["organizations:DescribeOrganization", "identitystore:ListUsers", "sso:ListTagsForResource"],
)
async def test_an_action_that_the_bot_can_do_without(healthy: Clinic, action: str) -> None:
    healthy.org.bot_policy = {
        "Statement": [
            {"Effect": "Allow", "Action": "*", "Resource": "*"},
            {"Effect": "Deny", "Action": action, "Resource": "*"},
        ]
    }

    told = await healthy.doctor()

    assert told.line("action", action)["status"] == "warning"
    assert told.code == 0


async def test_a_role_that_may_not_push_into_an_account_that_is_offered(healthy: Clinic) -> None:
    account = f"arn:aws:sso:::account/{PRODUCTION}"
    healthy.org.bot_policy = {
        "Statement": [
            {"Effect": "Allow", "Action": "*", "Resource": "*"},
            {"Effect": "Deny", "Action": "sso:ProvisionPermissionSet", "Resource": account},
        ]
    }

    told = await healthy.doctor()

    assert account in told.line("action", "sso:ProvisionPermissionSet")["found"]
    assert told.line("action", "sso:PutInlinePolicyToPermissionSet")["status"] == "ok"
    assert told.code == 1


async def test_writes_that_cannot_be_simulated_are_unknown_until_first_use(healthy: Clinic) -> None:
    healthy.aws.faults.fail("iam", code="AccessDenied", status=403, times=None)

    told = await healthy.doctor()

    line = told.line("action", "sso:ProvisionPermissionSet")
    assert (line["status"], line["known"]) == ("warning", False)
    assert "until its first use" in line["found"]
    assert told.code == 0
