"""`workbench-access sandbox`: a workspace, an organisation and the real bot between them, on loopback only."""

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
from bot.sandbox.scene import APPROVALS, DATA_SCIENTIST, SANDBOX, SIGNING_SECRET, organisation, workspace, write_rules
from bot.sandbox.slack.server import SlackDouble
from bot.sandbox.slack.web_api import DEFAULT_SCOPES
from bot.sandbox.story import EMAIL, ROLE, Caption, Screen, StalledError, Step, tell
from bot.server import Serving, serving

PROVISIONING_SECONDS: Final = 1.0
"""Long enough to see that nothing is said before AWS has finished; AWS takes about three."""

HISTORY: Final = frozenset({"channels:history", "groups:history", "im:history"})
"""The optional scopes of manifest.yml."""

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
    log: Path


def play(*, once: bool) -> int:
    """Play the story, then stay up unless `once`. 0 when it went well; raises `Misconfigured`."""
    refuse_what_is_real(os.environ)
    folder = Path(tempfile.mkdtemp(prefix="workbench-access-sandbox-"))
    try:
        asyncio.run(_run(folder, Terminal.of_this_process(), once=once))
    except StalledError as stalled:
        print(f"\nThe story stopped: {stalled}\n\nThe bot's log: {folder / 'bot.log'}", file=sys.stderr)
        return 1
    except BaseException:
        print(f"\nThe bot's log: {folder / 'bot.log'}", file=sys.stderr)
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
async def sandbox(folder: Path, *, provisioning_seconds: float = PROVISIONING_SECONDS) -> AsyncIterator[Sandbox]:
    """Workspace, organisation and bot, in this order; the bot is told about both by its environment alone."""
    log = folder / "bot.log"
    org = organisation()
    org.provisioning.delay = provisioning_seconds
    async with (
        SlackDouble(workspace(), signing_secret=SIGNING_SECRET, scopes=DEFAULT_SCOPES | HISTORY) as slack,
        AwsDouble(org) as aws,
    ):
        variables = {
            **aws.bot_environment(),
            "AWS_CONFIG_FILE": str(folder / "no-aws-config"),
            "AWS_SHARED_CREDENTIALS_FILE": str(folder / "no-aws-credentials"),
            "SLACK_BOT_TOKEN": slack.bot_token,
            "SLACK_SIGNING_SECRET": slack.signing_secret,
            "SLACK_API_URL": slack.api_url,
            "DATABASE_URL": f"sqlite:///{folder / 'access.db'}",
            "WORKBENCH_ACCESS_CONFIG": str(write_rules(folder)),
            "HOST": "127.0.0.1",
        }
        with _environment(variables), log.open("w", encoding="utf-8") as lines, _logging_to(lines):
            settings = dataclasses.replace(load(os.environ, folder / "no.env"), port=0)
            async with serving(settings) as bot:
                slack.bot_url = f"http://127.0.0.1:{bot.port}/slack/events"
                yield Sandbox(slack=slack, aws=aws, serving=bot, folder=folder, log=log)


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
                terminal.print(_how_to_go_on(running))
                await stopped
                terminal.print("\nStopping. Nothing of this remains on the machine.")
    finally:
        stopped.cancel()


async def _tell(running: Sandbox, terminal: "Terminal") -> None:
    async for step in tell(running.slack, running.aws):
        terminal.show(step)
    if running.slack.problems:
        raise StalledError("Slack would have complained: " + "; ".join(running.slack.problems))
    terminal.show(Caption("That is the whole of the main job. Everything above came from the running programs."))


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
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
