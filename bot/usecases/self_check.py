"""The self-check: what a person really has, link by link, seen from the management account and in each account."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from bot.domain.errors import AccessError, Code, NotFound, Refusal
from bot.domain.member_links import Caller, member_checks
from bot.domain.member_view import MemberView
from bot.domain.names import AccountId, PermissionSetArn, PermissionSetName, SlackUserId, role_arn
from bot.domain.people import Identity
from bot.domain.proof import Proof
from bot.domain.request import Target
from bot.domain.rules import Rules
from bot.domain.set_policies import SetPolicies, allowance, as_held
from bot.domain.three_valued import Answer
from bot.domain.verification import Check, Link, Verification
from bot.ports.clock import Clock
from bot.ports.identity_center import Home, IdentityCenter
from bot.ports.member_account import MemberAccounts
from bot.ports.store import Store
from bot.usecases.admission import Admission
from bot.usecases.checks.central import (
    ATTACHED_FOR,
    Provisioned,
    provisioned_check,
    read_assigned,
    read_policies,
    read_provisioned,
)
from bot.usecases.checks.member import FOR_RESULTS, held_policies, look_into

HELD: Final = "held"
"""What a PROVISIONED says that rests on what IAM holds in the account."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SetReport:
    """The self-check of one permission set for one person."""

    permission_set: PermissionSetName
    verifications: tuple[Verification, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """Everything that was read for one set and one person."""

    home: Home
    identity: Identity
    at: datetime
    policies: SetPolicies
    provisioned: Provisioned
    assigned: dict[AccountId, Check]
    members: dict[AccountId, MemberView]
    held: dict[AccountId, str | None]
    """The inline policies of roles that hold an older version of the set."""
    proofs: tuple[Proof, ...]
    only_me_is_proven: bool

    def is_held(self, target: Target, within: Sequence[Check]) -> bool:
        """Whether the set's role in the account holds what is needed, whatever version of the set that is."""
        answers = {check.link: check.answer for check in within}
        held = all(answers[link] is Answer.YES for link in (Link.HELD, Link.SIMULATED))
        return held and target.account in self.provisioned.everywhere

    def older(self, account: AccountId, provisioned: Check) -> str | None:
        """The older inline policy that a YES with this detail rests on; None where it could not be read."""
        if provisioned.detail == HELD:
            return self.held.get(account)
        return self.provisioned.held_by_push(account)


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfCheck:
    """Reads only; every check answers yes, no or unknown."""

    identity_center: IdentityCenter
    store: Store
    clock: Clock
    rules: Rules
    admission: Admission
    members: MemberAccounts | None = None
    """None: no member role is configured, and nothing beyond CONFIGURED can be known."""

    async def __call__(self, user: SlackUserId, account: AccountId | None) -> tuple[SetReport, ...]:
        """Check what the person was granted or asked for, or every configured role in one account.

        Raises `Refusal` when the person cannot be told apart, `Unavailable` when AWS cannot be asked at all.
        """
        person = await self.admission.person(user)
        identity = await self.identity_center.find_user(self.admission.email(person))
        wanted = await self._targets(user, account)
        reports = [
            await self.check(name, targets, identity, user) for name, targets in sorted(wanted.items())
        ]
        return tuple(reports)

    async def _targets(
        self, user: SlackUserId, account: AccountId | None
    ) -> dict[PermissionSetName, tuple[Target, ...]]:
        if account is not None:
            offered = {name: each for name, each in self.rules.sets.items() if each.offers(account)}
            if not offered:
                raise Refusal(Code.ACCOUNT_NOT_OFFERED, account=account)
            return {
                name: tuple(Target(account=account, role=role) for role in each.roles)
                for name, each in offered.items()
            }
        requests, _ = await self.store.run(lambda tx: tx.requests_of(user, at_most=50))
        targets: dict[PermissionSetName, set[Target]] = {}
        for request in requests:
            if request.ask.permission_set in self.rules.sets:
                targets.setdefault(request.ask.permission_set, set()).update(request.ask.targets)
        return {name: tuple(sorted(some)) for name, some in targets.items()}

    async def check(
        self,
        name: PermissionSetName,
        targets: Sequence[Target],
        identity: Identity,
        user: SlackUserId,
        *,
        document: str | None = None,
        pushed: frozenset[AccountId] = frozenset(),
    ) -> SetReport:
        """Check some targets of one set.

        `document` saves a read when the caller has just read the policy back; `pushed` are the accounts
        where our own provisioning has just succeeded, which saves asking AWS for their version and, if that was
        read for the card a moment ago, for what is attached.
        """
        now = self.clock.now()
        try:
            arn = await self.identity_center.permission_set(name)
        except NotFound as missing:
            return SetReport(
                permission_set=name,
                verifications=tuple(_nothing(target, missing, now) for target in targets),
            )
        seen = await self._read(name, arn, targets, identity, user, document=document, pushed=pushed, now=now)
        return SetReport(
            permission_set=name,
            verifications=tuple(_verification(name, target, seen) for target in targets),
        )

    async def _read(
        self,
        name: PermissionSetName,
        arn: PermissionSetArn,
        targets: Sequence[Target],
        identity: Identity,
        user: SlackUserId,
        *,
        document: str | None,
        pushed: frozenset[AccountId],
        now: datetime,
    ) -> _Seen:
        accounts = sorted({target.account for target in targets})
        pushes, copies, proofs, only_me_is_proven = await self.store.run(
            lambda tx: (tx.pushes_of(name), tx.copies(name), tx.proofs_of(user), tx.only_me_was_proven())
        )

        async def what_travelled() -> tuple[SetPolicies, Provisioned]:
            # In this order: a policy that is written after it was read makes accounts out of date. The other way
            # round, a new policy would be believed to stand where only the old one was seen to be the latest.
            policies = await read_policies(
                self.identity_center, arn, document, max_age=ATTACHED_FOR if pushed else timedelta(0)
            )
            return policies, await read_provisioned(
                self.identity_center, arn, accounts, pushes, pushed=pushed, copies=copies
            )

        home, (policies, provisioned), assigned, members = await asyncio.gather(
            self.identity_center.home(),
            what_travelled(),
            read_assigned(self.identity_center, arn, accounts, identity),
            look_into(self.members, name, targets, person=identity.user_id, at=now, how=FOR_RESULTS),
        )
        held = {account: view.held for account, view in members.items()}
        unread = {account for account, view in members.items() if view.sso_role and view.held is None}
        held |= await held_policies(
            self.members,
            name,
            provisioned.behind(unread),
            person=identity.user_id,
            at=now,
            how=FOR_RESULTS,
        )
        return _Seen(
            held=held,
            home=home,
            identity=identity,
            at=now,
            policies=policies,
            provisioned=provisioned,
            assigned=assigned,
            members=members,
            proofs=tuple(proofs),
            only_me_is_proven=only_me_is_proven,
        )


def _verification(name: PermissionSetName, target: Target, seen: _Seen) -> Verification:
    arn = role_arn(seen.home.partition, target.account, target.role)
    person = seen.identity.user_id
    found = allowance(seen.policies, role_arn=arn, person=person, at=seen.at, account=target.account)
    caller = Caller(
        partition=seen.home.partition,
        region=seen.home.region,
        organisation=seen.home.organisation,
        permission_set=name,
        person=person,
        user_name=seen.identity.user_name or None,
        at=seen.at,
    )
    *within, simulated = member_checks(
        caller, seen.members.get(target.account), role=target.role, role_arn=arn
    )
    if found.limited.answer is Answer.NO and simulated.answer is not Answer.NO:
        # The boundary is AWS's own and known by its name: no account has to be asked for it.
        simulated = found.limited
    provisioned = provisioned_check(
        target,
        seen.provisioned,
        role_arn=arn,
        identity=seen.identity,
        live=seen.policies.inline,
        at=seen.at,
    )
    if provisioned.answer is not Answer.YES and seen.is_held(target, (*within, simulated)):
        # What IAM holds there says more than which version Identity Center remembers (aws.md §2.1).
        provisioned = Check(link=Link.PROVISIONED, answer=Answer.YES, detail=HELD)
    if provisioned.answer is Answer.YES and provisioned.detail:
        older = seen.older(target.account, provisioned)
        found = as_held(found, older, role_arn=arn, person=person, at=seen.at, account=target.account)
    proofs = (proof.at for proof in seen.proofs if (proof.permission_set, proof.target) == (name, target))
    return Verification(
        target=target,
        checks=(
            seen.assigned[target.account],
            provisioned,
            found.allowed,
            found.not_denied,
            *within,
            simulated,
        ),
        checked_at=seen.at,
        until=found.until,
        is_endless=found.is_endless,
        proven_at=max(proofs, default=None),
        is_untried=found.only_for_some and not seen.only_me_is_proven,
    )


def _nothing(target: Target, error: AccessError, now: datetime) -> Verification:
    check = Check(link=Link.ASSIGNED, answer=Answer.NO, code=error.code)
    return Verification(target=target, checks=(check,), checked_at=now)
