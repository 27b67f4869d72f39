"""Settings from environment, `.env` and rules file: all of them, or every problem at once."""

# ruff: noqa: E501 -- a table of problems is read by its columns: one row, one line
import json
import os
import tomllib
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bot.config import Settings, load, load_from_process
from bot.domain.errors import Misconfigured
from bot.domain.names import AccountId, PermissionSetName, RoleName, SlackUserId
from bot.domain.rules import ApproverSource, Rule, Rules, approvers

ROOT = Path(__file__).parents[3]
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


@pytest.fixture
def loaded(tmp_path: Path) -> Loader:
    """Loads a rules file, an environment over the smallest one that works, and a `.env` file."""

    def load_them(
        toml: str = SMALLEST, dotenv: str = "", terminal: bool = False, **environ: str | None
    ) -> Settings:
        rules_path, dotenv_path = tmp_path / "rules.toml", tmp_path / ".env"
        rules_path.write_text(toml, encoding="utf-8")
        dotenv_path.write_text(dotenv, encoding="utf-8")
        merged = {**ENVIRONMENT, "WORKBENCH_ACCESS_CONFIG": str(rules_path), **environ}
        variables = {name: value for name, value in merged.items() if value is not None}
        return load(variables, dotenv_path, terminal=terminal)

    return load_them


@pytest.fixture
def problems(loaded: Loader) -> Callable[..., list[str]]:
    """The problems of what `loaded` would load; none if it starts."""

    def find(*args: str, **kwargs: str | None) -> list[str]:
        try:
            loaded(*args, **kwargs)
        except Misconfigured as misconfigured:
            return misconfigured.problems
        return []

    return find


def only_rule(rules: Rules, role: RoleName = READ, name: str = "DataScientist") -> Rule:
    return rules.sets[PermissionSetName(name)].by_role[role]


# What loads


def test_smallest_configuration_gets_the_documented_defaults(loaded: Loader) -> None:
    loaded_settings = loaded()

    rule = only_rule(loaded_settings.rules)
    assert loaded_settings.slack_bot_token.get_secret_value() == "xoxb-test-token"
    assert loaded_settings.slack_app_token is None
    assert loaded_settings.slack_api_url == "https://slack.com/api/"
    assert loaded_settings.database_url.get_secret_value() == "sqlite:///workbench-access.db"
    assert (loaded_settings.host, loaded_settings.port) == ("0.0.0.0", 3000)  # noqa: S104 -- the documented default
    assert (loaded_settings.log_level, loaded_settings.log_format) == ("INFO", "json")
    assert loaded_settings.rules.member_role is None
    assert loaded_settings.rules.public_url is None
    assert loaded_settings.rules.people == {}
    assert loaded_settings.rules.sets[PermissionSetName("DataScientist")].roles == (READ, BUILD, EXECUTE)
    assert (rule.approvals, rule.self_approval, rule.request_ttl) == (1, False, timedelta(days=3))
    assert rule.durations == (timedelta(days=1), timedelta(days=7), timedelta(days=30), None)


