"""What Slack sent to the bot and how the bot answered, payload by payload."""

import json
from collections import deque
from typing import Any, Final
from urllib.parse import parse_qsl

from bot.sandbox.page.events import Hub
from bot.sandbox.slack.delivery import Delivery, Sent

Json = dict[str, Any]

KEPT: Final = 200
_SIGNATURE_SHOWN: Final = 14


class Inspector:
    """A watcher of one workspace's deliveries."""

    def __init__(self, delivery: Delivery, hub: Hub) -> None:
        self.entries: deque[Json] = deque(maxlen=KEPT)
        self._hub = hub
        delivery.watchers.append(self._sent)

    def _sent(self, sent: Sent) -> None:
        entry = described(sent)
        self.entries.append(entry)
        self._hub.tell("payload", entry)


def described(sent: Sent) -> Json:
    """One line of the inspector, opened."""
    kind, who, summary, body = _read(sent.body, sent.headers.get("Content-Type", ""))
    return {
        "id": sent.ack.number,
        "at": sent.at,
        "kind": kind,
        "as": who,
        "summary": summary,
        "body": body,
        "headers": {
            name: value[:_SIGNATURE_SHOWN] + "…" if name == "X-Slack-Signature" else value
            for name, value in sent.headers.items()
        },
        "answer": {"status": sent.ack.status, "body": sent.ack.body, "shown": sent.ack.shown},
        "ms": round(sent.ack.elapsed * 1000, 1),
        "retry": int(sent.headers.get("X-Slack-Retry-Num", "0")),
    }


def _read(raw: bytes, content_type: str) -> tuple[str, str, str, Json]:
    """Kind, person, summary and body of a payload that this sandbox made itself."""
    if content_type == "application/json":
        body = json.loads(raw)
        event = body.get("event") or {}
        return str(event.get("type") or body.get("type")), str(event.get("user", "")), "", body
    form = dict(parse_qsl(raw.decode(), keep_blank_values=True))
    if "payload" not in form:
        return (
            "command",
            form.get("user_id", ""),
            f"{form.get('command')} {form.get('text', '')}".strip(),
            form,
        )
    body = json.loads(form["payload"])
    return str(body["type"]), str(body["user"]["id"]), _summary(body), body


def _summary(body: Json) -> str:
    match body["type"]:
        case "block_actions":
            return ", ".join(_action(action) for action in body["actions"])
        case "block_suggestion":
            return f"{body['action_id']} “{body['value']}”"
        case "view_submission" | "view_closed":
            return str(body["view"]["callback_id"])
        case "shortcut":
            return str(body["callback_id"])
    return ""


def _action(action: Json) -> str:
    value = action.get("value") or (action.get("selected_option") or {}).get("value")
    return f"{action['action_id']} {value}" if value else str(action["action_id"])
