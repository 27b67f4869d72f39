"""Blocks on a plain terminal, for the story and for tests that failed; and whom a message really mentions."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from bot.sandbox.slack import mrkdwn
from bot.sandbox.slack.inputs import STATEFUL, static_options
from bot.sandbox.slack.records import Content, Ephemeral, Message, View
from bot.sandbox.slack.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bot.sandbox.slack.records import Blocks, Json, Values

Drawable = Message | Ephemeral | View | Content | dict[str, Any]
_RULE: Final = "─" * 40
_SHOWN_OPTIONS: Final = 12


def as_text(what: Drawable, *, tz: str = "UTC", names: Mapping[str, str] | Workspace | None = None) -> str:
    """A message or view as lines of text, times in the zone `tz`, ids as names where `names` knows them."""
    drawing = _Drawing(tz=tz, names=names_of(names))
    if isinstance(what, View):
        drawing.values, drawing.errors = what.values, what.errors
        return "\n".join(drawing.view(what.body))
    if isinstance(what, dict):
        if what.get("type") in {"modal", "home"}:
            return "\n".join(drawing.view(what))
        return "\n".join(drawing.message(what.get("text") or "", what.get("blocks") or []))
    lines = drawing.message(what.text, what.blocks)
    if isinstance(what, Message):
        lines += [f"[file: {file['name']}]" for file in what.files]
    return "\n".join(lines)


def names_of(names: Mapping[str, str] | Workspace | None) -> Mapping[str, str]:
    """Names of people, groups and channels by id."""
    if names is None:
        return {}
    if not isinstance(names, Workspace):
        return names
    groups = {group.id: group.handle for group in names.usergroups.values()}
    channels = {channel.id: channel.name for channel in names.channels.values()}
    return {user.id: user.name for user in names.users.values()} | groups | channels


def mentions(what: Drawable) -> set[str]:
    """Whom this would really notify, as `<@U…>`, `<!subteam^S…>`, `<!channel>`: text and all blocks."""
    if isinstance(what, View):
        return _mentions(what.blocks)
    if isinstance(what, dict):
        names = what.get("parse") == "full" or bool(what.get("link_names"))
        return mrkdwn.mentions_in(what.get("text") or "", parses_names=names) | _mentions(what.get("blocks"))
    content = what if isinstance(what, Content) else what.versions[-1]
    found = mrkdwn.mentions_in(content.text, parses_names=content.parses_names)
    return found | _mentions(content.blocks) | _mentions(content.attachments)


def _mentions(value: Any) -> set[str]:
    if isinstance(value, list):
        return {one for part in value for one in _mentions(part)}
    if not isinstance(value, dict):
        return set()
    match value.get("type"):
        case "mrkdwn":
            # Without `verbatim` Slack parses "certain mentions" by itself: counted, to be safe.
            return mrkdwn.mentions_in(str(value.get("text", "")), parses_names=not value.get("verbatim"))
        case "markdown":
            return mrkdwn.mentions_in(str(value.get("text", "")), parses_names=True)
        case "user" if "user_id" in value:
            return {f"<@{value['user_id']}>"}
        case "usergroup":
            return {f"<!subteam^{value['usergroup_id']}>"}
        case "broadcast":
            return {f"<!{value['range']}>"}
    return {one for part in value.values() for one in _mentions(part)}


@dataclass(slots=True, kw_only=True)
class _Drawing:
    tz: str
    names: Mapping[str, str]
    values: Values = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)

    def message(self, text: str, blocks: Blocks) -> list[str]:
        return self.blocks(blocks) if blocks else self._mrkdwn(text).split("\n")

    def view(self, body: Json) -> list[str]:
        buttons = [f"[ {self.text(body[key])} ]" for key in ("submit", "close") if body.get(key)]
        title = [f"═══ {self.text(body['title'])} ═══"] if body.get("title") else []
        return [*title, *self.blocks(body["blocks"]), *([" ".join(buttons)] if buttons else [])]

    def blocks(self, blocks: Blocks) -> list[str]:
        return [line for block in blocks for line in self._block(block)]

    def _block(self, block: Json) -> list[str]:
        match block["type"]:
            case "header":
                words = self.text(block["text"])
                return [words, "═" * len(words)]
            case "divider":
                return [_RULE]
            case "section":
                return self._section(block)
            case "context":
                return ["  · " + "  ".join(self._part(one) for one in block["elements"])]
            case "actions" | "context_actions":
                return [" ".join(self._element(block, one) for one in block["elements"])]
            case "input":
                return self._input(block)
            case "rich_text":
                return self._rich_text(block["elements"])
            case "table":
                return self._table(block["rows"])
            case _:
                return self._rare_block(block)

    def _rare_block(self, block: Json) -> list[str]:
        match block["type"]:
            case "image":
                return [f"[image: {block['alt_text']}]"]
            case "alert":
                return [f"({block.get('level', 'default')}) {self.text(block['text'])}"]
            case "markdown":
                return str(block["text"]).split("\n")
            case "container":
                title = block.get("title") or {"text": ""}
                return [
                    f"▾ {self.text(title)}",
                    *("  " + line for line in self.blocks(block["child_blocks"])),
                ]
            case kind:
                return [f"[{kind}]"]

    def _section(self, block: Json) -> list[str]:
        lines = self.text(block["text"]).split("\n") if "text" in block else []
        lines += [f"  {line}" for one in block.get("fields", []) for line in self.text(one).split("\n")]
        if "accessory" in block:
            lines.append("  " + self._element(block, block["accessory"]))
        return lines

    def _input(self, block: Json) -> list[str]:
        star = "" if block.get("optional") else " *"
        lines = [f"{self.text(block['label'])}{star}", "  " + self._element(block, block["element"])]
        if "hint" in block:
            lines.append(f"  ({self.text(block['hint'])})")
        error = self.errors.get(block.get("block_id", ""))
        return [*lines, f"  ! {error}"] if error else lines

    def _part(self, one: Json) -> str:
        return f"[image: {one['alt_text']}]" if one["type"] == "image" else self.text(one)

    def _element(self, block: Json, element: Json) -> str:
        kind = element["type"]
        if kind == "image":
            return f"[image: {element['alt_text']}]"
        if kind == "overflow":
            return f"[ ⋯ {' / '.join(self.text(option['text']) for option in element['options'])} ]"
        if kind not in STATEFUL:
            return f"[ {self.text(element['text'])} ]" if "text" in element else f"[{kind}]"
        held = self._held(block, element)
        if kind in {"radio_buttons", "checkboxes"}:
            on, off = ("(•)", "( )") if kind == "radio_buttons" else ("[x]", "[ ]")
            return "  ".join(
                f"{on if self.text(option['text']) in held else off} {self.text(option['text'])}"
                for option in element["options"]
            )
        shown = ", ".join(held) or self.text(element.get("placeholder") or {"text": ""})
        if kind.endswith("_select"):
            options = [self.text(option["text"]) for option in static_options(element)]
            more = f" … {len(options)} in all" if len(options) > _SHOWN_OPTIONS else ""
            offered = f"  {{{' | '.join(options[:_SHOWN_OPTIONS])}{more}}}" if options else ""
            return f"‹{shown}› ▾{offered}"
        return f"‹{shown}›"

    def _held(self, block: Json, element: Json) -> list[str]:
        """What is chosen or typed now, in words."""
        key, initial, empty = STATEFUL[element["type"]]
        state = self.values.get(block.get("block_id", ""), {}).get(element.get("action_id", ""))
        value = state[key] if state is not None else element.get(initial, empty)
        several = value if isinstance(value, list) else [value] if value not in (None, "") else []
        return [
            self.text(one["text"]) if isinstance(one, dict) and "text" in one else str(one) for one in several
        ]

    def text(self, value: Json) -> str:
        """A text object in words; plain text is shown as it stands."""
        words = str(value["text"])
        return self._mrkdwn(words) if value.get("type") == "mrkdwn" else words

    def _mrkdwn(self, words: str) -> str:
        return mrkdwn.resolved(words, names=self.names, tz=self.tz)

    def _rich_text(self, parts: list[Json]) -> list[str]:
        lines: list[str] = []
        for part in parts:
            match part["type"]:
                case "rich_text_quote":
                    lines += [f"> {line}" for line in self._inline(part).split("\n")]
                case "rich_text_preformatted":
                    lines += [f"    {line}" for line in self._inline(part).split("\n")]
                case "rich_text_list":
                    ordered = part["style"] == "ordered"
                    indent = "  " * (part.get("indent") or 0)
                    for number, one in enumerate(part["elements"], start=1 + (part.get("offset") or 0)):
                        lines.append(f"{indent}{f'{number}.' if ordered else '•'} {self._inline(one)}")
                case _:
                    lines += self._inline(part).split("\n")
        return lines

    def _inline(self, part: Json) -> str:
        return "".join(self._word(one) for one in part["elements"])

    def _word(self, one: Json) -> str:
        match one["type"]:
            case "text":
                return str(one["text"])
            case "link":
                return f"{one['text']} ({one['url']})" if one.get("text") else str(one["url"])
            case "user" | "usergroup":
                name = str(one.get("user_id") or one.get("usergroup_id"))
                return "@" + self.names.get(name, name)
            case "channel":
                return "#" + self.names.get(one["channel_id"], one["channel_id"])
            case "broadcast":
                return f"@{one['range']}"
            case "emoji":
                return f":{one['name']}:"
            case "date":
                try:
                    return mrkdwn.date_shown(one["timestamp"], one["format"], self.tz)
                except (KeyError, ValueError):
                    return str(one.get("fallback", ""))
            case _:
                return str(one.get("value", ""))

    def _table(self, rows: list[list[Json]]) -> list[str]:
        cells = [[self._cell(cell) for cell in row] for row in rows]
        columns = max((len(row) for row in cells), default=0)
        widths = [max((len(row[i]) for row in cells if i < len(row)), default=0) for i in range(columns)]
        return ["  ".join(cell.ljust(widths[i]) for i, cell in enumerate(row)).rstrip() for row in cells]

    def _cell(self, cell: Json) -> str:
        if cell["type"] == "rich_text":
            return " ".join(self._rich_text(cell["elements"]))
        return str(cell.get("text", cell.get("value", "")))
