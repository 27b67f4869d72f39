"""Managed statements: what the grants want, as the few statements that the bot owns in an inline policy.

The shape is fixed (facts: aws.md, section 3(b)): Effect Allow, Action `sts:AssumeRole`, whole role ARNs
without wildcards, and no condition but an end (`aws:CurrentTime`) and the people it is for
(`identitystore:UserId`). The Sid carries a hash of the content, so a managed statement that somebody edited
by hand gives itself away.
"""

import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from bot.domain.errors import Code, Refusal
from bot.domain.names import IdentityUserId, RoleArn

MANAGED_SID_PREFIX: Final = "WorkbenchAccess"
"""A statement whose Sid begins so is the bot's; every other statement is foreign and never touched."""

ACTION: Final = "sts:AssumeRole"
QUARTER: Final = timedelta(minutes=15)
"""Ends are rounded up to this, so that grants of one morning share a statement."""

_OPERATORS: Final = frozenset({"DateLessThan", "StringEquals"})
_SID_HASH_CHARACTERS: Final = 16
_BEGINNING: Final = datetime.min.replace(tzinfo=UTC)
# IAM role names and paths, without anything that IAM would read as a wildcard or as a policy variable.
_ROLE_ARN: Final = re.compile(r"arn:aws[a-z-]*:iam::[0-9]{12}:role/[A-Za-z0-9+=,.@_/-]+")
_PERSON: Final = re.compile(r"[A-Za-z0-9+=,.@_-]+")
_INSTANT: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")


class AlteredStatement(Refusal):
    """A managed Sid does not say what the bot wrote under it; only Repair or Adopt may touch it."""

    def __init__(self, sid: str) -> None:
        super().__init__(Code.MANAGED_STATEMENT_ALTERED, sid=sid)
        self.sid = sid


def _checked_arn(arn: RoleArn) -> RoleArn:
    if not _ROLE_ARN.fullmatch(arn):
        raise ValueError(f"not the ARN of one role: {arn!r}")
    return arn


def _checked_person(person: IdentityUserId) -> IdentityUserId:
    if not _PERSON.fullmatch(person):
        raise ValueError(f"not the id of one Identity Center user: {person!r}")
    return person


