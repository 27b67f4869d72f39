"""One call of the Web API as its method sees it: its arguments, and what it may do."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bot.sandbox.slack.checker import TOO_LONG
from bot.sandbox.slack.workspace import SlackError, Workspace

if TYPE_CHECKING:
    from bot.sandbox.slack.checker import Problem
    from bot.sandbox.slack.records import Channel, Json


@dataclass(slots=True, kw_only=True)
class ApiCall:
    """A checked token, the workspace, and the arguments as they came."""

    workspace: Workspace
    method: str
    args: Json
    scopes: frozenset[str]
    public_url: str
    """Where this double listens: for upload addresses."""
    messages_tab_enabled: bool = True
    complaints: list[str] = field(default_factory=list)
    """Wrong use that Slack accepts without a word."""

    def text(self, name: str) -> str | None:
        value = self.args.get(name)
        return None if value is None else str(value)

    def required(self, name: str) -> str:
        value = self.text(name)
        if value is None or value == "":
            raise SlackError(
                "invalid_arguments",
                response_metadata={"messages": [f"[ERROR] missing required field: {name}"]},
            )
        return value

    def flag(self, name: str) -> bool:
        return self.args.get(name) in (True, 1, "1", "true", "True")

    def number(self, name: str, default: int) -> int:
        value = self.args.get(name)
        if value in (None, ""):
            return default
        try:
            return int(str(value))
        except ValueError:
            raise SlackError("invalid_arguments") from None

    def parsed(self, name: str, *, error: str) -> Any:
        """A structured argument, which a form carries as JSON text."""
        value = self.args.get(name)
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value)
        except json.JSONDecodeError:
            raise SlackError(error) from None

    def require_scope(self, *alternatives: str) -> None:
        if self.scopes.isdisjoint(alternatives):
            raise SlackError("missing_scope", needed=alternatives[0], provided=",".join(sorted(self.scopes)))

    def channel_with_bot(self, channel_id: str) -> Channel:
        """The channel by its id, in which the bot must be a member."""
        workspace = self.workspace
        channel = workspace.channels.get(channel_id)
        if channel is None:
            raise SlackError("channel_not_found")
        if workspace.bot_user_id not in channel.members:
            raise SlackError("channel_not_found" if channel.is_private or channel.is_im else "not_in_channel")
        if channel.is_archived:
            raise SlackError("is_archived")
        return channel


Method = Callable[[ApiCall], Awaitable["Json"]]


def page_of(items: list[Any], call: ApiCall, *, default: int = 100) -> tuple[list[Any], str]:
    """One page by `cursor` and `limit`, and the next cursor."""
    cursor = call.text("cursor") or ""
    if cursor and not cursor.startswith("at:"):
        raise SlackError("invalid_cursor")
    start = int(cursor.removeprefix("at:") or 0)
    limit = call.number("limit", default)
    if not 0 < limit <= 1000:
        raise SlackError("invalid_limit")
    more = f"at:{start + limit}" if start + limit < len(items) else ""
    return items[start : start + limit], more


def refuse(problems: list[Problem], code: str) -> None:
    """Answers as Slack does when blocks are wrong: each problem with its JSON pointer."""
    if [problem.message for problem in problems] == [TOO_LONG]:
        raise SlackError("msg_blocks_too_long")
    if problems:
        messages = [f"[ERROR] {problem.message} [json-pointer:{problem.pointer}]" for problem in problems]
        raise SlackError(code, errors=[p.message for p in problems], response_metadata={"messages": messages})
