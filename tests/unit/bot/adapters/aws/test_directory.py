"""Who holds what where: from memory, complete or honestly not."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from bot.adapters.aws.budget import Urgency, present_urgency
from bot.adapters.aws.client import AwsClient
from bot.adapters.aws.directory import AwsDirectory
from bot.adapters.aws.identity_center import AwsIdentityCenter
from bot.domain.errors import Code, Provisioning, Refusal, Unavailable
from bot.domain.names import AccountId, PermissionSetArn, PermissionSetName
from bot.domain.rules import SetRules
from bot.ports.identity_center import Assignees, Directory, Holdings
from bot.sandbox.aws.organisation import AwsOrganisation
from bot.sandbox.aws.server import AwsDouble
from tests.fakes.clock import FakeClock

DATA = PermissionSetName("DataScientist")
ADMIN = PermissionSetName("Admin")
ONE = AccountId("111111111111")
TWO = AccountId("222222222222")
THREE = AccountId("333333333333")
ALICE = "alice@example.com"


def offered(name: PermissionSetName, *accounts: AccountId) -> SetRules:
    return SetRules(name=name, accounts=frozenset(accounts) or None, roles=(), by_role={})


def held(holdings: Holdings, name: PermissionSetName = DATA) -> list[str]:
    return [account.name for account in holdings.of(name)]


async def asleep(clock: FakeClock) -> None:
    """Return once somebody sleeps; answers come from threads, so it may take a moment."""
    async with asyncio.timeout(5):
        while not clock.sleepers:  # noqa: ASYNC110 -- the clock has no event to wait for
            await asyncio.sleep(0)


@pytest.fixture
def org(org: AwsOrganisation) -> AwsOrganisation:
    for account, name in ((ONE, "research"), (TWO, "Production"), (THREE, "accounts")):
        org.add_account(account, name)
    org.add_permission_set(DATA)
    org.add_user("alice", email=ALICE)
    org.add_user("bob", email="bob@example.com")
    return org


@pytest.fixture
async def directory(center: AwsIdentityCenter, clock: FakeClock) -> AsyncIterator[AwsDirectory]:
    opened = AwsDirectory(center, {DATA: offered(DATA)}, clock)
    yield opened
    await opened.close()


def test_the_adapter_is_a_directory(directory: AwsDirectory) -> None:
    port: Directory = directory

    assert port is directory


async def test_a_person_holds_a_set_directly_or_by_a_group(
    directory: AwsDirectory, org: AwsOrganisation
) -> None:
    org.add_group("scientists", ["alice"])
    org.assign("alice", DATA, ONE)
    org.assign("scientists", DATA, TWO)
    org.assign("bob", DATA, THREE)
    await directory.refresh()

    holdings = await directory.holdings(ALICE)

    assert holdings.identity.user_name == "alice"
    assert held(holdings) == ["Production", "research"]
    assert holdings.complete


async def test_accounts_are_sorted_by_name_whatever_its_case(
    directory: AwsDirectory, org: AwsOrganisation
) -> None:
    for account in (ONE, TWO, THREE):
        org.assign("alice", DATA, account)
    await directory.refresh()

    assert held(await directory.holdings(ALICE)) == ["accounts", "Production", "research"]


async def test_only_offered_accounts_count(
    center: AwsIdentityCenter, clock: FakeClock, org: AwsOrganisation
) -> None:
    for account in (ONE, TWO):
        org.assign("alice", DATA, account)
    directory = AwsDirectory(center, {DATA: offered(DATA, TWO, THREE)}, clock)

    holdings = await directory.holdings(ALICE)

    assert [account.id for account in holdings.of(DATA)] == [TWO]
    assert holdings.complete


async def test_a_set_that_is_held_nowhere_is_not_listed(
    center: AwsIdentityCenter, clock: FakeClock, org: AwsOrganisation
) -> None:
    org.add_permission_set(ADMIN)
    org.assign("bob", ADMIN, ONE)
    org.assign("alice", DATA, ONE)
    directory = AwsDirectory(center, {ADMIN: offered(ADMIN), DATA: offered(DATA)}, clock)

    holdings = await directory.holdings(ALICE)

    assert [name for name, _ in holdings.accounts] == [DATA]
    assert holdings.of(ADMIN) == ()


async def test_without_any_refresh_holdings_are_read_live(
    directory: AwsDirectory, org: AwsOrganisation, double: AwsDouble
) -> None:
    for number in range(30):
        org.add_account(f"4{number:011d}")
        org.assign("alice", DATA, f"4{number:011d}")

    first = await directory.holdings(ALICE)
    calls = len(double.calls.entries)
    second = await directory.holdings(ALICE)

    assert first.complete
    assert len(first.of(DATA)) == 30
    assert second == first
    assert len(double.calls.entries) == calls


async def test_many_who_ask_at_once_share_the_reads(
    directory: AwsDirectory, org: AwsOrganisation, double: AwsDouble
) -> None:
    for account in (ONE, TWO, THREE):
        org.assign("alice", DATA, account)

    await asyncio.gather(*(directory.holdings(who) for who in [ALICE, "bob@example.com"] * 5))

    assert double.calls.count("sso-admin", "ListAccountAssignments") == 3


async def test_whoever_stops_waiting_does_not_end_a_read_that_others_share(
    directory: AwsDirectory, org: AwsOrganisation, double: AwsDouble
) -> None:
    org.assign("bob", DATA, ONE)
    hanging = double.faults.hang("sso-admin", "ListAccountAssignments")
    leaving = asyncio.create_task(directory.holdings(ALICE))
    await double.wait_for(lambda: hanging.used == 1)
    staying = asyncio.create_task(directory.holdings("bob@example.com"))
    await double.wait_for(lambda: double.calls.count("identitystore", "ListGroupMembershipsForMember") == 2)

    leaving.cancel()
    await asyncio.gather(leaving, return_exceptions=True)
    hanging.release()

    assert len((await staying).of(DATA)) == 1
    assert double.calls.count("sso-admin", "ListAccountAssignments") == 1


async def test_what_could_not_be_read_in_time_is_said_to_be_missing(
    center: AwsIdentityCenter, clock: FakeClock, org: AwsOrganisation, double: AwsDouble
) -> None:
    org.assign("alice", DATA, ONE)
    org.assign("alice", DATA, TWO)
    directory = AwsDirectory(center, {DATA: offered(DATA)}, clock, patience=1.0)
    await center.find_user(ALICE)
    hanging = double.faults.hang("sso-admin", "ListAccountAssignments")

    partial = await directory.holdings(ALICE)
    hanging.release()
    await double.wait_for(lambda: all(call.outcome for call in double.calls.of("sso-admin")))
    await directory.refresh()
    whole = await directory.holdings(ALICE)

    assert (len(partial.of(DATA)), partial.complete) == (1, False)
    assert (len(whole.of(DATA)), whole.complete) == (2, True)


async def test_a_person_who_cannot_be_read_in_time_is_told_so(
    center: AwsIdentityCenter, clock: FakeClock, double: AwsDouble
) -> None:
    directory = AwsDirectory(center, {DATA: offered(DATA)}, clock, patience=0.05)
    double.faults.hang("identitystore", "GetUserId")

    with pytest.raises(Unavailable) as caught:
        await directory.holdings(ALICE)

    assert caught.value.code is Code.AWS_UNAVAILABLE


async def test_somebody_unknown_is_refused_until_they_are_added(
    directory: AwsDirectory, org: AwsOrganisation
) -> None:
    with pytest.raises(Refusal) as caught:
        await directory.holdings("carol@example.com")
    org.add_user("carol", email="carol@example.com")

    holdings = await directory.holdings("carol@example.com")

    assert caught.value.code is Code.NOT_IN_IDENTITY_CENTER
    assert holdings.accounts == ()


async def test_when_no_set_can_be_read_the_reason_is_told(directory: AwsDirectory, double: AwsDouble) -> None:
    double.faults.fail("sso-admin", "ListPermissionSets", code="AccessDeniedException", times=None)

    with pytest.raises(Provisioning) as caught:
        await directory.holdings(ALICE)

    assert caught.value.code is Code.ACCESS_DENIED


async def test_a_configured_set_that_does_not_exist_is_held_by_nobody(
    center: AwsIdentityCenter, clock: FakeClock, org: AwsOrganisation
) -> None:
    org.assign("alice", DATA, ONE)
    directory = AwsDirectory(center, {ADMIN: offered(ADMIN), DATA: offered(DATA)}, clock)

    holdings = await directory.holdings(ALICE)

    assert [name for name, _ in holdings.accounts] == [DATA]
    assert holdings.complete


async def test_cached_holdings_are_nothing_until_the_person_was_read(
    directory: AwsDirectory, org: AwsOrganisation, double: AwsDouble
) -> None:
    org.assign("alice", DATA, ONE)
    await directory.refresh()
    before = directory.cached_holdings(ALICE)
    live = await directory.holdings(ALICE)
    calls = len(double.calls.entries)

    assert before is None
    assert directory.cached_holdings(ALICE) == live
    assert len(double.calls.entries) == calls


async def test_names_of_accounts_are_known_after_a_refresh(directory: AwsDirectory) -> None:
    before = directory.account_name(ONE)
    await directory.refresh()

    assert (before, directory.account_name(ONE)) == ("", "research")


async def test_a_new_group_counts_after_a_few_minutes(
    directory: AwsDirectory, org: AwsOrganisation, clock: FakeClock
) -> None:
    org.add_group("scientists")
    org.assign("scientists", DATA, ONE)
    before = await directory.holdings(ALICE)
    org.join("alice", "scientists")

    clock.advance(timedelta(minutes=4))
    after = await directory.holdings(ALICE)

    assert (held(before), len(after.of(DATA))) == ([], 1)


async def test_a_change_of_assignments_is_seen_by_the_next_pass_after_ten_minutes(
    directory: AwsDirectory, org: AwsOrganisation, double: AwsDouble, clock: FakeClock
) -> None:
    org.assign("alice", DATA, ONE)
    await directory.refresh()
    org.assign("alice", DATA, TWO)
    org.unassign("alice", DATA, ONE)
    double.calls.clear()

    await directory.refresh()
    calls = len(double.calls.entries)
    clock.advance(timedelta(minutes=11))
    await directory.refresh()

    assert calls == 0
    assert held(await directory.holdings(ALICE)) == ["Production"]


async def test_a_pass_that_met_an_error_still_reads_the_rest(
    directory: AwsDirectory, org: AwsOrganisation, double: AwsDouble
) -> None:
    org.assign("alice", DATA, ONE)
    double.faults.fail("organizations", "ListAccounts", code="AccessDeniedException")

    with pytest.raises(Provisioning):
        await directory.refresh()

    double.calls.clear()
    holdings = await directory.holdings(ALICE)
    assert [account.id for account in holdings.of(DATA)] == [ONE]
    assert double.calls.count("sso-admin") == 0


async def test_running_goes_on_after_a_failed_pass(
    directory: AwsDirectory, org: AwsOrganisation, double: AwsDouble, clock: FakeClock
) -> None:
    org.assign("alice", DATA, ONE)
    double.faults.fail("sso-admin", "ListAccountAssignments", code="AccessDeniedException")
    running = asyncio.create_task(directory.run())
    await double.wait_for(lambda: double.calls.count("sso-admin", "ListAccountAssignments") == 1)
    await asleep(clock)

    clock.advance(timedelta(seconds=5))
    await double.wait_for(lambda: double.calls.count("sso-admin", "ListAccountAssignments") == 2)
    await asleep(clock)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)

    assert clock.slept == [5.0, 30.0]
    assert held(await directory.holdings(ALICE)) == ["research"]


async def test_refreshing_is_background_work_and_a_waiting_persons_reads_are_not(
    aws: AwsClient, org: AwsOrganisation, clock: FakeClock
) -> None:
    urgencies: list[Urgency] = []

    class Recording(AwsIdentityCenter):
        async def assignees(self, permission_set: PermissionSetArn, account: AccountId) -> Assignees:
            urgencies.append(present_urgency())
            return await super().assignees(permission_set, account)

    org.assign("alice", DATA, ONE)
    center = Recording(aws, clock)
    await AwsDirectory(center, {DATA: offered(DATA)}, clock).refresh()
    await AwsDirectory(center, {DATA: offered(DATA)}, clock).holdings(ALICE)
    await center.close()

    assert urgencies == [Urgency.BACKGROUND, Urgency.READ]


async def test_live_calls_come_first_while_the_background_reads_many(
    double: AwsDouble, org: AwsOrganisation, clock: FakeClock, aws: AwsClient, center: AwsIdentityCenter
) -> None:
    for number in range(60):
        org.add_account(f"4{number:011d}")
        org.provision_now(DATA, f"4{number:011d}")
    directory = AwsDirectory(center, {DATA: offered(DATA)}, clock)
    arn = await center.permission_set(DATA)
    refreshing = asyncio.create_task(directory.refresh())
    await double.wait_for(lambda: double.calls.count("sso-admin", "ListAccountAssignments") > 10)

    await center.read_policy(arn)
    read = double.calls.count("sso-admin", "ListAccountAssignments")
    await refreshing

    assert read < 60
    assert double.calls.count("sso-admin", "ListAccountAssignments") == 60
    assert (await directory.holdings(ALICE)).complete
