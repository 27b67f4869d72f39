"""The stage for every measurement: both doubles here, the bot in a process of its own, a database of either kind.

Nothing of the bot is changed or replaced: it is `python -m bot serve`, told by its environment where Slack, AWS
and the database are. PostgreSQL takes part where WORKBENCH_ACCESS_TEST_POSTGRES names a server.
"""

import asyncio
import contextlib
import os
import secrets
import signal
import socket
import sqlite3
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import make_url

from bot.config import Settings, load
from bot.sandbox.aws.organisation import AwsOrganisation
from bot.sandbox.aws.server import AwsDouble
from bot.sandbox.play import SCOPES
from bot.sandbox.scene import ALICE, APPROVALS, FOREIGN, SIGNING_SECRET, workspace
from bot.sandbox.slack.server import SlackDouble

REPOSITORY = Path(__file__).parents[1]
POSTGRES = "WORKBENCH_ACCESS_TEST_POSTGRES"
ROLES = ("Workbench-ReadOnlyRole", "Workbench-BuilderRole", "Workbench-ExecutionRole")
REQUESTER_EMAIL = "alice@example.com"
START_AT_MOST = 60.0


# Databases


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """An empty database of one kind, and a look into it from outside."""

    kind: str
    url: str

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        """The rows of a query; SQLite's file is opened read-only, so that the bot is never kept waiting."""
        if self.kind == "SQLite":
            path = self.url.removeprefix("sqlite:///")
            with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as file:
                return file.execute(query).fetchall()
        with psycopg.connect(self.url, autocommit=True) as server:
            return server.execute(query.encode()).fetchall()

    def change(self, statements: Sequence[str]) -> None:
        """Run them in one transaction."""
        if self.kind == "SQLite":
            with closing(sqlite3.connect(self.url.removeprefix("sqlite:///"))) as file, file:
                for statement in statements:
                    file.execute(statement)
            return
        with psycopg.connect(self.url) as server:
            for statement in statements:
                server.execute(statement.encode())

    def number(self, query: str) -> int:
        """The one number that a query gives."""
        return int(self.ask(query)[0][0])


def kinds() -> list[str]:
    """The databases that can be measured here."""
    return ["SQLite", "PostgreSQL"] if os.environ.get(POSTGRES) else ["SQLite"]


