"""What a permission set says: its inline policy, what is attached to it and its boundary, as far as it can be read."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from bot.domain.errors import AccessError, Code, Refusal
from bot.domain.evaluate import coverage, evaluate
from bot.domain.identity_policies import Attached, IdentityVerdict, evaluate_identity
from bot.domain.managed_policies import managed_policy
from bot.domain.names import AccountId, IdentityUserId, RoleArn
from bot.domain.policy import Policy, parse
from bot.domain.three_valued import Answer, opposite
from bot.domain.verification import Check, Link

INLINE: Final = "the inline policy"


@dataclass(frozen=True, slots=True, kw_only=True)
class SetPolicies:
    """Everything that a set says. What the management account cannot read stands here with `policy` None."""

    inline: Policy | AccessError
    attached: tuple[Attached, ...] = ()
    boundary: Attached | None = None
    trouble: AccessError | None = None
    """Why it is not known what is attached; None when it is."""

    @property
    def unread(self) -> str:
        """A policy that may allow or deny and that could not be read; "" when there is none."""
        return next((each.name for each in self.attached if each.policy is None), "")


def attached_policies(managed: Iterable[str], customer_managed: Iterable[str]) -> tuple[Attached, ...]:
    """By ARN, or by path and name: AWS's own are known by their name, the others only to the accounts."""
    known = (Attached(name=arn.rpartition("/")[2], policy=managed_policy(arn)) for arn in managed)
    return (*known, *(Attached(name=name.lstrip("/"), policy=None) for name in customer_managed))


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """What the set's policies say about one role: the three checks, and for how long."""

    allowed: Check
    not_denied: Check
    limited: Check
    """Whether the boundary leaves room, as far as its document is known here."""
    until: datetime | None = None
    """The latest end of what surely allows it; None where it has none, or where that is not known."""
    is_endless: bool = False
    """Something that surely allows it has no end."""
    only_for_some: bool = False
    """It is allowed by statements that name this person and not everyone."""
    by: str = ""
    """The attached policy that allows it where the inline policy does not."""


def allowance(
    policies: SetPolicies, *, role_arn: RoleArn, person: IdentityUserId, at: datetime, account: AccountId
) -> Allowance:
    """Whether the set's policies allow one person to assume the role.

    Policies that cannot be read from here leave a YES of the inline policy standing, since that is what
    CONFIGURED means; without one, they may be what allows it, and the answer is unknown.
    """
    if isinstance(policies.inline, AccessError):
        return _unreadable(policies.inline)
    readable = [Attached(name=INLINE, policy=policies.inline), *(a for a in policies.attached if a.policy)]
    everyone, found = (
        evaluate_identity(readable, None, role_arn=role_arn, person=whom, at=at, account=account)
        for whom in (None, person)
    )
    ends = [
        coverage(each.policy, role_arn=role_arn, person=person, at=at, account=account)
        for each in readable
        if each.policy is not None
    ]
    alone = [
        evaluate(each.policy, role_arn=role_arn, person=person, at=at, account=account)
        for each in readable
        if each.policy is not None
    ]
    lasting = [each.ends_at for each in ends if each.answer is Answer.YES]
    by = [source.policy for source in found.granted_by if source.policy != INLINE]
    own = any(source.policy == INLINE for source in found.granted_by)
    return Allowance(
        allowed=_allowed(found, policies, is_overruled=any(each.allowed_by for each in alone)),
        not_denied=_not_denied(found),
        limited=_limited(policies, role_arn=role_arn, person=person, at=at, account=account),
        until=None if None in lasting else max((end for end in lasting if end), default=None),
        is_endless=None in lasting,
        only_for_some=found.granted is Answer.YES and everyone.granted is not Answer.YES,
        by=by[0] if by and not own and found.granted is Answer.YES else "",
    )


def as_held(
    said: Allowance,
    held: str | None,
    *,
    role_arn: RoleArn,
    person: IdentityUserId,
    at: datetime,
    account: AccountId,
) -> Allowance:
    """The same where the account's role holds an older inline policy: no longer, and for no more people, than that.

    `held` None: it could not be read, and nothing is known of its end or of its conditions.
    """
    policy = _readable(held)
    if policy is None:
        return replace(said, until=None, is_endless=False, only_for_some=True)
    mine = coverage(policy, role_arn=role_arn, person=person, at=at, account=account)
    allowed, everyone = (
        evaluate(policy, role_arn=role_arn, person=whom, at=at, account=account).allowed
        for whom in (person, None)
    )
    if allowed is not Answer.NO:
        said = replace(said, only_for_some=everyone is not Answer.YES)
    if mine.answer is not Answer.YES or (said.until is None and not said.is_endless):
        return replace(said, until=None, is_endless=False)
    ends = [end for end in (mine.ends_at, said.until) if end is not None]
    return replace(said, until=min(ends, default=None), is_endless=not ends)


def _readable(document: str | None) -> Policy | None:
    try:
        return None if document is None else parse(document)
    except Refusal:
        return None


def _allowed(found: IdentityVerdict, policies: SetPolicies, *, is_overruled: bool) -> Check:
    # What a deny overrules is allowed nevertheless: the deny is what has to be mended, by its own name.
    answer = Answer.YES if found.denied is Answer.YES and is_overruled else found.granted
    if answer is Answer.YES:
        return Check(link=Link.ALLOWED, answer=answer)
    if answer is Answer.NO and policies.trouble is not None:
        return Check(link=Link.ALLOWED, answer=Answer.UNKNOWN, code=policies.trouble.code)
    if answer is Answer.NO and policies.unread:
        return Check(link=Link.ALLOWED, answer=Answer.UNKNOWN, detail=policies.unread)
    return Check(link=Link.ALLOWED, answer=answer, code=Code.NOT_ALLOWED)


def _not_denied(found: IdentityVerdict) -> Check:
    if found.denied is Answer.NO:
        return Check(link=Link.NOT_DENIED, answer=Answer.YES)
    by = next(iter(found.denied_by), None)
    detail = next((source.sid for source in found.denied_by if source.sid), "")
    return Check(
        link=Link.NOT_DENIED,
        answer=opposite(found.denied),
        code=Code.EXPLICIT_DENY,
        detail=detail,
        names=() if by is None or by.policy == INLINE else (by.policy,),
    )


def _limited(
    policies: SetPolicies, *, role_arn: RoleArn, person: IdentityUserId, at: datetime, account: AccountId
) -> Check:
    if policies.boundary is None:
        return Check(link=Link.SIMULATED, answer=Answer.UNKNOWN)
    limits = evaluate_identity(
        [], policies.boundary, role_arn=role_arn, person=person, at=at, account=account
    )
    if limits.inside is not Answer.NO:
        return Check(link=Link.SIMULATED, answer=Answer.UNKNOWN)
    return Check(link=Link.SIMULATED, answer=Answer.NO, code=Code.BOUNDARY, detail=policies.boundary.name)


def _unreadable(error: AccessError) -> Allowance:
    reason = str(error.facts.get("reason") or error.facts.get("detail") or "")
    unknown = Check(link=Link.ALLOWED, answer=Answer.UNKNOWN, code=error.code, detail=reason)
    return Allowance(
        allowed=unknown,
        not_denied=replace(unknown, link=Link.NOT_DENIED),
        limited=Check(link=Link.SIMULATED, answer=Answer.UNKNOWN),
    )
