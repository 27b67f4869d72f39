"""What a change of the inline policy is: for people a diff, for the engine a proof that it is minimal.

`check_minimal` shares no code with `policy.parse` and `policy.merge`. It looks at the two documents as text
that came from anywhere, so that a mistake of the merge ends in an exception instead of in AWS.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from difflib import SequenceMatcher
from typing import Any

from bot.domain.names import IdentityUserId, RoleArn
from bot.domain.policy import Policy, parse
from bot.domain.statements import (
    MANAGED_SID_PREFIX,
    AlteredStatement,
    ManagedStatement,
    Want,
    is_altered,
    outlasts,
    parse_managed,
)
from bot.domain.strict_json import dump, load

_CONTEXT_LINES = 3


class NotMinimal(Exception):
    """A change would do more than was asked; nothing may be put. `reason` names Sids, never a policy."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What happens to the managed statements between two policies."""

    added: tuple[ManagedStatement, ...]
    removed: tuple[ManagedStatement, ...]
    repaired: tuple[str, ...] = ()
    """Sids of statements edited by hand that are rewritten or dropped."""


def unified_diff(before: str, after: str) -> str:
    """The hunks of a unified diff of two documents, indented for people; empty if they say the same.

    Members keep their order and a single Statement object is shown as a list of one, so that white space and
    that spelling are no difference. Raises PolicyUnreadable.
    """
    old, new = _pretty(before), _pretty(after)
    # Without autojunk: it takes the lines that every statement has for noise and tears statements apart.
    matcher = SequenceMatcher(None, old, new, autojunk=False)
    lines: list[str] = []
    for group in matcher.get_grouped_opcodes(_CONTEXT_LINES):
        first, last = group[0], group[-1]
        lines.append(f"@@ -{_span(first[1], last[2])} +{_span(first[3], last[4])} @@")
        for tag, old_from, old_to, new_from, new_to in group:
            if tag == "equal":
                lines += [" " + line for line in old[old_from:old_to]]
                continue
            lines += ["-" + line for line in old[old_from:old_to]]
            lines += ["+" + line for line in new[new_from:new_to]]
    return "\n".join(lines)


def _pretty(document: str) -> list[str]:
    policy = parse(document)
    if not policy.statements:
        return []
    members: list[tuple[str, object]] = [(name, load(text)) for name, text in policy.head]
    members.insert(policy.statement_at, ("Statement", [statement.raw for statement in policy.statements]))
    return dump(dict(members), indent=2).split("\n")


def _span(start: int, stop: int) -> str:
    length = stop - start
    return f"{start + 1 if length else start}" + ("" if length == 1 else f",{length}")


def change(before: Policy, after: Policy) -> Change:
    """What comes and goes. Raises AlteredStatement if a statement that comes is not of the managed shape."""
    old, new = _managed_texts(before), _managed_texts(after)
    gone = [raw for text, raw in old.items() if text not in new]
    return Change(
        added=tuple(parse_managed(raw) for text, raw in new.items() if text not in old),
        removed=tuple(parse_managed(raw) for raw in gone if not is_altered(raw)),
        repaired=tuple(str(raw["Sid"]) for raw in gone if is_altered(raw)),
    )


def added_permissions(before: Policy, after: Policy) -> tuple[Want, ...]:
    """What managed statements of `after` allow beyond those of `before`, one by one, in a fixed order.

    A later end counts as a whole. Raises AlteredStatement like `change`.
    """
    allowed = _Allowed(want for raw in _managed_texts(before).values() for want in _wants_of(raw))
    added = [want for statement in change(before, after).added for want in statement.wants]
    return tuple(want for want in added if not allowed.covers(want))


def _managed_texts(policy: Policy) -> dict[str, Mapping[str, object]]:
    return {statement.text: statement.raw for statement in policy.statements if statement.is_managed}


def _wants_of(raw: Mapping[str, object]) -> tuple[Want, ...]:
    """What a managed statement allows; nothing where it was edited by hand, since that proves nothing."""
    return () if is_altered(raw) else parse_managed(raw).wants


_Ends = dict[tuple[RoleArn, IdentityUserId | None], datetime | None]


class _Allowed:
    """Per role and person the latest end among wants."""

    def __init__(self, wants: Iterable[Want]) -> None:
        self._ends: _Ends = {}
        for want in wants:
            key = (want.role_arn, want.person)
            if key not in self._ends or outlasts(want.ends_at, self._ends[key]):
                self._ends[key] = want.ends_at

    def covers(self, want: Want) -> bool:
        return any(
            key in self._ends and outlasts(self._ends[key], want.ends_at)
            for key in ((want.role_arn, want.person), (want.role_arn, None))
        )


