"""Problems of the rules file: each with its key and fault, and all of them at once."""

# ruff: noqa: E501 -- a table of problems is read by its columns: one row, one line
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from bot.config import load
from bot.domain.errors import Misconfigured
from tests.unit.bot.config.samples import ENVIRONMENT, SMALLEST


def test_syntax_error_of_the_rules_file_names_its_line(problems: Callable[..., list[str]]) -> None:
    (problem,) = problems('channel = "C0APPROVALS"\nsupport = \n')

    assert "rules.toml): is not TOML" in problem
    assert "line 2" in problem


def test_rules_file_may_begin_with_a_byte_order_mark(problems: Callable[..., list[str]]) -> None:
    assert problems("\ufeff" + SMALLEST) == []


def test_rules_file_in_another_encoding_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "rules.toml").write_bytes('support = "é"'.encode("latin-1"))

    with pytest.raises(Misconfigured) as misconfigured:
        load({**ENVIRONMENT, "WORKBENCH_ACCESS_CONFIG": str(tmp_path / "rules.toml")}, tmp_path / ".env")

    assert "is not UTF-8 text" in misconfigured.value.problems[0]


def at_top(line: str) -> str:
    """The smallest rules with another line for a key of the top table."""
    key = line.partition(" ")[0]
    kept = [each for each in SMALLEST.splitlines() if not each.startswith(f"{key} =")]
    return "\n".join([line, *kept])


def in_admins(lines: str) -> str:
    return SMALLEST.replace('users = ["U0ADMIN1"]', lines)


def in_defaults(lines: str) -> str:
    return f"{SMALLEST}\n[defaults]\n{lines}"


def in_set(lines: str) -> str:
    return SMALLEST + lines


def with_accounts(value: str) -> str:
    return SMALLEST.replace('["111111111111"]', value)


def in_role(lines: str, role: str = "Workbench-ReadOnlyRole") -> str:
    return f'{SMALLEST}\n[permission_sets.DataScientist.role."{role}"]\n{lines}'


def in_people(lines: str) -> str:
    return f"{SMALLEST}\n[people]\n{lines}"


SET = "permission_sets.DataScientist"


