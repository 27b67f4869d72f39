"""A world in which one request waits for its decision."""

from collections.abc import AsyncIterator

import pytest

from bot.domain.request import RequestId
from bot.domain.rules import Rules
from tests.builders import an_ask, some_rules
from tests.fakes.world import World, a_world
from tests.unit.bot.usecases.decide_request.clicks import BOTH_ROLES


@pytest.fixture
def rules(request: pytest.FixtureRequest) -> Rules:
    return getattr(request, "param", some_rules())


@pytest.fixture
async def world(rules: Rules) -> AsyncIterator[World]:
    """A prepared request of Alice's, WA-1, whose card hangs in the channel."""
    async with a_world(rules=rules) as world:
        await world.ask(an_ask(targets=BOTH_ROLES))
        await world.prepare(RequestId(1))
        yield world
