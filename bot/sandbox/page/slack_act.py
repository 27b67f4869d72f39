"""The Slack side, driven: what a person types, presses, chooses and sends, through the `Actor` that the tests use.

POST /api/command  {as, channel, text}
POST /api/say      {as, channel, text, thread_ts?}
POST /api/shortcut {as}
POST /api/home     {as}
POST /api/click    {as, message | view, block_id, action_id, value?, chosen?, version?, confirmed?}
POST /api/options  {as, message | view, block_id, action_id, query}
POST /api/input    {as, view, block_id, action_id, chosen}
POST /api/submit   {as, view}
POST /api/close    {as, view, all?}

Each answers how the bot took it: {ok, status, ms, error, sentence, errors, payload_id}.
"""

import html
from typing import Any, Final

from aiohttp import web

from bot.sandbox.page.page import Page
from bot.sandbox.page.wire import TEXT_LIMIT, BadRequest, Body, NoSuch
from bot.sandbox.slack.actor import DEFAULT_MIN_QUERY, Actor
from bot.sandbox.slack.delivery import TROUBLE, Ack
from bot.sandbox.slack.inputs import STATEFUL, ClientRefusedError, Placed, placed_elements
from bot.sandbox.slack.records import Ephemeral, Message, View
from handlers import ids

Json = dict[str, Any]
Surface = Message | Ephemeral | View

NOTHING: Final[Json] = {
    "ok": True,
    "status": 0,
    "ms": 0,
    "error": None,
    "sentence": "",
    "errors": {},
    "payload_id": 0,
}
"""Where nothing was sent to the bot."""

ERRORS: Final = {"dispatch_failed": "dispatch_failed", "operation_timeout": "operation_timed_out"}


class SlackAct:
    def __init__(self, page: Page) -> None:
        self._page = page

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/api/command", self.command),
            web.post("/api/say", self.say),
            web.post("/api/shortcut", self.shortcut),
            web.post("/api/home", self.home),
            web.post("/api/click", self.click),
            web.post("/api/options", self.options),
            web.post("/api/input", self.input),
            web.post("/api/submit", self.submit),
            web.post("/api/close", self.close),
        ]

    async def command(self, request: web.Request) -> web.Response:
        body = await Body.of(request)
        me, line = self._actor(body), body.text("text", longest=TEXT_LIMIT).strip()
        name = line.partition(" ")[0]
        if name != ids.COMMAND:
            return _refused(f"{name} is not a valid command.", error="invalid_command")
        try:
            return _answer(await me.command(line, channel=body.text("channel")))
        except ClientRefusedError as refused:
            return _client_refused(refused)

    async def say(self, request: web.Request) -> web.Response:
        body = await Body.of(request)
        me, text = self._actor(body), body.text("text", longest=TEXT_LIMIT)
        place = self._page.stage.workspace.channels.get(body.text("channel"))
        if place is not None and place.is_im:
            return _refused("Sending messages to this app has been turned off.", error="restricted_action")
        thread = None
        if "thread_ts" in body and place is not None:
            thread = self._page.stage.workspace.message(place.id, body.text("thread_ts"))
            if thread is None:
                raise NoSuch("There is no such thread.")
        try:
            # As Slack stores what people type: it can mention nobody and link nothing.
            said = me.say(body.text("channel"), html.escape(text, quote=False), thread=thread)
        except ClientRefusedError as refused:
            return _client_refused(refused)
        return web.json_response({**NOTHING, "ts": said.ts})

    async def shortcut(self, request: web.Request) -> web.Response:
        me = self._actor(await Body.of(request))
        return _answer(await me.shortcut(ids.SHORTCUT_REQUEST))

    async def home(self, request: web.Request) -> web.Response:
        me = self._actor(await Body.of(request))
        acks = await me.open_home()
        return _answer(acks[-1])

    async def click(self, request: web.Request) -> web.Response:
        body = await Body.of(request)
        me = self._actor(body)
        where = self._surface(body, me)
        block_id, action_id = body.text("block_id"), body.text("action_id")
        try:
            placed = _placed(where, block_id, action_id, self._version(body, where))
            if placed.element.get("confirm") and not body.flag("confirmed"):
                raise BadRequest("confirmed: this asks for a confirmation first.")
            if placed.element["type"] == "button":
                return _answer(
                    await me.click(
                        where, action_id=action_id, block_id=block_id, version=self._version(body, where)
                    )
                )
            ack = await me.select(where, action_id, _held(placed, body), block_id=block_id)
        except ClientRefusedError as refused:
            return _client_refused(refused)
        return _answer(ack)

    async def options(self, request: web.Request) -> web.Response:
        body = await Body.of(request)
        me = self._actor(body)
        where = self._surface(body, me)
        block_id, action_id = body.text("block_id"), body.text("action_id")
        query = body.text("query", default="")
        try:
            placed = _placed(where, block_id, action_id, -1)
            if len(query) < placed.element.get("min_query_length", DEFAULT_MIN_QUERY):
                return web.json_response({"ok": True, "options": [], "groups": []})
            offered = await me.type_ahead(where, action_id, query, block_id=block_id)
        except ClientRefusedError as refused:
            return _client_refused(refused)
        # Nothing was awaited since the answer came: it is still the last one.
        ack = me.last_ack
        answer = ack.body if ack is not None and isinstance(ack.body, dict) else {}
        groups = [
            {"label": group["label"]["text"], "options": [_option(one) for one in group["options"]]}
            for group in answer.get("option_groups") or []
        ]
        shown = {"options": [] if groups else [_option(one) for one in offered], "groups": groups}
        return web.json_response({**(_taken(ack) if ack is not None else NOTHING), **shown})

    async def input(self, request: web.Request) -> web.Response:
        body = await Body.of(request)
        me = self._actor(body)
        view = self._view(body, me)
        block_id, action_id = body.text("block_id"), body.text("action_id")
        try:
            placed = _placed(view, block_id, action_id, -1)
            ack = await me.select(view, action_id, _held(placed, body), block_id=block_id)
        except ClientRefusedError as refused:
            return _client_refused(refused)
        return _answer(ack)

    async def submit(self, request: web.Request) -> web.Response:
        body = await Body.of(request)
        me = self._actor(body)
        try:
            return _answer(await me.submit(self._view(body, me)))
        except ClientRefusedError as refused:
            return _client_refused(refused)

    async def close(self, request: web.Request) -> web.Response:
        body = await Body.of(request)
        me = self._actor(body)
        try:
            return _answer(await me.close(self._view(body, me), whole_stack=body.flag("all")))
        except ClientRefusedError as refused:
            return _client_refused(refused)

    # Who and where

    def _actor(self, body: Body) -> Actor:
        return self._page.stage.slack.as_user(self._page.person(body).id)

    def _surface(self, body: Body, me: Actor) -> Surface:
        return self._view(body, me) if "view" in body else self._message(body.part("message"), me)

    def _view(self, body: Body, me: Actor) -> View:
        view = self._page.stage.workspace.views.get(body.text("view"))
        if view is None or view.user != me.id:
            raise NoSuch("This form is not on the screen any more.")
        return view

    def _message(self, where: Body, me: Actor) -> Message | Ephemeral:
        channel, ts = where.text("channel"), where.text("ts")
        found: Message | Ephemeral | None
        if where.flag("ephemeral"):
            found = next((e for e in me.ephemerals(channel) if e.ts == ts), None)
        else:
            found = self._page.stage.workspace.message(channel, ts)
        place = self._page.stage.workspace.channels.get(channel)
        if found is None or place is None or me.id not in place.members:
            raise NoSuch("This message is not on the screen any more.")
        return found

    def _version(self, body: Body, where: Surface) -> int:
        """Which content of a message the person has on the screen: the page counts them from 1."""
        if isinstance(where, View) or "version" not in body:
            return -1
        return body.number("version", least=1, most=len(where.versions)) - 1


