"""Starts the bot's process, stops it, kills it, and says how it is."""

import asyncio
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, Literal

import aiohttp

import bot
from bot.sandbox.page.bot_process import READY

State = Literal["running", "stopped", "starting", "crashed"]

START_AT_MOST: Final = 60.0
"""Seconds until a bot must listen, a busy machine included."""

STOP_AT_MOST: Final = 15.0
"""The bot gives what runs some seconds; after this it is killed."""

TAIL_LINES: Final = 40
_TAIL_BYTES: Final = 16_384
_KEPT: Final = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "SYSTEMROOT")
"""All that the bot gets of this process's environment, beside what is meant for it."""


class BotProcess:
    """One bot at one port, through all its lives. `told` is called whenever its state is another one."""

    def __init__(
        self,
        environment: Mapping[str, str],
        *,
        folder: Path,
        log: Path,
        clock: Path,
        told: Callable[[], None],
    ) -> None:
        self.port = free_port()
        self.state: State = "stopped"
        self.note = ""
        """Why it is in this state, in a sentence, where that is not plain."""
        self.since = time.time()
        self.log = log
        self._folder = folder
        self._clock = clock
        self._told = told
        self._starts = 0
        self._process: asyncio.subprocess.Process | None = None
        self._watching: asyncio.Task[None] | None = None
        self._turn = asyncio.Lock()
        self._environment = {
            **{name: os.environ[name] for name in _KEPT if name in os.environ},
            **environment,
            "PORT": str(self.port),
            # Found wherever this process found it, although the bot's folder is another one.
            "PYTHONPATH": str(Path(bot.__file__).parents[1]),
        }

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None else None

    async def start(self, note: str = "") -> None:
        """Returns once it listens, or has ended before; `state` says which."""
        async with self._turn:
            if self._process is not None:
                return
            self._starts += 1
            self._become("starting", note)
            with self.log.open("ab") as lines:
                process = await asyncio.create_subprocess_exec(
                    sys.executable,
                    "-m",
                    "bot.sandbox.page.bot_process",
                    str(self._clock),
                    env=self._environment,
                    # An own folder: no .env of whoever starts the sandbox is found there.
                    cwd=self._folder,
                    stdin=asyncio.subprocess.PIPE,
                    stdout=asyncio.subprocess.PIPE,
                    stderr=lines,
                    # Ctrl-C is for the sandbox, which then stops the bot in good order.
                    start_new_session=True,
                )
            self._process = process
            ready = await self._listens(process)
            self._watching = asyncio.create_task(self._watch(process), name="bot process")
            if ready:
                self._become("running", note)
            else:
                await self._end(process, signal.SIGKILL)
                self._become("crashed", "It did not start; its log says why.")

    async def stop(self, note: str = "") -> None:
        """SIGTERM: it finishes what it is doing. Returns when it has ended."""
        await self._stop(signal.SIGTERM, note)

    async def kill(self, note: str = "") -> None:
        """SIGKILL, at once."""
        await self._stop(signal.SIGKILL, note)

    def describe(self) -> dict[str, Any]:
        """Its state as the page shows it, but for `ready`, which must be asked for."""
        return {
            "state": self.state,
            "note": self.note,
            "pid": self.pid,
            "since": self.since,
            "restarts": max(0, self._starts - 1),
            "log_tail": self.tail(),
        }

    async def ready(self) -> dict[str, Any] | None:
        """What its own /readyz says; None when nobody answers."""
        if self.state != "running":
            return None
        try:
            async with (
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as session,
                session.get(f"{self.url}/readyz") as answer,
            ):
                body: dict[str, Any] = await answer.json()
        except (aiohttp.ClientError, TimeoutError, ValueError):
            return None
        return body

    def tail(self) -> list[str]:
        """The last lines of its log."""
        if not self.log.exists():
            return []
        with self.log.open("rb") as lines:
            lines.seek(max(0, self.log.stat().st_size - _TAIL_BYTES))
            return lines.read().decode("utf-8", "replace").splitlines()[-TAIL_LINES:]

    # Inside

    async def _listens(self, process: asyncio.subprocess.Process) -> bool:
        assert process.stdout is not None
        with suppress(TimeoutError):
            async with asyncio.timeout(START_AT_MOST):
                return await process.stdout.readline() == READY
        return False

    async def _stop(self, how: signal.Signals, note: str) -> None:
        async with self._turn:
            if self._process is not None:
                await self._end(self._process, how)
                self._become("stopped", note)

    async def _end(self, process: asyncio.subprocess.Process, how: signal.Signals) -> None:
        # From here on its end is no surprise.
        self._process = None
        with suppress(ProcessLookupError):
            process.send_signal(how)
        try:
            async with asyncio.timeout(STOP_AT_MOST):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
        if self._watching is not None:
            await self._watching

    async def _watch(self, process: asyncio.subprocess.Process) -> None:
        code = await process.wait()
        if self._process is process:
            self._process = None
            self._become("crashed", f"It ended by itself with code {code}; its log says why.")

    def _become(self, state: State, note: str) -> None:
        self.state, self.note, self.since = state, note, time.time()
        self._told()


def free_port() -> int:
    """A port that nobody listens at now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
