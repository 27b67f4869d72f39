"""The reference for acks: a Bolt app that does nothing, served as ours is: aiohttp, one process, HTTP.

    python -m bench.bare <signing secret>      prints the port that it listens on

Bolt with `process_before_response=True`, its own signature check, and one listener that acknowledges with a
word. Installation look-ups are cut short by a fixed answer, so that it is as fast as Bolt can be.
"""

import asyncio
import sys

from aiohttp import web
from slack_bolt.adapter.aiohttp import to_aiohttp_response, to_bolt_request
from slack_bolt.async_app import AsyncAck, AsyncApp
from slack_bolt.authorization import AuthorizeResult


def bare_app(secret: str) -> AsyncApp:
    """The app with its one command."""

    async def authorize(enterprise_id: str | None, team_id: str | None) -> AuthorizeResult:
        return AuthorizeResult(
            enterprise_id=enterprise_id,
            team_id=team_id,
            bot_id="B0BENCH",
            bot_user_id="U0BENCH",
            bot_token="xoxb-bench",
        )

    app = AsyncApp(signing_secret=secret, authorize=authorize, process_before_response=True)

    async def on_command(ack: AsyncAck) -> None:
        await ack("ok")

    app.command("/workbench-access")(on_command)
    return app


async def _serve(secret: str) -> None:
    app = bare_app(secret)

    async def receive(request: web.Request) -> web.StreamResponse:
        return await to_aiohttp_response(await app.async_dispatch(await to_bolt_request(request)))

    application = web.Application()
    application.router.add_post("/slack/events", receive)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_serve(sys.argv[1]))
