"""What goes wrong from outside all the time: AWS, Slack and the database misbehave for a moment."""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from tests.chaos.world import World

WRITES = ("PutInlinePolicyToPermissionSet", "ProvisionPermissionSet")
READS = (
    "GetInlinePolicyForPermissionSet",
    "DescribePermissionSetProvisioningStatus",
    "ListAccountsForProvisionedPermissionSet",
    "ListAccountAssignments",
)
ANY_CALL = (*WRITES, *READS)
MESSAGES = ("chat.postMessage", "chat.update", "chat.postEphemeral")
LOOKS = ("users.info", "usergroups.users.list", "conversations.history", "conversations.replies")
AT_ONCE = 4
"""Faults that lie in wait at a time."""


@dataclass(slots=True, kw_only=True)
class Weather:
    """Small faults without end, until `calm`."""

    world: World
    rng: random.Random
    longest_outage: float = 2.5
    """Seconds for which the database is away."""
    is_calm: asyncio.Event = field(default_factory=asyncio.Event)
    faults: int = 0
    outages: int = 0
    edits: int = 0
    clobberings: int = 0

    async def blow(self) -> None:
        async with asyncio.TaskGroup() as everything:
            everything.create_task(self._often(0.25, self._slack))
            everything.create_task(self._often(0.4, self._aws))
            everything.create_task(self._database())

    def calm(self) -> None:
        self.is_calm.set()
        self.world.slack.faults.clear()
        self.world.aws.faults.clear()
        self.world.org.provisioning._fail_next.clear()

    async def _often(self, mean: float, strike: Callable[[], None]) -> None:
        while not await self._pause(self.rng.expovariate(1 / mean)):
            strike()

    async def _pause(self, seconds: float) -> bool:
        """True once it is calm."""
        try:
            async with asyncio.timeout(seconds):
                await self.is_calm.wait()
        except TimeoutError:
            return False
        return True

    def _slack(self) -> None:
        faults, rng = self.world.slack.faults, self.rng
        if sum(each.times > 0 for each in faults.waiting) >= AT_ONCE:
            return
        self.faults += 1
        method = rng.choice((*MESSAGES, *MESSAGES, *LOOKS))
        when: Literal["before", "after"] = "before" if rng.random() < 0.3 else "after"
        match rng.choice(("limit", "error", "hang", "drop", "drop")):
            case "limit":
                faults.rate_limit(method, retry_after=1)
            case "error":
                faults.server_error(method, status=rng.choice((500, 503)), when=when)
            case "hang":
                faults.hang(method, seconds=rng.uniform(0.3, 2.5), when=when)
            case _:
                faults.drop(method, when=when)

    def _aws(self) -> None:
        faults, rng = self.world.aws.faults, self.rng
        if sum(fault.times != 0 for fault in faults._faults) >= AT_ONCE:
            return
        self.faults += 1
        # What has been used up and keeps nobody waiting is only in the way.
        faults._faults[:] = [fault for fault in faults._faults if fault.times != 0 or "hang" in fault.kind]
        operation = rng.choice((*WRITES, *ANY_CALL))
        match rng.choice(("throttle", "conflict", "error", "http", "hang", "drop", "drop", "failed")):
            case "throttle":
                faults.fail("sso-admin", operation, code="ThrottlingException", message="Rate exceeded")
            case "conflict":
                faults.fail(
                    "sso-admin", rng.choice(WRITES), code="ConflictException", times=rng.choice((1, 4))
                )
            case "error":
                faults.fail("sso-admin", operation, code="InternalServerException")
            case "http":
                faults.http("sso-admin", operation, status=rng.choice((500, 503)))
            case "hang":
                # A write that a dead process has sent must not arrive after its successor's.
                faults.hang("sso-admin", rng.choice(READS), seconds=rng.uniform(0.3, 2.5))
            case "drop":
                faults.drop("sso-admin", operation, when="before" if rng.random() < 0.3 else "after")
            case _:
                if rng.random() < 0.4:
                    self.world.org.provisioning.fail_next("Received a 404 status error: not this time.")

    async def _database(self) -> None:
        """Short outages, many of them; the long ones are spells."""
        while not await self._pause(self.rng.uniform(6, 14)):
            self.outages += 1
            with self.world.fleet.without_database():
                if self.rng.random() < 0.3:
                    await self.world.database.hang_up()
                await self.world.database.lock(self.rng.uniform(0.3, self.longest_outage))
