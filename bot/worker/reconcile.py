"""One permission set, brought from what AWS holds to what the grants want: a step at a time, each repeatable.

A pass does the next thing and says when to look again: follow what is in flight, read the policy, settle the
grants, put, provision. Nothing depends on a pass having finished: the next one starts from what is.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bot.domain.errors import Code, NotFound, Provisioning, Refusal, Unavailable
from bot.domain.evaluate import Answer, evaluate
from bot.domain.grant import Failure, Grant, GrantStatus
from bot.domain.names import AccountId, PermissionSetArn, PermissionSetName
from bot.domain.policy import check_writable, fits, managed, parse
from bot.domain.policy_diff import check_minimal
from bot.domain.rounds import (
    CHANGE_DEADLINE,
    ROUND_LIMIT,
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
from bot.ports.identity_center import IdentityCenter
from bot.ports.store import Store, Tx
from bot.worker.lease import ensure
from bot.worker.provisioning import POLL_AFTER, WRITE_TIME, Pushes
from bot.worker.set_view import OPEN, SetView, fail, move, view_set

log = get_logger(__name__)

RETRY_ENDING_AFTER = timedelta(minutes=5)
"""Between two tries to finish an ending that AWS failed, or that a stopped policy holds up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconcile:
    """Runs under the set's lease, so that nobody else writes the same set meanwhile."""

    store: Store
    identity_center: IdentityCenter
    clock: Clock
    rules: Rules
    pushes: Pushes

    async def __call__(self, name: PermissionSetName) -> datetime | None:
        """One pass. Returns when to look again, None when nothing is left. Raises `Unavailable` to back off."""
        view = await self._view(name)
        if name not in self.rules.sets:
            # Taken out of the configuration: never written again, whatever is still wanted or ending there.
            await self._fail(view, view.unsettled, Failure(code=Code.SET_NOT_OFFERED, reason=name))
            return None
        try:
            return await self._step(view)
        except Unavailable as unavailable:
            now = self.clock.now()
            late = [grant for grant in view.unsettled if grant.wanted_at + CHANGE_DEADLINE <= now]
            reason = str(unavailable.facts.get("reason", ""))
            await self._fail(view, late, Failure(code=unavailable.code, reason=reason))
            raise

    async def _step(self, view: SetView) -> datetime | None:
        try:
            arn = await self.identity_center.permission_set(view.name)
        except NotFound as missing:
            await self._fail(view, view.unsettled, Failure(code=missing.code, reason=view.name))
            return None
        if any(push.is_in_flight for push in view.pushes):
            if await self.pushes.follow(view, arn):
                return self.clock.now() + POLL_AFTER
            view = await self._view(view.name)
        if not view.unsettled:
            return next_look(view.grants)
        return await self._round(view, arn)

    async def _round(self, view: SetView, arn: PermissionSetArn) -> datetime | None:
        document = await self.identity_center.read_policy(arn)
        if not await self._may_touch(view, document):
            return self._later(view)
        view = await self._settle(view, arn, document)
        if not view.unsettled:
            return next_look(view.grants)
        made = plan(document, view.grants, removable=view.state.sids, fits=fits)
        if made.unfitting:
            await self._fail(view, made.unfitting, Failure(code=Code.NO_ROOM))
            view = await self._view(view.name)
        if not made.is_noop:
            if not await self._put(view, arn, made):
                return self.clock.now()
            view = await self._view(view.name)
        accounts = accounts_to_push(
            made.after, view.grants, view.pushes, now=self.clock.now(), retry_after=RETRY_ENDING_AFTER
        )
        if accounts:
            return await self.pushes.start(view, arn, made.after, accounts)
        if made.is_noop:
            return self._later(view)
        return self.clock.now()  # read back what was put, and settle

    def _later(self, view: SetView) -> datetime | None:
        return self.clock.now() + RETRY_ENDING_AFTER if view.is_ending else next_look(view.grants)

    async def _may_touch(self, view: SetView, document: str) -> bool:
        """Remember the policy as read. An unreadable one, or one altered by hand, stops the rounds on this set."""
        stopped: Failure | None = None
        try:
            managed(parse(document))
        except Refusal as refusal:
            detail = str(refusal.facts.get("sid") or refusal.facts.get("detail") or "")
            stopped = Failure(code=refusal.code, reason=detail)

        def remember(tx: Tx) -> None:
            state = tx.set_state(view.name)
            if state.stopped != stopped or state.document != document:
                tx.save_set_state(state, replace(state, stopped=stopped, document=document))
            if stopped is not None:
                fail(tx, view.name, view.unsettled, stopped, channel=self.rules.channel)

        await self.store.run(remember)
        return stopped is None

    # What has become true

    async def _settle(self, view: SetView, arn: PermissionSetArn, document: str) -> SetView:
        """Move every grant of which the read-back shows more: arrived, gone, allowed or denied by others."""
        now = self.clock.now()
        others = {g.id for g in view.grants if _is_fresh(g) and allowed_by_others(document, g, at=now)}
        stale = (
            await self.identity_center.provisioned_accounts(arn, stale_only=True) if others else frozenset()
        )
        made = plan(document, view.grants, removable=view.state.sids, fits=fits)

        def settle(tx: Tx) -> SetView:
            state = tx.set_state(view.name)
            if made.is_noop and not made.sids <= state.sids:
                # What our grants want stands there word for word: they explain it now, and will end it.
                tx.save_set_state(state, replace(state, sids=state.sids | made.sids))
            for grant in tx.grants_in(view.name, (GrantStatus.PROVISIONING, GrantStatus.ENDING)):
                push = view.push(grant.target.account)
                if grant.status is GrantStatus.PROVISIONING:
                    here = grant.id in others and grant.target.account not in stale
                    arrived = has_arrived(grant, document, push, now=tx.now)
                    self._settle_wanted(
                        tx, grant, document, arrived=arrived, others=grant.id in others, here=here
                    )
                elif made.is_noop and has_gone(grant, document, push):
                    move(tx, grant, GrantStatus.ENDED, channel=self.rules.channel)
            return view_set(tx, view.name, self.rules.channel)

        return await self.store.run(settle)

    def _settle_wanted(
        self, tx: Tx, grant: Grant, document: str, *, arrived: bool, others: bool, here: bool
    ) -> None:
        """`others` allow the same in the policy; they do `here` too when the account holds its latest version."""
        channel = self.rules.channel
        denied = _denied_by(document, grant, tx.now)
        if denied is not None and not grant.written:
            move(
                tx,
                grant,
                GrantStatus.FAILED,
                channel=channel,
                failure=Failure(code=Code.EXPLICIT_DENY, reason=denied),
            )
        elif arrived:
            move(tx, grant, GrantStatus.ACTIVE, channel=channel, written=not grant.already_allowed)
        elif here:
            move(tx, grant, GrantStatus.ACTIVE, channel=channel, already_allowed=True)
        elif others and not grant.already_allowed:
            tx.save_grant(grant, replace(grant, already_allowed=True))
        elif grant.rounds >= ROUND_LIMIT and not covers(document, grant):
            move(tx, grant, GrantStatus.FAILED, channel=channel, failure=Failure(code=Code.FOREIGN_WRITER))

    # Writing

    async def _put(self, view: SetView, arn: PermissionSetArn, made: Plan) -> bool:
        """Record the intent, put, record the policy. False when AWS or we ourselves refused: grants say why."""
        wanted = [grant for grant in view.grants if grant.is_wanted and grant not in made.unfitting]
        missing = [grant for grant in wanted if not covers(made.before, grant)]
        check_minimal(
            made.before, made.after, allowed=[grant.want for grant in wanted], removable=view.state.sids
        )
        try:
            if made.after:
                check_writable(made.after)
        except Refusal as refusal:
            await self._take_back(view, missing or view.unsettled, Failure(code=refusal.code))
            return False
        stale = await self.identity_center.provisioned_accounts(arn, stale_only=True)
        waiting = waiting_edits(stale, made.before, view.pushes)
        await self.store.run(lambda tx: self._intend(tx, view, made, missing=missing, waiting=waiting))
        await ensure(WRITE_TIME)
        try:
            await self.identity_center.put_policy(arn, made.after)
        except (Refusal, Provisioning) as refused:
            if refused.code is Code.CONFLICT:
                raise Unavailable(Code.CONFLICT) from refused
            failure = Failure(code=refused.code, reason=str(refused.facts.get("reason", "")))
            await self._take_back(view, missing, failure)
            return False

        def record(tx: Tx) -> None:
            state = tx.set_state(view.name)
            tx.save_set_state(state, replace(state, document=made.after))
            tx.keep_snapshot(view.name, made.after, event="after")

        await self.store.run(record)
        log.info("policy_put", permission_set=view.name, grants=len(missing))
        return True

    @staticmethod
    def _intend(
        tx: Tx, view: SetView, made: Plan, *, missing: Sequence[Grant], waiting: Sequence[AccountId]
    ) -> None:
        """From here on these Sids are ours, and these grants may stand in the policy, whatever happens next."""
        state = tx.set_state(view.name)
        tx.save_set_state(state, replace(state, sids=state.sids | made.sids, waiting=tuple(waiting)))
        tx.keep_snapshot(view.name, made.before, event="before")
        ids = {grant.id for grant in missing}
        for grant in tx.grants_in(view.name, OPEN):
            if grant.id in ids:
                tx.save_grant(grant, replace(grant, written=True, rounds=grant.rounds + 1))
        accounts = {grant.target.account for grant in missing}
        for push in tx.pushes_of(view.name):
            if push.account in accounts:
                # Whatever arrived there before, the policy did not hold this: it has to travel again.
                tx.save_push(replace(push, held=None))

    async def _take_back(self, view: SetView, missing: Sequence[Grant], failure: Failure) -> None:
        """The policy was refused for certain: what was about to be written was not."""
        await self.store.run(
            lambda tx: fail(tx, view.name, missing, failure, channel=self.rules.channel, written=False)
        )

    # Small things

    async def _view(self, name: PermissionSetName) -> SetView:
        return await self.store.run(lambda tx: view_set(tx, name, self.rules.channel))

    async def _fail(self, view: SetView, grants: Sequence[Grant], failure: Failure) -> None:
        if grants:
            await self.store.run(lambda tx: fail(tx, view.name, grants, failure, channel=self.rules.channel))


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
