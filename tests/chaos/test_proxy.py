"""The door before the database: what passes, what breaks, and what has to wait."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from tests.chaos.proxy import Door


@asynccontextmanager
async def a_door() -> AsyncIterator[Door]:
    """Before a server that says everything back."""

    talks: set[asyncio.Task[None] | None] = set()

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talks.add(asyncio.current_task())
        with suppress(ConnectionError):
            while chunk := await reader.read(1024):
                writer.write(chunk)
            writer.close()
            await writer.wait_closed()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    async with server:
        async with Door(host="127.0.0.1", server_port=server.sockets[0].getsockname()[1]).open() as door:
            yield door
        await asyncio.gather(*(talk for talk in talks if talk is not None))


@asynccontextmanager
async def a_talk(door: Door) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection through the door."""
    reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
    try:
        yield reader, writer
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


async def test_what_is_said_comes_through_and_back() -> None:
    async with a_door() as door, a_talk(door) as (reader, writer):
        writer.write(b"hello")

        assert await reader.readexactly(5) == b"hello"


async def test_a_shut_door_cuts_who_is_inside_and_refuses_who_comes() -> None:
    async with a_door() as door, a_talk(door) as (reader, writer):
        writer.write(b"hello")
        await reader.readexactly(5)

        door.shut()

        assert await reader.read() == b""
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", door.port)


async def test_behind_a_held_door_words_wait_until_it_is_open_again() -> None:
    async with a_door() as door, a_talk(door) as (reader, writer):
        writer.write(b"one")
        await reader.readexactly(3)

        door.hold()
        writer.write(b"two")
        answer = asyncio.create_task(reader.readexactly(3))
        done, _ = await asyncio.wait({answer}, timeout=0.2)
        await door.unlock()

        assert not done
        assert await answer == b"two"