def check_minimal(
    before: str,
    after: str,
    *,
    allowed: Iterable[Want],
    removable: AbstractSet[str] | None = None,
    repair: bool = False,
) -> None:
    """Prove that putting `after` in place of `before` does nothing but what was asked; run before every Put.

    Everything that is not managed is equal, type by type, and in the same order; managed statements that are
    new are exactly of the bot's shape and allow nothing beyond `allowed` and what the managed statements of
    `before` allowed. With `removable`, only these Sids may go. Statements edited by hand stay unless
    `repair`. Raises NotMinimal.
    """
    old, new = _Document(before), _Document(after)
    if new.statements and new.head != (old.head if old.statements else _NEW_HEAD):
        raise NotMinimal("a member beside Statement differs")
    if old.foreign() != new.foreign():
        raise NotMinimal("a foreign statement differs, or their order")
    _check_removals(old, new, removable, repair=repair)
    _check_additions(old, new, allowed)


_NEW_HEAD = (("Version", "2012-10-17"),)
"""All that a policy of the bot's own making has beside Statement."""


class _Document:
    """Each statement as a strict value, equal only if it was written equal, and as plain JSON."""

    def __init__(self, document: str) -> None:
        self.head: tuple[object, ...] = ()
        self.statements: list[tuple[object, Mapping[str, object]]] = []
        if not document.strip(" \t\r\n"):
            return
        try:
            plain = json.loads(document, object_pairs_hook=_no_key_twice)
            strict = json.loads(
                document,
                object_pairs_hook=_Pairs,
                parse_int=_Number,
                parse_float=_Number,
                parse_constant=_Number,
            )
        except (ValueError, RecursionError) as error:
            raise NotMinimal("not JSON") from error
        if not isinstance(strict, _Pairs) or not isinstance(plain, dict):
            raise NotMinimal("not an object")
        self.head = tuple((name, value) for name, value in strict if name != "Statement")
        bodies = _listed(dict(strict).get("Statement"))
        if not all(isinstance(body, _Pairs) for body in bodies):
            raise NotMinimal("no Statement, or of another type")
        self.statements = list(zip(bodies, _listed(plain["Statement"]), strict=True))
        sids = [raw["Sid"] for _, raw in self.statements if raw.get("Sid")]
        if any(sids.count(sid) > 1 for sid in sids):
            raise NotMinimal("a Sid twice")

    def foreign(self) -> list[object]:
        return [strict for strict, raw in self.statements if not _is_managed(raw)]

    def managed(self) -> Iterator[tuple[object, Mapping[str, object]]]:
        return ((strict, raw) for strict, raw in self.statements if _is_managed(raw))


class _Pairs(tuple[tuple[str, object], ...]):
    """A JSON object with all that Python's dict forgets: the order, and a key that stands twice."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class _Number:
    """A JSON number as it was written."""

    text: str


def _no_key_twice(pairs: list[tuple[str, object]]) -> dict[str, object]:
    if len(dict(pairs)) != len(pairs):
        raise NotMinimal("a key twice")
    return dict(pairs)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _is_managed(raw: Mapping[str, object]) -> bool:
    sid = raw.get("Sid")
    return isinstance(sid, str) and sid.startswith(MANAGED_SID_PREFIX)


def _check_removals(
    old: _Document, new: _Document, removable: AbstractSet[str] | None, *, repair: bool
) -> None:
    kept = [strict for strict, _ in new.managed()]
    sids = {raw["Sid"] for _, raw in new.managed()}
    for strict, raw in old.managed():
        sid = str(raw["Sid"])
        if strict in kept:
            continue
        if is_altered(raw) and not repair:
            raise NotMinimal(f"{sid} was edited by hand and would be touched")
        if sid not in sids and removable is not None and sid not in removable:
            raise NotMinimal(f"{sid} is not ours to remove")


def _check_additions(old: _Document, new: _Document, allowed: Iterable[Want]) -> None:
    present = [strict for strict, _ in old.managed()]
    covered = _Allowed([*allowed, *(want for _, raw in old.managed() for want in _wants_of(raw))])
    for strict, raw in new.managed():
        if strict in present:
            continue
        try:
            wants = parse_managed(raw).wants
        except AlteredStatement as error:
            raise NotMinimal(f"{error.sid} is not of the managed shape") from error
        if not all(covered.covers(want) for want in wants):
            raise NotMinimal(f"{raw['Sid']} allows more than was asked for")
