"""From a permission set's name to its ARN."""

from datetime import timedelta

import pytest

from bot.adapters.aws.client import AwsClient
from bot.adapters.aws.identity_center import AwsIdentityCenter
from bot.domain.errors import Code, NotFound, Unavailable
from bot.domain.names import PermissionSetArn, PermissionSetName
from bot.sandbox.aws.organisation import AwsOrganisation
from bot.sandbox.aws.server import AwsDouble
from tests.fakes.clock import FakeClock

DATA = PermissionSetName("DataScientist")


async def test_a_set_is_found_by_name_among_more_than_a_page(
    center: AwsIdentityCenter, org: AwsOrganisation
) -> None:
    for number in range(120):
        org.add_permission_set(f"Other{number}")
    found = org.add_permission_set(DATA)

    assert await center.permission_set(DATA) == found.arn


async def test_the_search_ends_when_everything_asked_for_is_found(
    center: AwsIdentityCenter, org: AwsOrganisation, double: AwsDouble
) -> None:
    org.add_permission_set(DATA)
    for number in range(50):
        org.add_permission_set(f"Other{number}")

    await center.permission_set(DATA)
    await center.permission_set(DATA)

    assert double.calls.count("sso-admin", "ListPermissionSets") == 1
    assert double.calls.count("sso-admin", "DescribePermissionSet") < 10


async def test_a_name_that_does_not_exist_is_told_and_not_searched_for_again_at_once(
    center: AwsIdentityCenter, org: AwsOrganisation, double: AwsDouble
) -> None:
    org.add_permission_set("Other")

    for _ in range(2):
        with pytest.raises(NotFound) as caught:
            await center.permission_set(DATA)

    assert caught.value.code is Code.PERMISSION_SET_MISSING
    assert caught.value.facts == {"permission_set": DATA}
    assert double.calls.count("sso-admin", "ListPermissionSets") == 1


async def test_a_set_that_was_made_meanwhile_is_found_half_a_minute_later(
    center: AwsIdentityCenter, org: AwsOrganisation, clock: FakeClock
) -> None:
    with pytest.raises(NotFound):
        await center.permission_set(DATA)
    made = org.add_permission_set(DATA)

    clock.advance(timedelta(seconds=31))

    assert await center.permission_set(DATA) == made.arn


async def test_no_set_is_described_twice(
    center: AwsIdentityCenter, org: AwsOrganisation, double: AwsDouble, clock: FakeClock
) -> None:
    org.add_permission_set("Other")
    org.add_permission_set(DATA)
    await center.permission_set(DATA)

    clock.advance(timedelta(hours=1))
    await center.permission_set(DATA)

    assert double.calls.count("sso-admin", "ListPermissionSets") == 2
    assert double.calls.count("sso-admin", "DescribePermissionSet") == 2


async def test_a_set_that_was_deleted_and_made_again_is_found_anew(
    center: AwsIdentityCenter, org: AwsOrganisation
) -> None:
    old = PermissionSetArn(org.add_permission_set(DATA).arn)
    assert await center.permission_set(DATA) == old
    org.delete_permission_set(DATA)
    new = org.add_permission_set(DATA)

    with pytest.raises(NotFound):
        await center.read_policy(old)

    assert await center.permission_set(DATA) == new.arn


async def test_whoever_waits_too_long_is_told_so_while_the_search_goes_on(
    aws: AwsClient, org: AwsOrganisation, double: AwsDouble, clock: FakeClock
) -> None:
    made = org.add_permission_set(DATA)
    hanging = double.faults.hang("sso-admin", "ListPermissionSets")
    impatient = AwsIdentityCenter(aws, clock, search_patience=0.05)

    with pytest.raises(Unavailable) as caught:
        await impatient.permission_set(DATA)
    hanging.release()
    await double.wait_for(lambda: double.calls.count("sso-admin", "DescribePermissionSet") == 1)
    for _ in range(20):
        try:
            found = await impatient.permission_set(DATA)
        except Unavailable:
            continue
        break

    assert caught.value.code is Code.AWS_UNAVAILABLE
    assert found == made.arn
    assert double.calls.count("sso-admin", "ListPermissionSets") == 1


async def test_a_search_that_aws_refuses_is_no_missing_set(
    center: AwsIdentityCenter, org: AwsOrganisation, double: AwsDouble
) -> None:
    made = org.add_permission_set(DATA)
    fault = double.faults.fail("sso-admin", "DescribePermissionSet", times=None)

    with pytest.raises(Unavailable):
        await center.permission_set(DATA)
    fault.release()

    assert await center.permission_set(DATA) == made.arn
