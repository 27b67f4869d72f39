"""What the accounts themselves show, each through its read-only role, all of them at once."""

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.domain.member_view import MemberView, Question
from bot.domain.names import AccountId, IdentityUserId, PermissionSetName
from bot.domain.request import Target
from bot.ports.member_account import MemberAccounts


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """How long a look may take, in seconds, and how old it may be."""

    within: float
    max_age: timedelta = timedelta(0)


FOR_RESULTS = Look(within=8.0)
"""A verification reads fresh."""

FOR_A_FORM = Look(within=1.0, max_age=timedelta(seconds=30))
"""A submission waits 1.5 s for all its checks; what is chosen, changed and sent is the same question."""

FOR_A_CARD = Look(within=5.0)


async def look_into(
    members: MemberAccounts | None,
    permission_set: PermissionSetName,
    targets: Sequence[Target],
    *,
    person: IdentityUserId,
    at: datetime,
    how: Look,
) -> dict[AccountId, MemberView]:
    """One view per account; none at all where no member role is configured."""
    if members is None:
        return {}
    accounts = sorted({target.account for target in targets})
    views = await asyncio.gather(
        *(
            members.look(
                Question(
                    account=account,
                    permission_set=permission_set,
                    roles=tuple(sorted({t.role for t in targets if t.account == account})),
                    person=person,
                    at=at,
                ),
                within=how.within,
                max_age=how.max_age,
            )
            for account in accounts
        )
    )
    return dict(zip(accounts, views, strict=True))


async def held_policies(
    members: MemberAccounts | None,
    permission_set: PermissionSetName,
    accounts: Collection[AccountId],
    *,
    person: IdentityUserId,
    at: datetime,
    how: Look,
) -> dict[AccountId, str | None]:
    """The inline policy that the set's role holds in each account; None where it cannot be read."""
    if members is None:
        return {}
    views = await asyncio.gather(
        *(
            members.look(
                Question(
                    account=account,
                    permission_set=permission_set,
                    roles=(),
                    person=person,
                    at=at,
                    with_policy=True,
                ),
                within=how.within,
                max_age=how.max_age,
            )
            for account in accounts
        )
    )
    return {view.account: view.held for view in views}
