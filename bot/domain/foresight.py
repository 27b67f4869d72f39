"""Will it work? What is known of one account × role before anything is changed there."""

from dataclasses import dataclass, replace
from datetime import datetime

from bot.domain.errors import AccessError, Code
from bot.domain.evaluate import Coverage, coverage
from bot.domain.member_links import Caller, limit, member_checks
from bot.domain.member_view import MemberView
from bot.domain.names import IdentityUserId, RoleArn
from bot.domain.precheck import Finding
from bot.domain.preview import Preview
from bot.domain.request import Target
from bot.domain.set_policies import INLINE, Allowance, SetPolicies, allowance
from bot.domain.three_valued import Answer
from bot.domain.verification import Link


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """Everything that was read about one target."""

    target: Target
    role_arn: RoleArn
    caller: Caller
    whom: IdentityUserId | None
    """For whom it is asked; None for everyone with the set."""
    at: datetime
    assigned: Answer
    is_provisioned: bool | None
    """None: AWS did not say."""
    is_latest: bool | None
    """Whether the account holds the policies that were read; None: AWS did not say."""
    is_managements: bool
    """Whether AWS lets only the management account change the set."""
    policies: SetPolicies
    change: Preview
    """What approving would change."""
    member: MemberView | None


def finding_of(sight: Sight) -> Finding:
    """NO with the first thing that stands in the way for sure; UNKNOWN where AWS left something open."""
    finding = Finding(account=sight.target.account, role=sight.target.role, works=Answer.YES)
    said = allowance(
        sight.policies,
        role_arn=sight.role_arn,
        person=sight.caller.person,
        at=sight.at,
        account=sight.target.account,
    )
    obstacle = _around(sight) or _in_the_policies(sight, said) or _within(sight) or _no_room(sight)
    if obstacle is not None:
        code, detail, names = obstacle
        return replace(finding, works=Answer.NO, code=code, detail=detail, names=names)
    if isinstance(sight.policies.inline, AccessError):
        return replace(finding, works=Answer.UNKNOWN, code=sight.policies.inline.code)
    already, by = _already(sight)
    if already.answer is Answer.YES and said.not_denied.answer is Answer.YES and _is_held(sight):
        finding = replace(finding, already_allowed=True, allowed_until=already.ends_at, allowed_by=by)
    if said.not_denied.answer is Answer.UNKNOWN:
        return replace(finding, works=Answer.UNKNOWN, code=Code.EXPLICIT_DENY)
    if sight.assigned is Answer.UNKNOWN or sight.is_provisioned is None or _is_silent(sight.member):
        return replace(finding, works=Answer.UNKNOWN, code=Code.AWS_UNAVAILABLE)
    return finding


_Obstacle = tuple[Code, str, tuple[str, ...]] | None


def _around(sight: Sight) -> _Obstacle:
    """What the set's provisioning and assignments say."""
    if sight.is_managements:
        return Code.MANAGEMENT_ACCOUNT, "", ()
    if sight.is_provisioned is False:
        return Code.NOT_PROVISIONED, "", ()
    return (Code.NOT_ASSIGNED, "", ()) if sight.assigned is Answer.NO else None


def _in_the_policies(sight: Sight, said: Allowance) -> _Obstacle:
    if sight.change.code in (Code.POLICY_UNREADABLE, Code.MANAGED_STATEMENT_ALTERED):
        return sight.change.code, sight.change.detail, ()
    if said.not_denied.answer is Answer.NO:
        return Code.EXPLICIT_DENY, said.not_denied.detail, said.not_denied.names
    if said.limited.answer is Answer.NO:
        return Code.BOUNDARY, said.limited.detail, ()
    return None


def _within(sight: Sight) -> _Obstacle:
    """What the account itself says, if it could be asked: role, trust, and what limits the set's role there."""
    if sight.member is None:
        return None
    role = sight.target.role
    checks = member_checks(sight.caller, sight.member, role=role, role_arn=sight.role_arn)
    for check in checks:
        if check.link in (Link.ROLE_EXISTS, Link.TRUSTED) and check.answer is Answer.NO and check.code:
            return check.code, check.detail, check.names
    # The policies of the set's role do not allow it yet, that is what is asked for.
    decision = sight.member.decisions.get(role)
    outside = limit(decision) if decision is not None else None
    return None if outside is None else (outside, "", ())


def _no_room(sight: Sight) -> _Obstacle:
    return (Code.NO_ROOM, sight.change.detail, ()) if sight.change.code is Code.NO_ROOM else None


def _is_held(sight: Sight) -> bool:
    """Whether what the policies allow has arrived: nobody has to ask for what they do not have already."""
    decision = sight.member.decisions.get(sight.target.role) if sight.member is not None else None
    is_simulated = decision is None or (decision.allowed and not decision.missing)
    return sight.assigned is Answer.YES and sight.is_latest is True and is_simulated


def _already(sight: Sight) -> tuple[Coverage, str]:
    """What allows it for the longest time by now, and the attached policy if it is one."""
    inline = sight.policies.inline
    documents = [] if isinstance(inline, AccessError) else [(INLINE, inline)]
    documents += [(each.name, each.policy) for each in sight.policies.attached if each.policy is not None]
    found = (Coverage(answer=Answer.NO), "")
    for name, policy in documents:
        each = coverage(
            policy, role_arn=sight.role_arn, person=sight.whom, at=sight.at, account=sight.target.account
        )
        if each.answer is Answer.YES and not found[0].lasts(each.ends_at):
            found = (each, "" if name == INLINE else name)
    return found


def _is_silent(member: MemberView | None) -> bool:
    """Whether the account may still say something; one that lets nobody in is as if there were no member role."""
    return (
        member is not None
        and member.trouble is not None
        and member.trouble.code in (Code.AWS_UNAVAILABLE, Code.THROTTLED)
    )
