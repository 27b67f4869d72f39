"""Addresses that several people share are noticed, and it is said where they cannot be."""

from datetime import timedelta

import pytest

from bot.adapters.aws.client import AwsClient
from bot.adapters.aws.identity_center import AwsIdentityCenter
from bot.domain.errors import Code, Refusal, Unavailable
from bot.sandbox.aws.organisation import AwsOrganisation
from bot.sandbox.aws.records import Email
from bot.sandbox.aws.server import AwsDouble
from tests.fakes.clock import FakeClock

ALICE = "alice@example.com"


async def test_a_twin_among_hundreds_of_people_is_noticed(
    center: AwsIdentityCenter, org: AwsOrganisation
) -> None:
    org.add_user("alice", email=ALICE)
    for number in range(250):
        org.add_user(f"user{number}")
    org.add_user("malice", email=ALICE.upper())

    with pytest.raises(Refusal) as caught:
        await center.find_user(ALICE)

    assert caught.value.code is Code.AMBIGUOUS_IDENTITY


async def test_an_address_twice_in_one_profile_is_one_persons(
    center: AwsIdentityCenter, org: AwsOrganisation
) -> None:
    alice = org.add_user("alice", emails=[Email(value=ALICE), Email(value=ALICE.upper(), primary=False)])

    assert (await center.find_user(ALICE)).user_id == alice.id


async def test_people_are_read_once_for_many_questions(
    center: AwsIdentityCenter, org: AwsOrganisation, double: AwsDouble
) -> None:
    org.add_user("alice", email=ALICE)

    for _ in range(3):
        await center.find_user(ALICE)

    assert double.calls.count("identitystore", "ListUsers") == 1


async def test_a_new_twin_is_noticed_after_ten_minutes(
    center: AwsIdentityCenter, org: AwsOrganisation, double: AwsDouble, clock: FakeClock
) -> None:
    alice = org.add_user("alice", email=ALICE)
    await center.find_user(ALICE)
    org.add_user("malice", email=ALICE)
    clock.advance(timedelta(minutes=11))

    assert (await center.find_user(ALICE)).user_id == alice.id
    await double.wait_for(lambda: double.calls.count("identitystore", "ListUsers") == 2)
    await center.close()
    clock.advance(timedelta(hours=2))

    with pytest.raises(Refusal) as caught:
        await center.find_user(ALICE)
    assert caught.value.code is Code.AMBIGUOUS_IDENTITY


async def test_without_the_permission_aws_is_believed_and_doctor_can_tell(
    center: AwsIdentityCenter, org: AwsOrganisation, double: AwsDouble
) -> None:
    alice = org.add_user("alice", email=ALICE)
    double.faults.fail("identitystore", "ListUsers", code="AccessDeniedException", times=None)
    before = center.notices_shared_addresses

    found = await center.find_user(ALICE)

    assert found.user_id == alice.id
    assert (before, center.notices_shared_addresses) == (True, False)


async def test_nobody_is_taken_for_somebody_before_all_people_were_read(
    aws: AwsClient, org: AwsOrganisation, double: AwsDouble, clock: FakeClock
) -> None:
    org.add_user("alice", email=ALICE)
    double.faults.hang("identitystore", "ListUsers")
    center = AwsIdentityCenter(aws, clock, search_patience=0.05)

    with pytest.raises(Unavailable) as caught:
        await center.find_user(ALICE)
    await center.close()

    assert caught.value.code is Code.AWS_UNAVAILABLE


async def test_a_failed_reading_is_told_and_done_again(
    center: AwsIdentityCenter, org: AwsOrganisation, double: AwsDouble
) -> None:
    alice = org.add_user("alice", email=ALICE)
    fault = double.faults.fail("identitystore", "ListUsers", times=None)

    with pytest.raises(Unavailable):
        await center.find_user(ALICE)
    fault.release()

    assert (await center.find_user(ALICE)).user_id == alice.id
