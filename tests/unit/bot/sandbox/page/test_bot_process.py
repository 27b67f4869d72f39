"""The sandbox's bot ends with the sandbox, however far it got."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO, cast

import pytest

from bot.config import Settings
from bot.domain.errors import Misconfigured
from bot.sandbox.clock import SharedClock
from bot.sandbox.page import bot_process


@dataclass
class Ends:
    """The sandbox's ends of the bot's standard input and output."""

    stdin: int
    stdout: int
    bots: tuple[TextIO, TextIO]
    """The bot's own."""


@pytest.fixture
def ends() -> Iterator[Ends]:
    bots_in, sandbox_in = os.pipe()
    sandbox_out, bots_out = os.pipe()
    with os.fdopen(bots_in) as stdin, os.fdopen(bots_out, "w") as stdout, os.fdopen(sandbox_out):
        yield Ends(stdin=sandbox_in, stdout=sandbox_out, bots=(stdin, stdout))


async def nothing() -> None:
    """A start that takes no time."""


async def for_ever() -> None:
    """A start that waits for a Slack that does not answer."""
    await asyncio.Event().wait()


async def in_vain() -> None:
    raise Misconfigured(["SLACK_BOT_TOKEN: wrong"])


def run(
    monkeypatch: pytest.MonkeyPatch, folder: Path, ends: Ends, start: Callable[[], Awaitable[None]]
) -> tuple[asyncio.Task[None], list[str]]:
    """The bot as a task, and what happened to it so far."""
    happened: list[str] = []

    @asynccontextmanager
    async def serving(*_: object, **__: object) -> AsyncIterator[None]:
        happened.append("starting")
        await start()
        try:
            yield
        finally:
            # Handing over takes a moment, which must not be cut short.
            await asyncio.sleep(0)
            happened.append("handed over")

    monkeypatch.setattr(bot_process, "serving", serving)
    # Not in the fixture: pytest puts its own in place before the test begins.
    stdin, stdout = ends.bots
    monkeypatch.setattr("sys.stdin", stdin)
    monkeypatch.setattr("sys.stdout", stdout)
    clock = SharedClock(folder / "clock")
    return asyncio.create_task(bot_process._serve(cast(Settings, None), clock)), happened


async def until(happened: list[str], what: str) -> None:
    async with asyncio.timeout(5):
        while what not in happened:  # noqa: ASYNC110 -- the list is the recorder, and each turn of the loop is free
            await asyncio.sleep(0)


async def test_a_bot_that_is_still_starting_ends_with_the_sandbox(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, ends: Ends
) -> None:
    bot, happened = run(monkeypatch, tmp_path, ends, for_ever)
    await until(happened, "starting")

    os.close(ends.stdin)

    await asyncio.wait_for(bot, 5)
    assert happened == ["starting"]


@pytest.mark.parametrize("by_signal", [False, True])
async def test_a_bot_that_serves_hands_over(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, ends: Ends, *, by_signal: bool
) -> None:
    bot, happened = run(monkeypatch, tmp_path, ends, nothing)
    ready = await asyncio.to_thread(os.read, ends.stdout, 100)

    if by_signal:
        os.kill(os.getpid(), signal.SIGTERM)
    else:
        os.close(ends.stdin)

    await asyncio.wait_for(bot, 5)
    assert (ready, happened) == (bot_process.READY, ["starting", "handed over"])
    if by_signal:
        os.close(ends.stdin)


async def test_a_closed_input_is_noticed_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, ends: Ends
) -> None:
    bot, _ = run(monkeypatch, tmp_path, ends, nothing)
    await asyncio.to_thread(os.read, ends.stdout, 100)

    os.close(ends.stdin)
    await asyncio.wait_for(bot, 5)

    assert not asyncio.get_running_loop().remove_reader(sys.stdin.fileno())


async def test_what_keeps_it_from_starting_is_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, ends: Ends
) -> None:
    bot, _ = run(monkeypatch, tmp_path, ends, in_vain)

    with pytest.raises(Misconfigured):
        await asyncio.wait_for(bot, 5)
    os.close(ends.stdin)