@pytest.mark.parametrize(
    ("toml", "key", "words"),
    [
        (SMALLEST.replace('channel = "C0APPROVALS"', ""), "channel", 'is missing. Example: channel = "C0APPROVALS"'),
        (at_top('channel = "#approvals"'), "channel", '"#approvals" is not a channel id'),
        (at_top('channel = "D0DIRECT"'), "channel", "is not a channel id (C… or G…"),
        (at_top("channel = 5"), "channel", "5 is not a channel id"),
        (SMALLEST.replace('support = "#workbench-support"', ""), "support", "is missing"),
        (at_top('support = " "'), "support", "must be a text on one line"),
        (at_top('support = "a\\nb"'), "support", "must be a text on one line"),
        (at_top('member_role = "path/Role"'), "member_role", "is not an IAM role name"),
        (at_top('member_role = ""'), "member_role", "is not an IAM role name"),
        (at_top('public_url = "http://access.example.com"'), "public_url", "must begin with https://"),
        (at_top('public_url = "http://127.0.0.1.example.com"'), "public_url", "only for loopback"),
        (at_top('public_url = "https://a.example/$(id)"'), "public_url", "that a shell could interpret"),
        (at_top('public_url = "https://a.example/?a=1"'), "public_url", "a query"),
        (at_top('public_url = "access.example.com"'), "public_url", "begins with https://"),
        (at_top("public_url = true"), "public_url", "must be a text"),
        (at_top('chanel = "C0A"'), "chanel", "is not a known key (did you mean channel?)"),
        (at_top('"strange key" = 1'), '"strange key"', "is not a known key; known are channel, support"),
        (SMALLEST + "\n[defalts]", "defalts", "(did you mean defaults?)"),
        (in_admins("user = ['U0A']\nusers=['U0A']"), "admins.user", "(did you mean users?)"),
        (in_admins(""), "admins", "names no users and no usergroups, so nobody could approve"),
        (in_admins("users = []\nusergroups = []"), "admins", 'Example: users = ["U0ADMIN1"]'),
        (in_admins('users = ["U0A", "alice"]'), "admins.users[1]", '"alice" is not a Slack user id'),
        (in_admins('users = ["U0A", "U0A"]'), "admins.users", 'names "U0A" more than once'),
        (in_admins('users = "U0A"'), "admins.users", 'must be a list, but is "U0A"'),
        (in_admins('usergroups = ["@admins"]'), "admins.usergroups[0]", "is not a Slack user group id (S…)"),
        (in_admins('usergroups = [7]'), "admins.usergroups[0]", "in quotes"),
        (at_top("defaults = 1"), "defaults", "must be a table, but is 1. Example: [defaults]"),
        (in_defaults("approvals = 0"), "defaults.approvals", "whole number from 1 to 20, but is 0"),
        (in_defaults("approvals = true"), "defaults.approvals", "but is True"),
        (in_defaults("approvals = 1.5"), "defaults.approvals", "but is 1.5"),
        (in_defaults('approvals = "1"'), "defaults.approvals", 'but is "1"'),
        (in_defaults(f"approvals = 0x1{'0' * 5000}"), "defaults.approvals", "too large to show"),
        (in_defaults("approvals = 2"), "defaults.approvals", "asks for 2 approvals, but [admins] has 1 user"),
        (in_defaults("self_approval = 1"), "defaults.self_approval", "must be true or false, but is 1"),
        (in_defaults("durations = []"), "defaults.durations", "is empty"),
        (in_defaults('durations = ["1d", "1 day"]'), "defaults.durations[1]", '"1 day" is not a duration'),
        (in_defaults('durations = ["0d"]'), "defaults.durations[0]", "is not a duration"),
        (in_defaults('durations = ["-1d"]'), "defaults.durations[0]", "is not a duration"),
        (in_defaults('durations = ["366d"]'), "defaults.durations[0]", "at most a year"),
        (in_defaults('durations = ["forever"]'), "defaults.durations[0]", 'or "permanent"'),
        (in_defaults("durations = [7]"), "defaults.durations[0]", "7 is not a duration"),
        (in_defaults('durations = ["1d", "24h"]'), "defaults.durations[1]", '"24h" is as long as "1d" before it'),
        (in_defaults('durations = "1d"'), "defaults.durations", "must be a list"),
        (in_defaults('request_ttl = "permanent"'), "defaults.request_ttl", '"permanent" is not a duration'),
        (in_defaults("request_ttl = 3"), "defaults.request_ttl", "3 is not a duration"),
        (in_defaults("roles = []"), "defaults.roles", "is empty"),
        (in_defaults('roles = ["a b"]'), "defaults.roles[0]", "is not an IAM role name"),
        (in_defaults('accounts = "*"'), "defaults.accounts", "is not a known key"),
        (SMALLEST.partition("[permission_sets")[0], "permission_sets", "names no permission set"),
        (SMALLEST.replace("DataScientist", '"Data Scientist"'), 'permission_sets."Data Scientist"', "1 to 32"),
        (SMALLEST.replace("DataScientist", "A" * 33), f"permission_sets.{'A' * 33}", "is not a permission set name"),
        (SMALLEST.replace("DataScientist", '"Ünï"'), 'permission_sets."Ünï"', "is not a permission set name"),
        (SMALLEST.partition("[permission_sets")[0] + "[permission_sets]\nA = 1", "permission_sets.A", "must be a table"),
        (with_accounts('["111111111111", "12345"]'), f"{SET}.accounts[1]", '"12345" is not a 12-digit account id'),
        (with_accounts("[111111111111]"), f"{SET}.accounts[0]", "in quotes"),
        (with_accounts('["１１１１１１１１１１１１"]'), f"{SET}.accounts[0]", "12-digit"),
        (with_accounts('["*"]'), f"{SET}.accounts[0]", '"*" is not a 12-digit account id'),
        (with_accounts("[]"), f"{SET}.accounts", 'is empty. Example: accounts = ["111111111111"'),
        (with_accounts('"111111111111"'), f"{SET}.accounts", "must be a list"),
        (SMALLEST.replace("accounts =", "#"), f"{SET}.accounts", "is missing"),
        (in_set("approval = 2"), f"{SET}.approval", "(did you mean approvals?)"),
        (in_set("approvals = 2"), f"{SET}.approvals", "asks for 2 approvals, but [admins] has 1 user and no usergroup"),
        (in_set("users = []"), SET, "names no users and no usergroups"),
        (in_set('users = ["U0A"]\napprovals = 2'), f"{SET}.approvals", f"[{SET}] has 1 user"),
        (in_set('role = "x"'), f"{SET}.role", "must be a table"),
        (in_role("", "Workbench-ReadonlyRole"), f"{SET}.role.Workbench-ReadonlyRole", "did you mean Workbench-ReadOnlyRole?"),
        (in_role("", "a b"), f'{SET}.role."a b"', "its roles are Workbench-ReadOnlyRole, Workbench-BuilderRole"),
        (in_role('roles = ["x"]'), f"{SET}.role.Workbench-ReadOnlyRole.roles", "is not a known key"),
        (in_role("users = []"), f"{SET}.role.Workbench-ReadOnlyRole", "nobody could approve"),
        (in_role("approvals = 3"), f"{SET}.role.Workbench-ReadOnlyRole.approvals", "asks for 3 approvals"),
        (in_role("durations = []"), f"{SET}.role.Workbench-ReadOnlyRole.durations", "is empty"),
        (in_people('"alice" = "a@example.com"'), "people.alice", "is not a Slack user id"),
        (in_people('U0A = "alice"'), "people.U0A", '"alice" is not an e-mail address'),
        (in_people('U0A = "a@b@example.com"'), "people.U0A", "is not an e-mail address"),
        (in_people("U0A = 1"), "people.U0A", "is not an e-mail address"),
        (in_people('U0A = "a@example.com"\nU0B = "A@Example.com"'), "people.U0B", "already belongs to U0A"),
    ],
)  # fmt: skip
def test_problem_of_the_rules_names_key_and_fault_and_is_alone(
    problems: Callable[..., list[str]], toml: str, key: str, words: str
) -> None:
    (problem,) = problems(toml)

    assert problem.startswith(f"{key}: ")
    assert words in problem


