"""The Slack side, read: people, channels, messages and forms, for one person at a time and as far as they see.

GET  /api/people                                          who there is to act as
GET  /api/workspace?as=                                   everything around the messages
GET  /api/channel?as=&channel=&before=<ts>&limit=         a page of messages, oldest first
GET  /api/thread?as=&channel=&ts=                         a message and what was answered to it
GET  /api/file/<id>?as=                                   a file that was posted where the person is
POST /api/read {as, channel}                              the person has read the channel
"""

import heapq
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, Final

from aiohttp import web

from bot.sandbox.page import shapes
from bot.sandbox.page.page import Page
from bot.sandbox.page.wire import Body, NoSuch
from bot.sandbox.scene import ALICE, BEN, CHRIS, DANA, GUEST, STRANGER
from bot.sandbox.slack.records import Channel, Ephemeral, Message, User
from bot.sandbox.slack.workspace import Workspace

Json = dict[str, Any]

ROLES: Final = {
    ALICE: "data scientist · requester",
    BEN: "SSO admin · approver",
    CHRIS: "SSO admin · approver, data scientist",
    DANA: "another team · analyst",
    GUEST: "guest",
    STRANGER: "from another workspace",
}
PAGE: Final = 50
LONGEST_PAGE: Final = 200


class SlackRead:
    def __init__(self, page: Page) -> None:
        self._page = page

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/api/people", self.people),
            web.get("/api/workspace", self.workspace),
            web.get("/api/channel", self.channel),
            web.get("/api/thread", self.thread),
            web.get("/api/file/{id}", self.file),
            web.post("/api/read", self.read),
        ]

    @property
    def _workspace(self) -> Workspace:
        return self._page.stage.workspace

    async def people(self, _: web.Request) -> web.Response:
        workspace = self._workspace
        people = [
            {
                "id": person.id,
                **shapes.user(person),
                "role": ROLES.get(person.id, ""),
                "can_act": True,
            }
            for person in workspace.users.values()
            if not person.is_bot
        ]
        bot = workspace.users[workspace.bot_user_id]
        return web.json_response(
            {
                "people": people,
                "bot": {"user": bot.id, "name": bot.name, "app_id": workspace.app_id},
                "team": {"id": workspace.team.id, "name": workspace.team.name},
            }
        )

    async def workspace(self, request: web.Request) -> web.Response:
        workspace, me = self._workspace, self._page.person(Body.of_query(request))
        home = workspace.homes.get(me.id)
        mine = [place for place in workspace.channels.values() if me.id in place.members]
        return web.json_response(
            {
                "seq": self._page.hub.seq,
                "me": me.id,
                "now": workspace.clock(),
                "tz": me.tz,
                "users": {each.id: shapes.user(each) for each in workspace.users.values()},
                "usergroups": {
                    each.id: {"handle": each.handle, "name": each.name}
                    for each in workspace.usergroups.values()
                },
                "channels": [
                    shapes.channel(workspace, place, me.id)
                    for place in sorted(mine, key=lambda place: place.is_im)
                ],
                "home": shapes.view(home) if home is not None else None,
                "views": [shapes.view(view) for view in workspace.stack(me.id)],
            }
        )

    async def channel(self, request: web.Request) -> web.Response:
        query = Body.of_query(request)
        me = self._page.person(query)
        place = self._place(query, me)
        before = query.text("before", default="9" * 12)
        limit = query.number("limit", least=1, most=LONGEST_PAGE, default=PAGE)
        alone = [
            e for e in reversed(self._workspace.ephemerals(me.id, place.id)) if _is_top(e) and e.ts < before
        ]
        written = (m for m in self._workspace.latest(place.id) if m.ts < before)
        both: Iterator[Message | Ephemeral] = heapq.merge(written, alone, key=_ts, reverse=True)
        newest = list(islice(both, limit + 1))
        return self._messages(reversed(newest[:limit]), me, more=len(newest) > limit)

    async def thread(self, request: web.Request) -> web.Response:
        query = Body.of_query(request)
        me = self._page.person(query)
        place = self._place(query, me)
        ts = query.text("ts")
        below: list[Message | Ephemeral] = [*self._workspace.replies(place.id, ts)]
        if not below:
            raise NoSuch("There is no such message.")
        below += [e for e in self._workspace.ephemerals(me.id, place.id) if e.thread_ts == ts]
        return self._messages(sorted(below, key=_ts), me)

    async def file(self, request: web.Request) -> web.Response:
        me = self._page.person(Body.of_query(request))
        file = self._workspace.files.get(request.match_info["id"])
        place = self._workspace.channels.get(file.channel or "") if file is not None else None
        if file is None or file.content is None or place is None or me.id not in place.members:
            raise NoSuch("There is no such file.")
        # Always a download, never a page: whoever wrote the file may have put markup into it.
        return web.Response(
            body=file.content,
            content_type="application/octet-stream",
            headers={"Content-Disposition": f'attachment; filename="{_plain(file.name)}"'},
        )

    async def read(self, request: web.Request) -> web.Response:
        body = await Body.of(request)
        me = self._page.person(body)
        place = self._place(body, me)
        self._workspace.mark_read(me.id, place.id)
        self._page.stage.news.unread(place)
        return web.json_response({"ok": True})

    def _messages(self, shown: Iterable[Message | Ephemeral], me: User, **more: bool) -> web.Response:
        drawn = [shapes.message(self._workspace, each, me.id) for each in shown]
        return web.json_response({"messages": drawn, **more})

    def _place(self, query: Body, me: User) -> Channel:
        place = self._workspace.channels.get(query.text("channel"))
        if place is None or me.id not in place.members:
            raise NoSuch(f"{me.real_name or me.name} is not in this channel.")
        return place


def _ts(shown: Message | Ephemeral) -> float:
    return float(shown.ts)


def _is_top(shown: Ephemeral) -> bool:
    return shown.thread_ts in (None, shown.ts)


def _plain(name: str) -> str:
    return "".join(char if char.isascii() and (char.isalnum() or char in "._-") else "_" for char in name)
