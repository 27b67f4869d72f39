"""Accounts that our own rounds left behind are brought level, once nobody has touched the set for a while.

Every Put leaves the accounts that are not provisioned with it at an older version. They lack nothing that was
promised there, but the console calls them out of date, and whoever provisions next would push our statements too.
"""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bot.domain.errors import Refusal
from bot.domain.grant import GrantStatus
from bot.domain.names import AccountId, PermissionSetArn
from bot.domain.rounds import LEVEL_AFTER, waiting_edits
from bot.log import get_logger
from bot.ports.clock import Clock
from bot.ports.identity_center import IdentityCenter
from bot.ports.store import Store, Tx
from bot.worker.provisioning import LEVEL_AGAIN, Pushes
from bot.worker.set_view import SetView
from bot.worker.unexplained import find

log = get_logger(__name__)

ROOM_AFTER = timedelta(minutes=1)
"""Nobody waits for it: while the organisation's provisionings are taken it looks again this late."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Levelling:
    """Runs in a pass of `Reconcile`, under the set's lease, and only while nothing is under way for the set."""

    store: Store
    identity_center: IdentityCenter
    clock: Clock
    pushes: Pushes

    async def __call__(self, view: SetView, arn: PermissionSetArn) -> datetime | None:
        """Provision all accounts once, if only our own statements are missing anywhere. When to look again."""
        if not await self.pushes.has_room():
            return self.clock.now() + ROOM_AFTER
        # In this order: an account that is up to date after the policy was read cannot hold an older edit than it.
        document = await self.identity_center.read_policy(arn)
        stale = await self.identity_center.provisioned_accounts(arn, stale_only=True)
        if not stale:
            return await self._look_again(view, None)
        hindrance = await self._hindrance(view, document, stale)
        if hindrance:
            log.info("levelling_waits", permission_set=view.name, reason=hindrance)
            return await self._look_again(view, self.clock.now() + LEVEL_AGAIN)
        provisioned = await self.identity_center.provisioned_accounts(arn)
        if await self.identity_center.read_policy(arn) != document:
            return await self._look_again(view, self.clock.now() + LEVEL_AFTER)
        log.info("levelling", permission_set=view.name, accounts=len(stale))
        again_at = await self.pushes.level(view, arn, document, provisioned)
        return again_at if again_at is not None else self.clock.now() + ROOM_AFTER

    async def _hindrance(self, view: SetView, document: str, stale: AbstractSet[AccountId]) -> str:
        """What one provisioning of all would push that it must not; "" when there is nothing."""
        if view.broken or any(grant.status is GrantStatus.FAILED and grant.written for grant in view.grants):
            # Their statements stand in the policy and may have arrived nowhere: people read "failed".
            return "failed_grants"
        try:
            made = view.plan(document)
        except Refusal as refusal:
            return refusal.code.value
        if not made.is_noop:
            return "drift"
        if find(view, document):
            return "unexplained"
        copies = await self.store.run(lambda tx: tx.copies(view.name))
        return "foreign_edits" if waiting_edits(stale, document, view.pushes, copies) else ""

    async def _look_again(self, view: SetView, at: datetime | None) -> datetime | None:
        def remember(tx: Tx) -> None:
            state = tx.set_state(view.name)
            tx.save_set_state(state, replace(state, level_at=at))

        await self.store.run(remember)
        return at
