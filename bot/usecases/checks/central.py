"""What the management account shows of a permission set and a person, read for a verification."""

import asyncio
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.domain.errors import AccessError, Code, NotFound, Provisioning, Unavailable
from bot.domain.evaluate import evaluate
from bot.domain.grant import Copies, Push, PushStatus
from bot.domain.identity_policies import Attached
from bot.domain.names import AccountId, IdentityGroupId, PermissionSetArn, RoleArn
from bot.domain.people import Identity
from bot.domain.policy import Policy, foreign_fingerprint, parse, serialise
from bot.domain.request import Target
from bot.domain.set_policies import SetPolicies, attached_policies
from bot.domain.three_valued import Answer
from bot.domain.verification import Check, Link
from bot.ports.identity_center import Assignees, IdentityCenter

ATTACHED_FOR = timedelta(minutes=10)
"""What is attached to a set changes rarely: before and right after a change this old will do."""

Attachment = tuple[tuple[Attached, ...], Attached | None]
"""Attached policies, and the boundary."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Provisioned:
    """What is known of the versions that accounts hold."""

    latest: frozenset[AccountId] | None
    """Where the newest version is; None where our own provisioning of all of them has just succeeded."""
    everywhere: frozenset[AccountId] = frozenset()
    """Where any version is; read only where `latest` leaves a question."""
    pushes: tuple[Push, ...] = ()
    copies: Copies | None = None
    """What was last seen of others' statements; None where nobody has looked."""
    trouble: AccessError | None = None

    def behind(self, accounts: Iterable[AccountId]) -> frozenset[AccountId]:
        """Those of the accounts that hold the set at an older version."""
        return self.everywhere.intersection(accounts) - (self.latest or frozenset())

    def held_by_push(self, account: AccountId) -> str | None:
        """The policy that we last brought there; None where we never did."""
        return next((push.held for push in self.pushes if push.account == account), None)


async def read_policies(
    identity_center: IdentityCenter,
    arn: PermissionSetArn,
    document: str | None,
    *,
    max_age: timedelta = timedelta(0),
) -> SetPolicies:
    """Inline policy, attachments and boundary; `document` saves reading the first, `max_age` the others."""
    inline, found = await asyncio.gather(
        _inline(identity_center, arn, document), read_attached(identity_center, arn, max_age=max_age)
    )
    return together(inline, found)


def together(inline: Policy | AccessError, found: Attachment | AccessError) -> SetPolicies:
    """What was read of the inline policy and of the rest, each with its own trouble."""
    if isinstance(found, AccessError):
        return SetPolicies(inline=inline, trouble=found)
    attached, boundary = found
    return SetPolicies(inline=inline, attached=attached, boundary=boundary)


async def _inline(
    identity_center: IdentityCenter, arn: PermissionSetArn, document: str | None
) -> Policy | AccessError:
    try:
        return parse(await identity_center.read_policy(arn) if document is None else document)
    except AccessError as error:
        return error


async def read_attached(
    identity_center: IdentityCenter, arn: PermissionSetArn, *, max_age: timedelta = timedelta(0)
) -> Attachment | AccessError:
    """What is attached to the set; AWS's own policies with what they say, the others by name alone."""
    try:
        found = await identity_center.attachments(arn, max_age=max_age)
    except (Unavailable, Provisioning, NotFound) as error:
        return error
    boundary = None
    if found.boundary is not None:
        aws = [found.boundary] if found.boundary.startswith("arn:") else []
        (boundary,) = attached_policies(aws, () if aws else (found.boundary,))
    return attached_policies(found.managed, found.customer_managed), boundary


async def read_provisioned(
    identity_center: IdentityCenter,
    arn: PermissionSetArn,
    accounts: Iterable[AccountId],
    pushes: Sequence[Push],
    *,
    pushed: Collection[AccountId],
    copies: Copies | None = None,
) -> Provisioned:
    """`pushed`: where our own provisioning has just succeeded. If that is everywhere, nothing is asked."""
    # One that succeeded before the policy was changed for its account holds nothing any more (`Push.held`).
    ours = {push.account for push in pushes if push.status is PushStatus.SUCCEEDED and push.held is not None}
    wanted = frozenset(accounts)
    if wanted <= ours.intersection(pushed):
        return Provisioned(latest=None)
    try:
        latest = await identity_center.provisioned_accounts(arn, latest_only=True)
        everywhere = latest if wanted <= latest else await identity_center.provisioned_accounts(arn)
    except (Unavailable, Provisioning, NotFound) as error:
        return Provisioned(latest=None, trouble=error)
    return Provisioned(latest=latest, everywhere=everywhere | latest, pushes=tuple(pushes), copies=copies)


