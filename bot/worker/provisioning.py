"""Provisioning, within the organisation's budget: three at once, one per account, each remembered at once."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bot.domain.errors import Code, NotFound, Provisioning, Refusal, Unavailable
from bot.domain.grant import Failure, GrantStatus, Push, PushStatus
from bot.domain.names import AccountId, PermissionSetArn, PermissionSetName
from bot.domain.request import RequestId
from bot.domain.rounds import CHANGE_DEADLINE, EVERYWHERE_ABOVE, PROVISIONINGS_AT_ONCE, travelled_in
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
        """Look at every provisioning in flight once; True while one of them still runs."""
        flying = [push for push in view.pushes if push.is_in_flight]
        unasked = [push for push in flying if push.provisioning is None]
        if unasked:
            # The bot stopped between asking AWS and remembering the answer: asking again is harmless.
            await self._provision(arn, unasked)
            return True
        ids = sorted({push.provisioning for push in flying if push.provisioning is not None})
        answers = await asyncio.gather(*map(self.identity_center.provisioning, ids))
        reports = dict(zip(ids, answers, strict=True))
        over = {id_ for id_, report in reports.items() if report.state is not ProvisioningState.IN_PROGRESS}

        def land(tx: Tx) -> bool:
            running = False
            for push in flying:
                assert push.provisioning is not None  # those without were asked for above
                running = self._land(tx, push, reports[push.provisioning]) or running
            return running

        running = await self.store.run(land)
        landed = [push for push in flying if push.provisioning in over]
        await self._show(view.name, landed)
        return running

    async def let_go(self, view: SetView, failure: Failure) -> None:
        """Give back the places of a set for which nothing can be asked any more."""

        def let_go(tx: Tx) -> None:
            for push in tx.pushes_of(view.name):
                if push.is_in_flight:
                    tx.save_push(replace(push, status=PushStatus.FAILED, held=None, failure=failure))

        await self.store.run(let_go)

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
        moves = Moves(tx=tx, channel=self.rules.channel)
        for grant in tx.grants_in(push.permission_set, (GrantStatus.PROVISIONING,)):
            if travelled_in(push, grant, now=tx.now):
                moves.to(grant, GrantStatus.FAILED, failure=failure)
        moves.tell()
        return False

    async def has_room(self) -> bool:
        """Whether one more provisioning may be started now; a set that has to wait asks AWS nothing meanwhile."""
        return await self.store.run(lambda tx: _slots(tx.pushes_in_flight()) > 0)

    async def start(
        self,
        view: SetView,
        arn: PermissionSetArn,
        document: str,
        accounts: Sequence[AccountId],
        *,
        provisioned: frozenset[AccountId],
    ) -> datetime:
        """Start as many as the budget allows; returns when to look again. The rest waits for the next pass."""
        everywhere = provisioned if self._serves_all(view, accounts) else frozenset()
        now = self.clock.now()

        def reserve(tx: Tx) -> list[Push]:
            tx.serialise("provisionings")  # two replicas must not count the same free place
            flying = tx.pushes_in_flight()
            slots = _slots(flying)
            busy = {push.account for push in flying}
            if everywhere:
                chosen = sorted(everywhere) if slots and not busy & everywhere else []
            else:
                chosen = [account for account in accounts if account not in busy][:slots]
            begun = [_begin(view, document, account, now, everywhere=bool(everywhere)) for account in chosen]
            for push in begun:
                tx.save_push(push)
            return begun

        begun = await self.store.run(reserve)
        if not begun:
            return self.clock.now() + QUEUE_AFTER
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

    @staticmethod
    def _serves_all(view: SetView, accounts: Sequence[AccountId]) -> bool:
        """Whether one call for all provisioned accounts serves, and pushes nobody else's edits elsewhere."""
        return len(accounts) > EVERYWHERE_ABOVE and not set(view.state.waiting) - set(accounts)

    async def _provision(self, arn: PermissionSetArn, pushes: Sequence[Push]) -> None:
        """Ask AWS for each push and remember its answer at once; one call serves all that travel together."""
        together = [push for push in pushes if push.everywhere]
        if together:
            await self._ask(arn, None, together)
        for push in pushes:
            if not push.everywhere:
                await self._ask(arn, push.account, [push])

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
                tx.save_push(replace(push, status=PushStatus.IN_PROGRESS, provisioning=provisioning))

        await self.store.run(remember)
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


def _slots(flying: Sequence[Push]) -> int:
    return max(PROVISIONINGS_AT_ONCE - len({_flight(push) for push in flying}), 0)


def _flight(push: Push) -> tuple[str, str]:
    """Pushes that share one ALL_PROVISIONED_ACCOUNTS call count once against AWS's limit."""
    return push.permission_set, "*" if push.everywhere else push.account
