"""How payloads come in: signed HTTP posts, or Socket Mode for networks without inbound traffic."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from aiohttp import web
from slack_bolt.adapter.aiohttp import to_aiohttp_response, to_bolt_request
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.signature import SignatureVerifier

Route = Callable[[web.Request], Awaitable[web.StreamResponse]]


def http_route(app: AsyncApp, signing_secret: str) -> Route:
    """`POST /slack/events`: nothing is parsed, and nothing logged, before signature and age are right.

    Bolt's own check comes after it has parsed the body: anybody's broken JSON, or a timestamp that is no
    number, would be answered by 500 and a traceback, and a wrong signature by a log line with the body
    (slack.md T8, T9). So the check is done here, with Slack's own verifier, and Bolt's is off.
    """
    verifier = SignatureVerifier(signing_secret)

    async def receive(request: web.Request) -> web.StreamResponse:
        body = await request.read()
        timestamp = request.headers.get("X-Slack-Request-Timestamp", "")
        signature = request.headers.get("X-Slack-Signature", "")
        if not _is_signed(verifier, body, timestamp, signature):
            return web.json_response({"error": "invalid request"}, status=401)
        try:
            payload = await to_bolt_request(request)
        except (ValueError, TypeError, AttributeError, RecursionError):
            # Bolt takes for granted that JSON is an object, and that its nesting is sane.
            return web.json_response({"error": "unreadable body"}, status=400)
        return await to_aiohttp_response(await app.async_dispatch(payload))

    return receive


def _is_signed(verifier: SignatureVerifier, body: bytes, timestamp: str, signature: str) -> bool:
    """Whether Slack signed this within the last five minutes; the verifier itself stumbles over odd input."""
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12 and signature.isascii()):
        return False
    try:
        return verifier.is_valid(body, timestamp, signature)
    except UnicodeDecodeError:
        return False


@asynccontextmanager
async def socket_mode(app: AsyncApp, app_token: str) -> AsyncIterator[None]:
    """Connected to Slack as long as the context lasts."""
    handler = AsyncSocketModeHandler(app, app_token)
    await handler.connect_async()  # type: ignore[no-untyped-call] # Bolt leaves it untyped
    try:
        yield
    finally:
        await handler.close_async()  # type: ignore[no-untyped-call] # Bolt leaves it untyped
