"""A start waits a while for a database that is away: a restart in the middle of its failover is no crash."""

import asyncio
from datetime import timedelta

from bot.domain.errors import Misconfigured, Unavailable
from bot.log import get_logger
from bot.ports.store import OpenableStore

log = get_logger(__name__)

STORE_PATIENCE = timedelta(seconds=60)
FIRST_PAUSE = 0.25
LONGEST_PAUSE = 5.0
"""Seconds between two tries, doubled each time."""

NO_ANSWER = (
    "DATABASE_URL: the database does not answer. Check that it runs and can be reached from here, and the address. "
    "Example: postgresql://user:password@host:5432/workbench"
)


async def open_store(store: OpenableStore, *, within: timedelta = STORE_PATIENCE) -> None:
    """Open it for serving, as soon as it can be. Raises `Misconfigured`, in the end also for one that is away."""
    pause = FIRST_PAUSE
    try:
        async with asyncio.timeout(within.total_seconds()):
            while True:
                try:
                    await store.open(serving=True)
                except Unavailable:
                    log.warning("store_unavailable")
                    await asyncio.sleep(pause)
                    pause = min(pause * 2, LONGEST_PAUSE)
                else:
                    return
    except TimeoutError as late:
        raise Misconfigured([NO_ANSWER]) from late
