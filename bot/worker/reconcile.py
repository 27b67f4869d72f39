"""One permission set, brought from what AWS holds to what the grants want: a step at a time, each repeatable.

A pass does the next thing and says when to look again: follow what is in flight, read the policy, settle the
grants, put, provision. Nothing depends on a pass having finished: the next one starts from what is.
"""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from bot.domain.errors import AccessError, Code, NotFound, Provisioning, Refusal, Unavailable
from bot.domain.evaluate import Answer, evaluate
from bot.domain.grant import Failure, Grant, GrantId, GrantStatus, Push
from bot.domain.names import AccountId, PermissionSetArn, PermissionSetName
from bot.domain.policy import managed, parse
from bot.domain.rounds import (
    CHANGE_DEADLINE,
    EVERYWHERE_ABOVE,
    ROUND_LIMIT,
    Plan,
    accounts_to_push,
    allowed_by_others,
    covers,
    has_arrived,
    has_gone,
    next_look,
    quiet_since,
)
from bot.domain.rules import Rules
from bot.log import get_logger
from bot.ports.clock import Clock
from bot.ports.identity_center import IdentityCenter
from bot.ports.store import Store, Tx
from bot.worker.levelling import Levelling
from bot.worker.provisioning import POLL_AFTER, QUEUE_AFTER, Pushes
from bot.worker.putting import Puts, Written
from bot.worker.set_view import Moves, SetView, begin_endings, chunks, fail, present, unsettled, view_set
from bot.worker.unexplained import find, remembered, report

log = get_logger(__name__)

