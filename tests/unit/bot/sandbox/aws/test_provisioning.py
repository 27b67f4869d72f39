"""Provisioning: it takes time, has limits, fails, and pushes what was current when it was asked for."""

from __future__ import annotations

import time
from typing import Any

import pytest

from bot.sandbox.aws import AwsDouble, AwsOrganisation, ManualClock

PROD, DEV = "111111111111", "222222222222"


async def test_a_request_is_in_progress_at_first_and_succeeds_when_its_time_has_come(
    admin: Any, org: AwsOrganisation, clock: ManualClock, grant: Any
) -> None:
    org.provisioning.delay = 4.0
    await admin.put(grant())

    request = await admin.provision()
    before = await admin.status(request)
    clock.advance(4.0)
    after = await admin.status(request)

    assert (before["Status"], after["Status"]) == ("IN_PROGRESS", "SUCCEEDED")
    assert after["AccountId"] == PROD
    assert org.is_latest("DataScientist", PROD)
    assert "WorkbenchAccess1" in org.provisioned_policy("DataScientist", PROD)


async def test_only_the_account_that_was_named_gets_the_new_content(
    admin: Any, org: AwsOrganisation, grant: Any
) -> None:
    org.assign("Scientists", "DataScientist", DEV)
    await admin.put(grant())

    await admin.status(await admin.provision(PROD))

    assert org.is_latest("DataScientist", PROD)
    assert not org.is_latest("DataScientist", DEV)
    assert org.provisioned_policy("DataScientist", DEV) == ""


async def test_all_provisioned_accounts_get_it_at_once(admin: Any, org: AwsOrganisation, grant: Any) -> None:
    org.assign("Scientists", "DataScientist", DEV)
    await admin.put(grant())

    status = await admin.status(await admin.provision(None))

    assert status["Status"] == "SUCCEEDED"
    assert "AccountId" not in status
    assert org.is_latest("DataScientist", PROD)
    assert org.is_latest("DataScientist", DEV)


async def test_one_account_needs_its_id_and_the_id_must_exist(admin: Any) -> None:
    nameless, _ = await admin.refused("provision_permission_set", TargetType="AWS_ACCOUNT")
    unknown, _ = await admin.refused(
        "provision_permission_set", TargetType="AWS_ACCOUNT", TargetId="999999999999"
    )

    assert (nameless, unknown) == ("ValidationException", "ResourceNotFoundException")


async def test_provisioning_without_an_assignment_creates_the_role_anyway(
    admin: Any, org: AwsOrganisation
) -> None:
    await admin.status(await admin.provision(DEV))

    assert org.sso_role("DataScientist", DEV).name.startswith("AWSReservedSSO_DataScientist_")


async def test_an_edit_during_provisioning_is_not_pushed_by_it(
    admin: Any, org: AwsOrganisation, clock: ManualClock, grant: Any
) -> None:
    org.provisioning.delay = 4.0
    await admin.put(grant(role="Workbench-BuilderRole"))
    request = await admin.provision()

    await admin.put(grant(role="Workbench-ReadOnlyRole"))
    clock.advance(4.0)
    status = await admin.status(request)

    assert status["Status"] == "SUCCEEDED"
    assert "BuilderRole" in org.provisioned_policy("DataScientist", PROD)
    assert not org.is_latest("DataScientist", PROD)


async def test_where_so_configured_the_content_at_completion_is_pushed(
    admin: Any, org: AwsOrganisation, clock: ManualClock, grant: Any
) -> None:
    org.behaviour.snapshot_at = "completion"
    org.provisioning.delay = 4.0
    await admin.put(grant(role="Workbench-BuilderRole"))
    await admin.provision()

    await admin.put(grant(role="Workbench-ReadOnlyRole"))
    clock.advance(4.0)
    await admin("list_permission_set_provisioning_status", None)

    assert "ReadOnlyRole" in org.provisioned_policy("DataScientist", PROD)
    assert org.is_latest("DataScientist", PROD)


