"""All policies of a permission set together: inline, attached, and the boundary around them.

An explicit Deny in any of them wins, one Allow is enough, and the boundary has to allow it as well
(https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from bot.domain.conditions import Context
from bot.domain.evaluate import Verdict, evaluate
from bot.domain.names import AccountId, IdentityUserId, RoleArn
from bot.domain.policy import Policy, PolicyUnreadable, parse
from bot.domain.three_valued import Answer, all_of, any_of, opposite
from bot.domain.trust import TrustVerdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Attached:
    """One policy, by the name that people know it by."""

    name: str
    policy: Policy | None
    """None: nobody could read it."""

    @classmethod
    def read(cls, name: str, document: str) -> "Attached":
        """The policy in this document; one that cannot be read counts as unknown."""
        try:
            return cls(name=name, policy=parse(document))
        except PolicyUnreadable:
            return cls(name=name, policy=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where a decision stands."""

    policy: str
    sid: str | None
    """None: a statement without Sid, or a policy that could not be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityVerdict:
    """What the policies of the set say together."""

    granted: Answer
    """Whether one of the identity policies allows it and denies it nowhere itself."""
    inside: Answer
    """Whether the boundary leaves room for it; YES where there is none."""
    denied: Answer
    """Whether any of them denies it, the boundary too."""
    granted_by: tuple[Source, ...]
    denied_by: tuple[Source, ...]
    """Statements that apply; if none surely does, those of which it is unknown."""
    boundary: str | None
    unread: tuple[str, ...]
    """Policies that nobody could read."""

    @property
    def allowed(self) -> Answer:
        """The answer of all of them."""
        return all_of((self.granted, self.inside, opposite(self.denied)))


def evaluate_identity(
    documents: Sequence[Attached],
    boundary: Attached | None,
    *,
    role_arn: RoleArn,
    person: IdentityUserId | None,
    at: datetime,
    account: AccountId,
    context: Context | None = None,
) -> IdentityVerdict:
    """The verdict of all policies on `sts:AssumeRole`; the arguments are those of `evaluate`.

    The documents are those of one state: what the set says, or what IAM holds for its role, not both.
    """

    def judged(each: Attached) -> tuple[str, Verdict]:
        if each.policy is None:
            return each.name, _UNREAD
        return each.name, evaluate(
            each.policy, role_arn=role_arn, person=person, at=at, account=account, context=context
        )

    own = [judged(each) for each in documents]
    limit = [] if boundary is None else [judged(boundary)]
    return IdentityVerdict(
        granted=any_of(verdict.allowed for _, verdict in own),
        inside=all_of(verdict.allowed for _, verdict in limit),
        denied=any_of(verdict.denied for _, verdict in (*own, *limit)),
        granted_by=_sources([(name, verdict.allowed, verdict.allowed_by) for name, verdict in own]),
        denied_by=_sources([(name, each.denied, each.denied_by) for name, each in (*own, *limit)]),
        boundary=None if boundary is None else boundary.name,
        unread=tuple(name for name, verdict in (*own, *limit) if verdict is _UNREAD),
    )


def may_assume(trust: TrustVerdict, identity: IdentityVerdict) -> Answer:
    """Both sides together; control policies of the organisation and session policies left aside.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_policy-eval-basics.html
    """
    by_identity = all_of((identity.inside, any_of((trust.without_identity, identity.granted))))
    return all_of((trust.answer, opposite(identity.denied), any_of((trust.without_boundary, by_identity))))


def _sources(judged: list[tuple[str, Answer, tuple[str | None, ...]]]) -> tuple[Source, ...]:
    overall = any_of(answer for _, answer, _ in judged)
    if overall is Answer.NO:
        return ()
    return tuple(
        Source(policy=name, sid=sid) for name, answer, sids in judged if answer is overall for sid in sids
    )


_UNREAD: Final = Verdict(
    allowed=Answer.UNKNOWN,
    allowed_by=(None,),
    foreign_allows=Answer.UNKNOWN,
    foreign_allows_until=None,
    denied=Answer.UNKNOWN,
    denied_by=(None,),
)
"""A policy that nobody could read might say anything."""
