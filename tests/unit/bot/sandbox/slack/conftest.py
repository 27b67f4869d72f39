"""A running double, a client of its API, and a small real Bolt app behind a port."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import aiohttp
import pytest
from aiohttp import web
from slack_bolt.adapter.aiohttp import to_aiohttp_response, to_bolt_request
from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from bot.sandbox.slack.scene import small_workspace
from bot.sandbox.slack.server import SlackDouble

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from bot.sandbox.slack.actor import Actor


@dataclass
class FakeClock:
    now: float = 1_795_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def slack(clock: FakeClock) -> AsyncIterator[SlackDouble]:
    async with SlackDouble(small_workspace(clock=clock), ack_timeout=1.0) as double:
        yield double


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
def client(slack: SlackDouble, session: aiohttp.ClientSession) -> AsyncWebClient:
    client = AsyncWebClient(token=slack.bot_token, base_url=slack.api_url, session=session)
    client.retry_handlers.clear()
    return client


@pytest.fixture
async def app(slack: SlackDouble, client: AsyncWebClient) -> AsyncIterator[AsyncApp]:
    """The bot: a Bolt app at `slack.bot_url`; a test registers its listeners."""
    app = AsyncApp(client=client, signing_secret=slack.signing_secret, process_before_response=True)

    async def events(request: web.Request) -> web.Response:
        return await to_aiohttp_response(await app.async_dispatch(await to_bolt_request(request)))

    application = web.Application()
    application.router.add_post("/slack/events", events)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    slack.bot_url = f"http://127.0.0.1:{runner.addresses[0][1]}/slack/events"
    yield app
    await runner.cleanup()


@pytest.fixture
def alice(slack: SlackDouble) -> Actor:
    return slack.as_user("U0ALICE")


@pytest.fixture
def ada(slack: SlackDouble) -> Actor:
    return slack.as_user("U0ADMIN1")
