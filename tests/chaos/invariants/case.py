"""The evidence, and small things that several invariants read from it."""

from collections.abc import Iterator
from dataclasses import dataclass

from bot.domain.messages import AuditEntry
from tests.chaos.database import Record
from tests.chaos.people import Crowd
from tests.chaos.world import World


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """All the evidence: both doubles, what people remember, and what the database holds."""

    world: World
    crowd: Crowd
    record: Record


def grant_number(entry: AuditEntry) -> int | None:
    _, _, number = entry.subject.partition("/")
    return int(number) if number else None


def label_of(text: str) -> str:
    start = text.find("WA-")
    end = start + 3
    while start >= 0 and end < len(text) and text[end].isdigit():
        end += 1
    return text[start:end] if start >= 0 and end > start + 3 else ""


def words(node: object) -> Iterator[str]:
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "text" and isinstance(value, str):
                yield value
            else:
                yield from words(value)
    elif isinstance(node, list):
        for item in node:
            yield from words(item)
