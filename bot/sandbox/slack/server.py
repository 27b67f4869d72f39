"""`SlackDouble`: one workspace behind a loopback port, and the people who drive it."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Final, Self, TypeVar

from aiohttp import web

from bot.sandbox.slack import response_urls
from bot.sandbox.slack.actor import Actor
from bot.sandbox.slack.delivery import Ack, Delivery
from bot.sandbox.slack.gateway import Gateway
from bot.sandbox.slack.scene import small_workspace
from bot.sandbox.slack.web_api import DEFAULT_SCOPES
from bot.sandbox.slack.web_api.files import receive

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping
    from types import TracebackType

    from bot.sandbox.slack.faults import CallLog, Faults
    from bot.sandbox.slack.workspace import Workspace

T = TypeVar("T")
BOT_TOKEN: Final = "xoxb-sandbox"
SIGNING_SECRET: Final = "sandbox-signing-secret"
HOST: Final = "127.0.0.1"
RESPONSE_URL: Final = "response_url"
"""What a fault of the addresses in payloads is called."""

REAL_TOKEN: Final = re.compile(r"xox[a-z]-\d{9,}-\d{9,}-\w{20,}")


class SlackDouble:
    """A Slack workspace on loopback; `async with SlackDouble() as slack`."""

    def __init__(
        self,
        workspace: Workspace | None = None,
        *,
        port: int = 0,
        bot_url: str = "",
        bot_token: str = BOT_TOKEN,
        signing_secret: str = SIGNING_SECRET,
        scopes: Iterable[str] = DEFAULT_SCOPES,
        ack_timeout: float = 3.0,
    ) -> None:
        if REAL_TOKEN.fullmatch(bot_token):
            raise ValueError("this token looks like one of a real workspace; the sandbox takes none")
        self.workspace = workspace if workspace is not None else small_workspace()
        self.bot_token = bot_token
        self.delivery = Delivery(self.workspace, signing_secret=signing_secret, ack_timeout=ack_timeout)
        self.delivery.bot_url = bot_url
        self.gateway = Gateway(
            self.workspace, bot_token=bot_token, scopes=frozenset(scopes), problems=self.delivery.problems
        )
        self.app = web.Application(middlewares=[_only_loopback], client_max_size=16 * 1024 * 1024)
        self.app.router.add_route("*", "/api/{method}", self.gateway.handle)
        self.app.router.add_post("/upload/v1/{upload_id}", self._upload)
        self.app.router.add_post("/response/{url_id}", self._response_url)
        self._port = port
        self._runner: web.AppRunner | None = None
        self._actors: dict[str, Actor] = {}
        self._waiters: set[asyncio.Future[None]] = set()
        self.workspace.listeners.append(self._wake)

    # Life

    async def __aenter__(self) -> Self:
        self._runner = web.AppRunner(self.app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, HOST, self._port)
        await site.start()
        self._port = self._runner.addresses[0][1]
        self.gateway.public_url = self.url
        await self.delivery.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.faults.clear()
        await self.delivery.close()
        if self._runner is not None:
            await self._runner.cleanup()

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self._port}"

    @property
    def api_url(self) -> str:
        """What the bot gets as SLACK_API_URL."""
        return f"{self.url}/api/"

    @property
    def bot_url(self) -> str:
        """Where payloads go: `http://…/slack/events`."""
        return self.delivery.bot_url

    @bot_url.setter
    def bot_url(self, url: str) -> None:
        self.delivery.bot_url = url

    @property
    def signing_secret(self) -> str:
        return self.delivery.signing_secret

    @property
    def faults(self) -> Faults:
        return self.gateway.faults

    @property
    def calls(self) -> CallLog:
        return self.gateway.calls

    @property
    def problems(self) -> list[str]:
        """What the bot did wrong without being refused: bad answers to payloads, messages without text."""
        return self.delivery.problems

    # Driving

    def as_user(self, user_id: str) -> Actor:
        """The person at the keyboard; the same object for the same id."""
        if user_id not in self.workspace.users:
            raise KeyError(user_id)
        if user_id not in self._actors:
            self._actors[user_id] = Actor(
                self.workspace, self.delivery, user_id, lambda url_id: f"{self.url}/response/{url_id}"
            )
        return self._actors[user_id]

    async def send_raw(self, body: bytes, headers: Mapping[str, str]) -> Ack:
        """Anything at all to the bot's address."""
        return await self.delivery.send_raw(body, headers)

    async def wait_for(
        self,
        predicate: Callable[[], T],
        timeout: float = 5.0,  # noqa: ASYNC109 - tests give a deadline, this method keeps it
        *,
        what: str = "",
    ) -> T:
        """Waits until the predicate is true, asking again at each change; answers what it answered."""
        try:
            async with asyncio.timeout(timeout):
                while not (result := predicate()):
                    waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
                    self._waiters.add(waiter)
                    try:
                        await waiter
                    finally:
                        self._waiters.discard(waiter)
        except TimeoutError:
            raise TimeoutError(self._story(what or "nothing of the kind")) from None
        return result

    def _wake(self) -> None:
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)

    def _story(self, what: str) -> str:
        """What a failed wait tells: the last calls and messages."""
        calls = [f"  {call.method} → {call.outcome}" for call in self.calls.all[-15:]]
        messages = [f"  {m.channel} {m.user}: {m.text[:100]}" for m in self.workspace.all_messages[-8:]]
        return "\n".join([f"{what} happened in time; last calls:", *calls, "last messages:", *messages])

    # Other addresses of Slack

    async def _upload(self, request: web.Request) -> web.Response:
        content = await request.read()
        if request.content_type == "multipart/form-data":
            return web.Response(status=400, text="this double takes raw bytes only")
        file = receive(self.workspace, request.match_info["upload_id"], content)
        if file is None:
            return web.Response(status=404, text="no such upload")
        return web.Response(text=f"OK - {len(content)}", content_type="text/plain")

    async def _response_url(self, request: web.Request) -> web.StreamResponse:
        trouble = await self.gateway.trouble(request, RESPONSE_URL)
        if trouble is not None:
            return trouble
        status, text = response_urls.answer(self.delivery, request.match_info["url_id"], await request.read())
        return web.Response(
            status=status,
            text=text,
            content_type="text/html" if status == 200 else "application/json",
        )


@web.middleware
async def _only_loopback(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Refuses pages of other sites (Origin) and names that only point here (DNS rebinding)."""
    host = request.host.rpartition(":")[0] or request.host
    origin = request.headers.get("Origin")
    if host not in {HOST, "localhost"} or (origin is not None and origin != f"http://{request.host}"):
        return web.Response(status=403, text="loopback only")
    return await handler(request)
