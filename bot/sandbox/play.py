"""The story on the terminal: a workspace, an organisation and the real bot between them, on loopback only."""

import asyncio
import dataclasses
import os
import re
import shutil
import signal
import sys
import tempfile
import textwrap
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from bot.config import load
from bot.domain.errors import Misconfigured
from bot.log import configure
from bot.sandbox.aws.server import AwsDouble
from bot.sandbox.scene import (
    APPROVALS,
    DATA_SCIENTIST,
    SANDBOX,
    SIGNING_SECRET,
    organisation,
    workspace,
    write_rules,
)
from bot.sandbox.slack.server import SlackDouble
from bot.sandbox.story import EMAIL, ROLE, Caption, Screen, StalledError, Step, tell
from bot.server import Serving, serving

PROVISIONING_SECONDS: Final = 1.0
"""Long enough to see that nothing is said before AWS has finished; AWS takes about three."""

LOG: Final = "bot.log"
WIDTH: Final = 114
SCOPES: Final = frozenset(
    {
        "commands",
        "chat:write",
        "users:read",
        "users:read.email",
        "usergroups:read",
        "im:write",
        "channels:history",
        "groups:history",
        "im:history",
        "channels:read",
        "groups:read",
    }
)
"""Those of manifest.yml, which a test compares: the bot gets nothing here that it would not have at Slack."""

_REAL_TOKEN: Final = re.compile(r"xox[a-z][.-].*\d{9,}|xapp-\d-[A-Z0-9]+-\d{9,}")
_OURS: Final = frozenset({"DATABASE_URL", "HOST", "PORT", "LOG_LEVEL", "LOG_FORMAT"})
_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Sandbox:
    """Everything that runs, as long as it runs."""

    slack: SlackDouble
    aws: AwsDouble
    serving: Serving
    folder: Path


def play(*, once: bool) -> int:
    """Play the story, then stay up unless `once`. 0 when it went well; raises `Misconfigured`."""
    refuse_what_is_real(os.environ)
    folder = Path(tempfile.mkdtemp(prefix="workbench-access-sandbox-"))
    with (folder / LOG).open("w", encoding="utf-8") as lines:
        configure("INFO", "text", lines)
        try:
            asyncio.run(_run(folder, Terminal.of_this_process(), once=once))
        except StalledError as stalled:
            sys.stderr.write(f"\nThe story stopped: {stalled}\n\nThe bot's log: {folder / LOG}\n")
            return 1
        except BaseException:
            sys.stderr.write(f"\nThe bot's log: {folder / LOG}\n")
            raise
    shutil.rmtree(folder, ignore_errors=True)
    return 0


def refuse_what_is_real(environ: Mapping[str, str]) -> None:
    """Raises `Misconfigured` when the environment points at a real workspace or at another AWS endpoint."""
    problems = []
    for name, value in sorted(environ.items()):
        if name.startswith("SLACK_") and _REAL_TOKEN.match(value):
            problems.append(
                f"{name}: looks like a token of a real workspace, and the sandbox takes none. "
                f"Example: env -u {name} workbench-access sandbox"
            )
        if name.startswith("AWS_ENDPOINT_URL") and value and urlsplit(value).hostname not in _LOOPBACK:
            problems.append(
                f"{name}: points away from this machine, and the sandbox talks to nobody else. "
                f"Example: env -u {name} workbench-access sandbox"
            )
    if problems:
        raise Misconfigured(problems)


@asynccontextmanager
async def sandbox(
    folder: Path, *, provisioning_seconds: float = PROVISIONING_SECONDS
) -> AsyncIterator[Sandbox]:
    """Workspace, organisation and bot, in this order; the bot is told about both by its environment alone."""
    org = organisation()
    org.provisioning.delay = provisioning_seconds
    async with (
        SlackDouble(workspace(), signing_secret=SIGNING_SECRET, scopes=SCOPES) as slack,
        AwsDouble(org) as aws,
    ):
        with clean_environment(bot_variables(folder, slack, aws, write_rules(folder))):
            settings = dataclasses.replace(load(os.environ, folder / "no.env"), port=0)
            async with serving(settings) as bot:
                slack.bot_url = f"http://127.0.0.1:{bot.port}/slack/events"
                yield Sandbox(slack=slack, aws=aws, serving=bot, folder=folder)


