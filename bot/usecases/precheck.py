"""Will it work? Everything about a request that can be known before anybody is asked."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.domain.approval import can_be_decided
from bot.domain.errors import AccessError, Code, NotFound, Provisioning, Refusal, Unavailable
from bot.domain.evaluate import Answer, coverage
from bot.domain.foresight import Sight, finding_of
from bot.domain.member_links import Caller
from bot.domain.names import (
    AccountId,
    IdentityGroupId,
    IdentityUserId,
    PermissionSetArn,
    PermissionSetName,
    RoleArn,
    RoleName,
    SlackUserId,
    role_arn,
)
from bot.domain.people import Identity
from bot.domain.policy import Policy, foreign_fingerprint, parse
from bot.domain.precheck import Facts, Finding, Holders
from bot.domain.preview import Preview, preview
from bot.domain.request import Ask, Scope, Target
from bot.domain.rounds import waiting_edits
from bot.domain.rules import Rule, Rules, approvers
from bot.domain.set_policies import SetPolicies
from bot.domain.statements import Want, ends_at_for
from bot.ports.clock import Clock
from bot.ports.identity_center import Assignees, Directory, Home, IdentityCenter
from bot.ports.member_account import MemberAccounts
from bot.ports.people import People
from bot.ports.store import Store, Tx
from bot.usecases.admission import Admission
from bot.usecases.checks.central import ATTACHED_FOR, read_attached, together
from bot.usecases.checks.member import FOR_A_CARD, FOR_A_FORM, Look, look_into

HOLDERS_COUNTED = 500
"""People counted per group for the blast radius; more are "at least"."""

APPROVERS_LOOKED_UP = 20
"""Approvers whose own benefit is looked up for the card."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What one look at AWS showed of a permission set."""

    at: datetime
    """Before anything was read."""
    arn: PermissionSetArn
    home: Home
    document: str | None
    """None: the policy could not be read; `policies` says why."""
    policies: SetPolicies
    """The same parsed, with what is attached to the set, as far as it could be read."""
    provisioned: frozenset[AccountId] | None
    sids: frozenset[str]
    """The managed statements that this database has written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Precheck:
    """Reads what the management account shows and judges each account × role.

    Nothing is written but which accounts were seen up to date: see `domain.grant.Copies`.
    """

    identity_center: IdentityCenter
    directory: Directory
    people: People
    store: Store
    clock: Clock
    rules: Rules
    admission: Admission
    members: MemberAccounts | None = None
    """None: no member role is configured, and the accounts themselves are not asked."""

    async def findings(self, ask: Ask, identity: Identity) -> tuple[Finding, ...]:
        """What is known of each target; what AWS does not tell now is UNKNOWN, never an exception."""
        seen = await self._look(ask.permission_set)
        return await self._findings(ask, identity, seen, FOR_A_FORM)

    async def approvers(self, ask: Ask, *, not_before: datetime | None = None) -> frozenset[SlackUserId]:
        """Who could decide this; raises `Refusal(NOBODY_CAN_APPROVE)` when too few could."""
        roles = {target.role for target in ask.targets}
        return await self.could_be_approved(ask.requester, ask.permission_set, roles, not_before=not_before)

    async def could_be_approved(
        self,
        requester: SlackUserId,
        permission_set: PermissionSetName,
        roles: Iterable[RoleName],
        *,
        not_before: datetime | None = None,
    ) -> frozenset[SlackUserId]:
        """The approvers of these roles; raises `Refusal(NOBODY_CAN_APPROVE)` when too few could say yes."""
        rule = self.rules.sets[permission_set].combined(roles)
        who = await read_approvers(self.people, rule, not_before=not_before)
        if not can_be_decided(requester, rule=rule, approvers=who):
            raise Refusal(Code.NOBODY_CAN_APPROVE, need=rule.approvals, have=len(who - {requester}))
        return who

    def rule(self, ask: Ask) -> Rule:
        """The strictest rule over the asked roles, as configured now."""
        return self.rules.sets[ask.permission_set].combined({target.role for target in ask.targets})

    async def facts(self, ask: Ask, identity: Identity) -> Facts:
        """Everything that the approval card tells; raises `Refusal` when nobody could approve."""
        who = await self.approvers(ask)
        seen = await self._look(ask.permission_set)
        findings, holders, waiting, benefiting = await asyncio.gather(
            self._findings(ask, identity, seen, FOR_A_CARD),
            self._holders(ask, seen),
            self._waiting(ask, seen),
            self._benefiting(ask, who, seen),
        )
        change = self._preview(ask, identity, seen)
        rule = self.rule(ask)
        return Facts(
            checked_at=self.clock.now(),
            findings=findings,
            account_names=tuple(
                (account, self.directory.account_name(account))
                for account in sorted({target.account for target in ask.targets})
            ),
            holders=holders,
            diff=change.diff,
            bytes_before=change.bytes_before,
            bytes_after=change.bytes_after,
            waiting_edits=waiting,
            benefiting_approvers=benefiting,
            approvals_needed=rule.approvals,
            approver_users=tuple(sorted(user for source in rule.approver_sources for user in source.users)),
            approver_groups=tuple(sorted(rule.groups)),
            policy_code=change.code,
        )

    async def _look(self, name: PermissionSetName) -> Seen:
        at = self.clock.now()
        home = await self.identity_center.home()
        arn = await self.identity_center.permission_set(name)
        (document, provisioned, trouble), attached = await asyncio.gather(
            self._policy_and_accounts(arn),
            read_attached(self.identity_center, arn, max_age=ATTACHED_FOR),
        )
        state = await self.store.run(lambda tx: tx.set_state(name))
        return Seen(
            at=at,
            arn=arn,
            home=home,
            document=document,
            policies=together(_parsed(document, trouble), attached),
            provisioned=provisioned,
            sids=state.sids,
        )

    async def _policy_and_accounts(
        self, arn: PermissionSetArn
    ) -> tuple[str | None, frozenset[AccountId] | None, AccessError | None]:
        try:
            document, provisioned = await asyncio.gather(
                self.identity_center.read_policy(arn), self.identity_center.provisioned_accounts(arn)
            )
        except (Unavailable, Provisioning, NotFound) as error:
            return None, None, error
        return document, provisioned, None

    async def _findings(self, ask: Ask, identity: Identity, seen: Seen, how: Look) -> tuple[Finding, ...]:
        accounts = sorted({target.account for target in ask.targets})
        now = self.clock.now()
        groups, stale, assignees, members = await asyncio.gather(
            self._groups(identity),
            # After the policy: one that is written in between makes accounts stale, and none look up to date.
            self._stale(seen),
            asyncio.gather(*(self._assignees(seen.arn, account) for account in accounts)),
            look_into(
                self.members, ask.permission_set, ask.targets, person=identity.user_id, at=now, how=how
            ),
        )
        assigned = {
            account: _assigned(found, identity, groups)
            for account, found in zip(accounts, assignees, strict=True)
        }
        change = self._preview(ask, identity, seen)
        managing = seen.home.management_account
        return tuple(
            finding_of(
                Sight(
                    target=target,
                    role_arn=_arn(seen, target),
                    caller=_caller(ask, identity, seen.home, now),
                    whom=_person(ask, identity),
                    at=now,
                    assigned=assigned[target.account],
                    is_provisioned=None if seen.provisioned is None else target.account in seen.provisioned,
                    is_latest=None if stale is None else target.account not in stale,
                    is_managements=seen.home.is_delegated and managing in (seen.provisioned or ()),
                    policies=seen.policies,
                    change=change,
                    member=members.get(target.account),
                )
            )
            for target in ask.targets
        )

    def _preview(self, ask: Ask, identity: Identity, seen: Seen) -> Preview:
        """What approving now would change in the policy as it was read; nothing for what others allow already."""
        if seen.document is None:
            return Preview()
        ends_at = ends_at_for(self.clock.now(), ask.span)
        wants = [
            Want(role_arn=arn, person=_person(ask, identity), ends_at=ends_at)
            for target in ask.targets
            if not self._is_covered(seen, arn := _arn(seen, target), target, ask, identity, ends_at)
        ]
        return preview(seen.document, wants, ours=seen.sids)

    def _is_covered(
        self, seen: Seen, arn: RoleArn, target: Target, ask: Ask, identity: Identity, ends_at: datetime | None
    ) -> bool:
        """Whether somebody else's statement allows the same for at least as long: nothing is written for it."""
        try:
            policy = parse(seen.document or "")
        except Refusal:
            return False
        found = coverage(
            policy,
            role_arn=arn,
            person=_person(ask, identity),
            at=self.clock.now(),
            account=target.account,
            managed=False,
        )
        return found.lasts(ends_at)

    async def _stale(self, seen: Seen) -> frozenset[AccountId] | None:
        """The accounts that hold an older version of the set."""
        try:
            return await self.identity_center.provisioned_accounts(seen.arn, stale_only=True)
        except (Unavailable, Provisioning, NotFound):
            return None

    async def _groups(self, identity: Identity) -> frozenset[IdentityGroupId] | None:
        try:
            return await self.identity_center.groups_of(identity.user_id)
        except (Unavailable, Provisioning):
            return None

    async def _assignees(self, arn: PermissionSetArn, account: AccountId) -> Assignees | None:
        try:
            return await self.identity_center.assignees(arn, account)
        except (Unavailable, Provisioning, NotFound):
            return None

    async def _holders(self, ask: Ask, seen: Seen) -> Holders | None:
        """How many people an "Everyone" grant reaches."""
        accounts = sorted({target.account for target in ask.targets})
        found = await asyncio.gather(*(self._assignees(seen.arn, account) for account in accounts))
        known = [assignees for assignees in found if assignees is not None]
        if not known:
            return None
        users: set[IdentityUserId] = {user for assignees in known for user in assignees.users}
        groups = sorted({group for assignees in known for group in assignees.groups})
        counted_all = len(known) == len(found)
        members = await asyncio.gather(*(self._members(group) for group in groups))
        for group_members in members:
            counted_all = counted_all and group_members is not None and len(group_members) < HOLDERS_COUNTED
            users |= group_members or frozenset()
        return Holders(people=len(users), groups=len(groups), counted_all=counted_all)

    async def _members(self, group: IdentityGroupId) -> frozenset[IdentityUserId] | None:
        try:
            return await self.identity_center.group_members(group, at_most=HOLDERS_COUNTED)
        except (Unavailable, Provisioning, NotFound):
            return None

    async def _waiting(self, ask: Ask, seen: Seen) -> tuple[AccountId, ...]:
        if seen.document is None:
            return ()
        stale = await self._stale(seen)
        if stale is None:
            return ()
        document, name = seen.document, ask.permission_set
        foreign_part = foreign_fingerprint(document)
        latest = (seen.provisioned or frozenset()) - stale

        def remember(tx: Tx) -> tuple[AccountId, ...]:
            before = tx.copies(name)
            copies = before.seen(foreign_part, latest, at=seen.at)
            if copies != before:
                tx.save_copies(copies)
            return waiting_edits(stale, document, tx.pushes_of(name), copies)

        return await self.store.run(remember)

    async def _benefiting(self, ask: Ask, who: frozenset[SlackUserId], seen: Seen) -> tuple[SlackUserId, ...]:
        """Which approvers hold the set in the asked accounts and so gain from an "Everyone" grant."""
        if ask.scope is Scope.ONLY_ME:
            return ()
        accounts = sorted({target.account for target in ask.targets})
        candidates = sorted(who - {ask.requester})[:APPROVERS_LOOKED_UP]
        found = await asyncio.gather(*(self._assignees(seen.arn, account) for account in accounts))
        known = [assignees for assignees in found if assignees is not None]
        gains = await asyncio.gather(*(self._gains(user, known) for user in candidates))
        return tuple(user for user, gain in zip(candidates, gains, strict=True) if gain)

    async def _gains(self, user: SlackUserId, assignees: Sequence[Assignees]) -> bool:
        try:
            email = self.admission.email(await self.people.person(user))
            identity = await self.identity_center.find_user(email)
            groups = await self.identity_center.groups_of(identity.user_id)
        except AccessError:
            return False
        return any(each.include(identity.user_id, groups) for each in assignees)


