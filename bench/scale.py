"""A hundred thousand stored requests: does anything grow with what is over?

`status` is measured at the use case, without Slack around it: the busiest person, others, and an approver who
also sees what waits. Then the bot starts on that database and is left alone: what does it cost to be idle?
"""

import asyncio
import gc
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from bench.harness import Stage, kinds, median, percentile, stage
from bench.history import fill
from bench.requests import store_of
from bench.table import Result, report
from bot.domain.names import SlackTeamId, SlackUserId
from bot.domain.people import Person
from bot.sandbox.scene import BEN, CHRIS
from bot.usecases.admission import Admission
from bot.usecases.read_status import ReadStatus

REQUESTS = 100_000
SETS = 10
TIMES = 100
IDLE_SECONDS = 10.0
SETTLING_SECONDS = 6.0


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownPeople:
    """Slack's answers, known in advance: implements `ports.people.People`."""

    team: SlackTeamId
    groups: Mapping[str, frozenset[SlackUserId]]

    async def person(self, user: SlackUserId, *, not_before: datetime | None = None) -> Person:
        found = self.known(user)
        assert found is not None  # everybody is known here
        return found

    async def members(self, group: str, *, not_before: datetime | None = None) -> frozenset[SlackUserId]:
        return self.groups[group]

    def known(self, user: SlackUserId) -> Person | None:
        return Person(
            user_id=user,
            team_id=self.team,
            name=user,
            email=f"{user}@example.com",
            email_confirmed=True,
            is_deactivated=False,
            is_bot=False,
            is_guest=False,
            is_stranger=False,
        )


async def measure() -> Sequence[Result]:
    """The same on each database."""
    results: list[Result] = []
    for kind in kinds():
        results += await _on(kind)
    return results


async def _on(kind: str) -> list[Result]:
    async with stage(kind, sets=SETS) as on:
        people = await fill(on, REQUESTS, SETS)
        stored = on.database.number("SELECT count(*) FROM requests")
        # This process holds the doubles and all that was made for them; the bot's does not, and does the same.
        gc.freeze()
        own = await _status(on, people)
        approver = await _status(on, [BEN])
        await (await on.start()).stop()
        starts = []
        for _ in range(3):
            bot = await on.start()
            starts.append(bot.started_in)
            await bot.stop()
        bot = await on.start()
        await asyncio.sleep(SETTLING_SECONDS)
        before = bot.cpu()
        await asyncio.sleep(IDLE_SECONDS)
        idle = (bot.cpu() - before) / IDLE_SECONDS
        memory = bot.memory()
    return [
        _result(f"{stored:,} requests, {kind}: status of a requester", own),
        _result("    status of an approver, 100 requests wait", approver),
        Result(
            what="    idle worker", measured=f"{idle:.1%} of a core", bar="≤ 2 % of a core", ok=idle <= 0.02
        ),
        Result(
            what="    start to ready",
            measured=f"{min(starts):.2f} s [{median(starts):.2f} s], {memory:.0f} MiB afterwards",
            bar="≤ 2 s",
            ok=min(starts) <= 2,
        ),
    ]


async def _status(on: Stage, users: Sequence[str]) -> list[float]:
    """Milliseconds of each query, `TIMES` for each person."""
    team = SlackTeamId(on.slack.workspace.team.id)
    rules = on.settings().rules
    members = frozenset({SlackUserId(BEN), SlackUserId(CHRIS)})
    people = KnownPeople(team=team, groups={"S0SSOADMINS": members})
    took = []
    async with store_of(on) as store:
        admission = Admission(people=people, rules=rules, team=team)
        read = ReadStatus(store=store, rules=rules, admission=admission, people=people)
        for _ in range(TIMES):
            for user in users:
                begun = time.perf_counter()
                await read.overview(SlackUserId(user))
                took.append((time.perf_counter() - begun) * 1000)
    return took


def _result(what: str, took: Sequence[float]) -> Result:
    return Result(
        what=what,
        measured=f"p50 {percentile(took, 50):.1f} ms, p99 {percentile(took, 99):.1f} ms, {len(took)} queries",
        bar="p99 ≤ 20 ms",
        ok=percentile(took, 99) <= 20,
    )


if __name__ == "__main__":
    report(measure)
