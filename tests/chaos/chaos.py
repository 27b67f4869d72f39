"""One run: a storm, the calm after it, the verdict; then much time passes, and the verdict again."""

import asyncio
import contextlib
import json
import os
import random
import re
import statistics
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

from bot.worker.replicas import NEWCOMER
from tests.chaos.bot_process import AWS_RATE
from tests.chaos.calm import SETTLE_AT_MOST, Calm
from tests.chaos.database import Record
from tests.chaos.editor import Editor
from tests.chaos.fleet import Life
from tests.chaos.invariants.aws import lateness
from tests.chaos.invariants.case import Case
from tests.chaos.invariants.people import repetitions
from tests.chaos.invariants.verdict import verdict
from tests.chaos.killer import AIMS, Effects, Killer
from tests.chaos.people import Crowd, is_granted
from tests.chaos.spells import Spells
from tests.chaos.weather import Weather
from tests.chaos.world import AWS_LIMIT, World, a_world

RESUME_AT_MOST = 2.0
STOP_AT_MOST = 20.0
LATE_AT_MOST = 15.0
"""Seconds after its end until time-boxed access is taken out and confirmed, with AWS and Slack well."""

ENDED_A_SECOND = 20
"""What ends at one instant is written down one after the other, at least so fast: on two cores that three bots, their
database and both doubles share. At the end of a run the clock jumps, and everything ends at once."""

LONG = 500
"""Kills from which on a run is judged by its times too, and must have met every kind of weather and of death."""

BUSY = 1.5
"""Processes that want each core: above this a machine has other things to do, and its times mean nothing."""

ALIKE = 5
"""Violations of one kind that a report names."""

KNOWN_BUGS = frozenset({"work_bug", "work_crashed", "job_failed", "listener_failed", "background_failed"})
"""Events of the log behind which there always is an exception that nobody expected."""


@dataclass(slots=True, kw_only=True)
class Report:
    """What a run was, in numbers, and everything that it found wrong."""

    seed: int
    database: str
    violations: list[str] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)
    """What the storm did not try: a gentle storm proves nothing."""
    facts: dict[str, object] = field(default_factory=dict)

    def __str__(self) -> str:
        lines = [f"chaos: seed {self.seed} on {self.database}"]
        lines += [f"  {name}: {value}" for name, value in self.facts.items()]
        lines += [f"  not tried: {text}" for text in self.missed]
        # Of those that say the same about other requests, a few: none of another kind may be drowned by them.
        alike = defaultdict[str, list[str]](list)
        for text in self.violations:
            alike[re.sub(r"[\d.]+", "#", text)].append(text)
        for texts in alike.values():
            lines += [f"  ✗ {text}" for text in dict.fromkeys(texts[:ALIKE])]
            if len(texts) > ALIKE:
                lines.append(f"    … and {len(texts) - ALIKE} more like these")
        return "\n".join(lines)


def judged(report: Report) -> None:
    """Print what the run was, and fail with everything that it found wrong."""
    print(report)  # noqa: T201 -- the seed and the numbers of a run belong into its log
    assert not report.violations, str(report)
    assert not report.missed, str(report)


