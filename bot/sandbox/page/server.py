"""The page's web server: its own files, the routes of the API, and nothing for anybody but this machine."""

import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from aiohttp import web

from bot.domain.errors import Misconfigured
from bot.sandbox.page import guard
from bot.sandbox.page.aws_api import AwsApi
from bot.sandbox.page.control_api import ControlApi
from bot.sandbox.page.page import Page
from bot.sandbox.page.slack_act import SlackAct
from bot.sandbox.page.slack_read import SlackRead
from bot.sandbox.page.wire import BODY_LIMIT

HOST: Final = "127.0.0.1"
DEFAULT_PORT: Final = 4280
EXAMPLE: Final = "workbench-access sandbox --port 4281"
STATIC: Final = Path(__file__).parent / "static"


def bound(port: int) -> socket.socket:
    """A socket of this machine alone, for `listening`. Raises `Misconfigured` when the port is taken; 0 takes any."""
    made = socket.socket()
    try:
        # Connections of a sandbox that has just ended do not keep the port.
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((HOST, port))
    except (OSError, OverflowError) as wrong:
        made.close()
        why = os.strerror(wrong.errno) if isinstance(wrong, OSError) and wrong.errno else "no such port"
        raise Misconfigured(
            [f"port {port} of the page: cannot be listened on ({why}). Example: {EXAMPLE}"]
        ) from wrong
    return made


@asynccontextmanager
async def listening(page: Page, at: socket.socket) -> AsyncIterator[str]:
    """Serves as long as the context lasts; the address."""
    runner = web.AppRunner(application(page), access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await web.SockSite(runner, at).start()
        yield f"http://{HOST}:{at.getsockname()[1]}/"
    finally:
        page.hub.close()
        await runner.cleanup()


def application(page: Page) -> web.Application:
    made = web.Application(
        middlewares=[guard.only_this_page, guard.errors_as_json], client_max_size=BODY_LIMIT
    )
    made.on_response_prepare.append(guard.add_headers)
    made.router.add_get("/", _index)
    made.router.add_static("/assets/", STATIC, show_index=False, follow_symlinks=False)
    for part in (SlackRead(page), SlackAct(page), AwsApi(page), ControlApi(page)):
        made.router.add_routes(part.routes())
    return made


async def _index(_: web.Request) -> web.FileResponse:
    return web.FileResponse(STATIC / "index.html")
