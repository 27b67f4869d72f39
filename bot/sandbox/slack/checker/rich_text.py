"""rich_text: sections, lists, quotes and preformatted text, and what may stand inside them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from bot.sandbox.slack.checker import objects

if TYPE_CHECKING:
    from bot.sandbox.slack.checker.report import Spot

_NO_LIMIT: Final = 40_000
_STYLES: Final = frozenset(
    {"bold", "italic", "strike", "code", "underline", "highlight", "client_highlight", "unlink"}
)
# element type → (required keys, optional keys)
_INLINE: Final[dict[str, tuple[frozenset[str], frozenset[str]]]] = {
    "text": (frozenset({"text"}), frozenset({"style"})),
    "link": (frozenset({"url"}), frozenset({"text", "unsafe", "style"})),
    "emoji": (frozenset({"name"}), frozenset({"unicode", "skin_tone", "style"})),
    "user": (frozenset({"user_id"}), frozenset({"style"})),
    "usergroup": (frozenset({"usergroup_id"}), frozenset({"style"})),
    "channel": (frozenset({"channel_id"}), frozenset({"style"})),
    "broadcast": (frozenset({"range"}), frozenset({"style"})),
    "date": (frozenset({"timestamp", "format"}), frozenset({"url", "fallback", "style"})),
    "color": (frozenset({"value"}), frozenset()),
}
_OUTER: Final[dict[str, frozenset[str]]] = {
    "rich_text_section": frozenset(),
    "rich_text_list": frozenset({"indent", "offset", "border"}),
    "rich_text_preformatted": frozenset({"border", "language"}),
    "rich_text_quote": frozenset({"border"}),
}


def rich_text(spot: Spot, value: dict[str, Any]) -> None:
    """The `elements` of a rich_text block or table cell."""
    for index, part in enumerate(spot["elements"].items(value.get("elements"), _NO_LIMIT)):
        _outer(spot["elements"][index], part)


def _outer(spot: Spot, part: Any) -> None:
    kind = part.get("type") if isinstance(part, dict) else None
    if kind not in _OUTER:
        spot.say(f"unsupported type: {kind}")
        return
    required = {"type", "elements"} | ({"style"} if kind == "rich_text_list" else set())
    if not spot.keys(part, required, _OUTER[kind]):
        return
    for key, most in (("indent", 8), ("offset", 10_000), ("border", 1)):
        if key in part:
            spot[key].integer(part[key], 0, most)
    if kind == "rich_text_list":
        spot["style"].one_of(part["style"], {"bullet", "ordered"})
    # A section may be empty (an empty table cell, an empty line); a quote or a list may not.
    fewest = 0 if kind == "rich_text_section" else 1
    place = spot["elements"]
    for index, inner in enumerate(place.items(part["elements"], _NO_LIMIT, fewest=fewest)):
        if kind == "rich_text_list":
            if not isinstance(inner, dict) or inner.get("type") != "rich_text_section":
                place[index].say("a list holds rich_text_section only")
            else:
                _outer(place[index], inner)
        else:
            allowed = {"text", "link"} if kind == "rich_text_preformatted" else _INLINE.keys()
            _inline(place[index], inner, allowed)


def _inline(spot: Spot, part: Any, allowed: Any) -> None:
    kind = part.get("type") if isinstance(part, dict) else None
    if kind not in allowed:
        spot.say(f"unsupported type: {kind}")
        return
    required, optional = _INLINE[str(kind)]
    if not spot.keys(part, required | {"type"}, optional):
        return
    for key in ("text", "name", "user_id", "usergroup_id", "channel_id", "format", "value", "fallback"):
        if key in part:
            spot[key].string(part[key], _NO_LIMIT)
    if "url" in part:
        objects.url(spot["url"], part["url"])
    if kind == "broadcast":
        spot["range"].one_of(part["range"], {"here", "channel", "everyone"})
    if kind == "date":
        spot["timestamp"].integer(part["timestamp"], 0, 99_999_999_999)
    if "style" in part and spot["style"].keys(part["style"], (), _STYLES):
        for name, on in part["style"].items():
            spot["style"][name].boolean(on)
