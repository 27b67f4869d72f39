"""Writing a policy: the intent first, one Put, then what was written; never twice by itself."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum, auto

from bot.domain.errors import Code, Provisioning, Refusal, Unavailable
from bot.domain.grant import Failure, Grant
from bot.domain.names import AccountId, PermissionSetArn
from bot.domain.policy import check_writable, foreign_fingerprint
from bot.domain.policy_diff import check_minimal
from bot.domain.rounds import EVERYWHERE_ABOVE, LEVEL_AFTER, Plan, changed_accounts, covers
from bot.domain.rules import Rules
from bot.log import get_logger
from bot.ports.clock import Clock
from bot.ports.identity_center import IdentityCenter
from bot.ports.store import Store, Tx
from bot.worker.lease import ensure
from bot.worker.provisioning import WRITE_TIME
from bot.worker.set_view import SetView, chunks, fail, present

log = get_logger(__name__)

MOMENT = timedelta(milliseconds=250)
"""A policy read within this is put without reading it once more."""


class Written(Enum):
    """How a Put ended."""

    DONE = auto()
    OVERTAKEN = auto()
    """Somebody has changed the policy since it was read: nothing was written, the round starts from theirs."""
    REFUSED = auto()
    """AWS, or we ourselves, refused it for certain: the grants that it was for say why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Puts:
    """Runs in a pass of `Reconcile`, under the set's lease."""

    store: Store
    identity_center: IdentityCenter
    clock: Clock
    rules: Rules

    async def __call__(
        self,
        view: SetView,
        arn: PermissionSetArn,
        made: Plan,
        to_push: Collection[AccountId],
        *,
        read_at: datetime,
    ) -> Written:
        """Record the intent, put, record the policy.

        AWS has no conditional write. What was read longer than a moment ago is read again just before the Put.
        """
        wanted = [grant for grant in view.grants if grant.is_wanted]
        missing = [grant for grant in wanted if not covers(made.before, grant)]
        check_minimal(
            made.before, made.after, allowed={grant.want for grant in wanted}, removable=view.removable
        )
        try:
            if made.after:
                check_writable(made.after)
        except Refusal as refusal:
            return await self._refused(missing, Failure(code=refusal.code))
        await self._intend(view, arn, made, missing, to_push, read_at=read_at)
        if self.clock.now() - read_at > MOMENT and await self.identity_center.read_policy(arn) != made.before:
            log.info("policy_changed_meanwhile", permission_set=view.name)
            return Written.OVERTAKEN
        # Last of all: while an answer was on its way this process may have slept, and somebody else written.
        await ensure(WRITE_TIME)
        try:
            await self.identity_center.put_policy(arn, made.after)
        except (Refusal, Provisioning) as refused:
            if refused.code is Code.CONFLICT:
                raise Unavailable(Code.CONFLICT) from refused
            reason = str(refused.facts.get("reason", ""))
            return await self._refused(missing, Failure(code=refused.code, reason=reason))

        def record(tx: Tx) -> None:
            state = tx.set_state(view.name)
            tx.save_set_state(state, replace(state, document=made.after))
            tx.keep_snapshot(view.name, made.after, event="after")

        await self.store.run(record)
        await self._for_each(missing, lambda tx, g: tx.save_grant(g, replace(g, rounds=g.rounds + 1)))
        log.info("policy_put", permission_set=view.name, grants=len(missing))
        return Written.DONE

    async def _refused(self, missing: Sequence[Grant], failure: Failure) -> Written:
        """What was about to be written was not, for certain."""
        await fail(self.store, missing, failure, channel=self.rules.channel, written=False)
        return Written.REFUSED

    async def _intend(
        self,
        view: SetView,
        arn: PermissionSetArn,
        made: Plan,
        missing: Sequence[Grant],
        to_push: Collection[AccountId],
        *,
        read_at: datetime,
    ) -> None:
        """From here on these Sids are ours, and these grants may stand in the policy, whatever happens next."""
        accounts = {grant.target.account for grant in missing} | changed_accounts(made)
        latest: frozenset[AccountId] | None = None
        if len(accounts | set(to_push)) > EVERYWHERE_ABOVE:
            # Once it is put nobody can see any more which accounts held all of what others wrote.
            latest = await self.identity_center.provisioned_accounts(arn, latest_only=True)

        def intend(tx: Tx) -> None:
            state = tx.set_state(view.name)
            quiet_at = tx.now + LEVEL_AFTER
            sids = state.sids | made.sids
            tx.save_set_state(state, replace(state, sids=sids, level_at=quiet_at, read_back=False))
            if latest is not None:
                foreign_part = foreign_fingerprint(made.before)
                tx.save_copies(tx.copies(view.name).seen(foreign_part, latest, at=read_at))
            tx.keep_snapshot(view.name, made.before, event="before")
            for push in tx.pushes_of(view.name):
                if push.account in accounts:
                    # Whatever arrived there before, it was not this: the policy has to travel again, even if an
                    # older one with the same text did, for somebody else's may have travelled since.
                    tx.save_push(replace(push, held=None))

        await self.store.run(intend)
        await self._for_each(missing, lambda tx, g: tx.save_grant(g, replace(g, written=True)))

    async def _for_each(self, grants: Sequence[Grant], change: Callable[[Tx, Grant], object]) -> None:
        for some in chunks(grants):

            def apply(tx: Tx, chunk: Sequence[Grant] = some) -> None:
                for grant in present(tx, chunk):
                    change(tx, grant)

            await self.store.run(apply)
