"""What goes wrong from outside: AWS, Slack and the database misbehave, and somebody else writes policies."""

import asyncio
import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from tests.chaos.world import SETS, World, foreign

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
    """Everything but the killer. `calm` ends it."""

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
        while not await self._pause(self.rng.uniform(6, 14)):
            self.outages += 1
            self.world.fleet.is_away = True
            if self.rng.random() < 0.3:
                await self.world.database.hang_up()
            await self.world.database.lock(self.rng.uniform(0.3, self.longest_outage))
            asyncio.get_running_loop().call_later(6, self._back, self.outages)

    def _back(self, outage: int) -> None:
        """A bot that started during the outage may give up a little later."""
        if outage == self.outages:
            self.world.fleet.is_away = False


class Editor:
    """Somebody who writes the same policies by hand, or has Terraform do it.

    Writes right after a write of the bot's, where the bot has not read back yet; never between its read and
    its write, where AWS gives nobody a way to notice. What was written so must be there for ever, in order.
    """

    def __init__(self, world: World, rng: random.Random, weather: Weather) -> None:
        self._world = world
        self._rng = rng
        self._weather = weather
        self._policies = {name: world.org.inline_policy(name) for name in SETS}
        self._clobbered = dict.fromkeys(SETS, 0)
        self._edited_at = dict.fromkeys(SETS, 0.0)
        self._writing = False
        self._number = 0
        world.org.on_change(self._look)

    def _look(self) -> None:
        """Called at every change in AWS, before whoever made it gets an answer."""
        if self._writing:
            return
        for name, before in self._policies.items():
            text = self._world.org.inline_policy(name)
            if text == before:
                continue
            self._policies[name] = text
            self._judge(name)
            if not self._weather.is_calm.is_set() and self._rng.random() < 0.4:
                self._write(name)

    def _judge(self, name: str) -> None:
        there = self._world.foreign_of(name)
        if there != self._world.foreign[name]:
            found = [each["Sid"] for each in there]
            wanted = [each["Sid"] for each in self._world.foreign[name]]
            self._world.found.append(
                f"a write of {name} left foreign statements {found} of {wanted}: {self._last_calls(name)}"
            )
            self._world.foreign[name] = there

    def _last_calls(self, name: str) -> str:
        """How it came: the reads and writes of this policy before, and how long ago."""
        arn = self._world.org.permission_set(name).arn
        calls = [
            call
            for call in self._world.aws.calls.of("sso-admin")
            if "InlinePolicy" in call.operation and call.parameters.get("PermissionSetArn") == arn
        ]
        return (
            ", ".join(
                f"{call.at - calls[-1].at:+.2f} {call.operation[:3]} {call.outcome or 'now'}"
                for call in calls[-6:]
            )
            + f", the edit {self._edited_at[name] - calls[-1].at:+.2f}"
        )

    def _write(self, name: str) -> None:
        text = self._world.org.inline_policy(name)
        statements = json.loads(text)["Statement"] if text else []
        added = [each for each in statements if str(each.get("Sid", "")).startswith("ByHand")]
        if len(added) >= 2:
            statements.remove(self._rng.choice(added))
        else:
            self._number += 1
            statements.insert(self._rng.randrange(len(statements) + 1), foreign(f"ByHand{self._number}"))
        if self._rng.random() < 0.3 and self._clobbered[name] < 3:
            # Terraform writes the document that it knows, and what it does not know is gone.
            statements = [each for each in statements if not str(each["Sid"]).startswith("WorkbenchAccess")]
            self._clobbered[name] += 1
            self._weather.clobberings += 1
        else:
            self._clobbered[name] = 0
        self._weather.edits += 1
        self._edited_at[name] = self._world.org.clock()
        self._writing = True
        try:
            self._world.org.console_edit(name, {"Version": "2012-10-17", "Statement": statements})
        finally:
            self._writing = False
        self._policies[name] = self._world.org.inline_policy(name)
        self._world.foreign[name] = self._world.foreign_of(name)
