"""Somebody with the sandbox's page open: everything goes over HTTP, as the browser does it."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import aiohttp

from bot.sandbox.page.page import Page
from bot.sandbox.page.server import bound, listening
from bot.sandbox.scene import ALICE, APPROVALS, BEN, GENERAL, SANDBOX

T = TypeVar("T")
Json = dict[str, Any]

PATIENCE = 20.0
BUILDER = "Workbench-BuilderRole"


@dataclass(slots=True, kw_only=True)
class Visitor:
    """One browser; `page` is for arranging what no route offers."""

    page: Page
    address: str
    session: aiohttp.ClientSession

    async def get(self, path: str, **query: str) -> Any:
        async with self.session.get(self.address + path, params=query) as answer:
            assert answer.status == 200, (path, await answer.text())
            return await answer.json()

    async def post(self, path: str, **body: Any) -> Any:
        async with self.session.post(self.address + path, json=body) as answer:
            assert answer.status == 200, (path, await answer.text())
            return await answer.json()

    async def refused(self, path: str, **body: Any) -> tuple[int, str]:
        """Status and sentence of a POST that is not carried out."""
        async with self.session.post(self.address + path, json=body) as answer:
            return answer.status, str((await answer.json())["error"])

    async def not_found(self, path: str, **query: str) -> str:
        async with self.session.get(self.address + path, params=query) as answer:
            assert answer.status == 404, await answer.text()
            return str((await answer.json())["error"])

    async def events(self, who: str, after: int | None = None) -> AsyncGenerator[tuple[int, str, Any], None]:
        """The stream of news as this person: number, name and data."""
        query = {"as": who} | ({} if after is None else {"after": str(after)})
        async with self.session.get(self.address + "api/events", params=query) as answer:
            assert answer.status == 200
            number, name = 0, ""
            async for raw in answer.content:
                key, _, value = raw.decode().rstrip("\n").partition(": ")
                if key == "id":
                    number = int(value)
                elif key == "event":
                    name = value
                elif key == "data":
                    yield number, name, json.loads(value)

    async def until(self, look: Callable[[], Awaitable[T | None]], who: str = ALICE) -> T:
        """What `look` finds, asked again after each piece of news."""
        try:
            async with asyncio.timeout(PATIENCE):
                async with aclosing(self.events(who, after=0)) as news:
                    async for _ in news:
                        found = await look()
                        if found is not None:
                            return found
        except TimeoutError:
            raise AssertionError(self._story()) from None
        raise AssertionError("the news ended")

    def _story(self) -> str:
        """What a failed wait tells."""
        stage = self.page.stage
        shown = [f"  {m.channel} {m.text[:100]}" for m in stage.workspace.all_messages[-8:]]
        calls = [
            f"  {c['operation']} {c['outcome']} {c['brief']}" for c in stage.panel.state()["calls"]["last"]
        ]
        calls += [str(p) for p in stage.aws.org.provisioning.requests.values()] + [str(stage.aws.org.clock())]
        return "\n".join(["last messages:", *shown, "last calls:", *calls, *stage.bot.tail()])

    # What people see

    async def messages(self, who: str, channel: str) -> list[Json]:
        shown: list[Json] = (await self.get("api/channel", **{"as": who, "channel": channel}))["messages"]
        return shown

    async def running(self) -> Json:
        async def look() -> Json | None:
            bot: Json = await self.get("api/bot")
            assert bot["state"] != "crashed", bot["log_tail"]
            return bot if bot["state"] == "running" else None

        return await self.until(look)

    async def table(self, who: str, channel: str, *, ephemeral: bool = False) -> Json:
        """The newest message with a table that this person sees in a channel."""

        async def look() -> Json | None:
            shown = await self.messages(who, channel)
            found = [m for m in shown if has_table(m) and m["ephemeral"] == ephemeral]
            return found[-1] if found else None

        return await self.until(look, who)

    async def results(self, thread: Json) -> Json:
        """The table in the thread of a card."""

        async def look() -> Json | None:
            query = {"as": BEN, "channel": APPROVALS, "ts": thread["ts"]}
            shown = (await self.get("api/thread", **query))["messages"]
            return next((m for m in shown if has_table(m)), None)

        return await self.until(look, BEN)

    async def can(self) -> bool:
        """Whether the matrix shows Alice's Builder role in the sandbox account as green."""
        rows = (await self.get("api/aws"))["matrix"]
        (row,) = [r for r in rows if (r["name"][:5], r["account"], r["role"]) == ("alice", SANDBOX, BUILDER)]
        return bool(row["can"])

    # The main job

    async def asks(self) -> Json:
        """Alice asks for the Builder role for a day; the card that the approvers see."""
        line = {"as": ALICE, "channel": GENERAL, "text": "/workbench-access request"}
        assert (await self.post("api/command", **line))["ok"]
        form = await self.until(self._form)
        for action, chosen in (
            ("choose_accounts", [SANDBOX]),
            ("choose_roles", [BUILDER]),
            ("type_reason", "Train the churn model"),
        ):
            where = self.field(form, action)
            if action == "choose_accounts":
                found = await self.post("api/options", **where, query="sandbox")
                assert [option["value"] for option in found["options"]] == [SANDBOX]
            assert (await self.post("api/input", **where, chosen=chosen))["ok"]
        assert (await self.post("api/submit", **{"as": ALICE, "view": form["id"]}))["ok"]
        return await self.until(self._card, BEN)

    async def approves(self, card: Json) -> Json:
        """Ben presses Approve on what he sees."""
        answer: Json = await self.post("api/click", **self.press(card, "approve"), confirmed=True)
        return answer

    @staticmethod
    def field(form: Json, action: str, who: str = ALICE) -> Json:
        block = next(b for b in form["blocks"] if b.get("element", {}).get("action_id") == action)
        return {"as": who, "view": form["id"], "block_id": block["block_id"], "action_id": action}

    @staticmethod
    def press(card: Json, action: str, who: str = BEN) -> Json:
        block = next(
            block
            for block in card["blocks"]
            if any(element.get("action_id") == action for element in block.get("elements", []))
        )
        message = {key: card[key] for key in ("channel", "ts", "ephemeral")}
        return {
            "as": who,
            "message": message,
            "block_id": block["block_id"],
            "action_id": action,
            "version": card["version"],
        }

    async def _form(self) -> Json | None:
        views = (await self.get("api/workspace", **{"as": ALICE}))["views"]
        return views[-1] if views and views[-1]["submit"] else None

    async def _card(self) -> Json | None:
        shown = await self.messages(BEN, APPROVALS)
        return next((m for m in shown if '"approve"' in json.dumps(m["blocks"])), None)


def has_table(message: Json) -> bool:
    return any(block["type"] == "table" for block in message["blocks"])


@asynccontextmanager
async def visiting(folder: Path, *, with_bot: bool = True) -> AsyncIterator[Visitor]:
    """A sandbox of its own, and its page open; the bot is still starting, or not there at all."""
    async with (
        Page.open(folder, provisioning_seconds=0.2, with_bot=with_bot) as page,
        listening(page, bound(0)) as address,
        aiohttp.ClientSession() as session,
    ):
        yield Visitor(page=page, address=address, session=session)
        assert page.stage.slack.problems == []
