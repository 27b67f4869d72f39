"""Faults on purpose, and the log of what was called."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError

if TYPE_CHECKING:
    from bot.sandbox.aws import AwsDouble, AwsOrganisation

PROD = "111111111111"


async def test_the_next_calls_conflict_and_then_it_works(admin: Any, aws: AwsDouble, grant: Any) -> None:
    aws.faults.fail("sso-admin", "PutInlinePolicyToPermissionSet", code="ConflictException", times=2)

    refusals = [
        await admin.refused("put_inline_policy_to_permission_set", InlinePolicy="{}") for _ in range(2)
    ]
    await admin.put(grant())

    assert [code for code, _ in refusals] == ["ConflictException"] * 2
    outcomes = [call.outcome for call in aws.calls.of("sso-admin", "PutInlinePolicyToPermissionSet")]
    assert outcomes == ["ConflictException", "ConflictException", "ok"]


async def test_an_error_code_arrives_as_the_clients_own_exception(admin: Any, aws: AwsDouble) -> None:
    for code in ("InternalServerException", "ThrottlingException", "AccessDeniedException"):
        aws.faults.fail("sso-admin", code=code)

        with pytest.raises(getattr(admin.call.client.exceptions, code)) as caught:
            await admin("list_permission_sets", None)

        headers = caught.value.response["ResponseMetadata"]["HTTPHeaders"]
        assert headers["x-amzn-errortype"].startswith(f"{code}:")


async def test_a_bare_http_error_is_no_service_answer(connect: Any, aws: AwsDouble) -> None:
    aws.faults.http("sts", status=503)

    with pytest.raises(ClientError) as caught:
        await connect("sts")("get_caller_identity")

    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 503


async def test_a_connection_dropped_before_the_effect_leaves_everything_as_it_was(
    admin: Any, aws: AwsDouble, org: AwsOrganisation, grant: Any
) -> None:
    aws.faults.drop("sso-admin", "PutInlinePolicyToPermissionSet", when="before")

    with pytest.raises(ConnectionClosedError):
        await admin.put(grant())

    assert org.inline_policy("DataScientist") == ""


async def test_a_connection_dropped_after_the_effect_hides_a_success(
    admin: Any, aws: AwsDouble, org: AwsOrganisation, grant: Any
) -> None:
    aws.faults.drop("sso-admin", "PutInlinePolicyToPermissionSet", when="after")

    with pytest.raises(ConnectionClosedError):
        await admin.put(grant())

    assert "WorkbenchAccess1" in org.inline_policy("DataScientist")
    assert aws.calls.of("sso-admin")[-1].outcome == "dropped"


async def test_a_write_that_hangs_after_its_effect_is_never_answered(
    admin: Any, aws: AwsDouble, org: AwsOrganisation, grant: Any
) -> None:
    fault = aws.faults.hang("sso-admin", "PutInlinePolicyToPermissionSet", when="after")
    hanging = asyncio.create_task(admin.put(grant()))
    await aws.wait_for(lambda: "WorkbenchAccess1" in org.inline_policy("DataScientist"))

    fault.release()

    with pytest.raises(ConnectionClosedError):
        await hanging


async def test_a_write_that_is_lost_while_it_hangs_has_no_effect(
    admin: Any, aws: AwsDouble, org: AwsOrganisation, grant: Any
) -> None:
    fault = aws.faults.hang("sso-admin", "PutInlinePolicyToPermissionSet", when="lost")
    hanging = asyncio.create_task(admin.put(grant()))
    await aws.wait_for(lambda: fault.used == 1)

    fault.release()

    with pytest.raises(ConnectionClosedError):
        await hanging
    assert org.inline_policy("DataScientist") == ""


async def test_a_hanging_call_goes_on_when_it_is_released(admin: Any, aws: AwsDouble) -> None:
    fault = aws.faults.hang("sso-admin", "ListPermissionSets")
    first = asyncio.create_task(admin("list_permission_sets", None))
    await aws.wait_for(lambda: fault.used == 1)
    second = await admin("list_account_assignments", AccountId=PROD)

    assert not first.done()
    fault.release()

    assert (await first)["PermissionSets"]
    assert second["AccountAssignments"]
    assert aws.calls.peak_in_flight("sso-admin") == 2


async def test_a_call_can_hang_for_a_while(connect: Any, aws: AwsDouble) -> None:
    aws.faults.hang("*", seconds=0.01, times=None)

    assert await connect("sts")("get_caller_identity")

    aws.faults.clear()
    assert aws.faults.take("sts", "GetCallerIdentity") is None


async def test_the_log_tells_who_called_what_with_what(
    admin: Any, aws: AwsDouble, org: AwsOrganisation
) -> None:
    await admin("list_account_assignments", AccountId=PROD)

    call = aws.calls.entries[-1]
    assert (call.service, call.operation, call.caller) == ("sso-admin", "ListAccountAssignments", org.bot_arn)
    assert call.parameters["AccountId"] == PROD
    assert call.at == org.clock()
    assert aws.calls.count("sso-admin") == aws.calls.count("sso-admin", "ListAccountAssignments") == 1
    aws.calls.clear()
    assert aws.calls.count("sso-admin") == 0


async def test_the_environment_is_enough_for_an_unmodified_client(aws: AwsDouble) -> None:
    environment = aws.bot_environment()

    assert environment["AWS_ENDPOINT_URL"].startswith("http://127.0.0.1:")
    assert environment["AWS_DEFAULT_REGION"] == "eu-central-1"
    assert environment["AWS_EC2_METADATA_DISABLED"] == "true"
