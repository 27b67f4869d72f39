"""What loads: defaults, overrides, `.env`, and what is handed on to boto3."""

import json
import os
import tomllib
from datetime import timedelta
from pathlib import Path

import pytest

from bot.config import load, load_from_process
from bot.domain.errors import Misconfigured
from bot.domain.names import AccountId, PermissionSetName, SlackUserId
from bot.domain.rules import ApproverSource, approvers
from tests.unit.bot.config.samples import BUILD, ENVIRONMENT, EXECUTE, READ, ROOT, SMALLEST, Loader, only_rule


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
