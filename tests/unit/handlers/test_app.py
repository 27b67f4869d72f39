"""The client for Slack's Web API: what does not answer is given up in time."""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import timedelta

import aiohttp
import pytest
from aiohttp import web
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_sdk.web.async_client import AsyncWebClient

from bot.domain.errors import Unavailable
from bot.domain.names import SlackTeamId, SlackUserId
from bot.worker.outbox import SEND_TIME
from handlers import app
from handlers.app import CALL_TIMEOUT, BotUser, make_app, slack_session, web_client
from handlers.errors import slack_errors


@pytest.fixture
async def silent() -> AsyncIterator[str]:
    """The address of a Slack that takes every call and answers none."""
    never = asyncio.Event()

    async def hang(_: web.Request) -> web.Response:
        await never.wait()
        return web.json_response({"ok": True})

    application = web.Application()
    application.router.add_post("/{method:.*}", hang)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}/"
    never.set()
    await runner.cleanup()


async def test_a_call_that_slack_does_not_answer_ends_in_time_and_may_have_happened(
    silent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "CALL_TIMEOUT", 0.3)
    began = time.monotonic()

    async with slack_session() as session:
        client = web_client(session, base_url=silent, token="xoxb-1")
        with pytest.raises(Unavailable) as told, slack_errors():
            await client.chat_update(channel="C1", ts="1.0", text="x")

    assert told.value.facts["sent"] == "maybe"
    assert time.monotonic() - began < CALL_TIMEOUT / 2


async def test_every_call_ends_within_the_lease_that_is_made_sure_of_before() -> None:
    async with slack_session() as session:
        total = session.timeout.total

    assert total is not None
    assert timedelta(seconds=total) < SEND_TIME


async def test_a_session_that_waits_longer_is_not_taken() -> None:
    for patience in (300, None):
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=patience)) as session:
            with pytest.raises(ValueError, match="slack_session"):
                web_client(session, base_url="http://127.0.0.1/", token=None)


async def test_socket_modes_connection_is_not_cut_by_the_time_out_of_a_call() -> None:
    us = BotUser(team=SlackTeamId("T1"), user=SlackUserId("U1"), bot_id="B1")
    async with slack_session() as session:
        handler = AsyncSocketModeHandler(
            make_app(session, base_url="http://127.0.0.1/", token="xoxb-1", us=us),
            "xapp-1",
        )
        connection, calls = handler.client.aiohttp_client_session, handler.client.web_client
        await connection.close()
        handler.client.message_processor.cancel()

    assert connection is not session
    assert isinstance(calls, AsyncWebClient)
    assert calls.session is session
