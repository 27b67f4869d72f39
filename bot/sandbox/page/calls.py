"""The log of API calls as the page shows it: what the bot and the people asked of AWS and Slack, and how often."""

import itertools
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Final

from bot.sandbox.aws.calls import Call as AwsCall
from bot.sandbox.aws.server import AwsDouble
from bot.sandbox.page.events import Hub
from bot.sandbox.slack.faults import Call as SlackCall
from bot.sandbox.slack.server import SlackDouble

Json = dict[str, Any]

SHOWN: Final = 30
BRIEF: Final = 80


class Calls:
    """A watcher of both doubles. Rates count what arrived at AWS, refused calls included."""

    def __init__(self, slack: SlackDouble, aws: AwsDouble, hub: Hub) -> None:
        self._slack = slack
        self._aws = aws
        self._hub = hub
        self._numbers = itertools.count(1)
        self._last: deque[Json] = deque(maxlen=SHOWN)
        self._recent: deque[float] = deque()
        self._peak = 0
        self._total = 0
        slack.calls.watchers.append(self._slack_called)
        aws.calls.watchers.append(self._aws_called)

    def state(self) -> Json:
        self._drop_old(time.monotonic())
        return {
            "per_second": len(self._recent),
            "peak": self._peak,
            "total": self._total,
            "last": list(reversed(self._last)),
        }

    def _aws_called(self, call: AwsCall) -> None:
        now = time.monotonic()
        self._recent.append(now)
        self._drop_old(now)
        self._total += 1
        self._peak = max(self._peak, len(self._recent))
        self._add(
            at=call.at,
            side="aws",
            service=call.service,
            operation=call.operation,
            outcome=call.outcome,
            ms=_ms(call.seconds),
            who=self._who(call.caller),
            brief=self._aws_brief(call.parameters),
        )

    def _slack_called(self, call: SlackCall) -> None:
        service, _, operation = call.method.rpartition(".")
        self._add(
            at=call.at,
            side="slack",
            service=service,
            operation=operation,
            outcome=call.outcome,
            ms=_ms(call.seconds),
            who="bot",
            brief=self._slack_brief(call.args),
        )

    def _add(self, **call: Any) -> None:
        entry = {"n": next(self._numbers), **call}
        self._last.append(entry)
        self._hub.tell("call", entry)

    def _drop_old(self, now: float) -> None:
        while self._recent and self._recent[0] <= now - 1.0:
            self._recent.popleft()

    def _who(self, arn: str) -> str:
        if arn == self._aws.org.bot_arn:
            return "bot"
        # A person's session carries the user name, which is the address.
        return arn.rpartition("/")[2].partition("@")[0] or "unknown"

    def _aws_brief(self, parameters: Mapping[str, Any]) -> str:
        org = self._aws.org
        sets = {one.arn: one.name for one in org.permission_sets.values()}
        accounts = {one.id: one.name for one in org.accounts.values()}
        known: list[tuple[str, Callable[[str], str]]] = [
            ("PermissionSetArn", lambda value: f"set {sets.get(value, value)}"),
            ("AccountId", lambda value: f"account {accounts.get(value, value)}"),
            ("TargetId", lambda value: f"account {accounts.get(value, value)}"),
            ("RoleArn", lambda value: value.partition(":role/")[2] or value),
            ("RoleName", str),
            ("UserId", lambda value: f"user {value[-8:]}"),
        ]
        found = [brief(str(parameters[name])) for name, brief in known if parameters.get(name)]
        return " · ".join(found)[:BRIEF]

    def _slack_brief(self, args: Mapping[str, Any]) -> str:
        workspace = self._slack.workspace
        parts = []
        channel = workspace.channels.get(str(args.get("channel", "")))
        if channel is not None:
            parts.append("direct message" if channel.is_im else f"#{channel.name}")
        for name in ("user", "users"):
            person = workspace.users.get(str(args.get(name, "")))
            if person is not None:
                parts.append(person.name)
        if args.get("thread_ts"):
            parts.append("in a thread")
        return " · ".join(parts)[:BRIEF]


def _ms(seconds: float | None) -> float:
    return round((seconds or 0.0) * 1000, 1)
