"""The doctor over its adapters: for the running bot, and for the command beside it."""

import re
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

from bot.adapters.aws.budget import background
from bot.adapters.aws.client import AwsClient, Patience
from bot.adapters.aws.doctor import AwsDoctor
from bot.adapters.aws.identity_center import AwsIdentityCenter
from bot.adapters.clock import SystemClock
from bot.adapters.storage.look import DatabaseLook
from bot.bootstrap.members import open_members
from bot.bootstrap.parts import Ports
from bot.config import Settings
from bot.domain.diagnosis import Diagnosis
from bot.ports.clock import Clock
from bot.ports.diagnosis import Setup
from bot.ports.identity_center import IdentityCenter
from bot.ports.member_account import MemberAccounts
from bot.ports.people import People
from bot.usecases.doctor import Doctor
from bot.usecases.doctor.aws import ExamineAws
from bot.usecases.doctor.database import ExamineDatabase
from bot.usecases.doctor.members import ExamineMembers
from bot.usecases.doctor.permission_sets import ExamineSets
from bot.usecases.doctor.slack import ExamineSlack
from handlers.app import SlackClient, slack_session, web_client
from handlers.people import SlackPeople
from handlers.probes import SlackProbes

BESIDE = 8
"""Calls a second to Identity Center from the command: a serving process next to it takes up to 15 of AWS's 20."""

READ_TIMEOUT = 6.0
"""Seconds: a look waits no longer, and a call that hangs would keep the process from ending."""

LONGEST_MODAL = 45.0
"""Seconds; a job that answers a click may take sixty in all."""


def make_doctor(
    settings: Settings,
    *,
    client: SlackClient,
    aws: AwsClient,
    identity_center: IdentityCenter,
    members: MemberAccounts | None,
    people: People,
    clock: Clock,
) -> Doctor:
    """Wire every look to what it looks through."""
    rules = settings.rules
    aws_probe = AwsDoctor(aws, identity_center)
    database = DatabaseLook(settings.database_url.get_secret_value())
    setup = _setup(settings)
    return Doctor(
        setup=setup,
        rules=rules,
        slack=ExamineSlack(probe=SlackProbes(client), people=people, rules=rules, setup=setup, clock=clock),
        aws=ExamineAws(probe=aws_probe, identity_center=identity_center, rules=rules, clock=clock),
        sets=ExamineSets(probe=aws_probe, identity_center=identity_center, database=database, rules=rules),
        members=ExamineMembers(accounts=members, identity_center=identity_center, rules=rules, clock=clock),
        database=ExamineDatabase(probe=database),
        clock=clock,
    )


def in_the_bot(ports: Ports, *, client: SlackClient, aws: AwsClient) -> Callable[[str], Awaitable[Diagnosis]]:
    """A diagnosis by the running bot: people's requests go first, and nobody waits longer for a modal."""
    doctor = make_doctor(
        ports.settings,
        client=client,
        aws=aws,
        identity_center=ports.identity_center,
        members=ports.members,
        people=ports.people,
        clock=ports.clock,
    )

    async def examine(_: str) -> Diagnosis:
        with background():
            return await doctor(longest=LONGEST_MODAL)

    return examine


async def diagnose(settings: Settings) -> Diagnosis:
    """Everything opened for one diagnosis; nothing serves, nothing is changed."""
    clock = SystemClock()
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(slack_session())
        token = settings.slack_bot_token.get_secret_value()
        client = web_client(session, base_url=settings.slack_api_url, token=token)
        aws = await stack.enter_async_context(
            AwsClient(
                region=settings.aws_region, rate=BESIDE, patience=Patience(reads=7), read_timeout=READ_TIMEOUT
            )
        )
        # As patient as the look that waits for it: in 3,500 sets a name is found late.
        identity_center = AwsIdentityCenter(aws, clock, search_patience=60.0)
        stack.push_async_callback(identity_center.close)
        members = await open_members(stack, settings, identity_center=identity_center, clock=clock)
        doctor = make_doctor(
            settings,
            client=client,
            aws=aws,
            identity_center=identity_center,
            members=members,
            people=SlackPeople(client, clock),
            clock=clock,
        )
        return await doctor()


def _setup(settings: Settings) -> Setup:
    secret = settings.slack_signing_secret
    digits = re.findall(r"[0-9a-fA-F]", secret.get_secret_value()) if secret is not None else None
    return Setup(
        rules_file=settings.config_path.name,
        socket_mode=settings.slack_app_token is not None,
        signing_secret_digits=None if digits is None else len(digits),
    )
