"""Claims due work, runs it under a lease, and puts it back: the only loop that acts without a person.

Rules and measurements behind it: docs/decisions/001-engine.md.
"""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from secrets import token_hex
from time import monotonic

from bot.domain.errors import AccessError, Conflict, CorruptRow, Unavailable
from bot.log import get_logger
from bot.ports.clock import Clock
from bot.ports.store import Store, Work, WorkKind
from bot.worker.lease import Lease, under

log = get_logger(__name__)

LEASE = timedelta(seconds=10)
AT_ONCE = 32
"""Pieces of work under way at a time, of all kinds that do not come in crowds; AWS and Slack have budgets."""

CROWDS = {WorkKind.CLICK: 16, WorkKind.PREPARE: 4, WorkKind.VERIFY: 6, WorkKind.MESSAGE: 10}
"""Kinds that come in crowds: so many of each at a time, beside the others. A click never queues up behind the
thousand forms, or verifications of somebody else's approvals, nor behind rounds that AWS keeps waiting."""

OTHERS = frozenset(WorkKind) - frozenset(CROWDS)

LONGEST_WAIT = timedelta(seconds=1)
"""The loop looks at the database at least this often: other replicas poke it too."""

LOST_CLAIM_PAUSE = 0.05
"""Seconds, when another replica was faster."""

LONGEST_BACK_OFF = timedelta(minutes=5)

Handler = Callable[[Work], Awaitable[datetime | None]]
"""Does one piece of work; returns when to look again, None when it is done."""