def test_example_files_load_as_they_are_and_hold_every_documented_key(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(ROOT)
    example_toml = Path("workbench-access.example.toml")

    loaded_settings = load({"WORKBENCH_ACCESS_CONFIG": str(example_toml)}, Path(".env.example"))

    rules = loaded_settings.rules
    sets = rules.sets
    scientist = sets[PermissionSetName("DataScientist")]
    assert scientist.accounts == frozenset({AccountId("1" * 12), AccountId("2" * 12)})
    assert scientist.by_role[EXECUTE].durations == (timedelta(days=1),)
    assert scientist.by_role[READ].approvals == 2
    assert sets[PermissionSetName("DataAnalyst")].accounts is None
    assert rules.people == {"U0ALICE": "alice.smith@example.com"}
    assert loaded_settings.aws_environment == {"AWS_REGION": "us-east-1"}
    document = tomllib.loads(example_toml.read_text(encoding="utf-8"))
    assert set(document) == {
        "channel", "support", "member_role", "public_url", "admins", "defaults", "permission_sets", "people"
    }  # fmt: skip
    assert set(document["defaults"]) == {"roles", "approvals", "self_approval", "durations", "request_ttl"}
    assert set(document["admins"]) == {"users", "usergroups"}
    names = {
        "SLACK_BOT_TOKEN", "SLACK_APP_TOKEN", "SLACK_SIGNING_SECRET", "SLACK_API_URL", "DATABASE_URL",
        "WORKBENCH_ACCESS_CONFIG", "HOST", "PORT", "LOG_LEVEL", "LOG_FORMAT", "AWS_ENDPOINT_URL",
    }  # fmt: skip
    text = Path(".env.example").read_text(encoding="utf-8")
    assert {name for name in names if f"\n{name}=" not in text and f"\n# {name}=" not in text} == set()


def test_example_rules_say_truly_what_a_left_out_default_is(loaded: Loader) -> None:
    text = (ROOT / "workbench-access.example.toml").read_text(encoding="utf-8")
    shown = tomllib.loads(text)["defaults"]
    written = "\n".join(f"{key} = {json.dumps(value)}" for key, value in shown.items())

    assert loaded(f"{SMALLEST}\n[defaults]\n{written}").rules == loaded().rules


def test_socket_mode_needs_no_signing_secret(loaded: Loader) -> None:
    loaded_settings = loaded(SLACK_APP_TOKEN="xapp-1-test", SLACK_SIGNING_SECRET=None)

    assert loaded_settings.slack_app_token is not None
    assert loaded_settings.slack_signing_secret is None


def test_set_overrides_defaults_and_role_overrides_set(loaded: Loader) -> None:
    rules = loaded(
        """
        channel = "G0PRIVATE"
        support = "#help"
        [admins]
        users = ["U0A", "U0B"]
        [defaults]
        approvals = 1
        self_approval = true
        durations = ["2w"]
        request_ttl = "12h"
        [permission_sets.DataScientist]
        accounts = "*"
        approvals = 2
        durations = ["15m", "permanent"]
        [permission_sets.DataScientist.role."Workbench-ExecutionRole"]
        self_approval = false
        approvals = 1
        users = ["W0CAROL"]
        request_ttl = "1h"
        """
    ).rules

    read, execute = only_rule(rules), only_rule(rules, EXECUTE)
    assert (read.approvals, read.self_approval, read.request_ttl) == (2, True, timedelta(hours=12))
    assert (execute.approvals, execute.self_approval, execute.request_ttl) == (1, False, timedelta(hours=1))
    assert read.durations == execute.durations == (timedelta(minutes=15), None)
    assert approvers(read, {}) == {"U0A", "U0B"}
    assert approvers(execute, {}) == {"W0CAROL"}


@pytest.mark.parametrize(
    ("override", "source"),
    [
        ("", ApproverSource(users=frozenset({SlackUserId("U0A")}), groups=frozenset({"S0ADMINS"}))),
        (
            'users = ["U0CAROL"]',
            ApproverSource(users=frozenset({SlackUserId("U0CAROL")}), groups=frozenset()),
        ),
        ('usergroups = ["S0OTHER"]', ApproverSource(users=frozenset(), groups=frozenset({"S0OTHER"}))),
    ],
)
def test_naming_any_approver_replaces_all_inherited_approvers(
    loaded: Loader, override: str, source: ApproverSource
) -> None:
    rules = loaded(
        f"""
        channel = "C0APPROVALS"
        support = "#help"
        [admins]
        users = ["U0A"]
        usergroups = ["S0ADMINS"]
        [permission_sets.DataScientist]
        accounts = "*"
        {override}
        """
    ).rules

    assert only_rule(rules).approver_sources == (source,)


def test_admins_may_be_left_out_when_every_set_names_its_own(loaded: Loader) -> None:
    toml = SMALLEST.replace('[admins]\nusers = ["U0ADMIN1"]', "") + 'usergroups = ["S0ADMINS"]'

    assert only_rule(loaded(toml).rules).groups == {"S0ADMINS"}


def test_more_approvals_than_users_are_fine_where_a_group_may_hold_the_others(loaded: Loader) -> None:
    toml = SMALLEST.replace("[admins]", '[admins]\nusergroups = ["S0ADMINS"]') + "approvals = 5"

    assert only_rule(loaded(toml).rules).approvals == 5


def test_roles_that_share_no_duration_load_and_are_left_to_the_form(loaded: Loader) -> None:
    toml = SMALLEST + (
        'durations = ["permanent"]\n[permission_sets.DataScientist.role.Workbench-ExecutionRole]\ndurations = ["1d"]'
    )

    rules = loaded(toml).rules.sets[PermissionSetName("DataScientist")]

    assert rules.combined([READ, EXECUTE]).durations == ()


@pytest.mark.parametrize(
    ("written", "normal"),
    [
        ("postgres://bot:p%40ss@db:5432/access", "postgresql+psycopg://bot:p%40ss@db:5432/access"),
        ("postgresql://db/access?sslmode=require", "postgresql+psycopg://db/access?sslmode=require"),
        ("postgresql+psycopg://db/access", "postgresql+psycopg://db/access"),
        ("sqlite:////var/lib/access.db", "sqlite:////var/lib/access.db"),
    ],
)
def test_database_address_is_brought_to_the_one_installed_driver(
    loaded: Loader, written: str, normal: str
) -> None:
    assert loaded(DATABASE_URL=written).database_url.get_secret_value() == normal


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:9/api", "https://slack.example/api/", "http://slack-double:80/api"]
)
def test_slack_api_address_ends_in_a_slash_for_slack_sdk_to_join(loaded: Loader, url: str) -> None:
    assert loaded(SLACK_API_URL=url).slack_api_url == url.rstrip("/") + "/"


