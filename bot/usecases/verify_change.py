"""After a change: check each account × role, and owe the results to the thread and the requester."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.domain.errors import Code
from bot.domain.grant import Failure, Grant, GrantId, GrantStatus
from bot.domain.messages import MessageKind, Outcome
from bot.domain.names import AccountId, RoleName
from bot.domain.people import Identity
from bot.domain.request import RequestId, label
from bot.domain.rules import Rules
from bot.domain.three_valued import Answer
from bot.domain.verification import Link, Verification
from bot.ports.clock import Clock
from bot.ports.store import Store, Tx
from bot.usecases.self_check import SelfCheck
from bot.usecases.transitions import card_key, show

FRESH_FOR = timedelta(seconds=30)
"""A read-back by our own round serves the verification that it set off for this long."""

SETTLES_WITHIN = timedelta(seconds=60)
"""IAM may act on a provisioning later than it says SUCCEEDED: so long a no is looked at again (aws.md §1.4)."""

FIRST_PAUSE = timedelta(seconds=3)

_SETTLING = {
    Link.HELD: {Code.NOT_PROVISIONED, Code.EXPLICIT_DENY},
    Link.SIMULATED: {Code.NOT_PROVISIONED, Code.NOT_ALLOWED, Code.EXPLICIT_DENY},
    Link.PROVISIONED: {Code.NOT_PROVISIONED},
}
"""What a provisioning mends by itself a moment later. Nothing else does: a missing role is said at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyChange:
    """What the last grant of a change sets off."""

    store: Store
    clock: Clock
    rules: Rules
    self_check: SelfCheck

    async def __call__(self, request_id: RequestId) -> datetime | None:
        """Verify one settled request, or say when to look again; a newer outcome makes it a no-op.

        What is stored speaks of the grants as they were read: if one of them moves on while we look, nothing
        is stored and it is looked at again at once. Raises `Unavailable`.
        """
        read_at, request, grants, state, newest = await self.store.run(
            lambda tx: (
                tx.now,
                request := tx.seen_request(request_id),
                tx.grants_of(request_id),
                tx.set_state(request.ask.permission_set),
                tx.outcome(request_id, 0),
            )
        )
        statuses = {grant.status for grant in grants}
        if GrantStatus.PROVISIONING in statuses or not statuses & {GrantStatus.ACTIVE, GrantStatus.FAILED}:
            return None
        assert request.identity is not None  # known since before the card was posted
        identity = Identity(user_id=request.identity, user_name="")
        settled = max((grant.settled_at for grant in grants if grant.settled_at), default=None)
        if newest is not None and settled is not None and newest.at >= settled:
            return None  # this outcome was stored before; only the work was not crossed off
        number = newest.number if newest is not None else 0
        fresh = settled is not None and settled + FRESH_FOR > self.clock.now()
        report = await self.self_check.check(
            request.ask.permission_set,
            request.ask.targets,
            identity,
            request.ask.requester,
            document=state.document if fresh and state.read_back else None,
            pushed=_just_pushed(grants, self.clock.now()),
        )
        again_at = _look_again(report.verifications, grants, settled, self.clock.now())
        if again_at is not None:
            return again_at
        outcome = Outcome(
            request=request_id,
            number=number + 1,
            # As of the read: a grant that settles later has a newer outcome to come, however long we looked.
            at=read_at if settled is None else max(read_at, settled),
            verifications=report.verifications,
            failures=tuple(
                (grant.target.account, grant.target.role, _failure(grant))
                for grant in grants
                if grant.status is GrantStatus.FAILED
            ),
            role_arns=tuple(dict.fromkeys(grant.role_arn for grant in grants)),
            already_allowed=tuple(_pair(grant) for grant in grants if _was_allowed(grant)),
        )
        is_current = await self.store.run(lambda tx: self._store(tx, outcome, grants))
        return None if is_current else self.clock.now()

    def _store(self, tx: Tx, outcome: Outcome, grants: tuple[Grant, ...]) -> bool:
        """Store and owe the outcome; False, and nothing is stored, where the grants are others by now."""
        if _outcomes(tx, outcome.request) >= outcome.number:
            return True
        if _versions(tx.grants_of(outcome.request)) != _versions(grants):
            return False
        tx.add_outcome(outcome)
        present = tx.request(outcome.request)
        name = f"{label(outcome.request)}:results:{outcome.number}"
        tx.owe(
            name,
            MessageKind.RESULTS,
            self.rules.channel,
            request=outcome.request,
            thread_key=card_key(outcome.request),
            outcome=outcome.number,
        )
        tx.owe(
            f"{name}:copy",
            MessageKind.RESULTS_COPY,
            present.ask.requester,
            request=outcome.request,
            outcome=outcome.number,
        )
        show(tx, present, self.rules.channel)
        return True


def _just_pushed(grants: tuple[Grant, ...], now: datetime) -> frozenset[AccountId]:
    """The accounts where a provisioning of ours is behind every grant, and has been for a moment only."""

    def is_fresh(grant: Grant) -> bool:
        ours = grant.status is GrantStatus.ACTIVE and not grant.already_allowed
        return ours and grant.settled_at is not None and grant.settled_at + FRESH_FOR > now

    old = {grant.target.account for grant in grants if not is_fresh(grant)}
    return frozenset(grant.target.account for grant in grants) - old


def _look_again(
    verifications: tuple[Verification, ...],
    grants: tuple[Grant, ...],
    settled: datetime | None,
    now: datetime,
) -> datetime | None:
    """When a no may have mended itself; None once it counts. The pauses double, and the last look is at the end."""
    if settled is None or now >= settled + SETTLES_WITHIN:
        return None
    active = {grant.target for grant in grants if grant.status is GrantStatus.ACTIVE}
    if not any(each.target in active and _may_settle(each) for each in verifications):
        return None
    return min(now + max(FIRST_PAUSE, now - settled), settled + SETTLES_WITHIN)


def _may_settle(verification: Verification) -> bool:
    """Whether everything that says no is of the kind that our own provisioning mends."""
    noes = [check for check in verification.checks if check.answer is Answer.NO]
    return bool(noes) and all(check.code in _SETTLING.get(check.link, ()) for check in noes)


def _outcomes(tx: Tx, request: RequestId) -> int:
    newest = tx.outcome(request, 0)
    return newest.number if newest is not None else 0


def _versions(grants: tuple[Grant, ...]) -> set[tuple[GrantId, int]]:
    return {(grant.id, grant.version) for grant in grants}


def _failure(grant: Grant) -> Failure:
    return grant.failure if grant.failure is not None else Failure(code=Code.PROVISIONING_FAILED)


def _was_allowed(grant: Grant) -> bool:
    # Not by its rounds: a retry counts them anew, and a Put whose answer was lost has been none.
    return grant.status is GrantStatus.ACTIVE and grant.already_allowed and not grant.written


def _pair(grant: Grant) -> tuple[AccountId, RoleName]:
    return grant.target.account, grant.target.role
