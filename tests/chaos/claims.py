"""What people could read at each moment, and what AWS had said by then."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from bot.domain.statements import ManagedStatement, outlasts, parse_managed
from bot.sandbox.slack.records import Content, Message
from tests.chaos.world import World

ACCOUNT = re.compile(r"\b(\d{12})\b")
ROLE = re.compile(r"`([\w-]+)`")
ANY = "*"
"""In a claim: some account, some role, at least one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """This account got the set with these managed statements."""

    permission_set: str
    account: str
    at: float
    said_at: float
    """When AWS first told the bot that it had succeeded."""
    statements: tuple[ManagedStatement, ...]

    def allows(self, role_arn: str, person: str | None, at: float) -> bool:
        """Whether it is allowed at that moment, on whoever's behalf."""
        return self.covers(role_arn, person, datetime.fromtimestamp(at, UTC))

    def covers(self, role_arn: str, person: str | None, ends_at: datetime | None) -> bool:
        return any(
            role_arn in each.resources
            and (not each.people or person in each.people)
            and outlasts(each.ends_at, ends_at)
            for each in self.statements
        )


def arrivals(world: World) -> list[Arrival]:
    """Every account that a provisioning reached, and when AWS first said so."""
    said: dict[str, float] = {}
    requests = world.org.provisioning.requests
    for call in world.aws.calls.of("sso-admin", "DescribePermissionSetProvisioningStatus"):
        number = str(call.parameters.get("ProvisionPermissionSetRequestId"))
        request = requests.get(number)
        if request is None or request.finished_at is None or call.outcome != "ok":
            continue
        # A call that hung was answered later than it came.
        said.setdefault(number, max(request.finished_at, call.at))
    names = {each.arn: each.name for each in world.org.permission_sets.values()}
    return [
        Arrival(
            permission_set=names[request.permission_set],
            account=step.account,
            at=step.ends_at,
            said_at=said.get(request.id, float("inf")),
            statements=managed(request.snapshot.inline_policy),
        )
        for request in requests.values()
        if request.status == "SUCCEEDED"
        for step in request.steps
    ]


def managed(text: str) -> tuple[ManagedStatement, ...]:
    statements = json.loads(text)["Statement"] if text else []
    return tuple(
        parse_managed(each) for each in statements if str(each.get("Sid", "")).startswith("WorkbenchAccess")
    )


def key_of(message: Message) -> str | None:
    """The key in the metadata of the first content; an edit may not change it."""
    metadata = message.versions[0].metadata or {}
    return (metadata.get("event_payload") or {}).get("key")


def claims(content: Content) -> set[tuple[str, str]]:
    """(account, role) of everything that this content calls granted, done or CONFIGURED."""
    found: set[tuple[str, str]] = set()
    for block in content.blocks:
        if block["type"] == "table":
            found |= _in_table(block)
    account = ""
    for line in _lines(content.blocks):
        accounts = ACCOUNT.findall(line)
        if "✅ *Granted*" in line:
            found.add((ANY, ANY))
        elif line.startswith("•"):
            if "✅ Granted" in line:
                found |= {(account, role) for role in ROLE.findall(line)}
        elif line.startswith("✅ Done") and accounts:
            found.add((accounts[-1], ANY))
        elif accounts:
            account = accounts[-1]
    return found


def _in_table(block: dict[str, Any]) -> set[tuple[str, str]]:
    found = set()
    for row in block["rows"][1:]:
        cells = ["\n".join(_texts(cell)) for cell in row]
        if any("CONFIGURED" in cell for cell in cells):
            where = next(i for i, cell in enumerate(cells) if ACCOUNT.search(cell))
            account = ACCOUNT.search(cells[where])
            assert account is not None
            found.add((account[1], cells[where + 1]))
    return found


def _lines(blocks: Any) -> Iterator[str]:
    for text in _texts(blocks):
        yield from text.split("\n")


def _texts(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "text" and isinstance(value, str):
                yield value
            else:
                yield from _texts(value)
    elif isinstance(node, list):
        for item in node:
            yield from _texts(item)