async def test_a_fourth_request_in_flight_is_throttled(
    admin: Any, org: AwsOrganisation, clock: ManualClock
) -> None:
    org.provisioning.delay = 4.0
    for number in range(4):
        org.add_permission_set(f"Set{number}")
    for number in range(3):
        await admin.provision(PROD, f"Set{number}")

    refusal = await admin.refused("provision_permission_set", "Set3", TargetType="AWS_ACCOUNT", TargetId=PROD)
    clock.advance(4.0)
    await admin.provision(PROD, "Set3")

    assert refusal == ("ThrottlingException", "There are too many requests processing.")
    assert org.provisioning.most_in_flight == 3


async def test_one_accounts_roles_are_updated_one_after_the_other(
    admin: Any, org: AwsOrganisation, clock: ManualClock
) -> None:
    org.provisioning.delay = 4.0
    org.add_permission_set("Second")
    first = await admin.provision(PROD)
    second = await admin.provision(PROD, "Second")
    elsewhere = await admin.provision(DEV, "Second")

    clock.advance(4.0)
    states = [(await admin.status(one))["Status"] for one in (first, second, elsewhere)]
    clock.advance(4.0)

    assert states == ["SUCCEEDED", "IN_PROGRESS", "SUCCEEDED"]
    assert (await admin.status(second))["Status"] == "SUCCEEDED"


@pytest.mark.parametrize(
    ("rule", "account", "code"),
    [
        ("never", PROD, None),
        ("same-account", PROD, "ConflictException"),
        ("same-account", DEV, None),
        ("same-set", DEV, "ConflictException"),
    ],
)
async def test_a_second_provisioning_of_a_busy_set_conflicts_as_configured(
    admin: Any, org: AwsOrganisation, rule: Any, account: str, code: str | None
) -> None:
    org.behaviour.provision_conflicts = rule
    org.provisioning.delay = 4.0
    await admin.provision(PROD)

    if code is None:
        assert await admin.provision(account)
    else:
        refusal = await admin.refused("provision_permission_set", TargetType="AWS_ACCOUNT", TargetId=account)
        assert refusal == (code, "There is a conflicting operation in process.")


async def test_where_so_configured_a_put_conflicts_with_a_running_provisioning(
    admin: Any, org: AwsOrganisation
) -> None:
    org.behaviour.put_conflicts = True
    org.provisioning.delay = 4.0
    await admin.provision(PROD)

    code, _ = await admin.refused("delete_inline_policy_from_permission_set")

    assert code == "ConflictException"


async def test_a_failure_names_its_reason_and_leaves_the_old_copy(
    admin: Any, org: AwsOrganisation, grant: Any
) -> None:
    org.assign("Scientists", "DataScientist", DEV)
    org.provisioning.fail_in(DEV, "Received a 403 status error: AccessDenied.", times=1)
    await admin.put(grant())

    failed = await admin.status(await admin.provision(None))
    assert org.is_latest("DataScientist", PROD)
    assert not org.is_latest("DataScientist", DEV)

    mended = await admin.status(await admin.provision(None))

    assert failed["Status"] == "FAILED"
    assert failed["FailureReason"] == "Received a 403 status error: AccessDenied."
    assert mended["Status"] == "SUCCEEDED"


async def test_the_next_request_can_be_made_to_fail(admin: Any, org: AwsOrganisation, grant: Any) -> None:
    org.provisioning.fail_next("Internal failure.")
    await admin.put(grant())

    first = await admin.status(await admin.provision())
    second = await admin.status(await admin.provision())

    assert (first["Status"], first["FailureReason"]) == ("FAILED", "Internal failure.")
    assert second["Status"] == "SUCCEEDED"


