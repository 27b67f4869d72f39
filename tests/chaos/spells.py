"""Heavy weather with a name: something outside is away, hangs or refuses for about ten seconds."""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal

from bot.sandbox.slack.faults import Fault
from tests.chaos.killer import Killer
from tests.chaos.weather import READS, WRITES
from tests.chaos.world import World

Spell = Callable[["Spells"], Awaitable[None]]

LONG = (9.0, 11.0)
"""Seconds of an outage: about as long as a lease lasts, and as the bot waits for one answer of AWS."""


@dataclass(slots=True, kw_only=True)
class Spells:
    """Casts one spell after so many kills, each kind in its turn; the seed says in which order."""

    world: World
    rng: random.Random
    killer: Killer
    every: int
    """Kills from one to the next."""
    cast: Counter[str] = field(default_factory=Counter)
    _order: list[str] = field(default_factory=list)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(ON_SQLITE if self.world.database.is_sqlite else ON_POSTGRES)

    async def watch(self) -> None:
        """Until cancelled, between two spells or in one."""
        due = max(self.every // 2, 1)
        while True:
            await self.killer.until(due)
            due = self.world.fleet.kills + self.every
            await self._next()

    async def _next(self) -> None:
        if not self._order:
            self._order = self.rng.sample(self.names, len(self.names))
        name = self._order.pop()
        self.cast[name] += 1
        await SPELLS[name](self)

    def long(self) -> float:
        return self.rng.uniform(*LONG)

    @contextmanager
    def perhaps_in_peace(self) -> Iterator[None]:
        """Half of the time nobody is killed meanwhile: only who lives on sees a call time out."""
        if self.rng.random() < 0.5:
            yield
            return
        self.killer.may_kill.clear()
        try:
            yield
        finally:
            self.killer.may_kill.set()


async def database_locked(spells: Spells) -> None:
    """Somebody else holds a lock: SQLite's only one for writing, or PostgreSQL's on the tables that matter."""
    with spells.world.fleet.without_database():
        await spells.world.database.lock(spells.long())


async def database_gone(spells: Spells) -> None:
    """Every connection breaks, and new ones are refused."""
    door = spells.world.door
    assert door is not None
    with spells.world.fleet.without_database():
        door.shut()
        try:
            await asyncio.sleep(spells.long())
        finally:
            await door.unlock()


async def database_hangs(spells: Spells) -> None:
    """The server takes everything and says nothing."""
    door = spells.world.door
    assert door is not None
    with spells.world.fleet.without_database():
        door.hold()
        try:
            await asyncio.sleep(spells.long())
        finally:
            await door.unlock()


async def aws_denies(spells: Spells) -> None:
    """A storm of AccessDenied: for writes, now and then for reads too."""
    faults = spells.world.aws.faults
    some = (*WRITES, *READS) if spells.rng.random() < 0.4 else WRITES
    denied = [
        faults.fail("sso-admin", each, code="AccessDeniedException", message="Not authorized", times=None)
        for each in some
    ]
    try:
        await asyncio.sleep(spells.rng.uniform(2, 5))
    finally:
        for fault in denied:
            fault.release()


async def aws_writes_hang(spells: Spells) -> None:
    """Put and Provision get no answer until the bot gives up; half of them have had their effect."""
    # None has it later: AWS has no conditional write, so nothing could be done about that.
    with spells.perhaps_in_peace():
        hanging = []
        for write in WRITES:
            when: Literal["after", "lost"] = "after" if spells.rng.random() < 0.5 else "lost"
            hanging.append(spells.world.aws.faults.hang("sso-admin", write, times=2, when=when))
        try:
            await asyncio.sleep(spells.rng.uniform(11, 13))
        finally:
            for fault in hanging:
                fault.release()


async def slack_hangs(spells: Spells) -> None:
    """Slack answers nobody, longer than the bot waits; half of the calls have had their effect."""
    faults, rng = spells.world.slack.faults, spells.rng
    with spells.perhaps_in_peace():
        hanging = []
        # Each call meets the next one of these, so that both kinds take turns.
        for _ in range(400):
            when: Literal["before", "after"] = "before" if rng.random() < 0.5 else "after"
            hanging.append(faults.hang(when=when))
        try:
            await asyncio.sleep(spells.long())
        finally:
            for fault in hanging:
                fault.release()


async def bot_paused(spells: Spells) -> None:
    """A process sleeps for longer than its lease lasts, and wakes up in the middle of what it was doing."""
    await spells.killer.freeze(spells.rng.choice((4.0, 11.0, 13.0)))


async def bot_asked_to_stop(spells: Spells) -> None:
    """SIGTERM, while Slack hangs: a stop has its bounds, whoever does not answer."""
    faults = spells.world.slack.faults
    hanging: list[Fault] = []
    try:
        await spells.killer.stop_one(
            first=lambda: hanging.extend(faults.hang(when="after") for _ in range(100))
        )
    finally:
        for fault in hanging:
            fault.release()


SPELLS: dict[str, Spell] = {
    spell.__name__: spell
    for spell in (
        database_locked,
        database_gone,
        database_hangs,
        aws_denies,
        aws_writes_hang,
        slack_hangs,
        bot_paused,
        bot_asked_to_stop,
    )
}
ON_POSTGRES = tuple(SPELLS)
ON_SQLITE = tuple(name for name in SPELLS if name not in {"database_gone", "database_hangs"})
"""A file can neither refuse a connection nor keep it waiting; a lock is the one thing that takes it away."""
