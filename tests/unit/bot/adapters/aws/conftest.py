"""The real adapter against the simulated organisation, over HTTP on the loopback."""

from collections.abc import AsyncIterator, Callable
from functools import cache
from typing import Any

import boto3
import pytest
from botocore.client import BaseClient
from botocore.config import Config

from bot.adapters.aws.client import AwsClient, Patience
from bot.adapters.aws.identity_center import AwsIdentityCenter
from bot.sandbox.aws.organisation import AwsOrganisation
from bot.sandbox.aws.records import Behaviour
from bot.sandbox.aws.server import AwsDouble
from bot.sandbox.aws.sessions import BOT_KEY, BOT_SECRET
from tests.fakes.clock import FakeClock

IMPATIENT = Patience(reads=1.0, writes=1.0, first_pause=0.001, longest_pause=0.01)
"""Real time: long enough for a loaded machine, and pauses that nobody notices."""


@cache
def shared_session() -> boto3.Session:
    """Loading the service models takes most of a client's making."""
    return boto3.Session()


def maker(endpoint_url: str, region: str) -> Callable[[str, dict[str, str]], BaseClient]:
    """What `AwsClient` makes its clients with, only faster."""

    def make(service: str, credentials: dict[str, str]) -> BaseClient:
        keys = credentials or {"aws_access_key_id": BOT_KEY, "aws_secret_access_key": BOT_SECRET}
        config = Config(retries={"mode": "standard", "total_max_attempts": 1}, read_timeout=2)
        session: Any = shared_session()
        client: BaseClient = session.client(
            service, region_name=region, endpoint_url=endpoint_url, config=config, **keys
        )
        return client

    return make


@pytest.fixture
def org() -> AwsOrganisation:
    return AwsOrganisation(behaviour=Behaviour(throttle=False))


@pytest.fixture
async def double(org: AwsOrganisation) -> AsyncIterator[AwsDouble]:
    async with AwsDouble(org) as running:
        yield running


@pytest.fixture
async def aws(double: AwsDouble) -> AsyncIterator[AwsClient]:
    make = maker(double.endpoint_url, double.org.region)
    async with AwsClient(make_client=make, rate=1000, patience=IMPATIENT) as opened:
        yield opened


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def center(aws: AwsClient, clock: FakeClock) -> AsyncIterator[AwsIdentityCenter]:
    opened = AwsIdentityCenter(aws, clock)
    yield opened
    await opened.close()
