"""A database that was lost: what the old one wrote is left alone, and the approvers are told once."""

from bot.sandbox.scene import APPROVALS, PRODUCTION
from bot.sandbox.slack.records import Message
from tests.integration.conftest import World, words

ORIGIN = "of unknown origin"


def notices(world: World) -> list[Message]:
    return [each for each in world.slack.workspace.messages(APPROVALS) if ORIGIN in words(each)]


async def test_after_the_database_was_lost_its_statements_stay_and_are_reported_once(world: World) -> None:
    await world.start()
    await world.granted()
    (lost,) = world.managed()
    await world.stop()
    for file in world.folder.glob("access.db*"):
        file.unlink()
    await world.start()

    await world.granted(accounts=[PRODUCTION])
    await world.seen(lambda: notices(world), what="a report")
    await world.granted(world.chris, accounts=[PRODUCTION], span="1 day")

    (notice,) = notices(world)
    assert lost["Sid"] in words(notice)
    assert "DataScientist" in words(notice)
    assert "left alone" in words(notice)
    assert lost in world.managed()
    assert world.allowed()


async def test_statements_that_the_database_explains_are_not_reported(world: World) -> None:
    await world.start()
    await world.granted()
    await world.stop()
    await world.start()

    await world.granted(accounts=[PRODUCTION])

    assert notices(world) == []