def _parsed(document: str | None, trouble: AccessError | None) -> Policy | AccessError:
    if document is None:
        return trouble if trouble is not None else Unavailable(Code.AWS_UNAVAILABLE)
    try:
        return parse(document)
    except Refusal as refusal:
        return refusal


def _caller(ask: Ask, identity: Identity, home: Home, at: datetime) -> Caller:
    return Caller(
        partition=home.partition,
        region=home.region,
        organisation=home.organisation,
        permission_set=ask.permission_set,
        person=identity.user_id,
        user_name=identity.user_name or None,
        at=at,
    )


def _person(ask: Ask, identity: Identity) -> IdentityUserId | None:
    return identity.user_id if ask.scope is Scope.ONLY_ME else None


def _arn(seen: Seen, target: Target) -> RoleArn:
    return role_arn(seen.home.partition, target.account, target.role)


def _assigned(
    found: Assignees | None, identity: Identity, groups: frozenset[IdentityGroupId] | None
) -> Answer:
    if found is None:
        return Answer.UNKNOWN
    if found.include(identity.user_id, groups or frozenset()):
        return Answer.YES
    return Answer.UNKNOWN if groups is None and found.groups else Answer.NO


async def read_approvers(
    people: People, rule: Rule, *, not_before: datetime | None = None
) -> frozenset[SlackUserId]:
    """Expand the rule's groups; a group that cannot be read raises `Unavailable`: nobody is let in unseen."""
    groups = sorted(rule.groups)
    members = await asyncio.gather(*(people.members(group, not_before=not_before) for group in groups))
    return approvers(rule, dict(zip(groups, members, strict=True)))


def impossible(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """The targets that can never work; each would only waste an approver's time."""
    return tuple(finding for finding in findings if finding.works is Answer.NO)