@dataclass(slots=True, kw_only=True)
class Engine:
    """Owns every background task of the worker; `run` returns once all of them have stopped."""

    store: Store
    clock: Clock
    handlers: Mapping[WorkKind, Handler]
    wake: asyncio.Event
    on_bug: Callable[[Work, str], Awaitable[None]]
    """Tells whoever waits for the work an incident id."""
    _running: dict[asyncio.Task[None], WorkKind] = field(default_factory=dict)
    _stopping: bool = False

    def stop(self) -> None:
        """Claim nothing more; what runs is finished or, past its time, handed over by its lease."""
        self._stopping = True
        self.wake.set()

    async def run(self) -> None:
        """Work until stopped. A database that does not answer is waited for, with growing pauses."""
        pause = 0.2
        while not self._stopping:
            self.wake.clear()
            try:
                wait = await self._take_due()
                pause = 0.2
            except Unavailable:
                log.warning("store_unavailable")
                wait = pause = min(pause * 2, 5.0)
            except Exception as error:  # noqa: BLE001 -- while the process lives, clicks are taken: somebody has to see to them
                log.bug("work_not_taken", error)
                wait = pause = min(pause * 2, 5.0)
            if wait > 0:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self.wake.wait(), timeout=wait)
        if self._running:
            await asyncio.wait(self._running)

    async def drain(self, seconds: float) -> None:
        """After `stop`: give what runs so many seconds, then cancel it; its leases bring it back elsewhere."""
        if self._running:
            _, late = await asyncio.wait(self._running, timeout=seconds)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late)

    def _room(self) -> dict[frozenset[WorkKind], int]:
        """How many more of which kinds may be taken."""
        running = Counter(self._running.values())
        room = {frozenset({kind}): most - running[kind] for kind, most in CROWDS.items()}
        room[OTHERS] = AT_ONCE - sum(running[kind] for kind in OTHERS)
        return {kinds: free for kinds, free in room.items() if free > 0}

    async def _take_due(self) -> float:
        """Take what is due, as far as there is room; seconds until it makes sense to look again."""
        due, now = await self.store.due(), self.clock.now()
        taken, soonest = 0, LONGEST_WAIT.total_seconds()
        is_due = False
        for kinds, free in self._room().items():
            first = min((due[kind] for kind in kinds if kind in due), default=None)
            if first is None:
                continue
            if first > now:
                soonest = min(soonest, (first - now).total_seconds())
                continue
            is_due = True
            taken += await self._claim(kinds, free)
        if not is_due:
            return soonest
        return 0.0 if taken else LOST_CLAIM_PAUSE

    async def _claim(self, kinds: frozenset[WorkKind], free: int) -> int:
        """Take so much of what is due of these kinds; how much that was."""
        begun = monotonic()
        claimed = await self.store.claim(at_most=free, lease_for=LEASE, kinds=kinds)
        for work in claimed:
            if self._stopping:
                await self._finish(work, self.clock.now())
            else:
                self._start(work, begun)
        return len(claimed)

    def _start(self, work: Work, begun: float) -> None:
        lease = Lease(
            until=begun + LEASE.total_seconds(),
            lasts=LEASE,
            ask=partial(self.store.renew, work, lease_for=LEASE),
        )
        task = asyncio.create_task(self._do(work, lease), name=f"{work.kind}:{work.key}")
        self._running[task] = work.kind
        task.add_done_callback(self._done)

    def _done(self, task: "asyncio.Task[None]") -> None:
        self._running.pop(task, None)
        self.wake.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            log.bug("work_crashed", error, work=task.get_name())

    async def _do(self, work: Work, lease: Lease) -> None:
        """Run one piece of work while a heartbeat keeps its lease; a lost lease stops it at once."""
        handler = self.handlers.get(work.kind)
        if handler is None:
            # A newer version's kind, after a roll-back: left alone for whoever knows it.
            log.error("work_unknown", kind=work.kind, key=work.key)
            await self.store.fail(work, again_at=self.clock.now() + LONGEST_BACK_OFF, error="unknown kind")
            return
        me = asyncio.current_task()
        assert me is not None
        heartbeat = asyncio.create_task(self._keep(work, lease, me), name=f"lease:{work.kind}:{work.key}")
        try:
            with under(lease), self.store.holding(work):
                again_at = await handler(work)
        except (Unavailable, Conflict) as error:
            await self._back_off(work, error)
        except AccessError as error:
            log.error("work_failed", kind=work.kind, key=work.key, code=error.code.value)
            await self._back_off(work, error)
        except Exception as error:  # noqa: BLE001 -- the one place where a bug in a handler ends: it is logged whole, and the work is kept
            incident = error.incident if isinstance(error, CorruptRow) else token_hex(4)
            log.bug("work_bug", error, kind=work.kind, key=work.key, incident=incident)
            await self._tell_of_bug(work, incident)
            await self._back_off(work, error)
        except asyncio.CancelledError:
            # Handed over: whoever comes next starts from what the store says, at once.
            with contextlib.suppress(Unavailable):
                await self.store.finish(work, again_at=self.clock.now())
            raise
        else:
            await self._finish(work, again_at)
        finally:
            heartbeat.cancel()

    async def _tell_of_bug(self, work: Work, incident: str) -> None:
        """What keeps the work from being done may keep people from being told; the work is kept all the same."""
        try:
            await self.on_bug(work, incident)
        except AccessError as error:
            log.warning("incident_untold", incident=incident, code=error.code.value)
        except Exception as error:  # noqa: BLE001 -- as above: an error about an error must not keep the lease
            log.bug("incident_untold", error, incident=incident)

    async def _keep(self, work: Work, lease: Lease, owner: "asyncio.Task[None]") -> None:
        while True:
            await asyncio.sleep(LEASE.total_seconds() / 3)
            try:
                held = await lease.renew()
            except Unavailable:
                continue
            if not held:
                log.warning("lease_lost", kind=work.kind, key=work.key)
                owner.cancel()
                return

    async def _finish(self, work: Work, again_at: datetime | None) -> None:
        try:
            await self.store.finish(work, again_at=again_at)
        except Unavailable:
            log.warning(
                "store_unavailable", kind=work.kind, key=work.key
            )  # done again once its lease has run out

    async def _back_off(self, work: Work, error: Exception) -> None:
        wait = back_off(work.attempts)
        if isinstance(error, Unavailable):
            asked = error.facts.get("retry_after")
            if isinstance(asked, int):
                wait = max(wait, timedelta(seconds=asked))
            log.warning("work_waits", kind=work.kind, key=work.key, code=error.code.value)
        try:
            await self.store.fail(work, again_at=self.clock.now() + wait, error=str(error)[:500])
        except Unavailable:
            log.warning(
                "store_unavailable", kind=work.kind, key=work.key
            )  # its lease runs out, that is enough


def back_off(attempts: int) -> timedelta:
    """0.5 s, 1 s, 2 s, … up to `LONGEST_BACK_OFF`; `attempts` counts from 1."""
    return min(timedelta(seconds=0.5 * 2 ** min(max(attempts - 1, 0), 20)), LONGEST_BACK_OFF)
