"""Judges a finished screen: Slack's limits by the sandbox's checker, and nothing alive in foreign text."""

import json
import re
from collections.abc import Iterator
from typing import Any

from bot.sandbox.slack.checker import Surface, check
from handlers.views.parts import MESSAGE_BUDGET, Message

OWN_SEQUENCES = re.compile(
    r"<@[UW][A-Z0-9]+>|<!subteam\^S[A-Z0-9]+>|<!date\^\d+\^\{date_short_pretty\} at \{time\}\|[^<>|]+>"
)
FOREIGN_CALLS = ("<@U1>", "<!channel>", "<!here>", "<!subteam^S1>", "<http")
HIDDEN = re.compile("[\u202a-\u202e\u2066-\u2069\x00-\x09\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
CELLS_KEPT = 10


def parsed_texts(node: Any) -> Iterator[str]:
    """Every string that Slack parses as mrkdwn."""
    if isinstance(node, dict):
        if node.get("type") == "mrkdwn":
            assert node.get("verbatim") is True, node
            yield node["text"]
        for value in node.values():
            yield from parsed_texts(value)
    elif isinstance(node, list):
        for value in node:
            yield from parsed_texts(value)


def texts(node: Any) -> Iterator[str]:
    """Every text that somebody reads."""
    if isinstance(node, dict):
        if isinstance(node.get("text"), str):
            yield node["text"]
        for value in node.values():
            yield from texts(value)
    elif isinstance(node, list):
        for value in node:
            yield from texts(value)


def readable(screen: Message | dict[str, Any]) -> str:
    """The screen as one string of everything that is read."""
    payload = screen.blocks if isinstance(screen, Message) else screen
    return "\n".join(texts(payload))


def assert_sound(screen: Message | dict[str, Any], surface: Surface = "message") -> None:
    """No limit broken, no control sequence but our own, nothing invisible."""
    payload = {"text": screen.text, "blocks": screen.blocks} if isinstance(screen, Message) else screen
    problems = check(surface, payload)
    assert not problems, problems[:5]
    for text in [*parsed_texts(payload), *([screen.text] if isinstance(screen, Message) else [])]:
        for call in FOREIGN_CALLS:
            assert call not in text
        assert "<" not in OWN_SEQUENCES.sub("", text), text
        assert ">" not in OWN_SEQUENCES.sub("", text), text
    for text in texts(payload):
        assert not HIDDEN.search(text), repr(text)
    assert '"broadcast"' not in json.dumps(payload)
    if isinstance(screen, Message):
        assert screen.text.strip()
        assert screen.text.rstrip().endswith((".", "…", "?")), screen.text
        assert sum(map(len, texts(payload["blocks"]))) <= MESSAGE_BUDGET
    else:
        assert len(json.dumps(payload)) < 250_000