@pytest.mark.parametrize(
    "url",
    [
        "https://access.example.com",
        "https://x.example/bot/",
        "http://localhost:3000",
        "http://[::1]:3000",
        "http://127.0.0.2",
    ],
)
def test_public_address_is_https_or_this_very_machine(loaded: Loader, url: str) -> None:
    assert loaded(f'public_url = "{url}"\n{SMALLEST}').rules.public_url == url.rstrip("/")


def test_log_is_for_reading_on_a_terminal_unless_something_else_is_said(loaded: Loader) -> None:
    assert loaded(terminal=True).log_format == "text"
    assert loaded(terminal=True, LOG_FORMAT="JSON").log_format == "json"
    assert loaded(LOG_LEVEL="debug").log_level == "DEBUG"


# .env


def test_real_environment_wins_over_the_dotenv_file(loaded: Loader) -> None:
    loaded_settings = loaded(dotenv="PORT=1\nHOST=127.0.0.1\n", PORT="2")

    assert (loaded_settings.port, loaded_settings.host) == (2, "127.0.0.1")


def test_dotenv_file_expands_as_python_dotenv_does(loaded: Loader) -> None:
    dotenv = "export NAME='access'\nDATABASE_URL=postgresql://${HOST}/${NAME}_${NOPE:-x} # comment\nNOT_SET\n"

    url = loaded(dotenv=dotenv, HOST="db").database_url.get_secret_value()

    assert url == "postgresql+psycopg://db/access_x"


def test_variables_of_boto3_in_the_dotenv_file_are_handed_on_unless_the_environment_has_them(
    loaded: Loader,
) -> None:
    dotenv = "AWS_PROFILE=file\nAWS_REGION=file\nAWS_ENDPOINT_URL=\nOTHER=x\n"

    assert loaded(dotenv=dotenv, AWS_REGION="real").aws_environment == {"AWS_PROFILE": "file"}


def test_process_hands_boto3_its_variables_and_keeps_all_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "workbench-access.toml").write_text(SMALLEST, encoding="utf-8")
    lines = [f"{name}={value}" for name, value in ENVIRONMENT.items()]
    lines += ["AWS_PROFILE=file", "AWS_ROLE_ARN=file", "HTTPS_PROXY=http://nowhere"]
    (tmp_path / ".env").write_text("\n".join(lines), encoding="utf-8")
    clean = {"PATH": os.environ.get("PATH", ""), "AWS_ROLE_ARN": "real"}
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os, "environ", clean)

    load_from_process()

    assert clean == {"PATH": clean["PATH"], "AWS_ROLE_ARN": "real", "AWS_PROFILE": "file"}


def test_process_with_a_problem_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".env").write_text("AWS_PROFILE=file", encoding="utf-8")
    clean: dict[str, str] = {}
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os, "environ", clean)

    with pytest.raises(Misconfigured):
        load_from_process()

    assert clean == {}


def test_blank_variable_counts_as_not_set(loaded: Loader) -> None:
    assert loaded(SLACK_APP_TOKEN=" ", PORT="", LOG_FORMAT="").port == 3000


def test_secrets_do_not_show_in_settings(loaded: Loader) -> None:
    url = "postgresql://bot:hunter2@db/access"
    loaded_settings = loaded(
        DATABASE_URL=url, SLACK_APP_TOKEN="xapp-hunter2", dotenv="AWS_SECRET_ACCESS_KEY=hunter2"
    )

    for text in (repr(loaded_settings), str(loaded_settings)):
        assert "hunter2" not in text
        assert "xoxb-test-token" not in text
        assert ENVIRONMENT["SLACK_SIGNING_SECRET"] not in text


# Problems of the environment


