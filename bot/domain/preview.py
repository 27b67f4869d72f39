"""What approving would change in a policy, for the card and for the question whether it fits."""

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from bot.domain.errors import Code, Refusal
from bot.domain.policy import check_writable, managed, merge, parse, serialise, size_bytes
from bot.domain.policy_diff import unified_diff
from bot.domain.statements import Want, desired_statements


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """The change as it would be made now. `code` says why it cannot be made, None when it can."""

    diff: str = ""
    bytes_before: int = 0
    bytes_after: int = 0
    code: Code | None = None
    detail: str = ""
    """What belongs to `code`: the altered Sid, why the policy is unreadable, or the size it would have."""


def preview(document: str, wants: Iterable[Want], *, ours: AbstractSet[str]) -> Preview:
    """Add `wants` to the policy as it was read; `ours` are the Sids that this database has written."""
    before = size_bytes(document)
    try:
        policy = parse(document)
        present = [want for each in managed(policy) if each.sid in ours for want in each.wants]
    except Refusal as refusal:
        detail = str(refusal.facts.get("sid") or refusal.facts.get("detail") or "")
        return Preview(code=refusal.code, detail=detail, bytes_before=before, bytes_after=before)
    merged = merge(policy, desired=desired_statements([*present, *wants]), removable=ours)
    if merged == policy:
        return Preview(bytes_before=before, bytes_after=before)
    after = serialise(merged)
    code, detail = None, ""
    try:
        check_writable(after)
    except Refusal as refusal:
        code, detail = refusal.code, str(refusal.facts.get("size", ""))
    return Preview(
        diff=unified_diff(document, after),
        bytes_before=before,
        bytes_after=size_bytes(after),
        code=code,
        detail=detail,
    )
