"""The smallest environment and rules that work, and how they are loaded in these tests."""

from collections.abc import Callable
from pathlib import Path

from bot.config import Settings
from bot.domain.names import PermissionSetName, RoleName
from bot.domain.rules import Rule, Rules

ROOT = Path(__file__).parents[4]
EXECUTE = RoleName("Workbench-ExecutionRole")
BUILD = RoleName("Workbench-BuilderRole")
READ = RoleName("Workbench-ReadOnlyRole")

ENVIRONMENT = {
    "SLACK_BOT_TOKEN": "xoxb-test-token",
    "SLACK_SIGNING_SECRET": "0123456789abcdef0123456789abcdef",
}
SMALLEST = """
channel = "C0APPROVALS"
support = "#workbench-support"
[admins]
users = ["U0ADMIN1"]
[permission_sets.DataScientist]
accounts = ["111111111111"]
"""

Loader = Callable[..., Settings]


def only_rule(rules: Rules, role: RoleName = READ, name: str = "DataScientist") -> Rule:
    return rules.sets[PermissionSetName(name)].by_role[role]