@pytest.mark.parametrize(
    ("environ", "key", "words"),
    [
        ({"SLACK_BOT_TOKEN": None}, "SLACK_BOT_TOKEN", "is missing. Example: xoxb-…"),
        ({"SLACK_BOT_TOKEN": "  "}, "SLACK_BOT_TOKEN", "is missing"),
        ({"SLACK_BOT_TOKEN": "hunter2"}, "SLACK_BOT_TOKEN", "is not a bot token (xoxb-…"),
        ({"SLACK_BOT_TOKEN": "xoxp-hunter2"}, "SLACK_BOT_TOKEN", "it is a user token"),
        ({"SLACK_BOT_TOKEN": "xoxe.xoxb-1-hunter2"}, "SLACK_BOT_TOKEN", "switch token rotation off"),
        ({"SLACK_BOT_TOKEN": "xoxb-hunter2 # mine"}, "SLACK_BOT_TOKEN", "is not a bot token"),
        ({"SLACK_APP_TOKEN": "xoxb-hunter2"}, "SLACK_APP_TOKEN", "is not an app-level token (xapp-…"),
        ({"SLACK_SIGNING_SECRET": None}, "SLACK_SIGNING_SECRET", "is missing, which HTTP needs"),
        ({"SLACK_SIGNING_SECRET": ""}, "SLACK_SIGNING_SECRET", "is missing, which HTTP needs"),
        ({"SLACK_SIGNING_SECRET": "hunter2"}, "SLACK_SIGNING_SECRET", "32 hexadecimal digits"),
        ({"SLACK_SIGNING_SECRET": "beef"}, "SLACK_SIGNING_SECRET", "32 hexadecimal digits"),
        ({"SLACK_CLIENT_ID": "1.2"}, "SLACK_CLIENT_ID", "OAuth mode and drop SLACK_BOT_TOKEN"),
        ({"SLACK_CLIENT_SECRET": ""}, "SLACK_CLIENT_SECRET", "not even blank"),
        ({"SLACK_API_URL": "slack.com/api"}, "SLACK_API_URL", "Example: https://slack.com/api/"),
        ({"SLACK_API_URL": "ftp://slack.com/"}, "SLACK_API_URL", "begins with https://"),
        ({"SLACK_API_URL": "https://hunter2@slack.com/"}, "SLACK_API_URL", "must not carry a user name"),
        ({"SLACK_API_URL": "https://[slack"}, "SLACK_API_URL", "is not an address"),
        ({"SLACK_API_URL": "https://slack.com:x/"}, "SLACK_API_URL", "is not an address"),
        ({"DATABASE_URL": "mysql://bot:hunter2@db/a"}, "DATABASE_URL", "sqlite:/// or postgresql://"),
        ({"DATABASE_URL": "workbench-access.db"}, "DATABASE_URL", "sqlite:/// or postgresql://"),
        ({"DATABASE_URL": "sqlite://"}, "DATABASE_URL", "sqlite:///"),
        ({"DATABASE_URL": "sqlite:///"}, "DATABASE_URL", "must name a file"),
        ({"DATABASE_URL": "sqlite:///:memory:"}, "DATABASE_URL", "survive a restart"),
        ({"HOST": "not a host"}, "HOST", "is not an address or a host name"),
        ({"PORT": "http"}, "PORT", '"http" is not a number from 1 to 65535'),
        ({"PORT": "0"}, "PORT", "1 to 65535"),
        ({"PORT": "65536"}, "PORT", "1 to 65535"),
        ({"PORT": "３０００"}, "PORT", "1 to 65535"),
        ({"PORT": "9" * 5000}, "PORT", "1 to 65535"),
        ({"LOG_LEVEL": "INFOS"}, "LOG_LEVEL", "(did you mean INFO?)"),
        ({"LOG_FORMAT": "yaml"}, "LOG_FORMAT", "none of json, text"),
        ({"WORKBENCH_ACCESS_CONFIG": "/nowhere/rules.toml"}, "WORKBENCH_ACCESS_CONFIG (/nowhere/rules.toml)", "no such file"),
        ({"WORKBENCH_ACCESS_CONFIG": "/"}, "WORKBENCH_ACCESS_CONFIG (/)", "cannot be read (Is a directory)"),
    ],
)  # fmt: skip
def test_problem_of_the_environment_names_variable_fault_and_example(
    problems: Callable[..., list[str]], environ: dict[str, str | None], key: str, words: str
) -> None:
    (problem,) = problems(**environ)

    assert problem.startswith(f"{key}: ")
    assert words in problem
    assert "Example: " in problem
    assert "hunter2" not in problem


def test_dotenv_line_that_would_be_skipped_is_a_problem_with_its_line(
    problems: Callable[..., list[str]],
) -> None:
    (problem,) = problems(dotenv="PORT=3000\nHOST='unfinished\n")

    assert ".env, line 2: is not NAME=value" in problem


