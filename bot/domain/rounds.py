"""One round on a permission set, as arithmetic: what the policy should hold, who needs it pushed, what is done.

Level-triggered: everything is derived from what the grants want and what AWS was read to hold; nothing
replays a list of edits. The steps around it live in `bot/worker/reconcile.py`.
"""

from collections.abc import Callable, Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache

from bot.domain.evaluate import Coverage, coverage
from bot.domain.grant import Copies, EndCause, Grant, GrantStatus, Push, PushStatus
from bot.domain.names import AccountId, IdentityUserId, RoleArn
from bot.domain.policy import Policy, foreign_fingerprint, managed, merge, parse, serialise
from bot.domain.statements import ManagedStatement, Want, desired_statements, outlasts

PROVISIONINGS_AT_ONCE = 3
"""AWS runs three ProvisionPermissionSet requests at a time (quotas of IAM Identity Center)."""

EVERYWHERE_ABOVE = 3
"""More accounts than this travel by one ALL_PROVISIONED_ACCOUNTS call."""

ROUND_LIMIT = 5
"""How often a grant is written again when somebody else keeps overwriting it, before the bot says so."""

CHANGE_DEADLINE = timedelta(minutes=10)
"""How long a change may take before it is called failed; Terraform's provider waits as long."""

HOLDS_ITS_PLACE = 2 * CHANGE_DEADLINE
"""A provisioning that nobody has ended by then, since its set cannot be worked on, counts against the limit no more.
AWS refuses what is too many after all."""

WITHDRAW_AFTER = timedelta(days=1)
"""A failed grant that nobody retried is taken out of the policy after this."""

LEVEL_AFTER = timedelta(minutes=15)
"""A set that has been quiet for so long has its accounts brought level, where our own rounds left some behind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The policy that should be put, and the grants that had to stay out because there is no room."""

    before: str
    after: str
    unfitting: tuple[Grant, ...]
    sids: frozenset[str]
    """The Sids that all of this explains: those of all statements that `after` holds because of them."""

    @property
    def is_noop(self) -> bool:
        return self.before == self.after


_foreign_part = lru_cache(maxsize=64)(foreign_fingerprint)


@lru_cache(maxsize=256)
def _read(document: str) -> tuple[Policy, tuple[ManagedStatement, ...]]:
    """A thousand grants ask about the same few documents."""
    policy = parse(document)
    return policy, managed(policy)


def covers(document: str, grant: Grant) -> bool:
    """Whether the managed statements of a document hold what this grant wants, for at least as long."""
    return any(_covers(statement, grant) for statement in _read(document)[1])


def _covers(statement: ManagedStatement, wanted: Grant | Want) -> bool:
    reaches = wanted.role_arn in statement.resources
    for_them = not statement.people or wanted.person in statement.people
    return reaches and for_them and outlasts(statement.ends_at, wanted.ends_at)


def allowed_by_others(document: str, grant: Grant, *, at: datetime) -> bool:
    """Whether statements that are not ours already allow the same for at least as long."""
    return _others(document, grant.role_arn, grant.person, grant.target.account, at).lasts(grant.ends_at)


@lru_cache(maxsize=4096)
def _others(
    document: str, arn: RoleArn, person: IdentityUserId | None, account: AccountId, at: datetime
) -> Coverage:
    return coverage(_read(document)[0], role_arn=arn, person=person, at=at, account=account, managed=False)


def plan(
    document: str,
    grants: Iterable[Grant],
    *,
    removable: AbstractSet[str],
    fits: Callable[[str], bool],
    kept: Iterable[Want] = (),
) -> Plan:
    """Merge what the grants want into the policy as read.

    `kept` is wanted as far as the policy holds it already: it stays there and is never written anew.

    Grants that were written before come first; new ones are added in the order of their approval as long as
    they fit, so that one that does not fit never keeps the others out. Statements whose Sid is not in
    `removable` are never dropped.
    """
    policy, present = _read(document)
    staying = [want for want in kept if any(_covers(statement, want) for statement in present)]
    wanted = [grant for grant in grants if grant.is_wanted]
    settled = [grant for grant in wanted if grant.written]
    fresh = sorted((grant for grant in wanted if not grant.written), key=lambda grant: grant.id)

    def merged(chosen: Sequence[Grant], unfitting: Sequence[Grant] = ()) -> Plan:
        desired = desired_statements([*staying, *(grant.want for grant in chosen)])
        after = merge(policy, desired=desired, removable=removable)
        return Plan(
            before=document,
            after=document if after == policy else serialise(after),
            unfitting=tuple(unfitting),
            sids=frozenset(statement.sid for statement in desired),
        )

    everything = merged([*settled, *fresh])
    if everything.is_noop or fits(everything.after):
        return everything
    chosen, unfitting = list(settled), list[Grant]()
    for grant in fresh:
        if fits(merged([*chosen, grant]).after):
            chosen.append(grant)
        else:
            unfitting.append(grant)
    return merged(chosen, unfitting)


_Effect = tuple[RoleArn, tuple[str, ...], datetime | None]


def _effects(document: str, account: AccountId) -> frozenset[_Effect]:
    return frozenset(
        (arn, statement.people, statement.ends_at)
        for statement in _read(document)[1]
        for arn in statement.resources
        if arn.split(":")[4] == account
    )


def changed_accounts(made: Plan) -> frozenset[AccountId]:
    """The accounts for which the managed statements say something else after the change than before."""
    accounts = {
        AccountId(arn.split(":")[4])
        for document in (made.before, made.after)
        for statement in _read(document)[1]
        for arn in statement.resources
    }
    return frozenset(each for each in accounts if _effects(made.before, each) != _effects(made.after, each))


