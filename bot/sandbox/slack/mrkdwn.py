"""Slack's mrkdwn: the control sequences in `<…>`, found before entities are decoded."""

from __future__ import annotations

import datetime as dt
import re
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from collections.abc import Mapping

# Decoding `&lt;` first would turn a person's harmless text into a mention.
SEQUENCE: Final = re.compile(r"<([@#!]?)([^<>\n]+)>")
BARE: Final = re.compile(r"(?<![\w<!@])@(here|channel|everyone)\b")
_BROADCASTS: Final = frozenset({"here", "channel", "everyone"})
_URL: Final = re.compile(r"(https?|mailto|tel|slack):", re.IGNORECASE)
_TOKEN: Final = re.compile(r"\{(\w+)\}")


def decoded(text: str) -> str:
    """The three entities that Slack knows."""
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def mentions_in(text: str, *, parses_names: bool) -> set[str]:
    """The mentions that a mrkdwn text triggers, as control sequences without labels."""
    found: set[str] = set()
    for mark, body in SEQUENCE.findall(text):
        name = body.partition("|")[0]
        if mark == "@":
            found.add(f"<@{name}>")
        elif mark == "!" and (name in _BROADCASTS or name.startswith("subteam^")):
            found.add(f"<!{name}>")
    if parses_names:
        found |= {f"<!{name}>" for name in BARE.findall(text)}
    return found


def resolved(text: str, *, names: Mapping[str, str], tz: str) -> str:
    """The text as a person reads it."""
    shown: list[str] = []
    end = 0
    for match in SEQUENCE.finditer(text):
        shown += [decoded(text[end : match.start()]), _shown(match, names, tz)]
        end = match.end()
    return "".join([*shown, decoded(text[end:])])


def _shown(match: re.Match[str], names: Mapping[str, str], tz: str) -> str:
    mark, body = match.groups()
    name, _, label = body.partition("|")
    label = decoded(label)
    if mark in {"@", "#"}:
        return mark + (names.get(name) or label or name)
    if mark == "!":
        if name.startswith("date^"):
            return _date(name, label, tz)
        if name.startswith("subteam^"):
            group = name.removeprefix("subteam^")
            return "@" + (names.get(group) or label.removeprefix("@") or group)
        return f"@{name}" if name in _BROADCASTS else label or f"<{mark}{body}>"
    if not _URL.match(name):
        return decoded(match.group())
    return f"{label} ({decoded(name)})" if label and label != name else decoded(name)


def _date(name: str, fallback: str, tz: str) -> str:
    _, stamp, form = [*name.split("^"), "", ""][:3]
    try:
        return date_shown(int(stamp), form, tz)
    except (ValueError, KeyError, OverflowError, OSError):
        return fallback


def date_shown(stamp: int, form: str, tz: str) -> str:
    """A date as a reader in this zone sees it; raises KeyError for an unknown token."""
    at = dt.datetime.fromtimestamp(stamp, ZoneInfo(tz))
    short = f"{at:%b} {at.day}, {at.year}"
    long = f"{at:%B} {at.day}{_ordinal(at.day)}, {at.year}"
    hour = at.hour % 12 or 12
    tokens = {
        "date_num": f"{at:%Y-%m-%d}",
        "date_slash": f"{at:%m/%d/%Y}",
        "date": long,
        "date_short": short,
        "date_long": f"{at:%A}, {long}",
        "date_pretty": long,
        "date_short_pretty": short,
        "date_long_pretty": f"{at:%A}, {long}",
        "time": f"{hour}:{at:%M} {at:%p}",
        "time_secs": f"{hour}:{at:%M:%S} {at:%p}",
    }
    return _TOKEN.sub(lambda match: tokens[match.group(1)], form)


def _ordinal(day: int) -> str:
    if 10 < day < 14:
        return "th"
    return {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")
