"""One grant that stands in the policy and is provisioned; and accounts that let the bot look, where asked for."""

from collections.abc import AsyncIterator

import pytest

from tests.builders import PROD, a_grant, a_policy, set_rules, some_rules
from tests.fakes.members import FakeMembers
from tests.fakes.world import World, a_world


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with a_world(rules=some_rules(set_rules())) as world:
        world.aws.policy = a_policy([a_grant()])
        world.aws.provision_everywhere(PROD)
        yield world


@pytest.fixture
def members(world: World) -> FakeMembers:
    """Every account lets the bot look."""
    world.members = FakeMembers()
    return world.members
