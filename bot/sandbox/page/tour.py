"""The guided tour: five steps, and whether each has really happened, judged by workspace and organisation alone."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from bot.sandbox.aws.server import AwsDouble
from bot.sandbox.page.events import Hub
from bot.sandbox.page.inspector import Inspector
from bot.sandbox.page.policies import Policies, has_ours
from bot.sandbox.page.switches import Switches
from bot.sandbox.scene import ALICE, APPROVALS, BEN, GENERAL
from bot.sandbox.slack.records import Message
from bot.sandbox.slack.server import SlackDouble

Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    title: str
    text: str
    who: str
    where: str
    hint: str


STEPS: Final = (
    Step(
        title="Ask as Alice",
        text=(
            "Alice is a data scientist and cannot use the Builder role yet: the panel beside shows it. "
            "She asks for it in any channel."
        ),
        who=ALICE,
        where=GENERAL,
        hint="Type /workbench-access request and press Enter. Choose an account, the Builder role and a reason, "
        "then Send request.",
    ),
    Step(
        title="Approve as Ben",
        text=(
            "The approvers find a card in their channel: who asks for what, who else would get it, and the exact "
            "change of the shared policy. Nobody has anything yet."
        ),
        who=BEN,
        where=APPROVALS,
        hint="Act as Ben, read the card in #access-approvals and press Approve.",
    ),
    Step(
        title="Read the results",
        text=(
            "The bot put its statement, AWS pushed it into the account, and only then the results came: in the "
            "thread of the card, and to Alice. The matrix beside turned green at the same moment."
        ),
        who=ALICE,
        where="dm",
        hint="Act as Alice and read the direct message from workbench-access.",
    ),
    Step(
        title="Break something and verify",
        text=(
            "Access breaks in ways that a bot did not cause: somebody deletes a role, changes its trust policy, or "
            "edits the permission set in the console. Then the bot must say so."
        ),
        who=ALICE,
        where=GENERAL,
        hint="Use a switch of the AWS panel: take the bot's statement out of DataScientist, or delete the Builder "
        "role. Then type /workbench-access verify as Alice.",
    ),
    Step(
        title="Move the clock to the end",
        text=(
            "Access ends by itself. AWS keeps the deadline, since it stands in the statement; the bot tidies up "
            "after it and says so."
        ),
        who=ALICE,
        where="dm",
        hint="Move the clock on by more than the time that was asked for. The bot is stopped meanwhile, and started "
        "again. Then read what it tells Alice.",
    ),
)


class Tour:
    """Looks whenever something has changed. A step counts only after the one before it."""

    def __init__(
        self,
        slack: SlackDouble,
        aws: AwsDouble,
        *,
        policies: Policies,
        switches: Switches,
        inspector: Inspector,
        hub: Hub,
    ) -> None:
        self._workspace = slack.workspace
        self._org = aws.org
        self._policies = policies
        self._switches = switches
        self._inspector = inspector
        self._hub = hub
        self._begun_at: float | None = None
        self._moved_at: float | None = None
        self._done = 0
        self._done_at = 0.0
        """When the last step that is done was seen to be."""
        self._tests: tuple[Callable[[float], bool], ...] = (
            self._asked,
            self._approved,
            self._read,
            self._verified,
            self._ended,
        )

    def state(self) -> Json:
        is_on = self._begun_at is not None
        return {
            "step": min(self._done + 1, len(STEPS)) if is_on else 0,
            "finished": is_on and self._done == len(STEPS),
            "steps": [
                {
                    "n": number,
                    "title": step.title,
                    "text": step.text,
                    "as": step.who,
                    "where": self._place(step),
                    "hint": step.hint,
                    "done": number <= self._done,
                }
                for number, step in enumerate(STEPS, start=1)
            ],
        }

    def start(self) -> None:
        """From the first step; what happened before does not count."""
        self._begun_at, self._moved_at, self._done = self._org.clock(), None, 0
        self._tell()

    def skip(self) -> None:
        """No tour any more."""
        self._begun_at = None
        self._tell()

    def clock_moved(self) -> None:
        self._moved_at = self._org.clock()
        self.look()

    def look(self) -> None:
        """Judge the present step, and those after it."""
        if self._begun_at is None:
            return
        before = self._done
        while self._done < len(STEPS) and self._tests[self._done](self._begun_at):
            self._done, self._done_at = self._done + 1, self._org.clock()
        if self._done != before:
            self._tell()

    # The five judgements

    def _asked(self, since: float) -> bool:
        """A card of the bot stands in the approvers' channel."""
        return any(
            message.bot_id is not None and float(message.ts) >= since
            for message in self._workspace.latest(APPROVALS)
        )

    def _approved(self, since: float) -> bool:
        """The bot has put a statement of its own into a policy: it does so after an approval only."""
        return any(
            change.by == "bot" and change.at is not None and change.at >= since and has_ours(change.text)
            for change in self._policies.last.values()
        )

    def _read(self, since: float) -> bool:
        """Alice has a table of results, and has looked at it."""
        place = self._workspace.dm_of(ALICE)
        if place is None or self._workspace.unread(ALICE, place.id):
            return False
        return any(float(message.ts) >= since and _has_table(message) for message in self._dm())

    def _verified(self, since: float) -> bool:
        """Something was broken, and Alice was shown an answer to `verify` after that."""
        broken_at = self._switches.broken_at
        if broken_at is None or broken_at < since:
            return False
        asked = [
            entry["at"]
            for entry in self._inspector.entries
            if (entry["kind"], entry["as"]) == ("command", ALICE)
            and str(entry["body"].get("text", "")).startswith("verify")
            and entry["at"] >= broken_at
        ]
        # The answer appears first as "looking" and is then replaced: the last content is the one that was judged.
        return bool(asked) and any(
            float(alone.ts) >= asked[0] and any(block["type"] == "table" for block in alone.blocks)
            for alone in self._workspace.ephemerals(ALICE)
        )

    def _ended(self, since: float) -> bool:
        """Time was moved since the fourth step, no statement of the bot is left, and Alice was told since."""
        if self._moved_at is None or self._moved_at < max(since, self._done_at):
            return False
        if any(has_ours(found.inline_policy) for found in self._org.permission_sets.values()):
            return False
        return any(float(message.ts) >= self._moved_at for message in self._dm())

    # Inside

    def _dm(self) -> list[Message]:
        place = self._workspace.dm_of(ALICE)
        return self._workspace.messages(place.id) if place is not None else []

    def _place(self, step: Step) -> str:
        place = self._workspace.dm_of(step.who) if step.where == "dm" else None
        return place.id if place is not None else step.where

    def _tell(self) -> None:
        self._hub.publish("tour", lambda _: ("tour", self.state()))


def _has_table(message: Message) -> bool:
    return any(block["type"] == "table" for block in message.blocks)
