"""A door in front of the database server: open, shut (nobody comes in any more), or held (nothing passes)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import cast

ANSWERS_WITHIN = 30.0
"""Seconds for the server behind the door to take a connection."""


class _End(asyncio.Protocol):
    """One end of a connection through the door: what arrives here leaves at the other one."""

    def __init__(self, door: "Door", other: "_End | None" = None) -> None:
        self._door = door
        self._other = other
        self._early: list[bytes] = []
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self._door.ends.add(self)
        if self._door.is_held:
            self.transport.pause_reading()
        if self._other is None:
            self._door.connect(self)

    def meet(self, other: "_End") -> None:
        """The server has answered: what the client said meanwhile goes there now."""
        self._other = other
        for chunk in self._early:
            other.send(chunk)
        self._early.clear()

    def send(self, chunk: bytes) -> None:
        if self.transport is not None and not self.transport.is_closing():
            self.transport.write(chunk)

    def data_received(self, data: bytes) -> None:
        if self._other is None:
            self._early.append(data)
        else:
            self._other.send(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._door.forget(self)
        if self._other is not None and self._other.transport is not None:
            self._other.transport.close()

    def cut(self) -> None:
        if self.transport is not None:
            self.transport.abort()


@dataclass(slots=True, kw_only=True)
class Door:
    """Bots reach the server at `port` of the loopback; the judge goes around."""

    host: str
    server_port: int
    port: int = 0
    is_held: bool = False
    ends: set[_End] = field(default_factory=set)
    _server: asyncio.Server | None = None
    _gone: asyncio.Event = field(default_factory=asyncio.Event)
    _connecting: set["asyncio.Task[None]"] = field(default_factory=set)

    @asynccontextmanager
    async def open(self) -> AsyncIterator["Door"]:
        await self.unlock()
        try:
            yield self
        finally:
            self.shut()
            for task in list(self._connecting):
                task.cancel()
            while self.ends:  # each is told of its end by the loop
                self._gone.clear()
                await self._gone.wait()

    async def unlock(self) -> None:
        """Everything passes again."""
        self.is_held = False
        for end in self.ends:
            if end.transport is not None and not end.transport.is_closing():
                end.transport.resume_reading()
        if self._server is None:
            loop = asyncio.get_running_loop()
            self._server = await loop.create_server(lambda: _End(self), "127.0.0.1", self.port)
            self.port = self._server.sockets[0].getsockname()[1]

    def shut(self) -> None:
        """Every connection breaks, and a new one is refused."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for end in list(self.ends):
            end.cut()

    def hold(self) -> None:
        """No byte passes, and nobody is told: the server seems to think."""
        self.is_held = True
        for end in self.ends:
            if end.transport is not None and not end.transport.is_closing():
                end.transport.pause_reading()

    def forget(self, end: _End) -> None:
        self.ends.discard(end)
        self._gone.set()

    def connect(self, client: _End) -> None:
        task = asyncio.create_task(self._connect(client))
        self._connecting.add(task)
        task.add_done_callback(self._connecting.discard)

    async def _connect(self, client: _End) -> None:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(ANSWERS_WITHIN):
                _, server = await loop.create_connection(
                    lambda: _End(self, client), self.host, self.server_port
                )
        except OSError:
            client.cut()
            return
        client.meet(server)
