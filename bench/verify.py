"""One person's verification over many accounts: how many calls it makes of AWS, and how long it takes.

The simulator runs in this process and answers in its own time, so what is measured is more than the bot's part.
The floor is that of aws.md §6, with the three reads of what is attached to the set.
"""

import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import boto3
from botocore.config import Config

from bench.table import Result, report
from bot.adapters.aws.client import AwsClient, Patience
from bot.adapters.aws.identity_center import AwsIdentityCenter
from bot.adapters.aws.member_account import AwsMemberAccounts
from bot.adapters.clock import SystemClock
from bot.domain.grant import Copies
from bot.domain.names import AccountId, ChannelId, PermissionSetName, RoleName, SlackUserId
from bot.domain.people import Identity
from bot.domain.request import Target
from bot.domain.rules import Rules
from bot.domain.verification import Level
from bot.sandbox.aws.organisation import AwsOrganisation
from bot.sandbox.aws.server import AwsDouble
from bot.sandbox.aws.sessions import BOT_KEY, BOT_SECRET
from bot.usecases.self_check import SelfCheck, SetReport

T = TypeVar("T")

SET = PermissionSetName("DataScientist")
EMAIL = "alice@example.com"
ALICE = SlackUserId("U0ALICE")
ROLES = ("Workbench-BuilderRole", "Workbench-ExecutionRole", "Workbench-ReadOnlyRole")
MEMBER_ROLE = RoleName("WorkbenchAccessVerifier")
BAR_SECONDS = 2.0


class NothingStored:
    """A store without pushes and proofs."""

    def copies(self, permission_set: PermissionSetName) -> Copies:
        return Copies(permission_set=permission_set)

    def pushes_of(self, _: object) -> tuple[()]:
        return ()

    def proofs_of(self, _: object) -> tuple[()]:
        return ()

    def only_me_was_proven(self) -> bool:
        return True

    async def run(self, transaction: Callable[[Any], T]) -> T:
        return transaction(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verifier:
    """The self-check over the real adapters, with all clients made and the organisation discovered."""

    double: AwsDouble
    center: AwsIdentityCenter
    self_check: SelfCheck
    targets: tuple[Target, ...]

    async def verify(self) -> SetReport:
        """What `/workbench-access verify` asks of AWS for one set."""
        identity: Identity = await self.center.find_user(EMAIL)
        return await self.self_check.check(SET, self.targets, identity, ALICE)


def organisation(accounts: int, roles: int) -> AwsOrganisation:
    """Everything is in order: every role is there, trusts the set, and is allowed."""
    org = AwsOrganisation()
    org.add_user(EMAIL)
    org.add_group("data-science", [EMAIL])
    ids = [f"{each:012d}" for each in range(200_000_000_001, 200_000_000_001 + accounts)]
    arns = [f"arn:aws:iam::{account}:role/{role}" for account in ids for role in ROLES[:roles]]
    allow = {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": arns}
    org.add_permission_set(SET, inline={"Version": "2012-10-17", "Statement": [allow]})
    for account in ids:
        org.add_account(account)
        org.deploy_workbench(account, sso_groups=[SET], roles=ROLES[:roles])
        org.deploy_member_role(account, MEMBER_ROLE)
        org.assign("data-science", SET, account)
    return org


@asynccontextmanager
async def verifier(accounts: int, roles: int, *, rate: int = 15) -> AsyncIterator[Verifier]:
    """A verifier that has already found the instance, the set and the people's addresses.

    `rate`: calls a second that the bot allows itself; with more than AWS allows the simulator does not count.
    """
    org = organisation(accounts, roles)
    org.behaviour.throttle = rate <= org.behaviour.rate
    clock = SystemClock()
    async with (
        AwsDouble(org) as double,
        AwsClient(make_client=_maker(double), rate=rate) as aws,
        AwsClient(
            make_client=_maker(double), services=("sts",), threads=32, patience=Patience(reads=5)
        ) as own,
    ):
        center = AwsIdentityCenter(aws, clock)
        members = AwsMemberAccounts(own, clock, role=MEMBER_ROLE, home=center.home)
        made: Callable[..., SelfCheck] = SelfCheck
        self_check = made(
            identity_center=center,
            members=members,
            store=NothingStored(),
            clock=clock,
            rules=_rules(),
            admission=None,
        )
        await center.permission_set(SET)
        await center.find_user(EMAIL)
        targets = tuple(
            Target(account=AccountId(account), role=RoleName(role))
            for account in org.accounts
            if account != org.management_account
            for role in ROLES[:roles]
        )
        double.calls.clear()
        yield Verifier(double=double, center=center, self_check=self_check, targets=targets)
        await members.close()
        await center.close()


def floor(accounts: int, roles: int, *, cold: bool = True, attached: int = 3) -> int:
    """Calls of aws.md §6: (2+K) to sso-admin, 2 to the identity store, K(R+3) in the accounts; and the attached."""
    return (2 + accounts) + attached + 2 + accounts * (roles + 2 + int(cold))


async def measure() -> Sequence[Result]:
    """Once with no session in any account, once with all of them."""
    accounts, roles = 10, 3
    results = []
    async with verifier(accounts, roles) as at:
        for name, cold in (("first", True), ("again", False)):
            at.double.calls.clear()
            began = time.perf_counter()
            report_ = await at.verify()
            seconds = time.perf_counter() - began
            calls, least = len(at.double.calls.entries), floor(accounts, roles, cold=cold, attached=0)
            reached = sum(each.level is Level.PREDICTED for each in report_.verifications)
            results += [
                Result(
                    what=f"verify, 10 accounts × 3 roles, {name}",
                    measured=f"{seconds:.2f} s, {reached} of {accounts * roles} PREDICTED",
                    bar=f"≤ {BAR_SECONDS:.0f} s",
                    ok=seconds <= BAR_SECONDS and reached == accounts * roles,
                ),
                Result(
                    what=f"calls to AWS, {name}",
                    measured=f"{calls}, floor {least}: {calls / least:.3f} ×",
                    bar="≤ 1.10 ×",
                    ok=calls <= 1.10 * least,
                ),
            ]
    return results


def _maker(double: AwsDouble) -> Callable[..., Any]:
    session: Any = boto3.Session()
    bot = {"aws_access_key_id": BOT_KEY, "aws_secret_access_key": BOT_SECRET}
    config = Config(retries={"mode": "standard", "total_max_attempts": 1}, max_pool_connections=32)

    def make(service: str, credentials: dict[str, str]) -> Any:
        return session.client(
            service,
            region_name=double.org.region,
            endpoint_url=double.endpoint_url,
            config=config,
            **(credentials or bot),
        )

    return make


def _rules() -> Rules:
    return Rules(
        channel=ChannelId("C0APPROVALS"),
        support="#workbench-support",
        member_role=MEMBER_ROLE,
        public_url=None,
        sets={},
        people={},
    )


if __name__ == "__main__":
    report(measure)