def accounts_to_push(
    document: str, grants: Iterable[Grant], pushes: Iterable[Push], *, now: datetime, retry_after: timedelta
) -> tuple[AccountId, ...]:
    """The accounts whose role does not hold yet what the policy says for the unsettled grants there.

    After a failed push nobody tries the account again before `retry_after`, except for a grant that was
    approved or retried after that push began.
    """
    by_account = {push.account: push for push in pushes}
    return tuple(
        sorted(
            {
                grant.target.account
                for grant in grants
                if _has_to_travel(grant, document, by_account.get(grant.target.account), now=now)
                and not _waits(by_account.get(grant.target.account), grant, now=now, retry_after=retry_after)
            }
        )
    )


def _has_to_travel(grant: Grant, document: str, push: Push | None, *, now: datetime) -> bool:
    held = push.held if push is not None else None
    if grant.status is GrantStatus.ENDING:
        if push is None:
            return grant.written
        return held is None or _effects(held, grant.target.account) != _effects(
            document, grant.target.account
        )
    if grant.status is GrantStatus.PROVISIONING and grant.already_allowed:
        return held is None or not allowed_by_others(held, grant, at=now)
    if grant.status in {GrantStatus.PROVISIONING, GrantStatus.ACTIVE} and grant.is_wanted:
        return held is None or not covers(held, grant)
    return False


def _waits(push: Push | None, grant: Grant, *, now: datetime, retry_after: timedelta) -> bool:
    if push is None or push.status is not PushStatus.FAILED or push.started_at is None:
        return False
    asked_since = grant.status is GrantStatus.PROVISIONING and grant.wanted_at >= push.started_at
    return not asked_since and push.started_at + retry_after > now


def travelled_in(push: Push, grant: Grant, *, now: datetime) -> bool:
    """Whether a push carried what this grant wants; one approved while it flew waits for the next."""
    if grant.target.account != push.account:
        return False
    if grant.already_allowed:
        return allowed_by_others(push.document, grant, at=now)
    return covers(push.document, grant)


def has_arrived(grant: Grant, document: str, push: Push | None, *, now: datetime) -> bool:
    """Whether AWS said SUCCEEDED for a policy that holds the grant, and the read-back still holds it."""
    if push is None or push.status is not PushStatus.SUCCEEDED or push.held is None:
        return False
    if grant.already_allowed:
        return allowed_by_others(document, grant, at=now) and allowed_by_others(push.held, grant, at=now)
    return covers(document, grant) and covers(push.held, grant)


def has_gone(grant: Grant, document: str, push: Push | None) -> bool:
    """Whether neither the policy nor the account's role holds more for this account than is wanted now.

    The caller has made sure that `document` holds exactly what the other grants want. Where the bot never
    provisioned, somebody else may have done so while the grant stood in the policy.
    """
    if push is None:
        return not grant.written
    if push.status is not PushStatus.SUCCEEDED or push.held is None:
        return False
    account = grant.target.account
    return _effects(push.held, account) == _effects(document, account)


def waiting_edits(
    stale: Iterable[AccountId], document: str, pushes: Iterable[Push], copies: Copies
) -> tuple[AccountId, ...]:
    """Among the accounts that hold an older version: those where somebody else's edit waits, or may wait.

    Every Put of ours leaves the accounts it does not provision behind; these are told apart by the copy that
    we last provisioned or saw there: if its foreign part is today's, only our own statements are missing. After
    a look that showed another one, what we had provisioned before may have been provisioned over.
    """
    now = _foreign_part(document)
    seen = copies.accounts if copies.foreign_part == now else frozenset[AccountId]()
    pushed = {push.account: push for push in pushes}

    def is_known(account: AccountId) -> bool:
        push = pushed.get(account)
        if account in seen and (push is None or _is_older(push, copies)):
            return True
        if push is None or push.held is None or _foreign_part(push.held) != now:
            return False
        return copies.since is None or (push.started_at is not None and push.started_at >= copies.since)

    return tuple(sorted(account for account in set(stale) if not is_known(account)))


def _is_older(push: Push, copies: Copies) -> bool:
    """Whether the account was seen up to date after this push, or the push says nothing against it.

    A levelling that failed where we had never provisioned has left the old copy or the new: both are known.
    """
    before = push.started_at is None or (copies.since is not None and push.started_at < copies.since)
    return before or (push.levelling and push.held is None)


def quiet_since(level_at: datetime, pushes: Iterable[Push]) -> datetime:
    """The earliest instant for a levelling: `level_at`, or later if a provisioning began since."""
    begun = [push.started_at + LEVEL_AFTER for push in pushes if push.started_at is not None]
    return max([level_at, *begun])


def over_by(grant: Grant, now: datetime) -> EndCause | None:
    """Why a grant that still has its place in the policy is to lose it by now; None when it may stay."""
    if grant.status is GrantStatus.FAILED:
        return EndCause.WITHDRAWN if grant.wanted_at + WITHDRAW_AFTER <= now else None
    is_held = grant.status in (GrantStatus.PROVISIONING, GrantStatus.ACTIVE)
    return EndCause.EXPIRED if is_held and grant.ends_at is not None and grant.ends_at <= now else None


def next_look(grants: Iterable[Grant]) -> datetime | None:
    """When a grant's end, or the withdrawal of a failed one, needs the next round."""
    instants = [
        *(g.ends_at for g in grants if g.status is GrantStatus.ACTIVE and g.ends_at is not None),
        *(g.wanted_at + WITHDRAW_AFTER for g in grants if g.status is GrantStatus.FAILED),
    ]
    return min(instants, default=None)
