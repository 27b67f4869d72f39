"""A row that cannot be read stops its request alone: every other one on the set, and every other set, goes on."""

from datetime import timedelta

import pytest
from sqlalchemy import text

from bot.adapters.storage.tx import SqlTx
from bot.domain.grant import GrantStatus, PushStatus
from bot.domain.names import AccountId, ProvisioningId
from bot.domain.policy import managed, parse
from bot.domain.request import RequestId
from bot.domain.rounds import CHANGE_DEADLINE, HOLDS_ITS_PLACE
from bot.domain.statements import Want
from bot.ports.store import Tx
from bot.worker.provisioning import QUEUE_AFTER
from tests.builders import BOB, OTHER_SET, PROD, SET, TEST, a_push, a_target
from tests.fakes.clock import NOON
from tests.fakes.world import World
from tests.unit.bot.worker.rounds import (
    ACTIVE,
    ENDED,
    approve,
    end,
    settle,
)

HOUR = timedelta(hours=1)


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


def wants_in(document: str) -> set[Want]:
    return {want for statement in managed(parse(document)) for want in statement.wants}


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
