"""The identity store, Organizations, IAM of member accounts, and who one is."""

from __future__ import annotations

import importlib
import json
import sys
from typing import Any

import pytest

from bot.sandbox.aws import AwsOrganisation, Email

PROD, DEV = "111111111111", "222222222222"
ALICE, BOB = "alice@example.com", "bob@example.com"


@pytest.fixture
def store(connect: Any, org: AwsOrganisation) -> Any:
    caller = connect("identitystore")

    class Store:
        async def __call__(self, method: str, **parameters: Any) -> Any:
            return await caller(method, IdentityStoreId=org.directory.store_id, **parameters)

        async def refused(self, method: str, **parameters: Any) -> Any:
            return await caller.refused(method, IdentityStoreId=org.directory.store_id, **parameters)

    return Store()


def unique(path: str, value: str) -> dict[str, Any]:
    return {"UniqueAttribute": {"AttributePath": path, "AttributeValue": value}}


async def test_a_person_is_found_by_address_and_by_user_name(store: Any, org: AwsOrganisation) -> None:
    org.add_user("csmith", email="Carol.Smith@example.com")
    carol = org.directory.user("csmith").id

    by_name = await store("get_user_id", AlternateIdentifier=unique("userName", "CSmith"))
    by_address = await store(
        "get_user_id", AlternateIdentifier=unique("emails.value", "Carol.Smith@example.com")
    )
    other_case, _ = await store.refused(
        "get_user_id", AlternateIdentifier=unique("emails.value", "carol.smith@example.com")
    )
    org.behaviour.case_sensitive = frozenset()
    folded = await store("get_user_id", AlternateIdentifier=unique("emails.value", "carol.smith@example.com"))

    assert by_name["UserId"] == by_address["UserId"] == folded["UserId"] == carol
    assert other_case == "ResourceNotFoundException"


async def test_of_two_people_with_one_address_only_the_list_shows_both(
    store: Any, org: AwsOrganisation
) -> None:
    org.add_user("alice2", email=ALICE)

    found = await store("get_user_id", AlternateIdentifier=unique("emails.value", ALICE))
    users = (await store("list_users"))["Users"]

    assert found["UserId"] == org.directory.user(ALICE).id
    assert [one["UserName"] for one in users if one["Emails"][0]["Value"] == ALICE] == [ALICE, "alice2"]


async def test_users_are_filtered_by_user_name_only(store: Any) -> None:
    named = await store("list_users", Filters=[{"AttributePath": "UserName", "AttributeValue": BOB}])
    code, _ = await store.refused(
        "list_users", Filters=[{"AttributePath": "Emails.Value", "AttributeValue": BOB}]
    )

    assert [one["DisplayName"] for one in named["Users"]] == ["Bob"]
    assert code == "ValidationException"


async def test_a_users_details_do_not_tell_whether_an_address_was_verified(
    store: Any, org: AwsOrganisation
) -> None:
    address = Email(value="dora@example.com", verified=False)
    dora = org.add_user("dora", emails=[address])

    described = await store("describe_user", UserId=dora.id)

    assert described["Emails"] == [{"Value": "dora@example.com", "Type": "work", "Primary": True}]


async def test_memberships_are_told_from_both_sides(store: Any, org: AwsOrganisation) -> None:
    group, bob = org.directory.group("Scientists"), org.directory.user(BOB)
    other = org.add_group("Others")

    members = await store("list_group_memberships", GroupId=group.id)
    groups = await store("list_group_memberships_for_member", MemberId={"UserId": bob.id})
    inside = await store("is_member_in_groups", MemberId={"UserId": bob.id}, GroupIds=[group.id, other.id])
    described = await store("describe_group", GroupId=group.id)
    listed = await store("list_groups")

    assert members["GroupMemberships"][0]["MemberId"] == {"UserId": bob.id}
    assert groups["GroupMemberships"][0]["GroupId"] == group.id
    assert [one["MembershipExists"] for one in inside["Results"]] == [True, False]
    assert described["DisplayName"] == "Scientists"
    assert [one["DisplayName"] for one in listed["Groups"]] == ["Scientists", "Others"]


