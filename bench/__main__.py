"""All measurements, or those that are named: `python -m bench [ack start …]`. Ends with 1 if a bar was missed."""

import asyncio
import os
import sys
import traceback
from collections.abc import Sequence

from bench import ack, ack_under_load, grant_calls, latency, many_approvals, page, scale, start, verify
from bench.table import Measure, Result, draw

ALL: dict[str, Measure] = {
    "ack": ack.measure,
    "grant_calls": grant_calls.measure,
    "start": start.measure,
    "latency": latency.measure,
    "many_approvals": many_approvals.measure,
    "ack_under_load": ack_under_load.measure,
    "scale": scale.measure,
    "verify": verify.measure,
    "page": page.measure,
}


def main(names: Sequence[str]) -> int:
    """Run them one after the other; one that breaks is a line in the table, not the end of the others."""
    unknown = [name for name in names if name not in ALL]
    if unknown:
        print(f"There is no {', '.join(unknown)}; there are {', '.join(ALL)}.", file=sys.stderr)
        return 2
    results: list[Result] = []
    for name in names or ALL:
        print(f"{name} …", file=sys.stderr, flush=True)
        results += _results(name)
    print(draw(results))
    print(f"{os.cpu_count()} cores; {os.getloadavg()[1]:.1f} processes wanted them in the last five minutes.")
    return int(any(result.ok is False for result in results))


def _results(name: str) -> Sequence[Result]:
    async def run() -> Sequence[Result]:
        return await ALL[name]()

    try:
        return asyncio.run(run())
    except Exception as error:  # noqa: BLE001 -- the other measurements are still wanted
        traceback.print_exc()
        return [Result(what=name, measured=f"broke: {type(error).__name__}", ok=False)]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