SEEN_LATELY = timedelta(minutes=10)
FEW = 10
"""Requests whose facts are looked at before asking AWS is the cheaper way."""

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

    @property
    def puts(self) -> Puts:
        return Puts(
            store=self.store, identity_center=self.identity_center, clock=self.clock, rules=self.rules
        )

    @property
    def levelling(self) -> Levelling:
        return Levelling(
            store=self.store, identity_center=self.identity_center, clock=self.clock, pushes=self.pushes
        )

    async def __call__(self, name: PermissionSetName) -> datetime | None:
        """One pass. Returns when to look again, None when nothing is left. Raises `Unavailable` to back off."""
        view = await self._view(name)
        again_at = await self._pass(view)
        # Nobody tells when a broken row has been mended.
        return _earlier(again_at, self.clock.now() + RETRY_ENDING_AFTER) if view.broken else again_at

    async def _pass(self, view: SetView) -> datetime | None:
        if view.name not in self.rules.sets:
            # Taken out of the configuration: never written again, whatever is still wanted or ending there.
            return await self._abandon(view, Failure(code=Code.SET_NOT_OFFERED, reason=view.name))
        try:
            again_at = await self._step(view)
        except (Unavailable, Provisioning, NotFound) as trouble:
            await self._in_trouble(view, trouble)
            raise
        if view.state.troubled_at is not None:
            await self._set_state(view.name, troubled_at=None)
        return again_at

    async def _abandon(self, view: SetView, failure: Failure) -> datetime | None:
        """Nothing can be done for this set: its provisionings give their places back, what is wanted fails.

        Endings stay what they are and are looked at again, and so is what will end: the set may come back.
        """
        await self.pushes.let_go(view, failure)
        await self._fail(view.unsettled, failure)
        return self._later(await self._view(view.name))

    async def _in_trouble(self, view: SetView, trouble: AccessError) -> None:
        """Remember since when AWS does not let a round through; after a while the grants say so."""
        now = self.clock.now()
        since = view.state.troubled_at
        if since is None:
            await self._set_state(view.name, troubled_at=now)
        elif since + CHANGE_DEADLINE <= now:
            late = [grant for grant in view.unsettled if grant.wanted_at + CHANGE_DEADLINE <= now]
            reason = str(trouble.facts.get("reason", ""))
            await self._fail(late, Failure(code=trouble.code, reason=reason))

    async def _step(self, view: SetView) -> datetime | None:
        try:
            arn = await self.identity_center.permission_set(view.name)
        except NotFound as missing:
            return await self._abandon(view, Failure(code=missing.code, reason=view.name))
        if any(push.is_in_flight for push in view.pushes):
            if await self.pushes.follow(view, arn):
                return self.clock.now() + POLL_AFTER
            view = await self._view(view.name)
        if not view.unsettled:
            return await self._quiet(view, arn)
        if not await self.pushes.has_room():
            return self.clock.now() + QUEUE_AFTER
        return await self._round(view, arn)

    async def _round(self, view: SetView, arn: PermissionSetArn) -> datetime | None:
        read_at = self.clock.now()
        document = await self.identity_center.read_policy(arn)
        if not await self._may_touch(view, document):
            return self._later(await self._view(view.name))
        view = await self._settle(view, arn, document)
        if not view.unsettled:
            return await self._quiet(view, arn)
        made = view.plan(document)
        if made.unfitting:
            await self._fail(made.unfitting, Failure(code=Code.NO_ROOM))
            return self.clock.now()
        if made.is_noop and not self._to_push(view, document):
            return self._later(view)
        provisioned = await self._provisioned(view, arn)
        if await self._drop_absent(view, made, provisioned):
            return self.clock.now()
        if not made.is_noop:
            written = await self.puts(view, arn, made, self._to_push(view, made.after), read_at=read_at)
            view = await self._view(view.name)
            if written is Written.REFUSED:
                return await self._without(view, arn, made.before, provisioned)
            if written is Written.OVERTAKEN:
                return self.clock.now()
        # Right after a Put every account holds an older version, whatever AWS's lists say yet.
        stale = None if made.is_noop else provisioned
        again_at = await self._push(view, arn, made.after, provisioned, stale)
        return again_at if again_at is not None else self.clock.now()  # read back what was put, and settle

    async def _push(
        self,
        view: SetView,
        arn: PermissionSetArn,
        document: str,
        provisioned: frozenset[AccountId],
        stale: frozenset[AccountId] | None,
    ) -> datetime | None:
        """Provision what needs it; None when no account does."""
        accounts = [account for account in self._to_push(view, document) if account in provisioned]
        if not accounts:
            return None
        return await self.pushes.start(view, arn, document, accounts, provisioned=provisioned, stale=stale)

    async def _without(
        self, view: SetView, arn: PermissionSetArn, document: str, provisioned: frozenset[AccountId]
    ) -> datetime | None:
        """AWS refuses the Put: what the policy holds already still travels, the rest is tried again later."""
        there = (g for g in view.grants if g.status is GrantStatus.PROVISIONING and covers(document, g))
        held = replace(view, grants=tuple(there))
        again_at = await self._push(held, arn, document, provisioned, None)
        return again_at if again_at is not None else self._later(view)

    async def _provisioned(self, view: SetView, arn: PermissionSetArn) -> frozenset[AccountId]:
        """Where the set is provisioned; what the requests saw a moment ago serves for a small change."""
        requests = {grant.request for grant in view.unsettled}
        accounts = {grant.target.account for grant in view.unsettled}
        if view.is_ending or len(requests) > FEW or len(accounts) > EVERYWHERE_ABOVE:
            return await self.identity_center.provisioned_accounts(arn)
        seen = await self.store.run(lambda tx: [tx.seen_request(number).facts for number in requests])
        oldest = self.clock.now() - SEEN_LATELY
        if all(facts is not None and facts.checked_at >= oldest and facts.all_work for facts in seen):
            return frozenset(accounts)
        return await self.identity_center.provisioned_accounts(arn)

    def _to_push(self, view: SetView, document: str) -> tuple[AccountId, ...]:
        return accounts_to_push(
            document, view.grants, view.pushes, now=self.clock.now(), retry_after=RETRY_ENDING_AFTER
        )

    def _later(self, view: SetView) -> datetime | None:
        later = self.clock.now() + RETRY_ENDING_AFTER
        if view.unsettled:
            return later
        due = _level_due(view)
        return _earlier(next_look(view.grants), max(due, later) if due is not None else None)

    async def _quiet(self, view: SetView, arn: PermissionSetArn) -> datetime | None:
        """Nothing is under way: accounts that our rounds left behind are brought level, after a while."""
        due = _level_due(view)
        if due is not None and due <= self.clock.now():
            due = await self.levelling(view, arn)
        return _earlier(next_look(view.grants), due)

    async def _may_touch(self, view: SetView, document: str) -> bool:
        """Remember the policy as read. An unreadable one, or one altered by hand, stops rounds on this set."""
        stopped: Failure | None = None
        try:
            managed(parse(document))
        except Refusal as refusal:
            detail = str(refusal.facts.get("sid") or refusal.facts.get("detail") or "")
            stopped = Failure(code=refusal.code, reason=detail)
        state = view.state
        if state.stopped != stopped or state.document != document or not state.read_back:
            strange = find(view, document) if stopped is None else ()
            before = remembered(view) if strange else None

            def remember(tx: Tx) -> None:
                state = tx.set_state(view.name)
                tx.save_set_state(state, replace(state, stopped=stopped, document=document, read_back=True))
                if strange:
                    report(tx, view.name, strange, before, self.rules.channel)

            await self.store.run(remember)
        if stopped is not None:
            await self._fail(view.unsettled, stopped)
        return stopped is None

    # What has become true

    async def _settle(self, view: SetView, arn: PermissionSetArn, document: str) -> SetView:
        """Move every grant of which the read-back shows more: arrived, gone, allowed or denied by others."""
        now = self.clock.now()
        others = {g.id for g in view.grants if _is_fresh(g) and allowed_by_others(document, g, at=now)}
        latest: frozenset[AccountId] = frozenset()
        if others:
            latest = await self.identity_center.provisioned_accounts(arn, latest_only=True)
        made = view.plan(document)
        if made.is_noop and not made.sids <= view.state.sids:
            # What our grants want stands there word for word: they explain it now, and will end it.
            await self._set_state(view.name, sids=view.state.sids | made.sids)
        seen = _Seen(document=document, others=others, latest=latest, clean=view.is_exact(made), at=now)
        for some in chunks(view.unsettled):

            def settle(tx: Tx, chunk: Sequence[Grant] = some) -> None:
                moves = Moves(tx=tx, channel=self.rules.channel)
                for grant in unsettled(tx, chunk):
                    if grant.status is GrantStatus.PROVISIONING:
                        _settle_wanted(moves, grant, view.push(grant.target.account), seen)
                    elif seen.clean and has_gone(grant, document, view.push(grant.target.account)):
                        moves.to(grant, GrantStatus.ENDED)
                moves.tell()

            await self.store.run(settle)
        return await self._view(view.name)

    async def _drop_absent(self, view: SetView, made: Plan, provisioned: frozenset[AccountId]) -> bool:
        """Never provision where nobody is assigned any more: AWS would create the role anew.

        True when a grant moved. What is ending there has ended once the policy does not hold it.
        """
        absent = [grant for grant in view.unsettled if grant.target.account not in provisioned]
        if view.is_exact(made):
            gone = [grant for grant in absent if grant.status is GrantStatus.ENDING]
            for some in chunks(gone):

                def end(tx: Tx, chunk: Sequence[Grant] = some) -> None:
                    moves = Moves(tx=tx, channel=self.rules.channel)
                    for grant in present(tx, chunk):
                        if grant.status is GrantStatus.ENDING:
                            moves.to(grant, GrantStatus.ENDED)
                    moves.tell()

                await self.store.run(end)
        else:
            gone = []
        wanted = [grant for grant in absent if grant.status is GrantStatus.PROVISIONING]
        await self._fail(wanted, Failure(code=Code.NOT_PROVISIONED))
        return bool(gone or wanted)

    # Small things

    async def _view(self, name: PermissionSetName) -> SetView:
        """The set as it stands, in which everything that is over is ending."""
        while True:
            view = await self.store.run(lambda tx: view_set(tx, name))
            if not view.over:
                return view
            await begin_endings(self.store, view, channel=self.rules.channel)

    async def _fail(self, grants: Sequence[Grant], failure: Failure, *, written: bool | None = None) -> None:
        await fail(self.store, grants, failure, channel=self.rules.channel, written=written)

    async def _set_state(self, name: PermissionSetName, **changes: Any) -> None:
        def change(tx: Tx) -> None:
            state = tx.set_state(name)
            tx.save_set_state(state, replace(state, **changes))

        await self.store.run(change)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """What one read-back showed."""

    document: str
    others: AbstractSet[GrantId]
    """The grants that statements which are not ours allow for at least as long."""
    latest: frozenset[AccountId]
    """Accounts that hold the latest version; read only when `others` is not empty."""
    clean: bool
    """The policy holds exactly what is wanted."""
    at: datetime


