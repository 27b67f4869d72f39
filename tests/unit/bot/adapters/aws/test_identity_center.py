"""The port's reads and writes, against the simulated organisation."""

import json

import pytest

from bot.adapters.aws.identity_center import AwsIdentityCenter
from bot.domain.errors import Code, NotFound, Provisioning, Refusal, Unavailable
from bot.domain.names import AccountId, IdentityGroupId, IdentityUserId, PermissionSetArn
from bot.ports.identity_center import Account, IdentityCenter, ProvisioningState
from bot.sandbox.aws.organisation import AwsOrganisation
from bot.sandbox.aws.records import Email
from bot.sandbox.aws.server import AwsDouble

ONE = AccountId("111111111111")
TWO = AccountId("222222222222")
POLICY = json.dumps(
    {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
)


@pytest.fixture
def arn(org: AwsOrganisation) -> PermissionSetArn:
    """A set that alice holds in two accounts."""
    org.add_account(ONE, "Research")
    org.add_account(TWO, "Production")
    org.add_user("alice", email="alice@example.com")
    found = org.add_permission_set("DataScientist")
    for account in (ONE, TWO):
        org.assign("alice", "DataScientist", account)
    return PermissionSetArn(found.arn)


def test_the_adapter_is_an_identity_center(center: AwsIdentityCenter) -> None:
    port: IdentityCenter = center

    assert port is center


# People


async def test_a_person_is_found_by_address(center: AwsIdentityCenter, org: AwsOrganisation) -> None:
    alice = org.add_user("alice.smith", email="alice@example.com")

    found = await center.find_user("alice@example.com")

    assert (found.user_id, found.user_name) == (alice.id, "alice.smith")


async def test_a_person_is_found_whatever_case_slack_writes(
    center: AwsIdentityCenter, org: AwsOrganisation
) -> None:
    alice = org.add_user("alice", email="alice@example.com")

    found = await center.find_user("Alice@Example.com")

    assert found.user_id == alice.id


async def test_an_address_that_nobody_has_is_refused(center: AwsIdentityCenter) -> None:
    with pytest.raises(Refusal) as caught:
        await center.find_user("nobody@example.com")

    assert caught.value.code is Code.NOT_IN_IDENTITY_CENTER


async def test_a_user_name_that_looks_like_an_address_is_not_one(
    center: AwsIdentityCenter, org: AwsOrganisation
) -> None:
    org.add_user("alice@example.com", email="mallory@example.com")

    with pytest.raises(Refusal) as caught:
        await center.find_user("alice@example.com")

    assert caught.value.code is Code.NOT_IN_IDENTITY_CENTER


async def test_a_disabled_person_is_refused(center: AwsIdentityCenter, org: AwsOrganisation) -> None:
    org.add_user("alice", email="alice@example.com", status="DISABLED")

    with pytest.raises(Refusal) as caught:
        await center.find_user("alice@example.com")

    assert caught.value.code is Code.NOT_IN_IDENTITY_CENTER


@pytest.mark.parametrize("other", ["alice@example.com", "Alice@Example.com", "ALICE@example.com"])
async def test_an_address_of_two_people_is_nobodys(
    center: AwsIdentityCenter, org: AwsOrganisation, other: str
) -> None:
    org.add_user("alice", email="alice@example.com")
    org.add_user("malice", emails=[Email(value="malice@example.com"), Email(value=other, primary=False)])

    for spelling in ("alice@example.com", "Alice@Example.com"):
        with pytest.raises(Refusal) as caught:
            await center.find_user(spelling)
        assert caught.value.code is Code.AMBIGUOUS_IDENTITY


async def test_an_answer_with_another_address_is_not_believed(
    center: AwsIdentityCenter, org: AwsOrganisation
) -> None:
    class Anything(str):
        """An address that the simulator takes for every other, as a loose rule of AWS's might."""

        __slots__ = ()
        __hash__ = str.__hash__

        def __eq__(self, other: object) -> bool:
            return True

    org.add_user("mallory", emails=[Email(value=Anything("mallory@example.com"))])

    with pytest.raises(Refusal) as caught:
        await center.find_user("alice@example.com")

    assert caught.value.code is Code.NOT_IN_IDENTITY_CENTER


async def test_all_groups_of_a_person_are_read_past_the_first_page(
    center: AwsIdentityCenter, org: AwsOrganisation
) -> None:
    alice = org.add_user("alice")
    groups = {org.add_group(f"group {number}", ["alice"]).id for number in range(130)}

    found = await center.groups_of(IdentityUserId(alice.id))

    assert found == groups


async def test_a_person_who_is_gone_has_no_groups_but_is_refused(center: AwsIdentityCenter) -> None:
    with pytest.raises(Refusal) as caught:
        await center.groups_of(IdentityUserId("5a6db0c501-00000000-0000-0000-0000-000000000000"))

    assert caught.value.code is Code.NOT_IN_IDENTITY_CENTER


async def test_members_of_a_large_group_are_read_only_as_far_as_asked(
    center: AwsIdentityCenter, org: AwsOrganisation, double: AwsDouble
) -> None:
    people = [org.add_user(f"user{number}").user_name for number in range(230)]
    group = org.add_group("everyone", people)

    some = await center.group_members(IdentityGroupId(group.id), at_most=120)
    pages = double.calls.count("identitystore", "ListGroupMemberships")
    everyone = await center.group_members(IdentityGroupId(group.id), at_most=1000)

    assert (len(some), pages) == (120, 2)
    assert everyone == set(group.members)


async def test_a_group_that_is_gone_has_no_members(center: AwsIdentityCenter) -> None:
    group = IdentityGroupId("5a6db0c501-00000000-0000-0000-0000-000000000000")

    assert await center.group_members(group, at_most=10) == frozenset()


# Sets and accounts


async def test_assignees_are_people_and_groups_past_the_first_page(
    center: AwsIdentityCenter, org: AwsOrganisation, arn: PermissionSetArn
) -> None:
    group = org.add_group("scientists")
    org.assign("scientists", "DataScientist", ONE)
    people = {org.directory.user("alice").id}
    for number in range(120):
        people.add(org.add_user(f"user{number}").id)
        org.assign(f"user{number}", "DataScientist", ONE, provision=False)

    found = await center.assignees(arn, ONE)

    assert found.users == people
    assert found.groups == {group.id}


async def test_provisioned_accounts_are_all_or_only_the_stale_ones(
    center: AwsIdentityCenter, org: AwsOrganisation, arn: PermissionSetArn
) -> None:
    org.console_edit("DataScientist", POLICY)
    org.provision_now("DataScientist", ONE)

    assert await center.provisioned_accounts(arn) == {ONE, TWO}
    assert await center.provisioned_accounts(arn, stale_only=True) == {TWO}


async def test_hundreds_of_provisioned_accounts_are_all_read(
    center: AwsIdentityCenter, org: AwsOrganisation, arn: PermissionSetArn
) -> None:
    accounts = {f"3{number:011d}" for number in range(250)}
    for account in accounts:
        org.add_account(account)
        org.provision_now("DataScientist", account)

    assert await center.provisioned_accounts(arn) == accounts | {ONE, TWO}


async def test_only_active_accounts_are_listed_past_the_first_page(
    center: AwsIdentityCenter, org: AwsOrganisation
) -> None:
    org.behaviour.page_size = 5
    for number in range(7):
        org.add_account(f"40000000000{number}", f"Account {number}")
    org.add_account("500000000000", "Closed", status="SUSPENDED")

    accounts = await center.accounts()

    assert len(accounts) == 8
    assert Account(id=AccountId("400000000003"), name="Account 3") in accounts
    assert "Closed" not in {account.name for account in accounts}


# Policies


async def test_a_policy_is_read_replaced_and_deleted(
    center: AwsIdentityCenter, org: AwsOrganisation, arn: PermissionSetArn
) -> None:
    assert await center.read_policy(arn) == ""

    await center.put_policy(arn, POLICY)
    assert await center.read_policy(arn) == POLICY == org.inline_policy("DataScientist")

    await center.put_policy(arn, "")
    assert org.inline_policy("DataScientist") == ""


async def test_deleting_a_policy_that_is_gone_already_is_no_error(
    center: AwsIdentityCenter, double: AwsDouble, arn: PermissionSetArn
) -> None:
    double.faults.fail("sso-admin", "DeleteInlinePolicyFromPermissionSet", code="ResourceNotFoundException")

    await center.put_policy(arn, "")

    assert await center.read_policy(arn) == ""


async def test_deleting_the_policy_of_a_set_that_is_gone_is_told(
    center: AwsIdentityCenter, org: AwsOrganisation, arn: PermissionSetArn
) -> None:
    org.delete_permission_set("DataScientist")

    with pytest.raises(NotFound) as caught:
        await center.put_policy(arn, "")

    assert caught.value.code is Code.PERMISSION_SET_MISSING


async def test_a_policy_without_room_is_refused_with_its_size(
    center: AwsIdentityCenter, arn: PermissionSetArn
) -> None:
    with pytest.raises(Refusal) as caught:
        await center.put_policy(arn, POLICY.replace("s3:*", "s3:" + "x" * 11_000))

    assert caught.value.code is Code.NO_ROOM
    assert caught.value.facts["limit"] == 10_240
    assert int(caught.value.facts["size"]) > 11_000


async def test_a_conflicting_write_is_left_to_whoever_can_read_again(
    center: AwsIdentityCenter, double: AwsDouble, arn: PermissionSetArn
) -> None:
    double.faults.fail("sso-admin", "PutInlinePolicyToPermissionSet", code="ConflictException")

    with pytest.raises(Provisioning) as caught:
        await center.put_policy(arn, POLICY)

    assert caught.value.code is Code.CONFLICT
    assert double.calls.count("sso-admin", "PutInlinePolicyToPermissionSet") == 1


async def test_a_write_whose_answer_was_lost_is_never_sent_again_by_itself(
    center: AwsIdentityCenter, double: AwsDouble, arn: PermissionSetArn
) -> None:
    double.faults.drop("sso-admin", "PutInlinePolicyToPermissionSet", when="after")

    with pytest.raises(Unavailable):
        await center.put_policy(arn, POLICY)

    assert double.calls.count("sso-admin", "PutInlinePolicyToPermissionSet") == 1


async def test_a_set_without_the_tag_is_told_in_awss_words(
    center: AwsIdentityCenter, org: AwsOrganisation, arn: PermissionSetArn
) -> None:
    org.behaviour.tag_guard = True
    org.set_tags("DataScientist", {})

    with pytest.raises(Provisioning) as caught:
        await center.put_policy(arn, POLICY)

    assert caught.value.code is Code.ACCESS_DENIED
    assert "sso:PutInlinePolicyToPermissionSet" in str(caught.value.facts["reason"])


async def test_throttling_beyond_the_retries_is_unavailable(
    center: AwsIdentityCenter, double: AwsDouble, arn: PermissionSetArn
) -> None:
    double.faults.fail("sso-admin", "GetInlinePolicyForPermissionSet", code="ThrottlingException", times=None)

    with pytest.raises(Unavailable) as caught:
        await center.read_policy(arn)

    assert caught.value.code is Code.THROTTLED


# Provisioning


async def test_one_account_is_provisioned_and_no_other(
    center: AwsIdentityCenter, double: AwsDouble, arn: PermissionSetArn
) -> None:
    await center.put_policy(arn, POLICY)

    await center.provision(arn, ONE)
    await double.wait_for(lambda: double.org.is_latest("DataScientist", ONE))

    assert double.org.provisioned_policy("DataScientist", ONE) == POLICY
    assert double.org.provisioned_policy("DataScientist", TWO) == ""


async def test_all_provisioned_accounts_are_provisioned_at_once(
    center: AwsIdentityCenter, double: AwsDouble, arn: PermissionSetArn
) -> None:
    await center.put_policy(arn, POLICY)

    await center.provision(arn, None)

    await double.wait_for(
        lambda: all(double.org.is_latest("DataScientist", account) for account in (ONE, TWO))
    )
    assert double.calls.count("sso-admin", "ProvisionPermissionSet") == 1


async def test_a_finished_provisioning_is_reported_as_it_ended(
    center: AwsIdentityCenter, double: AwsDouble, arn: PermissionSetArn
) -> None:
    good = await center.provision(arn, ONE)
    await double.wait_for(lambda: not double.org.provisioning.in_flight())
    double.org.provisioning.fail_next("The role\ncould not be updated.")
    bad = await center.provision(arn, ONE)
    await double.wait_for(lambda: not double.org.provisioning.in_flight())

    succeeded, failed = await center.provisioning(good), await center.provisioning(bad)

    assert (succeeded.state, succeeded.failure_reason) == (ProvisioningState.SUCCEEDED, "")
    assert failed.state is ProvisioningState.FAILED
    assert failed.failure_reason == "The role could not be updated."


async def test_a_provisioning_that_aws_does_not_know_yet_is_in_progress(
    center: AwsIdentityCenter, org: AwsOrganisation, arn: PermissionSetArn
) -> None:
    org.behaviour.status_lag = 3600.0

    report = await center.provisioning(await center.provision(arn, ONE))

    assert report.state is ProvisioningState.IN_PROGRESS