async def test_a_customer_managed_policy_that_the_account_lacks_fails_it(
    admin: Any, org: AwsOrganisation
) -> None:
    org.add_permission_set("Extra", customer_managed=[("TeamPolicy", "/")])

    status = await admin.status(await admin.provision(PROD, "Extra"))

    assert status["Status"] == "FAILED"
    assert f"arn:aws:iam::{PROD}:policy/TeamPolicy" in status["FailureReason"]


async def test_one_list_call_shows_all_requests_in_flight(
    admin: Any, org: AwsOrganisation, clock: ManualClock
) -> None:
    org.provisioning.delays = {DEV: 9.0}
    org.provisioning.delay = 4.0
    done = await admin.provision(PROD)
    waiting = await admin.provision(DEV)
    clock.advance(4.0)

    method = "list_permission_set_provisioning_status"
    busy = await admin(method, None, Filter={"Status": "IN_PROGRESS"})
    every = await admin(method, None)

    assert [row["RequestId"] for row in busy["PermissionSetsProvisioningStatus"]] == [waiting]
    assert {row["RequestId"] for row in every["PermissionSetsProvisioningStatus"]} == {done, waiting}


async def test_a_request_may_be_unknown_for_a_moment(
    admin: Any, org: AwsOrganisation, clock: ManualClock
) -> None:
    org.behaviour.status_lag = 2.0
    request = await admin.provision()

    code, _ = await admin.refused(
        "describe_permission_set_provisioning_status", None, ProvisionPermissionSetRequestId=request
    )
    clock.advance(2.0)

    assert code == "ResourceNotFoundException"
    assert (await admin.status(request))["Status"] == "SUCCEEDED"


async def test_nothing_completes_while_held(admin: Any, org: AwsOrganisation, aws: AwsDouble) -> None:
    org.provisioning.hold()
    request = await admin.provision()
    held = await admin.status(request)

    org.provisioning.release()
    await aws.wait_for(lambda: not org.provisioning.in_flight())

    assert held["Status"] == "IN_PROGRESS"
    assert (await admin.status(request))["Status"] == "SUCCEEDED"


async def test_waiting_ends_by_itself_when_a_provisioning_on_the_real_clock_is_due() -> None:
    org = AwsOrganisation(clock=time.time)
    org.add_account(PROD)
    found = org.add_permission_set("DataScientist")
    org.provisioning.delay = 0.02
    async with AwsDouble(org) as aws:
        org.provisioning.begin(found, [PROD], PROD)
        org.changed()

        await aws.wait_for(lambda: org.is_provisioned("DataScientist", PROD))

    assert org.sso_role("DataScientist", PROD).account == PROD


async def test_waiting_for_what_never_comes_times_out(aws: AwsDouble) -> None:
    with pytest.raises(TimeoutError):
        await aws.wait_for(lambda: False, timeout=0.01)


async def test_the_last_assignment_takes_the_role_with_it_and_a_new_one_has_a_new_name(
    org: AwsOrganisation,
) -> None:
    before = org.sso_role("DataScientist", PROD)

    org.unassign("alice@example.com", "DataScientist", PROD)
    gone = org.roles.find(PROD, before.name)
    org.assign("alice@example.com", "DataScientist", PROD)

    assert gone is None
    assert org.sso_role("DataScientist", PROD).name != before.name


async def test_role_paths_carry_the_region_except_in_us_east_1(org: AwsOrganisation) -> None:
    american = AwsOrganisation(region="us-east-1")
    american.add_account(PROD)
    american.add_user("alice@example.com")
    american.add_permission_set("DataScientist")
    american.assign("alice@example.com", "DataScientist", PROD)

    base = f"arn:aws:iam::{PROD}:role/aws-reserved/sso.amazonaws.com/"
    assert org.sso_role("DataScientist", PROD).arn.startswith(f"{base}eu-central-1/AWSReservedSSO_")
    assert american.sso_role("DataScientist", PROD).arn.startswith(f"{base}AWSReservedSSO_")
