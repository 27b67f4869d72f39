"""A row that cannot be read stops its request alone: every other one on the set, and every other set, goes on."""

import logging
from datetime import timedelta

import pytest
from sqlalchemy import text

from bot.adapters.storage.tx import SqlTx
from bot.domain.grant import GrantStatus, PushStatus
from bot.domain.names import AccountId, ProvisioningId
from bot.domain.policy import managed, parse
from bot.domain.request import RequestId
from bot.domain.rounds import CHANGE_DEADLINE, HOLDS_ITS_PLACE, covers
from bot.domain.statements import Want
from bot.ports.store import Tx
from bot.worker.provisioning import QUEUE_AFTER
from bot.worker.reconcile import RETRY_ENDING_AFTER
from tests.builders import BOB, OTHER_SET, PROD, READER, SET, TEST, WEEK, a_push, a_target
from tests.fakes.clock import NOON
from tests.fakes.world import World
from tests.unit.bot.worker.rounds import (
    ACTIVE,
    BOTH,
    ENDED,
    ENDING,
    PROVISIONING,
    approve,
    end,
    foreign_in,
    managed_in,
    passes,
    settle,
)

HOUR = timedelta(hours=1)

DAMAGES = [
    "UPDATE requests SET facts = '{' WHERE id = 1",
    "UPDATE requests SET status = 'sideways' WHERE id = 1",
    "UPDATE requests SET created_at = '0001-01-01T00:00:00+05:00' WHERE id = 1",
    "UPDATE requests SET version = 'x' WHERE id = 1",
    "UPDATE approvals SET at = 'noon' WHERE request = 1",
    "UPDATE grants SET status = 'sideways' WHERE request = 1",
    "UPDATE grants SET failure = '{' WHERE request = 1",
    "UPDATE grants SET rounds = 'x' WHERE request = 1",
]
"""Each leaves what the grant wants in place."""


@pytest.fixture(autouse=True)
def two_accounts(world: World) -> None:
    world.aws.provision_everywhere(PROD, TEST)


async def damage(world: World, statement: str) -> None:
    """Somebody edits the database by hand."""

    def run(tx: Tx) -> None:
        assert isinstance(tx, SqlTx)
        assert tx.connection.execute(text(statement)).rowcount > 0

    await world.database.run(run)


async def two_requests(world: World) -> None:
    """The first, in PROD, is due in an hour; the second, in TEST, in a week. Both are there."""
    await approve(world, a_target(PROD), ends_at=NOON + HOUR)
    await world.database.run(lambda tx: tx.add_approval(RequestId(1), BOB))
    await approve(world, a_target(TEST))
    await settle(world)


def corrupt_rows(caplog: pytest.LogCaptureFixture) -> list[dict[str, str]]:
    return [record.__dict__["fields"] for record in caplog.records if record.msg == "row_corrupt"]


def wants_in(document: str) -> set[Want]:
    return {want for statement in managed(parse(document)) for want in statement.wants}


@pytest.mark.parametrize("statement", DAMAGES)
async def test_the_other_requests_on_the_set_end_and_are_granted(world: World, statement: str) -> None:
    await two_requests(world)
    broken = await world.grant(1)
    await end(world, request=2)
    await damage(world, statement)

    world.clock.set(NOON + HOUR * 2)  # the broken one is due as well
    await settle(world)
    await approve(world, a_target(TEST, READER))
    await settle(world)

    assert await world.statuses(2) == ENDED
    assert await world.statuses(3) == ACTIVE
    wanted = await world.grant(3)
    assert wants_in(world.aws.policy) == {broken.want, wanted.want}
    assert covers(world.aws.held_in(TEST), wanted)
    assert covers(world.aws.held_in(PROD), broken)
    assert foreign_in(world.aws.policy) == ["Theirs"]


@pytest.mark.parametrize("statement", DAMAGES)
async def test_the_log_names_the_row_and_an_incident_that_stays_the_same(
    world: World, caplog: pytest.LogCaptureFixture, statement: str
) -> None:
    await two_requests(world)
    await damage(world, statement)
    world.clock.set(NOON + HOUR * 2)

    with caplog.at_level(logging.ERROR):
        await passes(world, 2)

    lines = corrupt_rows(caplog)
    assert len(lines) > 1
    assert {line["request"] for line in lines} == {"WA-1"}
    assert {line["table"] for line in lines} == {statement.split()[1]}
    assert len({line["incident"] for line in lines}) == 1


