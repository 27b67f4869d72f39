"""AssumeRole as a person: the simulator's own judgement, asked through a stock STS client."""

from __future__ import annotations

from typing import Any

import pytest

from bot.sandbox.aws import AwsOrganisation, ManualClock

PROD, DEV = "111111111111", "222222222222"
BUILDER = f"arn:aws:iam::{PROD}:role/Workbench-BuilderRole"
ALICE, BOB = "alice@example.com", "bob@example.com"


@pytest.fixture
def as_person(connect: Any, org: AwsOrganisation) -> Any:
    """Sign in and try; answers "ok" or the error's code."""

    async def attempt(
        user: str = ALICE, permission_set: str = "DataScientist", account: str = PROD, role: str = BUILDER
    ) -> str:
        sts = connect("sts", org.sign_in(user, permission_set, account))
        try:
            await sts("assume_role", RoleArn=role, RoleSessionName="TestSession")
        except sts.client.exceptions.ClientError as error:
            return str(error.response["Error"]["Code"])
        return "ok"

    return attempt


def provide(org: AwsOrganisation, document: Any, account: str = PROD) -> None:
    org.console_edit("DataScientist", document)
    org.provision_now("DataScientist", account)


async def test_access_begins_with_provisioning_not_with_the_put(
    as_person: Any, admin: Any, grant: Any, org: AwsOrganisation
) -> None:
    before = await as_person()
    await admin.put(grant())
    after_put = await as_person()
    await admin.status(await admin.provision())
    after_provisioning = await as_person()

    assert (before, after_put, after_provisioning) == ("AccessDenied", "AccessDenied", "ok")


async def test_a_live_session_gets_the_new_policy_without_a_new_sign_in(
    connect: Any, org: AwsOrganisation, grant: Any
) -> None:
    sts = connect("sts", org.sign_in(ALICE, "DataScientist", PROD))
    code, message = await sts.refused("assume_role", RoleArn=BUILDER, RoleSessionName="TestSession")

    provide(org, grant())
    answer = await sts("assume_role", RoleArn=BUILDER, RoleSessionName="TestSession")

    session = org.sso_role("DataScientist", PROD).name
    who = f"arn:aws:sts::{PROD}:assumed-role/{session}/{ALICE}"
    assert code == "AccessDenied"
    assert message == f"User: {who} is not authorized to perform: sts:AssumeRole on resource: {BUILDER}"
    assert answer["AssumedRoleUser"]["Arn"].endswith("assumed-role/Workbench-BuilderRole/TestSession")


async def test_the_assumed_role_is_who_one_is_afterwards(
    connect: Any, org: AwsOrganisation, grant: Any, clock: ManualClock
) -> None:
    provide(org, grant())
    sts = connect("sts", org.sign_in(ALICE, "DataScientist", PROD))
    keys = (await sts("assume_role", RoleArn=BUILDER, RoleSessionName="TestSession"))["Credentials"]
    builder = connect(
        "sts",
        {
            "aws_access_key_id": keys["AccessKeyId"],
            "aws_secret_access_key": keys["SecretAccessKey"],
            "aws_session_token": keys["SessionToken"],
        },
    )

    identity = await builder("get_caller_identity")
    clock.advance(3600)
    expired, _ = await builder.refused("get_caller_identity")

    assert identity["Arn"] == f"arn:aws:sts::{PROD}:assumed-role/Workbench-BuilderRole/TestSession"
    assert expired == "ExpiredToken"


async def test_a_session_of_another_account_is_denied(
    as_person: Any, org: AwsOrganisation, grant: Any
) -> None:
    org.assign(ALICE, "DataScientist", DEV)
    provide(org, grant(), DEV)

    outcome = await as_person(account=DEV)

    assert outcome == "AccessDenied"


async def test_the_trust_pattern_also_admits_a_set_whose_name_merely_begins_so(
    as_person: Any, org: AwsOrganisation, grant: Any
) -> None:
    for name in ("DataScientist_Admin", "DataScientists"):
        org.add_permission_set(name, inline=grant())
        org.assign(ALICE, name, PROD)

    assert await as_person(permission_set="DataScientist_Admin") == "ok"
    assert await as_person(permission_set="DataScientists") == "AccessDenied"


async def test_group_names_in_the_stack_admit_nobody(
    as_person: Any, org: AwsOrganisation, grant: Any
) -> None:
    org.deploy_workbench(PROD, sso_groups=["Scientists"])
    provide(org, grant())

    assert await as_person() == "AccessDenied"
    assert "trust" in org.can_assume(ALICE, "DataScientist", PROD, "Workbench-BuilderRole").because


async def test_without_groups_the_whole_account_is_trusted(
    as_person: Any, org: AwsOrganisation, grant: Any
) -> None:
    org.deploy_workbench(PROD)
    before = await as_person()
    provide(org, grant())

    assert (before, await as_person()) == ("AccessDenied", "ok")


async def test_a_missing_role_is_denied_like_any_other(
    as_person: Any, org: AwsOrganisation, grant: Any
) -> None:
    provide(org, grant())
    org.delete_role(PROD, "Workbench-BuilderRole")

    assert await as_person() == "AccessDenied"
    assert "no role" in org.can_assume(ALICE, "DataScientist", PROD, "Workbench-BuilderRole").because


