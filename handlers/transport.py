"""How payloads come in: signed HTTP posts, or Socket Mode for networks without inbound traffic."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from aiohttp import web
from slack_bolt.adapter.aiohttp import to_aiohttp_response, to_bolt_request
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp

Route = Callable[[web.Request], Awaitable[web.StreamResponse]]

BODY_LIMIT = 1024 * 1024
"""Bytes; Slack's payloads are far below."""


def http_route(app: AsyncApp) -> Route:
    """`POST /slack/events`: Bolt checks signature and age; what it would stumble over is refused before it."""

    async def receive(request: web.Request) -> web.StreamResponse:
        timestamp = request.headers.get("X-Slack-Request-Timestamp", "")
        if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12):
            # Bolt would raise ValueError and answer 500 to anybody (slack.md T9).
            return web.json_response({"error": "invalid request"}, status=401)
        try:
            payload = await to_bolt_request(request)
        except UnicodeDecodeError:
            return web.json_response({"error": "invalid request"}, status=401)
        return await to_aiohttp_response(await app.async_dispatch(payload))

    return receive


@asynccontextmanager
async def socket_mode(app: AsyncApp, app_token: str) -> AsyncIterator[None]:
    """Connected to Slack as long as the context lasts."""
    handler = AsyncSocketModeHandler(app, app_token)
    await handler.connect_async()
    try:
        yield
    finally:
        await handler.close_async()
