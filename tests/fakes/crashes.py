"""Breaks the bot at its n-th call of any port: as a kill, a cancellation, or an answer that never came."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from bot.ports.store import Store, Tx, Work, WorkKind
from tests.fakes.world import World

T = TypeVar("T")


class Killed(BaseException):
    """The process is gone: nothing in it may catch this and carry on."""


@dataclass
class Breaker:
    """Counts calls; the n-th raises instead of doing anything. With 0 it only counts."""

    at: int = 0
    error: BaseException | None = None
    count: int = 0

    async def call(self, name: str) -> None:
        self.count += 1
        if self.count == self.at:
            raise self.error if self.error is not None else Killed(name)


@dataclass
class BreakableStore:
    """Implements `ports.store.Store`: the real one behind a breaker."""

    store: Store
    breaker: Breaker

    async def run(self, transaction: Callable[[Tx], T], *, within: timedelta | None = None) -> T:
        await self.breaker.call("run")
        return await self.store.run(transaction, within=within)

    def holding(self, work: Work) -> AbstractContextManager[None]:
        return self.store.holding(work)

    async def claim(
        self, *, at_most: int, lease_for: timedelta, kinds: Collection[WorkKind] = tuple(WorkKind)
    ) -> Sequence[Work]:
        await self.breaker.call("claim")
        return await self.store.claim(at_most=at_most, lease_for=lease_for, kinds=kinds)

    async def renew(self, work: Work, *, lease_for: timedelta) -> bool:
        await self.breaker.call("renew")
        return await self.store.renew(work, lease_for=lease_for)

    async def finish(self, work: Work, *, again_at: datetime | None = None) -> None:
        await self.breaker.call("finish")
        await self.store.finish(work, again_at=again_at)

    async def fail(self, work: Work, *, again_at: datetime, error: str) -> None:
        await self.breaker.call("fail")
        await self.store.fail(work, again_at=again_at, error=error)

    async def due(self) -> Mapping[WorkKind, datetime]:
        await self.breaker.call("due")
        return await self.store.due()

    async def check_in(self, replica: str, *, alive_for: timedelta) -> int:
        return await self.store.check_in(replica, alive_for=alive_for)

    async def check_out(self, replica: str) -> None:
        await self.store.check_out(replica)

    async def ping(self) -> None:
        await self.store.ping()


@contextmanager
def breaking(world: World, at: int = 0, error: BaseException | None = None) -> Iterator[Breaker]:
    """The world breaks at its `at`-th call of the store, AWS or Slack; afterwards it is whole again."""
    breaker = Breaker(at=at, error=error)
    world.store = BreakableStore(world.database, breaker)
    world.aws.before = world.slack.before = breaker.call
    try:
        yield breaker
    finally:
        world.store = world.database
        world.aws.before = world.slack.before = None
