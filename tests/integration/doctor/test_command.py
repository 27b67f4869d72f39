"""`workbench-access doctor` as operators run it: what it prints, its exit code, and that it ends in time."""

import time
from pathlib import Path

from bot.adapters.clock import SystemClock
from bot.adapters.storage.store import SqlStore
from bot.sandbox.scene import (
    ANALYST,
    DATA_SCIENTIST,
    PRODUCTION,
    RESEARCH,
    RULES,
    SANDBOX,
    SIGNING_SECRET,
)
from tests.integration.doctor.conftest import Clinic, shipped_policy

MEMBER_ROLE = 'member_role = "WorkbenchAccessVerifier"\n'


# Well
async def test_a_healthy_organisation_is_all_ok(healthy: Clinic) -> None:
    healthy.rules = MEMBER_ROLE + RULES
    for account in (SANDBOX, PRODUCTION, RESEARCH):
        healthy.org.deploy_member_role(account)
    assert (await healthy.run("migrate")).code == 0

    told = await healthy.run("doctor", "--json")

    assert told.wrong() == []
    assert told.code == 0
    assert told.document["healthy"] is True
    assert {check["area"] for check in told.checks} == {
        "configuration",
        "slack",
        "aws",
        "permission_sets",
        "member_accounts",
        "database",
    }


async def test_the_shipped_role_is_all_ok(healthy: Clinic) -> None:
    healthy.org.bot_policy = shipped_policy()

    told = await healthy.doctor()

    assert told.wrong() == []
    assert told.code == 0


async def test_every_action_of_the_shipped_role_is_looked_at(healthy: Clinic) -> None:
    allowed = {action for statement in shipped_policy()["Statement"] for action in statement["Action"]}

    told = await healthy.doctor()

    looked_at = {check["subject"] for check in told.checks if check["check"] == "action"}
    # The member role is tried in its own lines, and a key only where there is one.
    assert looked_at == {one for one in allowed if not one.startswith(("sts:", "iam:", "kms:"))}


async def test_it_runs_beside_a_serving_process(healthy: Clinic) -> None:
    store = SqlStore(f"sqlite:///{healthy.folder / 'access.db'}", clock=SystemClock())
    await store.open(serving=True)
    try:
        told = await healthy.run("doctor", "--json")
    finally:
        await store.close()

    assert told.wrong() == []
    assert told.line("writable")["found"] == "a write was tried and undone"
    assert told.code == 0


async def test_nothing_is_changed_by_looking(healthy: Clinic) -> None:
    before = healthy.org.inline_policy(DATA_SCIENTIST)

    await healthy.run("doctor", "--json")

    writes = ("Put", "Delete", "Provision", "Create", "Tag", "Attach")
    assert not [call.operation for call in healthy.aws.calls.entries if call.operation.startswith(writes)]
    assert healthy.org.inline_policy(DATA_SCIENTIST) == before
    assert healthy.workspace.all_messages == []
    assert [path.name for path in healthy.folder.iterdir()] == ["workbench-access.toml"]


async def test_the_table_says_icon_and_word_and_what_to_do(healthy: Clinic) -> None:
    healthy.org.set_tags(ANALYST, {})

    told = await healthy.run("doctor")

    assert told.code == 0, "a warning is no failure"
    assert "✔ ok       token" in told.out
    assert f"▲ warning  tag {ANALYST}" in told.out
    assert "→ aws sso-admin tag-resource --instance-arn " in told.out
    assert told.out.rstrip().endswith("1 warning, 0 failures.")
    assert "\033[" not in told.out, "no colours where nobody watches"


async def test_no_secret_is_printed_however_bad_things_are(healthy: Clinic) -> None:
    healthy.slack.faults.error("auth.test", "invalid_auth", times=9)
    healthy.aws.faults.fail("sts", code="InvalidClientTokenId", status=403, times=None)
    healthy.environment = {"DATABASE_URL": "postgresql://bot:hunter2hunter2@127.0.0.1:1/access"}

    told = await healthy.run("doctor")

    assert told.code == 1
    for secret in (healthy.slack.bot_token, SIGNING_SECRET, "hunter2hunter2", "sandbox-bot-no-secret"):
        assert secret not in told.out + told.err


