"""The diagnosis for people at a terminal and for scripts: an aligned table, or JSON."""

import json
import textwrap
from typing import Final

from bot.domain.diagnosis import Area, Diagnosis, Health, Line

SCHEMA: Final = 1
"""Of the JSON; rises when a key changes its meaning or goes. New keys may come without."""

TITLES: Final[dict[Area, str]] = {
    Area.CONFIGURATION: "Configuration",
    Area.SLACK: "Slack",
    Area.AWS: "AWS",
    Area.PERMISSION_SETS: "Permission sets",
    Area.MEMBER_ACCOUNTS: "Member accounts",
    Area.DATABASE: "Database",
}
_MARKS: Final[dict[Health, tuple[str, str, str]]] = {
    # The mark, the one for terminals that cannot show it, and the colour.
    Health.OK: ("✔", "+", "32"),
    Health.WARNING: ("▲", "!", "33"),
    Health.FAILURE: ("✖", "x", "31"),
}
_WORD: Final = max(len(health.value) for health in Health)
_WIDEST_NAME: Final = 46


def table(found: Diagnosis, *, width: int = 110, colours: bool = False, ascii_only: bool = False) -> str:
    """One line per finding, its remedy below; mark and word always come together."""
    column = min(max((len(_name(line)) for line in found.lines), default=0), _WIDEST_NAME)
    written = []
    for area in Area:
        lines = [line for line in found.lines if line.area is area]
        if lines:
            written.append(f"\n{_painted(TITLES[area], '1', colours)}")
        for line in lines:
            written += _rows(line, column, width, colours=colours, ascii_only=ascii_only)
    text = "\n".join(["Workbench Access doctor", *written, "", summary(found)])
    return text.encode("ascii", "replace").decode() if ascii_only else text


def summary(found: Diagnosis) -> str:
    """ "31 ok, 1 warning, 2 failures." """
    counts = found.counts()
    warnings, failures = counts[Health.WARNING], counts[Health.FAILURE]
    return (
        f"{counts[Health.OK]} ok, {warnings} {'warning' if warnings == 1 else 'warnings'}, "
        f"{failures} {'failure' if failures == 1 else 'failures'}."
    )


def as_json(found: Diagnosis, *, version: str) -> str:
    """The stable form; docs/operations.md describes it."""
    document = {
        "schema": SCHEMA,
        "version": version,
        "examined_at": found.examined_at.isoformat(timespec="seconds"),
        "healthy": found.is_healthy,
        "counts": {health.value: number for health, number in found.counts().items()},
        "checks": [
            {
                "area": line.area.value,
                "check": line.check,
                "subject": line.subject or None,
                "status": line.health.value,
                "known": line.known,
                "found": line.found,
                "remedy": line.remedy or None,
            }
            for line in found.lines
        ],
    }
    return json.dumps(document, indent=2, ensure_ascii=False)


def _name(line: Line) -> str:
    check = line.check.replace("_", " ")
    return _visible(f"{check} {line.subject}" if line.subject else check)


def _rows(line: Line, column: int, width: int, *, colours: bool, ascii_only: bool) -> list[str]:
    mark, plain_mark, colour = _MARKS[line.health]
    state = f"{plain_mark if ascii_only else mark} {line.health.value:<{_WORD}}"
    name = _name(line)
    indent = " " * (2 + len(state) + 2)
    first = f"  {_painted(state, colour, colours)}  {name:<{column}}  "
    # A name that is too long for its column has a line of its own, and what was found stands below it.
    beside = indent + " " * (column + 2)
    texts = _folded(_visible(line.found), width - len(beside))
    rows = [first + texts[0]] if len(name) <= column else [first.rstrip(), beside + texts[0]]
    rows += [beside + text for text in texts[1:]]
    if line.remedy:
        # Not folded: what is to be copied stands on one line.
        rows.append(f"{beside}{'>' if ascii_only else '→'} {_visible(line.remedy)}")
    return rows


def _folded(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, max(width, 30), break_long_words=False, break_on_hyphens=False) or [""]


def _painted(text: str, colour: str, colours: bool) -> str:
    return f"\033[{colour}m{text}\033[0m" if colours else text


def _visible(text: str) -> str:
    """On one line, and without anything that could repaint a terminal: names come from outside."""
    return "".join(char if char.isprintable() else "?" for char in " ".join(text.split()))
