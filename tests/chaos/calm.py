"""After the storm: everything comes to an end, without faults, and with everybody alive."""

import asyncio
import time
from dataclasses import dataclass
from datetime import timedelta

from tests.chaos.database import Record
from tests.chaos.people import Crowd, buttons, number_of
from tests.chaos.standing import Standing
from tests.chaos.world import APPROVERS, CHANNEL, World

SETTLE_AT_MOST = 120.0
"""Real seconds in which something must get done as long as anything is owed. A long storm leaves more behind than a
short one, and what ends owes messages anew: what stands still is wrong, not what takes long."""

AT_ALL = 1800.0
"""Real seconds after which it is too long all the same: somebody goes round in circles."""

RETRIES = 8
"""How often everything that failed is tried again once the storm is over."""


@dataclass(slots=True, kw_only=True)
class Calm:
    """Waits, presses Retry for what the storm made fail, and lets later times come."""

    world: World
    crowd: Crowd
    at_most: float
    complaints: list[str]
    """Gets what did not come to an end."""

    async def settle(self, *, retry: bool) -> Record:
        """Until nothing is owed any more, or nothing gets done."""
        await self.world.fleet.all_ready()
        give_up_at = time.monotonic() + AT_ALL
        until, most, least = give_up_at, -1, 0
        retries = RETRIES if retry else 0
        while True:
            seen = await self.world.database.standing(self.world.clock.now())
            if seen.done > most or seen.owed < least:
                most, least = seen.done, seen.owed
                until = min(time.monotonic() + self.at_most, give_up_at)
            if not seen.owed:
                failed = [card for card in self.crowd.cards() if "Retry" in buttons(card)] if retries else []
                if not failed:
                    return await self.world.database.read()
                retries -= 1
                for card in failed:
                    await self.crowd.press(next(iter(APPROVERS)), card, "Retry")
            elif time.monotonic() > until:
                self.complaints.append(f"not settled: {', '.join(seen.names)}")
                return await self.world.database.read()
            elif not await self._wait_for_timer(seen):
                await asyncio.sleep(0.2)

    async def end_the_permanent(self, record: Record) -> None:
        """Only people end what has no end of its own; then nothing of all this may be left anywhere."""
        approver = next(iter(APPROVERS))
        messages = self.world.slack.workspace.messages(CHANNEL)
        cards = {number_of(each): each for each in messages if not each.is_reply}
        for request in sorted({grant.request for grant in record.grants if grant.is_wanted}):
            await self.crowd.end(approver, cards[request])

    async def _wait_for_timer(self, seen: Standing) -> bool:
        """When all that is left waits for a later time, let that time come."""
        now = self.world.clock.now()
        if seen.is_held or seen.next_due is None or seen.next_due <= now + timedelta(seconds=3):
            return False
        await self.world.fleet.kill_all(counts=False)
        self.world.clock.advance(seen.next_due - now)
        await self.world.fleet.all_ready()
        return True