def provisioned_check(
    target: Target,
    seen: Provisioned,
    *,
    role_arn: RoleArn,
    identity: Identity,
    live: Policy | AccessError,
    at: datetime,
) -> Check:
    """At the latest version, or at one that we provisioned there ourselves and that still allows it."""
    if seen.trouble is not None:
        return Check(link=Link.PROVISIONED, answer=Answer.UNKNOWN, code=seen.trouble.code)
    if seen.latest is None or target.account in seen.latest:
        return Check(link=Link.PROVISIONED, answer=Answer.YES)
    broken = Check(link=Link.PROVISIONED, answer=Answer.NO, code=Code.NOT_PROVISIONED)
    push = next((push for push in seen.pushes if push.account == target.account), None)
    if target.account not in seen.everywhere or push is None or push.held is None:
        return broken
    if push.status is not PushStatus.SUCCEEDED:
        return broken
    if isinstance(live, AccessError) or not _is_untouched(push, push.held, live, seen.copies):
        # Somebody else has changed the policy since, and may have provisioned it there too.
        return Check(link=Link.PROVISIONED, answer=Answer.UNKNOWN, code=Code.NOT_PROVISIONED)
    verdict = evaluate(
        parse(push.held), role_arn=role_arn, person=identity.user_id, at=at, account=target.account
    )
    if verdict.allowed is Answer.YES and verdict.denied is Answer.NO:
        return Check(link=Link.PROVISIONED, answer=Answer.YES, detail="left_behind")
    return broken


def _is_untouched(push: Push, held: str, live: Policy, copies: Copies | None) -> bool:
    """Whether others' statements are what they were when we provisioned, and were not seen to differ since."""
    now = foreign_fingerprint(serialise(live))
    if foreign_fingerprint(held) != now:
        return False
    if copies is None or copies.since is None:
        return True
    return copies.foreign_part == now and push.started_at is not None and copies.since <= push.started_at


async def read_assigned(
    identity_center: IdentityCenter, arn: PermissionSetArn, accounts: Sequence[AccountId], identity: Identity
) -> dict[AccountId, Check]:
    """Whether the person is assigned the set in each account, directly or by a group; one read of the groups."""
    groups, found = await asyncio.gather(
        _groups(identity_center, identity),
        asyncio.gather(*(_assignees(identity_center, arn, account) for account in accounts)),
    )
    return {account: _assigned(each, identity, groups) for account, each in zip(accounts, found, strict=True)}


async def _groups(
    identity_center: IdentityCenter, identity: Identity
) -> frozenset[IdentityGroupId] | AccessError:
    try:
        return await identity_center.groups_of(identity.user_id)
    except (Unavailable, Provisioning) as error:
        return error


async def _assignees(
    identity_center: IdentityCenter, arn: PermissionSetArn, account: AccountId
) -> Assignees | AccessError:
    try:
        return await identity_center.assignees(arn, account)
    except (Unavailable, Provisioning, NotFound) as error:
        return error


def _assigned(
    found: Assignees | AccessError, identity: Identity, groups: frozenset[IdentityGroupId] | AccessError
) -> Check:
    if isinstance(found, AccessError):
        return Check(link=Link.ASSIGNED, answer=Answer.UNKNOWN, code=found.code)
    known = frozenset[IdentityGroupId]() if isinstance(groups, AccessError) else groups
    if found.include(identity.user_id, known):
        return Check(link=Link.ASSIGNED, answer=Answer.YES)
    if isinstance(groups, AccessError) and found.groups:
        return Check(link=Link.ASSIGNED, answer=Answer.UNKNOWN, code=groups.code)
    return Check(link=Link.ASSIGNED, answer=Answer.NO, code=Code.NOT_ASSIGNED)
