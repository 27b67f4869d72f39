"""Death without warning, and with: at random instants, during a start, right after an effect, by SIGTERM."""

import asyncio
import contextlib
import random
import statistics
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import timedelta

from tests.chaos.fleet import Life
from tests.chaos.world import SETS, World

LONGEST_LIFE = 0.9
"""Seconds that a death waits for something to happen first, twice at most; more where much has to happen."""

LONGEST_AIM = 10.0
"""Seconds more, at most, for an effect that was missed again and again."""

ROUND_TIME = 12.0
"""Seconds: the lease of whoever died in a round of several replicas runs out, and somebody else takes it over."""

LONGEST_START = 4.0
"""Seconds after which somebody is killed though not ready yet: Slack or the database keeps them waiting."""

EFFECTS = ("put", "provision", "post", "edit", "whisper")
AIMS = ("put", "put", "provision", "provision", "post", "post", "edit", "whisper")
"""What a strike waits for. Rounds are rarer than messages, and more can go wrong in them."""


class Effects:
    """Tells, within the very call, that something has happened in AWS or Slack: the answer is not sent yet."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._armed: tuple[tuple[str, ...], Callable[[str], None]] | None = None
        self._seen = self._count()
        world.org.on_change(self._look)
        world.slack.workspace.listeners.append(self._look)

    def arm(self, kinds: tuple[str, ...], happened: Callable[[str], None]) -> None:
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
            kind = next((kind for kind in kinds if now[kind] != before[kind] and now[kind] > 0), None)
            if kind is not None:
                happened(kind)


@dataclass(slots=True, kw_only=True)
class Killer:
    """Kills until there were enough kills; time passes while everybody is dead."""

    world: World
    rng: random.Random
    effects: Effects
    kills: int
    aims: tuple[str, ...] = AIMS
    struck: Counter[str] = field(default_factory=Counter)
    """Kills within an effect, by its kind."""
    _misses: Counter[str] = field(default_factory=Counter)
    """How often in a row nothing of a kind happened in time."""
    moved: timedelta = timedelta()
    may_kill: asyncio.Event = field(default_factory=asyncio.Event)
    _killed: asyncio.Event = field(default_factory=asyncio.Event)
    _absent: set["asyncio.Task[None]"] = field(default_factory=set)
    """A replica that sleeps or stops beside the others."""
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def work(self) -> None:
        fleet = self.world.fleet
        self.may_kill.set()
        for name in fleet.names:
            await fleet.start(name)
        while fleet.kills < self.kills:
            await self.may_kill.wait()
            async with self._turn:
                await self._one()
            self._killed.set()
        self.effects.disarm()
        for task in list(self._absent):
            await task

    async def until(self, kills: int) -> None:
        """Return once so many have been killed."""
        while self.world.fleet.kills < kills:
            self._killed.clear()
            await self._killed.wait()

    async def freeze(self, seconds: float) -> None:
        """SIGSTOP, and SIGCONT after so long; of one bot, while the others live and die."""
        async with self._turn:
            life = await self._somebody()
            if self.world.fleet.replicas == 1:
                await self._freeze(life, seconds)
                return
            task = self._beside(self._freeze(life, seconds))
        await task

    async def stop_one(self, *, first: Callable[[], None]) -> None:
        """SIGTERM to one bot that is ready, in the middle of its work; the others live and die meanwhile.

        `first` is called before.
        """
        async with self._turn:
            life = await self._somebody()
            first()
            if self.world.fleet.replicas == 1:
                await self._stop(life)
                return
            task = self._beside(self._stop(life))
        await task

    async def _somebody(self) -> Life:
        fleet = self.world.fleet
        await fleet.all_ready()
        return self.rng.choice([life for life in fleet.alive if not life.absent] or fleet.alive)

    def _beside(self, job: Coroutine[None, None, None]) -> "asyncio.Task[None]":
        self._absent.add(task := asyncio.create_task(job))
        task.add_done_callback(self._absent.discard)
        return task

    async def _one(self) -> None:
        """One death, of one bot or of all, and the return."""
        fleet, rng = self.world.fleet, self.rng
        chance = rng.random()
        everybody = fleet.replicas == 1 or chance < 0.25
        spared = [life for life in fleet.alive if not life.absent]
        if spared and not self._absent:
            if not everybody and chance < 0.32:
                self._beside(self._freeze(rng.choice(spared), rng.choice((0.5, 4.0, 11.0, 13.0))))
                return
            if rng.random() < 0.05:
                stopping = self._beside(self._stop(rng.choice(spared)))
                if fleet.replicas == 1:
                    await stopping
                return
        victims = list(fleet.alive) if everybody or not spared else [rng.choice(spared)]
        await self._end(victims)
        for life in victims:
            await life.ended.wait()
        if everybody and not fleet.alive and rng.random() < 0.25:
            by = timedelta(minutes=rng.uniform(2, 8))
            self.world.clock.advance(by)
            self.moved += by
        for name in fleet.names:
            # A restart in twenty pays for its imports, as every restart does outside this suite.
            await fleet.start(name, cold=rng.random() < 0.05 and fleet.replicas == 1)

    async def _end(self, victims: list[Life]) -> None:
        """Kill these now, or after a while, or when they have just done something."""
        rng = self.rng
        chance = rng.random()
        if chance < 0.1:
            await asyncio.sleep(rng.uniform(0, 0.4))
            self._kill(victims)
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LONGEST_START):
                for life in victims:
                    if not life.absent:
                        await self.world.fleet.ready(life)
        if self.world.fleet.replicas > 1 and rng.random() < 0.06:
            # With a death every other second nobody would ever get as far as a write.
            await self._effect(("put",), 0, longer=ROUND_TIME)
        # However slow the machine is, something gets done between two deaths: the effects are counted, not
        # the seconds. Now and then a life is long enough to get through everything.
        skip = rng.randrange(16, 40) if rng.random() < 0.1 else min(int(rng.expovariate(1 / 2)), 8)
        if chance < 0.4:
            await self._effect(EFFECTS, skip)
            await asyncio.sleep(rng.uniform(0, 0.2))
        else:
            await self._effect(EFFECTS, skip)
            aim = rng.choice(self.aims)
            # A slow machine gets to some effects late: whoever has missed one waits longer for it the next time.
            longer = min(LONGEST_LIFE * self._misses[aim], LONGEST_AIM)
            before = self.struck[aim]
            await self._effect((aim,), 0, strike=lambda kind: self._strike(victims, kind), longer=longer)
            self._misses[aim] = 0 if self.struck[aim] > before else self._misses[aim] + 1
        self._kill(victims)

    def _strike(self, victims: list[Life], kind: str) -> None:
        self.struck[kind] += 1
        self._kill(victims)

    async def _effect(
        self,
        kinds: tuple[str, ...],
        skip: int,
        *,
        strike: Callable[[str], None] | None = None,
        longer: float = 0.0,
    ) -> None:
        """Wait for an effect of these kinds after so many others, and strike within it; not for ever."""
        done = asyncio.Event()
        left = skip

        def happened(kind: str) -> None:
            nonlocal left
            left -= 1
            if left < 0:
                self.effects.disarm()
                if strike is not None:
                    strike(kind)
                done.set()

        self.effects.arm(kinds, happened)
        try:
            # A long life needs more time for its effects than a short one.
            async with asyncio.timeout(self._longest_life() + skip / 8 + longer):
                await done.wait()
        except TimeoutError:
            self.effects.disarm()

    def _longest_life(self) -> float:
        """`LONGEST_LIFE`, or more where a start alone takes long: a busy machine gets less done in a second."""
        lives = self.world.fleet.past[-15:]
        starts = [life.resumed_at - life.started_at for life in lives if life.resumed_at and not life.cold]
        if not starts:
            return LONGEST_LIFE
        return min(max(LONGEST_LIFE, 4 * statistics.median(starts)), 4 * LONGEST_LIFE)

    def _kill(self, victims: list[Life]) -> None:
        for life in victims:
            self.world.fleet.kill(life)

    async def _freeze(self, life: Life, seconds: float) -> None:
        """Longer than a lease lasts, mostly: somebody else has taken over when it wakes up."""
        if not await self.world.fleet.ready(life):
            return
        await asyncio.sleep(self.rng.uniform(0, 1))
        self.world.fleet.freeze(life)
        await asyncio.sleep(seconds)
        self.world.fleet.thaw(life)

    async def _stop(self, life: Life) -> None:
        """Now and then the supervisor loses its patience in the middle of a stop."""
        if not await self.world.fleet.ready(life):
            return
        await asyncio.sleep(self.rng.uniform(0, 0.8))
        impatient = self.rng.random() < 0.2
        await self.world.fleet.stop(life, patience=self.rng.uniform(0, 1) if impatient else None)
        await self.world.fleet.start(life.name)
