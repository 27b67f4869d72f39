"""What our own rounds leave behind is brought level by one provisioning of all, once the set is quiet."""

from datetime import timedelta

import pytest

from bot.sandbox.scene import DATA_SCIENTIST, PRODUCTION, SANDBOX
from tests.integration.conftest import BUILDER, PATIENCE, PROVISION, READ_POLICY, World, statement, words

QUIET = timedelta(minutes=16)


@pytest.fixture(autouse=True)
def looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine looks at the moved clock soon."""
    monkeypatch.setattr("bot.worker.engine.LONGEST_WAIT", timedelta(milliseconds=100))


def up_to_date(world: World, account: str) -> bool:
    return world.org.is_latest(DATA_SCIENTIST, account)


async def looked(world: World, at_least: int) -> None:
    """The bot has looked at the set this often by itself."""
    await world.aws.wait_for(lambda: world.count(READ_POLICY) >= at_least, timeout=PATIENCE)


async def test_the_accounts_that_a_grant_left_behind_are_brought_level_by_one_call(world: World) -> None:
    await world.start()
    await world.granted()
    await world.dm(world.alice, "verification results")
    before, messages = world.count(PROVISION), len(world.slack.workspace.all_messages)
    assert not up_to_date(world, PRODUCTION)

    world.clock.advance(QUIET)
    await world.aws.wait_for(lambda: up_to_date(world, PRODUCTION), timeout=PATIENCE)

    assert world.count(PROVISION) == before + 1
    assert up_to_date(world, SANDBOX)
    assert world.allowed()
    assert not world.allowed(account=PRODUCTION)
    assert len(world.slack.workspace.all_messages) == messages


async def test_it_is_done_by_the_next_process_if_the_bot_was_down_meanwhile(world: World) -> None:
    await world.start()
    await world.granted()
    await world.stop()
    world.clock.advance(QUIET)

    await world.start()

    await world.aws.wait_for(lambda: up_to_date(world, PRODUCTION), timeout=PATIENCE)


async def test_while_a_foreign_edit_waits_there_nothing_is_pushed(world: World) -> None:
    await world.start()
    await world.granted()
    before, reads = world.count(PROVISION), world.count(READ_POLICY)
    world.console_edit(statement("Allow", BUILDER, account=PRODUCTION), provision=False)

    world.clock.advance(QUIET)
    await looked(world, reads + 1)
    await world.stop()

    assert world.count(PROVISION) == before
    assert not world.allowed(account=PRODUCTION)


async def test_a_request_for_an_account_that_we_left_behind_warns_of_no_foreign_edit(world: World) -> None:
    await world.start()
    await world.granted()

    card = await world.asked(accounts=[PRODUCTION])

    assert "pushes that change too" not in words(card)
