"""What a bot may do with a response_url: five answers in half an hour."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from bot.sandbox.slack import checker
from bot.sandbox.slack.workspace import SlackError

if TYPE_CHECKING:
    from bot.sandbox.slack.delivery import Delivery
    from bot.sandbox.slack.records import Ephemeral, Json, Message, ResponseUrl
    from bot.sandbox.slack.workspace import Workspace


def answer(delivery: Delivery, url_id: str, raw: bytes) -> tuple[int, str]:
    """Applies one POST to a response_url; HTTP status and body as Slack sends them."""
    workspace = delivery.workspace
    try:
        body: Any = json.loads(raw)
    except ValueError:
        body = None
    try:
        if not isinstance(body, dict):
            raise SlackError("invalid_payload")
        url = workspace.use_response_url(url_id)
        _apply(delivery, url, body)
    except SlackError as refusal:
        status = 404 if refusal.code in {"expired_url", "used_url"} else 400
        return status, json.dumps({"ok": False, "error": refusal.code, **refusal.extra})
    return 200, "ok"


def _apply(delivery: Delivery, url: ResponseUrl, body: Json) -> None:
    workspace = delivery.workspace
    original = _original(workspace, url)
    if body.get("delete_original"):
        if original is None:
            raise SlackError("message_not_found")
        workspace.delete(original)
        return
    if body.get("replace_original") and original is not None:
        text, blocks = str(body.get("text") or ""), body.get("blocks")
        if not text and not blocks:
            raise SlackError("no_text")
        _refuse(checker.check("message", {"text": text or "-", "blocks": blocks or []}))
        workspace.edit(original, workspace.content(text, blocks))
        return
    problems = delivery.show_answer(body, url.user, url.channel, body.get("thread_ts"))
    if problems == ["no_text"]:
        raise SlackError("no_text")
    if problems:
        raise SlackError("invalid_blocks", response_metadata={"messages": problems})


def _original(workspace: Workspace, url: ResponseUrl) -> Message | Ephemeral | None:
    """The message whose button was pressed; a command has none."""
    if url.message_ts is None:
        return None
    if url.is_ephemeral:
        return next((e for e in workspace.ephemerals(url.user) if e.ts == url.message_ts), None)
    return workspace.message(url.channel, url.message_ts)


def _refuse(problems: list[checker.Problem]) -> None:
    if problems:
        raise SlackError("invalid_blocks", response_metadata={"messages": [str(p) for p in problems]})
