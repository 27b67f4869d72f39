"""Composition objects: text, options, confirmation dialogs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from bot.sandbox.slack.checker.limits import LIMITS, STYLES

if TYPE_CHECKING:
    from bot.sandbox.slack.checker.report import Spot

_URL: Final = re.compile(r"(https?|mailto|slack|tel):\S+", re.IGNORECASE)


def text(spot: Spot, value: Any, limit: str, *, mrkdwn: bool = False) -> None:
    """A text object of at most LIMITS[limit] characters; plain text unless `mrkdwn` is allowed too."""
    if not isinstance(value, dict):
        spot.say("must provide an object")
        return
    kind = value.get("type")
    allowed = {"plain_text", "mrkdwn"} if mrkdwn else {"plain_text"}
    if kind not in allowed:
        spot["type"].say(f"must be one of {sorted(allowed)}")
        return
    extra = "verbatim" if kind == "mrkdwn" else "emoji"
    if spot.keys(value, {"type", "text"}, {extra}):
        spot["text"].string(value["text"], LIMITS[limit])
    if extra in value:
        spot[extra].boolean(value[extra])


def url(spot: Spot, value: Any) -> None:
    if spot.string(value, LIMITS["url"]) and not _URL.fullmatch(value):
        spot.say("must be a valid URL")


def option(spot: Spot, value: Any, *, mrkdwn: bool = False, with_url: bool = False) -> None:
    optional = {"description", "url"} if with_url else {"description"}
    if not spot.keys(value, {"text", "value"}, optional):
        return
    text(spot["text"], value["text"], "option.text", mrkdwn=mrkdwn)
    spot["value"].string(value["value"], LIMITS["option.value"])
    if "description" in value:
        text(spot["description"], value["description"], "option.description", mrkdwn=mrkdwn)
    if "url" in value and with_url:
        url(spot["url"], value["url"])


def options(spot: Spot, value: Any, most: int, *, mrkdwn: bool = False, with_url: bool = False) -> list[Any]:
    found = spot.items(value, most)
    for index, one in enumerate(found):
        option(spot[index], one, mrkdwn=mrkdwn, with_url=with_url)
    return found


def option_lists(spot: Spot, element: dict[str, Any], *, may_be_empty: bool = False) -> list[Any]:
    """`options` or `option_groups`, never both; all options, groups flattened."""
    if ("options" in element) == ("option_groups" in element):
        spot.say("must provide either options or option_groups")
        return []
    if "options" in element:
        if may_be_empty and element["options"] == []:
            return []
        return options(spot["options"], element["options"], LIMITS["options"])
    flat: list[Any] = []
    place = spot["option_groups"]
    fewest = 0 if may_be_empty else 1
    for index, group in enumerate(
        place.items(element["option_groups"], LIMITS["option_groups"], fewest=fewest)
    ):
        if place[index].keys(group, {"label", "options"}, ()):
            text(place[index]["label"], group["label"], "option_group.label")
            flat += options(place[index]["options"], group["options"], LIMITS["options"])
    return flat


def same_option(one: Any, other: Any) -> bool:
    """Slack compares options whole, with the defaults of text objects filled in."""
    return bool(_filled(one) == _filled(other))


def _filled(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    filled = {key: _filled(inner) for key, inner in value.items()}
    if filled.get("type") == "plain_text":
        filled.setdefault("emoji", True)
    if filled.get("type") == "mrkdwn":
        filled.setdefault("verbatim", False)
    return filled


def confirm(spot: Spot, value: Any) -> None:
    """A confirmation dialog needs all four of its texts."""
    if not isinstance(value, dict):
        spot.say("must provide an object")
        return
    spot.keys(value, {"title", "text", "confirm", "deny"}, {"style"})
    for key in ("title", "text", "confirm", "deny"):
        if key in value:
            text(spot[key], value[key], f"confirm.{key}", mrkdwn=key == "text")
    if "style" in value:
        spot["style"].one_of(value["style"], STYLES)


def image(spot: Spot, value: Any, *, block: bool = False) -> None:
    """The keys that image blocks and image elements share."""
    if ("image_url" in value) == ("slack_file" in value):
        spot.say("must provide either image_url or slack_file")
    if "image_url" in value:
        url(spot["image_url"], value["image_url"])
    if "slack_file" in value and not (
        isinstance(value["slack_file"], dict) and len(value["slack_file"].keys() & {"id", "url"}) == 1
    ):
        spot["slack_file"].say("must provide either id or url")
    if "alt_text" in value:
        spot["alt_text"].string(value["alt_text"], LIMITS["image.alt_text"])
    if block and "title" in value:
        text(spot["title"], value["title"], "image.title")
