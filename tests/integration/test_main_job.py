"""The main job, end to end: ask, approve, change, confirm, verify."""

from bot.sandbox.scene import DATA_SCIENTIST, SANDBOX
from tests.integration.conftest import BUILDER, World, words

FOREIGN_SID = "ReadBuckets"


async def test_an_approved_request_gives_access_and_says_so_only_afterwards(world: World) -> None:
    await world.start()

    ack = await world.ask()
    assert ack.ok, ack
    card = await world.card()
    assert not world.org.can_assume("alice@example.com", DATA_SCIENTIST, SANDBOX, BUILDER).allowed
    await world.ben.click(card, "Approve")
    table = await world.results()

    assert world.org.can_assume("alice@example.com", DATA_SCIENTIST, SANDBOX, BUILDER).allowed
    assert "CONFIGURED" in words(table)
    assert f"aws sts assume-role --role-arn arn:aws:iam::{SANDBOX}:role/{BUILDER}" in words(table)
    assert world.policy()["Statement"][0]["Sid"] == FOREIGN_SID
    assert len(world.managed()) == 1
    await world.told(world.ben, "You approved")