def _checked_end(ends_at: datetime | None) -> datetime | None:
    if ends_at is None:
        return None
    if ends_at.utcoffset() is None or ends_at.microsecond:
        raise ValueError(f"an end is aware and a whole second: {ends_at!r}")
    return ends_at.astimezone(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Want:
    """One thing that a grant wants allowed: a role, for one person or everyone with the set, until an end.

    Raises ValueError for an ARN with a wildcard, an empty person, and an end that is naive or not a whole
    second: none of them can be written down as a managed statement without changing what it means.
    """

    role_arn: RoleArn
    person: IdentityUserId | None
    """None: everyone with the permission set."""
    ends_at: datetime | None
    """The first instant at which it is no longer allowed, aware UTC; None: permanent."""

    def __post_init__(self) -> None:
        _checked_arn(self.role_arn)
        if self.person is not None:
            _checked_person(self.person)
        object.__setattr__(self, "ends_at", _checked_end(self.ends_at))


@dataclass(frozen=True, slots=True, kw_only=True)
class ManagedStatement:
    """One statement that the bot owns: all roles that the same people may assume until the same end.

    Resources and people are sorted and unique whatever order they are given in. Raises ValueError like
    `Want`, and without resources.
    """

    resources: tuple[RoleArn, ...]
    people: tuple[IdentityUserId, ...]
    """Empty: everyone with the permission set."""
    ends_at: datetime | None
    """Aware UTC, whole seconds; None: permanent."""

    def __post_init__(self) -> None:
        if not self.resources:
            raise ValueError("a managed statement names at least one role")
        object.__setattr__(self, "resources", tuple(sorted({_checked_arn(arn) for arn in self.resources})))
        object.__setattr__(self, "people", tuple(sorted({_checked_person(one) for one in self.people})))
        object.__setattr__(self, "ends_at", _checked_end(self.ends_at))

    @property
    def sid(self) -> str:
        """`WorkbenchAccess` and 16 hexadecimal digits of a hash: equal content, equal Sid."""
        text = json.dumps(self._content(), sort_keys=True, separators=(",", ":"))
        return MANAGED_SID_PREFIX + hashlib.sha256(text.encode()).hexdigest()[:_SID_HASH_CHARACTERS]

    @property
    def order(self) -> tuple[bool, datetime, tuple[str, ...], tuple[str, ...]]:
        """Where it stands among other managed statements: permanent first, then by end, people and roles."""
        return (self.ends_at is not None, self.ends_at or _BEGINNING, self.people, self.resources)

    @property
    def wants(self) -> tuple[Want, ...]:
        """What it allows, one by one: the inverse of `desired_statements`."""
        return tuple(
            Want(role_arn=arn, person=person, ends_at=self.ends_at)
            for arn in self.resources
            for person in (self.people or (None,))
        )

    def to_json(self) -> dict[str, object]:
        """The statement as it is written into the policy, Sid first."""
        return {"Sid": self.sid, **self._content()}

    def _content(self) -> dict[str, object]:
        content: dict[str, object] = {"Effect": "Allow", "Action": ACTION, "Resource": list(self.resources)}
        condition: dict[str, object] = {}
        if self.ends_at is not None:
            ends_at = self.ends_at.isoformat(timespec="seconds").replace("+00:00", "Z")
            condition["DateLessThan"] = {"aws:CurrentTime": ends_at}
        if self.people:
            people = self.people[0] if len(self.people) == 1 else list(self.people)
            condition["StringEquals"] = {"identitystore:UserId": people}
        if condition:
            content["Condition"] = condition
        return content


def parse_managed(raw: Mapping[str, object]) -> ManagedStatement:
    """Read a managed statement back; order and string-or-list are forgiven, since other tools normalise them.

    Raises AlteredStatement if it is not of the bot's shape otherwise, or does not hash to its Sid.
    """
    sid = raw.get("Sid")
    try:
        statement = _read(raw)
    except ValueError as error:
        raise AlteredStatement(str(sid)) from error
    if statement.sid != sid:
        raise AlteredStatement(str(sid))
    return statement


def is_altered(raw: Mapping[str, object]) -> bool:
    """Whether a statement with a managed Sid was edited by a hand other than the bot's."""
    try:
        parse_managed(raw)
    except AlteredStatement:
        return True
    return False


def _read(raw: Mapping[str, object]) -> ManagedStatement:
    members = set(raw) - {"Condition"}
    if members != {"Sid", "Effect", "Action", "Resource"} or raw["Effect"] != "Allow":
        raise ValueError("members")
    if _strings(raw["Action"]) != [ACTION]:
        raise ValueError("action")
    people: list[str] = []
    ends_at: datetime | None = None
    if "Condition" in raw:
        condition = raw["Condition"]
        if not isinstance(condition, dict) or not condition or condition.keys() - _OPERATORS:
            raise ValueError("condition")
        if "DateLessThan" in condition:
            ends_at = _instant(_strings(_only(condition["DateLessThan"], "aws:CurrentTime")))
        if "StringEquals" in condition:
            people = _strings(_only(condition["StringEquals"], "identitystore:UserId"))
    return ManagedStatement(
        resources=tuple(RoleArn(arn) for arn in _strings(raw["Resource"])),
        people=tuple(IdentityUserId(person) for person in people),
        ends_at=ends_at,
    )


def _only(block: object, key: str) -> object:
    if not isinstance(block, dict) or list(block) != [key]:
        raise ValueError("condition key")
    return block[key]


def _strings(value: object) -> list[str]:
    """A string or a list of distinct strings, never empty: an empty list of people must not mean everyone."""
    items = value if isinstance(value, list) else [value]
    strings = [item for item in items if isinstance(item, str)]
    if not items or len(strings) != len(items) or len(set(strings)) != len(strings):
        raise ValueError("strings")
    return strings


def _instant(texts: list[str]) -> datetime:
    if len(texts) != 1 or not _INSTANT.fullmatch(texts[0]):
        raise ValueError("instant")
    return datetime.fromisoformat(texts[0])


def outlasts(ends_at: datetime | None, other: datetime | None) -> bool:
    """Whether one end is at least as late as the other; None never ends."""
    return ends_at is None or (other is not None and ends_at >= other)


def desired_statements(wants: Iterable[Want]) -> tuple[ManagedStatement, ...]:
    """The managed statements that allow what any of the wants allows and nothing else, in a fixed order.

    For one (role, person) only the latest end stands; an everyone-want swallows what ends no later for one
    person; people with the same roles until the same end share a statement. Their order does not matter.
    """
    ends: dict[tuple[RoleArn, IdentityUserId | None], datetime | None] = {}
    for want in wants:
        key = (want.role_arn, want.person)
        if key not in ends or outlasts(want.ends_at, ends[key]):
            ends[key] = want.ends_at

    roles: defaultdict[tuple[datetime | None, IdentityUserId | None], set[RoleArn]] = defaultdict(set)
    for (arn, person), ends_at in ends.items():
        swallowed = person is not None and (arn, None) in ends and outlasts(ends[arn, None], ends_at)
        if not swallowed:
            roles[ends_at, person].add(arn)

    statements: list[ManagedStatement] = []
    people: defaultdict[tuple[datetime | None, frozenset[RoleArn]], set[IdentityUserId]] = defaultdict(set)
    for (ends_at, person), arns in roles.items():
        if person is None:
            statements.append(ManagedStatement(resources=tuple(arns), people=(), ends_at=ends_at))
        else:
            people[ends_at, frozenset(arns)].add(person)
    statements += [
        ManagedStatement(resources=tuple(arns), people=tuple(some), ends_at=ends_at)
        for (ends_at, arns), some in people.items()
    ]
    return tuple(sorted(statements, key=lambda statement: statement.order))


def ends_at_for(decided_at: datetime, span: timedelta | None) -> datetime | None:
    """When access decided at `decided_at` (aware) ends: rounded up to the next quarter of an hour, UTC.

    None for a permanent grant. Raises ValueError for a naive instant or a span that is not positive.
    """
    if span is None:
        return None
    if decided_at.utcoffset() is None or span <= timedelta(0):
        raise ValueError("needs an aware instant and a positive span")
    end = decided_at.astimezone(UTC) + span
    begun = end.replace(minute=end.minute - end.minute % 15, second=0, microsecond=0)
    return begun if begun == end else begun + QUARTER
