"""Provisioning, within the organisation's budget: three at once, one per account, each remembered at once."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bot.domain.errors import Code, NotFound, Provisioning, Refusal, Unavailable
from bot.domain.grant import Failure, Flight, GrantStatus, Push, PushStatus
from bot.domain.names import AccountId, PermissionSetArn, PermissionSetName
from bot.domain.request import RequestId
from bot.domain.rounds import (
    CHANGE_DEADLINE,
    EVERYWHERE_ABOVE,
    HOLDS_ITS_PLACE,
    PROVISIONINGS_AT_ONCE,
    travelled_in,
    waiting_edits,
)
from bot.domain.rules import Rules
from bot.ports.clock import Clock
from bot.ports.identity_center import IdentityCenter, ProvisioningReport, ProvisioningState
from bot.ports.store import Store, Tx
from bot.usecases.transitions import show_progress
from bot.worker.lease import ensure
from bot.worker.set_view import Moves, SetView, chunks

POLL_AFTER = timedelta(milliseconds=500)
"""Between two looks at provisionings in flight: with three in flight, six calls a second of the fifteen."""


FIRST_POLL_AFTER = timedelta(milliseconds=200)
"""Small policies in few accounts are provisioned quickly."""

QUEUE_AFTER = timedelta(seconds=1)
"""Between two looks whether one of the organisation's three provisionings has become free."""

LEVEL_AGAIN = timedelta(hours=6)
"""Between two tries to bring accounts level while a foreign edit waits, or after AWS failed the last one."""