def _placed(where: Surface, block_id: str, action_id: str, version: int) -> Placed:
    """The element that is meant. Raises ClientRefusedError where there is none."""
    blocks = where.blocks if isinstance(where, View) else where.versions[version].blocks
    for placed in placed_elements(blocks):
        if (placed.block_id, placed.action_id) == (block_id, action_id):
            return placed
    raise ClientRefusedError(f"there is no {action_id} in {block_id} here")


def _held(placed: Placed, body: Body) -> Any:
    """What was chosen, as the element takes it: nothing is [] where several can be chosen, and None elsewhere."""
    chosen = body.chosen()
    kind = placed.element["type"]
    if kind == "overflow":
        return chosen
    if kind not in STATEFUL:
        raise BadRequest(f"A {kind} holds nothing.")
    takes_list = isinstance(STATEFUL[kind][2], list)
    if takes_list != isinstance(chosen, list) and chosen not in (None, ""):
        raise BadRequest("chosen: " + ("a list is required." if takes_list else "a text is required."))
    if takes_list:
        return chosen or []
    return chosen or None


def _option(option: Json) -> Json:
    shown = {"text": option["text"]["text"], "value": option.get("value", "")}
    if option.get("description"):
        shown["description"] = option["description"]["text"]
    return shown


# What the page is told


def _answer(ack: Ack | None) -> web.Response:
    return web.json_response(NOTHING if ack is None else _taken(ack))


def _taken(ack: Ack) -> Json:
    error = ERRORS.get(ack.shown) or ("invalid_response" if ack.problems else None)
    return {
        "ok": ack.ok,
        "status": ack.status or 0,
        "ms": round(ack.elapsed * 1000),
        "error": error,
        "sentence": ack.notice or (TROUBLE if error else ""),
        "errors": ack.errors,
        "payload_id": ack.number,
    }


def _refused(sentence: str, *, error: str) -> web.Response:
    return web.json_response({**NOTHING, "ok": False, "error": error, "sentence": sentence})


def _client_refused(refused: ClientRefusedError) -> web.Response:
    return _refused(f"Slack's client offers no such thing here: {refused}.", error="invalid_on_this_screen")
