"""The doctor: looks at everything that the bot needs, changes nothing, and says what to do about what is wrong."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.domain.diagnosis import About, Area, Diagnosis, Line, diagnosis
from bot.domain.names import SlackUserId
from bot.domain.rules import Rules
from bot.ports.clock import Clock
from bot.ports.diagnosis import Setup
from bot.ports.people import People
from bot.usecases.admission import Admission
from bot.usecases.doctor.aws import ExamineAws, Seen
from bot.usecases.doctor.bounded import split
from bot.usecases.doctor.database import ExamineDatabase
from bot.usecases.doctor.members import ExamineMembers
from bot.usecases.doctor.permission_sets import ExamineSets
from bot.usecases.doctor.slack import ExamineSlack
from bot.usecases.precheck import read_approvers

LONGEST = 180.0
"""Seconds for one area of a large organisation, on the command line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Doctor:
    """Examines all areas at once. No area hides or holds up another."""

    setup: Setup
    rules: Rules
    slack: ExamineSlack
    aws: ExamineAws
    sets: ExamineSets
    members: ExamineMembers
    database: ExamineDatabase
    clock: Clock

    async def __call__(self, *, longest: float = LONGEST) -> Diagnosis:
        """The whole diagnosis; what an area has not said within `longest` seconds is unknown."""
        areas = {Area.SLACK: self._slack, Area.AWS: self._aws, Area.DATABASE: self._database}
        found = await asyncio.gather(*(_in_time(area, look, longest) for area, look in areas.items()))
        lines = [self._configuration(), *(line for some in found for line in some)]
        return diagnosis(lines, self.clock.now())

    def _configuration(self) -> Line:
        number = len(self.rules.sets)
        sets = "1 permission set" if number == 1 else f"{number} permission sets"
        return About(area=Area.CONFIGURATION, check="configuration").ok(f"{self.setup.rules_file}, {sets}")

    async def _slack(self, lines: list[Line]) -> None:
        lines += await self.slack()

    async def _database(self, lines: list[Line]) -> None:
        lines += await self.database()

    async def _aws(self, lines: list[Line]) -> None:
        """Where we are first; then the sets by name, which the rest is tried on."""
        seen = Seen()
        lines += await self.aws.place(seen)
        if seen.home is None:
            rest = About(area=Area.PERMISSION_SETS, check="rest")
            mend = "mend the failures of AWS first, then run the doctor again"
            lines.append(rest.unknown("nothing else can be asked before AWS says where we are", mend))
            lines += await self.members(seen)
            return
        lines += await self.sets.find(seen)

        async def then(look: Callable[[Seen], Awaitable[list[Line]]]) -> None:
            lines.extend(await look(seen))

        await asyncio.gather(then(self.aws.actions), then(self.sets), then(self.members))


async def _in_time(
    area: Area, look: Callable[[list[Line]], Awaitable[None]], longest: float
) -> Sequence[Line]:
    """What an area has said so far is kept when its time is over."""
    lines: list[Line] = []
    try:
        async with asyncio.timeout(longest):
            await look(lines)
    except TimeoutError:
        late = About(area=area, check="rest")
        lines.append(late.unknown(f"not finished within {longest:g} seconds", "workbench-access doctor"))
    return lines


def misconfigured(problems: Sequence[str], at: datetime) -> Diagnosis:
    """What can be said where the settings cannot be read: every problem, and that nothing else was looked at."""
    lines = []
    for problem in problems:
        key, _, _ = problem.partition(":")
        subject = key if len(key) <= 80 and "\n" not in key else ""
        me = About(area=Area.CONFIGURATION, check="configuration", subject=subject)
        found, remedy = split(problem.removeprefix(f"{subject}: "), "see the README, section Configuration")
        lines.append(me.failure(found, remedy))
    for area in (Area.SLACK, Area.AWS, Area.DATABASE):
        me = About(area=area, check="rest")
        lines.append(me.unknown("not looked at before the configuration is right", "mend it first"))
    return diagnosis(lines, at)


@dataclass(frozen=True, slots=True, kw_only=True)
class MayDiagnose:
    """Who may see the doctor: whoever could approve anything at all."""

    admission: Admission
    people: People
    rules: Rules

    async def __call__(self, user: SlackUserId, *, not_before: datetime | None = None) -> bool:
        """Read afresh where `not_before` says so. Raises `Refusal` for guests, `Unavailable` without Slack."""
        await self.admission.person(user, not_before=not_before)
        rules = {rule for each in self.rules.sets.values() for rule in each.by_role.values()}
        for rule in rules:
            if user in await read_approvers(self.people, rule, not_before=not_before):
                return True
        return False
