"""The running bot between a workspace and an organisation, all on loopback: payloads in, messages and policies out."""

import dataclasses
import json
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

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
    DANA,
    DATA_SCIENTIST,
    FOREIGN,
    RULES,
    SANDBOX,
    SIGNING_SECRET,
    organisation,
    workspace,
    write_rules,
)
from bot.sandbox.slack.actor import Actor
from bot.sandbox.slack.delivery import Ack
from bot.sandbox.slack.records import Ephemeral, Message, View
from bot.sandbox.slack.server import SlackDouble
from bot.server import Serving, serving

T = TypeVar("T")

LOOK_AFTER = timedelta(seconds=1)
"""The double applies nothing late, and nobody wants to wait here as long as for Slack."""

BUILDER = "Workbench-BuilderRole"
READ_ONLY = "Workbench-ReadOnlyRole"
EXECUTION = "Workbench-ExecutionRole"

PATIENCE = 20.0
"""Seconds that a test waits for something on a busy machine. Slack's own three are asserted where they matter."""

PUT, PROVISION = "PutInlinePolicyToPermissionSet", "ProvisionPermissionSet"
READ_POLICY, POLL = "GetInlinePolicyForPermissionSet", "DescribePermissionSetProvisioningStatus"


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

    @property
    def dana(self) -> Actor:
        return self.slack.as_user(DANA)

    async def open_form(self, who: Actor | None = None, line: str = "/workbench-access request") -> View:
        """Type the command and wait until the form has filled itself."""
        person = who or self.alice
        ack = await person.command(line)
        assert ack.ok, ack
        return await self.seen(lambda: self._filled(person), what="a filled form")

    @staticmethod
    def _filled(person: Actor) -> View | None:
        view = person.open_view
        return view if view is not None and view.body.get("submit") else None

    async def fill(
        self,
        view: View,
        *,
        who: Actor | None = None,
        accounts: Iterable[str] = (SANDBOX,),
        roles: Iterable[str] = (BUILDER,),
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

    async def ask(self, who: Actor | None = None, *, permission_set: str = "", **fields: Any) -> Ack:
        """The whole form, from the command to the submission."""
        person = who or self.alice
        view = await self.open_form(person, f"/workbench-access request {permission_set}".strip())
        await self.fill(view, who=person, **fields)
        return await person.submit(view)

    async def asked(self, who: Actor | None = None, **fields: Any) -> Message:
        """A request that waits for its approvers; its card."""
        before = len(self.cards())
        ack = await self.ask(who, **fields)
        assert ack.ok, ack
        return await self.card(number=before + 1)

    async def granted(self, who: Actor | None = None, **fields: Any) -> Message:
        """A request that Ben has approved and whose results stand in the thread; its card."""
        card = await self.asked(who, **fields)
        await self.ben.click(card, "Approve")
        await self.results(card=card)
        await self.settled(card)
        return card

    async def settled(self, card: Message) -> str:
        """Everything on the card, once it says that the access is there."""
        await self.seen(
            lambda: any(state in words(card) for state in ("*Granted*", "*Already allowed*")),
            timeout=PATIENCE,
            what="a card that says what is granted",
        )
        return words(card)

    # What is to be seen

    def cards(self) -> list[Message]:
        return [m for m in self.slack.workspace.messages(APPROVALS) if m.thread_ts in (None, m.ts)]

    async def card(self, *, has: str = "please decide", number: int = 0) -> Message:
        """The newest card, or the one of that number, once it shows these words."""

        def shown() -> Message | None:
            cards = self.cards()
            found = cards[number - 1 :][:1] if number else cards[-1:]
            return found[0] if found and has in words(found[0]) else None

        return await self.seen(shown, what=f"a card with {has!r}")

    async def reads(self, message: Message, has: str, *, timeout: float = PATIENCE) -> str:  # noqa: ASYNC109
        """Everything in a message, once it says this."""
        await self.seen(
            lambda: has in words(message), timeout=timeout, what=f"{has!r} in the message {words(message)!r}"
        )
        return words(message)

    def replies(self, card: Message | None = None) -> list[Message]:
        threads = {each.ts for each in ([card] if card is not None else self.cards())}
        return [m for m in self.slack.workspace.messages(APPROVALS) if m.thread_ts in threads - {m.ts}]

    def tables(self, card: Message | None = None) -> list[Message]:
        return [m for m in self.replies(card) if any(block["type"] == "table" for block in m.blocks)]

    async def results(self, number: int = 1, *, card: Message | None = None) -> Message:
        """The verification table in the thread."""

        def shown() -> Message | None:
            return next(iter(self.tables(card)[number - 1 :]), None)

        return await self.seen(shown, what="the verification table")

    async def told(self, who: Actor, has: str, *, timeout: float = PATIENCE) -> str:  # noqa: ASYNC109
        """What this person alone was told, once it contains these words."""

        def shown() -> str | None:
            return next((words(e) for e in reversed(who.ephemerals()) if has in words(e)), None)

        return await self.seen(shown, timeout=timeout, what=f"an answer with {has!r}")

    async def answers(self, who: Actor, number: int) -> list[str]:
        """All that this person alone was told, once it is so many; for "exactly one answer"."""
        await self.seen(
            lambda: len(who.ephemerals()) >= number, timeout=PATIENCE, what=f"{number} answers for {who.id}"
        )
        return [words(each) for each in who.ephemerals()]

    async def dm(self, who: Actor, has: str, *, timeout: float = PATIENCE) -> Message:  # noqa: ASYNC109
        """A direct message to this person, once one contains these words."""

        def shown() -> Message | None:
            return next((m for m in reversed(who.dm()) if has in words(m)), None)

        return await self.seen(shown, timeout=timeout, what=f"a direct message with {has!r}")

    async def seen(
        self,
        look: Callable[[], T | None],
        *,
        timeout: float = PATIENCE,  # noqa: ASYNC109 -- the double keeps it
        what: str = "",
    ) -> T:
        """What `look` finds, once it finds something."""
        found = await self.slack.wait_for(look, timeout=timeout, what=what)
        assert found is not None
        return found

    async def modal(self, who: Actor) -> View:
        """The modal in front of this person."""
        return await self.seen(lambda: who.open_view, what=f"a form for {who.id}")

    async def screen(
        self,
        who: Actor,
        has: str,
        *,
        submits: bool = False,
        timeout: float = PATIENCE,  # noqa: ASYNC109
    ) -> str:
        """Everything in the modal in front of this person, once it says this; `submits`: and can be sent."""

        def shown() -> str | None:
            view = who.open_view
            if view is None or (submits and "submit" not in view.body):
                return None
            found = words(view.body if submits else view.blocks)
            return found if has in found else None

        return await self.seen(shown, timeout=timeout, what=f"a form with {has!r}")

    def all_read(self) -> list[str]:
        """Every version of every message and answer that anybody has ever had in front of them."""
        shown: list[Message | Ephemeral] = [
            *self.slack.workspace.all_messages,
            *self.slack.workspace.all_ephemerals,
        ]
        return [f"{content.text}\n{words(content.blocks)}" for each in shown for content in each.versions]

    # What AWS holds

    def allowed(self, who: str = "alice", account: str = SANDBOX, role: str = BUILDER) -> bool:
        return self.org.can_assume(f"{who}@example.com", DATA_SCIENTIST, account, role).allowed

    def policy(self, permission_set: str = DATA_SCIENTIST) -> dict[str, Any]:
        text = self.org.inline_policy(permission_set)
        return json.loads(text) if text else {}

    def managed(self, permission_set: str = DATA_SCIENTIST) -> list[dict[str, Any]]:
        statements = self.policy(permission_set).get("Statement", [])
        return [s for s in statements if str(s.get("Sid", "")).startswith("WorkbenchAccess")]

    def foreign(self, permission_set: str = DATA_SCIENTIST) -> list[dict[str, Any]]:
        managed = self.managed(permission_set)
        return [s for s in self.policy(permission_set).get("Statement", []) if s not in managed]

    def console_edit(self, *statements: dict[str, Any], provision: bool = True) -> None:
        """An SSO admin writes these statements beside the present ones, by hand."""
        document = {"Version": "2012-10-17", "Statement": [*self.policy().get("Statement", []), *statements]}
        self.org.console_edit(DATA_SCIENTIST, document)
        for (arn, account), _ in list(self.org.copies.items()):
            if provision and arn == self.org.permission_set(DATA_SCIENTIST).arn:
                self.org.provision_now(DATA_SCIENTIST, account)

    def count(self, operation: str) -> int:
        return self.aws.calls.count("sso-admin", operation)


def statement(effect: str, *roles: str, account: str = SANDBOX, sid: str = "ByHand") -> dict[str, Any]:
    """A statement about Workbench roles that somebody else wrote."""
    resources = [f"arn:aws:iam::{account}:role/{role}" for role in roles]
    return {"Sid": sid, "Effect": effect, "Action": "sts:AssumeRole", "Resource": resources}


def filled_policy(free: int) -> dict[str, Any]:
    """A foreign policy that leaves so many of the 10,240 bytes."""
    filler = {"Sid": "Filler", "Effect": "Allow", "Action": "s3:GetObject", "Resource": ["arn:aws:s3:::x"]}
    policy: dict[str, Any] = {"Version": "2012-10-17", "Statement": [*FOREIGN["Statement"], filler]}
    size = len(json.dumps(policy, separators=(",", ":")).replace(" ", ""))
    filler["Resource"] = ["arn:aws:s3:::x" + "x" * (10_240 - free - size)]
    return policy


def words(shown: Any) -> str:
    """Every text in a message, view or list of blocks, top-level text included."""
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


def buttons(message: Message | Ephemeral) -> list[str]:
    """The words on the buttons of a message."""
    actions = [block for block in message.blocks if block["type"] == "actions"]
    return [element["text"]["text"] for block in actions for element in block["elements"]]


@pytest.fixture
async def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    """A stopped bot; the test says `await world.start()` once it has arranged its scene."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "AWS_PROFILE", "AWS_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("bot.worker.outbox.LOOK_AFTER", LOOK_AFTER)
    clock = ShiftedClock()
    async with (
        SlackDouble(
            workspace(clock=clock.seconds), signing_secret=SIGNING_SECRET, ack_timeout=PATIENCE
        ) as slack,
        AwsDouble(organisation(clock=clock.seconds)) as aws,
    ):
        for name, value in aws.bot_environment().items():
            monkeypatch.setenv(name, value)
        made = World(slack=slack, aws=aws, clock=clock, folder=tmp_path)
        yield made
        slack.faults.clear()
        aws.faults.clear()
        aws.org.provisioning.release()
        await made.stop()
        assert slack.problems == []


@pytest.fixture
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """The form waits for its checks as long as a busy machine needs: what they say is tested, not the race."""
    monkeypatch.setattr("handlers.request.WORTH_WAITING", PATIENCE)