async def test_dated_access_ends_on_its_own(
    as_person: Any, org: AwsOrganisation, grant: Any, clock: ManualClock
) -> None:
    provide(org, grant(condition={"DateLessThan": {"aws:CurrentTime": "2026-06-01T01:00:00Z"}}))

    before = await as_person()
    clock.advance(3600)
    after = await as_person()

    assert (before, after) == ("ok", "AccessDenied")


async def test_only_me_lets_in_that_person_alone(as_person: Any, org: AwsOrganisation, grant: Any) -> None:
    org.assign(BOB, "DataScientist", PROD)
    alice = org.directory.user(ALICE).id
    provide(org, grant(condition={"StringEquals": {"identitystore:UserId": alice}}))

    assert await as_person(ALICE) == "ok"
    assert await as_person(BOB) == "AccessDenied"


async def test_an_explicit_deny_wins_and_says_so(connect: Any, org: AwsOrganisation, grant: Any) -> None:
    document = grant()
    document["Statement"].append({"Effect": "Deny", "Action": "STS:assume*", "Resource": "*"})
    provide(org, document)
    sts = connect("sts", org.sign_in(ALICE, "DataScientist", PROD))

    _, message = await sts.refused("assume_role", RoleArn=BUILDER, RoleSessionName="TestSession")

    assert message.endswith("with an explicit deny in an identity-based policy")


async def test_a_boundary_and_an_scp_each_deny_what_the_policy_allows(
    as_person: Any, org: AwsOrganisation, grant: Any
) -> None:
    boundary = {"ManagedPolicyArn": "arn:aws:iam::aws:policy/ReadOnlyAccess"}
    org.add_permission_set("Bounded", inline=grant(), boundary=boundary)
    org.assign(ALICE, "Bounded", PROD)
    org.deploy_workbench(PROD, sso_groups=["DataScientist", "Bounded"])
    provide(org, grant())

    bounded = await as_person(permission_set="Bounded")
    free = await as_person()
    deny = {"Effect": "Deny", "Action": "sts:AssumeRole", "Resource": "*"}
    org.set_scps(PROD, {"Version": "2012-10-17", "Statement": deny})
    fenced = await as_person()

    assert (bounded, free, fenced) == ("AccessDenied", "ok", "AccessDenied")


async def test_administrators_may_already(as_person: Any, org: AwsOrganisation) -> None:
    org.add_permission_set("DataScientist_Boss", managed_policies=["AdministratorAccess"])
    org.assign(ALICE, "DataScientist_Boss", PROD)

    assert await as_person(permission_set="DataScientist_Boss") == "ok"


async def test_a_trust_policy_that_names_the_role_needs_no_identity_policy(
    as_person: Any, org: AwsOrganisation
) -> None:
    sso = org.sso_role("DataScientist", PROD).arn
    statement = {"Effect": "Allow", "Principal": {"AWS": sso}, "Action": "sts:AssumeRole"}
    org.put_role(PROD, "Workbench-BuilderRole", {"Version": "2012-10-17", "Statement": statement})

    assert await as_person() == "ok"


async def test_the_portal_offers_only_what_is_assigned(org: AwsOrganisation) -> None:
    with pytest.raises(PermissionError, match="not assigned"):
        org.sign_in(BOB, "DataScientist", PROD)

    org.assign("Scientists", "DataScientist", PROD)

    assert org.sign_in(BOB, "DataScientist", PROD)["aws_access_key_id"].startswith("ASIA")


async def test_the_truth_for_tests_agrees_with_sts(as_person: Any, org: AwsOrganisation, grant: Any) -> None:
    no = org.can_assume(ALICE, "DataScientist", PROD, "Workbench-BuilderRole")
    provide(org, grant())
    yes = org.can_assume(ALICE, "DataScientist", PROD, BUILDER)

    assert (bool(no), no.because) == (False, "no identity-based policy allows it")
    assert (bool(yes), yes.because) == (True, "identity policy and trust policy allow it")
    assert await as_person() == "ok"


async def test_iam_may_lag_behind_a_successful_provisioning(
    as_person: Any, admin: Any, org: AwsOrganisation, clock: ManualClock, grant: Any
) -> None:
    org.behaviour.iam_lag = 30.0
    await admin.put(grant())
    status = await admin.status(await admin.provision())

    early = await as_person()
    clock.advance(30.0)
    late = await as_person()

    assert (status["Status"], early, late) == ("SUCCEEDED", "AccessDenied", "ok")


async def test_workbench_cannot_be_assumed_outside_the_aws_partition(grant: Any) -> None:
    org = AwsOrganisation(region="us-gov-west-1", partition="aws-us-gov")
    org.add_account(PROD)
    org.add_user(ALICE)
    document = grant()
    document["Statement"][0]["Resource"] = f"arn:aws-us-gov:iam::{PROD}:role/Workbench-BuilderRole"
    org.add_permission_set("DataScientist", inline=document)
    org.assign(ALICE, "DataScientist", PROD)
    org.deploy_workbench(PROD, sso_groups=["DataScientist"])

    decision = org.can_assume(ALICE, "DataScientist", PROD, "Workbench-BuilderRole")

    assert not decision
    assert "trust" in decision.because