def test_every_problem_of_all_places_is_told_at_once(problems: Callable[..., list[str]]) -> None:
    toml = """
    chanel = "C0APPROVALS"
    [admins]
    usergroups = ["admins"]
    [defaults]
    approvals = 0
    durations = ["soon"]
    [permission_sets.DataScientist]
    accounts = ["12345", "111111111111"]
    [permission_sets.DataScientist.role.Admin]
    [permission_sets.Other]
    users = []
    [people]
    U0A = "alice"
    """

    found = problems(toml, dotenv="PORT=x\n=\n", SLACK_BOT_TOKEN=None, SLACK_CLIENT_ID="1", LOG_LEVEL="loud")

    assert sorted(problem.partition(": ")[0].rpartition("/")[2] for problem in found) == sorted(
        [
            ".env, line 2",
            "SLACK_BOT_TOKEN",
            "SLACK_CLIENT_ID",
            "PORT",
            "LOG_LEVEL",
            "chanel",
            "channel",
            "support",
            "admins.usergroups[0]",
            "defaults.approvals",
            "defaults.durations[0]",
            "permission_sets.DataScientist.accounts[0]",
            "permission_sets.DataScientist.role.Admin",
            "permission_sets.Other",
            "permission_sets.Other.accounts",
            "people.U0A",
        ]
    )


def test_environment_and_missing_rules_file_are_told_together(problems: Callable[..., list[str]]) -> None:
    found = problems(SLACK_BOT_TOKEN=None, WORKBENCH_ACCESS_CONFIG="/nowhere")

    assert [problem.partition(":")[0] for problem in found] == [
        "SLACK_BOT_TOKEN",
        "WORKBENCH_ACCESS_CONFIG (/nowhere)",
    ]


def test_one_fault_that_every_role_inherits_is_told_once(problems: Callable[..., list[str]]) -> None:
    assert len(problems(in_admins("") + "\n[permission_sets.Other]\naccounts = '*'")) == 1


def test_secret_in_the_wrong_place_is_not_repeated(problems: Callable[..., list[str]]) -> None:
    token = "xoxb-" + "12345-hunter2"

    (problem,) = problems(at_top(f'channel = "{token}"'))

    assert "hunter2" not in problem


def test_problem_stays_on_one_short_line_whatever_was_written(problems: Callable[..., list[str]]) -> None:
    evil = json.dumps("line\nbreak\u2028" + "x" * 5000)

    for problem in problems(at_top(f"channel = {evil}")) + problems(at_top(f"{evil} = 1")):
        assert problem.isprintable()
        assert len(problem) < 300
