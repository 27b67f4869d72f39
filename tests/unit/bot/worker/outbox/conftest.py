"""A world with one request that is pending, and nothing owed to Slack yet."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from tests.builders import an_ask
from tests.fakes.clock import NOON
from tests.fakes.world import World, a_world


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with a_world() as world:
        await world.database.run(lambda tx: tx.add_request(an_ask(), decide_by=NOON + timedelta(days=3)))
        yield world
