"""A row that cannot be read stops its own request, and takes nothing away from anybody."""

import sqlite3
from contextlib import closing

from tests.integration.conftest import BUILDER, READ_ONLY, World


def damage(world: World, statement: str) -> None:
    with closing(sqlite3.connect(world.folder / "access.db")) as database:
        database.execute(statement)
        database.commit()


async def test_a_grant_in_an_unknown_state_keeps_its_access_and_holds_up_nobody(world: World) -> None:
    await world.start()
    await world.granted(roles=(BUILDER,), span="7 days")
    damage(world, "UPDATE grants SET status = 'paused by a newer version'")

    await world.granted(roles=(READ_ONLY,), span="1 day")

    assert world.allowed(role=BUILDER)
    assert world.allowed(role=READ_ONLY)
    assert len(world.managed()) == 2