def bot_variables(folder: Path, slack: SlackDouble, aws: AwsDouble, rules: Path) -> dict[str, str]:
    """All that the bot is told of the two doubles."""
    return {
        **aws.bot_environment(),
        "AWS_CONFIG_FILE": str(folder / "no-aws-config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(folder / "no-aws-credentials"),
        "SLACK_BOT_TOKEN": slack.bot_token,
        "SLACK_SIGNING_SECRET": slack.signing_secret,
        "SLACK_API_URL": slack.api_url,
        "DATABASE_URL": f"sqlite:///{folder / 'access.db'}",
        "WORKBENCH_ACCESS_CONFIG": str(rules),
        "HOST": "127.0.0.1",
    }


async def _run(folder: Path, terminal: "Terminal", *, once: bool) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for each in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(each, stop.set)
    stopped = asyncio.create_task(stop.wait(), name="stop")
    try:
        async with sandbox(folder) as running:
            terminal.show(Caption(_opening(running)))
            telling = asyncio.create_task(_tell(running, terminal), name="story")
            await asyncio.wait({telling, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if not telling.done():
                telling.cancel()
                return
            telling.result()
            if not once:
                terminal.write(_how_to_go_on(running))
                await stopped
                terminal.write("\nStopping. Nothing of this remains on the machine.")
    finally:
        stopped.cancel()


async def _tell(running: Sandbox, terminal: "Terminal") -> None:
    async for step in tell(running.slack, running.aws):
        terminal.show(step)
    if running.slack.problems:
        raise StalledError("Slack would have complained: " + "; ".join(running.slack.problems))
    terminal.show(
        Caption("That is the whole of the main job. Everything above came from the running programs.")
    )


@contextmanager
def clean_environment(variables: Mapping[str, str]) -> Iterator[None]:
    """The process's environment with these variables, and without any other that could lead the bot elsewhere.

    A proxy would be asked even for loopback addresses, a profile would bring real keys, and
    AWS_ENDPOINT_URL_<SERVICE> wins over AWS_ENDPOINT_URL.
    """
    before = dict(os.environ)
    for name in before:
        is_proxy = name.casefold().endswith("_proxy")
        if name.startswith(("AWS_", "SLACK_", "WORKBENCH_ACCESS_")) or name in _OURS or is_proxy:
            del os.environ[name]
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


# What is read on the terminal


def _opening(running: Sandbox) -> str:
    return (
        "A Slack workspace, an AWS organisation and the real bot between them are running on this machine, and "
        f"nowhere else. The bot knows both by their HTTP addresses only; its log is {running.folder / LOG}."
    )


def _how_to_go_on(running: Sandbox) -> str:
    org = running.aws.org
    bot = f"http://127.0.0.1:{running.serving.port}"
    alice = running.aws.person_environment(org.sign_in(EMAIL, DATA_SCIENTIST, SANDBOX))
    cli = f"aws --endpoint-url {running.aws.endpoint_url} --region {org.region}"
    return f"""
It all stays up until you press Ctrl-C. From another terminal:

  The bot        curl {bot}/readyz
                 curl {bot}/healthz
                 curl {bot}/metrics
  Slack's API    curl -H 'Authorization: Bearer {running.slack.bot_token}' \\
                   '{running.slack.api_url}conversations.history?channel={APPROVALS}'
  AWS, as Alice  env $(cat {_keys(running.folder / "alice.env", alice)}) \\
                   {cli} \\
                   sts assume-role --role-arn {org.role_arn(SANDBOX, ROLE)} --role-session-name TestSession
  AWS, as admin  env $(cat {_keys(running.folder / "admin.env", running.aws.bot_environment())}) \\
                   {cli} \\
                   sso-admin get-inline-policy-for-permission-set --instance-arn {org.instance_arn} \\
                   --permission-set-arn {org.permission_set(DATA_SCIENTIST).arn}
  The bot's log  tail -f {running.folder / LOG}
"""


def _keys(path: Path, variables: Mapping[str, str]) -> Path:
    """Writes down, for the AWS CLI, whose session it has; the keys are worth nothing outside the sandbox."""
    path.write_text("".join(f"{name}={value}\n" for name, value in variables.items()), encoding="utf-8")
    return path


@dataclass(frozen=True, slots=True, kw_only=True)
class Terminal:
    """Plain text on standard output; bold and dim where a person watches and did not say NO_COLOR."""

    write_text: Callable[[str], object]
    width: int
    colours: bool

    @classmethod
    def of_this_process(cls) -> "Terminal":
        watched = sys.stdout.isatty()
        return cls(
            write_text=sys.stdout.write,
            width=max(60, min(shutil.get_terminal_size((WIDTH, 24)).columns, WIDTH)) if watched else WIDTH,
            colours=watched and "NO_COLOR" not in os.environ,
        )

    def show(self, step: Step) -> None:
        self.write(drawn(step, width=self.width, colours=self.colours))

    def write(self, text: str) -> None:
        self.write_text(text + "\n")
        sys.stdout.flush()


def drawn(step: Step, *, width: int = WIDTH, colours: bool = False) -> str:
    """One step as it stands on the terminal."""
    bold, dim, plain = ("\033[1m", "\033[2m", "\033[0m") if colours else ("", "", "")
    match step:
        case Caption(text):
            lines = textwrap.wrap(text, width, break_on_hyphens=False, break_long_words=False)
            return "\n" + "\n".join(f"{bold}{line}{plain}" for line in lines)
        case Screen(who=who, where=where, text=text):
            title = f"┌── {who} · {where} "
            bar = f"{dim}│{plain} "
            inside = [bar + line for whole in text.split("\n") for line in _folded(whole, width - 2)]
            return "\n".join(
                [f"{dim}{title.ljust(width, '─')}{plain}", *inside, f"{dim}└{'─' * (width - 1)}{plain}"]
            )


def _folded(line: str, width: int) -> list[str]:
    """A line that is too long goes on below, indented as it began."""
    indent = line[: len(line) - len(line.lstrip())]
    return textwrap.wrap(
        line,
        width,
        subsequent_indent=indent + "  ",
        break_on_hyphens=False,
        break_long_words=False,
        replace_whitespace=False,
        drop_whitespace=True,
    ) or [""]
