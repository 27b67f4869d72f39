"""Where the bot runs is discovered, and a wrong place is told with the right one."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from bot.adapters.aws.client import AwsClient
from bot.adapters.aws.identity_center import AwsIdentityCenter
from bot.domain.errors import Misconfigured, Unavailable
from bot.sandbox.aws.organisation import AwsOrganisation
from bot.sandbox.aws.records import Behaviour
from bot.sandbox.aws.server import AwsDouble
from tests.fakes.clock import FakeClock
from tests.unit.bot.adapters.aws.wiring import IMPATIENT, maker


@asynccontextmanager
async def center_in(double: AwsDouble, region: str) -> AsyncIterator[AwsIdentityCenter]:
    async with AwsClient(make_client=maker(double.endpoint_url, region), patience=IMPATIENT) as aws:
        yield AwsIdentityCenter(aws, FakeClock())


async def test_the_home_is_found_once_and_kept(center: AwsIdentityCenter, double: AwsDouble) -> None:
    home = await center.home()
    again = await center.home()

    org = double.org
    assert again is home
    assert (home.partition, home.region) == ("aws", org.region)
    assert (home.caller_account, home.management_account) == (org.bot_account, org.management_account)
    assert (home.instance_arn, home.identity_store) == (org.instance_arn, org.directory.store_id)
    assert not home.is_delegated
    assert double.calls.count("sso-admin", "ListInstances") == 1


async def test_a_delegated_administrator_knows_the_management_account() -> None:
    org = AwsOrganisation(delegated_admin="222222222222")

    async with AwsDouble(org) as double, center_in(double, org.region) as center:
        home = await center.home()

    assert home.is_delegated
    assert home.management_account == org.management_account


async def test_the_management_account_is_known_even_where_organizations_refuses() -> None:
    org = AwsOrganisation(delegated_admin="222222222222")

    async with AwsDouble(org) as double, center_in(double, org.region) as center:
        double.faults.fail("organizations", code="AccessDeniedException", times=None)
        home = await center.home()

    assert home.management_account == org.management_account


@pytest.mark.parametrize("replicas", [(), ("us-east-1",)], ids=["unknown there", "a replica there"])
async def test_a_wrong_region_is_told_with_the_right_one(replicas: tuple[str, ...]) -> None:
    org = AwsOrganisation(region="eu-central-1", behaviour=Behaviour(replica_regions=replicas))

    async with AwsDouble(org) as double, center_in(double, "us-east-1") as center:
        with pytest.raises(Misconfigured, match="AWS_DEFAULT_REGION=eu-central-1"):
            await center.home()


async def test_an_account_that_sees_no_identity_center_is_told_where_to_run() -> None:
    org = AwsOrganisation(bot_account="333333333333")

    async with AwsDouble(org) as double, center_in(double, org.region) as center:
        with pytest.raises(Misconfigured, match="delegated administrator"):
            await center.home()


async def test_a_home_that_could_not_be_read_is_asked_for_again(
    center: AwsIdentityCenter, double: AwsDouble
) -> None:
    fault = double.faults.fail("sso-admin", "ListInstances", times=None)
    with pytest.raises(Unavailable):
        await center.home()
    fault.release()

    home = await center.home()

    assert home.instance_arn == double.org.instance_arn
