"""Whether a proof shows that AWS honours the condition of an "Only me" statement.

It does only where nothing else can have allowed it since the commands were made. One such proof lets "Only me" count
as tried for everybody, so whatever cannot be read shows nothing.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.domain.errors import AccessError, CorruptRow
from bot.domain.grant import GrantStatus
from bot.domain.member_links import Caller
from bot.domain.member_view import MemberView
from bot.domain.names import IdentityUserId, role_arn
from bot.domain.proof import Challenge
from bot.domain.request import Target
from bot.domain.set_policies import SetPolicies, allowance
from bot.domain.three_valued import Answer
from bot.domain.trust import trusts
from bot.ports.clock import Clock
from bot.ports.identity_center import Home, IdentityCenter
from bot.ports.member_account import MemberAccounts
from bot.ports.store import Tx
from bot.usecases.checks.central import read_policies
from bot.usecases.checks.member import Look, look_into

NOBODY = IdentityUserId("00000000-0000-0000-0000-000000000000")
"""A user of Identity Center who does not exist: what is allowed to this one is allowed to everybody."""

FOLLOWS_WITHIN = timedelta(seconds=60)
"""How long IAM may still go by what was taken away, as `verify_change` waits for what was given."""

FOR_A_PROOF = Look(within=5.0)
"""Somebody waits at a terminal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OnlyMe:
    """Looks at the permission set and the accounts; what we granted ourselves is `granted_alone`'s to judge."""

    clock: Clock
    identity_center: IdentityCenter
    members: MemberAccounts | None

    async def alone(self, challenge: Challenge, proved: Iterable[Target]) -> frozenset[Target]:
        """The roles that the set gives to this person and surely to nobody else; never raises."""
        now = self.clock.now()
        try:
            home = await self.identity_center.home()
            arn = await self.identity_center.permission_set(challenge.permission_set)
            # In this order: a policy that is written after it was read makes accounts out of date.
            policies = await read_policies(self.identity_center, arn, None)
            latest = await self.identity_center.provisioned_accounts(arn, latest_only=True)
        except AccessError:
            return frozenset()
        theirs = [
            target
            for target in proved
            if target.account in latest and _is_theirs(challenge, policies, target, now=now)
        ]
        views = await look_into(
            self.members,
            challenge.permission_set,
            theirs,
            person=challenge.identity,
            at=now,
            how=FOR_A_PROOF,
        )
        caller = _caller(challenge, home, now)
        return frozenset(
            target for target in theirs if _needs_the_set(caller, views.get(target.account), target)
        )


def granted_alone(tx: Tx, challenge: Challenge, target: Target) -> bool:
    """Whether all that we had opened of this role since the commands were made is for this person.

    An account may hold a copy of the policy that is older than the one that can be read.
    """
    role = role_arn(challenge.partition, target.account, target.role)
    try:
        grants = tx.grants_on(challenge.permission_set, role, since=challenge.issued_at - FOLLOWS_WITHIN)
    except CorruptRow:
        return False
    # What failed before it was written has never opened anything.
    opened = [grant for grant in grants if grant.status is not GrantStatus.FAILED or grant.written]
    return any(grant.status is GrantStatus.ACTIVE for grant in opened) and all(
        grant.person == challenge.identity and not grant.already_allowed for grant in opened
    )


def _is_theirs(challenge: Challenge, policies: SetPolicies, target: Target, *, now: datetime) -> bool:
    """A statement with an end may have let everybody in when the tokens were made, and no more by now."""

    def allowed(person: IdentityUserId, at: datetime) -> Answer:
        role = role_arn(challenge.partition, target.account, target.role)
        found = allowance(policies, role_arn=role, person=person, at=at, account=target.account)
        return found.allowed.answer

    before = challenge.issued_at - FOLLOWS_WITHIN
    return allowed(challenge.identity, now) is Answer.YES and all(
        allowed(NOBODY, at) is Answer.NO for at in (before, now)
    )


def _needs_the_set(caller: Caller, view: MemberView | None, target: Target) -> bool:
    """Whether the role lets the set's sessions in only where a policy of the set allows it."""
    seen = None if view is None else view.roles.get(target.role)
    if view is None or seen is None or seen.exists is not Answer.YES:
        return False
    role = role_arn(caller.partition, target.account, target.role)
    verdict = trusts(seen.trust, session=caller.session(target.account, view), role_arn=role)
    # A role that lets nobody in by now did so when the tokens were made, and nobody knows how.
    return verdict.answer is not Answer.NO and verdict.without_identity is Answer.NO


def _caller(challenge: Challenge, home: Home, at: datetime) -> Caller:
    return Caller(
        partition=challenge.partition,
        region=home.region,
        organisation=home.organisation,
        permission_set=challenge.permission_set,
        person=challenge.identity,
        user_name=challenge.sso_user,
        at=at,
    )
