"""The way into member accounts, where a member role is configured."""

from contextlib import AsyncExitStack

from bot.adapters.aws.client import AwsClient, Observe, Patience
from bot.adapters.aws.member_account import AwsMemberAccounts
from bot.config import Settings
from bot.ports.clock import Clock
from bot.ports.identity_center import IdentityCenter
from bot.ports.member_account import MemberAccounts

THREADS = 32
"""Of its own: accounts that hang take threads from each other, never from Identity Center."""

SILENCE = 5.0
"""Seconds after which an account that does not answer gives its thread back."""


async def open_members(
    stack: AsyncExitStack,
    settings: Settings,
    *,
    identity_center: IdentityCenter,
    clock: Clock,
    observe: Observe | None = None,
) -> MemberAccounts | None:
    """None where no member role is configured: nothing is asked of any account then."""
    role = settings.rules.member_role
    if role is None:
        return None
    aws = await stack.enter_async_context(
        AwsClient(
            region=settings.aws_region,
            services=("sts",),
            threads=THREADS,
            read_timeout=SILENCE,
            patience=Patience(reads=SILENCE),
            observe=observe,
        )
    )
    members = AwsMemberAccounts(aws, clock, role=role, home=identity_center.home)
    stack.push_async_callback(members.close)
    return members
