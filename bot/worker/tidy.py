"""Once a day what nobody needs any more is deleted: never audit rows, requests, grants or messages."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.log import get_logger
from bot.ports.clock import Clock
from bot.ports.store import Store, WorkKind

log = get_logger(__name__)

CLICKS_FOR = timedelta(days=30)
"""A handled click is of use while somebody asks what became of it; the audit keeps what it did."""

SNAPSHOTS_FOR = timedelta(days=90)
SNAPSHOTS_KEPT = 20
"""Of each set, however old: policies before and after a write are evidence, never written back."""

AT_MOST = 500
"""Rows of each kind in one transaction: clicks and forms get their turn in between."""

EVERY = timedelta(days=1)
MORE_AFTER = timedelta(seconds=5)
KEY = "daily"


async def begin(store: Store) -> None:
    """Make sure that the work is there; where it is, its time stands. Raises `Unavailable`."""
    await store.run(lambda tx: tx.poke(WorkKind.TIDY, KEY, due_at=tx.now + EVERY))


@dataclass(frozen=True, slots=True, kw_only=True)
class Tidy:
    """Deletes a bounded number of rows and says when to go on."""

    store: Store
    clock: Clock

    async def __call__(self) -> datetime:
        """One try. Raises `Unavailable`."""
        gone = await self.store.run(
            lambda tx: tx.forget(
                clicks_before=tx.now - CLICKS_FOR,
                snapshots_before=tx.now - SNAPSHOTS_FOR,
                snapshots_kept=SNAPSHOTS_KEPT,
                at_most=AT_MOST,
            )
        )
        if gone:
            log.info("tidied", rows=gone)
        return self.clock.now() + (MORE_AFTER if gone >= AT_MOST else EVERY)
