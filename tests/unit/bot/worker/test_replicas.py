"""How much of AWS's limits a replica takes while it does not know yet who else serves."""

from collections import deque
from dataclasses import dataclass, field
from datetime import timedelta
from typing import cast

import pytest

from bot.domain.errors import Code, Unavailable
from bot.ports.store import Store
from bot.worker.replicas import Replicas


@dataclass
class Register:
    """The store as replicas see it: each check-in finds as many as it was told, None while it is away."""

    found: deque[int | None]
    gone: list[str] = field(default_factory=list)

    async def check_in(self, replica: str, *, alive_for: timedelta) -> int:
        count = self.found.popleft()
        if count is None:
            raise Unavailable(Code.STORE_UNAVAILABLE)
        return count

    async def check_out(self, replica: str) -> None:
        self.gone.append(replica)


@dataclass
class Scene:
    """A replica, and the shares that it took in turn."""

    register: Register
    replicas: Replicas
    shares: list[int]


def a_scene(*found: int | None, alone: bool = False) -> Scene:
    register, shares = Register(deque(found)), list[int]()

    async def clock_is_right() -> None:
        """Nothing to set."""

    replicas = Replicas(
        store=cast("Store", register), share=shares.append, set_clock=clock_is_right, alone=alone
    )
    return Scene(register=register, replicas=replicas, shares=shares)


@pytest.mark.parametrize(("found", "share"), [(1, 6), (2, 6), (3, 6), (7, 7)])
async def test_a_newcomer_takes_little_until_others_have_noticed(found: int, share: int) -> None:
    scene = a_scene(found, found)

    await scene.replicas.join()
    await scene.replicas.look()

    assert scene.shares == [share, found]


async def test_the_only_process_shares_with_nobody() -> None:
    scene = a_scene(4, alone=True)

    await scene.replicas.join()

    assert scene.shares == [1]


async def test_a_smaller_share_is_taken_at_once_and_a_greater_one_only_after_a_while() -> None:
    scene = a_scene(1, 1, 3, 1, None, 1, 1, 1, 1, 1)

    await scene.replicas.join()
    for _ in range(9):
        await scene.replicas.look()

    assert scene.shares == [6, 1, 3, 3, 3, 3, 3, 3, 1]


async def test_who_leaves_says_so() -> None:
    scene = a_scene(1)

    await scene.replicas.join()
    await scene.replicas.leave()

    assert scene.register.gone == [scene.replicas.name]
