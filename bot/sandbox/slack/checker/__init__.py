"""A strict Block Kit checker: what Slack would refuse, found before it is sent."""

from __future__ import annotations

from typing import Any, Final, Literal

from bot.sandbox.slack.checker import objects
from bot.sandbox.slack.checker.blocks import TOO_LONG, blocks
from bot.sandbox.slack.checker.limits import LIMITS
from bot.sandbox.slack.checker.report import Problem, Spot

__all__ = ["LIMITS", "TOO_LONG", "Problem", "Surface", "check", "check_options"]

Surface = Literal["message", "modal", "home"]
_VIEW_KEYS: Final = frozenset({"private_metadata", "callback_id", "external_id"})
_MODAL_KEYS: Final = _VIEW_KEYS | {"submit", "close", "clear_on_close", "notify_on_close"}


def check(surface: Surface, payload: dict[str, Any]) -> list[Problem]:
    """Everything wrong with a view, or with a message's `text`, `blocks` and `metadata`."""
    spot = Spot([])
    if surface == "message":
        _message(spot, payload)
    else:
        _view(spot, payload, surface)
    return spot.problems


def check_options(answer: dict[str, Any]) -> list[Problem]:
    """Everything wrong with the answer to a block_suggestion."""
    spot = Spot([])
    spot.keys(answer, (), {"options", "option_groups"})
    objects.option_lists(spot, answer, may_be_empty=True)
    return spot.problems


def _message(spot: Spot, payload: dict[str, Any]) -> None:
    # Notifications and screen readers get the text instead of the blocks: a message without one is mute.
    if not payload.get("text"):
        spot.say("missing required field: text")
    else:
        spot["text"].string(payload["text"], LIMITS["message.text"])
    if "blocks" in payload:
        blocks(spot["blocks"], payload["blocks"], "message")
    metadata = payload.get("metadata")
    if metadata is not None:
        spot["metadata"].keys(metadata, {"event_type", "event_payload"}, ())


def _view(spot: Spot, payload: dict[str, Any], surface: Surface) -> None:
    modal = surface == "modal"
    required = {"type", "blocks", "title"} if modal else {"type", "blocks"}
    if not spot.keys(payload, required, _MODAL_KEYS if modal else _VIEW_KEYS) and "blocks" not in payload:
        return
    spot["type"].one_of(payload.get("type"), {surface})
    for key in ("title", "submit", "close"):
        if modal and payload.get(key) is not None:
            objects.text(spot[key], payload[key], f"modal.{key}")
    for key in sorted(_VIEW_KEYS):
        if payload.get(key) is not None:
            spot[key].string(payload[key], LIMITS[f"view.{key}"], shortest=0)
    blocks(spot["blocks"], payload["blocks"], surface)
    found = payload["blocks"] if isinstance(payload["blocks"], list) else []
    has_input = any(isinstance(block, dict) and block.get("type") == "input" for block in found)
    if modal and has_input and payload.get("submit") is None:
        spot.say("missing required field: submit (the modal has input blocks)")