WRITE_TIME = timedelta(seconds=9)
"""The adapter sends no write later than 8 s after it was asked to: that much lease must be left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pushes:
    """Starts provisionings and follows them to a terminal status."""

    store: Store
    identity_center: IdentityCenter
    clock: Clock
    rules: Rules

    async def follow(self, view: SetView, arn: PermissionSetArn) -> bool:
        """Look at every provisioning in flight once; True while one of them still runs.

        What AWS was asked for comes first: an account that keeps us waiting must not keep the others waiting.
        """
        flying = [push for push in view.pushes if push.is_in_flight]
        unasked = [push for push in flying if push.provisioning is None]
        running = await self._poll(view, [push for push in flying if push.provisioning is not None])
        return await self._ask_again(arn, unasked) or running if unasked else running

    async def _poll(self, view: SetView, flying: Sequence[Push]) -> bool:
        if not flying:
            return False
        ids = sorted({push.provisioning for push in flying if push.provisioning is not None})
        answers = await asyncio.gather(*map(self.identity_center.provisioning, ids))
        reports = dict(zip(ids, answers, strict=True))
        over = {id_ for id_, report in reports.items() if report.state is not ProvisioningState.IN_PROGRESS}

        def land(tx: Tx) -> bool:
            running = False
            for push in flying:
                assert push.provisioning is not None  # the caller has sorted out the others
                running = self._land(tx, push, reports[push.provisioning]) or running
            return running

        running = await self.store.run(land)
        landed = [push for push in flying if push.provisioning in over and not push.levelling]
        await self._show(view.name, landed)
        return running

    async def _ask_again(self, arn: PermissionSetArn, unasked: Sequence[Push]) -> bool:
        """The bot stopped between asking AWS and remembering the answer, or AWS had a conflict; True: asked.

        Asking again is harmless as long as the policy is the one that was to travel: with another one, somebody
        else's edit would travel, too, and nobody has looked where it waits. Then the round plans anew.
        """
        levelling = unasked[0].levelling  # nobody waits for it: it is looked at afresh in any case
        if not levelling and await self.identity_center.read_policy(arn) == unasked[0].document:
            await self._provision(arn, unasked)
            return True
        await self.store.run(lambda tx: _drop(tx, unasked))
        return False

    async def let_go(self, view: SetView, failure: Failure) -> None:
        """Give back the places of a set for which nothing can be asked any more."""

        def let_go(tx: Tx) -> None:
            for push in tx.pushes_of(view.name):
                if push.is_in_flight:
                    tx.save_push(_failed(push, failure))

        await self.store.run(let_go)

    def _land(self, tx: Tx, push: Push, report: ProvisioningReport) -> bool:
        """Remember one report; True while it still runs. Grants become active later, after the read-back."""
        late = push.started_at is not None and push.started_at + CHANGE_DEADLINE <= tx.now
        match report.state:
            case ProvisioningState.SUCCEEDED:
                tx.save_push(replace(push, status=PushStatus.SUCCEEDED, held=push.document, failure=None))
                if push.levelling:
                    _level_again(tx, push.permission_set, None)
                return False
            case ProvisioningState.IN_PROGRESS if not late:
                return True
            case ProvisioningState.FAILED:
                failure = Failure(code=Code.PROVISIONING_FAILED, reason=report.failure_reason)
            case ProvisioningState.IN_PROGRESS:
                failure = Failure(code=Code.TIMED_OUT)
        tx.save_push(_failed(push, failure))
        if push.levelling:
            _level_again(tx, push.permission_set, tx.now + LEVEL_AGAIN)
            return False
        moves = Moves(tx=tx, channel=self.rules.channel)
        for grant in tx.grants_in(push.permission_set, (GrantStatus.PROVISIONING,)):
            if travelled_in(push, grant, now=tx.now):
                moves.to(grant, GrantStatus.FAILED, failure=failure)
        moves.tell()
        return False

    async def has_room(self) -> bool:
        """Whether one more provisioning may be started now; a set that has to wait asks AWS nothing meanwhile."""
        return await self.store.run(lambda tx: _slots(tx.flights(within=HOLDS_ITS_PLACE)) > 0)

    async def start(
        self,
        view: SetView,
        arn: PermissionSetArn,
        document: str,
        accounts: Sequence[AccountId],
        *,
        provisioned: frozenset[AccountId],
        stale: frozenset[AccountId] | None = None,
    ) -> datetime:
        """Start as many as the budget allows; returns when to look again. The rest waits for the next pass.

        `stale`: where an older version than `document` is; None: AWS is asked, if it matters.
        """
        everywhere = len(accounts) > EVERYWHERE_ABOVE and await self._serves_all(
            view, arn, document, accounts, stale
        )
        started_at = self.clock.now()
        begun = [
            _begin(view, document, account, started_at, everywhere=everywhere)
            for account in (sorted(provisioned) if everywhere else accounts)
        ]
        again_at = await self._start(arn, begun)
        return again_at if again_at is not None else self.clock.now() + QUEUE_AFTER

    async def level(
        self, view: SetView, arn: PermissionSetArn, document: str, provisioned: frozenset[AccountId]
    ) -> datetime | None:
        """Start one provisioning of all accounts, for no grant; returns when to look again, None without room."""
        started_at = self.clock.now()
        begun = [
            replace(_begin(view, document, account, started_at, everywhere=True), levelling=True)
            for account in sorted(provisioned)
        ]
        return await self._start(arn, begun)

    async def _start(self, arn: PermissionSetArn, wanted: Sequence[Push]) -> datetime | None:
        """Start those for which there is room (all or none, if they travel by one call); None: there is none."""

        def reserve(tx: Tx) -> Sequence[Push]:
            tx.serialise("provisionings")  # two replicas must not count the same free place
            flying = tx.flights(within=HOLDS_ITS_PLACE)
            slots = _slots(flying)
            busy = {flight.account for flight in flying}
            free = [push for push in wanted if push.account not in busy]
            if wanted and wanted[0].everywhere:
                begun = wanted if slots and len(free) == len(wanted) else ()
            else:
                begun = free[:slots]
            for push in begun:
                tx.save_push(push)
            return begun

        begun = await self.store.run(reserve)
        if not begun:
            return None
        await self._provision(arn, begun)
        return self.clock.now() + FIRST_POLL_AFTER

    async def _show(self, name: PermissionSetName, pushes: Sequence[Push]) -> None:
        """Slack owes the progress of every request that waits for these accounts."""
        accounts = {push.account for push in pushes}
        waiting = await self.store.run(lambda tx: tx.grants_in(name, (GrantStatus.PROVISIONING,)))
        requests = sorted({grant.request for grant in waiting if grant.target.account in accounts})
        for some in chunks(requests):

            def show(tx: Tx, chunk: Sequence[RequestId] = some) -> None:
                for request in chunk:
                    show_progress(tx, request, self.rules.channel)

            await self.store.run(show)

    async def _serves_all(
        self,
        view: SetView,
        arn: PermissionSetArn,
        document: str,
        accounts: Sequence[AccountId],
        stale: frozenset[AccountId] | None,
    ) -> bool:
        """Whether one call for all provisioned accounts pushes nobody else's edits to any but `accounts`."""
        if stale is None:
            stale = await self.identity_center.provisioned_accounts(arn, stale_only=True)
        copies = await self.store.run(lambda tx: tx.copies(view.name))
        return not set(waiting_edits(stale, document, view.pushes, copies)) - set(accounts)

    async def _provision(self, arn: PermissionSetArn, pushes: Sequence[Push]) -> None:
        """Ask AWS for each push and remember its answer at once; one call serves all that travel together.

        Where somebody else provisions at the moment, the others are asked for all the same; raises afterwards.
        """
        calls: list[tuple[AccountId | None, list[Push]]] = [
            (push.account, [push]) for push in pushes if not push.everywhere
        ]
        if together := [push for push in pushes if push.everywhere]:
            calls.insert(0, (None, together))
        conflict: Unavailable | None = None
        for account, some in calls:
            try:
                await self._ask(arn, account, some)
            except Unavailable as error:
                if error.code is not Code.CONFLICT:
                    raise
                conflict = error
        if conflict is not None:
            raise conflict

    async def _ask(self, arn: PermissionSetArn, account: AccountId | None, pushes: Sequence[Push]) -> None:
        await ensure(WRITE_TIME)
        try:
            provisioning = await self.identity_center.provision(arn, account)
        except (Provisioning, NotFound, Refusal) as refused:
            if refused.code is Code.CONFLICT and not self._is_late(pushes):
                raise Unavailable(Code.CONFLICT) from refused
            reason = str(refused.facts.get("reason", refused.code.value))
            report = ProvisioningReport(state=ProvisioningState.FAILED, failure_reason=reason)
            await self.store.run(lambda tx: [self._land(tx, push, report) for push in pushes])
            return

        def remember(tx: Tx) -> None:
            for push in pushes:
                # AWS's time counts from here, however long it took until AWS could be asked.
                begun = replace(push, status=PushStatus.IN_PROGRESS, started_at=tx.now)
                tx.save_push(replace(begun, provisioning=provisioning))

        await self.store.run(remember)
        if not pushes[0].levelling:
            await self._show(pushes[0].permission_set, pushes)

    def _is_late(self, pushes: Sequence[Push]) -> bool:
        now = self.clock.now()
        return any(
            push.started_at is not None and push.started_at + CHANGE_DEADLINE <= now for push in pushes
        )