async def test_an_unreadable_request_with_nothing_under_way_hinders_nobody(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    await two_requests(world)
    await damage(world, DAMAGES[0])

    await end(world, request=2)
    await settle(world)

    assert await world.statuses(2) == ENDED
    assert corrupt_rows(caplog) == []


async def test_an_ended_grant_that_cannot_be_read_stops_the_rest_of_its_request_alone(world: World) -> None:
    await approve(world, *BOTH, ends_at=NOON + HOUR)
    await approve(world, a_target(PROD, READER))
    await settle(world)
    _, open_one = await world.grants(1)
    await damage(world, "UPDATE grants SET status = 'ended', end_cause = 'lapsed' WHERE id = 1")
    await end(world, request=2)

    world.clock.set(NOON + HOUR * 2)
    await settle(world)

    assert await world.statuses(2) == ENDED
    assert wants_in(world.aws.policy) == {open_one.want}


@pytest.mark.parametrize("statement", DAMAGES[:4])
async def test_a_change_that_cannot_be_read_is_not_made_and_keeps_nobody_waiting(
    world: World, statement: str
) -> None:
    await approve(world, a_target(PROD))
    await damage(world, statement)
    await approve(world, a_target(TEST))

    await settle(world)

    assert await world.statuses(1) == PROVISIONING
    assert await world.statuses(2) == ACTIVE
    assert wants_in(world.aws.policy) == {(await world.grant(2)).want}
    assert wants_in(world.aws.held_in(PROD)) == set()


async def test_from_a_statement_that_it_shares_only_the_other_one_is_taken_out(world: World) -> None:
    await approve(world, a_target(PROD))
    await approve(world, a_target(TEST))
    await settle(world)
    broken = await world.grant(1)
    await damage(world, "UPDATE grants SET status = 'sideways' WHERE request = 1")
    shared = managed_in(world.aws.policy)

    await end(world, request=2)
    await settle(world)

    assert len(shared) == 1
    assert await world.statuses(2) == ENDED
    assert wants_in(world.aws.policy) == {broken.want}
    assert wants_in(world.aws.held_in(TEST)) == {broken.want}


async def test_what_a_longer_grant_covered_stays_when_that_one_ends(world: World) -> None:
    await approve(world, ends_at=NOON + WEEK)
    await approve(world, ends_at=NOON + WEEK * 2)
    await settle(world)
    broken = await world.grant(1)
    await damage(world, "UPDATE grants SET status = 'sideways' WHERE request = 1")

    await end(world, request=2)
    await settle(world)

    assert await world.statuses(2) == ENDED
    assert wants_in(world.aws.policy) == wants_in(world.aws.held_in(PROD)) == {broken.want}


@pytest.mark.parametrize("what", ["role_arn = 'nonsense'", "ends_at = 'never'"])
async def test_nothing_is_taken_away_while_it_is_not_known_what_a_request_wants(
    world: World, what: str
) -> None:
    await two_requests(world)
    broken, given_back = await world.grant(1), await world.grant(2)
    await damage(world, f"UPDATE grants SET {what} WHERE request = 1")  # noqa: S608 -- ours

    await end(world, request=2)
    await approve(world, a_target(TEST, READER))
    await settle(world)

    assert await world.statuses(2) == ENDING
    assert await world.statuses(3) == ACTIVE
    added = await world.grant(3)
    assert wants_in(world.aws.policy) == {broken.want, given_back.want, added.want}


async def test_once_the_row_is_mended_the_request_goes_on_by_itself(world: World) -> None:
    await two_requests(world)
    await damage(world, "UPDATE grants SET failure = '{' WHERE request = 1")
    world.clock.set(NOON + HOUR)

    again_at = await world.reconcile(SET)
    await damage(world, "UPDATE grants SET failure = NULL WHERE request = 1")

    assert again_at is not None
    assert again_at <= world.clock.now() + RETRY_ENDING_AFTER
    world.clock.set(again_at)
    await settle(world)
    assert await world.statuses(1) == ENDED
    assert wants_in(world.aws.policy) == {(await world.grant(2)).want}


# Provisionings


async def elsewhere(world: World, *pushed: AccountId) -> None:
    """Provisionings of another set are in flight."""

    def save(tx: Tx) -> None:
        for account in pushed:
            tx.save_push(
                a_push(
                    None,
                    account=account,
                    permission_set=OTHER_SET,
                    status=PushStatus.IN_PROGRESS,
                    provisioning=ProvisioningId(f"other-{account}"),
                )
            )

    await world.database.run(save)


@pytest.mark.parametrize("what", ["failure = '{'", "started_at = 'garbage'"])
async def test_a_provisioning_of_another_set_that_cannot_be_read_stops_nobody(
    world: World, what: str
) -> None:
    await elsewhere(world, AccountId("333333333333"))
    await damage(world, f"UPDATE pushes SET {what}")  # noqa: S608 -- ours
    await approve(world)

    await settle(world)

    assert await world.statuses() == ACTIVE


async def test_a_set_that_nobody_can_work_on_gives_its_places_back(world: World) -> None:
    three = [AccountId(str(number) * 12) for number in (3, 4, 5)]
    await elsewhere(world, *three)
    await approve(world)

    world.clock.set(NOON + CHANGE_DEADLINE)
    waits = await world.reconcile(SET)
    world.clock.set(NOON + HOLDS_ITS_PLACE + timedelta(seconds=1))
    await settle(world)

    assert waits == NOON + CHANGE_DEADLINE + QUEUE_AFTER
    assert await world.statuses() == ACTIVE


async def test_an_account_whose_provisioning_cannot_be_read_is_provisioned_anew(world: World) -> None:
    await two_requests(world)
    await damage(world, f"UPDATE pushes SET status = 'sideways' WHERE account = '{TEST}'")  # noqa: S608 -- ours

    await end(world, request=2)
    await settle(world)

    assert await world.statuses(2) == ENDED
    assert await world.statuses(1) == {GrantStatus.ACTIVE}
    assert wants_in(world.aws.held_in(TEST)) == {(await world.grant(1)).want}
    assert {push.account for push in await world.pushed()} == {PROD, TEST}
