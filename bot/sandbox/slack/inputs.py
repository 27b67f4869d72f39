"""What Slack's client does with elements: naming them, remembering choices, refusing an incomplete form."""

from __future__ import annotations

import copy
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bot.sandbox.slack.records import Blocks, Json, Values

REQUIRED: Final = "Please complete this required field."
DEFAULT_MAX_LENGTH: Final = 3000

# element type → (key of `state.values`, key of the initial value, value while nothing is chosen)
STATEFUL: Final[dict[str, tuple[str, str, Any]]] = {
    "plain_text_input": ("value", "initial_value", None),
    "email_text_input": ("value", "initial_value", None),
    "url_text_input": ("value", "initial_value", None),
    "number_input": ("value", "initial_value", None),
    "rich_text_input": ("rich_text_value", "initial_value", None),
    "file_input": ("files", "", []),
    "static_select": ("selected_option", "initial_option", None),
    "external_select": ("selected_option", "initial_option", None),
    "radio_buttons": ("selected_option", "initial_option", None),
    "checkboxes": ("selected_options", "initial_options", []),
    "multi_static_select": ("selected_options", "initial_options", []),
    "multi_external_select": ("selected_options", "initial_options", []),
    "users_select": ("selected_user", "initial_user", None),
    "multi_users_select": ("selected_users", "initial_users", []),
    "conversations_select": ("selected_conversation", "initial_conversation", None),
    "multi_conversations_select": ("selected_conversations", "initial_conversations", []),
    "channels_select": ("selected_channel", "initial_channel", None),
    "multi_channels_select": ("selected_channels", "initial_channels", []),
    "datepicker": ("selected_date", "initial_date", None),
    "timepicker": ("selected_time", "initial_time", None),
    "datetimepicker": ("selected_date_time", "initial_date_time", None),
}
OPTION_BASED: Final = frozenset(
    kind for kind, (key, _, _) in STATEFUL.items() if key.startswith("selected_option")
)
TYPED: Final = frozenset(
    {"plain_text_input", "email_text_input", "url_text_input", "number_input", "rich_text_input"}
)


class ClientRefusedError(Exception):
    """Slack's client would not let a person do this: no such button, no such option, nothing to submit."""


@dataclass(frozen=True, slots=True)
class Placed:
    """An element and the block that holds it."""

    block: Json
    element: Json

    @property
    def block_id(self) -> str:
        return str(self.block["block_id"])

    @property
    def action_id(self) -> str:
        return str(self.element.get("action_id", ""))

    @property
    def label(self) -> str:
        text = self.block.get("label") or self.element.get("text") or {}
        return str(text.get("text", "")) if isinstance(text, dict) else ""

    @property
    def dispatches(self) -> bool:
        """Whether a choice is sent at once: always outside an input block, inside only where asked for."""
        return self.block["type"] != "input" or bool(self.block.get("dispatch_action"))


def placed_elements(blocks: Blocks) -> Iterator[Placed]:
    """Every interactive element of a surface, in reading order."""
    for block in blocks:
        kind = block.get("type")
        if kind == "input":
            yield Placed(block, block["element"])
        elif kind in {"actions", "context_actions"}:
            yield from (Placed(block, element) for element in block["elements"])
        elif kind == "card":
            yield from (Placed(block, element) for element in block.get("actions") or [])
        elif kind == "carousel":
            yield from placed_elements(block["elements"])
        elif kind == "container":
            yield from placed_elements(block["child_blocks"])
        elif "action_id" in (block.get("accessory") or {}):
            yield Placed(block, block["accessory"])


def with_ids(blocks: Blocks, new_id: Callable[[], str]) -> Blocks:
    """A copy as Slack stores it: missing ids made up, the defaults of text objects filled in."""

    def walk(value: Any, *, is_block: bool = False) -> Any:
        if isinstance(value, list):
            return [walk(item, is_block=is_block) for item in value]
        if not isinstance(value, dict):
            return value
        made = {
            key: walk(
                inner,
                is_block=key == "child_blocks" or (value.get("type") == "carousel" and key == "elements"),
            )
            for key, inner in value.items()
            if inner is not None
        }
        kind = made.get("type")
        if is_block and not made.get("block_id"):
            made["block_id"] = new_id()
        elif kind == "plain_text":
            made.setdefault("emoji", True)
        elif kind == "mrkdwn":
            made.setdefault("verbatim", False)
        elif kind in _INTERACTIVE and not made.get("action_id"):
            made["action_id"] = new_id()
        return made

    result: Blocks = walk(copy.deepcopy(blocks), is_block=True)
    return result