@contextmanager
def database(kind: str, folder: Path) -> Iterator[Database]:
    """A database of its own, gone afterwards."""
    if kind == "SQLite":
        yield Database(kind=kind, url=f"sqlite:///{folder / 'bench.db'}")
        return
    server = make_url(os.environ[POSTGRES]).set(drivername="postgresql")
    schema = f"bench_{secrets.token_hex(6)}"
    with psycopg.connect(server.render_as_string(hide_password=False), autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {schema}".encode())
        mine = server.update_query_dict({"options": f"-csearch_path={schema}"})
        try:
            yield Database(kind=kind, url=mine.render_as_string(hide_password=False))
        finally:
            connection.execute(f"DROP SCHEMA {schema} CASCADE".encode())


# The bot's process


@dataclass(slots=True, kw_only=True)
class BotProcess:
    """A bot that listens."""

    process: asyncio.subprocess.Process
    port: int
    started_in: float
    """Seconds from the start of the process to the first 200 of `/readyz`."""

    def memory(self) -> float:
        """Resident MiB now."""
        return self._status("VmRSS")

    def peak_memory(self) -> float:
        """The most MiB that were ever resident."""
        return self._status("VmHWM")

    def _status(self, name: str) -> float:
        lines = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii").splitlines()
        line = next(line for line in lines if line.startswith(f"{name}:"))
        return int(line.split()[1]) / 1024

    def cpu(self) -> float:
        """Seconds of processor time used so far."""
        return cpu_of(self.process.pid)

    async def stop(self) -> None:
        """SIGTERM, and SIGKILL for one that does not listen to it."""
        if self.process.returncode is not None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(self.process.wait(), 30)
        except TimeoutError:
            self.process.kill()
            await self.process.wait()


def kept_environment() -> dict[str, str]:
    """What every process needs; not this one's proxies, nor a setting that keeps Python from storing bytecode."""
    return {name: os.environ[name] for name in ("PATH", "LANG", "HOME") if name in os.environ}


def cpu_of(pid: int) -> float:
    """Seconds of processor time that a process has used so far."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def free_port() -> int:
    """One that nobody listens on, below those that the kernel gives to outgoing connections."""
    while True:
        port = 20_000 + secrets.randbelow(10_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


# The stage


def accounts(count: int) -> list[str]:
    return [f"{number:012d}" for number in range(111_111_111_111, 111_111_111_111 + count)]


def set_names(count: int) -> list[str]:
    return [f"Team{number:02d}" for number in range(1, count + 1)]


def organisation(sets: int, account_count: int, seconds: float) -> AwsOrganisation:
    """Alice holds every set in every account by her group; each set carries somebody else's statement."""
    made = AwsOrganisation()
    for account in accounts(account_count):
        made.add_account(account)
    for name in ("alice", "ben", "chris"):
        made.add_user(f"{name}@example.com")
    made.add_group("data-science", [REQUESTER_EMAIL])
    for name in set_names(sets):
        made.add_permission_set(name, inline=FOREIGN)
        for account in accounts(account_count):
            made.assign("data-science", name, account)
    for account in accounts(account_count):
        made.deploy_workbench(account, sso_groups=set_names(sets))
    made.provisioning.delay = seconds
    return made


def rules(sets: int) -> str:
    """All accounts and roles, for every set."""
    roles = ", ".join(f'"{role}"' for role in ROLES)
    head = f"""\
channel = "{APPROVALS}"
support = "#workbench-support"

[admins]
usergroups = ["S0SSOADMINS"]

[defaults]
roles = [{roles}]
durations = ["7d", "permanent"]
"""
    return head + "".join(f'\n[permission_sets.{name}]\naccounts = "*"\n' for name in set_names(sets))


@dataclass(slots=True, kw_only=True)
class Stage:
    """Both doubles and a database; `start` brings the bot on."""

    slack: SlackDouble
    aws: AwsDouble
    database: Database
    folder: Path
    _running: list[BotProcess] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        """What the bot is told, and nothing else of this process's settings."""
        return {
            **kept_environment(),
            **self.aws.bot_environment(),
            "AWS_CONFIG_FILE": str(self.folder / "no-aws-config"),
            "AWS_SHARED_CREDENTIALS_FILE": str(self.folder / "no-aws-credentials"),
            "SLACK_BOT_TOKEN": self.slack.bot_token,
            "SLACK_SIGNING_SECRET": self.slack.signing_secret,
            "SLACK_API_URL": self.slack.api_url,
            "DATABASE_URL": self.database.url,
            "WORKBENCH_ACCESS_CONFIG": str(self.folder / "workbench-access.toml"),
            "HOST": "127.0.0.1",
            "LOG_FORMAT": "json",
        }

    @property
    def log(self) -> Path:
        """What the bots of this stage have logged."""
        return self.folder / "bot.log"

    def settings(self) -> Settings:
        """The bot's settings, for what a measurement calls without a bot."""
        return load(self.environment, self.folder / "no.env")

    async def start(self) -> BotProcess:
        """A bot that is ready."""
        port = free_port()
        begun = time.perf_counter()
        with self.log.open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "bot",
                "serve",
                cwd=REPOSITORY,
                env={**self.environment, "PORT": str(port)},
                stdout=log,
                stderr=log,
            )
        while " 200 " not in (answer := await _readiness(port)):
            if process.returncode is not None or time.perf_counter() - begun > START_AT_MOST:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                logged = self.log.read_text(encoding="utf-8")[-3000:]
                raise RuntimeError(f"the bot did not start: {answer!r}\n{logged}")
            await asyncio.sleep(0.005)
        bot = BotProcess(process=process, port=port, started_in=time.perf_counter() - begun)
        self._running.append(bot)
        self.slack.bot_url = f"http://127.0.0.1:{port}/slack/events"
        return bot

    async def stop(self) -> None:
        for bot in self._running:
            await bot.stop()

    async def quiet(self, seconds: float = 1.0) -> None:
        """Until the bot has asked AWS for nothing for so long: what it reads in advance is read."""
        while True:
            before = len(self.aws.calls.entries)
            await asyncio.sleep(seconds)
            if len(self.aws.calls.entries) == before:
                return


@asynccontextmanager
async def stage(
    kind: str = "SQLite", *, sets: int = 1, account_count: int = 4, provisioning_seconds: float = 0.0
) -> AsyncIterator[Stage]:
    """Everything but the bot; whatever was started in it is stopped at its end."""
    with tempfile.TemporaryDirectory(prefix="workbench-access-bench-") as name:
        folder = Path(name)
        (folder / "workbench-access.toml").write_text(rules(sets), encoding="utf-8")
        with database(kind, folder) as empty:
            async with (
                SlackDouble(workspace(), signing_secret=SIGNING_SECRET, scopes=SCOPES) as slack,
                AwsDouble(organisation(sets, account_count, provisioning_seconds)) as aws,
            ):
                made = Stage(slack=slack, aws=aws, database=empty, folder=folder)
                try:
                    yield made
                finally:
                    await made.stop()


async def meet_alice(on: Stage) -> None:
    """Let the bot read Alice's profile, as her first command of the day does."""
    alice = on.slack.as_user(ALICE)
    await alice.command("/workbench-access help")
    await on.slack.wait_for(alice.ephemerals, what="help for Alice")


async def until(holds: Callable[[], bool], *, seconds: float, every: float = 0.05) -> float:
    """The epoch time at which it held; raises TimeoutError."""
    ends_at = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > ends_at:
            raise TimeoutError
        await asyncio.sleep(every)
    return time.time()


async def _readiness(port: int) -> str:
    """What `/readyz` says; nothing while nobody listens."""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return ""
    try:
        writer.write(b"GET /readyz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
        status, _, rest = (await reader.read()).decode().partition("\r\n")
        return status if " 200 " in status else f"{status} {rest.splitlines()[-1]}"
    except OSError:
        return ""
    finally:
        writer.close()


def median(values: Sequence[float]) -> float:
    ordered = sorted(values)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def percentile(values: Sequence[float], percent: float) -> float:
    ordered = sorted(values)
    return ordered[max(0, -(-int(len(ordered) * percent) // 100) - 1)]
