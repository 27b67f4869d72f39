"""Blocks and views for the tests of the workspace double, and what its checker says about them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from slack_sdk.errors import SlackApiError

from bot.sandbox.slack.checker import Surface, check

if TYPE_CHECKING:
    from collections.abc import Awaitable

Json = dict[str, Any]


def plain(text: str = "word") -> Json:
    return {"type": "plain_text", "text": text}


def mrkdwn(text: str = "word", **more: Any) -> Json:
    return {"type": "mrkdwn", "text": text, **more}


def section(text: str = "word", **more: Any) -> Json:
    return {"type": "section", "text": mrkdwn(text), **more}


def option(value: str = "one", text: str | None = None, **more: Any) -> Json:
    return {"text": plain(text or value), "value": value, **more}


def button(text: str = "Approve", action_id: str = "approve", **more: Any) -> Json:
    return {"type": "button", "text": plain(text), "action_id": action_id, **more}


def actions(*elements: Json, **more: Any) -> Json:
    return {"type": "actions", "elements": list(elements) or [button()], **more}


def text_input(action_id: str = "reason", **more: Any) -> Json:
    return {"type": "plain_text_input", "action_id": action_id, **more}


def input_block(element: Json | None = None, label: str = "Reason", **more: Any) -> Json:
    return {"type": "input", "label": plain(label), "element": element or text_input(), **more}


def select(kind: str = "static_select", action_id: str = "pick", **more: Any) -> Json:
    if kind.endswith("static_select"):
        more = {"options": [option("one"), option("two")], **more}
    return {"type": kind, "action_id": action_id, **more}


def modal(*blocks: Json, **more: Any) -> Json:
    return {
        "type": "modal",
        "title": plain("Title"),
        "submit": plain("Send"),
        "blocks": list(blocks) or [input_block()],
        **more,
    }


def home(*blocks: Json, **more: Any) -> Json:
    return {"type": "home", "blocks": list(blocks) or [section()], **more}


def message(*blocks: Json, text: str = "A sentence.") -> Json:
    return {"text": text, "blocks": list(blocks)}


def rich_text(*parts: Json) -> Json:
    return {"type": "rich_text", "elements": list(parts)}


def quote(text: str) -> Json:
    return {"type": "rich_text_quote", "elements": [{"type": "text", "text": text}]}


def confirm(**changes: Any) -> Json:
    dialog = {
        "title": plain("Sure?"),
        "text": mrkdwn("It cannot be undone."),
        "confirm": plain("Yes"),
        "deny": plain("No"),
    }
    return {key: value for key, value in (dialog | changes).items() if value is not None}


def raw(text: str) -> Json:
    return {"type": "raw_text", "text": text}


def table(rows: int, cells: int) -> Json:
    return {"type": "table", "rows": [[raw("x") for _ in range(cells)] for _ in range(rows)]}


async def refusal(answer: Awaitable[Any]) -> dict[str, Any]:
    """The whole refusal that Slack answered with."""
    with pytest.raises(SlackApiError) as caught:
        await answer
    data: dict[str, Any] = caught.value.response.data
    return data


async def code(answer: Awaitable[Any]) -> str:
    return str((await refusal(answer))["error"])


def found(surface: Surface, payload: Json) -> str:
    """What the checker says against it; "" where that is nothing."""
    return "\n".join(str(problem) for problem in check(surface, payload))


def element_in_input(element: Json) -> Json:
    return modal(input_block(element))


def image(**more: Any) -> Json:
    return {"type": "image", "image_url": "https://example.com/a.png", "alt_text": "a", **more}
