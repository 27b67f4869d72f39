"""What was measured, against what was promised: one table."""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

Measure = Callable[[], Awaitable[Sequence["Result"]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One line of the table; without a bar it is there to explain the others."""

    what: str
    measured: str
    bar: str = ""
    ok: bool | None = None

    @property
    def verdict(self) -> str:
        return "" if self.ok is None else "ok" if self.ok else "MISSED"


def draw(results: Sequence[Result]) -> str:
    """The table as text, in columns."""
    rows = [("what", "measured", "bar", ""), *((r.what, r.measured, r.bar, r.verdict) for r in results)]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    lines = [
        "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[3]]).rstrip()
        for row in rows
    ]
    return "\n".join([lines[0], "-" * max(map(len, lines)), *lines[1:]])


def report(measure: Measure) -> None:
    """Run one benchmark, print its table, and exit with 1 if a bar was missed."""
    results = asyncio.run(_run(measure))
    print(draw(results))
    sys.exit(any(result.ok is False for result in results))


async def _run(measure: Measure) -> Sequence[Result]:
    return await measure()
