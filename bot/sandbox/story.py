"""The main job as a story: what each person does, and the screen that each of them sees then.

Nothing is made up here but the captions: every screen is drawn from what the workspace and the organisation
hold at that moment, and a step that does not happen in time ends the story.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import TypeVar

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from bot.sandbox.aws.organisation import AwsOrganisation
from bot.sandbox.aws.server import AwsDouble
from bot.sandbox.scene import ALICE, APPROVALS, BEN, DATA_SCIENTIST, SANDBOX
from bot.sandbox.slack.actor import Actor
from bot.sandbox.slack.delivery import Ack
from bot.sandbox.slack.records import Ephemeral, Message, View
from bot.sandbox.slack.render import as_text
from bot.sandbox.slack.server import SlackDouble

T = TypeVar("T")

ROLE = "Workbench-BuilderRole"
EMAIL = "alice@example.com"
REASON = "Train the churn model before Friday"
PATIENCE = 15.0
"""Seconds for one step; a healthy one takes less than three."""


class StalledError(Exception):
    """A step of the story did not happen; the message says which, and what was there instead."""


@dataclass(frozen=True, slots=True)
class Caption:
    """The narrator."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Screen:
    """What one person has in front of them."""

    who: str
    where: str
    text: str


Step = Caption | Screen


async def tell(slack: SlackDouble, aws: AwsDouble) -> AsyncIterator[Step]:
    """Plays the main job once against a bot that listens already. Raises `StalledError`."""
    play = _Play(slack, aws)
    async for step in play.before():
        yield step
    async for step in play.asks():
        yield step
    async for step in play.decided():
        yield step
    async for step in play.changed():
        yield step
    async for step in play.afterwards():
        yield step