def _settle_wanted(moves: Moves, grant: Grant, push: Push | None, seen: _Seen) -> None:
    by_others = grant.id in seen.others
    denied = _denied_by(seen.document, grant, seen.at)
    if denied is not None and not grant.written:
        moves.to(grant, GrantStatus.FAILED, failure=Failure(code=Code.EXPLICIT_DENY, reason=denied))
    elif has_arrived(grant, seen.document, push, now=seen.at):
        moves.to(grant, GrantStatus.ACTIVE, written=not grant.already_allowed)
    elif by_others and grant.target.account in seen.latest:
        moves.to(grant, GrantStatus.ACTIVE, already_allowed=True)
    elif grant.already_allowed is not by_others and not grant.written:
        moves.tx.save_grant(grant, replace(grant, already_allowed=by_others))
    elif grant.rounds >= ROUND_LIMIT and not covers(seen.document, grant):
        moves.to(grant, GrantStatus.FAILED, failure=Failure(code=Code.FOREIGN_WRITER))


def _level_due(view: SetView) -> datetime | None:
    at = view.state.level_at
    return quiet_since(at, view.pushes) if at is not None else None


def _earlier(one: datetime | None, other: datetime | None) -> datetime | None:
    return min((at for at in (one, other) if at is not None), default=None)


def _is_fresh(grant: Grant) -> bool:
    return grant.status is GrantStatus.PROVISIONING and not grant.written


def _denied_by(document: str, grant: Grant, at: datetime) -> str | None:
    """The Sid of a statement that denies this for certain ("" when it has none); None when nothing does."""
    verdict = evaluate(
        parse(document), role_arn=grant.role_arn, person=grant.person, at=at, account=grant.target.account
    )
    if verdict.denied is not Answer.YES:
        return None
    return next((sid for sid in verdict.denied_by if sid), "")
