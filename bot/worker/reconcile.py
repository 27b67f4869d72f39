"""One permission set, brought from what AWS holds to what the grants want: one step at a time, each safe to repeat.

A pass does the next thing and says when to look again: settle what is in flight, read the policy, settle the
grants, put, provision, remember. Nothing depends on a pass having finished: the next one reads what is.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bot.domain.errors import Code, NotFound, Provisioning, Refusal, Unavailable
from bot.domain.evaluate import Answer, evaluate
from bot.domain.grant import EndCause, Failure, Grant, GrantStatus, Push, PushStatus, SetState
from bot.domain.names import AccountId, PermissionSetArn, PermissionSetName, ProvisioningId
from bot.domain.policy import check_writable, fits, managed, parse
from bot.domain.policy_diff import check_minimal
from bot.domain.rounds import (
    CHANGE_DEADLINE,
    EVERYWHERE_ABOVE,
    PROVISIONINGS_AT_ONCE,
    ROUND_LIMIT,
    WITHDRAW_AFTER,
    Plan,
    accounts_to_push,
    allowed_by_others,
    covers,
    has_arrived,
    has_gone,
    next_look,
    plan,
    waiting_edits,
)
from bot.domain.rules import Rules
from bot.log import get_logger
from bot.ports.clock import Clock
from bot.ports.identity_center import IdentityCenter, ProvisioningReport, ProvisioningState
from bot.ports.store import Store, Tx, WorkKind
from bot.usecases.transitions import move_grant, show, show_progress

log = get_logger(__name__)

POLL_AFTER = timedelta(milliseconds=500)
"""Between two looks at provisionings in flight: two calls a second of the fifteen."""

RETRY_ENDING_AFTER = timedelta(minutes=5)
"""Between two tries to provision an ending that AWS failed."""

STOPPED_LOOK_AFTER = timedelta(minutes=5)
"""How often a stopped set with unfinished endings is looked at again."""

OPEN = (GrantStatus.PROVISIONING, GrantStatus.ACTIVE, GrantStatus.ENDING, GrantStatus.FAILED)


@dataclass(frozen=True, slots=True, kw_only=True)
class _View:
    """What the store says about one set at the beginning of a step."""

    state: SetState
    grants: tuple[Grant, ...]
    pushes: tuple[Push, ...]

    @property
    def unsettled(self) -> tuple[Grant, ...]:
        return tuple(grant for grant in self.grants if not grant.is_settled)

    def push(self, account: AccountId) -> Push | None:
        return next((push for push in self.pushes if push.account == account), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconcile:
    """Runs under the set's lease, so that nobody else writes the same set meanwhile."""

    store: Store
    identity_center: IdentityCenter
    clock: Clock
    rules: Rules

    async def __call__(self, name: PermissionSetName) -> datetime | None:
        """One pass. Returns when to look again, None when nothing is left. Raises `Unavailable` to back off."""
        view = await self.store.run(lambda tx: self._begin(tx, name))
        if name not in self.rules.sets:
            # Taken out of the configuration: never written again, whatever is still wanted or ending there.
            await self._fail(view, view.unsettled, Failure(code=Code.SET_NOT_OFFERED, reason=name))
            return None
        try:
            return await self._step(view, name)
        except Unavailable as unavailable:
            now = self.clock.now()
            late = [grant for grant in view.unsettled if grant.wanted_at + CHANGE_DEADLINE <= now]
            reason = str(unavailable.facts.get("reason", ""))
            await self._fail(view, late, Failure(code=unavailable.code, reason=reason))
            raise

    async def _step(self, view: _View, name: PermissionSetName) -> datetime | None:
        arn = await self._arn(view, name)
        if arn is None:
            return None
        if any(push.is_in_flight for push in view.pushes):
            if await self._poll(view, arn):
                return self.clock.now() + POLL_AFTER
            view = await self.store.run(lambda tx: self._begin(tx, name))
        if not view.unsettled:
            return next_look(view.grants)
        return await self._round(view, arn)

    def _begin(self, tx: Tx, name: PermissionSetName) -> _View:
        """Read the set; what has reached its end or waited too long becomes an ending."""
        for grant in tx.grants_in(name, (GrantStatus.PROVISIONING, GrantStatus.ACTIVE, GrantStatus.FAILED)):
            if grant.status is not GrantStatus.FAILED and grant.ends_at is not None and grant.ends_at <= tx.now:
                self._move(tx, grant, GrantStatus.ENDING, cause=EndCause.EXPIRED)
            elif grant.status is GrantStatus.FAILED and grant.wanted_at + WITHDRAW_AFTER <= tx.now:
                self._move(tx, grant, GrantStatus.ENDING, cause=EndCause.WITHDRAWN)
        return _View(state=tx.set_state(name), grants=tx.grants_in(name, OPEN), pushes=tx.pushes_of(name))

    async def _arn(self, view: _View, name: PermissionSetName) -> PermissionSetArn | None:
        try:
            return await self.identity_center.permission_set(name)
        except NotFound as missing:
            await self._fail(view, view.unsettled, Failure(code=missing.code, reason=name))
            return None

    # In flight

    async def _poll(self, view: _View, arn: PermissionSetArn) -> bool:
        """Look at every provisioning in flight once; True while one of them still runs."""
        flying = [push for push in view.pushes if push.is_in_flight]
        unasked = [push for push in flying if push.provisioning is None]
        if unasked:
            # The bot stopped between asking AWS and remembering the answer: asking again is harmless.
            await self._provision(view, arn, unasked)
            return True
        ids = sorted({push.provisioning for push in flying if push.provisioning is not None})
        reports = dict(zip(ids, await asyncio.gather(*map(self._report, ids)), strict=True))

        def store(tx: Tx) -> bool:
            running = False
            for push in flying:
                assert push.provisioning is not None
                running = self._land(tx, push, reports[push.provisioning]) or running
            return running

        return await self.store.run(store)

    async def _report(self, provisioning: ProvisioningId) -> ProvisioningReport:
        return await self.identity_center.provisioning(provisioning)

    def _land(self, tx: Tx, push: Push, report: ProvisioningReport) -> bool:
        """Remember one report; True while it still runs. Grants become active later, after the read-back."""
        late = push.started_at is not None and push.started_at + CHANGE_DEADLINE <= tx.now
        match report.state:
            case ProvisioningState.SUCCEEDED:
                tx.save_push(replace(push, status=PushStatus.SUCCEEDED, held=push.document, failure=None))
                return False
            case ProvisioningState.IN_PROGRESS if not late:
                return True
            case ProvisioningState.FAILED:
                failure = Failure(code=Code.PROVISIONING_FAILED, reason=report.failure_reason)
            case ProvisioningState.IN_PROGRESS:
                failure = Failure(code=Code.TIMED_OUT)
        # What the account's role holds now is unknown: it is not believed to hold anything of ours.
        tx.save_push(replace(push, status=PushStatus.FAILED, held=None, failure=failure))
        for grant in tx.grants_in(push.permission_set, (GrantStatus.PROVISIONING,)):
            if grant.target.account == push.account:
                self._move(tx, grant, GrantStatus.FAILED, failure=failure)
        return False

    # One round

    async def _round(self, view: _View, arn: PermissionSetArn) -> datetime | None:
        name = view.state.permission_set
        document = await self._read(view, arn)
        if document is None:
            ending = any(grant.status is GrantStatus.ENDING for grant in view.grants)
            return self.clock.now() + STOPPED_LOOK_AFTER if ending else next_look(view.grants)
        view = await self._settle(view, document)
        if not view.unsettled:
            return self._after(view)
        made = plan(document, view.grants, removable=view.state.sids, fits=fits)
        if made.unfitting:
            await self._fail(view, made.unfitting, Failure(code=Code.NO_ROOM))
            view = await self.store.run(lambda tx: self._begin(tx, name))
        if not made.is_noop:
            if not await self._put(view, arn, made):
                return self.clock.now()
            view = await self.store.run(lambda tx: self._begin(tx, name))
        accounts = accounts_to_push(
            made.after, view.grants, view.pushes, now=self.clock.now(), retry_after=RETRY_ENDING_AFTER
        )
        if accounts:
            return await self._push(view, arn, made.after, accounts)
        if made.is_noop:
            return self._after(view)
        return self.clock.now()  # read back what was put, and settle

    def _after(self, view: _View) -> datetime | None:
        if any(grant.status is GrantStatus.ENDING for grant in view.grants):
            return self.clock.now() + RETRY_ENDING_AFTER
        return next_look(view.grants)

    async def _read(self, view: _View, arn: PermissionSetArn) -> str | None:
        """The policy as AWS holds it; None when it must not be touched, which the grants then say."""
        document = await self.identity_center.read_policy(arn)
        name = view.state.permission_set
        try:
            managed(parse(document))
        except Refusal as refusal:
            detail = str(refusal.facts.get("sid") or refusal.facts.get("detail") or "")
            stopped = Failure(code=refusal.code, reason=detail)
            fresh = [grant for grant in view.unsettled if grant.status is GrantStatus.PROVISIONING]
            await self._fail(view, fresh, stopped)
        else:
            stopped = None

        def store(tx: Tx) -> None:
            state = tx.set_state(name)
            if state.stopped != stopped or state.document != document:
                tx.save_set_state(state, replace(state, stopped=stopped, document=document))

        await self.store.run(store)
        return document if stopped is None else None

    async def _settle(self, view: _View, document: str) -> _View:
        """Say what has become true: arrived, gone, allowed by others, denied by others, given up."""
        name = view.state.permission_set
        now = self.clock.now()
        others = {g.id for g in view.grants if _is_fresh(g) and allowed_by_others(document, g, at=now)}
        stale: frozenset[AccountId] = frozenset()
        if others:
            arn = await self.identity_center.permission_set(name)
            stale = await self.identity_center.provisioned_accounts(arn, stale_only=True)
        made = plan(document, view.grants, removable=view.state.sids, fits=fits)

        def store(tx: Tx) -> _View:
            state = tx.set_state(name)
            if made.is_noop and not made.sids <= state.sids:
                # What our grants want stands there already, word for word: they explain it now, and end it later.
                tx.save_set_state(state, replace(state, sids=state.sids | made.sids))
            for grant in tx.grants_in(name, (GrantStatus.PROVISIONING, GrantStatus.ENDING)):
                push = view.push(grant.target.account)
                if grant.status is GrantStatus.ENDING:
                    if made.is_noop and has_gone(grant, document, push):
                        self._move(tx, grant, GrantStatus.ENDED)
                    continue
                denied = _denied_by(document, grant, tx.now)
                if denied is not None and not grant.written:
                    failure = Failure(code=Code.EXPLICIT_DENY, reason=denied)
                    self._move(tx, grant, GrantStatus.FAILED, failure=failure)
                elif has_arrived(grant, document, push, now=tx.now):
                    self._move(tx, grant, GrantStatus.ACTIVE, written=not grant.already_allowed)
                elif grant.id in others and grant.target.account not in stale:
                    self._move(tx, grant, GrantStatus.ACTIVE, already_allowed=True)
                elif grant.id in others and not grant.already_allowed:
                    tx.save_grant(grant, replace(grant, already_allowed=True))
                elif grant.rounds >= ROUND_LIMIT and not covers(document, grant):
                    self._move(tx, grant, GrantStatus.FAILED, failure=Failure(code=Code.FOREIGN_WRITER))
            return self._begin(tx, name)

        return await self.store.run(store)

    async def _put(self, view: _View, arn: PermissionSetArn, made: Plan) -> bool:
        """Record the intent, put, record the policy. False when AWS or we ourselves refused: grants say why."""
        name = view.state.permission_set
        wanted = [grant for grant in view.grants if grant.is_wanted and grant not in made.unfitting]
        try:
            check_minimal(made.before, made.after, allowed=[grant.want for grant in wanted])
            if made.after:
                check_writable(made.after)
        except Refusal as refusal:
            fresh = [grant for grant in view.unsettled if not grant.written]
            await self._fail(view, fresh or view.unsettled, Failure(code=refusal.code))
            return False
        missing = [grant for grant in wanted if not covers(made.before, grant)]

        def intend(tx: Tx) -> None:
            state = tx.set_state(name)
            tx.save_set_state(state, replace(state, sids=state.sids | made.sids))
            tx.keep_snapshot(name, made.before, event="before")
            for grant in tx.grants_in(name, OPEN):
                if any(grant.id == other.id for other in missing):
                    tx.save_grant(grant, replace(grant, written=True, rounds=grant.rounds + 1))
            accounts = {grant.target.account for grant in missing}
            for push in tx.pushes_of(name):
                if push.account in accounts:
                    # Whatever arrived there before, the policy did not hold this: it has to travel again.
                    tx.save_push(replace(push, held=None))

        await self.store.run(intend)
        try:
            await self.identity_center.put_policy(arn, made.after)
        except (Refusal, Provisioning) as refused:
            if refused.code is Code.CONFLICT:
                raise Unavailable(Code.CONFLICT) from refused
            reason = str(refused.facts.get("reason", ""))
            await self._take_back(name, missing, Failure(code=refused.code, reason=reason))
            return False

        def record(tx: Tx) -> None:
            state = tx.set_state(name)
            tx.save_set_state(state, replace(state, document=made.after))
            tx.keep_snapshot(name, made.after, event="after")

        await self.store.run(record)
        log.info("policy_put", permission_set=name, grants=len(missing))
        return True

    async def _take_back(
        self, name: PermissionSetName, missing: Sequence[Grant], failure: Failure
    ) -> None:
        """AWS refused the policy for certain: what was about to be written was not."""
        ids = {grant.id for grant in missing}

        def store(tx: Tx) -> None:
            for grant in tx.grants_in(name, (GrantStatus.PROVISIONING,)):
                if grant.id in ids:
                    self._move(tx, grant, GrantStatus.FAILED, failure=failure, written=False)

        await self.store.run(store)

    # Provisioning

    async def _push(
        self, view: _View, arn: PermissionSetArn, document: str, accounts: Sequence[AccountId]
    ) -> datetime | None:
        """Start provisioning as far as the organisation's budget goes; the rest waits for the next pass."""
        name = view.state.permission_set
        everywhere: frozenset[AccountId] = frozenset()
        if len(accounts) > EVERYWHERE_ABOVE:
            stale = await self.identity_center.provisioned_accounts(arn, stale_only=True)
            waiting = set(waiting_edits(stale, document, view.pushes)) if view.state.document else set(stale)
            if not waiting - set(accounts):
                everywhere = await self.identity_center.provisioned_accounts(arn)
        now = self.clock.now()

        def reserve(tx: Tx) -> list[Push]:
            flying = tx.pushes_in_flight()
            slots = PROVISIONINGS_AT_ONCE - len({_flight(push) for push in flying})
            busy = {push.account for push in flying}
            chosen: list[Push] = []
            if everywhere and slots > 0 and not busy & everywhere:
                chosen = [self._start(view, name, document, each, now, everywhere=True) for each in sorted(everywhere)]
            elif not everywhere:
                free = [account for account in accounts if account not in busy]
                chosen = [self._start(view, name, document, each, now) for each in free[: max(slots, 0)]]
            for push in chosen:
                tx.save_push(push)
            for request in {grant.request for grant in view.unsettled}:
                show_progress(tx, request, self.rules.channel)
            return chosen

        chosen = await self.store.run(reserve)
        if chosen:
            await self._provision(view, arn, chosen)
        return self.clock.now() + POLL_AFTER

    @staticmethod
    def _start(
        view: _View,
        name: PermissionSetName,
        document: str,
        account: AccountId,
        now: datetime,
        *,
        everywhere: bool = False,
    ) -> Push:
        before = view.push(account)
        return Push(
            permission_set=name,
            account=account,
            status=PushStatus.STARTING,
            document=document,
            held=before.held if before is not None else None,
            everywhere=everywhere,
            started_at=now,
        )

    async def _provision(self, view: _View, arn: PermissionSetArn, pushes: Sequence[Push]) -> None:
        """Ask AWS for each push and remember its answer at once; one ALL call serves all that travel together."""
        together = [push for push in pushes if push.everywhere]
        if together:
            await self._ask(arn, None, together)
        for push in pushes:
            if not push.everywhere:
                await self._ask(arn, push.account, [push])

    async def _ask(self, arn: PermissionSetArn, account: AccountId | None, pushes: Sequence[Push]) -> None:
        try:
            provisioning = await self.identity_center.provision(arn, account)
        except (Provisioning, NotFound, Refusal) as refused:
            if refused.code is Code.CONFLICT and not self._too_late(pushes):
                raise Unavailable(Code.CONFLICT) from refused
            report = ProvisioningReport(
                state=ProvisioningState.FAILED, failure_reason=str(refused.facts.get("reason", refused.code.value))
            )
            await self.store.run(lambda tx: [self._land(tx, push, report) for push in pushes])
            return

        def store(tx: Tx) -> None:
            for push in pushes:
                tx.save_push(replace(push, status=PushStatus.IN_PROGRESS, provisioning=provisioning))

        await self.store.run(store)

    def _too_late(self, pushes: Sequence[Push]) -> bool:
        now = self.clock.now()
        return any(push.started_at is not None and push.started_at + CHANGE_DEADLINE <= now for push in pushes)

    # Moving grants

    async def _fail(self, view: _View, grants: Sequence[Grant], failure: Failure) -> None:
        ids = {grant.id for grant in grants}

        def store(tx: Tx) -> None:
            for grant in tx.grants_in(view.state.permission_set, (GrantStatus.PROVISIONING,)):
                if grant.id in ids:
                    self._move(tx, grant, GrantStatus.FAILED, failure=failure)

        await self.store.run(store)

    def _move(
        self,
        tx: Tx,
        grant: Grant,
        status: GrantStatus,
        *,
        failure: Failure | None = None,
        cause: EndCause | None = None,
        already_allowed: bool | None = None,
        written: bool | None = None,
    ) -> None:
        """Move a grant; its card and progress follow, and the last one of a change sets off the verification."""
        move_grant(
            tx,
            grant,
            status,
            failure=failure,
            cause=cause,
            already_allowed=already_allowed,
            written=written,
        )
        request = tx.request(grant.request)
        show(tx, request, self.rules.channel)
        if grant.status is not GrantStatus.PROVISIONING:
            return
        show_progress(tx, grant.request, self.rules.channel)
        if all(other.status is not GrantStatus.PROVISIONING for other in tx.grants_of(grant.request)):
            tx.poke(WorkKind.VERIFY, str(grant.request))


def _is_fresh(grant: Grant) -> bool:
    return grant.status is GrantStatus.PROVISIONING and not grant.written and not grant.rounds


def _denied_by(document: str, grant: Grant, at: datetime) -> str | None:
    """The Sid of a statement that denies this for certain ("" when it has none); None when nothing does."""
    verdict = evaluate(
        parse(document), role_arn=grant.role_arn, person=grant.person, at=at, account=grant.target.account
    )
    if verdict.denied is not Answer.YES:
        return None
    return next((sid for sid in verdict.denied_by if sid), "")


def _flight(push: Push) -> tuple[str, str]:
    """Pushes that share one ALL_PROVISIONED_ACCOUNTS call count once against AWS's limit."""
    return push.permission_set, "*" if push.everywhere else push.account