async def test_unknown_people_groups_and_stores_are_not_found(
    store: Any, connect: Any, org: AwsOrganisation
) -> None:
    nobody = org.directory.user(BOB).id[:-1] + "0"

    user, _ = await store.refused("describe_user", UserId=nobody)
    group, _ = await store.refused("describe_group", GroupId=nobody)
    elsewhere, _ = await connect("identitystore").refused("list_users", IdentityStoreId="d-0000000000")

    assert {user, group, elsewhere} == {"ResourceNotFoundException"}


async def test_accounts_come_with_names_and_in_pages(connect: Any, org: AwsOrganisation) -> None:
    for number in range(30):
        org.add_account(f"{number:012d}", f"team {number}")
    organizations = connect("organizations")

    first = await organizations("list_accounts")
    second = await organizations("list_accounts", NextToken=first["NextToken"])
    described = await organizations("describe_account", AccountId=PROD)
    unknown, _ = await organizations.refused("describe_account", AccountId="999999999999")

    assert (len(first["Accounts"]), len(second["Accounts"])) == (20, 13)
    assert described["Account"]["Name"] == "prod"
    assert unknown == "AccountNotFoundException"


async def test_the_organisation_names_its_management_account_and_its_delegate(connect: Any) -> None:
    organizations = connect("organizations")

    organisation = await organizations("describe_organization")
    delegates = await organizations("list_delegated_administrators", ServicePrincipal="sso.amazonaws.com")

    assert organisation["Organization"]["MasterAccountId"] == "100000000000"
    assert delegates["DelegatedAdministrators"] == []


async def test_an_unknown_key_and_a_wrong_secret_are_refused(connect: Any, org: AwsOrganisation) -> None:
    unknown = {"aws_access_key_id": "AKIANOBODY0000000000", "aws_secret_access_key": "x"}
    signed = org.sign_in(ALICE, "DataScientist", PROD)
    wrong = {**signed, "aws_secret_access_key": "guessed"}

    sts, _ = await connect("sts", unknown).refused("get_caller_identity")
    sso, _ = await connect("sso-admin", unknown).refused("list_instances")
    guessed, _ = await connect("sts", wrong).refused("get_caller_identity")

    assert (sts, sso) == ("InvalidClientTokenId", "UnrecognizedClientException")
    assert guessed == "SignatureDoesNotMatch"


async def test_the_bot_is_the_bot(connect: Any, org: AwsOrganisation) -> None:
    identity = await connect("sts")("get_caller_identity")

    assert (identity["Account"], identity["Arn"]) == ("100000000000", org.bot_arn)


@pytest.fixture
async def verifier(connect: Any, org: AwsOrganisation) -> Any:
    """IAM of prod through the read-only role."""
    role = org.deploy_member_role(PROD)
    keys = (await connect("sts")("assume_role", RoleArn=role.arn, RoleSessionName="bot"))["Credentials"]
    return connect(
        "iam",
        {
            "aws_access_key_id": keys["AccessKeyId"],
            "aws_secret_access_key": keys["SecretAccessKey"],
            "aws_session_token": keys["SessionToken"],
        },
    )


async def test_the_member_role_reads_trust_and_what_iam_really_holds(
    verifier: Any, org: AwsOrganisation, grant: Any
) -> None:
    org.console_edit("DataScientist", grant())
    org.provision_now("DataScientist", PROD)
    sso = org.sso_role("DataScientist", PROD)

    trust = await verifier("get_role", RoleName="Workbench-BuilderRole")
    roles = await verifier("list_roles", PathPrefix="/aws-reserved/sso.amazonaws.com/")
    names = await verifier("list_role_policies", RoleName=sso.name)
    policy = await verifier("get_role_policy", RoleName=sso.name, PolicyName=names["PolicyNames"][0])

    statements = trust["Role"]["AssumeRolePolicyDocument"]["Statement"]
    assert [next(iter(one["Principal"])) for one in statements] == ["Service", "Service", "AWS"]
    assert [one["Arn"] for one in roles["Roles"]] == [sso.arn]
    assert policy["PolicyDocument"] == grant()


