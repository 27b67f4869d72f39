"""A process that dies at any moment has lost nothing that it had reported."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from bot.adapters.storage.store import SqlStore
from tests.fakes.clock import FakeClock

REPOSITORY = Path(__file__).parents[5]

WRITER = """
import asyncio, sys
from bot.adapters.storage.store import SqlStore
from tests.fakes.clock import FakeClock
from tests.unit.bot.adapters.storage.samples import add_request, an_entry

def add(tx):
    request = add_request(tx)
    tx.audit(an_entry(request.id))
    return request.id

async def one(store):
    while True:
        print(await store.run(add), flush=True)

async def main():
    store = SqlStore(sys.argv[1], clock=FakeClock())
    await store.open()
    await asyncio.gather(*(one(store) for _ in range(8)))

asyncio.run(main())
"""


def write_until_killed(url: str, *, reports: int) -> set[int]:
    """Let a process add requests, kill it after some, and tell the numbers that it reported."""
    reported: set[int] = set()
    writer = subprocess.Popen(  # noqa: S603 -- our own script
        [sys.executable, "-c", WRITER, url], stdout=subprocess.PIPE, text=True, cwd=REPOSITORY
    )
    assert writer.stdout is not None
    while len(reported) < reports:
        reported.add(int(writer.stdout.readline()))
    os.kill(writer.pid, signal.SIGKILL)
    reported |= {int(line) for line in writer.stdout if line.endswith("\n")}
    writer.stdout.close()
    writer.wait()
    return reported


async def test_what_was_reported_before_a_kill_is_there_afterwards(url: str, clock: FakeClock) -> None:
    reported = write_until_killed(url, reports=20) | write_until_killed(url, reports=100)

    store = SqlStore(url, clock=clock)
    await store.open()
    stored = await store.run(lambda tx: tx.pending_requests(at_most=100_000))
    histories = await store.run(lambda tx: [tx.history(request.id) for request in stored])
    await store.close()

    assert reported <= {request.id for request in stored}
    assert [request.id for request in stored] == list(range(1, len(stored) + 1))
    assert all(len(history) == 1 for history in histories)
