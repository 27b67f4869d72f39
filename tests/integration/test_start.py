"""A start in bad weather: it waits, says a sentence when that takes too long, and can be stopped meanwhile."""

import asyncio
import os
import signal
import socket
import sys
from collections import deque
from datetime import timedelta
from pathlib import Path

import pytest

from bot.__main__ import FAILED, main
from bot.bootstrap.patience import open_store
from bot.domain.errors import Code, Misconfigured, Unavailable
from bot.sandbox.scene import write_rules

REPOSITORY = Path(__file__).parents[2]
SOON = timedelta(milliseconds=10)


class Store:
    """A store that is away so many times."""

    def __init__(self, *, away: int) -> None:
        self.answers = deque([False] * away + [True])
        self.is_open = False

    async def open(self, *, serving: bool = True) -> None:
        if len(self.answers) > 1 and not self.answers.popleft():
            raise Unavailable(Code.STORE_UNAVAILABLE)
        self.is_open = self.answers[0] and serving


def nobodys_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def test_a_database_that_comes_back_is_waited_for() -> None:
    store = Store(away=1)

    await open_store(store)

    assert store.is_open


async def test_a_database_that_stays_away_is_told_in_a_sentence() -> None:
    with pytest.raises(Misconfigured) as told:
        await open_store(Store(away=1_000), within=SOON)

    (problem,) = told.value.problems
    assert problem.startswith("DATABASE_URL: the database does not answer.")


def test_a_migration_that_finds_no_database_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in _environment(tmp_path).items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)

    code = main(["migrate"])

    said = capsys.readouterr().err
    assert code == FAILED
    assert "DATABASE_URL: the database does not answer." in said
    assert "Traceback" not in said


async def test_a_start_that_waits_can_be_stopped(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bot",
        "serve",
        cwd=REPOSITORY,
        env={"PATH": os.environ["PATH"], **_environment(tmp_path)},
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    said = b""
    async with asyncio.timeout(30):
        while b"store_unavailable" not in said:
            said += await process.stderr.readline()

        process.send_signal(signal.SIGTERM)
        said += await process.stderr.read()

    assert await process.wait() == 0
    assert b"stopped" in said
    assert b"Traceback" not in said


def _environment(folder: Path) -> dict[str, str]:
    """Neither Slack nor the database is there."""
    write_rules(folder)
    return {
        "SLACK_BOT_TOKEN": "xoxb-test",
        "SLACK_SIGNING_SECRET": "c4" * 16,
        "SLACK_API_URL": f"http://127.0.0.1:{nobodys_port()}/api/",
        "DATABASE_URL": f"postgresql://nobody@127.0.0.1:{nobodys_port()}/nothing",
        "WORKBENCH_ACCESS_CONFIG": str(folder / "workbench-access.toml"),
        "AWS_DEFAULT_REGION": "eu-central-1",
        "HOST": "127.0.0.1",
    }
