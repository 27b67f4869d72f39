"""Problems of the environment and of `.env`, each with the variable, the fault and an example."""

# ruff: noqa: E501 -- a table of problems is read by its columns: one row, one line
from collections.abc import Callable
from pathlib import Path

import pytest

from bot.config import load
from bot.domain.errors import Misconfigured
from tests.unit.bot.config.samples import ENVIRONMENT, SMALLEST


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
