"""Death without warning: at random instants, during a start, and right after an effect outside."""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

from tests.chaos.fleet import Life
from tests.chaos.world import SETS, World

LONGEST_LIFE = 1.6
"""Seconds that a death waits for something to happen first, twice at most."""

EFFECTS = ("put", "provision", "post", "edit", "whisper")


class Effects:
    """Tells, within the very call, that something has happened in AWS or Slack: the answer is not sent yet."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._armed: tuple[tuple[str, ...], Callable[[], None]] | None = None
        self._seen = self._count()
        world.org.on_change(self._look)
        world.slack.workspace.listeners.append(self._look)

    def arm(self, kinds: tuple[str, ...], happened: Callable[[], None]) -> None:
        """Call at every effect of these kinds, until disarmed."""
        self._armed = (kinds, happened)

    def disarm(self) -> None:
        self._armed = None

    def _count(self) -> dict[str, int]:
        workspace, org = self._world.slack.workspace, self._world.org
        return {
            "put": sum(org.permission_set(name).version for name in SETS),
            "provision": len(org.provisioning.requests),
            "post": len(workspace.all_messages),
            "whisper": len(workspace.all_ephemerals),
            "edit": self._edits(),
        }

    def _edits(self) -> int:
        calls = self._world.slack.calls.all
        last = calls[-1] if calls else None
        return len(calls) if last is not None and last.method == "chat.update" else -1

    def _look(self) -> None:
        now = self._count()
        before, self._seen = self._seen, now
        if self._armed is not None:
            kinds, happened = self._armed
            if any(now[kind] != before[kind] and now[kind] > 0 for kind in kinds):
                happened()


@dataclass(slots=True, kw_only=True)
class Killer:
    """Kills until there were enough kills; time passes while everybody is dead."""

    world: World
    rng: random.Random
    effects: Effects
    kills: int
    only: tuple[str, ...] = EFFECTS
    struck: int = 0
    moved: timedelta = timedelta()
    _freezing: set["asyncio.Task[None]"] = field(default_factory=set)

    async def work(self) -> None:
        fleet = self.world.fleet
        for name in fleet.names:
            await fleet.start(name)
        while fleet.kills < self.kills:
            await self._one()
        self.effects.disarm()
        for task in list(self._freezing):
            await task

    async def _one(self) -> None:
        """One death, of one bot or of all, and the return."""
        fleet, rng = self.world.fleet, self.rng
        chance = rng.random()
        everybody = fleet.replicas == 1 or chance < 0.25
        if not everybody and chance < 0.35 and not self._freezing:
            self._freezing.add(task := asyncio.create_task(self._freeze(rng.choice(fleet.alive))))
            task.add_done_callback(self._freezing.discard)
            return
        victims = list(fleet.alive) if everybody else [rng.choice([x for x in fleet.alive if not x.frozen])]
        await self._end(victims)
        for life in victims:
            await life.ended.wait()
        if everybody and not fleet.alive and rng.random() < 0.25:
            by = timedelta(minutes=rng.uniform(2, 8))
            self.world.clock.advance(by)
            self.moved += by
        for life in victims:
            # A restart in ten pays for its imports, as every restart does outside this suite.
            await fleet.start(life.name, cold=rng.random() < 0.1 and fleet.replicas == 1)

    async def _end(self, victims: list[Life]) -> None:
        """Kill these now, or after a while, or when they have just done something."""
        rng = self.rng
        chance = rng.random()
        if chance < 0.1:
            await asyncio.sleep(rng.uniform(0, 0.5))
            self._kill(victims)
            return
        for life in victims:
            await self.world.fleet.ready(life)
        # However slow the machine is, something gets done between two deaths: the effects are counted, not
        # the seconds. Now and then a life is long enough to get through everything.
        skip = rng.randrange(12, 30) if rng.random() < 0.1 else min(int(rng.expovariate(1 / 2)), 8)
        if chance < 0.45:
            await self._effect(EFFECTS, skip)
            await asyncio.sleep(rng.uniform(0, 0.4))
        else:
            await self._effect(EFFECTS, skip)
            await self._effect((rng.choice(self.only),), 0, strike=lambda: self._strike(victims))
        self._kill(victims)

    def _strike(self, victims: list[Life]) -> None:
        self.struck += 1
        self._kill(victims)

    async def _effect(
        self, kinds: tuple[str, ...], skip: int, *, strike: Callable[[], None] | None = None
    ) -> None:
        """Wait for an effect of these kinds after so many others, and strike within it; not for ever."""
        done = asyncio.Event()
        left = skip

        def happened() -> None:
            nonlocal left
            left -= 1
            if left < 0:
                self.effects.disarm()
                if strike is not None:
                    strike()
                done.set()

        self.effects.arm(kinds, happened)
        try:
            # A long life needs more time for its effects than a short one.
            async with asyncio.timeout(LONGEST_LIFE + skip / 4):
                await done.wait()
        except TimeoutError:
            self.effects.disarm()

    def _kill(self, victims: list[Life]) -> None:
        for life in victims:
            self.world.fleet.kill(life)

    async def _freeze(self, life: Life) -> None:
        """Longer than a lease lasts, mostly: somebody else has taken over when it wakes up."""
        if not await self.world.fleet.ready(life):
            return
        await asyncio.sleep(self.rng.uniform(0, 1))
        self.world.fleet.freeze(life)
        await asyncio.sleep(self.rng.choice((0.5, 4.0, 11.0, 13.0)))
        self.world.fleet.thaw(life)
