"""The buckets of 20 calls a second: one for all of sso-admin, one per API of the identity store."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from bot.sandbox.aws import AwsDouble, AwsOrganisation, ManualClock

PROD = "111111111111"


async def burst(number: int, admin: Any) -> list[str]:
    async def one() -> str:
        try:
            await admin("list_permission_sets", None)
        except ClientError as error:
            return str(error.response["Error"]["Code"])
        return "ok"

    return await asyncio.gather(*(one() for _ in range(number)))


async def test_twenty_calls_pass_and_the_next_are_throttled_until_a_second_has_gone(
    admin: Any, aws: AwsDouble, stopwatch: ManualClock
) -> None:
    first = await burst(25, admin)
    stopwatch.advance(0.5)
    later = await burst(15, admin)

    assert (first.count("ok"), first.count("ThrottlingException")) == (20, 5)
    assert (later.count("ok"), later.count("ThrottlingException")) == (10, 5)
    assert aws.calls.peak_per_second("sso-admin") == 40


async def test_the_peak_is_counted_within_any_one_second(
    admin: Any, aws: AwsDouble, stopwatch: ManualClock
) -> None:
    for _ in range(3):
        await burst(4, admin)
        stopwatch.advance(0.6)

    assert aws.calls.peak_per_second("sso-admin") == 8
    assert aws.calls.count("sso-admin") == 12


async def test_the_bucket_of_sso_admin_is_shared_and_those_of_the_identity_store_are_not(
    admin: Any, connect: Any, org: AwsOrganisation
) -> None:
    store = connect("identitystore")
    await burst(20, admin)

    shared, _ = await admin.refused("list_account_assignments", AccountId=PROD)
    users = await asyncio.gather(
        *(store("list_users", IdentityStoreId=org.directory.store_id) for _ in range(20))
    )
    spent, _ = await store.refused("list_users", IdentityStoreId=org.directory.store_id)
    groups = await store("list_groups", IdentityStoreId=org.directory.store_id)

    assert shared == spent == "ThrottlingException"
    assert len(users) == 20
    assert groups["Groups"]


async def test_throttling_can_be_switched_off(admin: Any, org: AwsOrganisation) -> None:
    org.behaviour.throttle = False

    assert set(await burst(50, admin)) == {"ok"}
