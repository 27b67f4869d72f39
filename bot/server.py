"""The HTTP side: Slack's route, health, readiness, metrics, and a stop that loses nothing."""

import asyncio
import gc
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from time import perf_counter

from aiohttp import web

from bot.bootstrap import Bot, Probe, running
from bot.config import Settings
from bot.domain.errors import Misconfigured
from bot.log import get_logger
from bot.ports.clock import Clock
from bot.prove_route import PATH as PROVE
from bot.prove_route import prove_route

log = get_logger(__name__)

PROBE_TIMEOUT = 3.0
BODY_LIMIT = 1024 * 1024


@dataclass(slots=True, kw_only=True)
class Serving:
    """A bot that listens."""

    bot: Bot
    port: int
    stopping: bool = False


@asynccontextmanager
async def serving(settings: Settings, *, clock: Clock | None = None) -> AsyncIterator[Serving]:
    """Listen as long as the context lasts; on the way out: not ready, no more payloads, finish, close."""
    async with running(settings, clock=clock) as bot:
        state = Serving(bot=bot, port=settings.port)
        runner = web.AppRunner(_application(state), access_log=None, shutdown_timeout=5.0)
        await runner.setup()
        try:
            site = web.TCPSite(runner, settings.host, settings.port)
            try:
                await site.start()
            except OSError as taken:
                raise Misconfigured(
                    [f"PORT: {settings.port} cannot be listened on ({taken.strerror}). Example: PORT=3001"]
                ) from taken
            state.port = runner.addresses[0][1]
            bot.metrics.ready(True)
            log.info("ready", port=state.port)
            yield state
        finally:
            state.stopping = True
            bot.metrics.ready(False)
            await runner.cleanup()


async def serve(settings: Settings) -> None:
    """Run until SIGTERM or SIGINT; a start that waits for Slack or the database listens to them, too."""
    stop, is_ready = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    for each in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(each, stop.set)

    async def run() -> None:
        async with serving(settings):
            is_ready.set()
            # What was loaded to get here stays: looking through it for garbage again and again would hold up
            # acks for a tenth of a second each time (docs.python.org/3/library/gc.html#gc.freeze).
            gc.freeze()
            await stop.wait()
            log.info("stopping")

    running, stopping = asyncio.create_task(run()), asyncio.create_task(stop.wait())
    await asyncio.wait((running, stopping), return_when=asyncio.FIRST_COMPLETED)
    if not is_ready.is_set():
        running.cancel()
    stopping.cancel()
    with suppress(asyncio.CancelledError):
        await running
    log.info("stopped")


def _application(state: Serving) -> web.Application:
    async def slack(request: web.Request) -> web.StreamResponse:
        if state.stopping:
            return web.Response(status=503)
        begun = perf_counter()
        try:
            return await state.bot.receive(request)
        finally:
            state.bot.metrics.ack(perf_counter() - begun)

    prove = prove_route(state.bot.prove_access, state.bot.account_name, support=state.bot.support)

    async def proof(request: web.Request) -> web.StreamResponse:
        return web.Response(status=503) if state.stopping else await prove(request)

    async def healthz(_: web.Request) -> web.Response:
        return web.json_response({"status": "alive"})

    async def readyz(_: web.Request) -> web.Response:
        names = list(state.bot.probes)
        answers = await asyncio.gather(*(_probe(state.bot.probes[name]) for name in names))
        parts = dict(zip(names, answers, strict=True))
        ready = not state.stopping and all(answer == "ok" for answer in answers)
        body = {"status": "stopping" if state.stopping else "ready" if ready else "not ready", **parts}
        return web.json_response(body, status=200 if ready else 503)

    async def metrics(_: web.Request) -> web.Response:
        await state.bot.measure()
        return web.Response(
            body=state.bot.metrics.page(), headers={"Content-Type": state.bot.metrics.content_type}
        )

    application = web.Application(client_max_size=BODY_LIMIT)
    application.router.add_post("/slack/events", slack)
    application.router.add_post(PROVE, proof)
    application.router.add_get("/healthz", healthz)
    application.router.add_get("/readyz", readyz)
    application.router.add_get("/metrics", metrics)
    return application


async def _probe(probe: Probe) -> str:
    try:
        async with asyncio.timeout(PROBE_TIMEOUT):
            await probe()
    except Exception as error:  # noqa: BLE001 -- whatever keeps a part from answering makes it not ready, and is named
        return type(error).__name__
    return "ok"
