"""The Bolt app: one workspace, one shared session, answers before it returns."""

import asyncio
from dataclasses import dataclass

import aiohttp
from slack_bolt.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.error import BoltUnhandledRequestError
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_bolt.response import BoltResponse
from slack_sdk.http_retry.builtin_async_handlers import AsyncConnectionErrorRetryHandler
from slack_sdk.web.async_client import AsyncWebClient

from bot.domain.errors import Misconfigured, NotFound, Refusal, Unavailable
from bot.domain.names import SlackTeamId, SlackUserId
from bot.log import get_logger
from handlers.errors import slack_errors

log = get_logger(__name__)

SLACK_PATIENCE = 60.0
"""Seconds that a start waits for Slack."""

CALL_TIMEOUT = 8
"""Seconds for one call to Slack; shorter than the lease under which the outbox posts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BotUser:
    """Who we are, as `auth.test` told at the start."""

    team: SlackTeamId
    user: SlackUserId
    bot_id: str


SlackClient = AsyncWebClient
"""The Web API by a name that the composition root may say."""


def slack_session() -> aiohttp.ClientSession:
    """The one session for all calls to Slack's Web API, to be closed by the caller.

    The time-out is the session's: slack_sdk ignores its own wherever it is given a session. Socket Mode's
    connection has a session of its own and is not cut by it.
    """
    return aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=CALL_TIMEOUT))


def web_client(session: aiohttp.ClientSession, *, base_url: str, token: str | None) -> AsyncWebClient:
    """A client on the shared session; without it every call would open a connection of its own (slack.md T7).

    It tries again only where the connection was refused: everything else is the outbox's to decide. Raises
    ValueError for a session on which a call could outlast the lease under which it is made.
    """
    if session.timeout.total is None or session.timeout.total > CALL_TIMEOUT:
        raise ValueError("not a `slack_session`")
    return AsyncWebClient(
        token=token,
        base_url=base_url,
        session=session,
        # By default it would also send again what was sent already when only the answer was lost: a second post.
        retry_handlers=[
            AsyncConnectionErrorRetryHandler(max_retry_count=1, error_types=[aiohttp.ClientConnectorError])
        ],
        trust_env_in_session=False,
    )


async def who_are_we(client: AsyncWebClient) -> BotUser:
    """Ask Slack once, at the start. Raises `Misconfigured` for a token that Slack refuses, else `Unavailable`."""
    try:
        with slack_errors():
            answer = await client.auth_test()
    except (NotFound, Refusal) as refused:
        error = refused.facts.get("error", "refused")
        raise Misconfigured(
            [
                f"SLACK_BOT_TOKEN: Slack refuses it ({error}). Copy it again from the app's OAuth & Permissions page."
            ]
        ) from refused
    return BotUser(
        team=SlackTeamId(answer["team_id"]),
        user=SlackUserId(answer["user_id"]),
        bot_id=answer.get("bot_id") or "",
    )


async def meet_slack(client: AsyncWebClient) -> BotUser:
    """As `who_are_we`, but a Slack that does not answer is waited for. Raises `Misconfigured` in the end."""
    pause = 0.25
    try:
        async with asyncio.timeout(SLACK_PATIENCE):
            while True:
                try:
                    return await who_are_we(client)
                except Unavailable:
                    log.warning("slack_unavailable")
                    await asyncio.sleep(pause)
                    pause = min(pause * 2, 5.0)
    except TimeoutError as late:
        raise Misconfigured(
            ["SLACK_API_URL: Slack does not answer. Check the network, and the address if you set one."]
        ) from late


def make_app(session: aiohttp.ClientSession, *, base_url: str, token: str, us: BotUser) -> AsyncApp:
    """The app without its listeners.

    `process_before_response` answers as soon as the listener returns instead of polling every 10 ms (slack.md
    T1); a fixed `authorize` keeps Bolt from calling auth.test per payload (T5).
    """

    async def authorize(enterprise_id: str | None, team_id: str | None) -> AuthorizeResult:
        return AuthorizeResult(
            enterprise_id=enterprise_id,
            team_id=us.team,
            bot_user_id=us.user,
            bot_id=us.bot_id,
            bot_token=token,
        )

    app = AsyncApp(
        name="workbench-access",
        signing_secret="unused",  # noqa: S106 -- the transport checks signatures
        request_verification_enabled=False,
        client=web_client(session, base_url=base_url, token=None),
        authorize=authorize,
        process_before_response=True,
        raise_error_for_unhandled_request=True,
    )
    app.error(on_error)
    return app


async def on_error(error: Exception, request: AsyncBoltRequest) -> BoltResponse:
    """The one place where an unexpected error ends: logged whole, the payload not at all."""
    kind = str(request.body.get("type") or request.body.get("command") or "unknown")[:40]
    if isinstance(error, BoltUnhandledRequestError):
        log.warning("payload_unhandled", kind=kind)
        return BoltResponse(status=404, body="")
    log.bug("listener_failed", error, kind=kind)
    return BoltResponse(status=500, body="")
