"""The real adapter against the simulated organisation, over HTTP on the loopback."""

from collections.abc import AsyncIterator

import pytest

from bot.adapters.aws.client import AwsClient
from bot.adapters.aws.identity_center import AwsIdentityCenter
from bot.sandbox.aws.organisation import AwsOrganisation
from bot.sandbox.aws.records import Behaviour
from bot.sandbox.aws.server import AwsDouble
from tests.fakes.clock import FakeClock
from tests.unit.bot.adapters.aws.wiring import IMPATIENT, maker


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
