"""The running bot between a workspace and an organisation, all on loopback: payloads in, messages and policies out."""

import dataclasses
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.config import Settings, load
from bot.sandbox.aws.organisation import AwsOrganisation
from bot.sandbox.aws.server import AwsDouble
from bot.sandbox.clock import ShiftedClock
from bot.sandbox.scene import (
    ALICE,
    APPROVALS,
    BEN,
    CHRIS,
    DATA_SCIENTIST,
    RULES,
    SANDBOX,
    SIGNING_SECRET,
    organisation,
    workspace,
    write_rules,
)
from bot.sandbox.slack.actor import Actor
from bot.sandbox.slack.delivery import Ack
from bot.sandbox.slack.records import Message, View
from bot.sandbox.slack.server import SlackDouble
from bot.server import Serving, serving

BUILDER = "Workbench-BuilderRole"
READ_ONLY = "Workbench-ReadOnlyRole"
EXECUTION = "Workbench-ExecutionRole"


@dataclass(slots=True, kw_only=True)
class World:
    """Both doubles and, once `start` was called, the bot."""

    slack: SlackDouble
    aws: AwsDouble
    clock: ShiftedClock
    folder: Path
    rules: str = RULES
    environment: dict[str, str] = field(default_factory=dict)
    serving: Serving | None = None
    _stack: AsyncExitStack = field(default_factory=AsyncExitStack)

    @property
    def org(self) -> AwsOrganisation:
        return self.aws.org

    def settings(self) -> Settings:
        write_rules(self.folder, self.rules)
        settings = load(
            {
                "SLACK_BOT_TOKEN": self.slack.bot_token,
                "SLACK_SIGNING_SECRET": self.slack.signing_secret,
                "SLACK_API_URL": self.slack.api_url,
                "DATABASE_URL": f"sqlite:///{self.folder / 'access.db'}",
                "WORKBENCH_ACCESS_CONFIG": str(self.folder / "workbench-access.toml"),
                "HOST": "127.0.0.1",
                "PORT": "3999",
                **self.environment,
            },
            self.folder / ".env",
        )
        return dataclasses.replace(settings, port=0)

    async def start(self) -> None:
        """Start the bot, or start it again."""
        self.serving = await self._stack.enter_async_context(serving(self.settings(), clock=self.clock))
        self.slack.bot_url = f"http://127.0.0.1:{self.serving.port}/slack/events"

    async def stop(self) -> None:
        await self._stack.aclose()
        self.serving = None

    # People

    @property
    def alice(self) -> Actor:
        return self.slack.as_user(ALICE)

    @property
    def ben(self) -> Actor:
        return self.slack.as_user(BEN)

    @property
    def chris(self) -> Actor:
        return self.slack.as_user(CHRIS)

    async def open_form(self, who: Actor | None = None, line: str = "/workbench-access request") -> View:
        """Type the command and wait until the form has filled itself."""
        person = who or self.alice
        ack = await person.command(line)
        assert ack.ok, ack
        return await self.slack.wait_for(lambda: self._filled(person), what="a filled form")

    @staticmethod
    def _filled(person: Actor) -> View | None:
        view = person.open_view
        return view if view is not None and view.body.get("submit") else None

    async def fill(
        self,
        view: View,
        *,
        who: Actor | None = None,
        accounts: tuple[str, ...] = (SANDBOX,),
        roles: tuple[str, ...] = (BUILDER,),
        scope: str | None = None,
        span: str | None = "7 days",
        reason: str = "Train the churn model",
    ) -> View:
        person = who or self.alice
        await person.type_ahead(view, "choose_accounts", "")
        await person.select(view, "choose_accounts", list(accounts))
        await person.select(view, "choose_roles", list(roles))
        if scope is not None:
            await person.select(view, "choose_scope", scope)
        if span is not None:
            await person.select(view, "choose_span", span)
        await person.select(view, "type_reason", reason)
        return view

    async def ask(self, who: Actor | None = None, **fields: Any) -> Ack:
        """The whole form, from the command to the submission."""
        person = who or self.alice
        view = await self.open_form(person)
        await self.fill(view, who=person, **fields)
        return await person.submit(view)

    # What is to be seen

    def cards(self) -> list[Message]:
        return [m for m in self.slack.workspace.messages(APPROVALS) if m.thread_ts in (None, m.ts)]

    async def card(self, *, has: str = "Approve") -> Message:
        """The newest card once it shows these words or this button."""

        def shown() -> Message | None:
            cards = self.cards()
            return cards[-1] if cards and has in words(cards[-1]) else None

        return await self.slack.wait_for(shown, timeout=10, what=f"a card with {has!r}")

    def replies(self) -> list[Message]:
        cards = {card.ts for card in self.cards()}
        return [m for m in self.slack.workspace.messages(APPROVALS) if m.ts not in cards]

    async def results(self, number: int = 1) -> Message:
        """The verification table in the thread."""

        def shown() -> Message | None:
            tables = [m for m in self.replies() if any(b["type"] == "table" for b in m.blocks)]
            return tables[number - 1] if len(tables) >= number else None

        return await self.slack.wait_for(shown, timeout=15, what="the verification table")

    async def told(self, who: Actor, has: str) -> str:
        """What this person alone was told, once it contains these words."""

        def shown() -> str | None:
            return next((words(e) for e in reversed(who.ephemerals()) if has in words(e)), None)

        return await self.slack.wait_for(shown, timeout=10, what=f"an answer with {has!r}")

    def policy(self, permission_set: str = DATA_SCIENTIST) -> dict[str, Any]:
        text = self.org.inline_policy(permission_set)
        return json.loads(text) if text else {}

    def managed(self, permission_set: str = DATA_SCIENTIST) -> list[dict[str, Any]]:
        statements = self.policy(permission_set).get("Statement", [])
        return [s for s in statements if str(s.get("Sid", "")).startswith("WorkbenchAccess")]

    def count(self, operation: str) -> int:
        return sum(call.operation == operation for call in self.aws.calls.calls)


def words(shown: Any) -> str:
    """Every text in a message or view, top-level text included."""
    found: list[str] = []

    def walk(node: Any) -> None:
        if isinstance(node, dict):
            if isinstance(node.get("text"), str):
                found.append(node["text"])
            for key, value in node.items():
                if key != "text" or not isinstance(value, str):
                    walk(value)
        elif isinstance(node, list):
            for item in node:
                walk(item)

    text = getattr(shown, "text", None)
    if isinstance(text, str):
        found.append(text)
    walk(getattr(shown, "blocks", shown))
    return "\n".join(found)


@pytest.fixture
async def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    """A stopped bot; the test says `await world.start()` once it has arranged its scene."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "AWS_PROFILE", "AWS_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    clock = ShiftedClock()
    async with (
        SlackDouble(workspace(clock=clock.seconds), signing_secret=SIGNING_SECRET) as slack,
        AwsDouble(organisation(clock=clock.seconds)) as aws,
    ):
        for name, value in aws.bot_environment().items():
            monkeypatch.setenv(name, value)
        made = World(slack=slack, aws=aws, clock=clock, folder=tmp_path)
        yield made
        await made.stop()
        assert slack.problems == []


Predicate = Callable[[], bool]
DAY = timedelta(days=1)