def _begin(view: SetView, document: str, account: AccountId, now: datetime, *, everywhere: bool) -> Push:
    before = view.push(account)
    return Push(
        permission_set=view.name,
        account=account,
        status=PushStatus.STARTING,
        document=document,
        held=before.held if before is not None else None,
        everywhere=everywhere,
        started_at=now,
    )


def _failed(push: Push, failure: Failure) -> Push:
    """What is known of the account after a provisioning that came to nothing, as far as AWS says."""
    if push.levelling and push.held is not None:
        # Whichever copy the role holds, it holds all that the grants there want: both documents do.
        return replace(push, status=PushStatus.SUCCEEDED, document=push.held, failure=failure)
    # What the account's role holds now is unknown: it is not believed to hold anything of ours.
    return replace(push, status=PushStatus.FAILED, held=None, failure=failure)


def _drop(tx: Tx, pushes: Sequence[Push]) -> None:
    """Given up before it is known whether AWS was asked; without a beginning, nobody waits before the next try."""
    for push in pushes:
        failed = _failed(push, Failure(code=Code.INTERRUPTED))
        tx.save_push(failed if push.levelling else replace(failed, started_at=None))
    if pushes[0].levelling:
        _level_again(tx, pushes[0].permission_set, tx.now)


def _level_again(tx: Tx, name: PermissionSetName, at: datetime | None) -> None:
    state = tx.set_state(name)
    if state.level_at != at:
        tx.save_set_state(state, replace(state, level_at=at))


def _slots(flying: Sequence[Flight]) -> int:
    """Pushes that share one ALL_PROVISIONED_ACCOUNTS call count once against AWS's limit."""
    calls = {(each.permission_set, "*" if each.everywhere else each.account) for each in flying}
    return max(PROVISIONINGS_AT_ONCE - len(calls), 0)
