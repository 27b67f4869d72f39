"""What the doctor says of a Slack that is not set up as it should be."""

from pathlib import Path

import pytest

from bot.sandbox.play import SCOPES
from bot.sandbox.scene import (
    ADMINS,
    APPROVALS,
    BEN,
    CHRIS,
    DATA_SCIENTIST,
    GUEST,
    RULES,
)
from bot.sandbox.slack.faults import Fault
from tests.integration.doctor.conftest import Clinic, clinic


async def test_a_token_that_slack_refuses(healthy: Clinic) -> None:
    healthy.slack.faults.error("auth.test", "token_revoked", times=9)

    told = await healthy.run("doctor", "--json")

    line = told.line("token")
    assert (line["status"], told.code) == ("failure", 1)
    assert "token_revoked" in line["found"]
    assert "SLACK_BOT_TOKEN=xoxb-…" in line["remedy"]
    assert told.line("caller")["status"] == "ok", "AWS is looked at all the same"


@pytest.mark.parametrize(
    ("missing", "status", "code"), [("users:read.email", "failure", 1), ("im:history", "warning", 0)]
)
async def test_a_missing_scope(tmp_path: Path, missing: str, status: str, code: int) -> None:
    async with clinic(tmp_path, scopes=SCOPES - {missing}) as made:
        told = await made.doctor()

    line = told.line("scope", missing)
    assert (line["status"], told.code) == (status, code)
    assert missing in line["remedy"]


async def test_the_bot_was_not_invited(healthy: Clinic) -> None:
    healthy.workspace.channels[APPROVALS].members.remove(healthy.workspace.bot_user_id)

    told = await healthy.doctor()

    line = told.line("channel", APPROVALS)
    assert (line["status"], told.code) == ("failure", 1)
    assert line["remedy"].startswith("type /invite @workbench-access")


@pytest.mark.parametrize(
    ("fact", "status", "word"),
    [("is_archived", "failure", "archived"), ("is_ext_shared", "warning", "another company")],
)
async def test_an_archived_or_shared_channel(healthy: Clinic, fact: str, status: str, word: str) -> None:
    setattr(healthy.workspace.channels[APPROVALS], fact, True)

    told = await healthy.doctor()

    line = told.line("channel", APPROVALS)
    assert line["status"] == status
    assert word in line["found"]


async def test_a_channel_that_does_not_exist(healthy: Clinic) -> None:
    healthy.rules = RULES.replace("C0APPROVALS", "C0NOWHERE")

    told = await healthy.doctor()

    assert told.line("channel", "C0NOWHERE")["status"] == "failure"
    assert told.code == 1


async def test_without_the_scope_for_channels_membership_is_still_known(tmp_path: Path) -> None:
    async with clinic(tmp_path, scopes=SCOPES - {"channels:read", "groups:read"}) as made:
        told = await made.doctor()
        made.workspace.channels[APPROVALS].members.remove(made.workspace.bot_user_id)
        away = await made.doctor()

    line = told.line("channel", APPROVALS)
    assert (line["status"], line["known"]) == ("warning", False)
    assert "the bot is a member" in line["found"]
    assert away.line("channel", APPROVALS)["status"] == "failure"


@pytest.mark.parametrize(
    ("spoil", "found"),
    [("empty", "has no members"), ("disabled", "is disabled"), ("gone", "no such user group")],
)
async def test_a_user_group_that_nobody_is_in(healthy: Clinic, spoil: str, found: str) -> None:
    group = healthy.workspace.usergroups[ADMINS]
    if spoil == "gone":
        del healthy.workspace.usergroups[ADMINS]
    else:
        group.users, group.is_disabled = ([], False) if spoil == "empty" else ([BEN, CHRIS], True)

    told = await healthy.doctor()

    line = told.line("usergroup", ADMINS)
    assert (line["status"], told.code) == ("failure", 1)
    assert found in line["found"]
    assert told.line("approvals", DATA_SCIENTIST)["status"] == "failure"


async def test_too_few_can_approve_once_guests_are_left_out(healthy: Clinic) -> None:
    healthy.rules = RULES.replace("[defaults]", "[defaults]\napprovals = 2")
    healthy.workspace.users[CHRIS].is_restricted = True

    told = await healthy.doctor()

    line = told.line("approvals", DATA_SCIENTIST)
    assert line["status"] == "failure"
    assert "asks for 2 approvals, but 1 could approve" in line["found"]
    assert f"[permission_sets.{DATA_SCIENTIST}]" in line["remedy"]


async def test_admins_that_are_named_must_be_members(healthy: Clinic) -> None:
    healthy.rules = RULES.replace(
        'usergroups = ["S0SSOADMINS"]', f'users = ["{BEN}", "{CHRIS}", "{GUEST}", "U0NOBODY"]'
    )

    told = await healthy.doctor()

    assert told.line("admin", BEN)["status"] == "ok"
    assert "is a guest" in told.line("admin", GUEST)["found"]
    assert "is not known to Slack" in told.line("admin", "U0NOBODY")["found"]
    assert told.code == 1


async def test_a_clock_that_disagrees_with_slack(healthy: Clinic) -> None:
    answer = {"ok": True, "team": "W", "team_id": "T0WORKBENCH", "user_id": "U0BOT"}
    headers = {"Date": "Wed, 01 Jan 2020 00:00:00 GMT", "X-OAuth-Scopes": ",".join(SCOPES)}
    healthy.slack.faults.add(
        Fault(kind="status", method="auth.test", times=1, status=200, body=answer, headers=headers)
    )

    told = await healthy.doctor()

    clocks = [check for check in told.checks if check["check"] == "clock"]
    assert [(clock["area"], clock["status"]) for clock in clocks] == [("slack", "failure"), ("aws", "ok")]
    assert "ahead of the clock of Slack" in clocks[0]["found"]
    assert clocks[0]["remedy"] == "timedatectl set-ntp true"
