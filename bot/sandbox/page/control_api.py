"""Clock, bot process, inspector, tour and reset.

GET  /api/events?as=&after=            the news for one person, as server-sent events
POST /api/clock {advance_seconds}      time passes; the bot is stopped meanwhile
GET  /api/bot · POST /api/bot {do}     stop, kill, start, restart
GET  /api/payloads?limit=              the inspector, oldest first
GET  /api/tour · POST /api/tour {do}   start, skip, restart
POST /api/reset {}                     everything as at the start
"""

import json
from datetime import timedelta
from typing import Final

from aiohttp import web

from bot.sandbox.page.events import Event
from bot.sandbox.page.inspector import KEPT
from bot.sandbox.page.page import Page
from bot.sandbox.page.wire import BadRequest, Body

PAYLOADS_SHOWN: Final = 50
FARTHEST: Final = 400 * 24 * 3600
"""Seconds that the clock is moved at once, at most."""

RETRY_MILLISECONDS: Final = 1_000


class ControlApi:
    def __init__(self, page: Page) -> None:
        self._page = page

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/api/events", self.events),
            web.post("/api/clock", self.clock),
            web.get("/api/bot", self.bot),
            web.post("/api/bot", self.do),
            web.get("/api/payloads", self.payloads),
            web.get("/api/tour", self.tour),
            web.post("/api/tour", self.guide),
            web.post("/api/reset", self.reset),
        ]

    async def events(self, request: web.Request) -> web.StreamResponse:
        query = Body.of_query(request)
        me = self._page.person(query)
        after = query.text("after", default=str(self._page.hub.seq))
        # The browser sends this when it connects again; the address is still that of the first time.
        after = request.headers.get("Last-Event-ID", after)
        if not (after.isascii() and after.isdigit() and len(after) < 20):
            raise BadRequest("after: a number is required.")
        answer = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await answer.prepare(request)
        await answer.write(f"retry: {RETRY_MILLISECONDS}\n\n".encode())
        async for event in self._page.hub.stream(me.id, int(after)):
            try:
                await answer.write(_line(event))
            except ConnectionResetError:
                break
        return answer

    async def clock(self, request: web.Request) -> web.Response:
        seconds = (await Body.of(request)).number("advance_seconds", least=1, most=FARTHEST)
        async with self._page.turn:
            stage = self._page.stage
            await stage.move_clock(timedelta(seconds=seconds))
            now = stage.clock.seconds()
        self._page.hub.tell("clock", {"now": now})
        return web.json_response({"now": now})

    async def bot(self, _: web.Request) -> web.Response:
        bot = self._page.stage.bot
        ready = await bot.ready()
        return web.json_response({**bot.describe(), "ready": ready})

    async def do(self, request: web.Request) -> web.Response:
        what = (await Body.of(request)).text("do")
        async with self._page.turn:
            bot = self._page.stage.bot
            match what:
                case "stop":
                    await bot.stop("Stopped from the page.")
                case "kill":
                    await bot.kill("Killed from the page, in the middle of whatever it was doing.")
                case "start":
                    await bot.start()
                case "restart":
                    await bot.stop("Stopped from the page.")
                    await bot.start()
                case _:
                    raise BadRequest("do: one of stop, kill, start, restart.")
            return web.json_response({**bot.describe(), "ready": await bot.ready()})

    async def payloads(self, request: web.Request) -> web.Response:
        limit = Body.of_query(request).number("limit", least=1, most=KEPT, default=PAYLOADS_SHOWN)
        return web.json_response(list(self._page.stage.inspector.entries)[-limit:])

    async def tour(self, _: web.Request) -> web.Response:
        return web.json_response(self._page.stage.tour.state())

    async def guide(self, request: web.Request) -> web.Response:
        tour = self._page.stage.tour
        match (await Body.of(request)).text("do"):
            case "start" | "restart":
                tour.start()
            case "skip":
                tour.skip()
            case _:
                raise BadRequest("do: one of start, skip, restart.")
        return web.json_response(tour.state())

    async def reset(self, request: web.Request) -> web.Response:
        await Body.of(request)
        await self._page.reset()
        return web.json_response({"ok": True})


def _line(event: Event) -> bytes:
    """As server-sent events are written; a comment is a sign of life, and moves no number."""
    if not event.name:
        return b": still here\n\n"
    # JSON puts no line break anywhere, which would end the field.
    return f"id: {event.seq}\nevent: {event.name}\ndata: {json.dumps(event.data)}\n\n".encode()