def test_dotenv_file_that_cannot_be_read_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "latin1").write_bytes(b"NAME=\xe9")

    for path, words in ((tmp_path, "Is a directory"), (tmp_path / "latin1", "it is not UTF-8")):
        with pytest.raises(Misconfigured) as misconfigured:
            load(ENVIRONMENT, path)

        assert words in misconfigured.value.problems[0]


def test_missing_dotenv_file_is_no_problem(tmp_path: Path) -> None:
    (tmp_path / "rules.toml").write_text(SMALLEST, encoding="utf-8")

    assert (
        load({**ENVIRONMENT, "WORKBENCH_ACCESS_CONFIG": str(tmp_path / "rules.toml")}, tmp_path / ".env").port
        == 3000
    )


# Problems of the rules file


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


# Whatever is written


_keys = st.sampled_from(
    ["channel", "support", "member_role", "public_url", "admins", "defaults", "permission_sets", "people", "users", "usergroups", "roles", "approvals", "self_approval", "durations", "request_ttl", "DataScientist", "accounts", "role", "Workbench-BuilderRole", "U0A"]
) | st.text(max_size=8)  # fmt: skip
_texts = st.sampled_from(
    ["C0A", "U0A", "S0A", "1d", "permanent", "1" * 12, "*", "a@b.c", "https://x", "http://["]
)
_leaves = _texts | st.text(max_size=12) | st.integers() | st.booleans() | st.floats(allow_nan=False)
_values = st.recursive(
    _leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_keys, inner, max_size=4),
    max_leaves=12,
)


def as_toml(value: object) -> str:
    """Any value as TOML, tables inline."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{json.dumps(key)} = {as_toml(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(as_toml, value)) + "]"
    if isinstance(value, float):
        return repr(value)
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else json.dumps(value)


def load_text(folder: Path, toml: str, environ: Mapping[str, str], dotenv: str = "") -> None:
    """Load, and accept nothing but settings or a list of problems."""
    (folder / "any.toml").write_bytes(toml.encode(errors="surrogatepass"))
    (folder / ".env").write_text(dotenv, encoding="utf-8")
    found: list[str] | None = None
    try:
        load({"WORKBENCH_ACCESS_CONFIG": str(folder / "any.toml"), **environ}, folder / ".env")
    except Misconfigured as misconfigured:
        found = misconfigured.problems
    assert found is None or (found and len(set(found)) == len(found))


@settings(max_examples=150, deadline=None)
@given(document=st.dictionaries(_keys, _values, max_size=6))
def test_any_document_loads_or_is_told_as_problems(
    tmp_path_factory: pytest.TempPathFactory, document: dict[str, object]
) -> None:
    toml = "\n".join(
        f"{json.dumps(key, ensure_ascii=False)} = {as_toml(value)}" for key, value in document.items()
    )

    load_text(tmp_path_factory.getbasetemp(), toml, ENVIRONMENT)


@settings(max_examples=100, deadline=None)
@given(toml=st.text(max_size=80), dotenv=st.text(alphabet="AWS_=${}:-'\"\\ \n#x", max_size=40))
@example(toml="a = " + "[" * 5000, dotenv="")
@example(toml="channel" + ".a" * 5000 + " = 1", dotenv="")
@example(toml="approvals = " + "9" * 5000, dotenv="")
@example(toml="a = 1979-13-45", dotenv="")
def test_any_text_loads_or_is_told_as_problems(
    tmp_path_factory: pytest.TempPathFactory, toml: str, dotenv: str
) -> None:
    load_text(tmp_path_factory.getbasetemp(), toml, ENVIRONMENT, dotenv)


@settings(max_examples=100, deadline=None)
@given(
    environ=st.dictionaries(
        st.sampled_from(
            ["SLACK_BOT_TOKEN", "SLACK_APP_TOKEN", "SLACK_SIGNING_SECRET", "SLACK_API_URL", "DATABASE_URL", "HOST", "PORT", "LOG_LEVEL", "LOG_FORMAT", "SLACK_CLIENT_ID"]
        ),
        st.text(max_size=20) | st.sampled_from(["https://[", "http://a:b", "sqlite:///", "postgresql://", "²", "xoxb-"]),
    )
)  # fmt: skip
def test_any_environment_loads_or_is_told_as_problems(
    tmp_path_factory: pytest.TempPathFactory, environ: dict[str, str]
) -> None:
    load_text(tmp_path_factory.getbasetemp(), SMALLEST, environ)
