"""The bots of a run: started, killed without warning, frozen, and started again."""

import asyncio
import contextlib
import json
import os
import random
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.chaos.bot_process import GAVE_UP

REPOSITORY = Path(__file__).parents[2]
STOP_AT_MOST = 45.0
"""Seconds until a stop has failed; the bot promises 20 on a machine that is not busy."""

GIVES_UP_WITHIN = 15.0
"""Seconds after an outage in which a bot that began during it may still give up."""

START_AT_MOST = 60.0
"""Seconds until a bot must have told that it is ready; two busy cores included."""


@dataclass(slots=True, kw_only=True)
class Life:
    """One process of one bot. All moments are monotonic seconds of this machine."""

    name: str
    pid: int
    pidfd: int
    started_at: float
    cold: bool = False
    ready_at: float | None = None
    resumed_at: float | None = None
    killed: bool = False
    frozen: bool = False
    asked_at: float | None = None
    """When it was told to stop."""
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    code: int | None = None

    @property
    def alive(self) -> bool:
        return not self.killed and not self.ended.is_set()

    @property
    def absent(self) -> bool:
        """Asleep, or on its way out."""
        return self.frozen or self.asked_at is not None

    @property
    def serves(self) -> bool:
        return self.alive and self.ready_at is not None


@dataclass(slots=True, kw_only=True)
class Fleet:
    """As many bots as the database allows, each with a port of its own."""

    environment: dict[str, str]
    folder: Path
    clock: Path
    replicas: int
    rng: random.Random
    mutation: str = ""
    lives: dict[str, Life] = field(default_factory=dict)
    past: list[Life] = field(default_factory=list)
    kills: int = 0
    freezes: int = 0
    ports: dict[str, int] = field(default_factory=dict)
    stops: list[float] = field(default_factory=list)
    """How long each stop by SIGTERM took, in seconds."""
    away_until: float = 0.0
    """While the database is away, and a little longer, a bot may give up at its start."""
    _outages: int = 0
    _starting: dict[str, asyncio.Lock] = field(default_factory=dict)
    surprises: list[str] = field(default_factory=list)
    """Bots that ended without having been killed."""
    _warm: asyncio.subprocess.Process | None = None
    _forked: dict[str, "asyncio.Future[int]"] = field(default_factory=dict)
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _by_pid: dict[int, Life] = field(default_factory=dict)
    _tasks: set["asyncio.Task[None]"] = field(default_factory=set)

    @property
    def names(self) -> Sequence[str]:
        return [f"bot-{number}" for number in range(1, self.replicas + 1)]

    @property
    def alive(self) -> list[Life]:
        return [life for life in self.lives.values() if life.alive]

    def url(self) -> str:
        """Where a payload goes: to one of the bots that listen, or to a port where nobody does."""
        listening = [life.name for life in self.lives.values() if life.serves and not life.absent]
        name = self.rng.choice(listening or list(self.names))
        return f"http://127.0.0.1:{self.ports[name]}/slack/events"

    def log(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    @asynccontextmanager
    async def open(self) -> AsyncIterator["Fleet"]:
        """The process that forks bots, as long as the context lasts; what still runs at the end is killed."""
        self.ports = {name: _free_port() for name in self.names}
        self._warm = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.chaos.bot_process",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            cwd=REPOSITORY,
        )
        assert self._warm.stdout is not None
        self._own(self._listen(self._warm.stdout))
        try:
            yield self
        finally:
            for life in self.alive:
                self.kill(life, counts=False)
            for life in list(self.lives.values()):
                await life.ended.wait()
            assert self._warm.stdin is not None
            self._warm.stdin.close()
            await self._warm.wait()
            for task in list(self._tasks):
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            for life in [*self.past, *self.lives.values()]:
                os.close(life.pidfd)

    @contextlib.contextmanager
    def without_database(self) -> Iterator[None]:
        """The database is away as long as the context lasts."""
        self._outages += 1
        try:
            yield
        finally:
            self._outages -= 1
            self.away_until = time.monotonic() + GIVES_UP_WITHIN

    @property
    def is_away(self) -> bool:
        return self._outages > 0 or time.monotonic() < self.away_until

    async def start(self, name: str, *, cold: bool = False) -> Life:
        """Start a bot unless it lives. Returns as soon as its process is there."""
        async with self._starting.setdefault(name, asyncio.Lock()):
            present = self.lives.get(name)
            return present if present is not None and present.alive else await self._start(name, cold=cold)

    async def _start(self, name: str, *, cold: bool) -> Life:
        before = self.lives.get(name)
        if before is not None:
            await before.ended.wait()
            self.past.append(before)
        began = time.monotonic()
        order = {
            "name": name,
            "environment": {**self.environment, "PORT": str(self.ports[name])},
            "log": str(self.log(name)),
            "clock": str(self.clock),
            "mutation": self.mutation,
        }
        pid = await (self._spawn(order) if cold else self._fork(order))
        life = Life(name=name, pid=pid, pidfd=os.pidfd_open(pid), started_at=began, cold=cold)
        self.lives[name] = life
        self._by_pid[pid] = life
        return life

    async def _fork(self, order: dict[str, Any]) -> int:
        assert self._warm is not None
        assert self._warm.stdin is not None
        future = self._forked[order["name"]] = asyncio.get_running_loop().create_future()
        self._warm.stdin.write(json.dumps(order).encode() + b"\n")
        pid: int = await future
        return pid

    async def _spawn(self, order: dict[str, Any]) -> int:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.chaos.bot_process",
            "--cold",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            cwd=REPOSITORY,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(order).encode() + b"\n")
        self._own(self._listen(process.stdout))
        self._own(self._bury(process))
        return process.pid

    async def _bury(self, process: asyncio.subprocess.Process) -> None:
        code = await process.wait()
        self._ended(process.pid, code)

    def kill(self, life: Life, *, counts: bool = True) -> None:
        """SIGKILL, at once."""
        if not life.alive:
            return
        life.killed = True
        self.kills += counts
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(life.pidfd, signal.SIGKILL)

    def freeze(self, life: Life) -> None:
        """SIGSTOP: the process neither works nor dies, and does not know of it."""
        life.frozen = True
        self.freezes += 1
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(life.pidfd, signal.SIGSTOP)

    async def stop(self, life: Life, *, patience: float | None = None) -> None:
        """SIGTERM, and SIGKILL for one that is still there when the patience is over."""
        life.asked_at = time.monotonic()
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(life.pidfd, signal.SIGTERM)
        try:
            async with asyncio.timeout(STOP_AT_MOST if patience is None else patience):
                await life.ended.wait()
        except TimeoutError:
            if patience is None:
                self.surprises.append(f"{life.name} has not stopped {STOP_AT_MOST:.0f} s after SIGTERM")
            self.kill(life)
            await life.ended.wait()
        if not life.killed:
            self.stops.append(time.monotonic() - life.asked_at)

    def thaw(self, life: Life) -> None:
        life.frozen = False
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(life.pidfd, signal.SIGCONT)

    async def ready(self, life: Life) -> bool:
        """Wait until the bot listens; False when it ended before."""
        async with asyncio.timeout(START_AT_MOST):
            while life.ready_at is None and life.alive:
                self._news.clear()
                await self._news.wait()
        return life.serves

    async def all_ready(self) -> None:
        """Every bot is there and listens; whoever is missing is started."""
        for name in self.names:
            for _ in range(5):
                life = self.lives.get(name)
                if life is None or not life.alive:
                    life = await self.start(name)
                if await self.ready(life):
                    break

    async def kill_all(self, *, counts: bool = True) -> None:
        lives = list(self.lives.values())
        for life in lives:
            self.kill(life, counts=counts)
        for life in lives:
            await life.ended.wait()

    # What the processes tell

    def _own(self, job: Any) -> None:
        task = asyncio.create_task(job)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _listen(self, stream: asyncio.StreamReader) -> None:
        while line := await stream.readline():
            with contextlib.suppress(json.JSONDecodeError):
                self._heard(json.loads(line))

    def _heard(self, news: dict[str, Any]) -> None:
        match news["event"]:
            case "forked":
                self._forked.pop(news["name"]).set_result(news["child"])
            case "ended":
                self._ended(news["child"], news["code"])
            case "ready" | "resumed" as what:
                # A bot may be quicker than the answer that tells its number.
                asyncio.get_running_loop().call_soon(self._note, news["pid"], what, news["at"])
        self._news.set()

    def _note(self, pid: int, what: str, at: float) -> None:
        life = self._by_pid.get(pid)
        if life is None:
            asyncio.get_running_loop().call_later(0.01, self._note, pid, what, at)
        elif what == "ready":
            life.ready_at = at
        else:
            life.resumed_at = at
        self._news.set()

    def _ended(self, pid: int, code: int) -> None:
        life = self._by_pid.pop(pid, None)
        if life is None:
            asyncio.get_running_loop().call_later(0.01, self._ended, pid, code)
            return
        life.code = code
        expected = (life.asked_at is not None and code == 0) or (code == GAVE_UP and self.is_away)
        if not life.killed and not expected:
            self.surprises.append(f"{life.name} ended by itself with code {code}; see {self.log(life.name)}")
        life.ended.set()
        self._news.set()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
