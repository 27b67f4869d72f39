"""Will it work? Everything about a request that can be known before anybody is asked."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from bot.domain.approval import can_be_decided
from bot.domain.errors import AccessError, Code, NotFound, Provisioning, Refusal, Unavailable
from bot.domain.evaluate import Answer, coverage, evaluate
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
from bot.domain.policy import parse
from bot.domain.precheck import Facts, Finding, Holders
from bot.domain.preview import Preview, preview
from bot.domain.request import Ask, Scope, Target
from bot.domain.rounds import waiting_edits
from bot.domain.rules import Rule, Rules, approvers
from bot.domain.statements import Want, ends_at_for
from bot.ports.clock import Clock
from bot.ports.identity_center import Assignees, Directory, Home, IdentityCenter
from bot.ports.people import People
from bot.ports.store import Store
from bot.usecases.admission import Admission

HOLDERS_COUNTED = 500
"""People counted per group for the blast radius; more are "at least"."""

APPROVERS_LOOKED_UP = 20
"""Approvers whose own benefit is looked up for the card."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What one look at AWS showed of a permission set."""

    arn: PermissionSetArn
    home: Home
    document: str | None
    """None: the policy could not be read; `trouble` says why."""
    provisioned: frozenset[AccountId] | None
    sids: frozenset[str]
    """The managed statements that this database has written."""
    trouble: AccessError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Precheck:
    """Reads what the management account shows and judges each account × role. Nothing is written."""

    identity_center: IdentityCenter
    directory: Directory
    people: People
    store: Store
    clock: Clock
    rules: Rules
    admission: Admission

    async def findings(self, ask: Ask, identity: Identity) -> tuple[Finding, ...]:
        """What is known of each target; what AWS does not tell now is UNKNOWN, never an exception."""
        seen = await self._look(ask.permission_set)
        return await self._findings(ask, identity, seen)

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
            self._findings(ask, identity, seen),
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
        home = await self.identity_center.home()
        arn = await self.identity_center.permission_set(name)
        document: str | None = None
        provisioned: frozenset[AccountId] | None = None
        trouble: AccessError | None = None
        try:
            document, provisioned = await asyncio.gather(
                self.identity_center.read_policy(arn), self.identity_center.provisioned_accounts(arn)
            )
        except (Unavailable, Provisioning, NotFound) as error:
            trouble = error
        state = await self.store.run(lambda tx: tx.set_state(name))
        return Seen(
            arn=arn,
            home=home,
            document=document,
            provisioned=provisioned,
            sids=state.sids,
            trouble=trouble,
        )

    async def _findings(self, ask: Ask, identity: Identity, seen: Seen) -> tuple[Finding, ...]:
        accounts = sorted({target.account for target in ask.targets})
        groups, assignees = await asyncio.gather(
            self._groups(identity),
            asyncio.gather(*(self._assignees(seen.arn, account) for account in accounts)),
        )
        assigned = {
            account: _assigned(found, identity, groups)
            for account, found in zip(accounts, assignees, strict=True)
        }
        change = self._preview(ask, identity, seen)
        return tuple(self._finding(ask, t, identity, seen, assigned[t.account], change) for t in ask.targets)

    def _finding(
        self, ask: Ask, target: Target, identity: Identity, seen: Seen, assigned: Answer, change: Preview
    ) -> Finding:
        finding = Finding(account=target.account, role=target.role, works=Answer.YES)
        managing = seen.home.management_account
        if seen.provisioned is not None:
            if seen.home.is_delegated and managing in seen.provisioned:
                return replace(finding, works=Answer.NO, code=Code.MANAGEMENT_ACCOUNT)
            if target.account not in seen.provisioned:
                return replace(finding, works=Answer.NO, code=Code.NOT_PROVISIONED)
        if assigned is Answer.NO:
            return replace(finding, works=Answer.NO, code=Code.NOT_ASSIGNED)
        if change.code is Code.POLICY_UNREADABLE or change.code is Code.MANAGED_STATEMENT_ALTERED:
            return replace(finding, works=Answer.NO, code=change.code, detail=change.detail)
        if seen.document is None:
            code = seen.trouble.code if seen.trouble is not None else Code.AWS_UNAVAILABLE
            return replace(finding, works=Answer.UNKNOWN, code=code)
        arn = _arn(seen, target)
        now = self.clock.now()
        policy = parse(seen.document)
        verdict = evaluate(
            policy,
            role_arn=arn,
            person=identity.user_id,
            at=now,
            account=target.account,
        )
        if verdict.denied is Answer.YES:
            sid = next((sid for sid in verdict.denied_by if sid), "")
            return replace(finding, works=Answer.NO, code=Code.EXPLICIT_DENY, detail=sid)
        if change.code is Code.NO_ROOM:
            return replace(finding, works=Answer.NO, code=Code.NO_ROOM, detail=change.detail)
        already = coverage(
            policy, role_arn=arn, person=_person(ask, identity), at=now, account=target.account
        )
        if already.answer is Answer.YES:
            finding = replace(finding, already_allowed=True, allowed_until=already.ends_at)
        if verdict.denied is Answer.UNKNOWN or assigned is Answer.UNKNOWN or seen.provisioned is None:
            code = Code.EXPLICIT_DENY if verdict.denied is Answer.UNKNOWN else Code.AWS_UNAVAILABLE
            return replace(finding, works=Answer.UNKNOWN, code=code)
        return finding

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
        try:
            stale = await self.identity_center.provisioned_accounts(seen.arn, stale_only=True)
        except (Unavailable, Provisioning):
            return ()
        pushes = await self.store.run(lambda tx: tx.pushes_of(ask.permission_set))
        return waiting_edits(stale, seen.document, pushes)

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