@dataclass(slots=True, kw_only=True)
class Chaos:
    """How hard a run is."""

    kills: int
    seed: int
    folder: Path
    url: str
    replicas: int = 1
    mutation: str = ""
    aims: tuple[str, ...] = AIMS
    settle_at_most: float = SETTLE_AT_MOST
    faults: bool = True
    spell_every: int = 20
    """Kills between two spells of heavy weather."""
    provisioning_seconds: float = 0.4
    until_granted: int = 0
    """The storm goes on until so many requests were granted in it, however slow the machine is."""
    until_noticed: bool = False
    """Stop after the first verdict that finds anything."""

    async def run(self) -> Report:
        async with a_world(
            self.folder, url=self.url, replicas=self.replicas, seed=self.seed, mutation=self.mutation
        ) as world:
            world.org.provisioning.delay = self.provisioning_seconds
            return await self._in(world)

    async def _in(self, world: World) -> Report:
        report = Report(seed=self.seed, database=self.url.partition(":")[0])
        weather = Weather(world=world, rng=self._rng("weather"))
        Editor(world, self._rng("editor"), weather)
        crowd = Crowd(world=world, rng=self._rng("crowd"))
        killer = Killer(
            world=world,
            rng=self._rng("killer"),
            effects=Effects(world),
            kills=self.kills,
            aims=self.aims,
        )
        spells = Spells(world=world, rng=self._rng("spells"), killer=killer, every=self.spell_every)
        began = time.monotonic()
        await self._storm(killer, weather, spells, crowd)
        stormed = time.monotonic()
        calm = Calm(world=world, crowd=crowd, at_most=self.settle_at_most, complaints=report.violations)
        record = await calm.settle(retry=True)
        settled = time.monotonic()
        report.violations += verdict(Case(world=world, crowd=crowd, record=record), all_over=False)
        if self.until_noticed and report.violations:
            return report
        world.found.clear()
        calm_from = world.clock.now()
        await world.fleet.kill_all(counts=False)
        world.clock.advance(timedelta(days=2))
        record = await calm.settle(retry=False)
        await calm.end_the_permanent(record)
        record = await calm.settle(retry=False)
        report.violations += verdict(Case(world=world, crowd=crowd, record=record), all_over=True)
        late = lateness(world, record)
        at_the_end = _lateness_since(world, record, calm_from)
        lives = [*world.fleet.past, *world.fleet.lives.values()]
        report.violations += [*world.fleet.surprises, *self._bugs(world)]
        load = os.getloadavg()[0] / (os.cpu_count() or 1)
        peak = world.aws.calls.peak_per_second("sso-admin")
        judges_time = self.kills >= LONG and load <= BUSY
        if judges_time:
            report.violations += [*_resumed(lives), *_late(at_the_end), *_stopped(world.fleet.stops)]
            # Here a successor begins within the second in which the dead one has made its last calls.
            if peak > AWS_LIMIT + AWS_RATE // NEWCOMER:
                report.violations.append(f"{peak} calls to sso-admin within a second")
        if self.kills >= LONG:
            report.missed = _missed(killer, spells, weather)
        statuses = Counter(str(request.status) for request in record.requests)
        report.facts |= {
            "kills": f"{world.fleet.kills}, of which right after an effect {dict(killer.struck)}",
            "weather": dict(spells.cast),
            "pauses": world.fleet.freezes,
            "stops": _spread(world.fleet.stops),
            "requests": f"{len(record.requests)} {dict(statuses)}, {len(record.grants)} grants",
            "presses": f"{len(crowd.presses)}, {sum(p.acknowledged for p in crowd.presses)} acknowledged",
            "repeated answers": repetitions(Case(world=world, crowd=crowd, record=record)),
            "faults": f"{weather.faults}, outages {weather.outages}, edits by others {weather.edits} "
            f"({weather.clobberings} without our statements)",
            "sso-admin": f"{world.aws.calls.count('sso-admin')} calls, at most "
            f"{peak}/s, "
            f"{world.org.provisioning.most_in_flight} provisionings at once",
            "resumed": _spread([x.resumed_at - x.started_at for x in lives if x.resumed_at and not x.cold]),
            "resumed, cold": _spread([x.resumed_at - x.started_at for x in lives if x.resumed_at and x.cold]),
            "endings late": f"{_spread(late)}; after the storm {_spread(at_the_end)}",
            "load": f"{load:.1f} processes a core{'' if judges_time else ': no time is judged'}",
            "seconds": f"storm {stormed - began:.0f}, settling {settled - stormed:.0f}, "
            f"all {time.monotonic() - began:.0f}; the clock moved {killer.moved}",
        }
        return report

    def _rng(self, what: str) -> random.Random:
        return random.Random(f"{self.seed}:{what}")  # noqa: S311 -- to be repeated, not to be secret

    async def _storm(self, killer: Killer, weather: Weather, spells: Spells, crowd: Crowd) -> None:
        living = asyncio.create_task(crowd.live())
        blowing = asyncio.create_task(weather.blow()) if self.faults else None
        casting = asyncio.create_task(spells.watch()) if self.faults else None
        try:
            await killer.work()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(SETTLE_AT_MOST):
                    await self._granted(crowd)
        finally:
            if casting is not None:
                casting.cancel()
                await asyncio.wait((casting,))
                if not casting.cancelled():
                    casting.result()
            weather.calm()
            crowd.resting.set()
            if blowing is not None:
                await blowing
            await living

    async def _granted(self, crowd: Crowd) -> None:
        workspace = crowd.world.slack.workspace
        changed = asyncio.Event()
        workspace.listeners.append(changed.set)
        while sum(map(is_granted, crowd.cards())) < self.until_granted:
            changed.clear()
            await changed.wait()

    def _bugs(self, world: World) -> list[str]:
        """Exceptions that nobody expected, from the logs of all bots."""
        found: list[str] = []
        for name in world.fleet.names:
            path = world.fleet.log(name)
            for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
                try:
                    entry = json.loads(line)
                except ValueError:
                    continue
                if entry.get("event") in KNOWN_BUGS:
                    last = str(entry.get("traceback") or entry.get("exception") or "").strip().splitlines()
                    found.append(f"{name} logged {entry['event']}: {last[-1] if last else entry}")
        return found


def _lateness_since(world: World, record: Record, since: datetime) -> list[float]:
    ended = tuple(each for each in record.grants if each.ends_at is not None and each.ends_at >= since)
    return lateness(world, replace(record, grants=ended))


def _late(seconds: list[float]) -> list[str]:
    at_most = LATE_AT_MOST + len(seconds) / ENDED_A_SECOND
    return [f"access was taken out {each:.1f} s after its end" for each in seconds if each > at_most]


def _resumed(lives: list[Life]) -> list[str]:
    """Forked bots only: what a start costs in imports depends on the machine, and is measured apart."""
    seconds = [life.resumed_at - life.started_at for life in lives if life.resumed_at and not life.cold]
    if seconds and statistics.median(seconds) > RESUME_AT_MOST:
        return [f"a restart resumes after {statistics.median(seconds):.1f} s (median)"]
    return []


def _stopped(seconds: list[float]) -> list[str]:
    return [f"a stop took {each:.1f} s" for each in seconds if each > STOP_AT_MOST]


def _missed(killer: Killer, spells: Spells, weather: Weather) -> list[str]:
    """Kinds of death and of weather that did not occur, or hardly."""
    missed = [f"the spell {name}" for name in spells.names if not spells.cast[name]]
    missed += [f"a kill right after a {aim}" for aim in set(killer.aims) if not killer.struck[aim]]
    if weather.edits < killer.kills // 50:
        missed.append(f"edits by others, but for {weather.edits}")
    return missed


def _spread(seconds: list[float]) -> str:
    if not seconds:
        return "none"
    return f"p50 {statistics.median(seconds):.2f} s, max {max(seconds):.2f} s of {len(seconds)}"
