"""What a look into a member account says about one role there: the four links that only it can show."""

from dataclasses import dataclass, replace
from datetime import datetime

from bot.domain.errors import Code, Refusal
from bot.domain.evaluate import evaluate
from bot.domain.member_view import Decision, MemberView, RoleSeen, Trouble
from bot.domain.names import AccountId, IdentityUserId, PermissionSetName, RoleArn, RoleName
from bot.domain.policy import parse
from bot.domain.sso_session import SsoSession
from bot.domain.three_valued import Answer
from bot.domain.trust import TrustVerdict, Why, sso_groups_in, trusts
from bot.domain.verification import WITHIN, Check, Link


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """The person as AWS would see them, as far as it is known before they sign in."""

    partition: str
    region: str
    """Of Identity Center."""
    organisation: str | None
    permission_set: PermissionSetName
    person: IdentityUserId
    user_name: str | None
    at: datetime

    def session(self, account: AccountId, view: MemberView) -> SsoSession:
        """Their session in this account; the role's own ARN where it was seen."""
        role = view.sso_role
        return SsoSession(
            partition=self.partition,
            account=account,
            permission_set=self.permission_set,
            region=self.region,
            role_arn=None if role is None else role.arn,
            role_id=role.id or None if role is not None else None,
            user_name=self.user_name or None,
            organisation=self.organisation,
        )


def member_checks(
    caller: Caller, view: MemberView | None, *, role: RoleName, role_arn: RoleArn
) -> tuple[Check, ...]:
    """ROLE_EXISTS, TRUSTED, HELD and SIMULATED; without a look all of them are unknown, for no reason of AWS's."""
    if view is None:
        return tuple(Check(link=link, answer=Answer.UNKNOWN) for link in WITHIN)
    seen = view.roles.get(role, RoleSeen(exists=Answer.UNKNOWN))
    held, simulated = _simulated(caller, view, role, role_arn)
    return (_exists(seen), _trusted(caller, view, seen, role_arn), held, simulated)


def _because(link: Link, trouble: Trouble | None) -> Check:
    if trouble is None:
        return Check(link=link, answer=Answer.UNKNOWN)
    return Check(link=link, answer=Answer.UNKNOWN, code=trouble.code, detail=trouble.detail)


def _exists(seen: RoleSeen) -> Check:
    match seen.exists:
        case Answer.YES:
            return Check(link=Link.ROLE_EXISTS, answer=Answer.YES)
        case Answer.NO:
            return Check(
                link=Link.ROLE_EXISTS, answer=Answer.NO, code=Code.ROLE_NOT_FOUND, detail=seen.instead
            )
        case Answer.UNKNOWN:
            return _because(Link.ROLE_EXISTS, seen.trouble)


def _trusted(caller: Caller, view: MemberView, seen: RoleSeen, role_arn: RoleArn) -> Check:
    if seen.exists is not Answer.YES:
        return _because(Link.TRUSTED, seen.trouble)
    verdict = trusts(seen.trust, session=caller.session(view.account, view), role_arn=role_arn)
    if verdict.answer is not Answer.NO:
        # With the reason of nobody but the policy itself: a condition that only AWS can judge.
        code = Code.POLICY_UNREADABLE if verdict.why is Why.UNREADABLE else None
        unclear = verdict.by if verdict.answer is Answer.UNKNOWN else ()
        return Check(link=Link.TRUSTED, answer=verdict.answer, code=code, detail=", ".join(unclear[:3]))
    return Check(
        link=Link.TRUSTED,
        answer=Answer.NO,
        code=Code.NOT_TRUSTED,
        detail=_denying(verdict),
        names=() if verdict.why is Why.DENIED else sso_groups_in(seen.trust),
    )


def _denying(verdict: TrustVerdict) -> str:
    return verdict.by[0] if verdict.why is Why.DENIED and verdict.by else ""


def _simulated(caller: Caller, view: MemberView, role: RoleName, role_arn: RoleArn) -> tuple[Check, Check]:
    """HELD and SIMULATED, from one decision of IAM's simulator.

    A yes is IAM's own word on the policies that it holds for the set's role, so nothing is left to ask. For
    a no, IAM says whether boundary or SCPs stand in the way; what remains are the policies of the role.
    """
    if view.sso_trouble is not None:
        return _because(Link.HELD, view.sso_trouble), _because(Link.SIMULATED, view.sso_trouble)
    if view.sso_role is None:
        missing = Check(link=Link.HELD, answer=Answer.NO, code=Code.NOT_PROVISIONED)
        return missing, Check(link=Link.SIMULATED, answer=Answer.UNKNOWN)
    decision = view.decisions.get(role)
    if decision is None:
        trouble = view.simulation_trouble
        return _because(Link.HELD, trouble), _because(Link.SIMULATED, trouble)
    if decision.missing:
        keys = ", ".join(decision.missing[:3])
        unclear = Check(link=Link.HELD, answer=Answer.UNKNOWN, detail=keys)
        return unclear, replace(unclear, link=Link.SIMULATED)
    if decision.allowed:
        yes = Check(link=Link.HELD, answer=Answer.YES)
        return yes, replace(yes, link=Link.SIMULATED)
    return _refused(caller, view, role_arn, decision)


def _refused(caller: Caller, view: MemberView, role_arn: RoleArn, decision: Decision) -> tuple[Check, Check]:
    allowed, denied = _held_inline(caller, view, role_arn)
    outside = limit(decision)
    if outside is not None:
        # Attached policies may allow what the inline policy does not: only a yes is sure.
        held = Answer.YES if allowed is Answer.YES else Answer.UNKNOWN
        return _pair(held, outside)
    if decision.explicit:
        own = denied is Answer.YES or decision.by_scps is True
        return _pair(Answer.NO if own else Answer.UNKNOWN, Code.EXPLICIT_DENY)
    if allowed is Answer.YES:
        # What IAM holds allows it, so what says no is something that IAM did not name.
        return _pair(Answer.YES, Code.NOT_ALLOWED)
    own = allowed is Answer.NO or decision.by_scps is True
    return _pair(Answer.NO if own else Answer.UNKNOWN, Code.NOT_PROVISIONED)


def _pair(held: Answer, code: Code) -> tuple[Check, Check]:
    return (
        Check(link=Link.HELD, answer=held, code=code if held is Answer.NO else None),
        Check(link=Link.SIMULATED, answer=Answer.NO, code=code),
    )


def limit(decision: Decision) -> Code | None:
    """What outside the role's own policies says no; None where IAM names nothing of the kind."""
    if decision.allowed or decision.missing:
        return None
    if decision.by_scps is False:
        return Code.SCP
    return Code.BOUNDARY if decision.by_boundary is False else None


def _held_inline(caller: Caller, view: MemberView, role_arn: RoleArn) -> tuple[Answer, Answer]:
    """Whether the inline policy that IAM holds allows it, and whether it denies it."""
    if view.held is None:
        return Answer.UNKNOWN, Answer.UNKNOWN
    try:
        policy = parse(view.held)
    except Refusal:
        return Answer.UNKNOWN, Answer.UNKNOWN
    verdict = evaluate(
        policy,
        role_arn=role_arn,
        person=caller.person,
        at=caller.at,
        account=view.account,
        context=caller.session(view.account, view).context,
    )
    return verdict.allowed, verdict.denied
