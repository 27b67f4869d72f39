"""Does the inline policy let somebody assume a role? Yes, no or unknown, for `sts:AssumeRole` alone.

A small part of IAM's evaluation (aws.md, section 2.2): explicit deny wins, wildcards in actions and
resources, conditions on the time, the person, the accounts and what else the caller knows of the session.
Everything else, malformed pieces too, is unknown, which is never turned into yes or no by guessing.
"""

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from bot.domain.conditions import (
    TEXT_OPERATORS,
    TEXT_OPERATORS_NEGATED,
    Context,
    Known,
    answer_of,
    holds,
    strings,
)
from bot.domain.names import AccountId, IdentityUserId, RoleArn
from bot.domain.policy import Policy, Statement
from bot.domain.statements import ACTION, outlasts
from bot.domain.three_valued import Answer, all_of, any_of, like, opposite

__all__ = ["Answer", "Coverage", "Verdict", "coverage", "evaluate"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """Whether something is allowed now, and for how long."""

    answer: Answer
    ends_at: datetime | None = None
    """With YES: aware UTC, or None if it does not end. Otherwise None."""

    def lasts(self, ends_at: datetime | None) -> bool:
        """Whether it is allowed until `ends_at` at least (None: for good)."""
        return self.answer is Answer.YES and outlasts(self.ends_at, ends_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The answer of the inline policy alone, and the statements behind it (None: one without Sid)."""

    allowed: Answer
    """Allowed by a statement and denied by none."""
    allowed_by: tuple[str | None, ...]
    """Allow statements that apply; if none surely does, those of which it is unknown."""
    foreign_allows: Answer
    """Whether statements of others alone allow it; see `coverage`."""
    foreign_allows_until: datetime | None
    denied: Answer
    denied_by: tuple[str | None, ...]
    """Deny statements that apply; if none surely does, those of which it is unknown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Query:
    role_arn: RoleArn
    person: IdentityUserId | None
    at: datetime
    variables: bool
    """Whether the policy's version gives `${…}` a meaning."""
    context: Context


@dataclass(frozen=True, slots=True, kw_only=True)
class _Match:
    """Whether a statement, or a part of it, applies to a query."""

    answer: Answer
    ends_at: datetime | None = None
    """When it stops to apply by a date condition."""
    plain: bool = True
    """Without conditions, or with conditions on the time and the person only."""


def evaluate(
    policy: Policy,
    *,
    role_arn: RoleArn,
    person: IdentityUserId | None,
    at: datetime,
    account: AccountId,
    context: Context | None = None,
) -> Verdict:
    """The verdict for one person (None: everyone) who uses the set in `account`, at an aware instant.

    For everyone, a statement that allows some people only is a NO, and one that denies some people is
    UNKNOWN: whether these hold the set is not written in the policy. `context` has further condition keys
    that are known, as `SsoSession.context`.
    """
    query = _query(policy, role_arn, person, at, account, context)
    matches = [(statement, _applies(statement, query)) for statement in policy.statements]
    allows = [(statement.sid, match.answer) for statement, match in matches if statement.allows]
    denies = [(statement.sid, match.answer) for statement, match in matches if not statement.allows]
    denied = any_of(answer for _, answer in denies)
    foreign = coverage(
        policy, role_arn=role_arn, person=person, at=at, account=account, managed=False, context=context
    )
    return Verdict(
        allowed=all_of((any_of(answer for _, answer in allows), opposite(denied))),
        allowed_by=_behind(allows),
        foreign_allows=foreign.answer,
        foreign_allows_until=foreign.ends_at,
        denied=denied,
        denied_by=_behind(denies),
    )


def coverage(
    policy: Policy,
    *,
    role_arn: RoleArn,
    person: IdentityUserId | None,
    at: datetime,
    account: AccountId,
    managed: bool | None = None,
    context: Context | None = None,
) -> Coverage:
    """Whether it is already allowed, and until when: by managed statements, by foreign ones, or by any.

    Only statements without conditions, or with conditions on the time and the person, give a YES; the latest
    end stands. A Deny, whoever wrote it, counts against it.
    """
    query = _query(policy, role_arn, person, at, account, context)
    matches = [(statement, _applies(statement, query)) for statement in policy.statements]
    denied = any_of(match.answer for statement, match in matches if not statement.allows)
    allows = [
        match if match.plain or match.answer is not Answer.YES else _UNKNOWN
        for statement, match in matches
        if statement.allows and managed in (None, statement.is_managed)
    ]
    answer = all_of((any_of(match.answer for match in allows), opposite(denied)))
    if answer is not Answer.YES:
        return Coverage(answer=answer)
    ends = [match.ends_at for match in allows if match.answer is Answer.YES]
    return Coverage(answer=answer, ends_at=_latest(ends))


def _query(
    policy: Policy,
    role_arn: RoleArn,
    person: IdentityUserId | None,
    at: datetime,
    account: AccountId,
    context: Context | None,
) -> _Query:
    known = {
        "aws:resourceaccount": Known(text=role_arn.split(":")[4]),
        "aws:principalaccount": Known(text=account),
    }
    variables = policy.version == VERSION_WITH_VARIABLES
    return _Query(
        role_arn=role_arn, person=person, at=at, variables=variables, context={**(context or {}), **known}
    )


def _latest(ends: list[datetime | None]) -> datetime | None:
    return max((end for end in ends if end is not None), default=None) if None not in ends else None


def _behind(answers: list[tuple[str | None, Answer]]) -> tuple[str | None, ...]:
    overall = any_of(answer for _, answer in answers)
    return () if overall is Answer.NO else tuple(sid for sid, answer in answers if answer is overall)


def _applies(statement: Statement, query: _Query) -> _Match:
    """Whether a statement, Allow or Deny, applies to the query; all its parts have to."""
    raw = statement.raw
    parts = [
        # IAM refuses Principal here; a member that we do not know might mean anything.
        _Match(answer=Answer.YES) if raw.keys() <= _MEMBERS else _UNKNOWN,
        _Match(answer=one_of(raw, "Action", "NotAction", names_action)),
        _Match(answer=one_of(raw, "Resource", "NotResource", lambda each: _names_resource(each, query))),
    ]
    condition = raw.get("Condition", {})
    blocks = condition.items() if isinstance(condition, dict) else [("", None)]
    for name, block in blocks:
        if not isinstance(block, dict):
            parts.append(_UNKNOWN)
            continue
        parts += [_condition(name, key, value, query, statement.allows) for key, value in block.items()]
    return _Match(
        answer=all_of(part.answer for part in parts),
        ends_at=min((part.ends_at for part in parts if part.ends_at is not None), default=None),
        plain=all(part.plain for part in parts),
    )


def one_of(raw: Mapping[str, object], name: str, negated: str, matches: Callable[[str], Answer]) -> Answer:
    """Action or NotAction, Resource or NotResource: exactly one of the two stands in a statement."""
    if (name in raw) == (negated in raw):
        return Answer.UNKNOWN
    values = strings(raw[name] if name in raw else raw[negated])
    answer = any_of(map(matches, values)) if values else Answer.UNKNOWN
    return answer if name in raw else opposite(answer)


def names_action(pattern: str) -> Answer:
    """Whether a pattern of actions, whose case does not matter, matches `sts:AssumeRole`."""
    return answer_of(like(pattern.lower(), ACTION.lower()))


def _names_resource(pattern: str, query: _Query) -> Answer:
    """IAM compares each field of an ARN on its own, and takes a field that is missing at the end for `*`.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html
    """
    if query.variables and "${" in pattern:
        # Whatever a variable stands for: if not even a star in its place matches, the pattern does not.
        return Answer.UNKNOWN if like(_VARIABLE.sub("*", pattern), query.role_arn) else Answer.NO
    wanted, actual = pattern.split(":", 5), query.role_arn.split(":", 5)
    fields = pattern.startswith("arn:") and all(map(like, wanted, actual[: len(wanted)]))
    if fields or pattern == "*":
        return Answer.YES
    # A star that had to span fields: IAM does not say that it never does.
    return Answer.UNKNOWN if like(pattern, query.role_arn) else Answer.NO


def _condition(operator_name: str, key: str, value: object, query: _Query, allows: bool) -> _Match:
    """One key of one operator. Keys have no case; every key that we know is always present."""
    name = operator_name.removesuffix("IfExists")
    known = key.lower()
    if known == "aws:currenttime":
        values = strings(value)
        if name not in _DATES or not values:
            return _UNKNOWN
        return _date_condition(_DATES[name], name.startswith("DateLess"), values, query)
    if known == "identitystore:userid":
        return _Match(answer=_person_condition(name, value, query, allows))
    answer = holds(operator_name, key, value, query.context, variables=query.variables)
    return _Match(answer=answer, plain=False)


def _date_condition(
    compare: Callable[[datetime, datetime], bool], is_end: bool, values: list[str], query: _Query
) -> _Match:
    instants = [_instant(value) for value in values]
    answer = any_of(
        Answer.UNKNOWN if instant is None else answer_of(compare(query.at, instant)) for instant in instants
    )
    read = [instant for instant in instants if instant is not None]
    return _Match(answer=answer, ends_at=max(read) if is_end and read else None)


def _instant(value: str) -> datetime | None:
    """ISO 8601 in the forms that IAM documents; a day alone is its midnight. None for anything else."""
    if not _ISO_8601.fullmatch(value):
        return None
    try:
        instant = datetime.fromisoformat(value)
        return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _person_condition(name: str, value: object, query: _Query, allows: bool) -> Answer:
    """A condition on the person; asked for everyone: see `evaluate`."""
    values = strings(value)
    negated = name in TEXT_OPERATORS_NEGATED
    if not values or not (negated or name in TEXT_OPERATORS):
        return Answer.UNKNOWN
    if query.person is not None:
        person = {"identitystore:userid": Known(text=query.person)}
        return holds(name, "identitystore:userid", value, person, variables=query.variables)
    if name.endswith("Like") and any(each.strip("*") == "" and each for each in values):
        return answer_of(not negated)
    return Answer.NO if allows and not negated else Answer.UNKNOWN


VERSION_WITH_VARIABLES: Final = "2012-10-17"
_VARIABLE: Final = re.compile(r"\$\{[^}]*(?:\}|$)")
_ISO_8601: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?(Z|[+-][0-9]{2}:[0-9]{2}))?"
)
_UNKNOWN: Final = _Match(answer=Answer.UNKNOWN)
_MEMBERS: Final = frozenset({"Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Condition"})
_DATES: Final[Mapping[str, Callable[[datetime, datetime], bool]]] = {
    "DateLessThan": operator.lt,
    "DateLessThanEquals": operator.le,
    "DateGreaterThan": operator.gt,
    "DateGreaterThanEquals": operator.ge,
}
