"""What a scrape shows of the running bot."""

import math
import sqlite3
from contextlib import closing

import aiohttp
import pytest

from tests.integration.conftest import World


async def scraped(world: World) -> dict[str, float]:
    assert world.serving is not None
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"http://127.0.0.1:{world.serving.port}/metrics") as answer,
    ):
        assert answer.status == 200
        lines = (await answer.text()).splitlines()
    return {
        line.split()[0]: float(line.split()[1]) for line in lines if line.startswith("workbench_access_work")
    }


async def test_work_that_is_due_is_shown_with_its_age_once_nobody_does_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def claim_nothing(_: object) -> int:
        return 0

    monkeypatch.setattr("bot.worker.engine.Engine._claim", claim_nothing)
    await world.start()
    before = await scraped(world)

    await world.ask()
    after = await scraped(world)

    assert before == {"workbench_access_work_due": 0, "workbench_access_work_due_seconds": 0}
    assert after["workbench_access_work_due"] >= 1
    assert after["workbench_access_work_due_seconds"] > 0


async def test_while_the_database_does_not_answer_the_backlog_is_unknown(world: World) -> None:
    await world.start()
    with closing(sqlite3.connect(world.folder / "access.db", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")

        shown = await scraped(world)

    assert all(math.isnan(value) for value in shown.values())
    assert len(shown) == 2
