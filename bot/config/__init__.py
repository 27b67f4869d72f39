"""Settings from the environment, `.env` and the rules file: all of them, or one list of every problem.

The only room that reads the process's environment, and it does so in `load_from_process` alone.
"""

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeVar

from pydantic import SecretStr

from bot.config.addresses import database_url, slack_api_url
from bot.config.dotenv_file import read_dotenv
from bot.config.problems import Problems, Shape, did_you_mean, shape, shown
from bot.config.rules_file import read_document, read_rules
from bot.domain.errors import Misconfigured
from bot.domain.rules import Rules
from bot.log import LogFormat

_Choice = TypeVar("_Choice")

SLACK_API: Final = "https://slack.com/api/"
DATABASE: Final = "sqlite:///workbench-access.db"
CONFIG: Final = "workbench-access.toml"
LOG_LEVELS: Final = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
LOG_FORMATS: Final[Mapping[str, LogFormat]] = {"json": "json", "text": "text"}

# https://docs.slack.dev/authentication/tokens
BOT_TOKEN: Final = shape(
    "a bot token (xoxb-…, from OAuth & Permissions of the app)", r"xoxb-[\w-]{4,}", "xoxb-…"
)
APP_TOKEN: Final = shape(
    "an app-level token (xapp-…, from Basic Information of the app)", r"xapp-[\w-]{4,}", "xapp-…"
)
SIGNING_SECRET: Final = shape(
    "a signing secret (32 hexadecimal digits, from Basic Information of the app)",
    r"[0-9a-fA-F]{16,128}",
    "SLACK_SIGNING_SECRET=<32 hexadecimal digits>",
)
HOST: Final = shape("an address or a host name", r"[\w.:-]{1,253}", "HOST=0.0.0.0")
OTHER_TOKENS: Final = {
    "xoxb-": "; it is a bot token",
    "xoxp-": "; it is a user token",
    "xapp-": "; it is an app-level token",
    "xoxe": "; it is a rotating token: switch token rotation off, the bot cannot refresh it",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything the bot is told from outside. Secrets do not show in a repr."""

    slack_bot_token: SecretStr
    slack_app_token: SecretStr | None
    """Socket Mode if set, otherwise HTTP."""

    slack_signing_secret: SecretStr | None
    """Set whenever `slack_app_token` is not."""

    slack_api_url: str
    database_url: SecretStr
    """Ready for SQLAlchemy; secret because it may carry a password."""

    config_path: Path
    host: str
    port: int
    log_level: str
    log_format: LogFormat
    rules: Rules

    aws_region: str | None = None
    """`AWS_REGION`, which ECS sets and boto3 does not read; None where boto3 finds a region by itself."""

    aws_environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    """boto3's own variables that only `.env` names; `load_from_process` hands them to boto3."""


def load_from_process() -> Settings:
    """Settings of this process; raises Misconfigured.

    boto3 reads its variables from the process's environment and nowhere else, so those of `.env` are put
    there. No other variable is: some change how Bolt and slack_sdk behave (SLACK_CLIENT_ID, HTTPS_PROXY).
    """
    settings = load(os.environ, terminal=sys.stderr.isatty())
    os.environ.update(settings.aws_environment)
    return settings


def load(environ: Mapping[str, str], dotenv_path: Path = Path(".env"), *, terminal: bool = False) -> Settings:
    """Settings from `environ`, over those of `.env`, and from the rules file that they name.

    `terminal` says whether a person reads the log. Raises Misconfigured with all problems of the three.
    """
    problems = Problems()
    from_file = read_dotenv(dotenv_path, environ, problems)
    variables = _Variables({**from_file, **environ}, problems)
    bot_token = variables.secret("SLACK_BOT_TOKEN", BOT_TOKEN, missing="")
    app_token = variables.secret("SLACK_APP_TOKEN", APP_TOKEN)
    missing = ", which HTTP needs (Socket Mode needs SLACK_APP_TOKEN instead)"
    signing_secret = variables.secret(
        "SLACK_SIGNING_SECRET", SIGNING_SECRET, missing=None if variables.has("SLACK_APP_TOKEN") else missing
    )
    api_url = variables.address("SLACK_API_URL", slack_api_url, SLACK_API)
    database = variables.address("DATABASE_URL", database_url, DATABASE)
    host = variables.host()
    port = variables.port()
    log_level = variables.choice("LOG_LEVEL", {level: level for level in LOG_LEVELS}, "INFO")
    log_format = variables.choice("LOG_FORMAT", LOG_FORMATS, "text" if terminal else "json")
    variables.refuse_oauth()

    config_path = Path(variables.text("WORKBENCH_ACCESS_CONFIG") or CONFIG)
    document = read_document(config_path, problems)
    rules = None if document is None else read_rules(document, problems)
    if problems or rules is None or bot_token is None:
        raise Misconfigured(problems.texts())
    return Settings(
        slack_bot_token=bot_token,
        slack_app_token=app_token,
        slack_signing_secret=signing_secret,
        slack_api_url=api_url,
        database_url=SecretStr(database),
        config_path=config_path,
        host=host,
        port=port,
        log_level=log_level,
        log_format=log_format,
        rules=rules,
        aws_region=None if variables.has("AWS_DEFAULT_REGION") else variables.text("AWS_REGION"),
        aws_environment={
            name: value
            for name, value in from_file.items()
            # A blank AWS_PROFILE would be looked for as a profile without a name.
            if name.startswith("AWS_") and value and name not in environ
        },
    )


class _Variables:
    """The environment and `.env` together: reads a variable as what it must be, or notes what is wrong.

    A blank variable is an absent one: that is what `NAME=` in a `.env` file or a Compose file is meant to be.
    """

    def __init__(self, values: Mapping[str, str], problems: Problems) -> None:
        self._values = values
        self._problems = problems

    def text(self, name: str) -> str | None:
        return self._values.get(name, "").strip() or None

    def has(self, name: str) -> bool:
        return self.text(name) is not None

    def secret(self, name: str, shape: Shape, *, missing: str | None = None) -> SecretStr | None:
        """A secret of the given shape, required if `missing` says why. No problem ever repeats its value."""
        value = self.text(name)
        if value is None:
            if missing is not None:
                self._problems.add(name, f"is missing{missing}", shape.example)
            return None
        if not shape.fits(value):
            kind = next((words for prefix, words in OTHER_TOKENS.items() if value.startswith(prefix)), "")
            self._problems.add(name, f"is not {shape.words}{kind}", shape.example)
            return None
        return SecretStr(value)

    def address(self, name: str, normal: Callable[[str], str], default: str) -> str:
        try:
            return normal(self.text(name) or default)
        except ValueError as wrong:
            self._problems.add(name, str(wrong), default)
            return default

    def host(self) -> str:
        value = self.text("HOST") or "0.0.0.0"  # noqa: S104 -- Slack has to reach it from outside
        if not HOST.fits(value):
            self._problems.add("HOST", f"{shown(value)} is not {HOST.words}", HOST.example)
        return value

    def port(self) -> int:
        value = self.text("PORT") or "3000"
        if value.isascii() and value.isdigit() and len(value) <= 5 and 1 <= int(value) <= 65535:
            return int(value)
        self._problems.add("PORT", f"{shown(value)} is not a number from 1 to 65535", "PORT=3000")
        return 3000

    def choice(self, name: str, choices: Mapping[str, _Choice], default: str) -> _Choice:
        """One of a few words, in capitals or not."""
        value = self.text(name) or default
        by_folded = {word.casefold(): meaning for word, meaning in choices.items()}
        if value.casefold() in by_folded:
            return by_folded[value.casefold()]
        words = f"{shown(value)} is none of {', '.join(choices)}{did_you_mean(value, choices)}"
        self._problems.add(name, words, f"{name}={default}")
        return choices[default]

    def refuse_oauth(self) -> None:
        """Two variables that make Bolt ignore the bot token and wait for OAuth installations.

        Seen in slack_bolt 1.30.0, app/async_app.py: it looks for both in the process's environment by itself,
        and takes a blank one for a value.
        """
        for name in ("SLACK_CLIENT_ID", "SLACK_CLIENT_SECRET"):
            if name in self._values:
                wrong = (
                    "must not be set, not even blank: "
                    "Slack's library would switch to OAuth mode and drop SLACK_BOT_TOKEN"
                )
                self._problems.add(name, wrong, f"unset {name}")
