"""The self-check: what a person really has, link by link, as the management account shows it."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.domain.errors import AccessError, Code, NotFound, Provisioning, Refusal, Unavailable
from bot.domain.evaluate import Answer, coverage, evaluate
from bot.domain.grant import Failure, Grant, GrantStatus, Push, PushStatus
from bot.domain.messages import MessageKind, Outcome
from bot.domain.names import AccountId, PermissionSetName, RoleName, SlackUserId, role_arn
from bot.domain.people import Identity
from bot.domain.policy import Policy, foreign_fingerprint, parse, serialise
from bot.domain.request import RequestId, Target, label
from bot.domain.rules import Rules
from bot.domain.three_valued import opposite
from bot.domain.verification import Check, Link, Verification
from bot.ports.clock import Clock
from bot.ports.identity_center import IdentityCenter
from bot.ports.store import Store, Tx
from bot.usecases.admission import Admission
from bot.usecases.transitions import card_key, show

FRESH_FOR = timedelta(seconds=30)
"""A read-back by our own round serves the verification that it set off for this long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SetReport:
    """The self-check of one permission set for one person."""

    permission_set: PermissionSetName
    verifications: tuple[Verification, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Provisioned:
    """What is known of the versions that accounts hold."""

    everywhere: frozenset[AccountId] | None
    stale: frozenset[AccountId] | None
    pushes: dict[AccountId, Push]
    trouble: AccessError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfCheck:
    """Checks at level CONFIGURED. Reads only; every check answers yes, no or unknown."""

    identity_center: IdentityCenter
    store: Store
    clock: Clock
    rules: Rules
    admission: Admission

    async def __call__(self, user: SlackUserId, account: AccountId | None) -> tuple[SetReport, ...]:
        """Check what the person was granted or asked for, or every configured role in one account.

        Raises `Refusal` when the person cannot be told apart, `Unavailable` when AWS cannot be asked at all.
        """
        person = await self.admission.person(user)
        identity = await self.identity_center.find_user(self.admission.email(person))
        wanted = await self._targets(user, account)
        reports = [await self.check(name, targets, identity) for name, targets in sorted(wanted.items())]
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
        requests = await self.store.run(lambda tx: tx.requests_of(user, at_most=50))
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
        *,
        document: str | None = None,
        pushed: bool = False,
    ) -> SetReport:
        """Check some targets of one set.

        `document` saves a read when the caller has just read the policy back; `pushed` says that our own
        provisioning of these accounts has just succeeded, which saves asking AWS for their version.
        """
        now = self.clock.now()
        try:
            await self.identity_center.permission_set(name)
        except NotFound as missing:
            return SetReport(
                permission_set=name,
                verifications=tuple(_nothing(target, missing, now) for target in targets),
            )
        home = await self.identity_center.home()
        accounts = sorted({target.account for target in targets})
        policy, provisioned, assigned = await asyncio.gather(
            self._policy(name, document),
            self._provisioned(name, accounts, pushed=pushed),
            asyncio.gather(*(self._assigned(name, account, identity) for account in accounts)),
        )
        by_account = dict(zip(accounts, assigned, strict=True))
        return SetReport(
            permission_set=name,
            verifications=tuple(
                self._verification(
                    target, identity, policy, provisioned, by_account[target.account], home.partition, now
                )
                for target in targets
            ),
        )

    def _verification(
        self,
        target: Target,
        identity: Identity,
        policy: "Policy | AccessError",
        provisioned: _Provisioned,
        assigned: Check,
        partition: str,
        now: datetime,
    ) -> Verification:
        until: datetime | None = None
        if isinstance(policy, AccessError):
            reason = str(policy.facts.get("reason") or policy.facts.get("detail") or "")
            allowed = Check(link=Link.ALLOWED, answer=Answer.UNKNOWN, code=policy.code, detail=reason)
            not_denied = Check(link=Link.NOT_DENIED, answer=Answer.UNKNOWN, code=policy.code, detail=reason)
        else:
            arn = role_arn(partition, target.account, target.role)
            verdict = evaluate(
                policy,
                role_arn=arn,
                person=identity.user_id,
                at=now,
                account=target.account,
            )
            # What a deny overrules is allowed nevertheless: the deny is what has to be mended, by its own name.
            overruled = verdict.denied is Answer.YES and bool(verdict.allowed_by)
            allows = Answer.YES if overruled else verdict.allowed
            allowed = Check(
                link=Link.ALLOWED,
                answer=allows,
                code=None if allows is Answer.YES else Code.NOT_ALLOWED,
            )
            denying = next((sid for sid in verdict.denied_by if sid), "")
            not_denied = Check(
                link=Link.NOT_DENIED,
                answer=opposite(verdict.denied),
                code=None if verdict.denied is Answer.NO else Code.EXPLICIT_DENY,
                detail=denying,
            )
            until = coverage(
                policy, role_arn=arn, person=identity.user_id, at=now, account=target.account
            ).ends_at
        return Verification(
            target=target,
            checks=(
                assigned,
                _provisioned_check(target, provisioned, now, partition, identity, policy),
                allowed,
                not_denied,
                Check(link=Link.ROLE_EXISTS, answer=Answer.UNKNOWN),
            ),
            checked_at=now,
            until=until,
        )

    async def _policy(self, name: PermissionSetName, document: str | None) -> Policy | AccessError:
        try:
            if document is None:
                arn = await self.identity_center.permission_set(name)
                document = await self.identity_center.read_policy(arn)
            return parse(document)
        except AccessError as error:
            return error

    async def _provisioned(
        self, name: PermissionSetName, accounts: Iterable[AccountId], *, pushed: bool
    ) -> _Provisioned:
        pushes = {push.account: push for push in await self.store.run(lambda tx: tx.pushes_of(name))}
        if pushed and all(
            account in pushes and pushes[account].status is PushStatus.SUCCEEDED for account in accounts
        ):
            return _Provisioned(everywhere=None, stale=None, pushes=pushes)
        arn = await self.identity_center.permission_set(name)
        try:
            everywhere, stale = await asyncio.gather(
                self.identity_center.provisioned_accounts(arn),
                self.identity_center.provisioned_accounts(arn, stale_only=True),
            )
        except (Unavailable, Provisioning, NotFound) as error:
            return _Provisioned(everywhere=None, stale=None, pushes={}, trouble=error)
        return _Provisioned(everywhere=everywhere, stale=stale, pushes=pushes)

    async def _assigned(self, name: PermissionSetName, account: AccountId, identity: Identity) -> Check:
        try:
            arn = await self.identity_center.permission_set(name)
            found = await self.identity_center.assignees(arn, account)
            if identity.user_id in found.users:
                return Check(link=Link.ASSIGNED, answer=Answer.YES)
            groups = await self.identity_center.groups_of(identity.user_id)
        except (Unavailable, Provisioning, NotFound) as error:
            return Check(link=Link.ASSIGNED, answer=Answer.UNKNOWN, code=error.code)
        if found.include(identity.user_id, groups):
            return Check(link=Link.ASSIGNED, answer=Answer.YES)
        return Check(link=Link.ASSIGNED, answer=Answer.NO, code=Code.NOT_ASSIGNED)


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyChange:
    """After a change: check each account × role, and owe the results to the thread and the requester."""

    store: Store
    clock: Clock
    rules: Rules
    self_check: SelfCheck

    async def __call__(self, request_id: RequestId) -> None:
        """Verify one settled request; a newer outcome makes it a no-op. Raises `Unavailable`."""
        request, grants, state, newest = await self.store.run(
            lambda tx: (
                tx.request(request_id),
                tx.grants_of(request_id),
                tx.set_state(tx.request(request_id).ask.permission_set),
                tx.outcome(request_id, 0),
            )
        )
        statuses = {grant.status for grant in grants}
        if GrantStatus.PROVISIONING in statuses or not statuses & {GrantStatus.ACTIVE, GrantStatus.FAILED}:
            return
        assert request.identity is not None  # known since before the card was posted
        identity = Identity(user_id=request.identity, user_name="")
        settled = max((grant.settled_at for grant in grants if grant.settled_at), default=None)
        if newest is not None and settled is not None and newest.at >= settled:
            return  # this outcome was stored before; only the work was not crossed off
        number = newest.number if newest is not None else 0
        fresh = settled is not None and settled + FRESH_FOR > self.clock.now()
        report = await self.self_check.check(
            request.ask.permission_set,
            request.ask.targets,
            identity,
            document=state.document if fresh else None,
            pushed=fresh,
        )
        outcome = Outcome(
            request=request_id,
            number=number + 1,
            at=self.clock.now(),
            verifications=report.verifications,
            failures=tuple(
                (grant.target.account, grant.target.role, _failure(grant))
                for grant in grants
                if grant.status is GrantStatus.FAILED
            ),
            role_arns=tuple(dict.fromkeys(grant.role_arn for grant in grants)),
            already_allowed=tuple(_pair(grant) for grant in grants if _was_allowed(grant)),
        )

        def store(tx: Tx) -> None:
            if _outcomes(tx, request_id) >= outcome.number:
                return
            tx.add_outcome(outcome)
            present = tx.request(request_id)
            name = f"{label(request_id)}:results:{outcome.number}"
            tx.owe(
                name,
                MessageKind.RESULTS,
                self.rules.channel,
                request=request_id,
                thread_key=card_key(request_id),
                outcome=outcome.number,
            )
            tx.owe(
                f"{name}:copy",
                MessageKind.RESULTS_COPY,
                present.ask.requester,
                request=request_id,
                outcome=outcome.number,
            )
            show(tx, present, self.rules.channel)

        await self.store.run(store)