_INTERACTIVE: Final = frozenset(STATEFUL) | {
    "button",
    "overflow",
    "workflow_button",
    "icon_button",
    "feedback_buttons",
}


def merged_values(blocks: Blocks, old: Values) -> Values:
    """The state of a fresh drawing: kept where block_id, action_id and kind are the same, else initial."""
    values: Values = {}
    for placed in placed_elements(blocks):
        kind = placed.element["type"]
        if kind not in STATEFUL:
            continue
        kept = old.get(placed.block_id, {}).get(placed.action_id)
        if kept is None or kept["type"] != kind:
            key, initial, empty = STATEFUL[kind]
            kept = {"type": kind, key: copy.deepcopy(placed.element.get(initial, empty))}
        values.setdefault(placed.block_id, {})[placed.action_id] = kept
    return values


def static_options(element: Json) -> list[Json]:
    """All options that the element itself carries, groups flattened."""
    options: list[Json] = list(element.get("options") or [])
    for group in element.get("option_groups") or []:
        options.extend(group["options"])
    return options


def chosen(element: Json, value: Any, offered: list[Json]) -> Json:
    """The state of an element after a person chose `value`; options are named by their value or their text.

    Raises ClientRefusedError where the client offers no such thing.
    """
    kind = element["type"]
    if kind not in STATEFUL:
        raise ClientRefusedError(f"a {kind} holds no value")
    key, _, empty = STATEFUL[kind]
    many = isinstance(empty, list)
    if many and not isinstance(value, list | tuple | set | frozenset):
        raise ClientRefusedError(f"{element['action_id']} takes a list")
    if kind in OPTION_BASED:
        if not many:
            return {"type": kind, key: _option(element, offered, value)}
        picked = [_option(element, offered, one) for one in value]
        if len(picked) > (element.get("max_selected_items") or len(picked)):
            raise ClientRefusedError(f"at most {element['max_selected_items']} can be selected")
        return {"type": kind, key: picked}
    if many:
        return {"type": kind, key: list(value)}
    return {"type": kind, key: value if value != "" else None}


def _option(element: Json, offered: list[Json], wanted: Any) -> Json | None:
    if wanted is None:
        return None
    for option in offered:
        if wanted in (option.get("value"), option["text"]["text"]):
            return copy.deepcopy(option)
    known = [option.get("value") for option in offered][:20]
    raise ClientRefusedError(f"{element['action_id']} offers no {wanted!r}, only {known}")


def missing_or_wrong(blocks: Blocks, values: Values) -> dict[str, str]:
    """What the client says at the fields before it sends a form anywhere; by block_id."""
    problems: dict[str, str] = {}
    for placed in placed_elements(blocks):
        if placed.block["type"] != "input":
            continue
        state = values[placed.block_id][placed.action_id]
        key, _, _ = STATEFUL[placed.element["type"]]
        value = state.get(key)
        if value in (None, "", []):
            if not placed.block.get("optional"):
                problems[placed.block_id] = REQUIRED
            continue
        wrong = _wrong_text(placed.element, value)
        if wrong:
            problems[placed.block_id] = wrong
    return problems


def _wrong_text(element: Json, value: Any) -> str | None:
    kind = element["type"]
    if kind == "plain_text_input":
        longest = element.get("max_length") or DEFAULT_MAX_LENGTH
        if len(value) > longest:
            return f"Must be at most {longest} characters."
        if len(value) < (element.get("min_length") or 0):
            return f"Must be at least {element['min_length']} characters."
    if kind == "email_text_input" and not re.fullmatch(r"[^@\s]+@[^@\s]+", value):
        return "Enter a valid email address."
    if kind == "url_text_input" and not re.match(r"\w+://", value):
        return "Enter a valid URL."
    if kind == "number_input" and not _fits(element, value):
        return "Enter a valid number."
    return None


def _fits(element: Json, value: str) -> bool:
    try:
        number = float(value)
    except ValueError:
        return False
    low, high = element.get("min_value"), element.get("max_value")
    whole = bool(element.get("is_decimal_allowed")) or number.is_integer()
    return whole and (low is None or number >= float(low)) and (high is None or number <= float(high))
