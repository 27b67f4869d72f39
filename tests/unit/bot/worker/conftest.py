"""A world with somebody else's statement in the policy, and the set provisioned in two accounts."""

from collections.abc import AsyncIterator

import pytest

from tests.builders import (
    PROD,
    TEST,
    a_policy,
)
from tests.fakes.world import World, a_world
from tests.unit.bot.worker.rounds import FOREIGN


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with a_world() as world:
        world.aws.policy = a_policy(foreign=FOREIGN)
        world.aws.provision_everywhere(PROD, TEST)
        yield world