class _Play:
    """One performance. The acts follow each other in the order of the methods."""

    def __init__(self, slack: SlackDouble, aws: AwsDouble) -> None:
        self.slack = slack
        self.aws = aws
        self.alice = slack.as_user(ALICE)
        self.ben = slack.as_user(BEN)
        self.role_arn = aws.org.role_arn(SANDBOX, ROLE)

    async def before(self) -> AsyncIterator[Step]:
        """Alice cannot do it yet."""
        yield Caption(
            "Alice is a data scientist. She wants to train a model in the Workbench Sandbox account, "
            "so she tries the role that can, as the Workbench guide says:"
        )
        yield Screen(who="Alice", where="terminal", text=await self._assume_role())
        _true(not self._can_assume(), "Alice could assume the role before anybody had decided anything")

    async def asks(self) -> AsyncIterator[Step]:
        """The command, the form, the submission."""
        yield Caption("Permission denied. So she asks in Slack, in any channel:  /workbench-access request")
        _answered(await self.alice.command("/workbench-access request"), "/workbench-access request")
        form = await self._until(self._form, "the form that opens for Alice")
        yield Screen(who="Alice", where="form", text=self._text(form, self.alice))

        yield Caption(
            "The permission set is hers already: the bot offers only what she holds. "
            "She types “sandbox”, picks the account that is found, the Builder role, a week, and says why; "
            "what can be checked is checked while she still writes."
        )
        await self._fill(form)
        await self._until(
            lambda: "checking" not in self._text(form, self.alice).casefold(),
            "the checks of what Alice chose",
        )
        yield Screen(who="Alice", where="form, filled in", text=self._text(form, self.alice))
        ack = await self.alice.submit(form)
        _answered(ack, "the form")

    async def decided(self) -> AsyncIterator[Step]:
        """The card, and Ben's click."""
        yield Caption(
            "She presses Send request. The approvers find a card: who asks for what, who else would get it, "
            "and the exact change of the policy that everybody with this permission set shares."
        )
        card = await self._until(self._card_with_button, "the card for the approvers")
        yield Screen(who="Ben", where="#access-approvals", text=self._text(card, self.ben))
        copy = await self._until(lambda: next(iter(self.alice.dm()), None), "Alice's own copy")
        yield Screen(who="Alice", where="notification", text=self._notification(copy, self.alice))

        yield Caption("Ben is an SSO admin. He has read the diff, and presses Approve.")
        _true(not self._can_assume(), "Alice could assume the role before Ben had approved it")
        _answered(await self.ben.click(card, "Approve"), "Approve")
        told = await self._until(
            lambda: next(iter(self.ben.ephemerals(APPROVALS)), None), "the answer to Ben's click"
        )
        yield Screen(who="Ben", where="#access-approvals, only for him", text=self._text(told, self.ben))

    async def changed(self) -> AsyncIterator[Step]:
        """The change in AWS, and what the bot says about it."""
        yield Caption(
            "Now the bot reads the policy again, adds its own statement, puts it, and pushes it into the account. "
            "One message in the card's thread shows how it goes. Putting alone changes nothing for anyone:"
        )
        card = self._cards()[0]
        progress = await self._until(self._progress, "the progress in the thread")
        yield Screen(who="Ben", where="thread of the card", text=self._text(progress, self.ben))
        results = await self._until(self._results, "the results in the thread")
        await self._until(lambda: "done" in progress.text, "the end of the progress message")
        await self._until(lambda: self._is_final(card), "the card that says so")
        yield Caption(
            "A moment later: the same message, edited in place; the results below it; the card; and a direct "
            "message with the same results for Alice."
        )
        yield Screen(who="Ben", where="thread of the card", text=self._text(progress, self.ben))
        yield Screen(who="Ben", where="thread of the card", text=self._text(results, self.ben))
        yield Screen(who="Ben", where="#access-approvals", text=self._text(card, self.ben))
        own = await self._until(
            lambda: next((m for m in self.alice.dm()[1:] if _has_table(m)), None), "Alice's results"
        )
        yield Screen(
            who="Alice", where="direct message, notification", text=self._notification(own, self.alice)
        )

    async def afterwards(self) -> AsyncIterator[Step]:
        """The proof: her own terminal, the policy, the self-check."""
        yield Caption("“Granted” was not said before AWS said SUCCEEDED. Alice tries her command again:")
        yield Screen(who="Alice", where="terminal", text=await self._assume_role())
        _true(self._can_assume(), "the results say granted, but Alice cannot assume the role")

        yield Caption(
            "This is the inline policy that Identity Center holds now. Somebody else's statement stands as it "
            "stood; the bot owns only the one whose name begins with WorkbenchAccess, and AWS itself ends it:"
        )
        policy = json.loads(self.aws.org.inline_policy(DATA_SCIENTIST))
        yield Screen(who="AWS", where=f"permission set {DATA_SCIENTIST}", text=json.dumps(policy, indent=2))

        yield Caption("And whenever she wonders whether it still works:  /workbench-access verify")
        seen = set(map(id, self.alice.ephemerals()))
        _answered(await self.alice.command("/workbench-access verify"), "/workbench-access verify")
        report = await self._until(
            lambda: next(
                (
                    e
                    for e in self.alice.ephemerals()
                    if id(e) not in seen and ROLE in self._text(e, self.alice)
                ),
                None,
            ),
            "the self-check",
        )
        yield Screen(who="Alice", where="only for her", text=self._text(report, self.alice))

    # What people do

    async def _fill(self, form: View) -> None:
        alice = self.alice
        offered = await alice.type_ahead(form, "Accounts", "sandbox")
        _true([option["value"] for option in offered] == [SANDBOX], f"“sandbox” finds {offered}")
        for label, value in (
            ("Accounts", [SANDBOX]),
            ("Roles", [ROLE]),
            ("For how long", "7 days"),
            ("Reason", REASON),
        ):
            ack = await alice.select(form, label, value)
            if ack is not None:
                _answered(ack, label)

    async def _assume_role(self) -> str:
        """Runs what the guide tells Alice to run, as the AWS CLI would, with her own session."""
        line = f"$ aws sts assume-role --role-arn {self.role_arn} --role-session-name TestSession"
        credentials = self.aws.org.sign_in(EMAIL, DATA_SCIENTIST, SANDBOX)

        def call() -> str:
            client = boto3.client(
                "sts",
                region_name=self.aws.org.region,
                endpoint_url=self.aws.endpoint_url,
                config=Config(connect_timeout=3, read_timeout=5),
                **credentials,
            )
            try:
                answer = client.assume_role(RoleArn=self.role_arn, RoleSessionName="TestSession")
            except ClientError as error:
                return str(error)
            finally:
                client.close()
            return json.dumps({"AssumedRoleUser": answer["AssumedRoleUser"]}, indent=4)

        return f"{line}\n{await asyncio.to_thread(call)}"

    def _can_assume(self) -> bool:
        """The organisation's own judgement, by an evaluator that shares nothing with the bot's."""
        return can_assume(self.aws.org)

    # What is to be seen

    def _form(self) -> View | None:
        view = self.alice.open_view
        return view if view is not None and view.body.get("submit") else None

    def _card_with_button(self) -> Message | None:
        return next((m for m in self._cards() if "[ Approve ]" in self._text(m, self.ben)), None)

    def _is_final(self, card: Message) -> bool:
        shown = self._text(card, self.ben)
        return "Granted" in shown and "being checked" not in shown

    def _cards(self) -> list[Message]:
        return [m for m in self.slack.workspace.messages(APPROVALS) if not m.is_reply]

    def _replies(self) -> list[Message]:
        return [m for m in self.slack.workspace.messages(APPROVALS) if m.is_reply]

    def _progress(self) -> Message | None:
        return next((m for m in self._replies() if not _has_table(m)), None)

    def _results(self) -> Message | None:
        return next((m for m in self._replies() if _has_table(m)), None)

    def _text(self, what: Message | Ephemeral | View, reader: Actor) -> str:
        return as_text(what, tz=reader.user.tz, names=self.slack.workspace)

    def _notification(self, message: Message, reader: Actor) -> str:
        """What pops up, and what a screen reader says: the text without the blocks."""
        return as_text({"text": message.text}, tz=reader.user.tz, names=self.slack.workspace)

    async def _until(self, look: Callable[[], T | None], what: str) -> T:
        """Waits for something to be seen."""
        try:
            found = await self.slack.wait_for(look, PATIENCE, what=f"nothing like {what}")
        except TimeoutError as late:
            raise StalledError(str(late)) from late
        if found is None:
            raise StalledError(what)
        return found


def can_assume(org: AwsOrganisation) -> bool:
    """Whether Alice may assume the role of the story at this moment."""
    return bool(org.can_assume(EMAIL, DATA_SCIENTIST, SANDBOX, ROLE))


def _has_table(message: Message) -> bool:
    return any(block["type"] == "table" for block in message.blocks)


def _answered(ack: Ack, what: str) -> None:
    if not ack.ok:
        raise StalledError(f"the bot did not take {what}: {ack}")


def _true(fact: bool, otherwise: str) -> None:
    if not fact:
        raise StalledError(f"this must not be: {otherwise}")