async def test_the_member_role_can_do_no_more_than_it_needs(verifier: Any) -> None:
    missing, _ = await verifier.refused("get_role", RoleName="Workbench-OtherRole")
    hidden, _ = await verifier.refused("get_role", RoleName="Payroll")
    write, _ = await verifier.refused("delete_role", RoleName="Workbench-BuilderRole")

    assert (missing, hidden, write) == ("NoSuchEntity", "AccessDenied", "AccessDenied")


async def test_iams_simulator_sees_policies_dates_and_scps_but_no_trust(
    verifier: Any, org: AwsOrganisation, grant: Any
) -> None:
    org.console_edit(
        "DataScientist", grant(condition={"DateLessThan": {"aws:CurrentTime": "2026-07-01T00:00:00Z"}})
    )
    org.provision_now("DataScientist", PROD)
    org.deploy_workbench(PROD, sso_groups=["Nobody"])
    question = {
        "PolicySourceArn": org.sso_role("DataScientist", PROD).arn,
        "ActionNames": ["sts:AssumeRole"],
        "ResourceArns": [f"arn:aws:iam::{PROD}:role/Workbench-BuilderRole"],
    }
    now = {
        "ContextKeyName": "aws:CurrentTime",
        "ContextKeyValues": ["2026-06-01T00:00:00Z"],
        "ContextKeyType": "date",
    }

    vague = (await verifier("simulate_principal_policy", **question))["EvaluationResults"][0]
    exact = (await verifier("simulate_principal_policy", **question, ContextEntries=[now]))[
        "EvaluationResults"
    ][0]
    org.set_scps(PROD, {"Statement": {"Effect": "Deny", "Action": "sts:*", "Resource": "*"}})
    fenced = (await verifier("simulate_principal_policy", **question, ContextEntries=[now]))[
        "EvaluationResults"
    ][0]

    assert (vague["EvalDecision"], vague["MissingContextValues"]) == ("implicitDeny", ["aws:CurrentTime"])
    assert exact["EvalDecision"] == "allowed"
    assert fenced["EvalDecision"] == "explicitDeny"
    assert fenced["OrganizationsDecisionDetail"] == {"AllowedByOrganizations": False}


async def test_what_an_admin_changes_in_iam_is_what_counts(
    connect: Any, org: AwsOrganisation, grant: Any
) -> None:
    iam = connect("iam", org.sessions.add_account_key(PROD))
    sso = org.sso_role("DataScientist", PROD)

    await iam("put_role_policy", RoleName=sso.name, PolicyName="x", PolicyDocument=json.dumps(grant()))
    drifted = org.can_assume(ALICE, "DataScientist", PROD, "Workbench-BuilderRole")
    await iam("delete_role_policy", RoleName=sso.name, PolicyName="x")
    await iam(
        "attach_role_policy", RoleName=sso.name, PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess"
    )
    administrator = org.can_assume(ALICE, "DataScientist", PROD, "Workbench-BuilderRole")
    unknown, _ = await iam.refused(
        "attach_role_policy", RoleName=sso.name, PolicyArn="arn:aws:iam::aws:policy/NoSuchThing"
    )

    assert drifted
    assert administrator
    assert unknown == "NoSuchEntity"


def test_without_moto_the_import_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "moto", None)

    with pytest.raises(ImportError, match=r"workbench-access\[sandbox\]"):
        importlib.reload(sys.modules["bot.sandbox.aws"])


async def test_organisations_in_one_process_do_not_share_roles(org: AwsOrganisation) -> None:
    other = AwsOrganisation()
    other.add_account(PROD)

    assert other.roles.names(PROD) == []
    assert "Workbench-BuilderRole" in org.roles.names(PROD)
