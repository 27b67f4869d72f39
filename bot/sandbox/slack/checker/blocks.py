"""Blocks, one function a type, and what holds for all blocks of a surface together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from bot.sandbox.slack.checker import objects
from bot.sandbox.slack.checker.elements import element
from bot.sandbox.slack.checker.limits import BLOCK_KEYS, BLOCKS_OF, ELEMENTS_OF, ELSEWHERE, LIMITS
from bot.sandbox.slack.checker.rich_text import rich_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bot.sandbox.slack.checker.report import Spot

Block = dict[str, Any]
TOO_LONG: Final = "msg_blocks_too_long"
_TASK_STATUS: Final = frozenset({"pending", "in_progress", "complete", "error"})


def blocks(spot: Spot, value: Any, surface: str) -> None:
    """All blocks of a surface."""
    found = spot.items(value, LIMITS[f"{surface}.blocks"], fewest=0)
    allowed = BLOCKS_OF[surface]
    for index, one in enumerate(found):
        _block(spot[index], one, allowed, surface)
    if surface == "message" and characters(found) > LIMITS["message.blocks.characters"]:
        spot.say(TOO_LONG)
    _together(spot, [block for block in found if isinstance(block, dict)])


def _block(spot: Spot, value: Any, allowed: frozenset[str], surface: str) -> None:
    if not isinstance(value, dict):
        spot.say("must provide an object")
        return
    kind = value.get("type")
    if kind not in allowed:
        known = kind in BLOCK_KEYS or kind in ELSEWHERE
        where = f" (not in a {surface}, or not known to this checker)" if known else ""
        spot.say(f"unsupported type: {kind}{where}")
        return
    required, optional = BLOCK_KEYS[kind]
    complete = spot.keys(value, required | {"type"}, optional | {"block_id"})
    if "block_id" in value:
        spot["block_id"].string(value["block_id"], LIMITS["block_id"])
    if complete and kind in _SPECIAL:
        _SPECIAL[kind](spot, value)
    if kind == "input" and surface != "modal" and _kind_of(value.get("element")) == "file_input":
        spot["element"].say("file_input is for modals only")


def _kind_of(value: Any) -> Any:
    return value.get("type") if isinstance(value, dict) else None


def _section(spot: Spot, value: Block) -> None:
    if "text" not in value and "fields" not in value:
        spot.say("missing required field: text or fields")
    if "text" in value:
        objects.text(spot["text"], value["text"], "section.text", mrkdwn=True)
    if "fields" in value:
        place = spot["fields"]
        for index, one in enumerate(place.items(value["fields"], LIMITS["section.fields"])):
            objects.text(place[index], one, "section.field", mrkdwn=True)
    if "accessory" in value:
        element(spot["accessory"], value["accessory"], ELEMENTS_OF["section"])
    if "expand" in value:
        spot["expand"].boolean(value["expand"])


def _header(spot: Spot, value: Block) -> None:
    objects.text(spot["text"], value["text"], "header.text")
    if "level" in value:
        spot["level"].integer(value["level"], 1, 6)


def _image(spot: Spot, value: Block) -> None:
    objects.image(spot, value, block=True)


def _actions(spot: Spot, value: Block) -> None:
    kind = value["type"]
    place = spot["elements"]
    for index, one in enumerate(place.items(value["elements"], LIMITS[f"{kind}.elements"])):
        element(place[index], one, ELEMENTS_OF[kind])


def _context(spot: Spot, value: Block) -> None:
    place = spot["elements"]
    for index, one in enumerate(place.items(value["elements"], LIMITS["context.elements"])):
        if _kind_of(one) == "image":
            element(place[index], one, frozenset({"image"}))
        else:
            objects.text(place[index], one, "text", mrkdwn=True)


def _input(spot: Spot, value: Block) -> None:
    objects.text(spot["label"], value["label"], "input.label")
    if "hint" in value:
        objects.text(spot["hint"], value["hint"], "input.hint")
    for key in ("dispatch_action", "optional"):
        if key in value:
            spot[key].boolean(value[key])
    element(spot["element"], value["element"], ELEMENTS_OF["input"])


def _table(spot: Spot, value: Block) -> None:
    place = spot["rows"]
    for number, row in enumerate(place.items(value["rows"], LIMITS["table.rows"])):
        for index, cell in enumerate(place[number].items(row, LIMITS["table.cells"])):
            _cell(place[number][index], cell)
    if "column_settings" in value:
        place = spot["column_settings"]
        settings = place.items(value["column_settings"], LIMITS["table.column_settings"], fewest=0)
        for index, setting in enumerate(settings):
            # A null entry leaves a column as it is.
            if setting is None:
                continue
            place[index].keys(setting, (), {"align", "is_wrapped"})
            if isinstance(setting, dict) and "align" in setting:
                place[index]["align"].one_of(setting["align"], {"left", "center", "right"})


def _cell(spot: Spot, cell: Any) -> None:
    match _kind_of(cell):
        case "raw_text":
            if spot.keys(cell, {"type", "text"}, ()):
                spot["text"].string(cell["text"], LIMITS["text"])
        case "raw_number":
            spot.keys(cell, {"type", "value"}, {"text"})
            if not isinstance(cell.get("value"), int | float):
                spot["value"].say("must provide a number")
        case "rich_text":
            if spot.keys(cell, {"type", "elements"}, {"block_id"}):
                rich_text(spot, cell)
        case kind:
            spot.say(f"unsupported type: {kind}")


def _markdown(spot: Spot, value: Block) -> None:
    spot["text"].string(value["text"], LIMITS["markdown.text"])


def _alert(spot: Spot, value: Block) -> None:
    objects.text(spot["text"], value["text"], "alert.text", mrkdwn=True)
    if "level" in value:
        spot["level"].one_of(value["level"], {"default", "info", "warning", "error", "success"})


def _task(spot: Spot, value: Block) -> None:
    for key in ("task_id", "title"):
        spot[key].string(value[key], LIMITS["text"])
    if "status" in value:
        spot["status"].one_of(value["status"], _TASK_STATUS)
    for key in ("details", "output"):
        if key in value and spot[key].keys(value[key], {"type", "elements"}, {"block_id"}):
            rich_text(spot[key], value[key])


def _plan(spot: Spot, value: Block) -> None:
    spot["title"].string(value["title"], LIMITS["text"])
    place = spot["tasks"]
    for index, task in enumerate(place.items(value.get("tasks", []), LIMITS["message.blocks"], fewest=0)):
        _block(place[index], task, frozenset({"task_card"}), "message")


def _card(spot: Spot, value: Block) -> None:
    if value.keys().isdisjoint({"hero_image", "title", "actions", "body"}):
        spot.say("must provide at least one of hero_image, title, actions, body")
    for key, limit in (("title", "card.title"), ("subtitle", "card.title"), ("body", "card.body")):
        if key in value:
            objects.text(spot[key], value[key], limit, mrkdwn=True)
    for key in ("hero_image", "icon"):
        if key in value:
            element(spot[key], value[key], frozenset({"image"}))
    if "actions" in value:
        place = spot["actions"]
        for index, one in enumerate(place.items(value["actions"], LIMITS["card.actions"])):
            element(place[index], one, ELEMENTS_OF["card"])


def _carousel(spot: Spot, value: Block) -> None:
    place = spot["elements"]
    for index, card in enumerate(place.items(value["elements"], LIMITS["carousel.elements"])):
        _block(place[index], card, frozenset({"card"}), "message")


def _container(spot: Spot, value: Block) -> None:
    if "title" not in value and "rich_text_title" not in value:
        spot.say("must provide title or rich_text_title")
    if "title" in value:
        objects.text(spot["title"], value["title"], "container.title")
    if "subtitle" in value:
        objects.text(spot["subtitle"], value["subtitle"], "container.title", mrkdwn=True)
    if "width" in value:
        spot["width"].one_of(value["width"], {"narrow", "standard", "wide", "full"})
    if value.get("is_collapsible") and value.get("has_header_divider"):
        spot.say("has_header_divider cannot be set when is_collapsible is true")
    inside = BLOCKS_OF["message"] - {"container"}
    place = spot["child_blocks"]
    for index, child in enumerate(place.items(value["child_blocks"], LIMITS["container.child_blocks"])):
        _block(place[index], child, inside, "message")


_SPECIAL: Final = {
    "section": _section,
    "header": _header,
    "image": _image,
    "actions": _actions,
    "context_actions": _actions,
    "context": _context,
    "input": _input,
    "rich_text": rich_text,
    "table": _table,
    "markdown": _markdown,
    "alert": _alert,
    "task_card": _task,
    "plan": _plan,
    "card": _card,
    "carousel": _carousel,
    "container": _container,
}


def characters(value: Any) -> int:
    """How much a person reads: the length of every `text` below here."""
    if isinstance(value, list):
        return sum(characters(one) for one in value)
    if not isinstance(value, dict):
        return 0
    return sum(len(v) if k == "text" and isinstance(v, str) else characters(v) for k, v in value.items())


def every_block(found: list[Block]) -> Iterator[Block]:
    """All blocks, those inside others included."""
    for block in found:
        yield block
        for key in ("child_blocks", "tasks"):
            yield from every_block([one for one in block.get(key) or [] if isinstance(one, dict)])
        if block.get("type") == "carousel":
            yield from every_block([one for one in block.get("elements") or [] if isinstance(one, dict)])


def elements_of(block: Block) -> list[Block]:
    """The elements of one block that may carry an action_id."""
    several = [*_list(block.get("elements")), *_list(block.get("actions"))]
    parts = [block.get("element"), block.get("accessory"), *several]
    return [part for part in parts if isinstance(part, dict)]


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _together(spot: Spot, found: list[Block]) -> None:
    """Unique names, one table, one focus, and the sum of the markdown."""
    seen: set[str] = set()
    everything = list(every_block(found))
    for block in everything:
        block_id = block.get("block_id")
        if isinstance(block_id, str) and block_id in seen:
            spot.say(f"block_id {block_id} must be unique")
        seen.add(str(block_id))
        actions = [str(one["action_id"]) for one in elements_of(block) if "action_id" in one]
        for twice in sorted({name for name in actions if actions.count(name) > 1}):
            spot.say(f"action_id {twice} must be unique in its block")
    if sum(block.get("type") == "table" for block in everything) > LIMITS["message.tables"]:
        spot.say("only one table block is allowed in a message")
    markdown = [block.get("text") for block in everything if block.get("type") == "markdown"]
    if len(markdown) > 1 and sum(len(str(text)) for text in markdown) > LIMITS["markdown.text"]:
        spot.say(f"all markdown blocks together must be less than {LIMITS['markdown.text'] + 1} characters")
    if sum(bool(one.get("focus_on_load")) for block in everything for one in elements_of(block)) > 1:
        spot.say("only one element can be focused on load")