# The configuration
async def test_all_problems_of_the_configuration_stand_in_the_table_at_once(healthy: Clinic) -> None:
    healthy.rules = RULES.replace('"C0APPROVALS"', '"approvals"') + "\n[defaultz]\n"
    healthy.environment = {"SLACK_BOT_TOKEN": "xoxp-1-2-abcdef"}

    told = await healthy.run("doctor", "--json")

    failures = {check["subject"]: check for check in told.checks if check["status"] == "failure"}
    assert told.code == 2
    assert {"channel", "defaultz", "SLACK_BOT_TOKEN"} <= failures.keys()
    assert failures["SLACK_BOT_TOKEN"]["remedy"] == "xoxb-…"
    assert "xoxp" not in told.out
    assert {check["area"] for check in told.checks if not check["known"]} == {"slack", "aws", "database"}


async def test_a_short_signing_secret_is_noticed_and_not_shown(healthy: Clinic) -> None:
    healthy.environment = {"SLACK_SIGNING_SECRET": "0123456789abcdef0123"}

    told = await healthy.doctor()

    line = told.line("signing_secret")
    assert line["status"] == "warning"
    assert "20 hexadecimal digits" in line["found"]
    assert "0123456789" not in told.out


# Nobody answers
async def test_a_silent_aws_is_said_in_time_and_slack_is_looked_at(healthy: Clinic) -> None:
    healthy.aws.faults.hang("*", times=None)
    began = time.monotonic()

    told = await healthy.run("doctor", "--json")

    assert time.monotonic() - began < 45
    assert told.line("caller")["status"] == "failure"
    assert "no answer" in told.line("caller")["found"] or "does not answer" in told.line("caller")["found"]
    assert [line["known"] for line in told.checks if line["area"] == "permission_sets"] == [False]
    assert told.line("token")["status"] == "ok"
    assert told.code == 1


async def test_one_call_that_hangs_is_one_line(healthy: Clinic) -> None:
    healthy.aws.faults.hang("sso-admin", "ListAccountAssignments", times=None)

    told = await healthy.doctor()

    assert told.wrong() == [("action", "sso:ListAccountAssignments", "warning")]
    assert told.line("action", "sso:ListAccountAssignments")["known"] is False


async def test_a_silent_slack_is_said_in_time_and_aws_is_looked_at(healthy: Clinic) -> None:
    healthy.slack.faults.hang(times=99)
    began = time.monotonic()

    told = await healthy.run("doctor", "--json")

    assert time.monotonic() - began < 45
    assert told.line("token")["status"] == "failure"
    assert told.line("caller")["status"] == "ok"
    assert told.code == 1


# For scripts
async def test_the_json_has_the_documented_keys(healthy: Clinic) -> None:
    healthy.org.set_tags(ANALYST, {})

    document = (await healthy.run("doctor", "--json")).document

    assert list(document) == ["schema", "version", "examined_at", "healthy", "counts", "checks"]
    assert document["schema"] == 1
    assert document["counts"] == {
        status: sum(check["status"] == status for check in document["checks"])
        for status in ("ok", "warning", "failure")
    }
    for check in document["checks"]:
        assert list(check) == ["area", "check", "subject", "status", "known", "found", "remedy"]
        assert bool(check["remedy"]) == (check["status"] != "ok")
    operations = (Path(__file__).parents[3] / "docs/operations.md").read_text(encoding="utf-8")
    for key in [*document, *document["checks"][0]]:
        assert f"`{key}`" in operations, key


async def test_it_leaves_most_of_aws_rate_to_the_serving_process(healthy: Clinic) -> None:
    await healthy.doctor()

    assert healthy.aws.calls.peak_per_second("sso-admin") <= 12, (
        "a serving process has to have room beside it"
    )