def _outcomes(tx: Tx, request: RequestId) -> int:
    newest = tx.outcome(request, 0)
    return newest.number if newest is not None else 0


def _failure(grant: Grant) -> Failure:
    return grant.failure if grant.failure is not None else Failure(code=Code.PROVISIONING_FAILED)


def _was_allowed(grant: Grant) -> bool:
    return grant.status is GrantStatus.ACTIVE and (grant.already_allowed or grant.rounds == 0)


def _pair(grant: Grant) -> tuple[AccountId, RoleName]:
    return grant.target.account, grant.target.role


def _nothing(target: Target, error: AccessError, now: datetime) -> Verification:
    check = Check(link=Link.ASSIGNED, answer=Answer.NO, code=error.code)
    return Verification(target=target, checks=(check,), checked_at=now)


def _provisioned_check(
    target: Target,
    seen: _Provisioned,
    now: datetime,
    partition: str,
    identity: Identity,
    live: Policy | AccessError,
) -> Check:
    """At the latest version, or at one that we provisioned there ourselves and that still allows it."""
    if seen.trouble is not None:
        return Check(link=Link.PROVISIONED, answer=Answer.UNKNOWN, code=seen.trouble.code)
    push = seen.pushes.get(target.account)
    if seen.everywhere is None:
        return Check(link=Link.PROVISIONED, answer=Answer.YES)
    if target.account not in seen.everywhere:
        return Check(link=Link.PROVISIONED, answer=Answer.NO, code=Code.NOT_PROVISIONED)
    if seen.stale is not None and target.account not in seen.stale:
        return Check(link=Link.PROVISIONED, answer=Answer.YES)
    if push is not None and push.status is PushStatus.SUCCEEDED and push.held is not None:
        if isinstance(live, AccessError) or foreign_fingerprint(push.held) != foreign_fingerprint(
            serialise(live)
        ):
            # Somebody else has changed the policy since, and may have provisioned it there too.
            return Check(link=Link.PROVISIONED, answer=Answer.UNKNOWN, code=Code.NOT_PROVISIONED)
        verdict = evaluate(
            parse(push.held),
            role_arn=role_arn(partition, target.account, target.role),
            person=identity.user_id,
            at=now,
            account=target.account,
        )
        if verdict.allowed is Answer.YES and verdict.denied is Answer.NO:
            return Check(link=Link.PROVISIONED, answer=Answer.YES, detail="left_behind")
    return Check(link=Link.PROVISIONED, answer=Answer.NO, code=Code.NOT_PROVISIONED)
