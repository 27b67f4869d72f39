"""Answers through a payload's response_url."""

import json
import logging
import socket
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from handlers.respond import ResponseUrls
from handlers.views.parts import message, section


class Hooks:
    """Where response_urls lead to."""

    def __init__(self) -> None:
        self.received: list[dict[str, Any]] = []
        self.status = 200

    async def receive(self, request: web.Request) -> web.Response:
        self.received.append(json.loads(await request.text()))
        return web.Response(status=self.status)


@pytest.fixture
def hooks() -> Hooks:
    return Hooks()


@pytest.fixture
async def url(hooks: Hooks) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_post("/hook", hooks.receive)
    async with TestServer(app) as server:
        yield str(server.make_url("/hook"))


@pytest.fixture
async def respond() -> AsyncIterator[ResponseUrls]:
    async with aiohttp.ClientSession() as session:
        yield ResponseUrls(session)


async def test_an_answer_is_seen_by_one_person_and_replaces_nothing(
    respond: ResponseUrls, hooks: Hooks, url: str
) -> None:
    await respond(url, message("Done.", [section("Done.")]))

    (body,) = hooks.received
    assert (body["response_type"], body["replace_original"]) == ("ephemeral", False)
    assert body["text"] == "Done."
    assert body["blocks"][0]["type"] == "section"


async def test_without_an_address_nothing_is_sent(respond: ResponseUrls, hooks: Hooks, url: str) -> None:
    await respond("", message("Done.", []))

    assert hooks.received == []


async def test_an_answer_that_slack_does_not_take_is_logged(
    respond: ResponseUrls, hooks: Hooks, url: str, caplog: pytest.LogCaptureFixture
) -> None:
    hooks.status = 404

    with caplog.at_level(logging.WARNING):
        await respond(url, message("Done.", []))

    assert [record.getMessage() for record in caplog.records] == ["answer_refused"]


@pytest.mark.parametrize("address", ["nonsense", "http://", "ftp://127.0.0.1/x"])
async def test_an_address_that_is_none_is_logged_and_nothing_worse(
    respond: ResponseUrls, caplog: pytest.LogCaptureFixture, address: str
) -> None:
    with caplog.at_level(logging.WARNING):
        await respond(address, message("Done.", []))

    assert [record.getMessage() for record in caplog.records] == ["answer_lost"]
    assert address not in caplog.text.replace("answer_lost", "")


async def test_a_slack_that_is_not_there_is_logged(
    respond: ResponseUrls, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    with caplog.at_level(logging.WARNING):
        await respond(f"http://127.0.0.1:{port}/hook", message("Done.", []))

    assert [record.getMessage() for record in caplog.records] == ["answer_lost"]
