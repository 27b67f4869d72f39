"""Somebody else who writes the same policies, by hand or with Terraform."""

import json
import random

from tests.chaos.weather import Weather
from tests.chaos.world import SETS, World, foreign

OFTEN, MOSTLY = 0.6, 0.9
"""How probably somebody edits after a write of the bot's. Where replicas die one after the other fewer rounds get as
far as a write; those that do meet somebody mostly."""


class Editor:
    """Somebody who writes the same policies by hand, or has Terraform do it.

    Writes right after a write of the bot's, where the bot has not read back yet; never between its read and
    its write, where AWS gives nobody a way to notice. What was written so must be there for ever, in order.
    """

    def __init__(self, world: World, rng: random.Random, weather: Weather) -> None:
        self._world = world
        self._rng = rng
        self._weather = weather
        self._chance = OFTEN if world.fleet.replicas == 1 else MOSTLY
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
            if not self._weather.is_calm.is_set() and self._rng.random() < self._chance:
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
