"""Permission sets over the wire: reading, writing, who may, and what is refused in which words."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from bot.sandbox.aws import AwsDouble, AwsOrganisation

PROD, DEV = "111111111111", "222222222222"


def policy_of_size(size: int) -> str:
    """A valid policy of so many bytes, none of them white space."""
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": ""}
    document = {"Version": "2012-10-17", "Statement": [statement]}
    bare = len(json.dumps(document, separators=(",", ":")))
    statement["Resource"] = "x" * (size - bare)
    return json.dumps(document, separators=(",", ":"))


async def test_the_instance_names_its_primary_region(connect: Any, org: AwsOrganisation) -> None:
    answer = await connect("sso-admin")("list_instances")

    instance = answer["Instances"][0]
    assert instance["PrimaryRegion"] == "eu-central-1"
    assert instance["InstanceArn"] == org.instance_arn
    assert instance["IdentityStoreId"] == org.directory.store_id


async def test_another_region_shows_the_instance_only_when_all_regions_are_asked_for(connect: Any) -> None:
    elsewhere = connect("sso-admin", region="us-west-2")

    here = await elsewhere("list_instances")
    everywhere = await elsewhere("list_instances", RegionScope="ALL_REGIONS")

    assert here["Instances"] == []
    assert everywhere["Instances"][0]["PrimaryRegion"] == "eu-central-1"


async def test_a_replica_region_reads_and_does_not_write(connect: Any, org: AwsOrganisation) -> None:
    org.behaviour.replica_regions = ("us-west-2",)
    replica = connect("sso-admin", region="us-west-2")
    where = {
        "InstanceArn": org.instance_arn,
        "PermissionSetArn": org.permission_set("DataScientist").arn,
    }

    read = await replica("get_inline_policy_for_permission_set", **where)
    code, _ = await replica.refused("delete_inline_policy_from_permission_set", **where)

    assert read["InlinePolicy"] == ""
    assert code == "AccessDeniedException"


async def test_a_set_without_policy_answers_the_empty_string_and_an_unknown_set_is_not_found(
    admin: Any, org: AwsOrganisation
) -> None:
    empty = await admin("get_inline_policy_for_permission_set")
    code, _ = await admin.call.refused(
        "get_inline_policy_for_permission_set",
        InstanceArn=org.instance_arn,
        PermissionSetArn=org.permission_set("DataScientist").arn[:-16] + "0" * 16,
    )

    assert empty["InlinePolicy"] == ""
    assert code == "ResourceNotFoundException"


async def test_a_policy_comes_back_exactly_as_it_was_put(admin: Any, grant: Any) -> None:
    text = json.dumps(grant(), indent=3) + "\n"

    await admin.put(text)

    answer = await admin("get_inline_policy_for_permission_set")
    assert answer["InlinePolicy"] == text


async def test_the_largest_policy_fits_and_one_byte_more_is_refused_in_awss_words(admin: Any) -> None:
    await admin.put(policy_of_size(10_240).replace(",", ",\n  "))

    code, message = await admin.refused(
        "put_inline_policy_to_permission_set", InlinePolicy=policy_of_size(10_405)
    )

    assert code == "ValidationException"
    assert message == (
        "Current size of the non-whitespace characters present in the InlinePolicy Document is "
        "10405 bytes which has exceeded the maximum limit of 10240 bytes"
    )


@pytest.mark.parametrize(
    "text",
    [
        "not json",
        "[]",
        '{"Version":"2012-10-17","Statement":[]}',
        '{"Statement":[{"Effect":"Allow","Action":"*"}]}',
        '{"Statement":[{"Effect":"Maybe","Action":"*","Resource":"*"}]}',
        '{"Statement":[{"Effect":"Allow","Action":"*","Resource":"*","Principal":"*"}]}',
        '{"Statement":[{"Effect":"Allow","Effect":"Deny","Action":"*","Resource":"*"}]}',
        '{"Statement":[{"Sid":"a-b","Effect":"Allow","Action":"*","Resource":"*"}]}',
        '{"Statement":[{"Sid":"€","Effect":"Allow","Action":"*","Resource":"*"}]}',
        '{"Version":"2012-10-17","Statement":[]}' + " " * 32_768,
    ],
)
async def test_what_is_no_policy_is_refused_and_nothing_changes(admin: Any, text: str) -> None:
    code, _ = await admin.refused("put_inline_policy_to_permission_set", InlinePolicy=text)

    assert code == "ValidationException"
    assert (await admin("get_inline_policy_for_permission_set"))["InlinePolicy"] == ""


async def test_a_put_leaves_every_account_out_of_date(admin: Any, org: AwsOrganisation, grant: Any) -> None:
    org.assign("Scientists", "DataScientist", DEV)

    await admin.put(grant())

    method = "list_accounts_for_provisioned_permission_set"
    stale = await admin(method, ProvisioningStatus="LATEST_PERMISSION_SET_NOT_PROVISIONED")
    fresh = await admin(method, ProvisioningStatus="LATEST_PERMISSION_SET_PROVISIONED")
    both = await admin(method)
    assert stale["AccountIds"] == both["AccountIds"] == [PROD, DEV]
    assert fresh["AccountIds"] == []


async def test_lists_come_in_pages_and_a_made_up_token_is_refused(admin: Any, org: AwsOrganisation) -> None:
    org.behaviour.page_size = 2
    for number in range(4):
        org.add_permission_set(f"Set{number}")

    first = await admin("list_permission_sets", None)
    second = await admin("list_permission_sets", None, NextToken=first["NextToken"])
    third = await admin("list_permission_sets", None, NextToken=second["NextToken"])
    code, _ = await admin.refused("list_permission_sets", None, NextToken="madeup")

    assert [len(one["PermissionSets"]) for one in (first, second, third)] == [2, 2, 1]
    assert "NextToken" not in third
    assert code == "ValidationException"


async def test_the_details_of_a_set_are_told(admin: Any, org: AwsOrganisation) -> None:
    boundary = {"ManagedPolicyArn": "arn:aws:iam::aws:policy/PowerUserAccess"}
    found = org.add_permission_set(
        "Bounded",
        managed_policies=["ReadOnlyAccess"],
        customer_managed=[("Extra", "/team/")],
        boundary=boundary,
    )

    described = await admin("describe_permission_set", "Bounded")
    tags = await admin("list_tags_for_resource", None, ResourceArn=found.arn)
    managed = await admin("list_managed_policies_in_permission_set", "Bounded")
    customer = await admin("list_customer_managed_policy_references_in_permission_set", "Bounded")
    bounds = await admin("get_permissions_boundary_for_permission_set", "Bounded")
    none, _ = await admin.refused("get_permissions_boundary_for_permission_set")

    assert described["PermissionSet"]["Name"] == "Bounded"
    assert tags["Tags"] == [{"Key": "workbench-access", "Value": "managed"}]
    assert managed["AttachedManagedPolicies"][0]["Name"] == "ReadOnlyAccess"
    assert customer["CustomerManagedPolicyReferences"] == [{"Name": "Extra", "Path": "/team/"}]
    assert bounds["PermissionsBoundary"] == boundary
    assert none == "ResourceNotFoundException"


async def test_assignments_name_users_and_groups(admin: Any, org: AwsOrganisation) -> None:
    org.assign("Scientists", "DataScientist", PROD)

    answer = await admin("list_account_assignments", AccountId=PROD)

    principals = [(row["PrincipalType"], row["PrincipalId"]) for row in answer["AccountAssignments"]]
    alice, scientists = org.directory.user("alice@example.com"), org.directory.group("Scientists")
    assert principals == [("USER", alice.id), ("GROUP", scientists.id)]


async def test_the_sets_of_an_account_are_listed(admin: Any, org: AwsOrganisation) -> None:
    org.add_permission_set("Other")
    org.assign("Scientists", "Other", DEV)

    answer = await admin("list_permission_sets_provisioned_to_account", None, AccountId=DEV)

    assert answer["PermissionSets"] == [org.permission_set("Other").arn]


async def test_with_the_tag_guard_only_tagged_sets_can_be_written(
    admin: Any, org: AwsOrganisation, grant: Any
) -> None:
    org.behaviour.tag_guard = True
    org.add_permission_set("Untagged", tags={})

    await admin.put(grant())
    code, message = await admin.refused(
        "put_inline_policy_to_permission_set", "Untagged", InlinePolicy=json.dumps(grant())
    )

    assert code == "AccessDeniedException"
    assert "sso:PutInlinePolicyToPermissionSet" in message


async def test_the_bots_own_policy_is_obeyed(admin: Any, org: AwsOrganisation, grant: Any) -> None:
    org.add_permission_set("Untagged", tags={})
    write = ["sso:PutInlinePolicyToPermissionSet"]
    tagged = {"StringEquals": {"aws:ResourceTag/workbench-access": "managed"}}
    org.bot_policy = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": write, "Resource": org.instance_arn},
            {
                "Effect": "Allow",
                "Action": write,
                "Resource": "arn:aws:sso:::permissionSet/*",
                "Condition": tagged,
            },
        ],
    }

    await admin.put(grant())
    write_untagged, _ = await admin.refused(
        "put_inline_policy_to_permission_set", "Untagged", InlinePolicy=json.dumps(grant())
    )
    read, _ = await admin.refused("get_inline_policy_for_permission_set")

    assert (write_untagged, read) == ("AccessDeniedException", "AccessDeniedException")


async def test_a_delegated_admin_cannot_touch_a_set_that_reaches_the_management_account(
    connect: Any, org: AwsOrganisation, aws: AwsDouble, grant: Any
) -> None:
    org.add_account("333333333333", "identity")
    org.delegated_admin = "333333333333"
    delegate = connect("sso-admin", org.sessions.add_account_key("333333333333"))
    where = {
        "InstanceArn": org.instance_arn,
        "PermissionSetArn": org.permission_set("DataScientist").arn,
    }

    await delegate("put_inline_policy_to_permission_set", **where, InlinePolicy=json.dumps(grant()))
    org.assign("Scientists", "DataScientist", org.management_account)
    put, _ = await delegate.refused(
        "put_inline_policy_to_permission_set", **where, InlinePolicy=json.dumps(grant())
    )
    into, _ = await delegate.refused(
        "provision_permission_set", **where, TargetType="ALL_PROVISIONED_ACCOUNTS"
    )
    principal, _ = await delegate.refused(
        "list_account_assignments_for_principal",
        InstanceArn=org.instance_arn,
        PrincipalType="USER",
        PrincipalId=org.directory.user("alice@example.com").id,
    )

    assert {put, into, principal} == {"AccessDeniedException"}


async def test_a_member_account_sees_no_instance_and_may_ask_nothing(
    connect: Any, org: AwsOrganisation
) -> None:
    member = connect("sso-admin", org.sessions.add_account_key(DEV))

    instances = await member("list_instances")
    code, _ = await member.refused("list_permission_sets", InstanceArn=org.instance_arn)

    assert instances["Instances"] == []
    assert code == "AccessDeniedException"


async def test_the_management_account_lists_what_a_person_holds_by_groups_too(
    admin: Any, org: AwsOrganisation
) -> None:
    org.assign("Scientists", "DataScientist", DEV)

    answer = await admin(
        "list_account_assignments_for_principal",
        None,
        PrincipalType="USER",
        PrincipalId=org.directory.user("bob@example.com").id,
    )

    assert [row["AccountId"] for row in answer["AccountAssignments"]] == [DEV]
    assert answer["AccountAssignments"][0]["PrincipalType"] == "GROUP"
