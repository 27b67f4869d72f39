"""The people, accounts and rules that the sandbox and the integration tests share."""

import time
from collections.abc import Callable
from pathlib import Path

from bot.sandbox.aws.organisation import AwsOrganisation
from bot.sandbox.slack.workspace import Workspace

ALICE, BEN, CHRIS, DANA = "U0ALICE", "U0BEN", "U0CHRIS", "U0DANA"
GUEST, STRANGER = "U0GUEST", "U0STRANGER"
APPROVALS, GENERAL = "C0APPROVALS", "C0GENERAL"
ADMINS = "S0SSOADMINS"

SANDBOX, PRODUCTION, RESEARCH = "111111111111", "222222222222", "333333333333"
DATA_SCIENTIST, ANALYST = "DataScientist", "Analyst"

SIGNING_SECRET = "5a" * 16
"""Of the shape that Slack's have; worth nothing outside this machine."""

FOREIGN = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Sid": "ReadBuckets",
            "Effect": "Allow",
            "Action": ["s3:GetObject", "s3:ListBucket"],
            "Resource": ["arn:aws:s3:::research-data", "arn:aws:s3:::research-data/*"],
        }
    ],
}
"""Somebody else's statement in the shared policy: it must come through everything unchanged."""

RULES = """\
channel = "C0APPROVALS"
support = "#workbench-support"

[admins]
usergroups = ["S0SSOADMINS"]

[defaults]
roles = ["Workbench-ReadOnlyRole", "Workbench-BuilderRole", "Workbench-ExecutionRole"]
durations = ["1d", "7d", "30d", "permanent"]

[permission_sets.DataScientist]
accounts = ["111111111111", "222222222222"]

[permission_sets.Analyst]
accounts = "*"
"""


def workspace(*, clock: Callable[[], float] = time.time) -> Workspace:
    """Alice is a data scientist, Ben and Chris are SSO admins, Dana is in another team; a guest and a stranger."""
    made = Workspace(clock=clock)
    members = {
        ALICE: ("alice", "Alice Smith"),
        BEN: ("ben", "Ben Brown"),
        CHRIS: ("chris", "Chris Clark"),
        DANA: ("dana", "Dana Diaz"),
    }
    for user, (name, real_name) in members.items():
        made.add_user(user, name, real_name=real_name, email=f"{name}@example.com")
    made.add_user(GUEST, "gus", real_name="Gus Guest", email="gus@example.com", is_restricted=True)
    made.add_user(
        STRANGER,
        "sid",
        real_name="Sid Stranger",
        email="sid@elsewhere.example.com",
        team_id="T0ELSEWHERE",
        is_stranger=True,
    )
    made.add_channel(GENERAL, "general", [*members, GUEST], with_bot=False)
    made.add_channel(APPROVALS, "access-approvals", [BEN, CHRIS, DANA, GUEST, STRANGER])
    made.add_usergroup(ADMINS, "sso-admins", [BEN, CHRIS])
    return made


def organisation(*, clock: Callable[[], float] = time.time) -> AwsOrganisation:
    """Three accounts, two permission sets; Alice holds DataScientist by her group, Dana holds Analyst."""
    made = AwsOrganisation(clock=clock)
    for account, name in (
        (SANDBOX, "Workbench Sandbox"),
        (PRODUCTION, "Workbench Production"),
        (RESEARCH, "Research"),
    ):
        made.add_account(account, name)
    for name in ("alice", "ben", "chris", "dana"):
        made.add_user(f"{name}@example.com")
    made.add_group("data-science", ["alice@example.com", "chris@example.com"])
    made.add_permission_set(DATA_SCIENTIST, inline=FOREIGN)
    made.add_permission_set(ANALYST)
    for account in (SANDBOX, PRODUCTION):
        made.assign("data-science", DATA_SCIENTIST, account)
        made.deploy_workbench(account, sso_groups=[DATA_SCIENTIST])
    made.assign("dana@example.com", ANALYST, RESEARCH)
    made.deploy_workbench(RESEARCH, sso_groups=[ANALYST])
    return made


def write_rules(folder: Path, text: str = RULES) -> Path:
    """The rules file of this scene."""
    path = folder / "workbench-access.toml"
    path.write_text(text, encoding="utf-8")
    return path
