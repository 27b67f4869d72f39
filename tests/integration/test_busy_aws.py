"""AWS busy, slow, silent or unreachable for a while: waited out, and nothing is done twice."""

from datetime import timedelta
from typing import Any

import pytest

from bot.sandbox.scene import ANALYST, DATA_SCIENTIST, FOREIGN, PRODUCTION, SANDBOX
from bot.sandbox.slack.records import Message
from tests.integration.conftest import (
    PATIENCE,
    POLL,
    PROVISION,
    PUT,
    READ_POLICY,
    World,
    buttons,
    statement,
    words,
)


async def approved(world: World, **fields: Any) -> Message:
    card = await world.asked(**fields)
    await world.ben.click(card, "Approve")
    return card


@pytest.mark.parametrize("operation", [PUT, PROVISION])
async def test_conflicts_are_waited_out(world: World, operation: str) -> None:
    world.aws.faults.fail("sso-admin", operation, code="ConflictException", times=3)
    await world.start()

    card = await approved(world)
    await world.results()

    assert "Granted" in await world.settled(card)
    assert world.allowed()


@pytest.mark.parametrize("operation", [READ_POLICY, PUT, PROVISION, POLL])
async def test_throttling_is_waited_out(world: World, operation: str) -> None:
    await world.start()
    card = await world.asked()
    world.aws.faults.fail("sso-admin", operation, code="ThrottlingException", times=3)

    await world.ben.click(card, "Approve")
    await world.results()

    assert world.allowed()


@pytest.mark.parametrize("operation", [PUT, PROVISION])
@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_lost_answer_is_asked_for_again_and_nothing_is_done_twice(
    world: World, operation: str, when: Any
) -> None:
    await world.start()
    card = await world.asked()
    world.aws.faults.drop("sso-admin", operation, when=when)

    await world.ben.click(card, "Approve")
    await world.results()

    assert world.allowed()
    assert len(world.managed()) == 1
    assert world.foreign() == FOREIGN["Statement"]


async def test_another_provisioning_of_the_same_account_is_waited_for(world: World) -> None:
    org = world.org
    found = org.permission_set(DATA_SCIENTIST)
    org.provisioning.hold()
    org.provisioning.begin(found, [SANDBOX], SANDBOX)
    await world.start()

    card = await approved(world)
    await world.aws.wait_for(lambda: world.count(PROVISION) >= 1, timeout=PATIENCE)
    waiting = words(card)
    org.provisioning.release()
    await world.results()

    assert "Granted" not in waiting
    assert world.allowed()


async def test_no_more_than_three_provisionings_run_at_once(world: World) -> None:
    org = world.org
    ids = [SANDBOX, PRODUCTION, "444444444444"]
    org.add_account(ids[2], "Workbench Four")
    org.assign("data-science", DATA_SCIENTIST, ids[2])
    org.deploy_workbench(ids[2], sso_groups=[DATA_SCIENTIST])
    org.assign("alice@example.com", ANALYST, SANDBOX)
    org.assign("alice@example.com", ANALYST, PRODUCTION)
    world.rules = world.rules.replace('accounts = ["111111111111", "222222222222"]', 'accounts = "*"')
    org.provisioning.hold()
    await world.start()
    one = await world.asked(permission_set=DATA_SCIENTIST, accounts=ids)
    two = await world.asked(permission_set=ANALYST, accounts=[SANDBOX, PRODUCTION])

    await world.ben.click(one, "Approve")
    await world.ben.click(two, "Approve")
    await world.aws.wait_for(lambda: len(org.provisioning.in_flight()) == 3, timeout=PATIENCE)
    org.provisioning.release()
    await world.results(card=one)
    await world.results(card=two)

    assert org.provisioning.most_in_flight == 3
    refused = [c.outcome for c in world.aws.calls.of("sso-admin", PROVISION) if c.outcome != "ok"]
    assert refused == []


async def test_an_aws_that_stays_silent_is_called_failed_after_ten_minutes(world: World) -> None:
    world.org.provisioning.hold()
    await world.start()
    card = await approved(world)
    await world.aws.wait_for(lambda: world.count(POLL) >= 1, timeout=PATIENCE)

    world.clock.advance(timedelta(minutes=10, seconds=5))
    said = await world.reads(card, "Failed")

    assert "Timed out" in said
    assert "Retry" in buttons(card)


async def test_an_edit_made_while_the_answer_to_our_put_was_lost_is_kept(world: World) -> None:
    await world.start()
    card = await world.asked()
    theirs = statement("Allow", "SomebodyElsesRole")
    edited = False

    def edit_once() -> bool:
        nonlocal edited
        if not edited and world.managed():
            edited = True
            world.console_edit(theirs, provision=False)
        return edited

    world.aws.faults.drop("sso-admin", "PutInlinePolicyToPermissionSet", when="after")
    await world.ben.click(card, "Approve")
    await world.aws.wait_for(edit_once)
    await world.settled(card)

    assert world.allowed()
    assert theirs in world.foreign()
